"""What a file is that is not what a service takes, in one sentence, and the command that makes it so."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

import msgspec

from tuning_emulator.core.records import Api
from tuning_emulator.datasets.forms import find_form
from tuning_emulator.datasets.layout import Layout, find_layout
from tuning_emulator.datasets.lines import DatasetError, DatasetForm, parse_line
from tuning_emulator.datasets.packing import HEAD_BYTES, Packed, look

_WANTED = {
    "gemini": "the Gemini API takes `text_input` and `output`, or `contents` of text alone",
    "vertex": "Vertex AI wants `contents`",
}
_LINES = "wanted is one JSON object a line, in UTF-8"


class Diagnosis(msgspec.Struct, frozen=True):
    """What is unusual about a file.

    Attributes:
        container: Whether its rows cannot be read as JSON lines at all; else their form is another one.
        text: What it is.
        remedy: A command, or what to do.
    """

    container: bool
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text}: {self.remedy}"


def peek_lines(lines: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The beginning of a file, and all its lines again."""
    taken, size = [], 0
    rest = iter(lines)
    for line in rest:
        taken.append(line)
        size += len(line) + 1
        if size >= HEAD_BYTES:
            break
    return b"\n".join(taken)[:HEAD_BYTES], chain(taken, rest)


def diagnose(head: bytes, api: Api, form: DatasetForm = "contents", name: str = "-") -> Diagnosis | None:
    """What a file is, by its beginning; None where it is what the service takes, or where nothing is known of it.

    Args:
        form: Of the lines that Vertex AI wants.
        name: Of the file, for the command.
    """
    packed = look(head)
    file = "standard input" if name == "-" else PurePosixPath(name).name
    layout = find_layout(packed.text) if packed.encoding else Layout("", advice=packed.advice.replace("{name}", name))
    names = _name_container(packed, layout, api)
    if not layout.kind:
        return Diagnosis(True, f"{file} is {', '.join(names)}", layout.advice)
    said = _name_form(layout.first, api, form)
    if names:
        holds = f", with {said}" if said else ""
        columns = isinstance(layout.first, dict) and find_form(layout.first) is None
        command = suggest(name, api) + (" --prompt COLUMN --answer COLUMN" if columns else "")
        return Diagnosis(True, f"{file} is {', '.join(names)}{holds}; {_LINES}", command)
    if said and "completions" in layout.first and api == "vertex":
        return Diagnosis(False, f"{file} holds {said}", "tune with --method preference")
    if not said:
        return None
    both = api == "vertex" and (form == "preference" or "preference" in said)
    wanted = "preference tuning (--method preference) wants `contents` and two `completions`" if both else _WANTED[api]
    return Diagnosis(False, f"{file} holds {said}; {wanted}", suggest(name, api))


def _name_container(packed: Packed, layout: Layout, api: Api) -> tuple[str, ...]:
    """What is unusual beside the form. The Gemini API reads no files: its requests have lists."""
    listed = api == "gemini" and layout.name == "a JSON array" and not packed.names
    return (*packed.names, *([layout.name] if layout.name and not listed else []))


def _name_form(first: Any, api: Api, form: DatasetForm) -> str:
    """The form of the rows where it is not one that the service takes, and "" for none that is known."""
    found = find_form(first)
    if found is None or _is_taken(first, api, form):
        return ""
    if found.name.startswith("`contents`") and api == "vertex" and form != "preference":
        roles = _list_other_roles(first)
        return f"`contents` with the role {', '.join(roles)}" if roles else ""
    return found.name


def _is_taken(first: dict[str, Any], api: Api, form: DatasetForm) -> bool:
    if api == "gemini":
        return "text_input" in first or "textInput" in first or _is_multiturn(first)
    try:
        parse_line(json.dumps(first).encode("utf-8", "replace"), 0, form)
    except DatasetError:
        return False
    return True


def _is_multiturn(first: dict[str, Any]) -> bool:
    """Whether it is a ``TuningMultiturnExample``, which has texts and nothing beside."""
    contents = first.get("contents")
    if not isinstance(contents, list) or not first.keys() <= {"contents", "systemInstruction", "system_instruction"}:
        return False
    parts = [content.get("parts") for content in contents if isinstance(content, dict)]
    return all(isinstance(one, dict) and one.keys() == {"text"} for part in parts for one in part or [])


def _list_other_roles(first: dict[str, Any]) -> list[str]:
    contents = first.get("contents")
    roles = [one.get("role") for one in contents if isinstance(one, dict)] if isinstance(contents, list) else []
    return sorted({repr(role) for role in roles if isinstance(role, str) and role.lower() in ("assistant", "system")})


def suggest(name: str, api: Api) -> str:
    """The command that converts a file."""
    given = "-" if name == "-" else PurePosixPath(name).name if name.startswith("gs://") else name
    stem = "train" if name == "-" else PurePosixPath(name).name.partition(".")[0]
    target = f"{stem}-{api}.jsonl"
    return f"tuning-emulator convert {shlex.quote(given)} {shlex.quote(target)} --to {api}"

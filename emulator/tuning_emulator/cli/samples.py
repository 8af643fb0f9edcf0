"""Rows of a dataset as questions: what a model is asked, what people read of it, and what it should answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuning_emulator.datasets.contents import OPEN_MODEL_ROLES, drop_nulls

_LOOKED_AT = 1000
"""Rows among which samples are looked for."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A question.

    Attributes:
        body: Of ``generateContent``: the turns up to the answer, system instruction, tools.
        prompt: The same for people. expected, rejected: The answers of the row, "" where it has none.
    """

    body: Mapping[str, Any]
    prompt: str
    expected: str = ""
    rejected: str = ""


def make_sample(prompt: str, expected: str = "") -> Sample:
    """One question of one turn."""
    return Sample({"contents": [_make_turn("user", prompt)]}, prompt, expected)


def read_samples(lines: Iterable[bytes], count: int) -> list[Sample]:
    """The first rows with different questions."""
    found: dict[str, Sample] = {}
    for number, line in enumerate(lines):
        if len(found) == count or number == _LOOKED_AT:
            break
        sample = read_sample(line)
        if sample is not None:
            found.setdefault(sample.prompt, sample)
    return [*found.values()]


def read_sample(line: bytes) -> Sample | None:
    """A line of any form that the services take; None for others."""
    try:
        row = drop_nulls(json.loads(line.strip().removeprefix(b"[").rstrip(b",]")))
        return _read_row(row)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # what is wrong with it has been said by then


def _read_row(row: dict[str, Any]) -> Sample | None:
    if "contents" in row:
        return _read_contents(row)
    if "messages" in row:
        return _read_contents(_as_contents(row["messages"]))
    for question, answer in (("text_input", "output"), ("textInput", "output"), ("prompt", "completion")):
        if isinstance(row.get(question), str) and isinstance(row.get(answer), str):
            return make_sample(row[question], row[answer])
    return None


def _as_contents(messages: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """``messages`` as ``contents``."""
    turns = [_make_turn(one["role"], one["content"]) for one in messages if one["role"] != "system"]
    system = [one["content"] for one in messages if one["role"] == "system"]
    return {"contents": turns} | ({"systemInstruction": {"parts": [{"text": system[0]}]}} if system else {})


def _read_contents(row: dict[str, Any]) -> Sample | None:
    turns = [_read_turn(content, number) for number, content in enumerate(row["contents"])]
    expected, rejected = "", ""
    if "completions" in row:
        answers = {one.get("score", 0): format_parts(_list_parts(one["completion"])) for one in row["completions"]}
        expected, rejected = answers.get(1, ""), answers.get(0, "")
    elif len(turns) > 1 and turns[-1]["role"] == "model":
        expected = format_parts(turns.pop()["parts"])
    body: dict[str, Any] = {"contents": turns}
    system = row.get("systemInstruction", row.get("system_instruction"))
    if system:
        body["systemInstruction"] = {"parts": _list_parts(system)}
    if row.get("tools"):
        body["tools"] = row["tools"]
    return Sample(body, _format_question(body), expected, rejected) if turns else None


def _read_turn(content: Mapping[str, Any], number: int) -> dict[str, Any]:
    """A turn as requests have it: rows may spell roles as they like, and leave them out where there are two."""
    role = str(content.get("role", "model" if number % 2 else "user")).lower()
    return {"role": OPEN_MODEL_ROLES.get(role, "user"), "parts": _list_parts(content)}


def _list_parts(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    parts = content["parts"]
    return parts if isinstance(parts, list) else [parts]


def _make_turn(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": text}]}


# --- for people


def _format_question(body: Mapping[str, Any]) -> str:
    """One turn is its text; of more, and beside system instruction and tools, each has who speaks before it."""
    said = [("system", format_parts(body["systemInstruction"]["parts"]))] if "systemInstruction" in body else []
    if "tools" in body:
        said.append(("tools", ", ".join(_list_functions(body["tools"]))))
    said += [(turn["role"], format_parts(turn["parts"])) for turn in body["contents"]]
    return said[0][1] if len(said) == 1 else "\n".join(f"{role}: {text}" for role, text in said)


def _list_functions(tools: Sequence[Mapping[str, Any]]) -> list[str]:
    declared = [tool.get("functionDeclarations", tool.get("function_declarations", [])) for tool in tools]
    return [one["name"] for some in declared for one in some]


def format_parts(parts: Sequence[Mapping[str, Any]]) -> str:
    """Texts as they are, calls as ``name({…})``, results as ``name → {…}``, files as ``[image/png gs://…]``."""
    return "".join(_format_part(part) for part in parts)


def _format_part(part: Mapping[str, Any]) -> str:
    if "text" in part:
        return str(part["text"])
    kinds = {name.replace("_", "").lower(): value for name, value in part.items()}
    if call := kinds.get("functioncall"):
        return f"{call['name']}({_format_json(call.get('args', {}))})"
    if result := kinds.get("functionresponse"):
        return f"{result['name']} → {_format_json(result.get('response', {}))}"
    for kind in ("filedata", "inlinedata"):
        if file := kinds.get(kind):
            names = (file.get("mimeType", file.get("mime_type", "")), file.get("fileUri", file.get("file_uri", "")))
            return f"[{' '.join(filter(None, names)) or 'file'}]"
    return f"[{', '.join(part)}]"


def _format_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)

"""A ``Content`` of a dataset line: its role, its text, and what else its parts hold."""

from __future__ import annotations

from typing import Any

import msgspec

from tuning_emulator.core.functions import add_turn
from tuning_emulator.datasets.functions import KINDS, BrokenRuleError, read_function
from tuning_emulator.facts import dataset_errors
from tuning_emulator.facts.limits import VERTEX_SAMPLE_CHARACTERS
from tuning_trainer.spec import Turn

SAMPLE_CODE_POINTS = VERTEX_SAMPLE_CHARACTERS.value
"""Longest text in ``userDatasetExamples``; a longer one is cut and gets ``...``."""

GEMINI_ROLES = {"user": "user", "model": "model", "function": "user"}
"""What a content's role counts as. ``function`` is how older clients name the turn of a function's response."""

OPEN_MODEL_ROLES = {"user": "user", "model": "model", "assistant": "model"}
_SNAKE = {
    "fileData": "file_data",
    "inlineData": "inline_data",
    "functionCall": "function_call",
    "functionResponse": "function_response",
    "executableCode": "executable_code",
    "codeExecutionResult": "code_execution_result",
}
_DATA = frozenset({"text", *_SNAKE.values()})
_MEDIA = ("file_data", "inline_data")
_MEDIA_KINDS = {"application/pdf": "PDF document"}
_FREE_FORM = frozenset({"args", "response"})
"""Fields in which null is a value like any other (``google.protobuf.Struct``)."""


def drop_nulls(value: Any) -> Any:
    """A JSON value without the fields that are null, which are absent in the services' JSON (protobuf's)."""
    if isinstance(value, dict):
        return {key: one if key in _FREE_FORM else drop_nulls(one) for key, one in value.items() if one is not None}
    return [drop_nulls(one) for one in value] if isinstance(value, list) else value


class Content(msgspec.Struct, gc=False):
    """A content that keeps the rules.

    Attributes:
        role: ``user`` or ``model``.
        text: What the service counts of it: texts, calls and results; of media nothing.
        turns: The same for the trainer. Until files are read they are their kind alone, as a word: ``[image]``.
        kinds: Of its parts that are not text: ``image``, ``function call``…
    """

    role: str
    text: str
    turns: list[Turn]
    kinds: list[str]


def read_turn(content: Any, index: int, roles: dict[str, str], role_may_miss: bool) -> Content:
    """A content of a line.

    The services take roles in any case, one part without a list around it, and no roles at all in a single turn.

    Raises:
        BrokenRuleError: the content breaks a rule.
    """
    if not isinstance(content, dict):
        raise BrokenRuleError(dataset_errors.CONTENT_NOT_AN_OBJECT, index=index)
    role = _read_role(content, index, roles, role_may_miss)
    parts = _parts(content)
    if not parts:
        raise BrokenRuleError(dataset_errors.MISSING_PARTS, index=index)
    texts: list[str] = []
    turns: list[Turn] = []
    kinds: list[str] = []
    for number, part in enumerate(parts):
        key, field, value = _read_part(part, index, number)
        if field == "text":
            texts.append(value)
            _speak(turns, role, value)
        elif field in KINDS:
            turn = read_function(field, key, value, role, index, number)
            texts.append(turn.text)
            add_turn(turns, turn)
            kinds.append(KINDS[field])
        else:
            kinds.append(_name_kind(field, value))
            _speak(turns, role, f"[{kinds[-1]}]\n")
    if field in _MEDIA:
        turns[-1] = Turn(turns[-1].role, turns[-1].text.removesuffix("\n"))
    text = "".join(texts)
    if not text and not kinds:
        raise BrokenRuleError(dataset_errors.EMPTY_TURN, index=index)
    return Content(role, text, turns, kinds)


def _speak(turns: list[Turn], role: str, text: str) -> None:
    """Adds words to the turn that is being spoken, or begins one; none are no turn."""
    if turns and turns[-1].role == role:
        turns[-1] = Turn(turns[-1].role, turns[-1].text + text)
    elif text:
        turns.append(Turn("model" if role == "model" else "user", text))


def read_text(content: Any) -> str | None:
    """Text of a content whose role does not matter; None when it is none, or not only text."""
    if not isinstance(content, dict):
        return None
    texts = []
    for part in _parts(content) or [None]:
        if not isinstance(part, dict) or not isinstance(part.get("text"), str):
            return None
        texts.append(part["text"])
    return "".join(texts)


def sample_content(content: dict[str, Any]) -> dict[str, Any]:
    """The content as ``tuningDataStats`` shows it: proto field names, long texts cut, bytes left out."""
    sample: dict[str, Any] = {"role": content["role"]} if content.get("role") else {}
    sample["parts"] = [_sample_part(part) for part in _parts(content) or []]
    return sample


def cut_text(text: str) -> str:
    """At most ``SAMPLE_CODE_POINTS`` of it."""
    return text if len(text) <= SAMPLE_CODE_POINTS else f"{text[:SAMPLE_CODE_POINTS]}..."


def _parts(content: dict[str, Any]) -> list[Any] | None:
    parts = content.get("parts")
    if isinstance(parts, dict):
        return [parts]
    return parts if isinstance(parts, list) else None


def _read_role(content: dict[str, Any], index: int, roles: dict[str, str], may_miss: bool) -> str:
    role = content.get("role")
    if not role:
        if not may_miss:
            raise BrokenRuleError(dataset_errors.MISSING_ROLE, index=index)
        return ("user", "model")[index]
    if not isinstance(role, str) or role.lower() not in roles:
        raise BrokenRuleError(dataset_errors.INVALID_ROLE, role=role, index=index, allowed=", ".join(roles))
    return roles[role.lower()]


def _read_part(part: Any, index: int, number: int) -> tuple[str, str, Any]:
    """The part's one field as the client spelled it and as the service does, and its value."""
    if not isinstance(part, dict):
        raise BrokenRuleError(dataset_errors.PART_NOT_AN_OBJECT, index=index, part=number)
    found = [(key, name, value) for key, value in part.items() if (name := _SNAKE.get(key, key)) in _DATA]
    if len(found) != 1:
        names = ", ".join(key for key, _, _ in found) or "none"
        raise BrokenRuleError(dataset_errors.PART_WITHOUT_DATA, index=index, part=number, found=names)
    key, field, value = found[0]
    if field == "text" and not isinstance(value, str):
        raise BrokenRuleError(dataset_errors.TEXT_NOT_A_STRING, index=index, part=number)
    return key, field, value


def _name_kind(field: str, value: Any) -> str:
    """What the services call it: ``image``, ``PDF document``, ``executable code``."""
    if field not in _MEDIA:
        return field.replace("_", " ")
    mime = str(value.get("mimeType") or value.get("mime_type") or "") if isinstance(value, dict) else ""
    kind = mime.partition("/")[0]
    return _MEDIA_KINDS.get(mime, "text document" if kind == "text" else kind or "file")


def _sample_part(part: Any) -> dict[str, Any]:
    sample: dict[str, Any] = {}
    for key, value in part.items() if isinstance(part, dict) else ():
        name = _SNAKE.get(key, key)
        if name == "text" and isinstance(value, str):
            sample["text"] = cut_text(value)
        elif name in _MEDIA and isinstance(value, dict):
            wanted = (("mime_type", "mimeType"), ("file_uri", "fileUri"))
            sample[name] = {snake: value[key] for snake, camel in wanted for key in (snake, camel) if key in value}
        elif name in _DATA:
            sample[name] = value
    return sample

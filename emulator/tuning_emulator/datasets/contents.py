"""A ``Content`` of a dataset line: its role, its text, and what else its parts hold."""

from __future__ import annotations

from typing import Any

from tuning_emulator.core.errors import ErrorRow
from tuning_emulator.facts import dataset_errors
from tuning_emulator.facts.limits import VERTEX_SAMPLE_CHARACTERS

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
_KINDS = {"application/pdf": "PDF document", "text/plain": "text document"}


class BrokenRuleError(Exception):
    """A rule that a line breaks. ``values`` fill the rule's text, all but the row."""

    def __init__(self, rule: ErrorRow, **values: object) -> None:
        super().__init__(rule.name)
        self.rule = rule
        self.values = values


def read_turn(
    content: Any, index: int, roles: dict[str, str], role_may_miss: bool, media: list[str]
) -> tuple[str, str]:
    """(role, text) of a content; kinds of parts that are not text are added to ``media``.

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
    kinds: list[str] = []
    for number, part in enumerate(parts):
        field, value = _read_part(part, index, number)
        if field == "text":
            texts.append(value)
        else:
            kinds.append(_kind(field, value))
    media.extend(kinds)
    text = "".join(texts)
    if not text and not kinds:
        raise BrokenRuleError(dataset_errors.EMPTY_TURN, index=index)
    return role, text


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


def _read_part(part: Any, index: int, number: int) -> tuple[str, Any]:
    if not isinstance(part, dict):
        raise BrokenRuleError(dataset_errors.PART_NOT_AN_OBJECT, index=index, part=number)
    found = [(name, value) for key, value in part.items() if (name := _SNAKE.get(key, key)) in _DATA]
    if len(found) != 1:
        names = ", ".join(name for name, _ in found) or "none"
        raise BrokenRuleError(dataset_errors.PART_WITHOUT_DATA, index=index, part=number, found=names)
    field, value = found[0]
    if field == "text" and not isinstance(value, str):
        raise BrokenRuleError(dataset_errors.TEXT_NOT_A_STRING, index=index, part=number)
    return field, value


def _kind(field: str, value: Any) -> str:
    """What the services call it: ``image``, ``PDF document``, ``function call``."""
    if field not in ("file_data", "inline_data"):
        return field.replace("_", " ")
    mime = str(value.get("mimeType") or value.get("mime_type") or "") if isinstance(value, dict) else ""
    return _KINDS.get(mime, mime.partition("/")[0] or "file")


def _sample_part(part: Any) -> dict[str, Any]:
    sample: dict[str, Any] = {}
    for key, value in part.items() if isinstance(part, dict) else ():
        name = _SNAKE.get(key, key)
        if name == "text" and isinstance(value, str):
            sample["text"] = cut_text(value)
        elif name in ("file_data", "inline_data") and isinstance(value, dict):
            wanted = (("mime_type", "mimeType"), ("file_uri", "fileUri"))
            sample[name] = {snake: value[key] for snake, camel in wanted for key in (snake, camel) if key in value}
        elif name in _DATA:
            sample[name] = value
    return sample

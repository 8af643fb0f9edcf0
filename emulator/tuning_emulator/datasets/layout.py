"""What the beginning of a text says about its layout: JSON lines, one JSON array, a table, a page of the web…"""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec

from tuning_emulator.datasets.forms import find_form
from tuning_emulator.datasets.packing import HEAD_BYTES

Kind: TypeAlias = Literal["lines", "values", "columns", "literal", "relaxed", "table", ""]
"""``lines``: JSON objects (or Python's dicts), at least one of them whole in a line. ``values``: JSON objects over
several lines, perhaps in an array. ``columns``: one JSON object with a column a field. ``literal``: one list of
Python's. ``relaxed``: JSON with comments or commas too many. ``table``: delimited text. "": nothing that has rows."""

_WRAPPER = re.compile(r'\s*\{\s*(?:"[^"\\]*"\s*:\s*(?:"[^"\\]*"|[^"\[\]{},]+)\s*,\s*)*"([^"\\]+)"\s*:\s*\[\s*\{')
_ROW_FIELDS = frozenset({
    "contents", "messages", "conversations", "conversation", "completions", "tools", "functions", "prompt", "history",
    "chosen", "rejected", "preferred_output", "non_preferred_output", "input", "completion", "system",
})  # fmt: skip
"""Lists that belong to one row, so that an object with one of them does not wrap many rows."""
_DELIMITERS = {",": "CSV", "\t": "TSV (tabs)", ";": "CSV (semicolons)", "|": "a table (|)"}
_COLUMNS = re.compile(r'\{"[^"\\]+":\{"0":')
_COLUMNS_NAME = "one JSON object with a column a field (pandas' to_json without lines=True)"
_COMMENT = re.compile(r"\A\s*(?://|/\*|#)")
_FENCE = re.compile(r"\A[^`~{\[]{0,2000}(?:```|~~~)[^\n]*\n")
_SPLIT = re.compile(r'\{\s*"columns"\s*:\s*\[\s*"')
_NOTATIONS = (
    (re.compile(r"data:\s*[{\[]"), "a stream of server-sent events"),
    (re.compile(r"(?:---\s*\n\s*)?(?:- )?[\w\"']+:(?:\s|$)"), "YAML"),
)
_EMPTY_ADVICE = "there is nothing to tune on"
_DECODER = json.JSONDecoder()


class Layout(msgspec.Struct, frozen=True):
    """How rows lie in a text.

    Attributes:
        name: What it is, in words; "" for JSON lines.
        first: The first row, if it could be read.
        key: Field of the one object whose list has the rows.
        delimiter: Between the columns of a table.
        advice: What to do with something that has no rows.
    """

    kind: Kind
    name: str = ""
    first: Any = None
    key: str = ""
    delimiter: str = ""
    fenced: bool = False
    advice: str = ""


def find_layout(text: str) -> Layout:
    """The layout of a text by its beginning."""
    fence = _FENCE.match(text)
    if fence:
        inner = find_layout(text[fence.end() :])
        name = f"{inner.name} in a Markdown fence" if inner.name else "JSON lines in a Markdown fence"
        return msgspec.structs.replace(inner, name=name, fenced=True)
    start = text.lstrip()
    if not start:
        name = "a file of white space only" if text else "an empty file"
        return Layout("", name, advice=_EMPTY_ADVICE)
    for looks in (_find_page, _find_json, _find_table):
        found = looks(start)
        if found is not None:
            return found
    name = next((name for looks_so, name in _NOTATIONS if looks_so.match(start)), "text without rows")
    return Layout("", name, advice="write its examples as JSON lines")


def _find_page(text: str) -> Layout | None:
    if text.startswith("<"):
        advice = "the download went wrong; fetch the file itself"
        xml = text.startswith("<?xml") or re.match(r"<[A-Z][A-Za-z]*>", text)
        said = re.search(r"<(?:title|Message)>\s*([^<]{1,80})", text, re.IGNORECASE)
        name = "an XML document" if xml and "<html" not in text.lower() else "an HTML page"
        return Layout("", f"{name} ({said[1].strip()})" if said else name, advice=advice)
    if text.startswith("version https://git-lfs"):
        return Layout("", "a pointer of Git LFS, not the file", advice="git lfs pull")
    return None


# --- JSON, and what is meant to be it


def _find_json(text: str) -> Layout | None:
    if text[0] not in "{[" and not _COMMENT.match(text):
        return None
    line = text.split("\n", 1)[0].strip()
    if text[0] == "{":
        try:
            value, end = _DECODER.raw_decode(line)
        except ValueError:
            pass
        else:
            return _find_lines(value, line[end:].strip(), text[len(line) :])
    if _COMMENT.match(text):
        return Layout("relaxed", "JSON with comments", _read_first(text, _relax))
    wrapper = _WRAPPER.match(text)
    if wrapper and wrapper[1] not in _ROW_FIELDS:
        first = _read_first(text[wrapper.end() - 1 :])
        return Layout("values", f"one JSON object with the rows in {wrapper[1]!r}", first, key=wrapper[1])
    inside = text.lstrip("[ \t\r\n")
    name = "a JSON array" if text[0] == "[" else "pretty-printed JSON, an object over several lines"
    first = _read_first(inside)
    if first is not None:
        return Layout("values", name, first)
    first = _read_first(inside, _read_literal)
    if first is not None:
        kind: Kind = "literal" if text[0] == "[" else "lines"
        return Layout(kind, "Python dicts (single quotes), not JSON", first)
    first = _read_first(inside, _relax)
    if first is not None:
        return Layout("relaxed", "JSON with comments or commas too many", first)
    if text[0] == "[":
        return Layout("values", name)
    if _COLUMNS.match(text) or _SPLIT.match(text):
        return Layout("columns", _COLUMNS_NAME)
    second = text[len(line) :].lstrip()[:1]
    cut = len(text) > HEAD_BYTES // 8 and second not in ("", "{")
    return Layout("values", name) if cut else Layout("lines")  # a line that is broken, which the rules will say


def _find_lines(value: Any, rest: str, following: str) -> Layout:
    """A text whose first line holds a whole object."""
    if isinstance(value, dict):
        error = value.get("error")
        if isinstance(error, dict) and "message" in error:
            return Layout("", f"an error that was answered ({error['message']})", advice="fetch the file itself")
        if _is_columns(value) or {"columns", "data"} <= value.keys():
            return Layout("columns", _COLUMNS_NAME, next(iter(list_columns(value)), None))
        wrapped = "" if find_form(value) else next((key for key, one in value.items() if _are_rows(one)), "")
        if wrapped and not following.strip():
            name = f"one JSON object with the rows in {wrapped!r}"
            return Layout("values", name, value[wrapped][0], key=wrapped)
    if rest.startswith("{"):
        return Layout("lines", "JSON objects without line breaks between them", value)
    if rest.startswith(","):
        return Layout("lines", "JSON objects with commas between them, but no brackets around", value)
    if re.search(r"^\s*//", following, re.MULTILINE):
        return Layout("lines", "JSON lines with comments", value)
    return Layout("lines", "", value)


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _is_columns(value: dict[str, Any]) -> bool:
    """``{"text": {"0": …, "1": …}, …}``, as pandas writes a frame unless it is told otherwise."""
    if not value or not all(isinstance(one, dict) for one in value.values()):
        return False
    first = next(iter(value.values()))
    return bool(first) and all(one.keys() == first.keys() and "0" in one for one in value.values())


def list_columns(value: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a frame as pandas writes it: a column a field, or the columns' names beside lists (``split``)."""
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        return [dict(zip(value["columns"], row, strict=False)) for row in value["data"]]
    return [{name: one.get(index) for name, one in value.items()} for index in next(iter(value.values()))]


def _read_first(text: str, read: Callable[[str], Any] | None = None) -> Any:
    """The first object in a text; None if it cannot be read that way."""
    try:
        return read(text) if read else _DECODER.raw_decode(text)[0]
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _read_literal(text: str) -> Any:
    """The first dict of Python's; it ends where a brace makes it whole."""
    for end in _find_ends(text):
        try:
            return ast.literal_eval(text[:end])
        except (ValueError, SyntaxError):
            continue
    return None


def _relax(text: str) -> Any:
    return _DECODER.raw_decode(relax_json(text).lstrip("[ \t\r\n"))[0]


def _find_ends(text: str) -> list[int]:
    ends = [match.end() for match in re.finditer(r"\}", text[:20_000])]
    depth_zero = [end for end in ends if text.count("{", 0, end) == text.count("}", 0, end)]
    return depth_zero[:20]


_RELAXED = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/|^\s*#[^\n]*|,(?=\s*[}\]])', re.DOTALL | re.MULTILINE)


def relax_json(text: str) -> str:
    """The same without comments and without commas before a closing bracket."""
    return _RELAXED.sub(lambda match: match[1] or "\n" * match[0].count("\n"), text)


# --- tables


def _find_table(text: str) -> Layout | None:
    lines = text.splitlines()[:20]
    for delimiter, name in sorted(_DELIMITERS.items(), key=lambda one: -lines[0].count(one[0])):
        if delimiter not in lines[0]:
            continue
        try:
            rows = list(csv.reader(lines[:1] + lines[1:5], delimiter=delimiter))
        except csv.Error:
            continue
        header = [cell.strip() for cell in rows[0]]
        if len(header) > 1 and len(rows) > 1 and all(len(cell) < 80 for cell in header) and len(set(header)) > 1:
            first = dict(zip(header, rows[1], strict=False))
            columns = ", ".join(filter(None, header))
            return Layout("table", f"{name} with the columns {columns}", first, delimiter=delimiter)
    return None

"""The rows of a text in any layout, one by one, each with its line; memory does not grow with the file."""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from tuning_emulator.datasets.layout import Layout, list_columns, relax_json

ROW_CHARACTERS = 64 << 20
"""Longest row, and longest file in a layout that cannot be read in pieces."""

_BLOCK = 1 << 16
_BETWEEN = re.compile(r"[\s,\[\]\ufeff]*")
_DECODER = json.JSONDecoder()


class UnreadableError(ValueError):
    """A row cannot be read; the text says why."""


class LayoutError(ValueError):
    """The rest of the file cannot be read; the text says why."""


Row = tuple[int, Any]
"""The line on which a row begins, from 1, and its value; an ``UnreadableError`` where it has none."""


def read_rows(text: TextIO, layout: Layout) -> Iterator[Row]:
    """Every row.

    Raises:
        LayoutError: the file cannot be read to its end.
    """
    if layout.kind == "table":
        return _read_table(text, layout.delimiter)
    if layout.kind == "columns":
        return _read_columns(_read_whole(text, "column by column; write it with orient='records', lines=True"))
    if layout.kind == "relaxed":
        whole = relax_json(_strip_fences(_read_whole(text, "with comments; take them out")))
        return _read_values(_Source(whole), "")
    if layout.kind == "values":
        return _read_values(_Source("", text), layout.key)
    if layout.kind == "literal":
        return _read_literals(_strip_fences(_read_whole(text, "a list of Python's; write it as JSON lines")))
    return _read_lines(text, layout.fenced)


def _read_whole(text: TextIO, what: str) -> str:
    whole = text.read(ROW_CHARACTERS + 1)
    if len(whole) > ROW_CHARACTERS:
        raise LayoutError(f"the file is longer than {ROW_CHARACTERS >> 20} MiB and {what}")
    return whole


_FENCE = re.compile(r"[^`~]*(?:```|~~~).*\n")


def _strip_fences(text: str) -> str:
    opening = _FENCE.match(text)
    return re.split(r"^\s*(?:```|~~~)", text[opening.end() if opening else 0 :], maxsplit=1, flags=re.MULTILINE)[0]


# --- a row a line


def _read_lines(text: TextIO, fenced: bool) -> Iterator[Row]:
    """Rows of JSON lines; several of them in a line, commas after them, comments and Python's dicts are taken too."""
    number = 0
    if fenced:
        number += 1
        while not text.readline(ROW_CHARACTERS).lstrip().startswith(("```", "~~~")):
            number += 1
    while line := text.readline(ROW_CHARACTERS + 1):
        number += 1
        if len(line) > ROW_CHARACTERS:
            raise LayoutError(f"line {number} is longer than {ROW_CHARACTERS >> 20} MiB")
        stripped = line.strip(" \t\r\n\ufeff,")
        if fenced and stripped.startswith(("```", "~~~")):
            return
        if stripped and not stripped.startswith(("//", "#")) and stripped not in "[]":
            for value in _read_line(stripped):
                yield number, value


def _read_line(line: str) -> Iterator[Any]:
    at = 0
    while at < len(line):
        try:
            value, at = _DECODER.raw_decode(line, at)
        except (ValueError, RecursionError) as error:
            yield _read_literal(line[at:], error)
            return
        yield value
        found = _BETWEEN.match(line, at)
        at = found.end() if found else at


def _read_literal(line: str, error: Exception) -> Any:
    try:
        value = ast.literal_eval(line)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        said = error.msg.lower() if isinstance(error, json.JSONDecodeError) else "nested too deep"
        return UnreadableError(f"not JSON ({said})")
    return value if isinstance(value, dict) else UnreadableError("no JSON object")


def _read_literals(text: str) -> Iterator[Row]:
    try:
        values = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise LayoutError(f"the file is not one list of Python's: {error}") from error
    for value in values if isinstance(values, list | tuple) else [values]:
        yield 1, value


# --- JSON values over many lines


class _Source:
    """A text that is read in blocks, and what of it waits to be parsed."""

    def __init__(self, waiting: str, text: TextIO | None = None) -> None:
        self.waiting = waiting
        self.at = 0
        self.line = 1
        self._text = text
        self._block = _BLOCK

    def more(self) -> bool:
        """Reads on; False at the end. Twice as much each time, so that a long row is not tried too often."""
        block = self._text.read(self._block) if self._text else ""
        self.waiting = self.waiting[self.at :] + block
        self.at = 0
        self._block = min(self._block * 2, ROW_CHARACTERS)
        return bool(block)

    def skip(self, end: int) -> None:
        """Goes on to a place, counting lines."""
        self.line += self.waiting.count("\n", self.at, end)
        self.at = end
        self._block = _BLOCK


def _read_values(source: _Source, key: str) -> Iterator[Row]:
    source.more()
    fence = _FENCE.match(source.waiting)
    if fence and not source.waiting.lstrip().startswith(("{", "[")):
        source.skip(fence.end())
    if key:
        opening = re.search(rf'"{re.escape(key)}"\s*:\s*\[', source.waiting)
        source.skip(opening.end() if opening else 0)
    while _skip_between(source, bool(key)):
        line = source.line
        try:
            yield line, _read_value(source)
        except UnreadableError as error:
            yield line, error
            raise LayoutError(
                f"line {line}: what follows cannot be read, for the rows have no lines of their own"
            ) from None


def _skip_between(source: _Source, wrapped: bool) -> bool:
    """Goes to the next value; False where there is none."""
    while True:
        found = _BETWEEN.match(source.waiting, source.at)
        end = found.end() if found else source.at
        closed = wrapped and "]" in source.waiting[source.at : end]
        source.skip(end)
        if closed or source.waiting.startswith(("```", "~~~"), source.at):
            return False
        if source.at < len(source.waiting):
            return True
        if not source.more():
            return False


def _read_value(source: _Source) -> Any:
    while True:
        try:
            value, end = _DECODER.raw_decode(source.waiting, source.at)
        except (ValueError, RecursionError) as error:
            too_long = len(source.waiting) > ROW_CHARACTERS
            if too_long or not source.more():
                raise UnreadableError("longer than a row may be" if too_long else f"not JSON ({error})") from None
            continue
        source.skip(end)
        return value


# --- columns


def _read_columns(text: str) -> Iterator[Row]:
    try:
        columns = json.loads(text)
    except ValueError as error:
        raise LayoutError(f"the file is no JSON: {error}") from error
    for row in list_columns(columns):
        yield 1, row


def _read_table(text: TextIO, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(ROW_CHARACTERS)
    reader = csv.reader(text, delimiter=delimiter)
    line = 1
    header: list[str] = []
    try:
        for cells in reader:
            if cells and not header:
                header = [cell.strip(" \ufeff") for cell in cells]
            elif cells and len(cells) > len(header):
                yield line, UnreadableError(f"more cells than the {len(header)} columns")
            elif cells:
                yield line, dict(zip(header, cells, strict=False))
            line = reader.line_num + 1
    except csv.Error as error:
        raise LayoutError(f"line {line}: {error}") from error

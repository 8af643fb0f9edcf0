"""All facts in one list: what ``tuning-emulator rules`` prints, the control API serves and the documents count."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from tuning_emulator.core.errors import GRADES, ErrorText, Fact, Grade, Row
from tuning_emulator.facts import (
    dataset_errors,
    defaults,
    gemini_errors,
    google_errors,
    limits,
    media,
    storage_errors,
    vertex_errors,
)
from tuning_emulator.facts.base_models import MODELS

_TABLES: tuple[tuple[str, Iterable[Row]], ...] = (
    ("front end", google_errors.ROWS),
    ("gemini", gemini_errors.ROWS),
    ("vertex", vertex_errors.ROWS),
    ("cloud storage", storage_errors.ROWS),
    ("datasets", dataset_errors.ROWS),
    ("limits", limits.ROWS),
    ("media", media.ROWS),
    ("defaults", defaults.ROWS),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row as it is listed. ``where``: the table it is in; ``text``: the service's words or the figure.

    ``since`` and ``until``: first day on which it held, and first day on which it no longer did; "" where unknown.
    """

    where: str
    name: str
    kind: str
    text: str
    grade: Grade
    source: str
    since: str = ""
    until: str = ""

    @property
    def days(self) -> str:
        """`` from 2024-09-30 until 2025-05-27``, or "" where no day is known."""
        return (f" from {self.since}" if self.since else "") + (f" until {self.until}" if self.until else "")


def list_entries() -> list[Entry]:
    """Every error text, figure and base model, table by table."""
    entries = [_describe(where, row) for where, rows in _TABLES for row in rows]
    for one in MODELS:
        said = (one.display_name, one.grade, one.source, one.since, one.until)
        entries.append(Entry(f"{one.api} base models", one.id, "base model", *said))
    for one in MODELS:
        for price in one.prices:
            name, text = f"{one.id} {'/'.join(price.methods)}", f"{price.value:g} USD a million training tokens"
            entries.append(Entry(f"{one.api} prices", name, "figure", text, price.grade, price.source))
    return entries


def count_by_grade(entries: list[Entry]) -> dict[Grade, int]:
    """How many rows have each grade."""
    counted = Counter(entry.grade for entry in entries)
    return {grade: counted[grade] for grade in GRADES}


def find_by_message(message: str) -> Entry | None:
    """The row in whose words an error speaks; None: it speaks in nobody's. Of several, the most literal one."""
    fitting = (entry for literal, pattern, entry in _list_patterns() if pattern.fullmatch(message.strip()))
    return next(fitting, None)


@cache
def _list_patterns() -> list[tuple[int, re.Pattern[str], Entry]]:
    """Of each text with enough words of its own: how many characters are literal, and what it can look like."""
    found = []
    for entry in list_entries():
        if entry.kind not in ("figure", "base model"):
            parts = re.split(r"\{\w*[^{}]*\}", entry.text.strip())
            literal = sum(map(len, parts))
            if literal >= _FEWEST_LITERAL:
                found.append((literal, re.compile(".*?".join(map(re.escape, parts)), re.DOTALL), entry))
    return sorted(found, key=lambda one: -one[0])


_FEWEST_LITERAL = 8
"""A text with fewer characters of its own would be found in any."""


def _describe(where: str, row: Row) -> Entry:
    if isinstance(row, ErrorText):
        return Entry(where, row.name, row.code.name, row.text, row.grade, row.source, row.since, row.until)
    assert isinstance(row, Fact), row
    return Entry(where, row.name, "figure", str(row.value), row.grade, row.source, row.since, row.until)

"""All rows in one list: what `tuning-emulator rules` prints and what the README counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from tuning_emulator.core.errors import GRADES, ErrorText, Fact, Grade
from tuning_emulator.facts import (
    dataset_errors,
    defaults,
    gemini_errors,
    google_errors,
    limits,
    prices,
    service_errors,
    vertex_errors,
    vertex_resource_errors,
)
from tuning_emulator.facts.base_models import MODELS

_MODULES: tuple[tuple[str, ModuleType], ...] = (
    ("front end", google_errors),
    ("service", service_errors),
    ("gemini", gemini_errors),
    ("vertex", vertex_errors),
    ("vertex resources", vertex_resource_errors),
    ("datasets", dataset_errors),
    ("limits", limits),
    ("defaults", defaults),
    ("prices", prices),
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
    entries = [_describe(where, row) for where, module in _MODULES for row in _rows(module)]
    entries += [
        Entry(
            f"{one.api} base models",
            one.id,
            "base model",
            one.display_name,
            one.grade,
            one.source,
            one.since,
            one.until,
        )
        for one in MODELS
    ]
    return entries


def count_by_grade(entries: list[Entry]) -> dict[Grade, int]:
    """How many rows have each grade."""
    counted = Counter(entry.grade for entry in entries)
    return {grade: counted[grade] for grade in GRADES}


def _rows(module: ModuleType) -> Iterator[ErrorText | Fact]:
    """A module's own rows, each once, also those inside its tuples."""
    seen: set[int] = set()
    for value in vars(module).values():
        for row in _flatten(value):
            if id(row) not in seen:
                seen.add(id(row))
                yield row


def _flatten(value: object) -> Iterator[ErrorText | Fact]:
    if isinstance(value, ErrorText | Fact):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _flatten(item)


def _describe(where: str, row: ErrorText | Fact) -> Entry:
    if isinstance(row, ErrorText):
        return Entry(where, row.name, row.code, row.text, row.grade, row.source, row.since, row.until)
    return Entry(where, row.name, "figure", str(row.value), row.grade, row.source, row.since, row.until)

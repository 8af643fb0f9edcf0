"""Examples in whatever form people keep them, written as JSON lines that a service takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from tuning_emulator.core.records import Api
from tuning_emulator.datasets.conversations import UnusableError, write_line
from tuning_emulator.datasets.forms import find_form, read_row
from tuning_emulator.datasets.layout import Layout, find_layout
from tuning_emulator.datasets.packing import Packed, look, open_text
from tuning_emulator.datasets.rows import LayoutError, UnreadableError, read_rows


class ConvertError(ValueError):
    """Nothing can be converted; the text says why and what would help."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file is read. ``what``: what it is. ``columns``: which fields are ``prompt`` and ``answer``, if said."""

    what: str
    packed: Packed
    layout: Layout
    columns: Mapping[str, str] | None


@dataclass(slots=True)
class Conversion:
    """What came of it.

    Attributes:
        what: What the file is.
        joined: Of the examples written, those with turns of one speaker in a row. preferences: With two answers.
        skipped: Reason → how many rows. first: Reason → its first line.
        broken: Why the rest could not be read, "" where all was.
    """

    what: str
    api: Api
    read: int = 0
    written: int = 0
    joined: int = 0
    preferences: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    first: dict[str, int] = field(default_factory=dict)
    broken: str = ""

    def skip(self, reason: str, line: int) -> None:
        """Counts a row that is not written."""
        self.skipped[reason] += 1
        self.first.setdefault(reason, line)


def plan_conversion(head: bytes, name: str, columns: Mapping[str, str] | None, ask_columns: str) -> Plan:
    """How a file with this beginning is read.

    Args:
        ask_columns: How the two columns are named where they are to be, for the error.

    Raises:
        ConvertError: nothing in the file can be converted. UnpackError: it cannot be unpacked.
    """
    packed = look(head)
    layout = find_layout(packed.text) if packed.encoding else Layout("", advice=packed.advice)
    what = ", ".join(filter(None, (*packed.names, layout.name))) or "JSON lines"
    if not layout.kind:
        raise ConvertError(f"{name} is {what}; {layout.advice.replace('{name}', name)}")
    form = None if columns else find_form(layout.first)
    if layout.first is not None and form is None and columns is None:
        if not isinstance(layout.first, dict):
            raise ConvertError(f"{name} is {what}, and its rows are no JSON objects")
        raise ConvertError(
            f"{name} is {what}, and the fields of its rows are not known ({', '.join(layout.first)}): "
            f"say which are question and answer with {ask_columns}"
        )
    return Plan(f"{what}, {form.name}" if form else what, packed, layout, columns)


def convert_rows(plan: Plan, stream: BinaryIO, out: BinaryIO, report: Conversion) -> None:
    """Reads, writes, counts.

    Raises:
        UnpackError: the file cannot be unpacked. OSError: it cannot be read or written.
    """
    with open_text(stream, plan.packed) as text:
        try:
            for line, row in read_rows(text, plan.layout):
                report.read += 1
                if isinstance(row, UnreadableError):
                    report.skip(str(row), line)
                    continue
                try:
                    said = read_row(row, plan.columns)
                    out.write(write_line(said, report.api) + b"\n")
                except UnusableError as error:
                    report.skip(str(error), line)
                    continue
                report.written += 1
                report.joined += said.joined
                report.preferences += said.completions is not None
        except LayoutError as error:
            report.broken = str(error)

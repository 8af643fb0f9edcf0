"""The recordings themselves: whole, in the form in which they are refreshed, free of secrets, and all played."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from contract_tests.exchange import RECORDINGS, Recording, RecordingError, parse_recording, print_rows, read_rows
from contract_tests.scrub import find_leaks
from tuning_emulator.core.errors import ErrorText
from tuning_emulator.facts import (
    dataset_errors,
    gemini_errors,
    google_errors,
    vertex_errors,
)
from tuning_emulator.facts.differences import DIVERGENCES

ERROR_TABLES = (dataset_errors, google_errors, gemini_errors, vertex_errors)

FILES = sorted(RECORDINGS.glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_files_stand_as_they_are_written(file: Path) -> None:
    """A refresh changes only what the service changed."""
    assert file.read_text(encoding="utf-8") == print_rows(read_rows(file))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_recordings_hold_nothing_private(file: Path) -> None:
    """No key, token, e-mail address or IP address of anybody."""
    assert find_leaks(file.read_text(encoding="utf-8")) == []


def test_every_recording_has_a_source_and_a_date(recordings: dict[str, Recording]) -> None:
    """Where and when the service said so."""
    for one in recordings.values():
        assert one.source, one.name
        assert re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", one.date), one.name


def test_every_recording_is_played(recordings: dict[str, Recording]) -> None:
    """No recorded exchange lies about without a test."""
    tests = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in recordings if f'"{name}"' not in tests] == []


def test_differences_are_known_ones(recordings: dict[str, Recording]) -> None:
    """What the emulator answers otherwise is a row of the divergences."""
    known = {one.name for one in DIVERGENCES}
    assert {one.differs for one in recordings.values() if one.differs} <= known


def test_every_recorded_text_has_its_recording(recordings: dict[str, Recording]) -> None:
    """A row of the facts that is graded ``recorded`` is said in an exchange here, its placeholders filled in."""
    said = "\n".join(text for one in recordings.values() for text in list_texts(one.answer.body))
    lacking = [row.name for row in list_recorded_rows() if not re.search(find_form(row), said, re.DOTALL)]
    assert lacking == []


def list_recorded_rows() -> list[ErrorText]:
    """Rows of every table of error texts that were seen from the services."""
    rows = [row for table in ERROR_TABLES for row in table.ROWS if isinstance(row, ErrorText)]
    # Texts of gRPC itself have no HTTP body; the tests of gRPC show them.
    return [row for row in rows if row.grade == "recorded" and not row.name.startswith("grpc_")]


def find_form(row: ErrorText) -> str:
    """A pattern of a row's text, in which placeholders stand for anything."""
    pieces = [literal for literal, *_ in Formatter().parse(row.text)]
    return ".*?".join(re.escape(piece) for piece in pieces)


def list_texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from list_texts(item)


def test_broken_recordings_are_refused() -> None:
    """The text names the recording, the field, and what it may be."""
    row = {"name": "x", "api": "gemini", "grade": "guessed", "seen": "body"}
    with pytest.raises(RecordingError, match=r"x: grade is 'guessed'; must be one of recorded"):
        parse_recording(row)

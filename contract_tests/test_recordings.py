"""The recordings themselves: whole, in the form in which they are refreshed, free of secrets, and all played."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contract_tests.exchange import RECORDINGS, Recording, RecordingError, parse_recording, print_rows, read_rows
from contract_tests.scrub import find_leaks
from emulator.facts import troubles
from emulator.facts.divergences import DIVERGENCES

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
    """What the emulator answers otherwise is a row of the divergences, and a trouble is a row of the facts."""
    known = {one.name for one in DIVERGENCES}
    assert {one.differs for one in recordings.values() if one.differs} <= known
    assert all(hasattr(troubles, one.fact) for one in recordings.values() if one.fact)


def test_broken_recordings_are_refused() -> None:
    """The text names the recording, the field, and what it may be."""
    row = {"name": "x", "api": "gemini", "grade": "guessed", "seen": "body"}
    with pytest.raises(RecordingError, match=r"x: grade is 'guessed'; must be one of recorded"):
        parse_recording(row)

"""The list of all rows is whole and agrees with the tables."""

from __future__ import annotations

import json

import pytest

from tuning_emulator.cli import main
from tuning_emulator.core.errors import ErrorText
from tuning_emulator.facts import emulator_errors, gemini_errors
from tuning_emulator.facts.catalogue import count_by_grade, list_entries


def test_every_row_is_listed_once() -> None:
    """No table is forgotten, no row comes twice."""
    entries = list_entries()
    keys = [(entry.where, entry.name) for entry in entries]
    assert len(keys) == len(set(keys))
    gemini = [entry.name for entry in entries if entry.where == "gemini"]
    assert sorted(gemini) == sorted(row.name for row in gemini_errors.ROWS)
    assert {entry.where for entry in entries} >= {"front end", "vertex", "datasets", "limits", "gemini base models"}


def test_the_emulators_own_words_are_no_facts() -> None:
    """They have no source and no grade, and are neither listed nor counted."""
    assert emulator_errors.ROWS
    assert not any(isinstance(row, ErrorText) for row in emulator_errors.ROWS)
    texts = {entry.text for entry in list_entries()}
    assert not texts & {row.text for row in emulator_errors.ROWS}


def test_the_command_prints_rows_of_a_grade_and_counts_all(capsys: pytest.CaptureFixture[str]) -> None:
    """Machine-readable lines on stdout, the counts on stderr."""
    assert main(["rules", "--grade", "recorded", "--json"]) == 0
    said = capsys.readouterr()
    rows = [json.loads(line) for line in said.out.splitlines()]
    counts = count_by_grade(list_entries())
    assert {row["grade"] for row in rows} == {"recorded"}
    assert len(rows) == counts["recorded"]
    assert f"{counts['assumed']} assumed" in said.err


def test_rows_with_days_show_them(capsys: pytest.CaptureFixture[str]) -> None:
    """As text and as JSON: what held between two days says so."""
    assert main(["rules"]) == 0
    said = capsys.readouterr().out
    assert (
        "gemini base models: gemini-1.5-flash-001-tuning [recorded] base model from 2024-08-01 until 2025-05-27" in said
    )
    assert "front end: keyless_tuning [documented] figure until 2024-09-30" in said
    dated = {entry.name: (entry.since, entry.until) for entry in list_entries() if entry.days}
    assert dated["gemini_id_filled"] == ("2025-01-01", "")

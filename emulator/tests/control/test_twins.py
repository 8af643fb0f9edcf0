"""Rows beside each other: what is the same, what is nearly so, and what only looks so."""

from __future__ import annotations

import random

from tuning_emulator.control.twins import NEAR, find_conflicts, find_near_duplicates, find_shared, read_row
from tuning_emulator.control.twins import Row as TwinRow
from tuning_trainer.spec import Example, Turn


def row(question: str, answer: str, system: str = "") -> TwinRow:
    return read_row(Example((Turn("user", question), Turn("model", answer)), system))


def test_one_question_with_two_answers_is_a_conflict_whatever_its_case_and_spaces() -> None:
    rows = [row("Was it good?", "yes"), row("was  it good?", "no"), row("Was it bad?", "no"), row("Was it bad?", "No ")]
    assert find_conflicts(rows) == [[0, 1]]
    assert find_conflicts([row("Why?", "a", "Be brief."), row("Why?", "b", "Be long.")]) == []


def test_rows_of_both_datasets_are_told() -> None:
    assert find_shared([row("one", "1"), row("two", "2")], [row("Two", "two"), row("three", "3")]) == [(1, 0)]


def test_near_duplicates_are_found_and_other_numbers_are_none() -> None:
    long = "The parcel that I ordered three weeks ago came yesterday, and the lamp in it was broken in two places."
    rows = [row(long, "complaint"), row(long.replace("yesterday", "today"), "complaint"), row("Thanks!", "praise")]
    assert find_near_duplicates(rows) == [(0, 1)]
    assert find_near_duplicates([row("12", "13"), row("13", "14"), row("112", "113")]) == []


def test_no_pair_is_missed() -> None:
    """Beside every pair compared with every other."""
    draw, words = random.Random(0), "red blue lamp chair book table doctor teacher price order today".split()
    rows = [row(" ".join(draw.choices(words, k=12)), "x") for _ in range(60)]
    rows += [TwinRow(" ".join([*one.question.split()[:-1], "end"]), "x") for one in draw.sample(rows, 20)]
    from tuning_emulator.control.twins import _cut, _likeness

    pieces = [_cut(f"{one.question}\n{one.answer}") for one in rows]
    expected = {
        later for later in range(len(rows)) if any(_likeness(pieces[later], pieces[i]) >= NEAR for i in range(later))
    }
    found = {later for _, later in find_near_duplicates(rows) or []}
    assert len(found) > 10
    assert found <= expected
    assert len(expected - found) == 0

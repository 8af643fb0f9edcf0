"""Ids look as the services' do, and the rules reproduce the recorded ones."""

from __future__ import annotations

import re

import pytest

from tuning_emulator.core.as_of import create_calendar
from tuning_emulator.core.ids import (
    TUNED_MODEL_ID,
    GivenNumbers,
    Ids,
    experiment_id,
    find_project_id,
    project_number,
    tuned_model_slug_fits,
)


@pytest.mark.parametrize(
    ("display_name", "slug"),
    [
        ("generate-num-392", "generatenum392"),
        ("test_dataset_examples model", "testdatasetexamples-model"),
        ("Number Generator 100", "number-generator-100"),
        ("my display name 81", "my-display-name-81"),
    ],
)
def test_tuned_model_ids_begin_with_the_recorded_slug_and_fill_forty_characters(display_name: str, slug: str) -> None:
    """Recorded: displayName `generate-num-392` → `generatenum392-dd0p9rp2dktdfzwgrakk71f7h` (40 characters)."""
    identifier = Ids(1).tuned_model(display_name)
    assert re.fullmatch(rf"{slug}-[0-9a-z]{{{39 - len(slug)}}}", identifier)
    assert len(identifier) == 40


@pytest.mark.parametrize("display_name", ["", "123", "日本語", "-_-", "x" * 40, "a b " * 10, "9 lives"])
def test_odd_display_names_still_make_valid_ids(display_name: str) -> None:
    """Whatever the name, the id keeps to the documented pattern."""
    assert TUNED_MODEL_ID.fullmatch(Ids(2).tuned_model(display_name))


def test_experiment_ids_are_in_pacific_time() -> None:
    """Recorded: 21:11:17.085279 UTC on 3 November 2024 gave …20241103131117085279."""
    assert experiment_id(1_730_668_277_085_279_000) == "tuning-experiment-20241103131117085279"


def test_project_numbers_are_stable_and_numbers_stay() -> None:
    """The same id always has the same twelve-digit number; another id another one."""
    assert project_number("649241623633") == "649241623633"
    assert project_number("my-project") == project_number("my-project")
    assert re.fullmatch(r"[1-9][0-9]{11}", project_number("my-project"))
    assert project_number("my-project") != project_number("my-project-2")


def test_seeded_ids_repeat_and_unseeded_ones_do_not() -> None:
    """A seed makes a run repeatable."""
    assert [Ids(7).number(), Ids(7).uuid()] == [Ids(7).number(), Ids(7).uuid()]
    assert Ids().number() != Ids().number()


def test_vertex_ids_have_eighteen_or_nineteen_digits() -> None:
    """Recorded ids have 18 and 19 digits."""
    ids = Ids(3)
    assert {len(ids.number()) for _ in range(200)} == {18, 19}


@pytest.mark.parametrize(
    ("identifier", "fits"),
    [("a", True), ("my-model-1", True), ("A", False), ("1a", False), ("a-", False), ("a" * 41, False), ("", False)],
)
def test_the_documented_pattern_of_a_clients_own_id(identifier: str, fits: bool) -> None:
    """`[a-z]([a-z0-9-]{0,38}[a-z0-9])?`, whole."""
    assert tuned_model_slug_fits(identifier) is fits


def test_projects_have_the_numbers_that_they_were_given() -> None:
    """The ids find each other both ways, until the book of their emulator is closed."""
    made, book = project_number("my-project"), GivenNumbers()
    book.replace({"my-project": "123456789012"})
    try:
        assert project_number("my-project") == project_number("123456789012") == "123456789012"
        assert (find_project_id("123456789012"), find_project_id(made)) == ("my-project", "")
    finally:
        book.replace({})
    assert project_number("my-project") == made


def test_a_day_follows_the_number_of_its_project() -> None:
    """Asked for by the new number, it is found at once."""
    calendar, book = create_calendar({"my-project": "2024-01-01"}), GivenNumbers()
    assert calendar.find_day("123456789012").lenient
    book.replace({"my-project": "123456789012"})
    try:
        assert calendar.find_day("123456789012").date == "2024-01-01"
    finally:
        book.replace({})

"""Which day a project sees, and what holds on it."""

from __future__ import annotations

import pytest

from tuning_emulator.core.as_of import LENIENT, Calendar, Day, create_calendar
from tuning_emulator.core.errors import Fact, FactError
from tuning_emulator.core.ids import project_number

OLD = Fact(1, "a source", "recorded", until="2024-06-01")
NEW = Fact(2, "a source", "recorded", since="2024-06-01")


def test_without_dates_every_project_is_lenient() -> None:
    """The default: what ever worked works."""
    assert Calendar().find_day("any") is LENIENT
    assert create_calendar({}).find_day("") is LENIENT
    assert LENIENT.offers("2030-01-01", "")
    assert LENIENT.offers("", "2020-01-01")


def test_a_project_may_have_a_day_of_its_own() -> None:
    """By id or by the number that stands for it; others see the day of all, or none."""
    calendar = create_calendar({"demo": "2024-01-01", "*": "2025-01-01"})
    assert calendar.find_day("demo").date == "2024-01-01"
    assert calendar.find_day(project_number("demo")).date == "2024-01-01"
    assert calendar.find_day("other").date == "2025-01-01"
    assert calendar.find_day("").date == "2025-01-01"
    assert create_calendar({"demo": "2024-01-01"}).find_day("other") is LENIENT


@pytest.mark.parametrize(
    ("date", "offered"), [("2023-12-31", False), ("2024-01-01", True), ("2024-05-31", True), ("2024-06-01", False)]
)
def test_the_last_day_is_excluded(date: str, offered: bool) -> None:
    """``until`` is the first day on which it is gone."""
    assert Day(date, lenient=False).offers("2024-01-01", "2024-06-01") is offered


def test_rows_that_replaced_one_another() -> None:
    """One holds on each day; a gap is an error of the table."""
    assert Day("2024-05-31").choose((OLD, NEW)) is OLD
    assert Day("2024-06-01").choose((OLD, NEW)) is NEW
    with pytest.raises(FactError, match="2023-01-01"):
        Day("2023-01-01").choose((NEW,))

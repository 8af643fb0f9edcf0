"""Every row of every facts module is whole: named once, sourced, graded, and usable."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tuning_emulator import facts
from tuning_emulator.core.errors import (
    GRADES,
    LOCALIZED_MESSAGE,
    Code,
    ErrorRow,
    ErrorText,
    Fact,
    FactError,
    Row,
    bad_request,
    error_info,
    name_rows,
)

MODULES = [importlib.import_module(f"{facts.__name__}.{one.name}") for one in pkgutil.iter_modules(facts.__path__)]
IDS = [one.__name__.rpartition(".")[2] for one in MODULES]


def list_rows(module: ModuleType) -> Iterator[tuple[str, Row]]:
    """The rows that a module names, with the name of the constant."""
    for name, value in vars(module).items():
        for key, row in value.items() if isinstance(value, dict) else [("", value)]:
            if isinstance(row, Row):
                yield f"{name}_{key}".rstrip("_"), row


def list_facts(module: ModuleType) -> Iterator[tuple[str, Fact[Any] | ErrorText]]:
    """Those that say something of a service."""
    for name, row in list_rows(module):
        if isinstance(row, Fact | ErrorText):
            yield name, row


def test_there_are_rows() -> None:
    """What the tests below go through is not empty by mistake."""
    rows = [row for module in MODULES for _, row in list_rows(module)]
    assert len(rows) > 100
    assert sum(isinstance(row, ErrorText) for row in rows) > 80


@pytest.mark.parametrize("module", MODULES, ids=IDS)
def test_a_row_says_where_it_comes_from(module: ModuleType) -> None:
    """A source, a grade that exists, a name, and days that are ISO dates or empty."""
    for constant, row in list_facts(module):
        assert row.name, constant
        assert row.source.strip(), constant
        assert row.grade in GRADES, constant
        assert all(re.fullmatch(r"(\d{4}-\d{2}-\d{2})?", day) for day in (row.since, row.until)), constant
        assert not (row.since and row.until) or row.since < row.until, constant


@pytest.mark.parametrize("module", MODULES, ids=IDS)
def test_a_source_is_public(module: ModuleType) -> None:
    """No source is a path of somebody's machine."""
    for constant, row in list_facts(module):
        assert not re.search(r"(^|[\s(])/(home|opt|root|tmp|work)/", row.source), constant


@pytest.mark.parametrize("module", MODULES, ids=IDS)
def test_names_are_unique_in_a_module(module: ModuleType) -> None:
    """A log line that names a row means one row."""
    names = [row.name for _, row in list_rows(module)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("module", MODULES, ids=IDS)
def test_a_rows_name_is_that_of_its_constant(module: ModuleType) -> None:
    """``ApiError.rule`` leads to the constant by searching for it in capitals."""
    rows = list(list_rows(module))
    assert [row.name for _, row in rows] == [constant.lower() for constant, _ in rows]
    assert [*getattr(module, "ROWS", ())] == [row for _, row in rows], "the table is not named to its end"


@pytest.mark.parametrize("module", MODULES, ids=IDS)
def test_an_error_has_a_code_and_can_be_said(module: ModuleType) -> None:
    """The code is one of google.rpc, and the text takes its placeholders and shows every one of them."""
    for constant, row in list_rows(module):
        if isinstance(row, ErrorRow):
            assert row.code is not Code.OK, constant
            said = row.format(**dict.fromkeys(row.placeholders, "<x>"))
            assert said.count("<x>") >= len(row.placeholders), constant


def test_an_error_is_not_said_with_other_values() -> None:
    """A placeholder that is missing, or a value that no placeholder takes, is a mistake of ours."""
    row = ErrorText(Code.NOT_FOUND, "No {thing}.", "somewhere public", "recorded")
    name_rows({"X": row}, ErrorText)
    assert row.format(thing="job") == "No job."
    with pytest.raises(FactError, match="x: wants"):
        row.format()
    with pytest.raises(FactError, match="x: wants"):
        row.format(thing="job", other="y")


def test_a_row_is_its_error() -> None:
    """Called, it has code, text and details, and is known by its name; a detail of the call comes last."""
    info = error_info("GONE", thing="{thing}", place="{place}")
    row = ErrorText(Code.NOT_FOUND, "No {thing}.", "somewhere", "assumed", details=(info, LOCALIZED_MESSAGE))
    name_rows({"X": row}, ErrorText)
    error = row(bad_request([("a", "{b}")]), thing="{job}", place="here")
    assert (error.code, error.message, error.rule) == (Code.NOT_FOUND, "No {job}.", "x")
    filled, again, last = error.details
    assert filled["metadata"] == {"thing": "{job}", "place": "here"}
    assert again["message"] == "No {job}."
    assert last["fieldViolations"] == [{"field": "a", "description": "{b}"}]
    assert row.format(thing="job") == "No job.", "which wants what is in the text alone"
    with pytest.raises(FactError, match=r"x: wants \['place', 'thing'\], got \['thing'\]"):
        row(thing="job")


@pytest.mark.parametrize(("source", "grade"), [("", "recorded"), ("somewhere", "certain")])
def test_a_row_without_source_or_grade_is_refused(source: str, grade: Any) -> None:
    """A fact nobody can check cannot be written down."""
    with pytest.raises(FactError, match="1: "):
        Fact(1, source, grade)


def test_a_row_has_one_name() -> None:
    """It is told by it in logs: a second constant for it is a mistake, and so is a row of another kind."""
    row, other = Fact(1, "somewhere", "assumed"), Fact(2, "somewhere", "assumed")
    assert name_rows({"ONE": row, "MANY": {2: other}}, Row) == (row, other)
    assert (row.name, other.name) == ("one", "many_2")
    with pytest.raises(FactError, match="other: one"):
        name_rows({"OTHER": row}, Row)
    with pytest.raises(FactError, match="wants a new ErrorText"):
        name_rows({"ONE": Fact(1, "somewhere", "assumed")}, ErrorText)

"""The rows behind every answer, as the control API shows them: each service's words and figures, source and grade."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from typing_extensions import TypedDict

from tuning_emulator.core.errors import GRADES, Grade
from tuning_emulator.facts import emulator_errors
from tuning_emulator.facts.catalogue import Entry, count_by_grade, list_entries

EMULATOR = "emulator"
"""Table of what only this emulator says: such rows have no source and no grade."""

PAGE = 100


class RuleRow(TypedDict):
    """One row. ``table``: where it is kept. ``kind``: a canonical code, ``figure`` or ``base model``.

    ``text``: the service's words, with ``{placeholders}``, or the figure. ``grade``: ``recorded``, ``documented`` or
    ``assumed``, "" of the emulator's own words. ``since`` and ``until``: first day on which it held, and first on which
    it no longer did; "" where unknown.
    """

    table: str
    name: str
    kind: str
    text: str
    grade: str
    source: str
    since: str
    until: str


class RulePage(TypedDict):
    """``total``: how many rows were chosen; ``grades`` and ``tables``: how many of these there are of each."""

    rules: list[RuleRow]
    total: int
    grades: dict[str, int]
    tables: dict[str, int]


class NamedRules(TypedDict):
    """The rows of one name: several tables may have one."""

    rules: list[RuleRow]


@cache
def list_rows() -> tuple[Entry, ...]:
    """Every row, the emulator's own last."""
    own = (Entry(EMULATOR, row.name, row.code.name, row.text, "assumed", "") for row in emulator_errors.ROWS)
    return (*list_entries(), *own)


def describe(entry: Entry) -> RuleRow:
    """A row as JSON."""
    return RuleRow(
        table=entry.where,
        name=entry.name,
        kind=entry.kind,
        text=entry.text,
        grade=entry.grade if entry.source else "",
        source=entry.source,
        since=entry.since,
        until=entry.until,
    )


def choose(rows: Iterable[Entry], words: str, grade: str, table: str) -> list[Entry]:
    """Those that hold all of the words somewhere, of a grade, of a table."""
    wanted = words.lower().split()
    return [
        row
        for row in rows
        if grade in ("", row.grade if row.source else EMULATOR)
        and table in ("", row.where)
        and all(word in f"{row.name} {row.text} {row.source} {row.kind}".lower() for word in wanted)
    ]


def create_router() -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/emulator/v1/rules", tags=["rules"])

    @router.get("", summary="What the services say and do, row by row, with source and grade")
    async def list_rules(
        words: Annotated[str, Query(max_length=200, description="All of these, in name, text, source or code.")] = "",
        grade: Annotated[Grade | None, Query(description="Rows of this grade alone.")] = None,
        table: Annotated[str, Query(description="Rows of this table alone.")] = "",
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = PAGE,
    ) -> RulePage:
        found = choose(list_rows(), words, grade or "", table)
        counts = count_by_grade([row for row in found if row.source])
        return RulePage(
            rules=[describe(row) for row in found[offset : offset + limit]],
            total=len(found),
            grades={grade: counts[grade] for grade in GRADES},
            tables=Counter(row.where for row in found),
        )

    @router.get("/{name:path}", summary="The rows of a name, as the journal and jobs have it")
    async def get_rule(name: str) -> NamedRules:
        found = [describe(row) for row in list_rows() if row.name == name]
        if not found:
            raise HTTPException(404, f"name: no rule {name!r}; GET /emulator/v1/rules?words=… looks for one")
        return NamedRules(rules=found)

    return router

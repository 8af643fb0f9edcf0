"""Reading a copy of a store that somebody else made, before it takes the place of ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.core.job_faults import parse_job_fault
from emulator.core.pace import parse_pace
from emulator.store import rows
from emulator.store.database import StoreError, check_copy, open_copy

_PARSERS: dict[str, tuple[str, Callable[[sqlite3.Row], Any]]] = {
    "tuning_jobs": ("SELECT * FROM tuning_jobs", rows.parse_job),
    "model_versions": (
        "SELECT v.*, m.project, m.location, m.id AS model_id FROM model_versions AS v "
        "JOIN models AS m ON m.uid = v.model_uid",
        rows.parse_model_version,
    ),
    "endpoints": ("SELECT * FROM endpoints", rows.parse_endpoint),
    "operations": ("SELECT * FROM operations", rows.parse_operation),
    "paces": ("SELECT pace FROM paces", lambda row: parse_pace(row[0])),
    "job_faults": ("SELECT fault FROM job_faults", lambda row: parse_job_fault(row[0])),
    "courses": ("SELECT pace, fault FROM courses", lambda row: _parse_course(*row)),
}
_COUNTED = ("tuning_jobs", "models", "model_versions", "endpoints", "operations", "permissions", "checkpoints")
_ADAPTERS = (
    "SELECT DISTINCT adapter FROM tuning_jobs WHERE adapter != '' UNION SELECT adapter FROM checkpoints "
    "WHERE adapter != ''"
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a store holds.

    Attributes:
        counts: Rows by table. adapters: Their directories, relative to the data directory.
    """

    counts: dict[str, int]
    adapters: tuple[str, ...]


def read_contents(path: Path) -> Contents:
    """Checks a copy, record by record, and says what is in it.

    Raises:
        StoreError: ``Store.copy_to`` of this version has not written it; the text says what is wrong.
    """
    try:
        with closing(open_copy(path)) as connection:
            check_copy(connection)
            for table, (statement, parse) in _PARSERS.items():
                _read_records(connection, table, statement, parse)
            counts = {name: _count(connection, name) for name in _COUNTED}
            adapters = tuple(str(row[0]) for row in connection.execute(_ADAPTERS))
    except sqlite3.DatabaseError as error:
        raise StoreError(str(error)) from error
    return Contents(counts, adapters)


def _read_records(
    connection: sqlite3.Connection, table: str, statement: str, parse: Callable[[sqlite3.Row], Any]
) -> None:
    for number, row in enumerate(connection.execute(statement), start=1):
        try:
            parse(row)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(f"{table}: row {number} cannot be read: {error}") from error


def _parse_course(pace: str, fault: str) -> None:
    if pace:
        parse_pace(pace)
    if fault:
        parse_job_fault(fault)


def _count(connection: sqlite3.Connection, table: str) -> int:
    count: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 a name of ours
    return count

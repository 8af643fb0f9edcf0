"""Copies of a store that somebody else made: checked, and brought to this version, before they take its place."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuning_emulator.core.job_control import parse_job_fault, parse_pace
from tuning_emulator.store import rows
from tuning_emulator.store.database import StoreError, open_copy
from tuning_emulator.store.migration import READABLE, SCHEMA_VERSION, load_schema, migrate, read_version

_RECORDS: dict[str, tuple[Callable[[sqlite3.Row], Any], Callable[[Any], dict[str, Any]]]] = {
    "tuning_jobs": (rows.parse_job, rows.format_job),
    "model_versions": (rows.parse_model_version, rows.format_model_version),
    "endpoints": (rows.parse_endpoint, rows.format_endpoint),
    "operations": (rows.parse_operation, rows.format_operation),
}
_TEXTS: dict[str, tuple[str, Callable[[str], object]]] = {
    "paces": ("SELECT pace FROM paces", parse_pace),
    "job_faults": ("SELECT fault FROM job_faults", parse_job_fault),
    "gates, pace": ("SELECT pace FROM gates WHERE pace != ''", parse_pace),
    "gates, fault": ("SELECT fault FROM gates WHERE fault != ''", parse_job_fault),
}
_COUNTED = ("tuning_jobs", "models", "model_versions", "endpoints", "operations", "permissions", "checkpoints")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a store holds.

    Attributes:
        counts: Rows by table. adapters: Their directories, relative to the data directory.
    """

    counts: dict[str, int]
    adapters: tuple[str, ...]


def upgrade_copy(path: Path) -> None:
    """Makes a copy of an older version one of this version; any other is left as it is.

    Raises:
        StoreError: that version's ``Store.copy_to`` has not written it.
    """
    target_path = path.with_name(f"{path.name}-new")
    try:
        with closing(open_copy(path)) as source:
            version = read_version(source)
            if version == SCHEMA_VERSION or version not in READABLE:
                return
            _check_schema(source, version)
            with closing(sqlite3.connect(target_path)) as target:
                damaged = migrate(source, target)
    except sqlite3.DatabaseError as error:
        raise StoreError(str(error)) from error
    if damaged:
        raise StoreError(str(damaged[0]))
    target_path.replace(path)


def read_contents(path: Path) -> Contents:
    """Checks a copy, record by record, and says what is in it.

    Raises:
        StoreError: ``Store.copy_to`` of this version has not written it; the text says what is wrong.
    """
    adapters: dict[str, None] = {}
    try:
        with closing(open_copy(path)) as connection:
            _check_schema(connection, SCHEMA_VERSION)
            for table, (parse, format_record) in _RECORDS.items():
                for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 a name of ours
                    record = parse(row)
                    _check_columns(table, row, format_record(record))
                    if table == "tuning_jobs" and record.progress.adapter:
                        adapters[record.progress.adapter] = None
            for table, (statement, parse_text) in _TEXTS.items():
                _check_texts(connection, table, statement, parse_text)
            adapters |= dict.fromkeys(
                row[0] for row in connection.execute("SELECT adapter FROM checkpoints WHERE adapter != ''")
            )
            counts = {name: _count(connection, name) for name in _COUNTED}
    except (sqlite3.DatabaseError, rows.DamagedRowError) as error:
        raise StoreError(str(error)) from error
    return Contents(counts, tuple(adapters))


def _check_schema(connection: sqlite3.Connection, wanted: int) -> None:
    version = read_version(connection)
    if version != wanted:
        raise StoreError(f"schema version {version}, this program reads {' and '.join(map(str, READABLE))}")
    damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if damage != "ok":
        raise StoreError(f"damaged: {damage}")
    with closing(sqlite3.connect(":memory:")) as fresh:
        fresh.executescript(load_schema(version))
        strange = sorted(str(row[1]) for row in _read_schema(connection) ^ _read_schema(fresh))
    if strange:
        raise StoreError(f"other tables than this program writes: {', '.join(strange)}")


def _read_schema(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    return {(row[0], row[1], row[2] or "") for row in connection.execute("SELECT type, name, sql FROM sqlite_master")}


def _check_columns(table: str, row: sqlite3.Row, wanted: dict[str, Any]) -> None:
    """What is searched by must be what is found."""
    for name, value in wanted.items():
        if name != "body" and row[name] != value:
            raise rows.DamagedRowError(table, next(iter(row)), f"{name} is {row[name]!r}, in its body {value!r}")


def _check_texts(connection: sqlite3.Connection, table: str, statement: str, parse: Callable[[str], object]) -> None:
    for number, (text,) in enumerate(connection.execute(statement), start=1):
        try:
            parse(text)
        except ValueError as error:
            raise rows.DamagedRowError(table, number, error) from error


def _count(connection: sqlite3.Connection, table: str) -> int:
    count: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 a name of ours
    return count

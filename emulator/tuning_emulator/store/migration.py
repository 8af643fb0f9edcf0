"""The schema, and stores of older versions made into one of this version."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from importlib import resources
from typing import Any

import msgspec

from tuning_emulator.core.clock import to_microseconds
from tuning_emulator.core.records import Asked, Endpoint, ModelVersion, Operation, Progress, TuningJob
from tuning_emulator.store import rows
from tuning_emulator.store.rows import DamagedRowError

SCHEMA_VERSION = 3
"""Of schema.sql."""

READABLE = (2, SCHEMA_VERSION)
"""Versions of files that this program takes. A file of another one is refused rather than misread."""

Row = dict[str, Any]


def load_schema(version: int = SCHEMA_VERSION) -> str:
    """The statements that make the tables of a version."""
    name = "schema.sql" if version == SCHEMA_VERSION else f"schema_{version}.sql"
    return resources.files("tuning_emulator.store").joinpath(name).read_text(encoding="utf-8")


def read_version(connection: sqlite3.Connection) -> int:
    """The version of a file; 0 of an empty one."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def create_tables(connection: sqlite3.Connection) -> None:
    """Makes an empty store, all of it or nothing."""
    connection.executescript(f"BEGIN; {load_schema()}; PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")


def migrate(source: sqlite3.Connection, target: sqlite3.Connection) -> list[DamagedRowError]:
    """Writes everything that a store of version 2 holds to an empty file, as a store of this version.

    Rows that hold no record go over with their old columns for a body: they cannot be read there either, and nothing
    is lost. The errors say which they are.
    """
    damaged: list[DamagedRowError] = []
    create_tables(target)
    with target:
        for table, (statement, key, convert) in _CONVERTED.items():
            _insert(target, table, _convert_rows(source, statement, table, key, convert, damaged))
        for table, statement in _COPIED.items():
            _insert(target, table, map(dict, source.execute(statement)))
        target.execute("DELETE FROM sqlite_sequence")
        _insert(target, "sqlite_sequence", map(dict, source.execute("SELECT name, seq FROM sqlite_sequence")))
    return damaged


def _insert(target: sqlite3.Connection, table: str, values: Iterable[Row]) -> None:
    columns = [str(row[1]) for row in target.execute(f"PRAGMA table_info({table})")]
    names = ", ".join(f":{name}" for name in columns)
    target.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({names})", values)  # noqa: S608 names of ours


# --- version 2: a column for every value


def _convert_rows(
    source: sqlite3.Connection,
    statement: str,
    table: str,
    key: str,
    convert: Callable[[Row], Row],
    damaged: list[DamagedRowError],
) -> Iterator[Row]:
    for row in map(dict, source.execute(statement)):
        try:
            yield row | convert(row)
        except (msgspec.MsgspecError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            damaged.append(DamagedRowError(table, row[key], error))
            yield row | {"shared": 0, "latest_ns": row["updated_ns"], "body": json.dumps(row, ensure_ascii=False)}


def _load(text: str | None) -> Any:
    """A JSON column. What JSON has no number for is kept as ``{"$float": "NaN"}``, as ``vertex.specs`` reads it."""
    return None if text is None else json.loads(text, parse_constant=lambda name: {"$float": name})


def _pick(row: Row, kind: type[msgspec.Struct]) -> Row:
    return {name: row[name] for name in kind.__struct_fields__ if name in row}


def _convert_job(row: Row) -> Row:
    sent, vertex = _load(row["sent"]), row["api"] == "vertex"
    parts = {name: _load(row[name]) for name in ("resolved", "error", "statistics")}
    times = {name: row[name] and to_microseconds(row[name]) for name in ("started_ns", "updated_ns", "ended_ns")}
    hyperparameters = _load(row["requested"]) | ({} if vertex else sent)  # the multiplier, to be echoed
    asked = {
        **_pick(row, Asked),
        "hyperparameters": hyperparameters,
        "labels": _load(row["labels"]),
        "export_last_checkpoint_only": bool(row["export_last_checkpoint_only"]),
        **(_convert_sent(row, sent) if vertex else {}),
    }
    job = {
        **_pick(row, TuningJob),
        "asked": asked,
        "progress": {**_pick(row, Progress), **parts, **times},
        "reader_project_numbers": _load(row["reader_project_numbers"]),
    }
    return rows.format_job(msgspec.convert(job, TuningJob))


def _convert_sent(row: Row, sent: Row) -> Row:
    """What a run took from the request, whenever it needed it."""
    distillation = sent.get("distillation_spec", {})
    return {
        "echoed": sent,
        "output_uri": sent.get("output_uri", ""),
        "base_teacher": distillation.get("base_teacher_model", "").removeprefix("publishers/google/models/"),
        "tuned_teacher": distillation.get("tuned_teacher_model_source", ""),
        "full": row["method"] == "full" or distillation.get("tuning_mode") == "TUNING_MODE_FULL",
    }


def _convert_model_version(row: Row) -> Row:
    values = {**row, "aliases": _load(row["aliases"]), "labels": _load(row["labels"])}
    return rows.format_model_version(msgspec.convert(values, ModelVersion))


def _convert_endpoint(row: Row) -> Row:
    values = {**row, **{name: _load(row[name]) for name in ("labels", "deployed", "traffic")}}
    return rows.format_endpoint(msgspec.convert(values, Endpoint))


def _convert_operation(row: Row) -> Row:
    values = {**_pick(row, Operation), "response": _load(row["response"]), "error": _load(row["error"])}
    return rows.format_operation(msgspec.convert({**values, "done": bool(row["done"])}, Operation))


_CONVERTED: dict[str, tuple[str, str, Callable[[Row], Row]]] = {
    "tuning_jobs": ("SELECT * FROM tuning_jobs", "uid", _convert_job),
    "model_versions": (
        "SELECT v.*, m.project, m.location, m.id AS model_id FROM model_versions AS v "
        "JOIN models AS m ON m.uid = v.model_uid",
        "job_uid",
        _convert_model_version,
    ),
    "endpoints": ("SELECT * FROM endpoints", "uid", _convert_endpoint),
    "operations": ("SELECT * FROM operations", "name", _convert_operation),
}
"""Statement, the column that names a row to people, and how it becomes one of today's."""

_ALIKE = ("job_labels", "inline_datasets", "metric_points", "checkpoints", "models", "permissions")
_COPIED = {name: f"SELECT * FROM {name}" for name in (*_ALIKE, "paces", "job_faults", "clock")}  # noqa: S608 names of ours
_COPIED["gates"] = "SELECT * FROM courses"

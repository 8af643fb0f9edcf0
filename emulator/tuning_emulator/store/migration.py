"""The schema; stores of older versions made into one of this version; copies that somebody else made, checked."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tuning_emulator.core.clock import to_microseconds
from tuning_emulator.core.ids import check_project_number
from tuning_emulator.core.job_control import parse_job_fault, parse_pace
from tuning_emulator.core.records import Asked, Endpoint, ModelVersion, Operation, Progress, TuningJob
from tuning_emulator.store.database import (
    MEMORY,
    DamagedRowError,
    Database,
    Loaded,
    StoreError,
    connect,
    format_cached_content,
    format_endpoint,
    format_job,
    format_model_version,
    format_operation,
    open_copy,
    parse_cached_content,
    parse_endpoint,
    parse_job,
    parse_model_version,
    parse_operation,
)

log = logging.getLogger(__name__)

SCHEMA_VERSION = 4
"""Of schema.sql."""

READABLE = (2, 3, SCHEMA_VERSION)
"""Versions of files that this program takes. A file of another one is refused rather than misread."""

_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"

_READABLE = f"{', '.join(map(str, READABLE[:-1]))} and {SCHEMA_VERSION}"

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


def make_blank(database: Database, path: Path) -> Loaded:
    """An empty store that ``database`` can become: a new file, or one in memory. In any thread."""
    if database.path == MEMORY:
        blank = connect(MEMORY)
        create_tables(blank)
        return blank
    with closing(sqlite3.connect(path)) as connection:
        create_tables(connection)
    return path


def take_over(database: Database) -> None:
    """Makes an empty file a store, and one of an older version one of this version.

    The latter is written anew to a file that goes with its connection, and taken over from there in one transaction: a
    process that is killed meanwhile leaves either the old store or the new one, whole.

    Raises:
        StoreError: it is of a version that this program does not read, or cannot be brought to this one.
    """
    path, connection = database.path, database.connection
    version = read_version(connection)
    if version == 0:
        create_tables(connection)
    elif version not in READABLE:
        raise StoreError(
            f"{path} has schema version {version}, this program reads {_READABLE}; "
            "use the version that wrote it, or another --data-dir"
        )
    elif version != SCHEMA_VERSION:
        log.warning("%s: schema version %s becomes %s; older programs will not read it", path, version, SCHEMA_VERSION)
        try:
            with closing(sqlite3.connect("")) as fresh:
                for error in migrate(connection, fresh):
                    log.warning("%s; it is kept as it is", error)
                fresh.backup(connection)
        except sqlite3.Error as error:
            raise StoreError(f"{path} cannot be brought to schema version {SCHEMA_VERSION}: {error}") from error


def migrate(source: sqlite3.Connection, target: sqlite3.Connection) -> list[DamagedRowError]:
    """Writes everything that a store of an older version holds to an empty file, as a store of this version.

    Since version 3 rows have stayed as they are, and a table that was not there yet is empty. In a store of version 2,
    rows that hold no record go over with their old columns for a body: they cannot be read there either, and nothing
    is lost. The errors say which they are.
    """
    damaged: list[DamagedRowError] = []
    create_tables(target)
    second = read_version(source) == 2
    tables = [name for (name,) in source.execute(_TABLES)]
    copied = _COPIED if second else {name: f"SELECT * FROM {name}" for name in tables}  # noqa: S608 names of ours
    with target:
        for table, (statement, key, convert) in _CONVERTED.items() if second else ():
            _insert(target, table, _convert_rows(source, statement, table, key, convert, damaged))
        for table, statement in copied.items():
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
    return format_job(msgspec.convert(job, TuningJob))


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
    return format_model_version(msgspec.convert(values, ModelVersion))


def _convert_endpoint(row: Row) -> Row:
    values = {**row, **{name: _load(row[name]) for name in ("labels", "deployed", "traffic")}}
    return format_endpoint(msgspec.convert(values, Endpoint))


def _convert_operation(row: Row) -> Row:
    values = {**_pick(row, Operation), "response": _load(row["response"]), "error": _load(row["error"])}
    return format_operation(msgspec.convert({**values, "done": bool(row["done"])}, Operation))


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


# --- copies, checked and brought to this version before they take the store's place


def _check_numbered(text: str) -> None:
    project, _, number = text.rpartition("=")
    check_project_number(project, number)


_RECORDS: dict[str, tuple[Callable[[sqlite3.Row], Any], Callable[[Any], dict[str, Any]]]] = {
    "tuning_jobs": (parse_job, format_job),
    "model_versions": (parse_model_version, format_model_version),
    "endpoints": (parse_endpoint, format_endpoint),
    "operations": (parse_operation, format_operation),
    "cached_contents": (parse_cached_content, format_cached_content),
}
_TEXTS: dict[str, tuple[str, Callable[[str], object]]] = {
    "paces": ("SELECT pace FROM paces", parse_pace),
    "job_faults": ("SELECT fault FROM job_faults", parse_job_fault),
    "project_numbers": ("SELECT id || '=' || number FROM project_numbers", _check_numbered),
    "gates, pace": ("SELECT pace FROM gates WHERE pace != ''", parse_pace),
    "gates, fault": ("SELECT fault FROM gates WHERE fault != ''", parse_job_fault),
}
_COUNTED = (
    *("tuning_jobs", "models", "model_versions", "endpoints", "operations", "permissions", "checkpoints"),
    "cached_contents",
)


class Contents(Struct, frozen=True):
    """What a store holds.

    Attributes:
        counts: Rows by table. adapters: Their directories, relative to the data directory.
        weights: What tuned models were made on, see ``Progress.weights``, with the number of them.
    """

    counts: dict[str, int]
    adapters: tuple[str, ...]
    weights: dict[str, int]


def upgrade_copy(path: Path) -> None:
    """Makes a copy of an older version one of this version; any other is left as it is.

    Raises:
        StoreError: that version's ``write_snapshot`` has not written it.
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
        StoreError: ``write_snapshot`` of this version has not written it; the text says what is wrong.
    """
    adapters: dict[str, None] = {}
    weights: Counter[str] = Counter()
    try:
        with closing(open_copy(path)) as connection:
            _check_schema(connection, SCHEMA_VERSION)
            for table, (parse, format_record) in _RECORDS.items():
                for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 a name of ours
                    record = parse(row)
                    _check_columns(table, row, format_record(record))
                    if table == "tuning_jobs" and record.progress.adapter:
                        adapters[record.progress.adapter] = None
                        weights[record.progress.weights] += 1
            for table, (statement, parse_text) in _TEXTS.items():
                _check_texts(connection, table, statement, parse_text)
            adapters |= dict.fromkeys(
                row[0] for row in connection.execute("SELECT adapter FROM checkpoints WHERE adapter != ''")
            )
            counts = {name: _count(connection, name) for name in _COUNTED}
    except (sqlite3.DatabaseError, DamagedRowError) as error:
        raise StoreError(str(error)) from error
    return Contents(counts, tuple(adapters), {name: count for name, count in weights.items() if name})


def _check_schema(connection: sqlite3.Connection, wanted: int) -> None:
    version = read_version(connection)
    if version != wanted:
        raise StoreError(f"schema version {version}, this program reads {_READABLE}")
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
            raise DamagedRowError(table, next(iter(row)), f"{name} is {row[name]!r}, in its body {value!r}")


def _check_texts(connection: sqlite3.Connection, table: str, statement: str, parse: Callable[[str], object]) -> None:
    for number, (text,) in enumerate(connection.execute(statement), start=1):
        try:
            parse(text)
        except ValueError as error:
            raise DamagedRowError(table, number, error) from error


def _count(connection: sqlite3.Connection, table: str) -> int:
    count: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 a name of ours
    return count

"""The SQLite file: opening it, its schema, its named statements."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import IO, Any

from tuning_emulator.core.job_faults import parse_job_fault
from tuning_emulator.core.pace import parse_pace
from tuning_emulator.store import rows

SCHEMA_VERSION = 2
"""Of schema.sql. A file of another version is refused rather than misread."""

DATABASE_NAME = "emulator.sqlite3"
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


class StoreError(Exception):
    """The data directory cannot be used; the text says why and what to do."""


def load_statements() -> dict[str, str]:
    """The statements of queries.sql by name."""
    statements: dict[str, str] = {}
    text = resources.files("tuning_emulator.store").joinpath("queries.sql").read_text(encoding="utf-8")
    for part in text.split("-- name: ")[1:]:
        name, _, statement = part.partition("\n")
        statements[name.strip()] = statement.strip()
    return statements


class Database:
    """One connection to one file (or to memory), used from one thread.

    WAL with ``synchronous=NORMAL``: a killed process loses nothing that was committed.
    """

    def __init__(self, directory: Path | None) -> None:
        self._lock = _lock_directory(directory) if directory else None
        path = str(directory / DATABASE_NAME) if directory else ":memory:"
        self._connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;")
        self._statements = load_statements()
        self._replacements = 0
        self._create_or_check(path)

    def _create_or_check(self, path: str) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            script = resources.files("tuning_emulator.store").joinpath("schema.sql").read_text(encoding="utf-8")
            self._connection.executescript(f"BEGIN; {script}; PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        elif version != SCHEMA_VERSION:
            self.close()
            raise StoreError(
                f"{path} has schema version {version}, this program reads {SCHEMA_VERSION}; "
                "use the version that wrote it, or another --data-dir"
            )

    @property
    def changes(self) -> int:
        """A number that grows with every row written."""
        return self._connection.total_changes + self._replacements

    def execute(self, name: str, *values: Any) -> sqlite3.Cursor:
        """Runs the named statement."""
        return self._connection.execute(self._statements[name], values)

    def execute_many(self, name: str, rows: list[tuple[Any, ...]]) -> None:
        """Runs the named statement once per row."""
        self._connection.executemany(self._statements[name], rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Nested use joins the outer one."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def empty(self, kept: Collection[str] = ()) -> None:
        """Deletes every row of every table but some. With no reference to follow, SQLite drops whole pages."""
        self._connection.execute("PRAGMA foreign_keys=OFF")
        try:
            with self.transaction():
                for (name,) in self._connection.execute(_TABLES).fetchall():
                    if name not in kept:
                        self._connection.execute(f"DELETE FROM {name}")  # noqa: S608 a name of ours
        finally:
            self._connection.execute("PRAGMA foreign_keys=ON")
        self._replacements += 1

    def copy_to(self, path: Path) -> None:
        """Writes everything to a new file, as it stands at this moment."""
        with closing(sqlite3.connect(path)) as target:
            self._connection.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it

    def replace_with(self, path: Path) -> None:
        """Takes everything from a file that ``check_copy`` has found good: all of it or, on an error, nothing."""
        with closing(open_copy(path)) as source:
            source.backup(self._connection)
        self._replacements += 1

    def close(self) -> None:
        """Closes the file and lets another server have the directory."""
        self._connection.close()
        if self._lock:
            self._lock.close()


def open_copy(path: Path) -> sqlite3.Connection:
    """A file of somebody else, to read only."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA trusted_schema=OFF")
    return connection


def check_copy(connection: sqlite3.Connection) -> None:
    """Refuses a file that ``Database.copy_to`` of this version has not written.

    Raises:
        StoreError: it is no database, damaged, of another version, or holds other tables, views or triggers.
    """
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            raise StoreError(f"schema version {version}, this program reads {SCHEMA_VERSION}")
        damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise StoreError(f"damaged: {damage}")
        found = _read_schema(connection)
    except sqlite3.DatabaseError as error:
        raise StoreError(str(error)) from error
    with closing(sqlite3.connect(":memory:")) as fresh:
        fresh.executescript(resources.files("tuning_emulator.store").joinpath("schema.sql").read_text(encoding="utf-8"))
        strange = sorted(str(row[1]) for row in found ^ _read_schema(fresh))
    if strange:
        raise StoreError(f"other tables than this program writes: {', '.join(strange)}")


def _read_schema(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    return {(row[0], row[1], row[2] or "") for row in connection.execute("SELECT type, name, sql FROM sqlite_master")}


def _lock_directory(directory: Path) -> IO[str]:
    """Takes the directory for this process; two servers on one directory would each undo the other's work."""
    directory.mkdir(parents=True, exist_ok=True)
    handle = (directory / "lock").open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise StoreError(f"data directory {directory} is in use by another tuning-emulator; choose another") from error
    return handle


# --- reading a copy of a store that somebody else made, before it takes the place of ours

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
    "courses": ("SELECT pace, fault FROM courses", lambda row: _parse_gate(*row)),
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


def _parse_gate(pace: str, fault: str) -> None:
    if pace:
        parse_pace(pace)
    if fault:
        parse_job_fault(fault)


def _count(connection: sqlite3.Connection, table: str) -> int:
    count: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 a name of ours
    return count

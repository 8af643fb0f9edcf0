"""The SQLite file: opening it, its schema, its named statements."""

from __future__ import annotations

import fcntl
import logging
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from typing import IO, Any

from tuning_emulator.store.migration import READABLE, SCHEMA_VERSION, create_tables, migrate, read_version

log = logging.getLogger(__name__)

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
    """One connection to one file (or to memory), used from one thread; from others it may be looked into, as tests do.

    WAL with ``synchronous=NORMAL``: a killed process loses nothing that was committed.
    """

    def __init__(self, directory: Path | None) -> None:
        self._lock = _lock_directory(directory) if directory else None
        path = str(directory / DATABASE_NAME) if directory else ":memory:"
        self._connection = sqlite3.connect(path, isolation_level=None, cached_statements=256, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;")
        self._statements = load_statements()
        self._replacements = 0
        self._take_over(path)

    def _take_over(self, path: str) -> None:
        """Makes an empty file a store, and one of an older version one of this version."""
        version = read_version(self._connection)
        if version == 0:
            create_tables(self._connection)
        elif version not in READABLE:
            self.close()
            raise StoreError(
                f"{path} has schema version {version}, this program reads {' and '.join(map(str, READABLE))}; "
                "use the version that wrote it, or another --data-dir"
            )
        elif version != SCHEMA_VERSION:
            self._migrate(path, version)

    def _migrate(self, path: str, version: int) -> None:
        """Brings a store of an older version to this one.

        It is written anew to a file that goes with its connection, and taken over from there in one transaction: a
        process that is killed meanwhile leaves either the old store or the new one, whole.
        """
        log.warning("%s: schema version %s becomes %s; older programs will not read it", path, version, SCHEMA_VERSION)
        try:
            with closing(sqlite3.connect("")) as fresh:
                for error in migrate(self._connection, fresh):
                    log.warning("%s; it is kept as it is", error)
                fresh.backup(self._connection)
        except sqlite3.Error as error:
            self.close()
            raise StoreError(f"{path} cannot be brought to schema version {SCHEMA_VERSION}: {error}") from error

    @property
    def changes(self) -> int:
        """A number that grows with every row written."""
        return self._connection.total_changes + self._replacements

    def execute(self, name: str, /, *values: Any, **named: Any) -> sqlite3.Cursor:
        """Runs the named statement, with values in order or by name."""
        return self._connection.execute(self._statements[name], named or values)

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
        """Takes everything from a file that ``copies`` has found good: all of it or, on an error, nothing."""
        with closing(open_copy(path)) as source:
            source.backup(self._connection)
        self._take_over(str(path))  # an import of an older program, cut short before it was in its place
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

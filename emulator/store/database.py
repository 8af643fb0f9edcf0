"""The SQLite file: opening it, its schema, its named statements."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import IO, Any

SCHEMA_VERSION = 1
"""Of schema.sql. A file of another version is refused rather than misread."""

DATABASE_NAME = "emulator.sqlite3"


class StoreError(Exception):
    """The data directory cannot be used; the text says why and what to do."""


def load_statements() -> dict[str, str]:
    """The statements of queries.sql by name."""
    statements: dict[str, str] = {}
    text = resources.files("emulator.store").joinpath("queries.sql").read_text(encoding="utf-8")
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
        self._create_or_check(path)

    def _create_or_check(self, path: str) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            script = resources.files("emulator.store").joinpath("schema.sql").read_text(encoding="utf-8")
            self._connection.executescript(f"BEGIN; {script}; PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        elif version != SCHEMA_VERSION:
            self.close()
            raise StoreError(
                f"{path} has schema version {version}, this program reads {SCHEMA_VERSION}; "
                "use the version that wrote it, or another --data-dir"
            )

    @property
    def changes(self) -> int:
        """How many rows this connection has written."""
        return self._connection.total_changes

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

    def close(self) -> None:
        """Closes the file and lets another server have the directory."""
        self._connection.close()
        if self._lock:
            self._lock.close()


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

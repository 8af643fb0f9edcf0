"""The SQLite file: its named statements, and records as its rows.

A row has columns to search by, and the whole record as JSON in the column ``body``; the columns are written from the
record, with it. Two things count as they stand in the columns: a uid, which SQLite gives, and how many steps and epochs
a job has done, which is written after every step without the rest.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec.structs import replace

from tuning_emulator.core.records import (
    BatchJob,
    CachedContent,
    Endpoint,
    Job,
    ModelVersion,
    Operation,
    Record,
    TuningJob,
)

R = TypeVar("R", bound=Record)

Loaded: TypeAlias = Path | sqlite3.Connection
"""What a database can become: a file or, if it has none itself, a connection to what is in memory."""

_encode = msgspec.json.Encoder().encode

DATABASE_NAME = "emulator.sqlite3"
MEMORY = ":memory:"
"""The path of a database that has no file."""


class StoreError(Exception):
    """The data directory cannot be used; the text says why and what to do."""


class DamagedRowError(Exception):
    """A row holds no record; the text names table and row."""

    def __init__(self, table: str, row: object, reason: object) -> None:
        super().__init__(f"{table}: row {row} cannot be read: {reason}")


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

    Attributes:
        path: Of the file, or ``:memory:``.
        connection: What is asked; another one once everything was replaced.
    """

    def __init__(self, directory: Path | None) -> None:
        self._locks = _lock_directory(directory) if directory else []
        self.path = str(directory / DATABASE_NAME) if directory else MEMORY
        try:
            self.connection = _open(self.path)
        except sqlite3.DatabaseError as error:
            _unlock(self._locks)
            raise StoreError(
                f"{self.path} cannot be used: {error}; bring it back from a copy, or move it away to begin anew "
                "(a state archive brings everything back: serve --import FILE)"
            ) from error
        self._statements = load_statements()
        self._changes_before = 0

    def execute(self, name: str, /, *values: Any, **named: Any) -> sqlite3.Cursor:
        """Runs the named statement, with values in order or by name."""
        return self.connection.execute(self._statements[name], named or values)

    def execute_many(self, name: str, rows: list[tuple[Any, ...]]) -> None:
        """Runs the named statement once per row."""
        self.connection.executemany(self._statements[name], rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Nested use joins the outer one."""
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.OperationalError):  # a full disk may have ended it
                self.connection.execute("ROLLBACK")
            raise

    @property
    def changes(self) -> int:
        """Grows with every row written, and when everything is replaced."""
        return self._changes_before + self.connection.total_changes

    def snapshot(self) -> sqlite3.Connection:
        """Everything as it stands at this moment, for ``write_snapshot``: a reader of the file, or a copy in memory."""
        snapshot = sqlite3.connect(self.path, check_same_thread=False)
        if self.path == MEMORY:
            self.connection.backup(snapshot)
        else:
            snapshot.execute("BEGIN")
            snapshot.execute("SELECT 1 FROM sqlite_master").fetchone()  # what is written from now on, it does not see
        return snapshot

    def load(self, path: Path) -> Loaded:
        """What ``become`` takes, of a good file: the file, or all of it in memory if this one is. In any thread."""
        if self.path != MEMORY:
            return path
        connection = connect(MEMORY)
        with closing(open_copy(path)) as source:
            source.backup(connection)
        return connection

    def become(self, other: Loaded, previous: Path, kept: Collection[str] = ()) -> None:
        """Takes another's content for its own in a moment, however much it is: all of it or, on an error, nothing.

        Args:
            other: Of ``load``; a file is renamed.
            previous: What its own file is named from now on.
            kept: Tables that stay; then how many rows there ever were counts on as well.
        """
        if kept:
            self._keep(other, kept)
        before = self.changes
        if isinstance(other, Path):
            self._rename(other, previous)
        else:
            self.connection.close()
            self.connection = other
        self._changes_before = before + 1

    def _keep(self, other: Loaded, tables: Collection[str]) -> None:
        with closing(sqlite3.connect(other)) if isinstance(other, Path) else nullcontext(other) as target, target:
            for table in (*tables, "sqlite_sequence"):
                rows = [tuple(row) for row in self.connection.execute(f"SELECT * FROM {table}")]  # noqa: S608 ours
                target.execute(f"DELETE FROM {table}")  # noqa: S608 a name of ours
                if rows:
                    marks = ", ".join("?" * len(rows[0]))
                    target.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 a name of ours

    def _rename(self, other: Path, previous: Path) -> None:
        """Its own file makes place for another. What SQLite keeps beside it goes along: it would be the other's."""
        self.connection.close()
        renamed: list[tuple[str, str]] = []
        try:
            for suffix in ("", "-wal", "-shm"):
                if os.path.exists(self.path + suffix):  # the latter two: some other program looks into it
                    os.rename(self.path + suffix, f"{previous}{suffix}")
                    renamed.append((f"{previous}{suffix}", self.path + suffix))
            os.rename(other, self.path)
            self.connection = connect(self.path)
        except BaseException:
            for suffix in ("-wal", "-shm"):
                Path(self.path + suffix).unlink(missing_ok=True)
            for source, target in renamed:
                os.rename(source, target)
            self.connection = connect(self.path)
            raise

    def close(self) -> None:
        """Closes the file and lets another server have the directory."""
        self.connection.close()
        _unlock(self._locks)


def _open(path: str) -> sqlite3.Connection:
    """A connection to a file that is whole.

    Raises:
        sqlite3.DatabaseError: it cannot be written, is none of SQLite's, or a page of it is damaged.
    """
    connection = connect(path)
    try:
        damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise sqlite3.DatabaseError(damage.replace("\n", ": "))
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def connect(path: str) -> sqlite3.Connection:
    """A connection as this program uses it."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256, check_same_thread=False)
    try:
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    return connection


def write_snapshot(snapshot: sqlite3.Connection, path: Path) -> None:
    """Writes a snapshot to a new file, in any thread, and closes it."""
    with closing(snapshot), closing(sqlite3.connect(path)) as target:
        snapshot.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it


def open_copy(path: Path) -> sqlite3.Connection:
    """A file of somebody else, to read only."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA trusted_schema=OFF")
    return connection


def _lock_directory(directory: Path) -> list[int]:
    """Takes the directory for this process; two servers on one directory would each undo the other's work.

    Both the file ``lock`` and the directory itself are locked: the former may be removed, the latter cannot be locked
    on every file system.

    Raises:
        StoreError: somebody else has it, or it cannot be used.
    """
    handles: list[int] = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handles.append(os.open(directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666))
        handles.append(os.open(directory, os.O_RDONLY | os.O_CLOEXEC))
        for handle in handles:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if handle == handles[0] or isinstance(error, BlockingIOError):
                    raise
    except BlockingIOError as error:
        _unlock(handles)
        raise StoreError(f"data directory {directory} is in use by another tuning-emulator; choose another") from error
    except OSError as error:
        _unlock(handles)
        raise StoreError(
            f"data directory {directory} cannot be used: {error.strerror}; make it a directory that can be written, "
            "or choose another"
        ) from error
    return handles


def _unlock(handles: list[int]) -> None:
    while handles:
        os.close(handles.pop())


# --- records as rows


def _create_parser(table: str, kind: type[R], key: str) -> Callable[[sqlite3.Row], R]:
    """Reads the body of a row. ``key``: the column that error texts name the row by."""
    decode = msgspec.json.Decoder(kind).decode

    def parse(row: sqlite3.Row) -> R:
        try:
            return decode(row["body"])
        except (msgspec.MsgspecError, RecursionError) as error:
            raise DamagedRowError(table, row[key], error) from error

    return parse


def _dump(record: Record) -> str:
    return _encode(record).decode()


# --- tuning jobs

_parse_tuning_job = _create_parser("tuning_jobs", TuningJob, "uid")
_parse_batch = _create_parser("tuning_jobs", BatchJob, "uid")
J = TypeVar("J", bound=Job)


def parse_tuning_job(row: sqlite3.Row) -> TuningJob:
    """A tuning job's row of ``tuning_jobs``.

    Raises:
        DamagedRowError: it holds no job. So do the other readers.
    """
    return _complete_job(_parse_tuning_job(row), row)


def parse_batch(row: sqlite3.Row) -> BatchJob:
    """A batch's row of ``tuning_jobs``."""
    return _complete_job(_parse_batch(row), row)


def parse_job(row: sqlite3.Row) -> Job:
    """Any row of ``tuning_jobs``."""
    return parse_batch(row) if row["api"].endswith("_batch") else parse_tuning_job(row)


def _complete_job(job: J, row: sqlite3.Row) -> J:
    steps, epochs = row["completed_steps"], row["completed_epochs"]
    return replace(job, uid=row["uid"], progress=replace(job.progress, completed_steps=steps, completed_epochs=epochs))


def format_job(job: Job) -> dict[str, Any]:
    """Its columns by name."""
    progress = job.progress
    return {
        "uid": job.uid,
        "api": job.api,
        "project": job.project,
        "location": job.location,
        "id": job.id,
        "state": progress.state,
        "display_name": job.display_name,
        "experiment_id": progress.experiment_id,
        "shared": int(isinstance(job, TuningJob) and bool(job.reader_project_numbers)),
        "latest_ns": max(job.created_ns, progress.updated_ns, progress.started_ns or 0, progress.ended_ns or 0),
        "completed_steps": progress.completed_steps,
        "completed_epochs": progress.completed_epochs,
        "body": _dump(job),
    }


# --- what jobs leave behind

_VERSION_BITS = 20
"""More versions than a model has."""

parse_model_version = _create_parser("model_versions", ModelVersion, "job_uid")
parse_operation = _create_parser("operations", Operation, "name")
_parse_endpoint = _create_parser("endpoints", Endpoint, "uid")
_parse_cached_content = _create_parser("cached_contents", CachedContent, "uid")


def parse_endpoint(row: sqlite3.Row) -> Endpoint:
    """A row of ``endpoints``."""
    return replace(_parse_endpoint(row), uid=row["uid"])


def parse_cached_content(row: sqlite3.Row) -> CachedContent:
    """A row of ``cached_contents``."""
    return replace(_parse_cached_content(row), uid=row["uid"])


def format_cached_content(cached: CachedContent) -> dict[str, Any]:
    """Its columns by name."""
    return _format(cached, "uid", "api", "project", "location", "id", "updated_ns", "expires_ns")


def format_model_version(version: ModelVersion) -> dict[str, Any]:
    """Its columns by name. A copy is found by no job: its number there is one that no job has."""
    columns = _format(version, "model_uid", "version", "job_uid", "updated_ns")
    if version.copied_from:
        columns["job_uid"] = -(version.model_uid << _VERSION_BITS) - version.version
    return columns


def format_endpoint(endpoint: Endpoint) -> dict[str, Any]:
    """Its columns by name."""
    return _format(endpoint, "uid", "project", "location", "id", "updated_ns")


def format_operation(operation: Operation) -> dict[str, Any]:
    """Its columns by name."""
    return _format(operation, "name", "project", "location", "updated_ns")


def _format(record: Record, *columns: str) -> dict[str, Any]:
    return {**{name: getattr(record, name) for name in columns}, "body": _dump(record)}

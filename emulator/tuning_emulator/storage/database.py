"""The SQLite file of the embedded storage: opening it, one transaction at a time, rows in and out.

It is no part of the emulator's own database: threads of jobs use it as well as requests do, and it lies with the files
that it is about, so that a state archive, a reset or a restart takes both or neither.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import astuple, fields
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tuning_emulator.storage.records import Bucket, Conditions, Content, Part, Session, State, StoredObject

SCHEMA_VERSION = 1
"""Of schema.sql. A file of another version is refused rather than misread."""

DATABASE_NAME = "_storage.sqlite3"

OBJECT_COLUMNS = ", ".join(one.name for one in fields(StoredObject))
_SESSION = ", ".join(one.name for one in fields(Session))
BUCKET_COLUMNS = ", ".join(one.name for one in fields(Bucket))
_Record = TypeVar("_Record", Bucket, StoredObject, Session)


class DamagedStorageError(Exception):
    """The directory's records cannot be read, or do not fit its files; the text says what to do."""


class Database:
    """One connection, shared by threads: who is in ``transaction`` has it alone.

    Args:
        directory: Where the file is, or will be. durable: Whether it must outlive a loss of power.

    Raises:
        DamagedStorageError: the file is none of ours.
    """

    def __init__(self, directory: Path, *, durable: bool) -> None:
        self._path = directory / DATABASE_NAME
        self._durable = durable
        self._lock = threading.RLock()
        self._connection = self._open()

    def _open(self, *, checked: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, cached_statements=256, check_same_thread=False)
        try:
            connection.executescript(
                f"PRAGMA journal_mode=WAL; PRAGMA synchronous={'FULL' if self._durable else 'OFF'};"
                "PRAGMA foreign_keys=ON;"
            )
            damage = "ok" if checked else connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if damage != "ok":
                raise sqlite3.DatabaseError(damage.replace("\n", ": "))
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                connection.executescript(f"BEGIN; {read_schema()}; PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
            elif version != SCHEMA_VERSION:
                raise DamagedStorageError(
                    f"{self._path} has schema version {version}, this program reads {SCHEMA_VERSION}; "
                    "use the version that wrote it, or another --data-dir"
                )
        except sqlite3.DatabaseError as error:
            connection.close()
            hint = "bring it back from a copy, or move the directory away"
            raise DamagedStorageError(f"{self._path}: {error}; {hint}") from error
        return connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and nobody else meanwhile. Nested use joins the outer one."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.OperationalError):  # a full disk may have ended it
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else meanwhile, without a transaction: for reads that open what they have read of."""
        with self._lock:
            yield

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        """Runs a statement."""
        return self._connection.execute(statement, values)

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """The file may be replaced in the block, by one that was checked; nobody uses it meanwhile."""
        with self._lock:
            self._connection.close()
            try:
                yield
            finally:
                self._connection = self._open(checked=True)

    def settle(self) -> None:
        """Closes the file, which then is one that can be moved."""
        with self._lock:
            self._connection.execute("PRAGMA journal_mode=DELETE")
            self._connection.close()

    def copy_to(self, directory: Path, *, without: str) -> None:
        """Writes everything but uploads under way and the buckets of a project to a new file, as it stands now."""
        with self._lock, closing(sqlite3.connect(directory / DATABASE_NAME)) as target:
            self._connection.backup(target)
            target.execute("PRAGMA foreign_keys=ON")
            target.execute("DELETE FROM buckets WHERE project = ?", (without,))
            target.commit()
            target.executescript("DELETE FROM sessions; PRAGMA journal_mode=DELETE; VACUUM;")  # one file, no other

    # --- records ------------------------------------------------------------------------------------

    def buckets(self, where: str, *values: Any) -> list[Bucket]:
        """The buckets of a condition."""
        return [parse_bucket(row) for row in self.rows(f"SELECT {BUCKET_COLUMNS} FROM buckets {where}", *values)]  # noqa: S608

    def objects(self, where: str, *values: Any) -> list[StoredObject]:
        """The generations of a condition."""
        return [parse_object(row) for row in self.rows(f"SELECT {OBJECT_COLUMNS} FROM objects {where}", *values)]  # noqa: S608

    def sessions(self, where: str, *values: Any) -> list[Session]:
        """The uploads of a condition."""
        return [parse_session(row) for row in self.rows(f"SELECT {_SESSION} FROM sessions {where}", *values)]  # noqa: S608

    def parts(self, session: str) -> list[Part]:
        """The parts of an upload, in order."""
        found = self.rows(
            "SELECT number, content, size_bytes, md5, crc32c, created_ns FROM parts WHERE session = ? ORDER BY number",
            session,
        )
        return [Part(number, Content(*content), created_ns) for number, *content, created_ns in found]

    def put(self, record: Bucket | StoredObject | Session) -> None:
        """Writes a record, over the one of the same key."""
        table = {Bucket: "buckets", StoredObject: "objects", Session: "sessions"}[type(record)]
        values = [_to_column(getattr(record, one.name)) for one in fields(record)]
        names = ", ".join(one.name for one in fields(record))
        key = {"buckets": "name", "objects": "bucket, name, generation", "sessions": "id"}[table]
        changed = ", ".join(f"{one.name} = excluded.{one.name}" for one in fields(record))
        marks = ", ".join("?" * len(values))
        self.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {changed}",  # noqa: S608
            *values,
        )

    def put_part(self, session: str, part: Part) -> None:
        """Writes a part, over one of the same number."""
        self.execute(
            "INSERT OR REPLACE INTO parts (session, number, content, size_bytes, md5, crc32c, created_ns) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(session, part.number, *astuple(part.content), part.created_ns),
        )


def parse_bucket(row: tuple[Any, ...]) -> Bucket:
    """A row of ``buckets``."""
    name, project, created_ns, updated_ns, metageneration, data = row
    return Bucket(name, project, created_ns, updated_ns, metageneration, _parse_fields(data))


_make_object: Callable[..., StoredObject] = StoredObject
_STATES = tuple(State)


def parse_object(row: tuple[Any, ...]) -> StoredObject:
    """A row of ``objects``."""
    return _make_object(*row[:11], _STATES[row[11]], *row[12:14], _parse_fields(row[14]))


def parse_session(row: tuple[Any, ...]) -> Session:
    """A row of ``sessions``."""
    identifier, bucket, name, content, created_ns, data, conditions, sent, *rest = row
    received_bytes, total_bytes, generation, cancelled, parts = rest
    return Session(
        *(identifier, bucket, name, content, created_ns, _parse_fields(data)),
        msgspec.json.decode(conditions, type=Conditions),
        _parse_fields(sent),
        *(received_bytes, total_bytes, generation, bool(cancelled), bool(parts)),
    )


_parse_fields = msgspec.json.Decoder(dict[str, Any]).decode


def _to_column(value: Any) -> Any:
    if isinstance(value, dict | Conditions):
        return msgspec.json.encode(value).decode()
    return int(value) if isinstance(value, bool) else value


def read_schema() -> str:
    return resources.files("tuning_emulator.storage").joinpath("schema.sql").read_text(encoding="utf-8")

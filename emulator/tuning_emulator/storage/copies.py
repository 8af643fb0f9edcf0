"""Copies of the whole storage: ours, for an archive, and somebody's, checked before it takes the place of ours."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from tuning_emulator.core.errors import ApiError
from tuning_emulator.storage.contents import CONTENTS_NAME, Contents
from tuning_emulator.storage.database import (
    BUCKET_COLUMNS,
    DATABASE_NAME,
    OBJECT_COLUMNS,
    SCHEMA_VERSION,
    DamagedStorageError,
    Database,
    parse_bucket,
    parse_object,
    read_schema,
)
from tuning_emulator.storage.migration import META_NAME, check_old_copy, migrate
from tuning_emulator.storage.records import Bucket, State, StoredObject
from tuning_emulator.storage.resources import BUCKET_FIELDS, OBJECT_FIELDS, read_fields
from tuning_emulator.storage.stand_in import SAMPLES_OWNER
from tuning_emulator.storage.store import Storage

_LINK_ATTEMPTS = 3


def link_copy(storage: Storage, directory: Path) -> None:
    """Makes a copy in a new directory on the same file system, without uploads under way and sample data."""
    for _ in range(_LINK_ATTEMPTS):  # others go on meanwhile, and may remove what is about to be linked
        with suppress(FileNotFoundError):
            storage.contents.link_to(directory / CONTENTS_NAME, _copy_records(storage.database, directory))
            return
        shutil.rmtree(directory)
    with storage.database.alone():
        storage.contents.link_to(directory / CONTENTS_NAME, _copy_records(storage.database, directory))


def _copy_records(database: Database, directory: Path) -> set[str]:
    """Into a new directory; the files that they name."""
    directory.mkdir()
    with database.alone():
        database.copy_to(directory, without=SAMPLES_OWNER)
        own = "SELECT content FROM objects WHERE bucket NOT IN (SELECT name FROM buckets WHERE project = ?)"
        return {row[0] for row in database.rows(own, SAMPLES_OWNER)}


def check_copy(directory: Path, now_ns: int) -> int:
    """Refuses what ``link_copy`` has not written, before it takes a place; brings an older one up to date.

    Returns:
        How many live objects it has.

    Raises:
        DamagedStorageError: records and files do not agree, or are not ours.
    """
    if (directory / META_NAME).exists():
        check_old_copy(directory)
        migrate(directory, now_ns)
    elif not any(directory.iterdir()):
        return 0
    buckets, found = read_copy(directory)
    names = {one.name for one in buckets}
    try:
        sizes = Contents(directory / CONTENTS_NAME).sizes()
    except ValueError as error:
        raise DamagedStorageError(str(error)) from error
    try:
        for bucket in buckets:
            read_fields(bucket.fields, BUCKET_FIELDS, [])
        for one in found:
            read_fields(one.fields, OBJECT_FIELDS, [])
    except (ValueError, TypeError, AttributeError, ApiError) as error:
        raise DamagedStorageError("a record of a bucket or an object cannot be read") from error
    others = {path.name for path in directory.iterdir()} - {DATABASE_NAME, CONTENTS_NAME}
    strange = sorted({one.content for one in found} ^ sizes.keys() | others)
    if strange:
        raise DamagedStorageError(f"the records of objects and the files differ: {strange[0]}")
    for one in found:
        if one.bucket not in names:
            raise DamagedStorageError(f"{one.bucket!r} is no bucket")
        if sizes[one.content] != one.size_bytes:
            raise DamagedStorageError(f"{one.name}: {sizes[one.content]} bytes, in its record {one.size_bytes}")
    return sum(one.state is State.LIVE for one in found)


_BUCKET_TYPES = tuple[str, str, int, int, int, str]
_OBJECT_TYPES = tuple[str, str, int, int, str, str, str, int, int, int, int, int, int, int, str]


def read_copy(directory: Path) -> tuple[list[Bucket], list[StoredObject]]:
    """Checks the records of ``Database.copy_to``, row by row; the buckets and generations in them.

    Raises:
        DamagedStorageError: this version has not written them.
    """
    path = directory / DATABASE_NAME
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("PRAGMA trusted_schema=OFF")
            _check_schema(connection)
            if connection.execute("SELECT 1 FROM sessions UNION ALL SELECT 1 FROM parts").fetchone():
                raise DamagedStorageError(f"{DATABASE_NAME}: uploads under way do not belong here")
            rows = connection.execute(f"SELECT {BUCKET_COLUMNS} FROM buckets")  # noqa: S608 names of ours
            buckets = [parse_bucket(msgspec.convert(row, _BUCKET_TYPES)) for row in rows]
            rows = connection.execute(f"SELECT {OBJECT_COLUMNS} FROM objects")  # noqa: S608 names of ours
            return buckets, [parse_object(msgspec.convert(row, _OBJECT_TYPES)) for row in rows]
    except (sqlite3.DatabaseError, msgspec.MsgspecError, ValueError, TypeError) as error:
        raise DamagedStorageError(f"{DATABASE_NAME}: {error}") from error


def _check_schema(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if version != SCHEMA_VERSION or damage != "ok":
        reads = f"this program reads {SCHEMA_VERSION}"
        raise DamagedStorageError(f"{DATABASE_NAME}: schema version {version}, {reads}; {damage}")
    with closing(sqlite3.connect(":memory:")) as fresh:
        fresh.executescript(read_schema())
        wanted, found = (
            {tuple(row) for row in one.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master")}
            for one in (fresh, connection)
        )
    if wanted != found:
        strange = ", ".join(sorted(row[1] for row in wanted ^ found))
        raise DamagedStorageError(f"{DATABASE_NAME}: other tables than this program writes: {strange}")

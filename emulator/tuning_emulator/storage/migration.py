"""Directories that a version before 0.2 has written: a list of everything in ``.meta``, a file for each object.

Files are linked into their new places, then one database names them all, then the old ones go: a crash in between
leaves the old directory or the new one, and the next start goes on.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tuning_emulator.core.errors import ApiError
from tuning_emulator.protojson.scalars import parse_timestamp
from tuning_emulator.storage.contents import CONTENTS_NAME, Contents, link_or_copy
from tuning_emulator.storage.database import DATABASE_NAME, DamagedStorageError, Database
from tuning_emulator.storage.records import Bucket, Conditions, Content, Session, State, StoredObject
from tuning_emulator.storage.resources import BUCKET_FIELDS, OBJECT_FIELDS, clean, read_fields

log = logging.getLogger(__name__)

META_NAME = ".meta"
_NEW = "_new"
_RESUMABLE, _SOFT_DELETED, _UPLOADS = "_resumable", "_softdelete", "_uploads"
_NAME_BYTES = 200
_BUCKET = re.compile(r"[a-z0-9][-_.a-z0-9]{1,220}[a-z0-9]")
_Tables = dict[str, Any]


def migrate(directory: Path, now_ns: int) -> None:
    """Brings a directory up to date; one that is, or that is empty, stays as it is.

    Raises:
        DamagedStorageError: its list cannot be read.
    """
    if not (directory / META_NAME).exists():
        shutil.rmtree(directory / _NEW, ignore_errors=True)
        return
    tables = read_tables(directory)
    if not (directory / DATABASE_NAME).exists():
        log.info("%s: the storage of an earlier version is brought up to date", directory)
        place = directory / _NEW
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        database = Database(place, durable=True)
        with database.transaction():
            try:
                _Migration(directory, database, tables, now_ns).run()
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise DamagedStorageError(f"{directory / META_NAME}: {error!r}; move the directory away") from error
        database.settle()
        (place / DATABASE_NAME).rename(directory / DATABASE_NAME)
        place.rmdir()
    for name in (*tables["buckets"], *tables["objects"], _RESUMABLE, _SOFT_DELETED, _UPLOADS):
        if _is_plain(name):
            shutil.rmtree(directory / name, ignore_errors=True)
    (directory / META_NAME).unlink()


def read_tables(directory: Path) -> _Tables:
    """What ``.meta`` says.

    Raises:
        DamagedStorageError: it is none.
    """
    path = directory / META_NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        names = ("buckets", "objects", "resumable", "bucket_iam_policies", "soft_deleted")
        tables = {name: found.get(name) or {} for name in names}
        if not all(isinstance(table, dict) for table in tables.values()):
            raise TypeError("a table is none")
    except (ValueError, AttributeError, TypeError, OSError) as error:
        raise DamagedStorageError(f"{path}: {error}; move the directory away") from error
    return tables


class _Migration:
    """Reads the old tables into a new database."""

    def __init__(self, directory: Path, database: Database, tables: _Tables, now_ns: int) -> None:
        self._directory = directory
        self._database = database
        self._tables = tables
        self._now_ns = now_ns
        self._contents = Contents(directory / CONTENTS_NAME)

    def run(self) -> None:
        """All of it."""
        for name, resource in self._tables["buckets"].items():
            self._database.put(self._read_bucket(name, resource))
        last = 0
        for path, record in self._list_objects():
            content = self._adopt(path, record.content) if path.is_file() else None
            if content is None:
                log.warning("gs://%s/%s: its file is missing; it is left out", record.bucket, record.name)
                continue
            last = max(last, record.generation)
            if content.size_bytes != record.size_bytes or not (record.md5 and record.crc32c):
                found = self._contents.measure(record.content)
                right = replace(record, size_bytes=found.size_bytes, md5=found.md5, crc32c=found.crc32c)
                self._database.put(right)
            else:
                self._database.put(record)
        self._database.execute("UPDATE generations SET last = ?", last)
        for identifier, resource in self._tables["resumable"].items():
            self._open_session(identifier, resource)

    def _read_bucket(self, name: str, resource: dict[str, Any]) -> Bucket:
        fields = _read_fields(resource, BUCKET_FIELDS)
        policy = self._tables["bucket_iam_policies"].get(name)
        if policy:
            fields["_iam"] = policy
        created_ns = self._parse_time(resource.get("timeCreated"))
        updated_ns = self._parse_time(resource.get("updated"))
        metageneration = int(resource.get("metageneration") or 1)
        return Bucket(name, str(resource.get("projectNumber", "")), created_ns, updated_ns, metageneration, fields)

    def _list_objects(self) -> Iterator[tuple[Path, StoredObject]]:
        for bucket, names in self._tables["objects"].items():
            for name, resource in names.items():
                yield self._directory / bucket / old_file_name(name), self._read_object(bucket, name, resource)
        for bucket, names in self._tables["soft_deleted"].items():
            for name, generations in names.items():
                for generation, resource in generations.items():
                    path = self._directory / old_soft_deleted_path(bucket, name, generation)
                    yield path, self._read_object(bucket, name, resource)

    def _read_object(self, bucket: str, name: str, resource: dict[str, Any]) -> StoredObject:
        fields = _read_fields(resource, OBJECT_FIELDS)
        gone = resource.get("softDeleteTime")
        return StoredObject(
            *(bucket, name, int(resource["generation"]), int(resource["size"]), uuid.uuid4().hex),
            *(str(resource.get("md5Hash") or ""), str(resource.get("crc32c") or "")),
            *(self._parse_time(resource.get("timeCreated")), self._parse_time(resource.get("updated"))),
            metageneration=int(resource.get("metageneration") or 1),
            state=State.SOFT_DELETED if gone else State.LIVE,
            gone_ns=self._parse_time(gone) if gone else 0,
            until_ns=self._parse_time(resource.get("hardDeleteTime")) if gone else 0,
            fields=fields,
        )

    def _open_session(self, identifier: str, resource: dict[str, Any]) -> None:
        path = self._directory / _RESUMABLE / hashlib.sha256(identifier.encode()).hexdigest()
        if resource.get("bucket") not in self._tables["buckets"]:
            return
        content = uuid.uuid4().hex
        received = self._adopt(path, content) if path.is_file() else None
        fields = _read_fields(resource, OBJECT_FIELDS)
        self._database.put(
            Session(
                *(identifier, resource["bucket"], resource["name"], content, self._now_ns, fields, Conditions()),
                received_bytes=received.size_bytes if received else 0,
            )
        )

    def _adopt(self, path: Path, identifier: str) -> Content:
        """Gives a file its new place, beside the old one; measured later where need be."""
        target = self._contents.path(identifier)
        target.parent.mkdir(exist_ok=True)
        link_or_copy(path, target)
        return Content(identifier, target.stat().st_size, "", "")

    def _parse_time(self, text: Any) -> int:
        try:
            return parse_timestamp(text) if text else self._now_ns
        except ValueError:
            return self._now_ns


def _read_fields(resource: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """What was set of a resource, without what can be no value of its field."""
    found: dict[str, Any] = {}
    for name in known:
        with suppress(ApiError):
            found |= clean(read_fields({key: one for key, one in resource.items() if key == name}, known, []))
    return found


def _is_plain(name: str) -> bool:
    """Whether that can only be a directory of the old layout."""
    return name not in ("", ".", "..", CONTENTS_NAME, _NEW) and os.sep not in name


def old_file_name(name: str) -> str:
    """The file of an object, in its bucket's directory."""
    quoted = quote(name, safe=" ")
    if len(quoted) > _NAME_BYTES:
        return f"%{hashlib.sha256(name.encode()).hexdigest()}"
    return quoted.replace(".", "%2E") if quoted.startswith(".") else quoted


def old_soft_deleted_path(bucket: str, name: str, generation: str) -> str:
    """The file of an object that was deleted."""
    digest = hashlib.sha256(f"{bucket}:{name}:{generation}".encode()).hexdigest()
    return f"{_SOFT_DELETED}/{bucket}/{digest}"


def check_old_copy(directory: Path) -> None:
    """Refuses a copy whose list and files differ, before it is brought up to date.

    Raises:
        DamagedStorageError: see above.
    """
    tables = read_tables(directory)
    try:
        for name in {*tables["buckets"], *tables["objects"], *tables["soft_deleted"]}:
            if not _BUCKET.fullmatch(name) or name not in tables["buckets"]:
                raise DamagedStorageError(f"{name!r} is no bucket")
        expected = dict(_list_expected(directory, tables))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedStorageError(f"{META_NAME}: {error!r}") from error
    found = {path for path in directory.rglob("*") if path.is_file() and path.name != META_NAME}
    strange = sorted(path.relative_to(directory).as_posix() for path in found ^ expected.keys())
    if strange:
        raise DamagedStorageError(f"the lists of objects and the files differ: {strange[0]}")
    for path, size_bytes in expected.items():
        if path.stat().st_size != size_bytes:
            raise DamagedStorageError(f"{path.name}: {path.stat().st_size} bytes, in the list {size_bytes}")


def _list_expected(directory: Path, tables: _Tables) -> Iterator[tuple[Path, int]]:
    for bucket, names in tables["objects"].items():
        for name, resource in names.items():
            yield directory / bucket / old_file_name(name), int(resource["size"])
    for bucket, names in tables["soft_deleted"].items():
        for name, generations in names.items():
            for generation, resource in generations.items():
                yield directory / old_soft_deleted_path(bucket, name, generation), int(resource["size"])

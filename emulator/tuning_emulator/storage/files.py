"""Buckets and objects of the embedded storage, on disk.

``gcp-storage-emulator`` keeps buckets and listings; what bites there is replaced here: object names become safe file
names (``a`` and ``a/b`` can both exist, ``..`` is a name like any other), writes are atomic, contents are moved
instead of copied through memory, and a bucket appears with its first upload.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import google_crc32c
from gcp_storage_emulator.exceptions import BadRequest
from gcp_storage_emulator.handlers import buckets as bucket_handlers
from gcp_storage_emulator.handlers import objects as object_handlers
from gcp_storage_emulator.storage import Storage, _FileStore

from tuning_emulator.core.ids import project_number

_BLOCK_BYTES = 1 << 20
_NAME_BYTES = 200
_UPLOADS = "_uploads"
_RESUMABLE = "_resumable"
_SOFT_DELETED = "_softdelete"
_PROJECT_NUMBER = "123456789012"
"""Of buckets that were made for nobody in particular: by an upload, or at the start."""

META_NAME = ".meta"
"""File with the lists of buckets and objects."""
_TABLES = ("buckets", "objects", "resumable", "bucket_iam_policies", "soft_deleted")

_BUCKET = re.compile(r"[a-z0-9][-_.a-z0-9]{1,220}[a-z0-9]")


class DamagedStorageError(Exception):
    """The directory's list of objects cannot be read."""


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes that arrived, in a file that is not yet an object. Hashes as Cloud Storage prints them."""

    path: Path
    size_bytes: int
    md5: str
    crc32c: str


class FileStorage(Storage):  # type: ignore[misc] # the library is untyped
    """Buckets and objects below one directory; what it holds is there again after a restart.

    ``lock`` guards the tables; hold it while calling any inherited method.

    Raises:
        DamagedStorageError: ``.meta`` of the directory is not what this class writes.
    """

    def __init__(self, directory: Path) -> None:
        # Not super().__init__: it would read its place from the environment and nest a hidden directory.
        self._data_dir = str(directory)
        self._use_memory_fs = False
        self.project_number = _PROJECT_NUMBER
        self.directory = directory
        self.lock = threading.RLock()
        self._store = _FileStore(use_memory=False, root=directory)
        self.reload()

    # ------------------------------------------------------------ what the library gets wrong

    def _object_path(self, bucket_name: str, file_name: str) -> str:
        return f"{bucket_name}/{_file_name(file_name)}"

    def _write_config_to_file(self) -> None:
        temporary = self.directory / ".meta.new"
        temporary.write_text(json.dumps({name: getattr(self, name) for name in _TABLES}), encoding="utf-8")
        temporary.replace(self.directory / META_NAME)

    def create_bucket(self, bucket_name: str, bucket_obj: dict[str, Any]) -> dict[str, Any]:
        """Adds or replaces a bucket.

        Raises:
            BadRequest: the name is none that Cloud Storage takes.
        """
        if not _BUCKET.fullmatch(bucket_name):
            raise BadRequest(f"Invalid bucket name: '{bucket_name}'")
        super().create_bucket(bucket_name, bucket_obj)
        return bucket_obj

    def create_file(
        self, bucket_name: str, file_name: str, content: bytes, file_obj: dict[str, Any], file_id: str | None = None
    ) -> None:
        """Stores an object that fits in memory: copies, compositions. ``file_id`` ends a resumable upload."""
        path = self.upload_path()
        path.write_bytes(content or b"")
        self._place(bucket_name, file_name, path, file_obj, file_id)

    def create_resumable_upload(self, bucket_name: str, file_name: str, file_obj: dict[str, Any]) -> str:
        """Opens an upload and returns its id; the bucket is made if it is not there."""
        self.ensure_bucket(bucket_name)
        upload_id: str = super().create_resumable_upload(bucket_name, file_name, file_obj)
        return upload_id

    # ------------------------------------------------------------ what is added

    def clear(self, removed: Path, project: str | None = None) -> None:
        """Forgets every bucket and object, or the buckets that were created for one project (its number).

        Args:
            removed: A directory to be, on the same file system, that takes their files; removing it is the caller's.
        """
        with self.lock:
            gone = [name for name, bucket in self.buckets.items() if project in (None, bucket.get("projectNumber"))]
            for name in gone:
                for table in (self.buckets, self.objects, self.bucket_iam_policies, self.soft_deleted):
                    table.pop(name, None)
                _move(self.directory / name, removed / name)
                _move(self.directory / _SOFT_DELETED / name, removed / f"{name}{_SOFT_DELETED}")
            for key in [key for key, one in self.resumable.items() if one.get("bucket") in gone]:
                del self.resumable[key]
                _move(self.directory / _RESUMABLE / self.safe_id(key), removed / _RESUMABLE / self.safe_id(key))
            if gone:
                self._write_config_to_file()

    def link_to(self, directory: Path) -> None:
        """Makes a copy in a new directory on the same file system. Objects are never written in place: links will do.

        Uploads under way are left out.
        """
        directory.mkdir()
        with self.lock:
            for name in self.buckets:
                link_files(self.directory / name, directory / name)
                link_files(self.directory / _SOFT_DELETED / name, directory / _SOFT_DELETED / name)
            tables = {name: {} if name == "resumable" else getattr(self, name) for name in _TABLES}
            (directory / META_NAME).write_text(json.dumps(tables), encoding="utf-8")

    def reload(self) -> None:
        """Reads everything from the directory, which is a new one.

        Raises:
            DamagedStorageError: see the class.
        """
        with self.lock:
            try:
                self._read_config_from_file()
                names = list(self.buckets)
            except (ValueError, AttributeError, TypeError) as error:
                place = self.directory / META_NAME
                raise DamagedStorageError(f"{place}: {error}; move the directory away") from error
            shutil.rmtree(self.directory / _UPLOADS, ignore_errors=True)
            for name in (_UPLOADS, *(name for name in names if _BUCKET.fullmatch(name))):
                (self.directory / name).mkdir(exist_ok=True)

    @contextmanager
    def creating_for(self, project: str) -> Iterator[None]:
        """Buckets that are created meanwhile belong to that project; "" for nobody in particular. Holds the lock."""
        with self.lock:
            self.project_number = project_number(project) if project else _PROJECT_NUMBER
            try:
                yield
            finally:
                self.project_number = _PROJECT_NUMBER

    def list_buckets(self, project: str) -> list[dict[str, Any]]:
        """Resources of the buckets that a project sees: its own and nobody's; all of them where none is named."""
        seen = (_PROJECT_NUMBER, project_number(project))
        with self.lock:
            return [one for one in self.buckets.values() if not project or one.get("projectNumber") in seen]

    def ensure_bucket(self, bucket: str) -> None:
        """Makes the bucket unless it is there: people upload to a fresh emulator without creating buckets first."""
        if self.get_bucket(bucket) is None:
            bucket_handlers.create_bucket(bucket, self)

    def upload_path(self) -> Path:
        """A fresh place for bytes that arrive."""
        return self.directory / _UPLOADS / uuid.uuid4().hex

    def partial_path(self, upload_id: str) -> Path:
        """Where the bytes of a resumable upload gather."""
        (self.directory / _RESUMABLE).mkdir(exist_ok=True)
        name: str = self.safe_id(upload_id)
        return self.directory / _RESUMABLE / name

    def object_path(self, bucket: str, name: str) -> Path:
        """File that holds the object's bytes."""
        return self.directory / self._object_path(bucket, name)

    def adopt(
        self,
        bucket: str,
        name: str,
        received: Received,
        base_url: str,
        content_type: str,
        properties: dict[str, Any] | None = None,
        upload_id: str | None = None,
    ) -> dict[str, Any]:
        """Makes an object of bytes that arrived and returns its resource.

        Raises:
            BadRequest: the hash in ``properties`` is not the content's, the bucket or object name is none.
        """
        if name in ("", ".", "..") or len(name.encode()) > 1024:
            raise BadRequest(f"Invalid object name: {name!r}")
        resource: dict[str, Any] = object_handlers._make_object_resource(  # noqa: SLF001 - no public maker
            base_url, bucket, name, content_type, str(received.size_bytes), properties
        )
        for field, value in (("crc32c", received.crc32c), ("md5Hash", received.md5)):
            if resource.get(field) not in (None, "", value):
                raise BadRequest(f'Provided {field} "{resource[field]}" doesn\'t match calculated {field} "{value}".')
            resource[field] = value
        resource["etag"] = received.md5
        with self.lock:
            self._place(bucket, name, received.path, resource, upload_id)
        return resource

    def load(self, bucket: str, directory: Path) -> int:
        """Copies a directory into a bucket, file names relative to it as object names. Returns how many.

        Raises:
            NotADirectoryError: ``directory`` is none.
        """
        if not directory.is_dir():
            raise NotADirectoryError(f"bucket {bucket}: {directory} is not a directory")
        self.ensure_bucket(bucket)
        files = sorted(path for path in directory.rglob("*") if path.is_file())
        for path in files:
            target = self.upload_path()
            shutil.copyfile(path, target)
            name = path.relative_to(directory).as_posix()
            self.adopt(bucket, name, measure(target), "", "application/octet-stream")
        return len(files)

    def _place(
        self, bucket: str, name: str, path: Path, resource: dict[str, Any], upload_id: str | None = None
    ) -> None:
        self.ensure_bucket(bucket)
        path.replace(self.object_path(bucket, name))
        # The link would hold today's port, and the name unencoded: clients make a right one when there is none.
        resource.pop("mediaLink", None)
        resource["selfLink"] = f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
        self.objects.setdefault(bucket, {})[name] = resource
        if upload_id is not None:
            self.resumable.pop(upload_id, None)
        self._write_config_to_file()


def _move(path: Path, target: Path) -> None:
    if path.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)


def link_files(source: Path, target: Path) -> None:
    """Hard links to all files of a directory; copies where the file system has no links. None of one that is not."""
    for path in source.rglob("*") if source.is_dir() else ():
        if path.is_file():
            link = target / path.relative_to(source)
            link.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, link)
            except OSError:
                shutil.copyfile(path, link)


def measure(path: Path) -> Received:
    """Size and hashes of a file."""
    checksum: Any = google_crc32c.Checksum  # untyped
    md5, crc32c, size = hashlib.md5(usedforsecurity=False), checksum(), 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            md5.update(block)
            crc32c.update(block)
            size += len(block)
    return Received(path, size, _base64(md5.digest()), _base64(crc32c.digest()))


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")


def _file_name(name: str) -> str:
    """One path segment per object, readable where that is possible."""
    quoted = quote(name, safe=" ")
    if len(quoted) > _NAME_BYTES:
        return f"%{hashlib.sha256(name.encode()).hexdigest()}"
    return quoted.replace(".", "%2E") if quoted.startswith(".") else quoted


def check_copy(directory: Path) -> int:
    """Refuses what ``FileStorage.link_to`` has not written, before a server opens it. Returns how many objects it has.

    Raises:
        DamagedStorageError: a bucket's name is none, or objects and files do not agree.
    """
    storage = FileStorage(directory)
    try:
        expected = _list_expected(storage)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedStorageError(f"{META_NAME}: {error!r}") from error
    found = {path for path in directory.rglob("*") if path.is_file() and path.name != META_NAME}
    strange = sorted(path.relative_to(directory).as_posix() for path in found ^ expected.keys())
    if strange:
        raise DamagedStorageError(f"the lists of objects and the files differ: {strange[0]}")
    for path, size_bytes in expected.items():
        if path.stat().st_size != size_bytes:
            raise DamagedStorageError(f"{path.name}: {path.stat().st_size} bytes, in the list {size_bytes}")
    return sum(len(names) for names in storage.objects.values())


def _list_expected(storage: FileStorage) -> dict[Path, int]:
    """Every object's file and size, live and soft-deleted."""
    for name in [*storage.buckets, *storage.objects, *storage.soft_deleted]:
        if not _BUCKET.fullmatch(name) or name not in storage.buckets:
            raise DamagedStorageError(f"{name!r} is no bucket")
    expected = {
        storage.object_path(bucket, name): int(resource["size"])
        for bucket, names in storage.objects.items()
        for name, resource in names.items()
    }
    for bucket, names in storage.soft_deleted.items():
        for name, generations in names.items():
            for generation, resource in generations.items():
                path = storage.directory / storage._soft_delete_content_path(bucket, name, generation)  # noqa: SLF001
                expected[path] = int(resource["size"])
    return expected

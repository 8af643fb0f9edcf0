"""The bytes of objects: one file for each upload, written once, never changed, gone when no record names it.

A file gets its final name at once; until a record names it, it is nobody's, and what is nobody's at the next start is
removed. So a crash at any moment leaves the old object or the new one.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c

from tuning_emulator.storage.records import Content

BLOCK_BYTES = 1 << 20
CONTENTS_NAME = "_contents"
"""Their directory. No bucket's name begins so: older versions had a directory for each bucket beside it."""

_ID = re.compile(r"[0-9a-f]{32}")


class Spool:
    """An upload on its way into a file. Not for two threads at once.

    Attributes:
        id: Of the content that it becomes. size_bytes: So far.
    """

    def __init__(self, id: str, path: Path) -> None:
        self.id = id
        self.size_bytes = 0
        self._path = path
        self._file: BinaryIO | None = None
        self._md5 = hashlib.md5(usedforsecurity=False)
        checksum: Any = google_crc32c.Checksum  # untyped
        self._crc32c = checksum()

    def write(self, data: bytes) -> None:
        """More bytes."""
        if self._file is None:
            _make_directory(self._path.parent)
            self._file = self._path.open("ab", buffering=0)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]  # a raw file may take less
        self._note(data)

    def resume(self, size_bytes: int) -> None:
        """Goes on with a file of an earlier process, cut to what counts of it."""
        if not size_bytes:
            self._path.unlink(missing_ok=True)
            return
        os.truncate(self._path, size_bytes)
        with self._path.open("rb") as stream:
            while block := stream.read(BLOCK_BYTES):
                self._note(block)

    def finish(self, *, sync: bool) -> Content:
        """The content, complete; ``sync``: it outlives a loss of power from here on."""
        if self._file is None:
            self.write(b"")
        assert self._file is not None
        if sync:
            self.sync()
        self.pause()
        md5, crc32c = _encode(self._md5.digest()), _encode(self._crc32c.digest())
        return Content(self.id, self.size_bytes, md5, crc32c)

    def sync(self) -> None:
        """What was written outlives a loss of power."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            _sync(self._path.parent)

    def pause(self) -> None:
        """Closes the file until more comes."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def discard(self) -> None:
        """Leaves no trace."""
        self.pause()
        self._path.unlink(missing_ok=True)

    def _note(self, data: bytes) -> None:
        self.size_bytes += len(data)
        self._md5.update(data)
        self._crc32c.update(data)


class Contents:
    """The files below a directory: ``ab/ab12…``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def create(self) -> Spool:
        """A new upload."""
        return self.open_spool(uuid.uuid4().hex)

    def open_spool(self, identifier: str) -> Spool:
        """An upload whose id is known."""
        return Spool(identifier, self.path(identifier))

    def path(self, identifier: str) -> Path:
        """The file of a content."""
        return self._directory / identifier[:2] / identifier

    def open(self, identifier: str) -> BinaryIO:
        """Its bytes; they stay readable while it is removed."""
        return self.path(identifier).open("rb")

    def remove(self, identifiers: Iterable[str]) -> None:
        """Removes files that no record names any more."""
        for one in identifiers:
            if one:
                self.path(one).unlink(missing_ok=True)

    def sweep(self, named: Collection[str]) -> int:
        """Removes what no record names; answers how many files that were."""
        orphans = [path for path in self._list() if path.name not in named]
        for path in orphans:
            path.unlink(missing_ok=True)
        return len(orphans)

    def link_to(self, directory: Path, identifiers: Iterable[str]) -> None:
        """Hard links to some files, copies where the file system has none: they are never written again."""
        target = Contents(directory)
        for one in identifiers:
            path = target.path(one)
            path.parent.mkdir(exist_ok=True)
            link_or_copy(self.path(one), path)

    def measure(self, identifier: str) -> Content:
        """Size and hashes of a file."""
        spool = self.open_spool(identifier)
        spool.resume(self.path(identifier).stat().st_size)
        return spool.finish(sync=False)

    def sizes(self) -> dict[str, int]:
        """The size of every file, by id.

        Raises:
            ValueError: something else lies there.
        """
        found = {}
        for path in self._list():
            if not _ID.fullmatch(path.name) or path.parent.name != path.name[:2]:
                raise ValueError(f"{path.name!r} is no content")
            found[path.name] = path.stat().st_size
        return found

    def _list(self) -> Iterator[Path]:
        return (path for path in self._directory.glob("*/*") if path.is_file())


def link_or_copy(source: Path, target: Path) -> None:
    """The same bytes under another name; nothing where there is already something."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        shutil.copyfile(source, target)


def read_range(stream: BinaryIO, start: int, length: int) -> Iterator[bytes]:
    """Blocks of an open file, and closes it.

    Raises:
        OSError: the file is shorter.
    """
    with stream:
        stream.seek(start)
        while length:
            block = stream.read(min(length, BLOCK_BYTES))
            if not block:
                raise OSError(f"{length} bytes are missing at the end of a file")
            length -= len(block)
            yield block


def _encode(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir()
    except FileExistsError:
        return
    _sync(directory.parent)


def _sync(directory: Path) -> None:
    number = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)

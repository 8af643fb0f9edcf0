"""The file of a state archive: a gzip tar whose first member says what the others are.

It is written by this module alone and read by it with distrust: one pass over plain files with names and sizes known
beforehand, in memory that does not grow with them. Links, devices, other tar extensions, names that lead elsewhere,
files that the manifest does not know, wrong hashes and bombs are refused before anything outside the target is touched.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tuning_emulator import __version__

FORMAT = "tuning-emulator snapshot"
"""What a manifest begins with."""

FORMAT_VERSION = 3
"""Goes up when an older program could not read what is written.

2: records and buckets are kept in a newer way. 3: there are batches.
"""

READABLE = (1, 2, FORMAT_VERSION)
"""Those of older programs are brought up to date."""

MANIFEST_NAME = "manifest.json"
MAX_FILES = 200_000
MAX_MANIFEST_BYTES = 64 << 20
MAX_LIST_BYTES = 256 << 20
"""Of the files that are read into memory."""

MAX_CONTENT_BYTES = 16 << 30
MAX_ARCHIVE_BYTES = 4 << 30

MAX_RATIO = 400
"""Most that the content may be larger than the archive: level 1, at which ours are written, reaches 230 at best."""

SMALL_BYTES = 16 << 20
"""Content up to this size may be packed at any ratio."""

_LISTS = ("state.json", "buckets/.meta")
_LEVEL = 1
_BLOCK_BYTES = 1 << 20
_HEADER_BYTES = 512
_PAX_BYTES = 4096
_NAME = re.compile(
    r"store\.sqlite3|state\.json|jobs/(gemini|vertex)(_batch)?-[0-9]{1,19}(/[^/]+)+|buckets(/[^/]+){1,3}"
)
_TRAILER_BYTES = 64 << 10
_KINDS = {tarfile.SYMTYPE: "a link", tarfile.LNKTYPE: "a link", tarfile.DIRTYPE: "a directory"}
_KINDS |= {tarfile.CHRTYPE: "a device", tarfile.BLKTYPE: "a device", tarfile.FIFOTYPE: "a pipe"}


class ArchiveError(ValueError):
    """The archive is refused; the text says what in it is wrong."""


class File(BaseModel):
    """What the manifest says of one file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    size_bytes: int = Field(ge=0, le=MAX_CONTENT_BYTES)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """What a state archive is and holds.

    Attributes:
        created: When, RFC 3339, by the machine's clock. counts: How many of everything, for people.
        files: By name, in the order in which they follow.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["tuning-emulator snapshot"] = "tuning-emulator snapshot"
    format_version: int = FORMAT_VERSION
    emulator_version: str = __version__
    created: str
    counts: dict[str, int]
    files: dict[str, File] = Field(max_length=MAX_FILES)


class _Head(BaseModel):
    """The part of a manifest that every version has."""

    format: str
    format_version: int
    emulator_version: str = "unknown"


# --- writing


def list_files(root: Path) -> dict[str, File]:
    """All files below a directory, measured; what begins with a dot in a job's directory is half written and left out.

    Raises:
        ArchiveError: there is more than an archive may hold.
    """
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not (name.startswith("jobs/") and path.name.startswith(".")):
            found[name] = _measure(path)
    total = sum(one.size_bytes for one in found.values())
    if len(found) > MAX_FILES or total > MAX_CONTENT_BYTES:
        raise ArchiveError(
            f"{len(found)} files of {total} bytes are more than a state archive holds "
            f"({MAX_FILES} files, {MAX_CONTENT_BYTES} bytes); delete what is not needed first"
        )
    return found


def write_archive(archive: Path, root: Path, manifest: Manifest) -> None:
    """Packs the files of a manifest, which lie below ``root``."""
    head = manifest.model_dump_json(indent=1).encode()
    with tarfile.open(archive, "w:gz", compresslevel=_LEVEL, format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(_make_header(MANIFEST_NAME, len(head)), io.BytesIO(head))
        for name, file in manifest.files.items():
            with (root / name).open("rb") as stream:
                tar.addfile(_make_header(name, file.size_bytes), stream)


def _make_header(name: str, size_bytes: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size = size_bytes
    return header


def _measure(path: Path) -> File:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
            size += len(block)
    return File(size_bytes=size, sha256=digest.hexdigest())


# --- reading


def unpack_archive(archive: Path, target: Path) -> Manifest:
    """Unpacks an archive into a new directory.

    Raises:
        ArchiveError: it is none, or not as ``write_archive`` writes it; what was unpacked so far stays in ``target``.
    """
    target.mkdir()
    packed_bytes = archive.stat().st_size
    if packed_bytes > MAX_ARCHIVE_BYTES:
        raise ArchiveError(f"it has {packed_bytes} bytes; at most {MAX_ARCHIVE_BYTES} are read")
    try:
        with gzip.open(archive) as stream:
            return _unpack(_Unpacker(stream, packed_bytes), target)
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's fault
        raise ArchiveError("it is not a whole gzip file: it is cut off or damaged") from error


def _unpack(unpacker: _Unpacker, target: Path) -> Manifest:
    manifest = _read_manifest(unpacker)
    _check_manifest(manifest, target)
    unpacker.allow(sum(file.size_bytes for file in manifest.files.values()) + _overhead(manifest))
    for (name, size_bytes), (wanted, file) in _pair(unpacker.members(), manifest.files.items()):
        if name != wanted:
            raise ArchiveError(f"{name!r} is not in the manifest at this place, where {wanted!r} is due")
        if size_bytes != file.size_bytes:
            raise ArchiveError(f"{name!r} has {size_bytes} bytes, in the manifest {file.size_bytes}")
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with path.open("xb") as output:
            for block in unpacker.content(size_bytes):
                digest.update(block)
                output.write(block)
        if digest.hexdigest() != file.sha256:
            raise ArchiveError(f"{name!r} is damaged: its SHA-256 is not the manifest's")
    return manifest


def _pair(
    members: Iterator[tuple[str, int]], files: Iterable[tuple[str, File]]
) -> Iterator[tuple[tuple[str, int], tuple[str, File]]]:
    wanted = iter(files)
    for member in members:
        file = next(wanted, None)
        if file is None:
            raise ArchiveError(f"{member[0]!r} is not in the manifest")
        yield member, file
    missing = next(wanted, None)
    if missing is not None:
        raise ArchiveError(f"{missing[0]!r} of the manifest is missing")


def _overhead(manifest: Manifest) -> int:
    """Headers, extended headers and padding."""
    return len(manifest.files) * (4 * _HEADER_BYTES + _PAX_BYTES) + _TRAILER_BYTES


def _read_manifest(unpacker: _Unpacker) -> Manifest:
    name, size_bytes = next(unpacker.members(), ("", 0))
    if name != MANIFEST_NAME:
        raise ArchiveError(f"its first file is {name!r}, not {MANIFEST_NAME!r}; no state archive begins so")
    if size_bytes > MAX_MANIFEST_BYTES:
        raise ArchiveError(f"{MANIFEST_NAME}: {size_bytes} bytes, at most {MAX_MANIFEST_BYTES} are read")
    text = b"".join(unpacker.content(size_bytes))
    try:
        head = _Head.model_validate_json(text)
        if head.format != FORMAT:
            raise ArchiveError(f"{MANIFEST_NAME}: format: {head.format!r} is not {FORMAT!r}")
        if head.format_version not in READABLE:
            older = ", ".join(map(str, READABLE[:-1]))
            raise ArchiveError(
                f"{MANIFEST_NAME}: format_version: {head.format_version}, this program reads "
                f"{older} and {FORMAT_VERSION}; it was "
                f"written by tuning-emulator {head.emulator_version}, this is {__version__}"
            )
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise ArchiveError(f"{MANIFEST_NAME}: {place}: {first['msg']}") from error


def _check_manifest(manifest: Manifest, target: Path) -> None:
    for name, file in manifest.files.items():
        _check_name(name)
        if name in _LISTS and file.size_bytes > MAX_LIST_BYTES:
            raise ArchiveError(f"{name!r} has {file.size_bytes} bytes; at most {MAX_LIST_BYTES} are read")
    total = sum(file.size_bytes for file in manifest.files.values())
    if total > MAX_CONTENT_BYTES:
        raise ArchiveError(f"it unpacks to {total} bytes; at most {MAX_CONTENT_BYTES} are unpacked")
    free = shutil.disk_usage(target).free
    if total > free:
        raise ArchiveError(f"it unpacks to {total} bytes; {free} are free at {target.parent}")


def _check_name(name: str) -> None:
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "." in parts:
        raise ArchiveError(f"{name!r} leads outside of the archive's own files")
    if not _NAME.fullmatch(name) or any(len(part.encode()) > 255 for part in parts) or not name.isprintable():
        raise ArchiveError(f"{name!r} is no file of a state archive")


class _Unpacker:
    """Reads a tar of plain files, one after the other."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile, packed_bytes: int) -> None:
        self._stream = stream
        self._packed_bytes = packed_bytes
        self._read_bytes = 0
        self._allowed_bytes = MAX_MANIFEST_BYTES + _TRAILER_BYTES
        self._padding = 0

    def allow(self, more_bytes: int) -> None:
        """What the manifest announces; anything beyond is a bomb."""
        self._allowed_bytes = self._read_bytes + more_bytes

    def members(self) -> Iterator[tuple[str, int]]:
        """(name, size) of each file; its content must be read before the next is asked for."""
        while True:
            self._read(self._padding)
            self._padding = 0
            block = self._read(_HEADER_BYTES)
            if block == bytes(_HEADER_BYTES):
                self._expect_end()
                return
            header, extended = _parse_header(block), ""
            if header.type == tarfile.XHDTYPE:
                extended = self._read_extended(header.size)
                header = _parse_header(self._read(_HEADER_BYTES))
            if header.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                kind = _KINDS.get(header.type, "no plain file")
                raise ArchiveError(f"{header.name!r} is {kind}; only plain files belong here")
            yield extended or header.name, header.size

    def content(self, size_bytes: int) -> Iterator[bytes]:
        """The bytes of the file whose header was read last."""
        self._padding = -size_bytes % _HEADER_BYTES
        while size_bytes:
            block = self._read(min(size_bytes, _BLOCK_BYTES))
            size_bytes -= len(block)
            yield block

    def _read_extended(self, size_bytes: int) -> str:
        if size_bytes > _PAX_BYTES:
            raise ArchiveError(f"an extended header has {size_bytes} bytes; at most {_PAX_BYTES} are read")
        text = self._read(size_bytes)
        self._read(-size_bytes % _HEADER_BYTES)
        match = re.fullmatch(rb"[0-9]+ path=([^\n\0]+)\n", text)
        if match is None:
            raise ArchiveError("an extended header says more than a file's path")
        try:
            return match[1].decode()
        except UnicodeDecodeError as error:
            raise ArchiveError(f"a file's name is not UTF-8: {match[1]!r}") from error

    def _expect_end(self) -> None:
        rest = self._stream.read(_TRAILER_BYTES)
        if rest.strip(b"\0") or len(rest) == _TRAILER_BYTES:
            raise ArchiveError("something follows after the end of the archive")

    def _read(self, size_bytes: int) -> bytes:
        self._read_bytes += size_bytes
        if self._read_bytes > max(SMALL_BYTES, self._packed_bytes * MAX_RATIO):
            raise ArchiveError(f"it unpacks to more than {MAX_RATIO} times its size, which no state archive does")
        if self._read_bytes > self._allowed_bytes:
            raise ArchiveError("it unpacks to more than its manifest says")
        parts = []
        while size_bytes:
            part = self._stream.read(size_bytes)
            if not part:
                raise ArchiveError("it is cut off")
            parts.append(part)
            size_bytes -= len(part)
        return b"".join(parts)


def _parse_header(block: bytes) -> tarfile.TarInfo:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        raise ArchiveError("it is no tar file: a header in it cannot be read") from error
    if header.size < 0:
        raise ArchiveError(f"{header.name!r} has a size of {header.size} bytes")
    return header

"""Files as they travel between a job's home, its directory at the server, and the node that trains it.

Nothing is shared but Ray's object store: larger files go through it in pieces, so that neither side holds one whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from tuning_trainer.durable import replace_directory, replace_file
from tuning_trainer.spec import UNFINISHED, Job

PIECE_BYTES = 32 << 20
"""What is read, sent and written at once."""

INLINE_BYTES = 64 << 10
"""A file up to this size goes with the call itself."""

EXAMPLES, VALIDATION, ADAPTER, EVENTS, STATE = "examples", "validation", "adapter", "events.jsonl", "state.safetensors"

Piece: TypeAlias = Any
"""Bytes, or a reference to some in the object store."""

File: TypeAlias = tuple[str, list[Piece]]
"""A file's path in its directory, "" for one that travels alone; and what is in it."""

Parcel: TypeAlias = list[tuple[str, list[File]]]
"""Files and directories by where they belong, in the order in which they are to be written."""

Put: TypeAlias = Callable[[bytes], Piece]
Get: TypeAlias = Callable[[Piece], bytes]


def pack(path: Path, put: Put) -> list[File]:
    """A file, or every file of a directory that is whole."""
    if path.is_file():
        return [("", _read_pieces(path, put))]
    return [(name.relative_to(path).as_posix(), _read_pieces(name, put)) for name in _list_whole(path)]


def unpack(parcel: Parcel, root: Path, get: Get) -> None:
    """Writes what has come, each file and each directory whole or not at all."""
    for name, files in parcel:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if [inner for inner, _ in files] == [""]:
            replace_file(path, partial(_write_pieces, pieces=files[0][1], get=get))
        else:
            replace_directory(path, partial(_write_files, files=files, get=get))


def pack_job(job: Job, put: Put) -> Parcel:
    """What a job needs, its base model excepted: its data, the adapter it continues, and where it stands."""
    home = Path(job.directory)
    sources = {EXAMPLES: job.examples, VALIDATION: job.validation, ADAPTER: job.adapter}
    sources |= {name: str(home / name) for name in (EVENTS, STATE) if (home / name).exists()}
    return [(name, pack(Path(source), put)) for name, source in sources.items() if source]


def measure(path: Path) -> int:
    """Bytes of a file or of all files in a directory."""
    return path.stat().st_size if path.is_file() else sum(one.stat().st_size for one in _list_whole(path))


def stamp(directory: Path) -> tuple[tuple[str, int, int], ...]:
    """Changes when a file of the directory does."""
    found = ((str(one), one.stat()) for one in _list_whole(directory))
    return tuple((name, about.st_size, about.st_mtime_ns) for name, about in found)


def _list_whole(directory: Path) -> list[Path]:
    """Its files, without those that are being written, and whatever else is hidden."""
    hidden = UNFINISHED.removesuffix("*")
    return sorted(
        path
        for path in directory.rglob("*")
        if path.is_file() and not any(part.startswith(hidden) for part in path.relative_to(directory).parts)
    )


def _read_pieces(path: Path, put: Put) -> list[Piece]:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size <= INLINE_BYTES:
            return [file.read()]
        return [put(data) for data in _cut(file)]


def _cut(file: BinaryIO) -> Iterator[bytes]:
    while data := file.read(PIECE_BYTES):
        yield data


def _write_pieces(path: Path, pieces: list[Piece], get: Get) -> None:
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece if isinstance(piece, bytes) else get(piece))


def _write_files(folder: Path, files: list[File], get: Get) -> None:
    for name, pieces in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_pieces(path, pieces, get)

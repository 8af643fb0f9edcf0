"""Schemas kept as they were read, beside Python's bytecode: reading the ``.proto`` files is an eighth of a start.

The rules are those of bytecode: a file in ``__pycache__`` that counts while each source has the size and the time of
then, that is written where Python may write bytecode, and that nobody misses.
"""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import TypeAlias

from tuning_emulator.schema.schema import Schema

Schemas: TypeAlias = Mapping[str, Schema]
"""By version of the API."""

Stamp: TypeAlias = dict[str, tuple[int, int]]
"""Time in s and size of each source."""

_READERS = ("cached.py", "proto.py", "schema.py")
"""Of our sources those that give the kept values their form."""


def load_kept(package: str, root: Path, read: Callable[[], tuple[Schemas, Iterable[Path]]]) -> Schemas:
    """The schemas of an API as they are kept, or as they are read now.

    Args:
        root: Folder of the sources.
        read: The schemas, and the files that they come from.
    """
    path = Path(cache_from_source(str(root / f"{package}.py"))).with_suffix(".schemas")
    kept = _load(path, root / package.replace(".", "/"))
    if kept is not None:
        return kept
    schemas, sources = read()
    if not sys.dont_write_bytecode:
        with suppress(OSError):
            _keep(path, _make_stamp(map(str, sources)), schemas)
    return schemas


def _load(path: Path, folder: Path) -> Schemas | None:
    """What is kept; None where that is nothing, damaged, or of other sources."""
    try:
        stamp, schemas = pickle.loads(path.read_bytes())  # noqa: S301 who can write here can write bytecode
        files = {str(folder / name) for name in os.listdir(folder) if name.endswith(".proto")}
        return schemas if files <= stamp.keys() and stamp == _make_stamp(stamp) else None
    except Exception:  # an unreadable pickle raises whatever it likes
        return None


def _make_stamp(names: Iterable[str]) -> Stamp:
    readers = (str(Path(__file__).with_name(name)) for name in _READERS)
    return {name: (int(found.st_mtime), found.st_size) for name in (*readers, *names) for found in [os.stat(name)]}


def _keep(path: Path, stamp: Stamp, schemas: Schemas) -> None:
    """Writes whole or not at all: others may be starting at the same time."""
    path.parent.mkdir(exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with open(handle, "wb") as file:
            os.chmod(draft, 0o644)  # for whoever may run the program, as bytecode is
            pickle.dump((stamp, dict(schemas)), file, pickle.HIGHEST_PROTOCOL)
        os.replace(draft, path)
    except OSError:
        os.unlink(draft)
        raise

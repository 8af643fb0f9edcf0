"""Files and directories that are whole at every moment: a crash leaves the old ones or the new. Imports no torch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path


def sync(path: Path) -> None:
    """Makes a file, or the names in a directory, durable."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Lets ``write`` fill a temporary file, makes it durable and gives it its name in one move."""
    temporary = path.with_name(f".{path.name}.tmp")
    write(temporary)
    sync(temporary)
    temporary.replace(path)
    sync(path.parent)


def replace_directory(path: Path, write: Callable[[Path], None]) -> None:
    """The same for a directory; one of that name is removed first."""
    temporary = path.with_name(f".{path.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    write(temporary)
    for inner in (*temporary.rglob("*"), temporary):
        sync(inner)
    shutil.rmtree(path, ignore_errors=True)
    temporary.replace(path)
    sync(path.parent)

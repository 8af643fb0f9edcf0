"""``tuning-emulator export FILE``: everything that a running emulator remembers, as one archive."""

from __future__ import annotations

import argparse
import shutil
import tempfile
import urllib.request
from pathlib import Path

from tuning_emulator.cli.control import add_url, transfer

TIMEOUT_S = 600.0
"""Without a byte: making an archive of large adapters takes its time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    add_url(parser)
    parser.add_argument("file", type=Path, help="archive to write, say snapshot.tar.gz; one of that name is replaced")


def run(parsed: argparse.Namespace) -> int:
    """Writes the file, which has its name only once it is whole."""
    return transfer(parsed.url, lambda: _export(parsed.url, parsed.file))


def _export(url: str, file: Path) -> str:
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}-", delete=False) as unfinished:
        try:
            with urllib.request.urlopen(f"{url}/emulator/v1/snapshot", timeout=TIMEOUT_S) as answer:  # noqa: S310 the user names it
                shutil.copyfileobj(answer, unfinished)
            size_bytes = unfinished.tell()
            Path(unfinished.name).replace(file)
        finally:
            Path(unfinished.name).unlink(missing_ok=True)
    return f"{file}: {size_bytes} bytes"

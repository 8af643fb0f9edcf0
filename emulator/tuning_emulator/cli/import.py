"""``tuning-emulator import FILE``: a running emulator remembers what an archive holds, and nothing else."""

from __future__ import annotations

import argparse
import json
import urllib.request
from pathlib import Path

from tuning_emulator.cli.control import add_url, transfer
from tuning_emulator.cli.export import TIMEOUT_S


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which archive."""
    add_url(parser)
    parser.add_argument("file", type=Path, help="archive that `tuning-emulator export` wrote")


def run(parsed: argparse.Namespace) -> int:
    """Prints what is there now."""
    return transfer(parsed.url, lambda: _import(parsed.url, parsed.file))


def _import(url: str, file: Path) -> str:
    with file.open("rb") as archive:
        headers = {"Content-Type": "application/gzip", "Content-Length": str(file.stat().st_size)}
        request = urllib.request.Request(f"{url}/emulator/v1/snapshot", archive, headers)  # noqa: S310 the user names it
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            counts = json.load(answer)["counts"]
    return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items())

"""What lies in a data directory that nothing names, and adapters as bytes. Read from outside, while a server runs."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

KEPT = {"emulator.sqlite3", "emulator.sqlite3-wal", "emulator.sqlite3-shm", "jobs", "buckets", "tls", "lock"}
"""All that a data directory holds while nothing is on its way in or out."""


def find_orphans(directory: Path) -> list[str]:
    """Files and directories that no record names, and contents that a record names and that are not there.

    Asked right after a start, before anything else is done: what is deleted later goes in the background.
    """
    return [*_find_in_top(directory), *_find_jobs(directory), *_find_contents(directory / "buckets")]


def _find_in_top(directory: Path) -> Iterator[str]:
    return (path.name for path in directory.iterdir() if path.name not in KEPT)


def _find_jobs(directory: Path) -> Iterator[str]:
    known = {f"{api}-{uid}" for api, uid in _query(directory / "emulator.sqlite3", "SELECT api, uid FROM tuning_jobs")}
    there = [path.name for path in (directory / "jobs").glob("*")]
    return (f"jobs/{name}" for name in there if name not in known)


def _find_contents(buckets: Path) -> Iterator[str]:
    (database,) = buckets.glob("*.sqlite3")
    tables = ("objects", "sessions", "parts")
    named = {str(one) for table in tables for (one,) in _query(database, f"SELECT content FROM {table}") if one}  # noqa: S608 our own names
    objects = {str(one) for (one,) in _query(database, "SELECT content FROM objects") if one}
    there = {path.name for path in buckets.glob("_contents/*/*")}
    yield from (f"buckets/_contents/{name}" for name in sorted(there - named))
    yield from (f"missing: buckets/_contents/{name}" for name in sorted(objects - there))


def find_unfinished_files(directory: Path) -> list[str]:
    """Files with a temporary name below the jobs that have ended."""
    ended = "SELECT api, uid FROM tuning_jobs WHERE state IN ('SUCCEEDED', 'FAILED', 'CANCELLED')"
    places = [f"{api}-{uid}" for api, uid in _query(directory / "emulator.sqlite3", ended)]
    found = [path for place in places for path in (directory / "jobs" / place).rglob(".*")]
    return [str(path.relative_to(directory)) for path in found]


def hash_adapters(directory: Path) -> dict[str, str]:
    """What every job that has succeeded has learned, by its display name."""
    tuned = "SELECT display_name, body FROM tuning_jobs WHERE state = 'SUCCEEDED' AND api IN ('gemini', 'vertex')"
    rows = _query(directory / "emulator.sqlite3", tuned)
    found = {str(name): directory / json.loads(str(body))["progress"]["adapter"] for name, body in rows}
    return {name: hash_directory(adapter) for name, adapter in found.items()}


def hash_directory(directory: Path) -> str:
    """A hash of all files in it, and of their names."""
    digest = hashlib.sha256()
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(directory)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _query(database: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()

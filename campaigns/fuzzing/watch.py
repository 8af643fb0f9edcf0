"""What no request may lead to, and how it is seen: in answers, in the log, in the store, in the server's memory."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from campaigns.fuzzing.client import Reply

INNER = re.compile(
    rb"Traceback|File \"|\.py\b|site-packages|object at 0x|tuning_emulator[./]|tuning_trainer[./]|/usr/lib|<class '|"
    rb"(?:Key|Type|Value|Attribute|Index|Recursion|UnicodeDecode|UnicodeEncode|JSONDecode|Operational|Integrity|"
    rb"Overflow|Assertion|Lookup|Name|Import|OS|IO|Memory|ZeroDivision|Validation|Protocol)Error\b|"
    rb"NoneType|'(?:str|int|dict|list|float|bytes|bool)' object|codec can't|invalid literal for|Expecting (?:value|p)|"
    rb"<byte string>|while decompressing|CRC check failed|Not a gzipped|end-of-stream marker|validation error for|"
    rb"list index out|dictionary changed|unhashable|not subscriptable|positional argument|expected str instance|"
    rb"sqlite3\.|UNIQUE constraint|msgspec|pydantic|errno|\[Errno|maximum recursion|not JSON serializable|must be str|"
    rb"surrogates not allowed|BrokenPipe|ConnectionReset|CancelledError|Errno|int too large|Exceeds the limit"
)
"""Words of Python and of our own rooms, which mean nothing to a client."""

FINE = frozenset({501, 503})
"""Server errors that say something: not served here; the scripted trainer has no tokens."""

SHOWN = 20


@dataclass
class Faults:
    """What was found: kind, place and what was sent, one of each kind and place."""

    counts: Counter[str] = field(default_factory=Counter)
    found: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, place: str, text: str) -> None:
        """One more."""
        self.counts[kind] += 1
        key = f"{kind}: {place}"
        if key not in self.found:
            self.found[key] = text
            print(f"FAULT {key}\n    {text}", file=sys.stderr, flush=True)

    def format(self) -> str:
        """All of it."""
        lines = [f"{key}\n    {text}" for key, text in list(self.found.items())[:SHOWN]]
        return f"{dict(self.counts)}\n" + "\n".join(lines)


def check_reply(faults: Faults, reply: Reply, sent: object, place: str, own: tuple[bytes, ...]) -> None:
    """Status and words of an answer. ``own``: paths of this machine that it must not name."""
    if reply.status >= 500 and reply.status not in FINE:
        faults.add(f"status {reply.status}", place, f"{sent} -> {reply.body[:400]!r}")
    if reply.status >= 400:
        check_words(faults, reply.body, sent, place, own)


def check_words(faults: Faults, text: bytes, sent: object, place: str, own: tuple[bytes, ...]) -> None:
    """Nothing inside shows in an answer, unless the client has sent it."""
    found = INNER.search(text)
    words = found[0] if found else next((one for one in own if one in text), None)
    if words is not None and words.decode("latin-1") not in str(sent):
        faults.add("inner text", f"{place} {words!r}", f"{sent} -> {text[:600]!r}")


class Log:
    """The server's log, read as it grows."""

    WRONG = (b"Traceback", b"never retrieved", b"Exception in callback", b"ERROR", b"never awaited")

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0

    def read_wrong(self) -> bytes:
        """What was written since the last call, from the first line on that should not be there; b"": none is."""
        with self._path.open("rb") as stream:
            stream.seek(self._at)
            text = stream.read()
        self._at += len(text)
        places = [text.find(word) for word in self.WRONG if word in text]
        return text[max(0, min(places) - 300) :][-6000:] if places else b""


class Store:
    """The records of a server, from outside: whether they change, and what they are."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._paths = [directory / "emulator.sqlite3", *(directory / "buckets").glob("*.sqlite3")]
        self._connections: list[sqlite3.Connection] = []
        self._inodes: list[int] = []
        self.reopen()

    def reopen(self) -> None:
        """Looks at the files that are there now."""
        self.close()
        self._paths = [self._directory / "emulator.sqlite3", *sorted((self._directory / "buckets").glob("*.sqlite3"))]
        self._connections = [sqlite3.connect(f"{one.as_uri()}?mode=ro", uri=True) for one in self._paths]
        self._inodes = [one.stat().st_ino for one in self._paths]
        self._versions = self._read_versions()

    def close(self) -> None:
        """Closes them."""
        for connection in self._connections:
            connection.close()

    def is_written(self) -> bool:
        """Whether anything was written since the last call."""
        if any(
            not path.exists() or path.stat().st_ino != inode
            for path, inode in zip(self._paths, self._inodes, strict=True)
        ):
            self.reopen()
            return True
        versions, self._versions = self._versions, self._read_versions()
        return versions != self._versions

    def dump(self) -> dict[str, bytes]:
        """Every row of every table, and the names and sizes of all files."""
        rows = {}
        for path, connection in zip(self._paths, self._connections, strict=True):
            for number, line in enumerate(connection.iterdump()):
                rows[f"{path.name} {number}"] = line.encode("utf-8", "surrogatepass")
        return rows | self.list_files()

    def list_files(self) -> dict[str, bytes]:
        """Names and sizes of what lies beside the records; files of a job that is deleted go a little later."""
        jobs = self._connections[0].execute("SELECT api || '-' || uid FROM tuning_jobs").fetchall()
        found = {}
        for name in ("buckets", *(f"jobs/{job}" for (job,) in jobs)):
            for place, _, files in os.walk(self._directory / name):
                for file in files:
                    path = Path(place) / file
                    if "sqlite3" not in file and path.exists():
                        found[str(path)] = str(path.stat().st_size).encode()
        return found

    def _read_versions(self) -> list[int]:
        return [one.execute("PRAGMA data_version").fetchone()[0] for one in self._connections]


def find_difference(before: dict[str, bytes], after: dict[str, bytes]) -> str:
    """The first rows that differ; "": none."""
    was, became = set(before.values()), set(after.values())
    left = [*(b"- " + one for one in was - became), *(b"+ " + one for one in became - was)]
    left += [b"file " + name.encode() for name in before.keys() ^ after.keys() if name.startswith("/")]
    return "\n    ".join(one[:500].decode("utf-8", "replace") for one in left[:6])


def read_memory_mib(pid: int) -> float:
    """Resident memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024

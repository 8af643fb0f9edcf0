"""Reading files from the server's side: by a process of their own, which is started when the first one comes."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from typing import Final, TypeVar

import msgspec

from tuning_emulator.facts.media import MediaKind
from tuning_emulator.media.medium import PLACEHOLDERS, BrokenMediumError, Medium, ReaderFailedError
from tuning_emulator.media.readers import read_text

log = logging.getLogger(__name__)

Found = TypeVar("Found")

TIMEOUT_S: Final = 20.0
"""Longest a file may take, the start of the process included."""

_NEEDED: Final[dict[MediaKind, tuple[str, ...]]] = {
    "image": ("PIL",),
    "document": ("pypdf",),
    "audio": ("soundfile", "av"),
    "video": ("av",),
}
"""Modules of which one must be there, or nothing of the kind is read."""
_EXTRAS: Final[dict[MediaKind, str]] = {"image": "media", "document": "media", "audio": "media", "video": "video"}
_MOST_AT_ONCE = 2
"""Requests whose files are fetched and read; others wait, and hold no file of Cloud Storage in memory."""
_MOST_KEPT = 64
_KEPT_CHARACTERS = 20_000


class MediaReader:
    """The files of prompts and data sets, read one at a time; threads may share it.

    Args:
        timeout_s: See ``TIMEOUT_S``.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._told: set[str] = set()
        self._kept: dict[tuple[str, int, int], Medium] = {}
        self._threads: ThreadPoolExecutor | None = None

    def read(self, kind: MediaKind, mime_type: str, data: bytes) -> Medium:
        """A file. Without a reader for it, what stands for it; the log says so once.

        Raises:
            BrokenMediumError: it is none of its kind.
            ReaderFailedError: its reader gave up.
        """
        if kind == "document" and not mime_type.startswith("application/pdf"):
            return read_text(data)
        if not any(map(find_spec, _NEEDED[kind])):
            found = Medium(PLACEHOLDERS[kind], missing=_NEEDED[kind][0])
        else:
            found = self._read(kind, mime_type, data)
        if found.missing and kind not in self._told:
            self._told.add(kind)
            log.warning("%s", describe_missing(kind, found))
        return found

    async def run(self, function: Callable[[], Found]) -> Found:
        """A function that reads, in one of few threads: files that wait for one another keep nobody else waiting."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_MOST_AT_ONCE, "media")
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    def close(self) -> None:
        """Ends the process, if there is one."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._end()

    def _read(self, kind: MediaKind, mime_type: str, data: bytes) -> Medium:
        """The same file again, in the next turn of a conversation or in a stream after a count, is not read again."""
        key = (f"{kind} {mime_type}", len(data), hash(data))
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                found = _parse(self._ask(kind, mime_type, data))
                if len(found.words) < _KEPT_CHARACTERS:
                    self._kept[key] = found
                if len(self._kept) > _MOST_KEPT:
                    del self._kept[next(iter(self._kept))]
        return found

    def _ask(self, kind: MediaKind, mime_type: str, data: bytes) -> bytes:
        """The answer of the process, a line."""
        head = msgspec.json.encode({"kind": kind, "mime_type": mime_type, "size": len(data)})
        process = self._process = self._process or _start()
        assert process.stdin is not None
        assert process.stdout is not None
        timer = threading.Timer(self._timeout_s, process.kill)
        timer.start()
        try:
            with suppress(OSError):  # it may just have died, which the missing answer says
                process.stdin.write(head + b"\n")
                process.stdin.write(data)
                process.stdin.flush()
            line = process.stdout.readline()
        finally:
            late = not timer.is_alive()
            timer.cancel()
        if not line.endswith(b"\n"):
            self._end()
            raise ReaderFailedError(f"it took more than {self._timeout_s:g} s" if late else "its reader crashed")
        return line

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        process.wait()


def describe_missing(kind: MediaKind, found: Medium) -> str:
    """Why nothing of a file was read, and what helps."""
    plural = {"image": "images", "document": "PDF documents", "audio": "sounds of this type", "video": "videos"}[kind]
    package = "Pillow" if found.missing == "PIL" else found.missing
    extra = "video" if found.missing == "av" else _EXTRAS[kind]
    return (
        f"{plural} are not read here, and the model is told no more than {PLACEHOLDERS[kind]}: {package} is "
        f"missing; install tuning-emulator[{extra}]"
    )


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "tuning_emulator.media.process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={
            **os.environ,
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        },  # a thread takes addresses by the 10 MB
        start_new_session=True,
    )


def _parse(line: bytes) -> Medium:
    values = msgspec.json.decode(line)
    if "broken" in values:
        raise BrokenMediumError(values["broken"])
    if "failed" in values:
        raise ReaderFailedError(values["failed"])
    return msgspec.convert(values, Medium)

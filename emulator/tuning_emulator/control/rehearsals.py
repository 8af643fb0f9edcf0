"""Rehearsals of a running emulator: started, watched, cancelled, kept with what came of them.

Each has a directory ``rehearsals/ID`` in the data directory: its record, the examples as they are numbered, the
report, and ``work`` while it runs. Each runs in a process group of its own, so that nothing of it is left when it is
ended. They are of no project and in no state archive; a reset of everything forgets them.
"""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import msgspec

from tuning_emulator.control.own_process import FailedProcessError, run_process
from tuning_emulator.control.rehearsing import Asked
from tuning_emulator.core.clock import format_ns
from tuning_emulator.core.records import Api

log = logging.getLogger(__name__)

State = Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"]
ENDED: frozenset[State] = frozenset(("SUCCEEDED", "FAILED", "CANCELLED"))

MOST_KEPT = 100
"""The oldest are forgotten when there would be more."""
MOST_WAITING = 8
"""One runs at a time: a second would only make both slower."""
TOLD_S = 0.25
"""Between two pieces of news about one's progress."""

FOLDER = "rehearsals"
_RECORD, _EXAMPLES, _REPORT, _WORK = "record.json", "examples.jsonl", "report.json", "work"
_ID = re.compile(r"rehearsal-([0-9]{1,9})")
_CUT_SHORT = "the emulator was ended while it ran; start it anew"
_LONGEST_ERROR = 2000


class RehearsalRecord(msgspec.Struct):
    """One rehearsal.

    Attributes:
        dataset, validation: What they are called. weights: What is tuned.
        done, total: Steps; 0 before they are known. error: Why there is no report, "" else.
    """

    id: str
    state: State
    api: Api
    model: str
    dataset: str
    validation: str
    weights: str
    create_time: str
    start_time: str = ""
    end_time: str = ""
    done: int = 0
    total: int = 0
    error: str = ""


class RehearsalStateError(Exception):
    """Not in the state that a rehearsal is in, or not now; the text says why."""


class Rehearsals:
    """All that are kept, and the processes of those that run.

    Args:
        directory: The data directory.
        now_ns: The time that records carry: the machine's, for they say how long it took.
    """

    def __init__(self, directory: Path, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._folder, self._now_ns = directory / FOLDER, now_ns
        self._records: dict[str, RehearsalRecord] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._starting: set[Path] = set()
        self._turn = asyncio.Lock()
        self.watch: Callable[[RehearsalRecord], None] = lambda _: None
        """Told of every change."""
        self._load()

    def _load(self) -> None:
        """Reads what earlier processes have kept; what ran when one ended is over."""
        found = [path for path in self._folder.iterdir() if _number(path.name)] if self._folder.is_dir() else []
        for path in sorted(found, key=lambda one: _number(one.name)):
            try:
                record = msgspec.json.decode((path / _RECORD).read_bytes(), type=RehearsalRecord)
            except (OSError, msgspec.DecodeError):
                self.give_up(path / _WORK)  # the process ended while it was made
                continue
            record.id = path.name
            self._records[record.id] = record
            if record.state not in ENDED:
                self._end(record, "FAILED", _CUT_SHORT)
        self._last = max((_number(path.name) for path in found), default=0)

    # ------------------------------------------------------------ what the routes ask for

    def list_all(self) -> list[RehearsalRecord]:
        """The newest first."""
        return list(reversed(self._records.values()))

    def get(self, identifier: str) -> RehearsalRecord | None:
        """One of them."""
        return self._records.get(identifier)

    def read_report(self, identifier: str) -> dict[str, Any] | None:
        """What came of one that has SUCCEEDED; None: it is forgotten meanwhile."""
        try:
            report: dict[str, Any] = msgspec.json.decode((self._folder / identifier / _REPORT).read_bytes())
        except FileNotFoundError:
            return None
        return report

    def read_examples(self, identifier: str, offset: int, limit: int) -> list[bytes]:
        """Some of the examples, a JSON object each; none before they have been read."""
        file = self._folder / identifier / _EXAMPLES
        if not file.exists():
            return []
        with file.open("rb") as lines:
            return [line.rstrip(b"\n") for line in islice(lines, offset, offset + limit)]

    def make_place(self) -> Path:
        """A new directory for the files of one that is to start.

        Raises:
            RehearsalStateError: as many wait as may.
        """
        if len(self._tasks) + len(self._starting) >= MOST_WAITING:
            raise RehearsalStateError(f"{MOST_WAITING} rehearsals wait or run already; cancel one, or wait")
        self._last += 1
        place = self._folder / f"rehearsal-{self._last}" / _WORK
        place.mkdir(parents=True)
        self._starting.add(place)
        return place

    def give_up(self, place: Path) -> None:
        """Removes such a directory: nothing came of it."""
        self._starting.discard(place)
        shutil.rmtree(place.parent, ignore_errors=True)

    def start(self, place: Path, asked: Asked) -> RehearsalRecord:
        """Lets it wait for its turn, and run. ``asked.examples`` and ``asked.report`` are filled in."""
        folder = place.parent
        record = RehearsalRecord(
            folder.name,
            "PENDING",
            asked.api,
            asked.model,
            asked.name,
            asked.validation_name,
            asked.weights,
            format_ns(self._now_ns()),
        )
        filled = msgspec.structs.replace(asked, examples=str(folder / _EXAMPLES), report=str(place / _REPORT))
        (place / "request.json").write_bytes(msgspec.json.encode(filled))
        self._keep(record)
        self._starting.discard(place)
        self._records[record.id] = record
        self.trim()
        self._tasks[record.id] = asyncio.create_task(self._run(record, place))
        self.watch(record)
        return record

    def trim(self) -> None:
        """Forgets the oldest where there are more than are kept."""
        for old in [one for one in self._records.values() if one.state in ENDED]:
            if len(self._records) > MOST_KEPT:
                self.forget(old.id)

    async def cancel(self, identifier: str) -> RehearsalRecord:
        """Ends one that waits or runs, and everything that it has started.

        Raises:
            RehearsalStateError: it has ended.
        """
        record = self._records[identifier]
        if identifier not in self._tasks:
            raise RehearsalStateError(f"{identifier} has ended as {record.state}; nothing is left to cancel")
        await self._stop([identifier])
        if record.state not in ENDED:
            self._end(record, "CANCELLED")
        return record

    def forget(self, identifier: str) -> None:
        """Removes one that has ended, and its files.

        Raises:
            RehearsalStateError: it has not ended.
        """
        if identifier in self._tasks:
            raise RehearsalStateError(f"{identifier} is {self._records[identifier].state}; cancel it first")
        del self._records[identifier]
        shutil.rmtree(self._folder / identifier, ignore_errors=True)

    async def clear(self) -> None:
        """Ends and forgets all of them."""
        await self.close()
        for identifier in list(self._records):
            self.forget(identifier)

    async def close(self) -> None:
        """Ends those that run: the server stops."""
        await self._stop(list(self._tasks))

    # ------------------------------------------------------------ running

    async def _run(self, record: RehearsalRecord, place: Path) -> None:
        """Waits for its turn, follows its process, and says what came of it."""
        try:
            async with self._turn:
                record.state, record.start_time = "RUNNING", format_ns(self._now_ns())
                self._keep(record)
                self.watch(record)
                arguments = ("tuning_emulator.control.rehearsing", str(place / "request.json"))
                await run_process(arguments, place, Progress(record, self.watch))
                (place / _REPORT).replace(place.parent / _REPORT)
                self._end(record, "SUCCEEDED")
        except (FailedProcessError, OSError) as error:  # OSError: no space, say
            self._end(record, "FAILED", str(error))
        finally:
            self._tasks.pop(record.id, None)

    async def _stop(self, identifiers: list[str]) -> None:
        """Ends the process groups of some, and waits until nothing of them is left."""
        tasks = [self._tasks[one] for one in identifiers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in identifiers:
            self._tasks.pop(one, None)

    def _end(self, record: RehearsalRecord, state: State, error: str = "") -> None:
        record.state, record.error, record.end_time = state, error[:_LONGEST_ERROR], format_ns(self._now_ns())
        shutil.rmtree(self._folder / record.id / _WORK, ignore_errors=True)
        try:
            self._keep(record)
        except OSError:
            log.exception("what came of %s is not kept beyond this process", record.id)
        self.watch(record)

    def _keep(self, record: RehearsalRecord) -> None:
        """Writes the record, whole or not at all."""
        file = self._folder / record.id / _RECORD
        made = file.with_suffix(".new")
        made.write_bytes(msgspec.json.encode(record))
        made.replace(file)


def _number(identifier: str) -> int:
    match = _ID.fullmatch(identifier)
    return int(match[1]) if match else 0


class Progress:
    """Hears how far a rehearsal is, and passes it on, not too often."""

    def __init__(self, record: RehearsalRecord, watch: Callable[[RehearsalRecord], None]) -> None:
        self._record, self._watch, self._told = record, watch, 0.0

    def __call__(self, line: bytes) -> None:
        """A line that its process has printed."""
        with suppress(msgspec.DecodeError, KeyError):
            news = msgspec.json.decode(line, type=dict[str, int])
            self._record.done, self._record.total = news["done"], news["total"]
        if (now := time.monotonic()) - self._told > TOLD_S:
            self._told = now
            self._watch(self._record)

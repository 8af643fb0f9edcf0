"""A server on one data directory, the walkers that use it, and what all of them together must find after a kill."""

from __future__ import annotations

import copy
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from campaigns import CampaignError
from campaigns.connection import Connection, CutError
from campaigns.leftovers import find_orphans, find_unfinished_files, hash_adapters
from campaigns.walker import DATASET_BUCKET, ENDED, LINES, Flight, Known, Seen, Walker
from tuning_emulator.testing.client import Control, ControlError, NoAnswerError
from tuning_emulator.testing.process import RunningEmulator, launch

WALKERS = 3
JOBS_PER_PROJECT = (2, 64, 64, 64)
"""One of them for each life of the server. Where few may run, a scenario waits for those before it; so that is rare."""

LONGEST_PAUSE_S = 0.02
"""Between the last step that counts and the kill."""

ALONE_ONE_IN = 60
"""How rare among the steps are those that concern everybody: export, import, reset."""

STUCK_S = 180.0
"""How long no job at all may go on before they count as stuck: a bound, not a claim about speed."""

GONE_S = 60.0
"""How long a process may outlive the server that has started it."""

Learned = tuple[str, tuple[tuple[Any, ...], ...]]
"""What a job has come to: a hash of its adapter, and its loss curve."""


class Passage:
    """Lets many through at a time, or one alone."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._inside = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Beside others."""
        with self._change:
            self._inside += 1
        try:
            yield
        finally:
            with self._change:
                self._inside -= 1
                self._change.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While nobody else is inside, nor comes in."""
        with self._change:
            self._change.wait_for(lambda: self._inside == 0)
            yield


class World:
    """See the module.

    Args:
        folder: For the log and all else. trainer: Of the server. epochs: What jobs are created with.
        directory: The data directory, if it is not to be in that folder.

    Attributes:
        counts: What had become of requests under way, see ``Walker.settle``; and ``adapters``.
        longest_start_s: Until it answered.
    """

    def __init__(
        self, folder: Path, seed: int, trainer: str, epochs: tuple[int, ...], directory: Path | None = None
    ) -> None:
        self.directory = directory or folder / "data"
        self.walkers = [Walker(number, seed + number, epochs) for number in range(WALKERS)]
        self.counts: Counter[str] = Counter()
        self.longest_start_s = 0.0
        self.learned: dict[tuple[str, int], Learned] = {}
        self._folder, self._trainer = folder, trainer
        self._random = random.Random(seed)
        self._passage = Passage()
        self._saved: list[Walker] | None = None
        self._importing = False
        self._left: list[psutil.Process] = []
        (folder / "numbers").mkdir()
        (folder / "numbers" / "train.jsonl").write_text(LINES, "utf-8")
        self.directory.mkdir()

    def options(self, *more: str) -> list[str]:
        """Of the server."""
        given = {
            "--port": "0",
            "--trainer": self._trainer,
            "--scripted-step-s": "0.02",
            "--data-dir": str(self.directory),
            "--bucket": f"{DATASET_BUCKET}={self._folder / 'numbers'}",
            "--jobs-per-project": str(self._random.choice(JOBS_PER_PROJECT)),
        }
        return [word for option in given.items() for word in option] + list(more)

    def start(self) -> RunningEmulator:
        """Starts it and compares all that is there.

        Raises:
            CampaignError: something is lost, torn or left over. StartError: it did not start.
        """
        began = time.monotonic()
        running = launch(self.options(), self._folder / "log.txt", subprocess.STDOUT)
        self.longest_start_s = max(self.longest_start_s, time.monotonic() - began)
        try:
            self._compare(running)
        except BaseException:
            kill_server(running)
            raise
        return running

    def _compare(self, running: RunningEmulator) -> None:
        if orphans := find_orphans(self.directory):
            raise CampaignError(f"left over: {', '.join(orphans[:5])}")
        asks = self.connect(running)
        there = [walker.look(ask) for walker, ask in zip(self.walkers, asks, strict=True)]
        states = [self.walkers] + ([self._saved] if self._importing and self._saved is not None else [])
        faults = []
        for state in states:  # an import under way: all as it was, or all as it is in the archive
            walkers = copy.deepcopy(state)
            try:
                found = [settle(*one) for one in zip(walkers, there, asks, strict=True)]
            except AssertionError as fault:
                faults.append(str(fault))
                continue
            self.counts.update(found)
            self.walkers, self._importing = walkers, False
            break
        else:
            raise CampaignError("neither the old state nor the new one: " + " / ".join(faults))
        for ask in asks:
            ask.close()
        _, alive = psutil.wait_procs(self._left, GONE_S)
        if alive:
            raise CampaignError(f"still alive after its server: {alive}")

    def connect(self, running: RunningEmulator) -> list[Connection]:
        """A connection for each walker."""
        return [Connection(running.url, walker.bucket_name) for walker in self.walkers]

    def note_left(self, processes: list[psutil.Process]) -> None:
        """What a killed server had started."""
        self._left = processes

    # ------------------------------------------------------------ work

    def work(self, running: RunningEmulator, steps: int, longest_s: float) -> None:
        """Lets all walkers walk until they have done so many steps, or for so long; then kills the server.

        Raises:
            CampaignError: an answer is not what it has to be.
        """
        killed = threading.Event()

        wanted, limit = steps + self._count_steps(), time.monotonic() + longest_s
        pause_s = self._random.random() * LONGEST_PAUSE_S

        def kill() -> None:
            while self._count_steps() < wanted and time.monotonic() < limit:
                time.sleep(0.001)
            time.sleep(pause_s)
            killed.set()
            self.note_left(list_descendants(running.pid))
            kill_server(running)

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            with ThreadPoolExecutor(len(self.walkers)) as pool:
                ends = [
                    pool.submit(self._walk, walker, ask, running, killed)
                    for walker, ask in zip(self.walkers, self.connect(running), strict=True)
                ]
            if faults := [str(end.exception()) for end in ends if end.exception() is not None]:
                raise CampaignError("; ".join(faults))
        finally:
            killer.join()

    def _count_steps(self) -> int:
        return sum(walker.steps for walker in self.walkers)

    def _walk(self, walker: Walker, ask: Connection, running: RunningEmulator, killed: threading.Event) -> None:
        try:
            while True:
                if self._random.randrange(ALONE_ONE_IN):
                    with self._passage.shared():
                        walker.walk(ask)
                else:
                    with self._passage.alone():
                        self._walk_alone(running, killed)
        except CutError:
            if not killed.is_set():
                raise CampaignError("a connection broke without a kill") from None
        except AssertionError as fault:
            raise CampaignError(f"a wrong answer: {fault}") from fault
        finally:
            ask.close()

    def _walk_alone(self, running: RunningEmulator, killed: threading.Event) -> None:
        """What concerns everybody."""
        if killed.is_set():
            raise CutError
        control, archive = Control(running.url, timeout_s=120), self._folder / "saved.tar.gz"
        choice = self._random.randrange(8)
        try:
            if choice == 0:
                for walker in self.walkers:
                    walker.flight = Flight({}, bucket=True)
                control.reset()
                for walker in self.walkers:
                    walker.jobs, walker.bucket, walker.flight = {}, None, None
            elif choice < 4 and self._saved is not None:
                self._importing = True
                control.import_snapshot(archive)
                self._take_over()
                self._importing = False
            else:
                control.export_snapshot(archive)
                self._saved = copy.deepcopy(self.walkers)
        except NoAnswerError as error:
            raise CutError from error
        except ControlError as error:
            raise CampaignError(f"a state archive or a reset is refused: {error}") from error

    def _take_over(self) -> None:
        """The walkers go on from what was exported."""
        assert self._saved is not None
        for walker, saved in zip(self.walkers, copy.deepcopy(self._saved), strict=True):
            walker.jobs, walker.bucket = saved.jobs, saved.bucket

    # ------------------------------------------------------------ the end of all jobs

    def drain(self, running: RunningEmulator) -> None:
        """Waits until every job has ended, and holds its end, its adapter and its losses against an undisturbed one.

        Raises:
            CampaignError: jobs are stuck, or have not come to what they had to.
        """
        control = Control(running.url, timeout_s=120)
        self._await_ends(control)
        if left := find_unfinished_files(self.directory):
            raise CampaignError(f"unfinished files of ended jobs: {', '.join(left[:5])}")
        adapters = hash_adapters(self.directory)
        try:
            for walker, ask in zip(self.walkers, self.connect(running), strict=True):
                walker.note(walker.look(ask))
                for display, known in walker.jobs.items():
                    if known.ended == "SUCCEEDED":
                        self._hold(known, learn(control, known.name, adapters[display]))
                ask.close()
        except AssertionError as fault:
            raise CampaignError(f"a job has not ended as it had to: {fault}") from fault

    def _hold(self, known: Known, learned: Learned) -> None:
        wanted = self.learned.setdefault((known.api, known.epochs), learned)
        if learned[0] != wanted[0]:
            raise CampaignError(f"{known.name}: its adapter is not bit for bit the undisturbed one's")
        if learned[1] != wanted[1]:
            raise CampaignError(f"{known.name}: its loss curve is {learned[1]}, should be {wanted[1]}")
        self.counts["adapters"] += 1

    def _await_ends(self, control: Control) -> None:
        before, since = None, time.monotonic()
        while True:
            jobs = control.jobs.list()
            now = [(one["name"], one["state"], one["completed_steps"]) for one in jobs if one["state"] not in ENDED]
            if not now:
                return
            if now != before:
                before, since = now, time.monotonic()
            elif time.monotonic() - since > STUCK_S:
                raise CampaignError(f"stuck for {STUCK_S:.0f} s: {now}")
            time.sleep(0.05)


def settle(walker: Walker, seen: dict[str, Seen], ask: Connection) -> str:
    """Holds all that a walker has against what it knows; see ``Walker.settle``."""
    losing = walker.flight is not None and walker.flight.bucket
    outcome = walker.settle(seen)
    walker.settle_bucket(ask, losing)
    return outcome


def learn(control: Control, name: str, adapter: str) -> Learned:
    """What a job has come to."""
    metrics = control.jobs.get(name)["metrics"]
    return adapter, tuple((one["kind"], one["step"], one["epoch"], one["loss"], one["correct"]) for one in metrics)


def list_descendants(pid: int) -> list[psutil.Process]:
    """Every process that a process has started, and they have."""
    with suppress(psutil.NoSuchProcess):
        found: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
        return found
    return []


def kill_server(running: RunningEmulator) -> None:
    """As `kill -9`."""
    assert running.process is not None
    running.process.kill()
    running.process.wait()
    if running.process.stdin is not None:
        running.process.stdin.close()

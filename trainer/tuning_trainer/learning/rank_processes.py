"""The processes of a data parallel job beside the first: started, watched and ended by it."""

from __future__ import annotations

import dataclasses
import json
import os
import select
import shutil
import signal
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import torch

from tuning_trainer.children import Child, spawn_child
from tuning_trainer.learning.ranks import Backend, RankKilledError, Ranks
from tuning_trainer.model import model_directory, takes_gpu
from tuning_trainer.spec import Failed, InvalidJobError, Job, parse_event

END_TIMEOUT_S = 5.0
"""For a rank to end, once the job has or another rank is gone."""


class RankEndedError(Exception):
    """A process of the job ended before it was ready."""


class FirstRank(Ranks):
    """Rank 0, which holds the processes of the others. Their last words come as JSON lines."""

    def __init__(self, job: Job, size: int) -> None:
        super().__init__(0, size)
        self._job = job
        self._folder: str | None = None
        self._children: list[Child] = []
        self._failures: list[Failed] = []
        self._lost, self._left = threading.Event(), threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def gather(self) -> None:
        backend = choose_backend(self._job, self.size)
        self._folder = tempfile.mkdtemp(prefix=".ranks-", dir=self._job.directory)
        store = Path(self._folder) / "store"
        for rank in range(1, self.size):
            place = {"rank": rank, "size": self.size, "store": str(store), "backend": backend}
            arguments = {"job": dataclasses.asdict(self._job), "place": place}
            self._children.append(spawn_child("rank", arguments, lambda: None))
        for child in self._children:
            lines = child.read()
            while lines == []:
                lines = child.read()
            if lines is None:
                self._lost.set()
                raise RankEndedError
        self._watcher.start()
        self.join(store, backend)

    def _watch(self) -> None:
        """Reads what the others say. One that is gone without a word would be waited for, by a GPU without end."""
        outputs = {child.output: child for child in self._children}
        while outputs:
            for output in select.select(list(outputs), [], [])[0]:
                lines = outputs[output].read()
                if lines:
                    self._failures += [
                        one for line in lines if isinstance(one := parse_event(json.loads(line)), Failed)
                    ]
                    outputs.pop(output)  # its last word
                elif lines is None:
                    outputs.pop(output)
                    self._lost.set()
                if self._failures:
                    self._lost.set()
                if self._lost.is_set() and not self._left.wait(2 * END_TIMEOUT_S):
                    os.kill(os.getpid(), signal.SIGKILL)

    def explain(self) -> Failed | None:
        """Why the job cannot go on, where another rank is the cause.

        Raises:
            RankKilledError: it was killed.
        """
        if not self._lost.wait(END_TIMEOUT_S):
            return None
        deadline_s = time.monotonic() + END_TIMEOUT_S
        while any(child.alive() for child in self._children) and time.monotonic() < deadline_s:
            time.sleep(0.01)
        for rank, child in enumerate(self._children, 1):
            if number := child.ending_signal():
                raise RankKilledError(rank, number)
        return self._failures[0] if self._failures else None

    def leave(self) -> None:
        self._left.set()
        deadline_s = time.monotonic() + END_TIMEOUT_S
        if not self._lost.is_set():
            with suppress(RuntimeError):
                super().leave()
            while any(child.alive() for child in self._children) and time.monotonic() < deadline_s:
                time.sleep(0.005)
        for child in self._children:
            child.signal(signal.SIGKILL)
        if self._watcher.is_alive():
            self._watcher.join()
        for child in self._children:
            child.reap()
        with suppress(RuntimeError):
            super().leave()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def choose_backend(job: Job, size: int) -> Backend:
    """NCCL where the job goes to GPUs, else Gloo.

    Raises:
        InvalidJobError: there are fewer GPUs than processes.
    """
    if not takes_gpu(job.device, model_directory(job.weights)):
        return "gloo"
    count = torch.cuda.device_count()
    if count < size:
        raise InvalidJobError(
            f"processes: each of {size} takes a GPU of its own, and torch sees {count}; ask for fewer, or for "
            "device 'cpu'"
        )
    return "nccl"

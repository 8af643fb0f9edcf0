"""The way of one batch: fetch its requests → answer them in order → deliver the results.

Its directory holds ``requests.jsonl``, the requests as they were when it began, and ``results.jsonl``, a line for each
that is answered. A batch whose server died goes on behind the last whole line, so that none is lost or doubled.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeAlias

from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.job_control import FaultKind
from tuning_emulator.core.lifecycle import JobEvent
from tuning_emulator.core.records import BatchJob, Job, JobKind
from tuning_emulator.facts import vertex_errors
from tuning_emulator.facts.limits import PREDICTIONS_NAME
from tuning_emulator.jobs.batch_files import (
    REQUESTS_NAME,
    RESULTS_NAME,
    Result,
    check_line,
    cut_unfinished,
    explain_input,
    explain_output,
    read_lines,
    read_results,
    write_result,
)
from tuning_emulator.jobs.pacing import JobGate, StoppedError
from tuning_emulator.jobs.steps import CANCELLED, describe_failure, remove_unfinished
from tuning_emulator.jobs.tuning_api import JobApi, Stage
from tuning_emulator.storage.objects import ObjectStore, StorageError
from tuning_emulator.store.store import Store

log = logging.getLogger(__name__)


class BatchApi(JobApi, Protocol):
    """One of the two APIs, as far as batches differ in it."""

    async def answer(self, job: BatchJob, request: bytes) -> Result:
        """Answers one line of the requests; what is wrong with it is in the result."""
        ...

    def has_failed(self, result: Result) -> bool:
        """Whether a result is an error."""
        ...

    def name_output(self, job: BatchJob) -> str:
        """The folder that a batch which begins will write to; "" where its results are not delivered."""
        ...


BatchApis: TypeAlias = Mapping[JobKind, BatchApi]


class BatchRunner:
    """Runs one batch per call of ``run``.

    Args:
        find_directory: Of a job.

    Attributes:
        apis: What a batch means to its API.
    """

    def __init__(
        self, store: Store, find_directory: Callable[[Job], Path], open_objects: Callable[[], ObjectStore]
    ) -> None:
        self.apis: dict[JobKind, BatchApi] = {}
        self._store = store
        self._find_directory = find_directory
        self._open_objects = open_objects
        self._stops: dict[int, threading.Event] = {}

    def cancel(self, job: Job) -> None:
        """Makes a running batch stop: its input is read no further."""
        if (stop := self._stops.get(job.uid)) is not None:
            stop.set()

    async def run(self, gate: JobGate) -> None:
        """Takes a RUNNING batch to its end, or one that is CANCELLING. What is done is delivered however it ends."""
        uid = gate.uid
        stop = self._stops[uid] = threading.Event()
        try:
            if gate.stage is Stage.CANCELLING:
                raise StoppedError
            gate.enter(Stage.RUNNING)
            await self._answer_all(gate, stop)
            await self._deliver(uid)
            if gate.stopped:
                raise StoppedError
            self._store.transition(uid, JobEvent.SUCCEED, gate.now_ns())
        except ApiError as error:
            await self._deliver_done(uid)
            self._store.transition(uid, JobEvent.FAIL, gate.now_ns(), error=describe_failure(error))
        except StoppedError:
            await self._end_cancelled(gate)
        finally:
            stop.set()  # where this task itself was ended, its thread is too
            self._stops.pop(uid, None)

    # ------------------------------------------------------------ steps

    async def _answer_all(self, gate: JobGate, stop: threading.Event) -> None:
        """Every request that has no result yet.

        Raises:
            ApiError: the input cannot be read, or that was to happen. StoppedError: asked to stop, or deleted.
        """
        job = self._require(gate.uid)
        directory = self._find_directory(job)
        try:
            total = await asyncio.to_thread(self._fetch, job, self._store.get_inline_dataset(job.uid), stop)
        except ApiError:
            await gate.reach()
            raise
        if gate.find_fault(FaultKind.DATASET_REJECTED) is not None:
            await gate.reach()
            self._check_fault(gate, FaultKind.DATASET_REJECTED)
        api = self.apis[job.api]
        done = cut_unfinished(directory / RESULTS_NAME)
        failed = sum(map(api.has_failed, read_results(directory)))
        folder = job.progress.output_directory or api.name_output(job)
        self._store.update_progress(job.uid, total_steps=total, failed_steps=failed, output_directory=folder)
        self._store.count_request(job.uid, done)
        with (directory / RESULTS_NAME).open("ab", buffering=0) as results:
            for number, request in enumerate(read_lines(directory / REQUESTS_NAME), start=1):
                if number <= done:
                    continue
                result = await api.answer(job, request)
                await self._reach_request(gate, number, total)
                write_result(results, result)
                failed += api.has_failed(result)
                self._store.count_request(job.uid, number, failed if api.has_failed(result) else None)
                await asyncio.sleep(0)  # a trainer that only pretends never waits, and others want to be answered too
        await gate.reach()

    def _fetch(self, job: BatchJob, inline: str, stop: threading.Event) -> int:
        """Writes the requests to the batch's directory, unless they are there; how many there are. Blocks.

        Raises:
            ApiError: an object of the input is not there, or is no JSONL. StoppedError: asked to stop.
        """

        def keep_going() -> None:
            if stop.is_set():
                raise StoppedError

        path = self._find_directory(job) / REQUESTS_NAME
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f".{path.name}")
            with unfinished.open("wb") as file:
                lines = inline.encode().splitlines() if inline else self._read_input(job, keep_going)
                file.writelines(line + b"\n" for line in lines)
            unfinished.replace(path)
        total = sum(1 for _ in read_lines(path))
        if not total:
            raise vertex_errors.BATCH_INPUT_EMPTY(uri=", ".join(job.asked.input_uris))
        return total

    def _read_input(self, job: BatchJob, keep_going: Callable[[], None]) -> Iterator[bytes]:
        """The lines of all objects, blank ones left out."""
        objects = self._open_objects()
        for given in job.asked.input_uris:
            try:
                for uri in (objects.match(given) if "*" in given else []) or [given]:
                    position = 0
                    for line in objects.lines(uri):
                        keep_going()
                        if line.strip():
                            check_line(line, position)
                            yield line
                        position += len(line) + 1
            except StorageError as error:
                raise explain_input(error, job, given) from error

    async def _reach_request(self, gate: JobGate, number: int, total: int) -> None:
        """Waits until the batch's pace lets it show a result, then does to it what was to happen there."""
        await gate.reach(number, total)
        fault = gate.find_fault(FaultKind.INTERNAL_ERROR, FaultKind.CANCELLED)
        if fault is None or number < min(fault.at, total):
            return
        if fault.kind is FaultKind.CANCELLED:
            gate.fire()
            self._store.transition(gate.uid, JobEvent.CANCEL, gate.now_ns())
            raise StoppedError
        self._check_fault(gate, FaultKind.INTERNAL_ERROR)

    def _check_fault(self, gate: JobGate, kind: FaultKind) -> None:
        """Ends a batch to which this was to happen."""
        if (fault := gate.find_fault(kind)) is not None:
            gate.fire()
            raise self.apis[gate.api].explain(fault)

    async def _end_cancelled(self, gate: JobGate) -> None:
        """CANCELLING → CANCELLED, unless the batch is gone."""
        if self._store.get_any_job(gate.uid) is None:
            return
        gate.enter(Stage.CANCELLING)
        with suppress(StoppedError):  # deleted meanwhile
            await gate.reach()
            await self._deliver_done(gate.uid)
            self._store.transition(gate.uid, JobEvent.STOP, gate.now_ns(), error=CANCELLED)

    # ------------------------------------------------------------ delivery

    async def _deliver(self, uid: int) -> None:
        """Writes the results to Cloud Storage; done twice, the same is written again.

        Raises:
            ApiError: the bucket cannot be written to. StoppedError: the batch was deleted.
        """
        job = self._require(uid)
        folder, path = job.progress.output_directory, self._find_directory(job) / RESULTS_NAME
        if folder and path.exists() and path.stat().st_size:
            uri = f"{folder}/{PREDICTIONS_NAME.value}"
            try:
                await asyncio.to_thread(self._write, path, uri)
            except StorageError as error:
                raise explain_output(error, job, uri) from error
            self._require(uid)

    def _write(self, path: Path, uri: str) -> None:
        self._open_objects().write(uri, path.read_bytes(), "application/octet-stream")

    async def _deliver_done(self, uid: int) -> None:
        """What there is, of a batch that has not come to its end; what a killed server was writing goes.

        Source: docs.cloud.google.com …/batch-prediction-from-cloud-storage: all completed rows are exported.
        """
        await asyncio.to_thread(remove_unfinished, self._find_directory(self._require(uid)))
        try:
            await self._deliver(uid)
        except ApiError as error:
            log.warning("batch: its results are lost: %s", error.message)

    def _require(self, uid: int) -> BatchJob:
        job = self._store.get_any_job(uid)
        if not isinstance(job, BatchJob):  # deleted while it ran
            raise StoppedError
        return job

"""The queue: takes waiting jobs in order, runs each through the pipeline, stops them on request."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections import defaultdict, deque
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from tuning_emulator.core.errors import ApiError, is_space_wanting
from tuning_emulator.core.job_control import BATCHES, NO_MAGIC, FaultKind, Magic, PaceMode
from tuning_emulator.core.lifecycle import ENDED, JobEvent
from tuning_emulator.core.records import Job, JobState
from tuning_emulator.facts import emulator_errors, google_errors
from tuning_emulator.jobs.batches import BatchApis, BatchRunner
from tuning_emulator.jobs.pacing import JobGate, StoppedError
from tuning_emulator.jobs.steps import CANCELLED, Pipeline, describe_failure

log = logging.getLogger(__name__)

REMOVE_TIMEOUT_S = 10.0
"""How long a forgotten job may take to stop before its files are removed under it."""

SPACE_RETRY_S = 0.5
"""How often it is tried to write down how a job stands while the disk is full."""

END_TIMEOUT_S = 10.0
"""How long ``Queue.end`` waits for what works on the jobs."""


Line: TypeAlias = tuple[str, str]
"""API and project: jobs of one wait for each other."""


class Queue:
    """Runs jobs, of tuning at most ``per_project`` of one project and API at a time; the rest wait as PENDING.

    Batches wait for nobody: "once created", one "will right away be attempted to start".
    Source: googleapis google/cloud/aiplatform job_service.proto, CreateBatchPredictionJob.

    The service's default quota is one concurrent tuning job per project.
    Source: cloud.google.com Vertex AI "About supervised fine-tuning", section Quota.
    """

    def __init__(self, pipeline: Pipeline, per_project: int = 1) -> None:
        self.pacing = pipeline.pacing
        self.retries = pipeline.retries
        self._pipeline = pipeline
        self._batches = BatchRunner(pipeline.store, pipeline.job_directory, pipeline.open_objects)
        self._store = pipeline.store
        self._clock = pipeline.clock
        self._per_project = per_project
        self._running: dict[int, asyncio.Task[None]] = {}
        self._waiting: defaultdict[Line, deque[JobGate]] = defaultdict(deque)
        self._busy: defaultdict[Line, set[int]] = defaultdict(set)
        self._ended: dict[int, asyncio.Event] = {}
        self._removals: set[asyncio.Task[None]] = set()
        self.files = asyncio.Lock()
        """Held while the files of a deleted job are removed, and by whoever wants all files to stay."""
        self._started = False

    def join_batches(self, apis: BatchApis) -> None:
        """Lets batches of these APIs be run; before ``start``."""
        self._batches.apis.update(apis)
        self.pacing.apis.update(apis)

    def find_directory(self, job: Job) -> Path:
        """Where a job keeps its files."""
        return self._pipeline.job_directory(job)

    async def start(self) -> None:
        """Takes up what an earlier process left unfinished, then what is submitted."""
        self._started = True
        self.take_up()

    def take_up(self) -> None:
        """Resumes the jobs of the store that somebody else has left unfinished."""
        for job in self._store.list_unfinished_jobs():
            if job.uid not in self._running and job.progress.state is not JobState.PENDING:
                log.warning("job %s was %s when the server ended; it is resumed", job.id, job.progress.state)
                try:
                    resumed = self._store.transition(job.uid, JobEvent.REQUEUE, self._clock.now_ns())
                except sqlite3.Error as error:
                    if not is_space_wanting(error):
                        raise
                    self._running[job.uid] = asyncio.create_task(self._resume_with_space(job.uid, error))
                else:
                    self._launch(resumed, self.pacing.open(resumed))
        self.wake()

    async def stop(self) -> None:
        """Leaves jobs as they stand; the next start resumes them."""
        self._started = False
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*self._removals, return_exceptions=True)
        self._running.clear()

    def submit(self, job: Job, magic: Magic = NO_MAGIC) -> None:
        """Takes a new job, with what its request asked of the emulator. While stopped it waits for the next start."""
        gate = self.pacing.open(job, magic)
        if gate.paced or gate.stuck:
            self._store.transition(job.uid, JobEvent.WAIT, self._clock.now_ns())
        if self._started:
            self._launch(job, gate)
        else:
            self.pacing.close(job.uid)

    def wake(self) -> None:
        """Takes the waiting jobs of the store that were not submitted."""
        for job in self._store.list_unfinished_jobs():
            if self._started and job.uid not in self._running and job.progress.state is JobState.PENDING:
                self._launch(job, self.pacing.open(job))

    def cancel(self, uid: int) -> Job:
        """Asks a job to stop: a waiting one is CANCELLED at once, a running one is CANCELLING until it has stopped.

        Raises:
            IllegalTransitionError: it has ended.
        """
        job = self._store.get_any_job(uid)
        if job is None:
            raise KeyError(f"no job with uid {uid}")
        changes = {"error": CANCELLED} if job.progress.state is JobState.PENDING else {}
        job = self._store.transition(uid, JobEvent.CANCEL, self._clock.now_ns(), **changes)
        self._stop_work(job)
        if job.progress.state in ENDED:
            self._announce_end(uid)
        return job

    async def wait_until_ended(self, uid: int, timeout_s: float | None = None) -> Job | None:
        """The job once it has ended, or as it stands when the time is up; None if it is gone."""
        job = self._store.get_any_job(uid)
        if job is not None and job.progress.state not in ENDED:
            waiting = self._ended.setdefault(uid, asyncio.Event())
            with suppress(TimeoutError):
                await asyncio.wait_for(waiting.wait(), timeout_s)
        return self._store.get_any_job(uid)

    def waits_for_hand(self, job: Job) -> bool:
        """Whether a job has to wait for others of its project that stand still until somebody moves them by hand."""
        gate = self.pacing.get(job.uid)
        busy = self._busy.get((job.api, gate.project), set()) if gate is not None else set()
        if job.uid in busy or len(busy) < self._per_project:
            return False
        return all(one is not None and one.pace.mode is PaceMode.MANUAL for one in map(self.pacing.get, busy))

    def forget(self, uid: int) -> None:
        """Stops a job and forgets it; its files go once its record is gone."""
        job = self._store.get_any_job(uid)
        if job is None:
            return
        self._store.delete_job(uid)
        if job.progress.state not in ENDED:
            self._stop_work(job)
        if (gate := self.pacing.get(uid)) is not None:
            gate.drop()
        self._announce_end(uid)
        directory = self._pipeline.job_directory(job)
        removal = asyncio.create_task(_remove_when_ended(self._running.get(uid), directory, self.files))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    async def end(self, find: Callable[[], Collection[int]] | None = None) -> None:
        """Ends all work on some jobs, or on all, whatever they would show; their records are about to go.

        Nothing is written about them, and nothing works on their files any more.

        Args:
            find: Which jobs, by uid. It is asked again after each wait: there may be more by then.
        """
        while tasks := self._list_tasks(doomed := None if find is None else set(find())):
            for uid, task in tasks.items():
                task.cancel()
                del self._running[uid]
            await asyncio.wait(tasks.values(), timeout=END_TIMEOUT_S)
            for uid in tasks:
                self.pacing.close(uid)  # a task that is cancelled before its first step never does so itself
        for uid in [uid for uid in self._ended if doomed is None or uid in doomed]:
            self._announce_end(uid)

    # ------------------------------------------------------------ inside

    def _list_tasks(self, uids: set[int] | None) -> dict[int, asyncio.Task[None]]:
        return {uid: task for uid, task in self._running.items() if uids is None or uid in uids}

    def _stop_work(self, job: Job) -> None:
        if (gate := self.pacing.get(job.uid)) is not None:
            gate.stop()
        self._find_runner(job).cancel(job)

    def _find_runner(self, job: Job) -> Pipeline | BatchRunner:
        return self._batches if job.api in BATCHES else self._pipeline

    def _launch(self, job: Job, gate: JobGate) -> None:
        task = asyncio.create_task(self._run_job(job, gate), name=f"{job.api} job {job.id}")
        self._running[job.uid] = task

    async def _run_job(self, job: Job, gate: JobGate) -> None:
        line, resumed = (job.api, gate.project), None
        try:
            await self._run_once(job, gate, line)
        except Exception as error:
            resumed = await self._survive(job.uid, error)
        finally:
            self._leave(gate, line)
        self._follow(job.uid, resumed)

    async def _resume_with_space(self, uid: int, error: sqlite3.Error) -> None:
        """Takes up a job once a full disk lets it be written down."""
        try:
            resumed = await self._survive(uid, error)
        finally:
            self._running.pop(uid, None)
        self._follow(uid, resumed)

    def _follow(self, uid: int, resumed: Job | None) -> None:
        """What comes after a job was worked on: it again, or whoever waits for its end."""
        if resumed is not None:
            self._launch(resumed, self.pacing.open(resumed))
        else:
            self._announce_end(uid)

    async def _run_once(self, job: Job, gate: JobGate, line: Line) -> None:
        try:
            if job.progress.state is JobState.PENDING:
                await self._begin(job, gate, line)
            else:
                self._busy[line].add(job.uid)  # it was running before
            await self._find_runner(job).run(gate)
        except StoppedError:
            pass  # while it waited to begin
        except ApiError as error:
            self._store.transition(job.uid, JobEvent.FAIL, gate.now_ns(), error=describe_failure(error))

    async def _survive(self, uid: int, error: Exception) -> Job | None:
        """What becomes of a job that failed inside the emulator: FAILED or, where a disk was full, it goes on.

        Returns the job where it goes on.
        """
        full = is_space_wanting(error)
        if full:
            log.error("job %s cannot go on: %s; waiting until there is space", uid, error)
        else:
            log.exception("job %s failed inside the emulator", uid, exc_info=error)
        while (job := self._store.get_any_job(uid)) is not None and job.progress.state not in ENDED:
            try:
                if full and isinstance(error, sqlite3.Error):
                    waits = job.progress.state is JobState.PENDING
                    event = JobEvent.WAIT if waits else JobEvent.REQUEUE
                    return self._store.transition(uid, event, self._clock.now_ns())
                row = emulator_errors.DISK_FULL if full else google_errors.INTERNAL
                self._store.transition(uid, JobEvent.FAIL, self._clock.now_ns(), error=describe_failure(row()))
            except sqlite3.Error as again:
                if not is_space_wanting(again):
                    raise
                await asyncio.sleep(SPACE_RETRY_S)
        return None

    async def _begin(self, job: Job, gate: JobGate, line: Line) -> None:
        """PENDING → RUNNING, once its pace and the jobs before it allow that.

        Raises:
            StoppedError: it was cancelled or deleted. ApiError: it was to fail.
        """
        await gate.reach()
        if (fault := gate.find_fault(FaultKind.QUOTA_EXHAUSTED)) is not None:
            gate.fire()
            raise self.pacing.apis[job.api].explain(fault)
        if job.api not in BATCHES and len(self._busy[line]) >= self._per_project:
            self._store.transition(job.uid, JobEvent.WAIT, self._clock.now_ns())
            gate.queued = True
            self._waiting[line].append(gate)
        else:
            self._busy[line].add(job.uid)
        await gate.wait_in_queue()
        self._store.transition(job.uid, JobEvent.RUN if job.api in BATCHES else JobEvent.START, gate.now_ns())

    def _leave(self, gate: JobGate, line: Line) -> None:
        """The job has ended or is worked on no more; the next of its project may begin."""
        self._running.pop(gate.uid, None)
        busy, waiting = self._busy[line], self._waiting[line]
        busy.discard(gate.uid)
        if gate.queued:
            waiting.remove(gate)
        while waiting and len(busy) < self._per_project:
            following = waiting.popleft()
            busy.add(following.uid)
            following.queued = False
            following.note_time(gate.now_ns())
            following.stir()
        if not busy:
            del self._busy[line], self._waiting[line]
        self.pacing.close(gate.uid)

    def _announce_end(self, uid: int) -> None:
        waiting = self._ended.pop(uid, None)
        if waiting is not None:
            waiting.set()


async def _remove_when_ended(task: asyncio.Task[None] | None, directory: Path, files: asyncio.Lock) -> None:
    """Removes a job's files once nothing writes to them any more."""
    if task is not None:
        await asyncio.wait([task], timeout=REMOVE_TIMEOUT_S)
    async with files:
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)

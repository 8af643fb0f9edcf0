"""The queue: takes waiting jobs in order, runs each through the pipeline, stops them on request."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from emulator.core.lifecycle import ENDED, IllegalTransitionError, JobEvent
from emulator.core.records import Failure, JobState, TuningJob
from emulator.run.pipeline import CANCELLED, Pipeline

log = logging.getLogger(__name__)

REMOVE_TIMEOUT_S = 10.0
"""How long a forgotten job may take to stop before its files are removed under it."""

END_TIMEOUT_S = 10.0
"""How long ``Queue.end`` waits for what works on the jobs."""


class Queue:
    """Runs jobs, at most ``per_project`` of one project and API at a time; the rest wait as PENDING.

    The service's default quota is one concurrent tuning job per project.
    Source: cloud.google.com Vertex AI "About supervised fine-tuning", section Quota.
    """

    def __init__(self, pipeline: Pipeline, per_project: int = 1) -> None:
        self._pipeline = pipeline
        self._store = pipeline.store
        self._clock = pipeline.clock
        self._per_project = per_project
        self._awake = asyncio.Event()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._ended: dict[int, asyncio.Event] = {}
        self._removals: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Takes up what an earlier process left unfinished, then waits for work."""
        self.take_up()
        self._loop = asyncio.create_task(self._run())

    def take_up(self) -> None:
        """Resumes the jobs of the store that somebody else has left unfinished."""
        for job in self._store.list_unfinished_jobs():
            if job.state is JobState.CANCELLING:
                self._store.transition(job.uid, JobEvent.STOPPED, self._clock.now_ns(), error=CANCELLED)
            elif job.state is JobState.RUNNING:
                log.warning("job %s was running when the server ended; it is resumed", job.id)
                self._store.transition(job.uid, JobEvent.REQUEUE, self._clock.now_ns())
                self._launch(job)
        self.wake()

    async def stop(self) -> None:
        """Ends the loop and leaves running jobs as they stand; the next start resumes them."""
        tasks = [*self._running.values(), *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*self._removals, return_exceptions=True)
        self._running.clear()

    def wake(self) -> None:
        """A new job is waiting."""
        self._awake.set()

    def cancel(self, uid: int) -> TuningJob:
        """Asks a job to stop: a waiting one is CANCELLED at once, a running one is CANCELLING until it has stopped.

        Raises:
            IllegalTransitionError: it has ended.
        """
        job = self._store.get_job_by_uid(uid)
        if job is None:
            raise KeyError(f"no tuning job with uid {uid}")
        changes = {"error": CANCELLED} if job.state is JobState.PENDING else {}
        job = self._store.transition(uid, JobEvent.CANCEL, self._clock.now_ns(), **changes)
        if job.state in ENDED:
            self._announce_end(uid)
        else:
            self._pipeline.cancel(job)
        return job

    async def wait_until_ended(self, uid: int, timeout_s: float | None = None) -> TuningJob | None:
        """The job once it has ended, or as it stands when the time is up; None if it is gone."""
        job = self._store.get_job_by_uid(uid)
        if job is not None and job.state not in ENDED:
            waiting = self._ended.setdefault(uid, asyncio.Event())
            with suppress(TimeoutError):
                await asyncio.wait_for(waiting.wait(), timeout_s)
        return self._store.get_job_by_uid(uid)

    def forget(self, uid: int) -> None:
        """Stops a job and removes its files, before its record goes."""
        job = self._store.get_job_by_uid(uid)
        if job is None:
            return
        with suppress(IllegalTransitionError):
            self.cancel(uid)
        self._announce_end(uid)
        directory = self._pipeline.job_directory(job)
        removal = asyncio.create_task(_remove_when_ended(self._running.get(uid), directory))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    async def end(self, uids: Collection[int] | None = None) -> None:
        """Ends all work on some jobs, or on all, whatever they would show; their records are about to go.

        Nothing is written about them, and nothing works on their files any more.
        """
        while tasks := {uid: task for uid, task in self._running.items() if uids is None or uid in uids}:
            for uid, task in tasks.items():
                task.cancel()
                del self._running[uid]
            await asyncio.wait(tasks.values(), timeout=END_TIMEOUT_S)
        for uid in [uid for uid in self._ended if uids is None or uid in uids]:
            self._announce_end(uid)

    # ------------------------------------------------------------ inside

    async def _run(self) -> None:
        while True:
            await self._awake.wait()
            self._awake.clear()
            while (job := self._store.next_pending_job(self._per_project)) is not None:
                job = self._store.transition(job.uid, JobEvent.START, self._clock.now_ns())
                self._launch(job)

    def _launch(self, job: TuningJob) -> None:
        task = asyncio.create_task(self._run_job(job.uid), name=f"tuning job {job.id}")
        self._running[job.uid] = task

    async def _run_job(self, uid: int) -> None:
        try:
            await self._pipeline.run(uid)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("job %s failed inside the emulator", uid)
            if self._store.get_job_by_uid(uid) is not None:
                failure = Failure(13, "Internal error encountered.")
                self._store.transition(uid, JobEvent.FAIL, self._clock.now_ns(), error=failure)
        self._running.pop(uid, None)
        self._announce_end(uid)
        self.wake()

    def _announce_end(self, uid: int) -> None:
        waiting = self._ended.pop(uid, None)
        if waiting is not None:
            waiting.set()


async def _remove_when_ended(task: asyncio.Task[None] | None, directory: Path) -> None:
    """Removes a job's files once nothing writes to them any more."""
    if task is not None:
        await asyncio.wait([task], timeout=REMOVE_TIMEOUT_S)
    await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)

"""Routes of single jobs: listed, let go on, cancelled, given a pace or a fault."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from emulator.control.job_faults import FaultSetting, parse_fault
from emulator.control.jobs import JobPage, JobReport, describe_job, find_job, summarise_job
from emulator.control.pace import PaceSetting, parse_setting
from emulator.core.job_faults import JobFaultError, check_api
from emulator.core.lifecycle import ENDED, IllegalTransitionError
from emulator.core.records import JobState, Phase, TuningJob
from emulator.run.pace import Course
from emulator.run.queue import Queue
from emulator.store.store import NEWEST, Store

PATIENCE_S = 30.0
"""How long ``:advance`` waits for the work of the next state, which is real training for the ``lora`` trainer."""

PAGE = 100
TARGETS = frozenset((*JobState, *(phase for phase in Phase if phase)))


class Target(BaseModel):
    """How far a job goes."""

    model_config = ConfigDict(extra="forbid")
    to: str | None = Field(default=None, description="A state or a phase; left out: the next one.")


class Steering:
    """What the routes do."""

    def __init__(self, store: Store, queue: Queue) -> None:
        self._store, self._queue, self._paces = store, queue, queue.paces

    def describe(self, name: str) -> JobReport:
        """A job.

        Raises:
            HTTPException: 404, there is none.
        """
        report = describe_job(self._store, self._paces, name)
        if report is None:
            wanted = "tunedModels/{id} or projects/{project}/locations/{location}/tuningJobs/{id}"
            raise HTTPException(404, f"no tuning job {name!r}; give its resource name: {wanted}")
        return report

    def list(self, project: str | None, before: int | None, limit: int) -> JobPage:
        """A page of jobs."""
        found = self._store.list_jobs_of_project(project, before or NEWEST, limit + 1)
        jobs = [summarise_job(self._store, self._paces, job) for job in found[:limit]]
        return JobPage(jobs=jobs, next=found[limit - 1].uid if len(found) > limit else None)

    async def advance(self, name: str, to: str | None) -> JobReport:
        """Lets a job go on, to its next state or to one that is named."""
        wanted = self._parse_target(to)
        uid = self._require(name).uid
        while True:
            await self._paces.settle([uid], PATIENCE_S)
            job = self._require(name)
            if wanted and (job.state in ENDED or wanted in (job.state, job.phase)):
                break
            course = self._require_course(name)
            self._check_steerable(course, name)
            course.advance()
            await self._paces.settle([uid], PATIENCE_S)
            if not wanted:
                break
        return self._check_reached(name, wanted)

    async def cancel(self, name: str) -> JobReport:
        """Cancels a job as somebody else would."""
        job = self._require(name)
        try:
            self._queue.cancel(job.uid)
        except IllegalTransitionError as error:
            raise HTTPException(409, f"{name}: {error}") from error
        await self._paces.settle([job.uid])
        return self.describe(name)

    async def change_pace(self, name: str, setting: PaceSetting | None) -> JobReport:
        """Gives a job a pace of its own, or (None) takes it away."""
        course = self._require_course(name)
        course.change(parse_setting(setting) if setting else None, course.fault)
        await self._paces.settle([course.uid])
        return self.describe(name)

    async def change_fault(self, name: str, setting: FaultSetting | None) -> JobReport:
        """Lets something happen to a job, or (None) takes it back."""
        course = self._require_course(name)
        fault = parse_fault(setting) if setting else None
        if fault is not None:
            try:
                check_api(fault, course.api)
            except JobFaultError as error:
                raise HTTPException(400, f"kind: {error}") from error
        course.change(course.own, fault)
        await self._paces.settle([course.uid])
        return self.describe(name)

    # ------------------------------------------------------------ inside

    def _require(self, name: str) -> TuningJob:
        job = find_job(self._store, name)
        if job is None:
            self.describe(name)
        assert job is not None  # describe has raised
        return job

    def _require_course(self, name: str) -> Course:
        job = self._require(name)
        course = self._paces.get(job.uid)
        if course is None:
            raise HTTPException(409, f"{name} has ended as {job.state.value}; nothing can happen to it any more")
        return course

    def _parse_target(self, to: str | None) -> str | None:
        wanted = to.upper().removeprefix("JOB_STATE_").removeprefix("TUNING_JOB_STATE_") if to is not None else None
        wanted = "SUCCEEDED" if wanted == "ACTIVE" else wanted
        if wanted is not None and wanted not in TARGETS:
            raise HTTPException(400, f"to: {to!r} is none of {', '.join(sorted(TARGETS))}")
        return wanted

    def _check_steerable(self, course: Course, name: str) -> None:
        if course.stuck:
            raise HTTPException(409, f"{name} is stuck in PENDING by its fault; DELETE …/jobs/{name}:fault frees it")
        if not course.paced:
            raise HTTPException(409, f"{name} goes on as its training does; PUT …/jobs/{name}:pace another pace first")
        if course.queued:
            raise HTTPException(409, f"{name} waits until other jobs of its project have ended")
        if course.moving:
            raise HTTPException(409, f"{name} is still working on its next state after {PATIENCE_S:.0f} s; ask again")

    def _check_reached(self, name: str, wanted: str | None) -> JobReport:
        job = self._require(name)
        if wanted and wanted not in (job.state, job.phase):
            raise HTTPException(409, f"{name} has ended as {job.state.value} without being {wanted}")
        return self.describe(name)


def create_router(store: Store, queue: Queue) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/emulator/v1/jobs", tags=["jobs"])
    steering = Steering(store, queue)

    @router.get("", summary="Tuning jobs of both APIs, newest first")
    async def list_jobs(
        project: Annotated[str | None, Query(description="Id or number; left out: all.")] = None,
        before: Annotated[int | None, Query(description="`next` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = PAGE,
    ) -> JobPage:
        await queue.paces.settle(queue.paces.list_moved_by_reads())
        return steering.list(project, before, limit)

    @router.post("/{name:path}:advance", summary="Let a job go on to its next state, or to one that is named")
    async def advance_job(name: str, target: Target | None = None) -> JobReport:
        return await steering.advance(name, target.to if target else None)

    @router.post("/{name:path}:cancel", summary="Cancel a job as somebody else would")
    async def cancel_job(name: str) -> JobReport:
        return await steering.cancel(name)

    @router.put("/{name:path}:pace", summary="Give a job a pace of its own")
    async def put_pace(name: str, setting: PaceSetting) -> JobReport:
        return await steering.change_pace(name, setting)

    @router.delete("/{name:path}:pace", summary="Take it away: its project's holds")
    async def delete_pace(name: str) -> JobReport:
        return await steering.change_pace(name, None)

    @router.put("/{name:path}:fault", summary="Let something happen to a job")
    async def put_fault(name: str, setting: FaultSetting) -> JobReport:
        return await steering.change_fault(name, setting)

    @router.delete("/{name:path}:fault", summary="Take it back, if it has not happened")
    async def delete_fault(name: str) -> JobReport:
        return await steering.change_fault(name, None)

    @router.get("/{name:path}", summary="One tuning job of either API, with each step's loss")
    async def get_job(name: str) -> JobReport:
        await queue.paces.settle(queue.paces.list_moved_by_reads())
        return steering.describe(name)

    return router

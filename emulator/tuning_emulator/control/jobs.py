"""Jobs as the emulator sees them, with what the services keep elsewhere: each step's loss of a tuning job."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from tuning_emulator.control.faults import FaultSetting, parse_fault
from tuning_emulator.control.timing import PaceSetting, parse_setting
from tuning_emulator.core.clock import format_ns
from tuning_emulator.core.errors import Code
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.job_control import JobFaultError, check_api, format_job_fault, format_pace
from tuning_emulator.core.lifecycle import ENDED, IllegalTransitionError
from tuning_emulator.core.records import (
    BatchJob,
    Failure,
    Hyperparameters,
    Job,
    JobKind,
    JobState,
    MetricPoint,
    Phase,
    TuningJob,
)
from tuning_emulator.facts.catalogue import find_by_message
from tuning_emulator.jobs.dataset import format_reduced
from tuning_emulator.jobs.pacing import ADVANCED, JobGate, Pacing
from tuning_emulator.jobs.queue import Queue
from tuning_emulator.store.store import NEWEST, Chosen, Store

_VERTEX_NAME = re.compile(r"projects/([^/]+)/locations/([^/]+)/(tuningJobs|batchPredictionJobs)/([^/]+)")
_GEMINI_NAME = re.compile(r"(tunedModels|batches)/([^/]+)")


class Metric(TypedDict):
    """One point of the loss curve. Vertex AI shows these in TensorBoard, Gemini as snapshots.

    ``kind``: ``train`` (mean over the step's batch) or ``eval`` (over the validation set). ``loss``: nats per token.
    """

    kind: str
    step: int
    epoch: int
    loss: float
    predictions: int
    correct: int


class JobSummary(TypedDict):
    """One job of either API. ``name`` is what its API calls it; ``state`` and ``phase`` are our own words.

    ``api``: of a batch ``gemini_batch`` or ``vertex_batch``; its steps are its requests.

    ``pace`` decides when it goes on (``polls:2``); ``reads``: how often its present state was read, where that counts.
    ``fault``: what is to happen to it (``internal_error:5``); ``fired``: it has. Times are RFC 3339 or "".
    """

    name: str
    api: str
    project: str
    base_model: str
    display_name: str
    state: str
    phase: str
    error: str
    completed_steps: int
    total_steps: int
    completed_epochs: int
    trainer: str
    device: str
    weights: str
    precision: str
    threads: int
    processes: int
    retries: int
    pace: str
    reads: int
    fault: str
    fired: bool
    create_time: str
    start_time: str
    end_time: str


class CheckpointReport(TypedDict):
    """A saved adapter of a Vertex AI job. ``endpoint``: resource name, "" while it has none."""

    id: str
    epoch: int
    step: int
    endpoint: str


class FailureReport(TypedDict):
    """Why a job has failed. ``rule``, ``source`` and ``grade``: of the row with these words, "" where there is none."""

    code: str
    message: str
    rule: str
    source: str
    grade: str


class JobReport(JobSummary):
    """The same with its loss curve, and what was asked for.

    ``method``: ``supervised`` and the like, "" of a batch. ``asked``: hyperparameters as sent; ``resolved``: as used,
    None before the dataset is known. ``statistics``: of the training set, as Vertex AI shows them. ``model``,
    ``endpoint``: what it has made, "" until then. ``notes``: what the trainer here did not read of the examples, a
    sentence each. ``points``: how many points each curve has, of which ``metrics`` may show fewer.
    """

    method: str
    labels: dict[str, str]
    asked: dict[str, Any]
    resolved: dict[str, Any] | None
    training_uri: str
    validation_uri: str
    output_uri: str
    source_model: str
    statistics: dict[str, Any] | None
    model: str
    endpoint: str
    checkpoints: list[CheckpointReport]
    failure: FailureReport | None
    notes: list[str]
    points: dict[str, int]
    metrics: list[Metric]


class JobPage(TypedDict):
    """Newest first. ``next``: what to give as ``before`` for the following page; None on the last.

    ``states``: how many jobs there are in each state, whatever was asked for.
    """

    jobs: list[JobSummary]
    next: int | None
    states: dict[str, int]


def find_job(store: Store, name: str) -> TuningJob | None:
    """The tuning job of a name, ``tunedModels/x`` or ``projects/p/locations/l/tuningJobs/1``; None: no such."""
    job = find_any_job(store, name)
    return job if isinstance(job, TuningJob) else None


def find_any_job(store: Store, name: str) -> Job | None:
    """The same, and the batch of ``batches/x`` or ``projects/p/locations/l/batchPredictionJobs/1``."""
    if match := _GEMINI_NAME.fullmatch(name):
        return store.get_tuned_model(match[2]) if match[1] == "tunedModels" else store.find_gemini_batch(match[2])
    if match := _VERTEX_NAME.fullmatch(name):
        place = (project_number(match[1]), match[2], match[4])
        tuning = match[3] == "tuningJobs"
        return store.get_job("vertex", *place) if tuning else store.get_batch("vertex_batch", *place)
    return None


def summarise_job(store: Store, pacing: Pacing, job: Job, name: str = "") -> JobSummary:
    """What is known of a job but its metrics."""
    gate = pacing.get(job.uid)
    row = store.controls.get_gate(job.uid)
    fault, progress = row.fault if row else None, job.progress
    return JobSummary(
        name=name or pacing.apis[job.api].format_name(job),
        api=job.api,
        project=job.project,
        base_model=job.asked.base_model if isinstance(job, TuningJob | BatchJob) else "",
        display_name=job.display_name,
        state=job.progress.state.value,
        phase=progress.phase.value,
        error=progress.error.message if progress.error else "",
        completed_steps=progress.completed_steps,
        total_steps=progress.total_steps,
        completed_epochs=progress.completed_epochs,
        trainer=progress.trainer,
        device=progress.device,
        weights=progress.weights,
        precision=progress.precision,
        threads=progress.threads,
        processes=progress.processes,
        retries=progress.retries,
        pace=format_pace(gate.pace if gate else (row and row.pace) or pacing.find(job.project)),
        reads=0 if gate is None or gate.reads >= ADVANCED else gate.reads,
        fault=format_job_fault(fault) if fault else "",
        fired=bool(row and row.fired),
        create_time=format_ns(job.created_ns),
        start_time=format_ns(progress.started_ns) if progress.started_ns else "",
        end_time=format_ns(progress.ended_ns) if progress.ended_ns else "",
    )


def describe_job(store: Store, pacing: Pacing, name: str, points: int | None = None) -> JobReport | None:
    """What is known of a job; None when there is no such job. Looking here is no read that a pace counts.

    Args:
        points: Of each curve at most; None: all.
    """
    job = find_any_job(store, name)
    if job is None:
        return None
    statistics, error, asked = job.progress.statistics, job.progress.error, None
    if isinstance(job, TuningJob):
        asked = job.asked
    model, endpoint, checkpoints = _list_made(store, job)
    return JobReport(
        **summarise_job(store, pacing, job, name),
        method=asked.method.value if asked else "",
        labels=dict(asked.labels) if asked else {},
        asked=_drop_open(asked.hyperparameters) if asked else {},
        resolved=_drop_open(job.progress.resolved) if job.progress.resolved else None,
        training_uri=asked.training_uri if asked else "",
        validation_uri=asked.validation_uri if asked else "",
        output_uri=asked.output_uri if asked else "",
        source_model=asked.source_model if asked else "",
        statistics=msgspec.to_builtins(statistics) if statistics else None,
        model=model,
        endpoint=endpoint,
        checkpoints=checkpoints,
        failure=_explain(error) if error else None,
        notes=[format_reduced(*one) for one in statistics.reduced] if statistics else [],
        points={kind: store.count_metric_points(job.uid, kind) for kind in _KINDS},
        metrics=list_metrics(store, job, points),
    )


_KINDS: tuple[Literal["train", "eval"], ...] = ("train", "eval")


def _drop_open(given: Hyperparameters) -> dict[str, Any]:
    return {name: value for name, value in msgspec.to_builtins(given).items() if value is not None}


def _explain(error: Failure) -> FailureReport:
    row = find_by_message(error.message)
    said = (row.name, row.source, row.grade) if row else ("", "", "")
    return FailureReport(code=Code(error.code).name, message=error.message, rule=said[0], source=said[1], grade=said[2])


def _list_made(store: Store, job: Job) -> tuple[str, str, list[CheckpointReport]]:
    """Names of the model and the endpoint that a job has made so far, and its checkpoints."""
    if job.api == "gemini":
        return (f"tunedModels/{job.id}" if job.progress.state is JobState.SUCCEEDED else ""), "", []
    version = store.get_model_version_of_job(job.uid)
    place = f"projects/{job.project}/locations/{version.location if version else job.location}"
    checkpoints = [
        CheckpointReport(
            id=one.id,
            epoch=one.epoch,
            step=one.step,
            endpoint=f"{place}/endpoints/{one.endpoint_id}" if one.endpoint_id else "",
        )
        for one in store.list_checkpoints(job.uid)
    ]
    endpoint = checkpoints[-1]["endpoint"] if checkpoints and version else ""
    return (f"{place}/models/{version.model_id}@{version.version}" if version else ""), endpoint, checkpoints


def list_metrics(store: Store, job: Job, points: int | None = None) -> list[Metric]:
    """The job's points so far, training first; of each curve ``points`` at most, those with extreme losses."""

    def read(kind: Literal["train", "eval"]) -> list[MetricPoint]:
        return (
            store.list_metric_points(job.uid, kind)
            if points is None
            else store.thin_metric_points(job.uid, kind, points)
        )

    return [
        Metric(
            kind=point.kind,
            step=point.step,
            epoch=point.epoch,
            loss=point.mean_loss,
            predictions=point.predictions,
            correct=point.correct,
        )
        for kind in _KINDS
        for point in read(kind)
    ]


# --- routes of single jobs

PATIENCE_S = 30.0
"""How long ``:advance`` waits for the work of the next state, which is real training for the ``lora`` trainer."""

PAGE = 100
TARGETS = frozenset((*JobState, *(phase for phase in Phase if phase)))


class Target(BaseModel):
    """How far a job goes."""

    model_config = ConfigDict(extra="forbid")
    to: str | None = Field(default=None, description="A state or a phase; left out: the next one.")


class JobControl:
    """What the routes do."""

    def __init__(self, store: Store, queue: Queue) -> None:
        self._store, self._queue, self._paces = store, queue, queue.pacing

    def describe(self, name: str, points: int | None = None) -> JobReport:
        """A job.

        Raises:
            HTTPException: 404, there is none.
        """
        report = describe_job(self._store, self._paces, name, points)
        if report is None:
            wanted = "tunedModels/{id} or projects/{project}/locations/{location}/tuningJobs/{id}"
            batch = "of a batch batches/{id} or projects/{project}/locations/{location}/batchPredictionJobs/{id}"
            raise HTTPException(404, f"no job {name!r}; give its resource name: {wanted}, {batch}")
        return report

    def list(self, project: str | None, before: int | None, limit: int, chosen: Chosen) -> JobPage:
        """A page of jobs."""
        found = self._store.list_jobs_of_project(project, before or NEWEST, limit + 1, chosen)
        jobs = [summarise_job(self._store, self._paces, job) for job in found[:limit]]
        states: Counter[str] = Counter()
        for _, state, number in self._store.count_jobs_by_state():
            states[state] += number
        return JobPage(jobs=jobs, next=found[limit - 1].uid if len(found) > limit else None, states=dict(states))

    async def advance(self, name: str, to: str | None) -> JobReport:
        """Lets a job go on, to its next state or to one that is named."""
        wanted = self._parse_target(to)
        uid = self._require(name).uid
        while True:
            await self._paces.settle([uid], PATIENCE_S)
            job = self._require(name)
            if wanted and (job.progress.state in ENDED or wanted in (job.progress.state, job.progress.phase)):
                break
            gate = self._require_gate(name)
            self._check_steerable(gate, name)
            gate.advance()
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
        gate = self._require_gate(name)
        gate.change(parse_setting(setting) if setting else None, gate.fault)
        await self._paces.settle([gate.uid])
        return self.describe(name)

    async def change_fault(self, name: str, setting: FaultSetting | None) -> JobReport:
        """Lets something happen to a job, or (None) takes it back."""
        gate = self._require_gate(name)
        fault = parse_fault(setting) if setting else None
        if fault is not None:
            try:
                check_api(fault, gate.api)
            except JobFaultError as error:
                raise HTTPException(400, f"kind: {error}") from error
        gate.change(gate.own, fault)
        await self._paces.settle([gate.uid])
        return self.describe(name)

    # ------------------------------------------------------------ inside

    def _require(self, name: str) -> Job:
        job = find_any_job(self._store, name)
        if job is None:
            self.describe(name)
        assert job is not None  # describe has raised
        return job

    def _require_gate(self, name: str) -> JobGate:
        job = self._require(name)
        gate = self._paces.get(job.uid)
        if gate is None:
            raise HTTPException(
                409, f"{name} has ended as {job.progress.state.value}; nothing can happen to it any more"
            )
        return gate

    def _parse_target(self, to: str | None) -> str | None:
        wanted = to.upper().removeprefix("JOB_STATE_").removeprefix("TUNING_JOB_STATE_") if to is not None else None
        wanted = "SUCCEEDED" if wanted == "ACTIVE" else wanted
        if wanted is not None and wanted not in TARGETS:
            raise HTTPException(400, f"to: {to!r} is none of {', '.join(sorted(TARGETS))}")
        return wanted

    def _check_steerable(self, gate: JobGate, name: str) -> None:
        if gate.stuck:
            raise HTTPException(409, f"{name} is stuck in PENDING by its fault; DELETE …/jobs/{name}:fault frees it")
        if not gate.paced:
            raise HTTPException(409, f"{name} goes on as its training does; PUT …/jobs/{name}:pace another pace first")
        if gate.queued:
            raise HTTPException(409, f"{name} waits until other jobs of its project have ended")
        if gate.moving:
            raise HTTPException(409, f"{name} is still working on its next state after {PATIENCE_S:.0f} s; ask again")

    def _check_reached(self, name: str, wanted: str | None) -> JobReport:
        job = self._require(name)
        if wanted and wanted not in (job.progress.state, job.progress.phase):
            raise HTTPException(409, f"{name} has ended as {job.progress.state.value} without being {wanted}")
        return self.describe(name)


def create_router(store: Store, queue: Queue) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/emulator/v1/jobs", tags=["jobs"])
    steering = JobControl(store, queue)

    @router.get("", summary="Tuning jobs and batches of both APIs, newest first")
    async def list_jobs(
        project: Annotated[str | None, Query(description="Id or number; left out: all.")] = None,
        before: Annotated[int | None, Query(ge=0, lt=1 << 63, description="`next` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = PAGE,
        state: Annotated[JobState | None, Query(description="Those in this state alone.")] = None,
        api: Annotated[JobKind | None, Query(description="Those of this kind alone.")] = None,
        model: Annotated[str, Query(description="Those of this base model alone, by its id without prefix.")] = "",
        words: Annotated[str, Query(max_length=200, description="Part of display name or id.")] = "",
    ) -> JobPage:
        await queue.pacing.settle(queue.pacing.list_moved_by_reads())
        return steering.list(project, before, limit, Chosen(state or "", api or "", model, words))

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

    @router.get("/{name:path}", summary="One tuning job, with each step's loss, or batch of either API")
    async def get_job(
        name: str,
        points: Annotated[
            int | None,
            Query(ge=0, le=10_000, description="Of each curve about so many at most, extremes kept; left out: all."),
        ] = None,
    ) -> JobReport:
        await queue.pacing.settle(queue.pacing.list_moved_by_reads())
        return steering.describe(name, points)

    return router

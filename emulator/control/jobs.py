"""Tuning jobs as the emulator sees them, with what the services keep elsewhere: each step's loss."""

from __future__ import annotations

import re

from typing_extensions import TypedDict

from emulator.core.clock import format_ns
from emulator.core.job_faults import format_job_fault
from emulator.core.names import project_number
from emulator.core.pace import format_pace
from emulator.core.records import TuningJob
from emulator.gemini.names import format_tuned_model_name
from emulator.run.pace import ADVANCED, Paces
from emulator.store.store import Store
from emulator.vertex.names import format_job_name

_VERTEX_NAME = re.compile(r"projects/([^/]+)/locations/([^/]+)/tuningJobs/([^/]+)")
_GEMINI_NAME = re.compile(r"tunedModels/([^/]+)")


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
    """One tuning job of either API. ``name`` is what its API calls it; ``state`` and ``phase`` are our own words.

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
    pace: str
    reads: int
    fault: str
    fired: bool
    create_time: str
    start_time: str
    end_time: str


class JobReport(JobSummary):
    """The same with its loss curve."""

    metrics: list[Metric]


class JobPage(TypedDict):
    """Newest first. ``next``: what to give as ``before`` for the following page; None on the last."""

    jobs: list[JobSummary]
    next: int | None


def find_job(store: Store, name: str) -> TuningJob | None:
    """The job of a resource name, ``tunedModels/x`` or ``projects/p/locations/l/tuningJobs/1``; None when unknown."""
    if match := _GEMINI_NAME.fullmatch(name):
        return store.get_tuned_model(match[1])
    if match := _VERTEX_NAME.fullmatch(name):
        return store.get_job("vertex", project_number(match[1]), match[2], match[3])
    return None


def format_name(job: TuningJob) -> str:
    """What the job's API calls it."""
    return format_tuned_model_name(job) if job.api == "gemini" else format_job_name(job)


def summarise_job(store: Store, paces: Paces, job: TuningJob, name: str = "") -> JobSummary:
    """What is known of a job but its metrics."""
    course = paces.get(job.uid)
    row = store.controls.get_course(job.uid)
    fault = row.fault if row else None
    return JobSummary(
        name=name or format_name(job),
        api=job.api,
        project=job.project,
        base_model=job.base_model,
        display_name=job.display_name,
        state=job.state.value,
        phase=job.phase.value,
        error=job.error.message if job.error else "",
        completed_steps=job.completed_steps,
        total_steps=job.total_steps,
        completed_epochs=job.completed_epochs,
        trainer=job.trainer,
        device=job.device,
        pace=format_pace(course.pace if course else (row and row.pace) or paces.find(job.project)),
        reads=0 if course is None or course.reads >= ADVANCED else course.reads,
        fault=format_job_fault(fault) if fault else "",
        fired=bool(row and row.fired),
        create_time=format_ns(job.created_ns),
        start_time=format_ns(job.started_ns) if job.started_ns else "",
        end_time=format_ns(job.ended_ns) if job.ended_ns else "",
    )


def describe_job(store: Store, paces: Paces, name: str) -> JobReport | None:
    """What is known of a job; None when there is no such job. Looking here is no read that a pace counts."""
    job = find_job(store, name)
    if job is None:
        return None
    return JobReport(**summarise_job(store, paces, job, name), metrics=list_metrics(store, job))


def list_metrics(store: Store, job: TuningJob) -> list[Metric]:
    """The job's points so far, training first."""
    return [
        Metric(
            kind=point.kind,
            step=point.step,
            epoch=point.epoch,
            loss=point.mean_loss,
            predictions=point.predictions,
            correct=point.correct,
        )
        for points in (store.list_metric_points(job.uid, "train"), store.list_metric_points(job.uid, "eval"))
        for point in points
    ]

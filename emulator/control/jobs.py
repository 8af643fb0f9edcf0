"""Tuning jobs as the emulator sees them, with what the services keep elsewhere: each step's loss."""

from __future__ import annotations

import re

from typing_extensions import TypedDict

from emulator.core.names import project_number
from emulator.core.records import TuningJob
from emulator.store.store import Store

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


class JobReport(TypedDict):
    """One tuning job of either API. ``name`` is what its API calls it; ``state`` and ``phase`` are our own words."""

    name: str
    api: str
    base_model: str
    state: str
    phase: str
    error: str
    completed_steps: int
    total_steps: int
    completed_epochs: int
    trainer: str
    device: str
    metrics: list[Metric]


def find_job(store: Store, name: str) -> TuningJob | None:
    """The job of a resource name, ``tunedModels/x`` or ``projects/p/locations/l/tuningJobs/1``; None when unknown."""
    if match := _GEMINI_NAME.fullmatch(name):
        return store.get_tuned_model(match[1])
    if match := _VERTEX_NAME.fullmatch(name):
        return store.get_job("vertex", project_number(match[1]), match[2], match[3])
    return None


def describe_job(store: Store, name: str) -> JobReport | None:
    """What is known of a job; None when there is no such job."""
    job = find_job(store, name)
    if job is None:
        return None
    return JobReport(
        name=name,
        api=job.api,
        base_model=job.base_model,
        state=job.state.value,
        phase=job.phase.value,
        error=job.error.message if job.error else "",
        completed_steps=job.completed_steps,
        total_steps=job.total_steps,
        completed_epochs=job.completed_epochs,
        trainer=job.trainer,
        device=job.device,
        metrics=list_metrics(store, job),
    )


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

"""Tuning jobs: record to message. The one place that knows how a job prints."""

from __future__ import annotations

from collections.abc import Sequence

from emulator.core.clock import to_microseconds
from emulator.core.records import Checkpoint, Failure, JobState, ModelVersion, Phase, TuningJob
from emulator.run.delivery import metrics_uri
from emulator.schema.declare import Value
from emulator.store.store import Store
from emulator.vertex.names import (
    Place,
    format_context_name,
    format_endpoint_name,
    format_job_name,
    format_version_name,
)
from emulator.vertex.specs import find_spec, format_spec, parse_sent
from emulator.vertex.statistics import format_statistics

SCRIPTED = "scripted"
"""The trainer that has no loss curve of its own and writes no event files."""


def describe_job(store: Store, job: TuningJob) -> Value:
    """A job as ``tuningJobs.get`` shows it now, with what it has left behind so far."""
    version = store.get_model_version_of_job(job.uid) if job.started_ns is not None else None
    return format_job(job, version, store.list_checkpoints(job.uid) if version else ())


def format_job(job: TuningJob, version: ModelVersion | None = None, checkpoints: Sequence[Checkpoint] = ()) -> Value:
    """The message of a job; fields that a version of the API lacks are left out when it is printed."""
    value = parse_sent(job.sent)
    spec = find_spec(value)
    if spec.field:
        value[spec.field] = format_spec(spec, job.resolved)
    value.update(
        name=format_job_name(job),
        tuned_model_display_name=job.display_name,
        state=f"JOB_STATE_{job.state.value}",
        create_time=to_microseconds(job.created_ns),
        update_time=to_microseconds(job.updated_ns),
    )
    if "pre_tuned_model" in value:
        value["pre_tuned_model"] = {**value["pre_tuned_model"], "base_model": job.base_model}
    _add_progress(value, job)
    if job.error is not None:
        value["error"] = format_failure(job.error)
    if version is not None:
        value["tuned_model"] = format_tuned_model(version, checkpoints)
    if job.statistics is not None:
        steps = job.total_steps if job.state is JobState.SUCCEEDED else 0
        value["tuning_data_stats"] = format_statistics(job.statistics, job.method, steps)
    return value


def _add_progress(value: Value, job: TuningJob) -> None:
    if job.started_ns is not None:
        value["start_time"] = to_microseconds(job.started_ns)
        value["tuning_job_metadata"] = {
            "completed_epoch_count": job.completed_epochs,
            "completed_step_count": job.completed_steps,
        }
    if job.ended_ns is not None:
        value["end_time"] = to_microseconds(job.ended_ns)
    if value.get("output_uri") and job.adapter and job.trainer != SCRIPTED and job.state is JobState.SUCCEEDED:
        value["gcs_metrics_uri"] = metrics_uri(value["output_uri"])
    if job.experiment_id:
        value["experiment"] = format_context_name(job)
    if job.phase is not Phase.NONE:
        value["tuning_job_state"] = f"TUNING_JOB_STATE_{job.phase.value}"


def format_failure(failure: Failure) -> Value:
    """A ``google.rpc.Status``: its code is a google.rpc code, not an HTTP status."""
    return {"code": failure.code, "message": failure.message}


def format_tuned_model(version: ModelVersion, checkpoints: Sequence[Checkpoint]) -> Value:
    """Model, endpoint and checkpoints. The endpoint is that of the default checkpoint; none before it is deployed."""
    place = Place(version.project, version.location)
    value: Value = {"model": format_version_name(version), "checkpoints": []}
    for one in checkpoints:
        entry: Value = {"checkpoint_id": one.id, "epoch": one.epoch, "step": one.step}
        if one.endpoint_id:
            entry["endpoint"] = format_endpoint_name(place, one.endpoint_id)
            if one.id == version.default_checkpoint:
                value["endpoint"] = entry["endpoint"]
        value["checkpoints"].append(entry)
    return value

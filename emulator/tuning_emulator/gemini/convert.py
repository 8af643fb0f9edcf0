"""Records as the Gemini API's messages. Which fields are there, and when, is read off recorded answers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tuning_emulator.api.operations import build_any, build_operation
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.core.lifecycle import ENDED
from tuning_emulator.core.records import Job, JobState, MetricPoint, Permission, TuningJob
from tuning_emulator.facts import google_errors
from tuning_emulator.facts.base_models import BaseModel
from tuning_emulator.schema.schema import Value

# --- resource names of the Gemini API: built and read here alone

EVERYONE = "everyone"
"""Id of the permission that everyone has. Recorded: README of github.com/derrickobedgiu1/gemini-api, April 2024."""


def format_tuned_model_name(job: Job) -> str:
    """``tunedModels/{id}``."""
    return f"tunedModels/{job.id}"


def parse_tuned_model_name(name: str) -> str:
    """The id in ``tunedModels/{id}`` or in a name below it."""
    return name.removeprefix("tunedModels/").partition("/")[0]


def format_operation_name(job: TuningJob) -> str:
    """``tunedModels/{id}/operations/{id}``."""
    return f"tunedModels/{job.id}/operations/{job.operation_id}"


def format_permission_name(job: TuningJob, permission_id: str) -> str:
    """``tunedModels/{id}/permissions/{id}``."""
    return f"tunedModels/{job.id}/permissions/{permission_id}"


def parse_last_segment(name: str) -> str:
    """What follows the last slash."""
    return name.rpartition("/")[2]


def identify_grantee(email: str) -> str:
    """A grantee's number: 21 digits starting with 1, as in every recorded permission, the same for the same address."""
    digest = int.from_bytes(hashlib.sha256(email.lower().encode()).digest()[:16], "big")
    return f"1{digest % 10**20:020}"


def own_permission(job: TuningJob) -> Permission:
    """The permission that a tuned model's creator has from the start."""
    return Permission(job.uid, identify_grantee(job.owner), "USER", job.owner, "OWNER")


PACKAGE = "google.ai.generativelanguage"


def _type_name(version: str, message: str) -> str:
    """Full name of a message in an operation.

    v1 has no tuning messages of its own: operations read through it carry v1beta's (recorded).
    """
    return f"{PACKAGE}.{'v1beta' if version == 'v1' else version}.{message}"


def format_state(job: TuningJob) -> str:
    """``TunedModel.State`` of a job.

    There is no state for a cancelled one. The documentation says that a cancelled model can still be asked, so it is
    ACTIVE if it has an adapter, else FAILED (assumed).
    """
    if job.progress.state is JobState.SUCCEEDED:
        return "ACTIVE"
    if job.progress.state is JobState.CANCELLED and job.progress.adapter:
        return "ACTIVE"
    return "FAILED" if job.progress.state in ENDED else "CREATING"


def is_active(job: TuningJob) -> bool:
    """Whether the tuned model can be asked."""
    return format_state(job) == "ACTIVE"


def format_tuned_model(job: TuningJob, points: Sequence[MetricPoint]) -> Value:
    """A tuned model. Training data never comes back; a failed model has no complete time (assumed)."""
    model: Value = {"name": format_tuned_model_name(job)}
    base_model, source = f"models/{job.asked.base_model}", job.asked.source_model
    if source:
        model["tuned_model_source"] = {"tuned_model": source, "base_model": base_model}
    else:
        model["base_model"] = base_model
    model |= {
        "display_name": job.display_name,
        "description": job.description,
        "state": format_state(job),
        "create_time": job.created_ns,
        "update_time": job.progress.updated_ns,
        "tuning_task": _format_task(job, points),
        "temperature": job.temperature,
        "top_p": job.top_p,
        "top_k": job.top_k,
        "reader_project_numbers": list(job.reader_project_numbers),
    }
    return model


def _format_task(job: TuningJob, points: Sequence[MetricPoint]) -> Value:
    task: Value = {"start_time": job.progress.started_ns}
    if is_active(job) and job.progress.ended_ns is not None:
        task["complete_time"] = job.progress.ended_ns
    task["snapshots"] = [_format_snapshot(point) for point in points]
    task["hyperparameters"] = _format_hyperparameters(job)
    return task


def _format_hyperparameters(job: TuningJob) -> Value:
    """What the job does or will do; a multiplier that was sent is echoed in place of the rate (assumed)."""
    asked = job.asked.hyperparameters
    used = job.progress.resolved or asked
    echoed: Value = {"epoch_count": used.epochs, "batch_size": used.batch_size}
    if asked.learning_rate_multiplier is not None:
        echoed["learning_rate_multiplier"] = asked.learning_rate_multiplier
    else:
        echoed["learning_rate"] = used.learning_rate
    return echoed


def _format_snapshot(point: MetricPoint) -> Value:
    return {
        "step": point.step,
        "epoch": point.epoch,
        "mean_loss": point.mean_loss,
        "compute_time": point.computed_ns,
    }


def format_operation(job: TuningJob, points: Sequence[MetricPoint]) -> Value:
    """The operation that creates a tuned model; it follows the job."""
    metadata = _format_metadata(job, points)
    response, error = None, None
    if job.progress.state is JobState.SUCCEEDED:
        response = build_any(_type_name(job.api_version, "TunedModel"), format_tuned_model(job, points))
    elif job.progress.state in ENDED:
        failure = job.progress.error
        error = ApiError(Code(failure.code), failure.message) if failure else google_errors.INTERNAL()
    return build_operation(format_operation_name(job), metadata, response=response, error=error)


def _format_metadata(job: TuningJob, points: Sequence[MetricPoint]) -> Value:
    """Progress; its fields are absent until the first step (recorded)."""
    progress = job.progress
    metadata: Value = {
        "total_steps": progress.total_steps,
        "completed_steps": progress.completed_steps,
        "snapshots": [_format_snapshot(point) for point in points],
        "tuned_model": format_tuned_model_name(job),
    }
    if progress.total_steps:
        metadata["completed_percent"] = 100 * progress.completed_steps / progress.total_steps
    return build_any(_type_name(job.api_version, "CreateTunedModelMetadata"), metadata)


def format_permission(job: TuningJob, permission: Permission) -> Value:
    """A permission. Everyone has no address."""
    value: Value = {"name": format_permission_name(job, permission.id)}
    if permission.grantee_type:
        value["grantee_type"] = permission.grantee_type
    if permission.email:
        value["email_address"] = permission.email
    value["role"] = permission.role
    return value


def format_base_model(model: BaseModel) -> Value:
    """A base model. ``baseModelId`` is documented as required and was never seen."""
    value: Value = {
        "name": f"models/{model.id}",
        "version": model.version,
        "display_name": model.display_name,
        "description": model.description,
        "input_token_limit": model.input_token_limit,
        "output_token_limit": model.output_token_limit,
        "supported_generation_methods": list(model.methods),
        "thinking": model.thinking,
    }
    for name in ("temperature", "top_p", "top_k", "max_temperature"):
        if getattr(model, name) is not None:
            value[name] = getattr(model, name)
    return value

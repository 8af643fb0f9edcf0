"""The specs of a tuning job: which field means which method, and where everything else is in it."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from tuning_emulator.core.records import Asked, Hyperparameters, TuningMethod
from tuning_emulator.facts.base_models import plain_id
from tuning_emulator.facts.limits import ADAPTER_SIZES, adapter_size_name
from tuning_emulator.schema.schema import Value

METHODS: Mapping[str, TuningMethod] = {
    "supervised_tuning_spec": TuningMethod.SUPERVISED,
    "preference_optimization_spec": TuningMethod.PREFERENCE,
    "distillation_spec": TuningMethod.DISTILLATION,
    "full_fine_tuning_spec": TuningMethod.FULL,
    "partner_model_tuning_spec": TuningMethod.PARTNER,
    "reinforcement_tuning_spec": TuningMethod.REINFORCEMENT,
    "veo_tuning_spec": TuningMethod.VEO,
    "veo_lora_tuning_spec": TuningMethod.VEO_LORA,
}

OUTPUT_ONLY = frozenset(
    (
        *("name", "state", "create_time", "start_time", "end_time", "update_time", "error", "experiment"),
        *("tuned_model", "tuning_data_stats", "pipeline_job", "evaluate_dataset_runs", "gcs_metrics_uri"),
        *("satisfies_pzi", "satisfies_pzs", "tuning_job_metadata", "tuning_job_state"),
    )
)
"""Fields of a tuning job that a request may carry and the service ignores."""

PREFIX = "publishers/google/models/"
_MODE = "TUNING_MODE_"


class JobRequest(Struct, frozen=True):
    """A tuning job as it is asked for, and where in it things are.

    Attributes:
        job: The message. field: Of its one spec, "" when it has none. spec: That spec.
        method: SUPERVISED without a spec, which the rules refuse. full: Whether all weights are tuned, no adapter.
        mode: ``FULL``, ``PEFT_ADAPTER``, or "" where the request leaves it to the model.
        base_model: The base model's id, "" for none. continues: Whether a tuned model is tuned further.
        base_teacher: Name of the base model that teaches a distillation, or "". tuned_teacher: Or of the tuned one.
        training_field: Of the spec. training_uri: As sent, or "". validation_uri: The same.
        hyperparameters: As sent; empty for partner models, whose names are their own.
        adapter_size: The rank that is asked for, or 0.
    """

    job: Value
    field: str
    spec: Value
    method: TuningMethod
    full: bool
    mode: str
    base_model: str
    continues: bool
    base_teacher: str
    tuned_teacher: str
    training_field: str
    training_uri: str
    validation_uri: str
    hyperparameters: Value
    adapter_size: int

    def path(self, name: str) -> str:
        """Path of a field of the spec, as error texts name it."""
        return f"tuning_job.{self.field}.{name}"


def find_spec(tuning_job: Value) -> str:
    """The field of the spec that a tuning job carries, or ""; binding has made sure that there is at most one."""
    return next((field for field in METHODS if field in tuning_job), "")


def read_request(tuning_job: Value) -> JobRequest:
    """The tuning job of a request, nothing checked."""
    field = find_spec(tuning_job)
    spec: Value = tuning_job.get(field, {})
    full = field == "full_fine_tuning_spec" or spec.get("tuning_mode") == "TUNING_MODE_FULL"
    training_field = "training_dataset_uri"
    if field == "distillation_spec" and training_field not in spec:
        training_field = "prompt_dataset_uri"  # the newer name; the other is deprecated
    hyperparameters: Value = {} if field == "partner_model_tuning_spec" else spec.get("hyper_parameters") or {}
    return JobRequest(
        job=tuning_job,
        field=field,
        spec=spec,
        method=TuningMethod.FULL
        if full and field == "supervised_tuning_spec"
        else METHODS.get(field, TuningMethod.SUPERVISED),
        full=full,
        mode="FULL" if full else str(spec.get("tuning_mode", "")).removeprefix(_MODE).replace("UNSPECIFIED", ""),
        base_model=plain_id("vertex", str(tuning_job.get("base_model") or spec.get("student_model", ""))),
        continues="pre_tuned_model" in tuning_job,
        base_teacher=str(spec.get("base_teacher_model", "")),
        tuned_teacher=str(spec.get("tuned_teacher_model_source", "")),
        training_field=training_field,
        training_uri=str(spec.get(training_field, "")),
        validation_uri=str(spec.get("validation_dataset_uri", "")),
        hyperparameters=hyperparameters,
        adapter_size=ADAPTER_SIZES.get(hyperparameters.get("adapter_size", ""), 0),
    )


def parse_hyperparameters(request: JobRequest) -> Hyperparameters:
    """Hyperparameters as asked for; 0 is unset, as in the messages."""
    sent = request.hyperparameters
    return Hyperparameters(
        epochs=sent.get("epoch_count") or None,
        batch_size=sent.get("batch_size") or None,
        learning_rate=sent.get("learning_rate") or None,
        learning_rate_multiplier=sent.get("learning_rate_multiplier") or None,
        adapter_size=request.adapter_size or None,
        beta=sent.get("beta"),
    )


def read_asked(request: JobRequest, base_model: str, source_model: str) -> Asked:
    """What a job is asked to do.

    Args:
        base_model: That of the model it continues, if any. source_model: That model's name, or "".
    """
    job = request.job
    return Asked(
        request.method,
        base_model,
        parse_hyperparameters(request),
        source_model=source_model,
        source_checkpoint=job["pre_tuned_model"].get("checkpoint_id", "") if source_model else "",
        training_uri=request.training_uri,
        validation_uri=request.validation_uri,
        output_uri=job.get("output_uri", ""),
        base_teacher=request.base_teacher.removeprefix(PREFIX),
        tuned_teacher=request.tuned_teacher,
        full=request.full,
        export_last_checkpoint_only=bool(request.spec.get("export_last_checkpoint_only")),
        labels=job.get("labels", {}),
        echoed=format_echoed(job),
    )


def format_spec(field: str, spec: Value, resolved: Hyperparameters | None) -> Value:
    """A spec as sent and, once the service has resolved them, with the hyperparameters that were left open.

    Recorded: ``epochCount``, ``learningRateMultiplier`` and ``adapterSize`` of a finished job that had sent none.
    """
    if resolved is None or field == "partner_model_tuning_spec":
        return spec
    sent: Value = spec.get("hyper_parameters") or {}
    filled = {
        "epoch_count": resolved.epochs,
        "learning_rate_multiplier": resolved.learning_rate_multiplier,
        "adapter_size": adapter_size_name(resolved.adapter_size) if resolved.adapter_size else None,
        "beta": resolved.beta if field == "preference_optimization_spec" else None,
    }
    if "learning_rate" in sent:
        del filled["learning_rate_multiplier"]
    known = {name: value for name, value in filled.items() if value is not None}
    return {**spec, "hyper_parameters": {**known, **sent}}


# --- what answers echo, as the store keeps it


def format_echoed(tuning_job: Value) -> dict[str, Any]:
    """A request's tuning job without output-only fields, in JSON.

    What JSON has no form for: bytes are ``{"$bytes": base64}``, infinity and no number ``{"$float": "NaN"}``.
    """
    return {name: _pack(value) for name, value in tuning_job.items() if name not in OUTPUT_ONLY}


def parse_echoed(echoed: Mapping[str, Any]) -> Value:
    """What ``format_echoed`` was given."""
    return {name: _unpack(value) for name, value in echoed.items()}


def _pack(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, dict):
        return {name: _pack(item) for name, item in value.items()}
    return [_pack(item) for item in value] if isinstance(value, list) else value


def _unpack(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"$bytes"}:
            return base64.b64decode(value["$bytes"])
        if value.keys() == {"$float"}:
            return float(value["$float"])
        return {name: _unpack(item) for name, item in value.items()}
    return [_unpack(item) for item in value] if isinstance(value, list) else value

"""The specs of a tuning job: which field means which method, and where datasets and hyperparameters are in it."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuning_emulator.core.records import Hyperparameters, TuningMethod
from tuning_emulator.facts.limits import adapter_size_name, adapter_size_rank
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


@dataclass(frozen=True, slots=True)
class Spec:
    """The one spec of a job.

    Attributes:
        field: Its field in the tuning job; "" when the request has none.
        value: The spec as sent.
    """

    field: str
    value: Value

    @property
    def method(self) -> TuningMethod:
        """What kind of tuning it asks for."""
        if self.field == "supervised_tuning_spec" and self.full:
            return TuningMethod.FULL
        return METHODS[self.field]

    @property
    def full(self) -> bool:
        """Whether all weights are tuned, not an adapter."""
        return self.field == "full_fine_tuning_spec" or self.value.get("tuning_mode") == "TUNING_MODE_FULL"

    @property
    def training_field(self) -> str:
        """Field of the training dataset: distillation has a newer one for prompts beside the deprecated one."""
        if self.field == "distillation_spec" and "training_dataset_uri" not in self.value:
            return "prompt_dataset_uri"
        return "training_dataset_uri"

    @property
    def training_uri(self) -> str:
        """Where the training dataset is, as sent."""
        return str(self.value.get(self.training_field, ""))

    @property
    def validation_uri(self) -> str:
        """Where the validation dataset is, as sent, or ""."""
        return str(self.value.get("validation_dataset_uri", ""))

    @property
    def hyperparameters(self) -> Value:
        """As sent; empty for partner models, whose names are their own."""
        return {} if self.field == "partner_model_tuning_spec" else self.value.get("hyper_parameters") or {}


def find_spec(tuning_job: Value) -> Spec:
    """The spec that a tuning job carries; binding has made sure that there is at most one."""
    for field in METHODS:
        if field in tuning_job:
            return Spec(field, tuning_job[field])
    return Spec("", {})


def parse_hyperparameters(spec: Spec) -> Hyperparameters:
    """Hyperparameters as asked for; 0 is unset, as in the messages."""
    sent = spec.hyperparameters
    return Hyperparameters(
        epochs=sent.get("epoch_count") or None,
        batch_size=sent.get("batch_size") or None,
        learning_rate=sent.get("learning_rate") or None,
        learning_rate_multiplier=sent.get("learning_rate_multiplier") or None,
        adapter_size=adapter_size_rank(sent.get("adapter_size", "")) or None,
        beta=sent.get("beta"),
    )


def format_spec(spec: Spec, resolved: Hyperparameters | None) -> Value:
    """The spec as sent and, once the service has resolved them, with the hyperparameters that were left open.

    Recorded: ``epochCount``, ``learningRateMultiplier`` and ``adapterSize`` of a finished job that had sent none.
    """
    if resolved is None or spec.field == "partner_model_tuning_spec":
        return spec.value
    filled = {
        "epoch_count": resolved.epochs,
        "learning_rate_multiplier": resolved.learning_rate_multiplier,
        "adapter_size": adapter_size_name(resolved.adapter_size) if resolved.adapter_size else None,
        "beta": resolved.beta if spec.field == "preference_optimization_spec" else None,
    }
    if "learning_rate" in spec.hyperparameters:
        del filled["learning_rate_multiplier"]
    known = {name: value for name, value in filled.items() if value is not None}
    return {**spec.value, "hyper_parameters": {**known, **spec.hyperparameters}}


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

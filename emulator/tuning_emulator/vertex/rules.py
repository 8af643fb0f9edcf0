"""What tuningJobs.create checks before it answers: rules over fields, all violations together.

Recorded: unusable dataset URIs are reported together, with numbered fields; the base model and the adapter size are
refused alone. The other rows are guesses in the same form.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from tuning_emulator.core.as_of import Day
from tuning_emulator.core.errors import bad_request
from tuning_emulator.core.records import TuningMethod
from tuning_emulator.core.rules import Breaches, Rule, Subject, Violation, find_violations
from tuning_emulator.facts import vertex_errors
from tuning_emulator.facts.base_models import BaseModel
from tuning_emulator.facts.limits import (
    REGIONS,
    VERTEX_MAX_DISPLAY_NAME_CHARACTERS,
    VERTEX_MAX_LABEL_BYTES,
    VERTEX_MAX_LABEL_CHARACTERS,
    VERTEX_MAX_LABELS,
)
from tuning_emulator.facts.model_row import OPEN_MARK
from tuning_emulator.vertex.specs import JobRequest

# --- how Vertex AI says no


def refuse_violations(found: Sequence[Violation]) -> None:
    """Answers violations of rules over fields, in the order in which they were found.

    Recorded: ``List of found errors:\\t1.Field: tuning_job.…; Message: ….\\t2.Field: …; Message: ….\\t``
    (github.com/GoogleCloudPlatform/generative-ai/issues/2081); the same pairs are in ``fieldViolations``.

    Raises:
        ApiError: INVALID_ARGUMENT with all of them, if there is any.
    """
    if found:
        pairs = [(one.field, one.text) for one in found]
        numbered = (
            vertex_errors.VIOLATION.format(number=number, field=field, text=text)
            for number, (field, text) in enumerate(pairs, 1)
        )
        error = vertex_errors.VIOLATIONS(bad_request(pairs), violations="".join(numbered))
        error.rule = ",".join(one.row.name for one in found)
        raise error


def check_fields(rules: Iterable[Rule[Subject]], subject: Subject) -> None:
    """Holds a request against rules over its fields. Raises as ``refuse_violations``."""
    refuse_violations(find_violations(rules, subject))


MULTIPLIER = "learning_rate_multiplier"
_OBJECT = re.compile(r"gs://[^/]+/.+")
_DATASET = re.compile(r"projects/[^/]+/locations/[^/]+/datasets/[^/]+")
_LABEL = re.compile(rf"[\w-]{{0,{VERTEX_MAX_LABEL_CHARACTERS.value}}}")
"""Letters of any script. Source: aiplatform discovery document, TuningJob.labels."""


def is_open_model(base_model: str) -> bool:
    """Whether a base model is one of the Model Garden's, ``publisher/model@version``; they want an ``output_uri``."""
    return OPEN_MARK in base_model


def _is_no_dataset(uri: str) -> bool:
    """Whether a URI is given and names neither an object of Cloud Storage nor a multimodal dataset of Vertex AI."""
    return uri != "" and not _OBJECT.fullmatch(uri) and not _DATASET.fullmatch(uri)


def _label_fits(key: str, value: str) -> bool:
    texts_fit = all(
        _LABEL.fullmatch(text) and text == text.lower() and len(text.encode()) <= VERTEX_MAX_LABEL_BYTES.value
        for text in (key, value)
    )
    return key[:1].isalnum() and texts_fit


def _lacks_source(request: JobRequest) -> bool:
    return request.continues and not request.job["pre_tuned_model"].get("tuned_model_name")


def _lacks_teacher(request: JobRequest) -> bool:
    return request.field == "distillation_spec" and not (request.base_teacher or request.tuned_teacher)


def _sets_rate_twice(request: JobRequest) -> bool:
    return bool(request.hyperparameters.get("learning_rate") and request.hyperparameters.get(MULTIPLIER))


def are_labels(labels: Mapping[str, str]) -> bool:
    """Whether these can be the labels of something."""
    return len(labels) <= VERTEX_MAX_LABELS.value and all(_label_fits(*pair) for pair in labels.items())


def _has_long_name(request: JobRequest) -> bool:
    return len(request.job.get("tuned_model_display_name", "")) > VERTEX_MAX_DISPLAY_NAME_CHARACTERS.value


def _required(field: str | Callable[[JobRequest], str], lacks: Callable[[JobRequest], bool]) -> Rule[JobRequest]:
    return Rule(vertex_errors.REQUIRED_FIELD, lacks, field)


def _positive(name: str) -> Rule[JobRequest]:
    def check(request: JobRequest) -> Breaches:
        value = request.hyperparameters.get(name, 0)
        return not 0 <= value < math.inf and {"name": name, "value": value}

    return Rule(
        vertex_errors.HYPERPARAMETER_NOT_POSITIVE, check, lambda request: request.path(f"hyper_parameters.{name}")
    )


RULES: tuple[Rule[JobRequest], ...] = (
    _required("tuning_job.base_model", lambda request: not request.base_model and not request.continues),
    _required("tuning_job.pre_tuned_model.tuned_model_name", _lacks_source),
    _required("tuning_job.tuning_spec", lambda request: not request.field),
    _required(lambda request: request.path("base_teacher_model"), _lacks_teacher),
    _required(
        lambda request: request.path(request.training_field),
        lambda request: request.field != "" and not request.training_uri,
    ),
    Rule(
        vertex_errors.NOT_JSONL_OBJECT,
        lambda request: _is_no_dataset(request.training_uri) and {"field": request.training_field},
        lambda request: request.path(request.training_field),
    ),
    Rule(
        vertex_errors.NOT_JSONL_OBJECT,
        lambda request: _is_no_dataset(request.validation_uri) and {"field": "validation_dataset_uri"},
        lambda request: request.path("validation_dataset_uri"),
    ),
    *map(_positive, ("epoch_count", "learning_rate_multiplier", "batch_size", "learning_rate", "beta")),
    Rule(vertex_errors.RATE_TWICE, _sets_rate_twice, lambda request: request.path("hyper_parameters.learning_rate")),
    Rule(vertex_errors.DISPLAY_NAME_TOO_LONG, _has_long_name, "tuning_job.tuned_model_display_name"),
    Rule(
        vertex_errors.LABEL_INVALID, lambda request: not are_labels(request.job.get("labels", {})), "tuning_job.labels"
    ),
)
"""Everything that can be said without looking anything up."""


# --- what the row of the base model decides


def check_model(request: JobRequest, model: BaseModel | None, named: str, location: str, day: Day) -> None:
    """Whether the base model can be tuned as asked: everything that its row says, read here alone.

    Partners' models are not in the table: their jobs are taken, and fail for want of a trainer.

    Raises:
        ApiError: it is unknown, not tunable by that method, there or on that day, or not with what the request sets.
    """
    if request.method is TuningMethod.PARTNER and model is None:
        return
    if model is None and "/" in named and not is_open_model(named):
        raise vertex_errors.OPEN_MODEL_NAME_INVALID()
    if model is None or not day.offers(model.tunable_since, model.tunable_until):
        raise vertex_errors.BASE_MODEL_NOT_SUPPORTED(base_model=named)
    if request.mode and request.mode not in model.modes and model.tuning_methods:
        raise vertex_errors.MODE_NOT_SUPPORTED(mode=request.mode, base_model=named)
    if request.method not in model.tuning_methods:
        raise vertex_errors.BASE_MODEL_NOT_SUPPORTED(base_model=named)
    _check_place(request, model, named, location)
    _check_settings(request, model, named)


def _check_place(request: JobRequest, model: BaseModel, named: str, location: str) -> None:
    regions = model.regions or REGIONS.value
    if location == "global" and location not in regions:
        raise vertex_errors.GLOBAL_NOT_ONBOARDED()
    if location not in regions:
        raise vertex_errors.REGION_NOT_SUPPORTED(base_model=named, location=location, regions=", ".join(regions))
    if request.job.get("encryption_spec", {}).get("kms_key_name"):
        if not model.cmek:
            raise vertex_errors.CMEK_NOT_SUPPORTED(base_model=named)
        if location == "global":
            raise vertex_errors.CMEK_NOT_GLOBAL()


def _check_settings(request: JobRequest, model: BaseModel, named: str) -> None:
    if request.adapter_size and request.adapter_size not in model.adapter_sizes:
        raise vertex_errors.ADAPTER_SIZE_NOT_SUPPORTED()
    sent = request.hyperparameters
    if model.rate == "value" and sent.get(MULTIPLIER):
        raise vertex_errors.RATE_MULTIPLIER_NOT_SUPPORTED(base_model=named)
    if model.rate == "multiplier" and sent.get("learning_rate"):
        raise vertex_errors.RATE_NOT_SUPPORTED(base_model=named)
    if model.rate == "multiplier" and request.method is TuningMethod.SUPERVISED and sent.get("batch_size"):
        raise vertex_errors.BATCH_SIZE_NOT_SUPPORTED(base_model=named)
    if is_open_model(model.id) and not request.job.get("output_uri"):
        raise vertex_errors.OUTPUT_URI_REQUIRED()

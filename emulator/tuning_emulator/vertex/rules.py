"""What tuningJobs.create checks before it answers: rules over fields, all violations together.

Recorded: unusable dataset URIs are reported together, with numbered fields; the base model and the adapter size are
refused alone. The other rows are guesses in the same form.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tuning_emulator.core.as_of import Day
from tuning_emulator.core.errors import bad_request
from tuning_emulator.core.records import TuningMethod
from tuning_emulator.core.rules import Breaches, Rule, Subject, Violation, broken, find_violations
from tuning_emulator.facts import vertex_errors
from tuning_emulator.facts.base_models import BaseModel
from tuning_emulator.facts.limits import (
    VERTEX_MAX_DISPLAY_NAME_CHARACTERS,
    VERTEX_MAX_LABEL_CHARACTERS,
    adapter_size_rank,
)
from tuning_emulator.schema.schema import Value
from tuning_emulator.vertex.specs import Spec, find_spec

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


_OBJECT = re.compile(r"gs://[^/]+/.+")
_DATASET = re.compile(r"projects/[^/]+/locations/[^/]+/datasets/[^/]+")
_LABEL = re.compile(rf"[\w-]{{0,{VERTEX_MAX_LABEL_CHARACTERS.value}}}")
"""Letters of any script. Source: aiplatform discovery document, TuningJob.labels."""

PREFIX = "publishers/google/models/"


@dataclass(frozen=True, slots=True)
class Draft:
    """A tuning job as it was asked for."""

    job: Value
    spec: Spec

    @property
    def base_model(self) -> str:
        """The base model's id, or "" for none."""
        named = self.job.get("base_model") or self.spec.value.get("student_model", "")
        return str(named).removeprefix(PREFIX)

    @property
    def hyperparameters(self) -> Value:
        """As sent."""
        return self.spec.hyperparameters

    @property
    def base_teacher(self) -> str:
        """The base model that teaches a distillation, or ""."""
        return str(self.spec.value.get("base_teacher_model", ""))

    @property
    def tuned_teacher(self) -> str:
        """The tuned model that teaches a distillation, or ""."""
        return str(self.spec.value.get("tuned_teacher_model_source", ""))

    @property
    def continues(self) -> bool:
        """Whether a tuned model is tuned further."""
        return "pre_tuned_model" in self.job

    def path(self, name: str) -> str:
        """Path of a field of the spec, as error texts name it."""
        return f"tuning_job.{self.spec.field}.{name}"


def read_draft(tuning_job: Value) -> Draft:
    """The request as the rules read it."""
    return Draft(tuning_job, find_spec(tuning_job))


def is_dataset_uri(uri: str) -> bool:
    """Whether a URI names an object of Cloud Storage or a multimodal dataset of Vertex AI."""
    return _OBJECT.fullmatch(uri) is not None or _DATASET.fullmatch(uri) is not None


def is_open_model(base_model: str) -> bool:
    """Whether a base model is one of the Model Garden's, ``publisher/model@version``; they want an ``output_uri``."""
    return "@" in base_model


def _label_fits(key: str, value: str) -> bool:
    texts_fit = all(_LABEL.fullmatch(text) and text == text.lower() for text in (key, value))
    return bool(key) and texts_fit


def _check_labels(draft: Draft) -> Breaches:
    return broken(not all(_label_fits(*pair) for pair in draft.job.get("labels", {}).items()))


def _check_display_name(draft: Draft) -> Breaches:
    length = len(draft.job.get("tuned_model_display_name", ""))
    return broken(length > VERTEX_MAX_DISPLAY_NAME_CHARACTERS.value)


def _check_teacher(draft: Draft) -> Breaches:
    distils = draft.spec.field == "distillation_spec"
    return broken(distils and not (draft.base_teacher or draft.tuned_teacher))


def _check_uri(uri: str, field: str) -> Breaches:
    return broken(uri and not is_dataset_uri(uri), field=field)


def _required(field: str | Callable[[Draft], str], lacks: Callable[[Draft], object]) -> Rule[Draft]:
    return Rule(vertex_errors.REQUIRED_FIELD, lambda draft: broken(lacks(draft)), field)


def _positive(name: str) -> Rule[Draft]:
    def check(draft: Draft) -> Breaches:
        value = draft.hyperparameters.get(name, 0)
        return broken(not 0 <= value < math.inf, name=name, value=value)

    return Rule(vertex_errors.HYPERPARAMETER_NOT_POSITIVE, check, lambda draft: draft.path(f"hyper_parameters.{name}"))


RULES: tuple[Rule[Draft], ...] = (
    _required("tuning_job.base_model", lambda draft: not draft.base_model and not draft.continues),
    _required(
        "tuning_job.pre_tuned_model.tuned_model_name",
        lambda draft: draft.continues and not draft.job["pre_tuned_model"].get("tuned_model_name"),
    ),
    _required(
        "tuning_job.output_uri", lambda draft: is_open_model(draft.base_model) and not draft.job.get("output_uri")
    ),
    _required("tuning_job.tuning_spec", lambda draft: not draft.spec.field),
    Rule(vertex_errors.REQUIRED_FIELD, _check_teacher, lambda draft: draft.path("base_teacher_model")),
    _required(
        lambda draft: draft.path(draft.spec.training_field),
        lambda draft: draft.spec.field and not draft.spec.training_uri,
    ),
    Rule(
        vertex_errors.NOT_JSONL_OBJECT,
        lambda draft: _check_uri(draft.spec.training_uri, draft.spec.training_field),
        lambda draft: draft.path(draft.spec.training_field),
    ),
    Rule(
        vertex_errors.NOT_JSONL_OBJECT,
        lambda draft: _check_uri(draft.spec.validation_uri, "validation_dataset_uri"),
        lambda draft: draft.path("validation_dataset_uri"),
    ),
    *map(_positive, ("epoch_count", "learning_rate_multiplier", "batch_size", "learning_rate", "beta")),
    Rule(vertex_errors.DISPLAY_NAME_TOO_LONG, _check_display_name, "tuning_job.tuned_model_display_name"),
    Rule(vertex_errors.LABEL_INVALID, _check_labels, "tuning_job.labels"),
)
"""Everything that can be said without looking anything up."""


def check_model(draft: Draft, model: BaseModel | None, named: str, location: str, day: Day) -> None:
    """Whether the base model can be tuned as asked.

    Partners' models are not in the table: their jobs are taken, and fail for want of a trainer.

    Raises:
        ApiError: INVALID_ARGUMENT, it is unknown, not tunable by that method, there or on that day, or has no such
            adapter size.
    """
    method = draft.spec.method
    if method is TuningMethod.PARTNER and model is None:
        return
    if model is None or method.value not in model.tuning_methods:
        raise vertex_errors.BASE_MODEL_NOT_SUPPORTED(base_model=named)
    if not day.offers(model.tunable_since, model.tunable_until):
        raise vertex_errors.BASE_MODEL_NOT_SUPPORTED(base_model=named)
    if model.regions and location not in model.regions:
        regions = ", ".join(model.regions)
        raise vertex_errors.REGION_NOT_SUPPORTED(base_model=named, location=location, regions=regions)
    rank = adapter_size_rank(draft.hyperparameters.get("adapter_size", ""))
    if rank and model.adapter_sizes and rank not in model.adapter_sizes:
        raise vertex_errors.ADAPTER_SIZE_NOT_SUPPORTED()

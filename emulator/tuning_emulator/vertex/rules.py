"""What tuningJobs.create checks before it answers: rows of (field, text, check), all violations together.

Recorded: unusable dataset URIs are reported together, with numbered fields; the base model and the adapter size are
refused alone. The other rows are guesses in the same form.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tuning_emulator.core.as_of import Day
from tuning_emulator.core.errors import ApiError, Code, ErrorText, bad_request
from tuning_emulator.core.records import TuningMethod
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


class Violations:
    """Field violations of one request, in the order in which they were found.

    Recorded: ``List of found errors:\\t1.Field: tuning_job.…; Message: ….\\t2.Field: …; Message: ….\\t``
    (github.com/GoogleCloudPlatform/generative-ai/issues/2081); the same pairs are in ``fieldViolations``.
    """

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self._rules: list[str] = []

    def add(self, path: str, row: ErrorText, /, **values: object) -> None:
        """A field that breaks a rule; ``path`` is its snake_case path from the request message."""
        self.found.append((path, row.format(**values)))
        self._rules.append(row.name)

    def refuse(self) -> None:
        """Raises the answer if anything was found.

        Raises:
            ApiError: INVALID_ARGUMENT with all of them.
        """
        if self.found:
            listed = "".join(f"\t{n}.Field: {field}; Message: {text}" for n, (field, text) in enumerate(self.found, 1))
            message = f"List of found errors:{listed}\t"
            rule = ",".join(self._rules)
            raise ApiError(Code.INVALID_ARGUMENT, message, (bad_request(self.found),), rule=rule)


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

    def path(self, name: str) -> str:
        """Path of a field of the spec, as error texts name it."""
        return f"tuning_job.{self.spec.field}.{name}"


def read_draft(tuning_job: Value) -> Draft:
    """The request as the rules read it."""
    return Draft(tuning_job, find_spec(tuning_job))


@dataclass(frozen=True, slots=True)
class Rule:
    """One check. ``field`` is the path to report, ``breaks`` whether the request breaks it."""

    text: ErrorText
    field: Callable[[Draft], str]
    breaks: Callable[[Draft], bool]
    values: Callable[[Draft], Mapping[str, object]] = lambda draft: {}


def is_dataset_uri(uri: str) -> bool:
    """Whether a URI names an object of Cloud Storage or a multimodal dataset of Vertex AI."""
    return _OBJECT.fullmatch(uri) is not None or _DATASET.fullmatch(uri) is not None


def is_open_model(base_model: str) -> bool:
    """Whether a base model is one of the Model Garden's, ``publisher/model@version``; they want an ``output_uri``."""
    return "@" in base_model


def _label_fits(key: str, value: str) -> bool:
    texts_fit = all(_LABEL.fullmatch(text) and text == text.lower() for text in (key, value))
    return bool(key) and texts_fit


def _is_not_positive(name: str) -> Callable[[Draft], bool]:
    def check(draft: Draft) -> bool:
        value = draft.hyperparameters.get(name, 0)
        return not 0 <= value < math.inf

    return check


def _positive(name: str) -> Rule:
    return Rule(
        vertex_errors.HYPERPARAMETER_NOT_POSITIVE,
        lambda draft: draft.path(f"hyper_parameters.{name}"),
        _is_not_positive(name),
        lambda draft: {"name": name, "value": draft.hyperparameters[name]},
    )


RULES: tuple[Rule, ...] = (
    Rule(
        vertex_errors.REQUIRED_FIELD,
        lambda draft: "tuning_job.base_model",
        lambda draft: not draft.base_model and not _continues(draft),
    ),
    Rule(
        vertex_errors.REQUIRED_FIELD,
        lambda draft: "tuning_job.pre_tuned_model.tuned_model_name",
        lambda draft: _continues(draft) and not draft.job["pre_tuned_model"].get("tuned_model_name"),
    ),
    Rule(
        vertex_errors.REQUIRED_FIELD,
        lambda draft: "tuning_job.output_uri",
        lambda draft: is_open_model(draft.base_model) and not draft.job.get("output_uri"),
    ),
    Rule(vertex_errors.REQUIRED_FIELD, lambda draft: "tuning_job.tuning_spec", lambda draft: not draft.spec.field),
    Rule(
        vertex_errors.REQUIRED_FIELD,
        lambda draft: draft.path("base_teacher_model"),
        lambda draft: draft.spec.field == "distillation_spec" and not (draft.base_teacher or draft.tuned_teacher),
    ),
    Rule(
        vertex_errors.REQUIRED_FIELD,
        lambda draft: draft.path(draft.spec.training_field),
        lambda draft: bool(draft.spec.field) and not draft.spec.training_uri,
    ),
    Rule(
        vertex_errors.NOT_JSONL_OBJECT,
        lambda draft: draft.path(draft.spec.training_field),
        lambda draft: bool(draft.spec.training_uri) and not is_dataset_uri(draft.spec.training_uri),
        lambda draft: {"field": draft.spec.training_field},
    ),
    Rule(
        vertex_errors.NOT_JSONL_OBJECT,
        lambda draft: draft.path("validation_dataset_uri"),
        lambda draft: bool(draft.spec.validation_uri) and not is_dataset_uri(draft.spec.validation_uri),
        lambda draft: {"field": "validation_dataset_uri"},
    ),
    _positive("epoch_count"),
    _positive("learning_rate_multiplier"),
    _positive("batch_size"),
    _positive("learning_rate"),
    _positive("beta"),
    Rule(
        vertex_errors.DISPLAY_NAME_TOO_LONG,
        lambda draft: "tuning_job.tuned_model_display_name",
        lambda draft: len(draft.job.get("tuned_model_display_name", "")) > VERTEX_MAX_DISPLAY_NAME_CHARACTERS.value,
    ),
    Rule(
        vertex_errors.LABEL_INVALID,
        lambda draft: "tuning_job.labels",
        lambda draft: not all(_label_fits(*pair) for pair in draft.job.get("labels", {}).items()),
    ),
)


def _continues(draft: Draft) -> bool:
    return "pre_tuned_model" in draft.job


def check_fields(draft: Draft) -> None:
    """Everything that can be said without looking anything up.

    Raises:
        ApiError: INVALID_ARGUMENT, all violations together.
    """
    violations = Violations()
    for rule in RULES:
        if rule.breaks(draft):
            violations.add(rule.field(draft), rule.text, **rule.values(draft))
    violations.refuse()


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

"""``evaluationConfig`` of a supervised tuning spec: what it asks for, and what is wrong with it.

A configuration is read twice: when the job is created, for its faults, and when the job is trained.
Sources: evaluation_service.proto; docs.cloud.google.com …/models/tuning/supervised-tuning/use.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial

from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import TuningJob
from tuning_emulator.core.rules import Breaches, Rule, Violation, find_violations
from tuning_emulator.core.scoring import AGGREGATIONS, ROUGE_TYPE, score_bleu, score_exact_match, score_rouge
from tuning_emulator.facts import vertex_errors
from tuning_emulator.facts.base_models import find_base_model
from tuning_emulator.facts.model_row import BaseModel
from tuning_emulator.facts.request_fields import note_inert
from tuning_emulator.jobs.evaluation import EvaluationPlan, Metric
from tuning_emulator.schema.schema import Value
from tuning_emulator.vertex.prompts import parse_prompt
from tuning_emulator.vertex.rules import OUTPUT_PREFIX, refuse_violations
from tuning_emulator.vertex.specs import JobRequest, parse_echoed
from tuning_trainer.spec import Prompt

log = logging.getLogger(__name__)

FIELD = "evaluation_config"
REGION = "us-central1"
_SPEC = "supervised_tuning_spec"
_PATH = f"tuning_job.{_SPEC}.{FIELD}"
_ANY = {"contents": [{"role": "user", "parts": [{"text": "any"}]}]}

_DEFAULT_ROUGE = "rouge1"
"""Of a spec that names no kind: assumed."""

_DEFAULT_AGGREGATION = "AVERAGE"
"""Of a metric that names none: assumed."""

_COMPUTED = {"EXACT_MATCH": "exact_match_spec", "BLEU": "bleu_spec", "ROUGE": "rouge_spec"}
"""The other way to say so: ``ComputationBasedMetricSpec.type``."""


# --- what is asked for


def read_plan(job: TuningJob) -> EvaluationPlan | None:
    """What the checkpoints of a job with a configuration are to be held against.

    None: an earlier version, which evaluated nothing, took a configuration that is refused today.
    """
    config: Value = parse_echoed(job.asked.echoed)[_SPEC][FIELD]
    try:
        refuse_violations(_find_faults(config))
        return _read_plan(job, config)
    except ApiError as error:
        log.warning("job %s is not evaluated, for its configuration is refused by now: %s", job.id, error.message)
        return None


def _read_plan(job: TuningJob, config: Value) -> EvaluationPlan:
    model = find_base_model("vertex", job.asked.base_model)
    assert model is not None  # it was looked up when the job was created
    prefix = _read_prefix(config).rstrip("/")
    return EvaluationPlan(
        metrics=tuple(_read_metric(*one) for one in enumerate(config["metrics"])),
        folder=f"{prefix}/evaluation_{job.id}/",
        dataset_uri=job.asked.validation_uri or job.asked.training_uri,
        validation=job.asked.validation_uri != "",
        sampling=_read_sampling(config, model),
        uncomputed=("datasetCustomMetrics",) if config.get("dataset_custom_metrics") else (),
    )


def _read_prefix(config: Value) -> str:
    return str(config.get("output_config", {}).get("gcs_destination", {}).get("output_uri_prefix", ""))


def _read_sampling(config: Value, model: BaseModel) -> Prompt:
    """How answers are drawn. Raises ApiError as for any prompt."""
    return parse_prompt({**_ANY, "generation_config": config.get("inference_generation_config", {})}, model)


def _read_metric(index: int, metric: Value) -> Metric:
    field, spec = _find_spec(metric)
    kind, score = _choose_score(field, spec)
    wanted = [name for name in metric.get("aggregation_metrics", ()) if name in AGGREGATIONS]
    return Metric(f"metrics[{index}] ({field})", kind, score, tuple(wanted or [_DEFAULT_AGGREGATION]))


def _find_spec(metric: Value) -> tuple[str, Value]:
    """The spec of a metric, by the name of its field; ("", {}) where it has none."""
    field = next((name for name in metric if name.endswith("_spec")), "")
    spec: Value = metric.get(field, {})
    if field == "computation_based_metric_spec" and spec.get("type") in _COMPUTED:
        return _COMPUTED[spec["type"]], spec.get("parameters", {})
    return field, spec


def _choose_score(field: str, spec: Value) -> tuple[str, Callable[[str, str], float]]:
    """Field of ``AggregationResult`` and the score; "" and 0 for what cannot be computed."""
    match field:
        case "exact_match_spec":
            return "exact_match_metric_value", score_exact_match
        case "bleu_spec":
            return "bleu_metric_value", partial(score_bleu, effective_order=bool(spec.get("use_effective_order")))
        case "rouge_spec":
            stemmer, split = bool(spec.get("use_stemmer")), bool(spec.get("split_summaries"))
            score = partial(score_rouge, kind=_read_rouge(spec), stemmer=stemmer, split_summaries=split)
            return "rouge_metric_value", score
    return "", lambda *_: 0.0


def _read_rouge(spec: Value) -> str:
    return str(spec.get("rouge_type") or _DEFAULT_ROUGE)


# --- what is wrong with it


def check_evaluation(request: JobRequest, model: BaseModel | None, location: str, notes: list[str]) -> None:
    """Holds the configuration of a request, where it has one, against what is known of it.

    Args:
        notes: Get what of it has no effect here, or another than one may think.

    Raises:
        ApiError: it is incomplete, names what there is not, or is asked for where there are no evaluations.
    """
    config: Value | None = request.spec.get(FIELD) if request.field == _SPEC else None
    if config is None:
        return
    refuse_violations(_find_faults(config))
    if location != REGION:
        raise vertex_errors.EVALUATION_REGION(location=location)
    if model is not None:
        _read_sampling(config, model)
    note_inert({"generation_config": config.get("inference_generation_config", {})}, notes)
    if "autorater_config" in config:
        notes.append(f"{FIELD}.autorater_config has no effect: no model here judges answers")
    if not request.validation_uri:
        notes.append(f"{FIELD}: without a validation dataset the training dataset is evaluated, which flatters")


def _has_wrong_prefix(config: Value) -> Breaches:
    prefix = _read_prefix(config)
    return prefix != "" and OUTPUT_PREFIX.fullmatch(prefix) is None and {"uri": prefix}


_OUTPUT = f"{_PATH}.output_config.gcs_destination.output_uri_prefix"
_RULES: tuple[Rule[Value], ...] = (
    Rule(vertex_errors.REQUIRED_FIELD, lambda config: not config.get("metrics"), f"{_PATH}.metrics"),
    Rule(vertex_errors.REQUIRED_FIELD, lambda config: not _read_prefix(config), _OUTPUT),
    Rule(vertex_errors.OUTPUT_PREFIX_INVALID, _has_wrong_prefix, _OUTPUT),
)
_TEMPLATED = ("pointwise_metric_spec", "pairwise_metric_spec", "llm_based_metric_spec")
"""Specs that a judge's prompt is required of."""


def _find_faults(config: Value) -> list[Violation]:
    return [*find_violations(_RULES, config), *_check_metrics(config)]


def _check_metrics(config: Value) -> Iterator[Violation]:
    for index, metric in enumerate(config.get("metrics", ())):
        path, (field, spec) = f"{_PATH}.metrics[{index}]", _find_spec(metric)
        if field in ("", "computation_based_metric_spec"):
            wanted = f"{field}.type" if field else "metric_spec"
            yield Violation(vertex_errors.REQUIRED_FIELD, {}, f"{path}.{wanted}")
        elif field in _TEMPLATED and not spec.get("metric_prompt_template"):
            yield Violation(vertex_errors.REQUIRED_FIELD, {}, f"{path}.{field}.metric_prompt_template")
        elif field == "rouge_spec" and ROUGE_TYPE.fullmatch(kind := _read_rouge(spec)) is None:
            yield Violation(vertex_errors.ROUGE_TYPE_INVALID, {"kind": kind}, f"{path}.{field}.rouge_type")

"""What batchPredictionJobs.create checks before it answers: rules over fields, all violations together.

That a bucket or an object is not there is said by the job, which fails (recorded); only an unknown model is at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from tuning_emulator.core.rules import Breaches, Rule, Values
from tuning_emulator.facts import emulator_errors, vertex_errors
from tuning_emulator.schema.schema import Value
from tuning_emulator.storage.objects import InvalidUriError, parse_uri
from tuning_emulator.vertex.rules import check_fields, is_long_name, labels_fit

JOB = "batch_prediction_job"
FORMATS = ("jsonl", "bigquery")
"""Source: docs.cloud.google.com …/reference/models/batch-prediction-api."""

ECHOED = (
    *("display_name", "model", "input_config", "instance_config", "model_parameters", "output_config"),
    *("dedicated_resources", "service_account", "manual_batch_tuning_parameters", "generate_explanation"),
    *("explanation_spec", "labels", "model_monitoring_config", "disable_container_logging", "endpoint"),
)
"""Fields that a request sets and answers show."""

INERT = (
    *("instance_config", "model_parameters", "dedicated_resources", "manual_batch_tuning_parameters"),
    *("generate_explanation", "explanation_spec", "model_monitoring_config", "disable_container_logging"),
)
"""Those of them that are for models in containers: taken, shown, and without effect on what answers here."""


def list_uris(job: Value) -> list[str]:
    """Where the requests are."""
    return list((job.get("input_config", {}).get("gcs_source") or {}).get("uris", ()))


def find_prefix(job: Value) -> str:
    """Where the results are wanted."""
    return str((job.get("output_config", {}).get("gcs_destination") or {}).get("output_uri_prefix", ""))


def check_request(job: Value, notes: list[str]) -> None:
    """Holds a request for a batch against the rules.

    Args:
        notes: Get what a developer should know of fields without effect.

    Raises:
        ApiError: a rule is broken, or it asks for what is not served here.
    """
    check_fields(RULES, job)
    _check_served(job)
    notes += [f"{JOB}.{name} has no effect here" for name in INERT if job.get(name)]


def _check_served(job: Value) -> None:
    if job.get("unmanaged_container_model"):
        raise emulator_errors.BATCH_CONTAINER()
    for config, kinds, form in (
        ("input_config", ("bigquery_source", "vertex_multimodal_dataset_source"), "instances_format"),
        (
            "output_config",
            ("bigquery_destination", "vertex_multimodal_dataset_destination"),
            "predictions_format",
        ),
    ):
        asked = job[config]
        for name in kinds:
            if name in asked:
                raise emulator_errors.BATCH_NOT_STORAGE(field=f"{config}.{name}")
        if asked[form] != "jsonl":
            raise emulator_errors.BATCH_NOT_STORAGE(field=f"{config}.{form}")


# --- the rules


def _required(field: str) -> Rule[Value]:
    return Rule(vertex_errors.REQUIRED_FIELD, lambda job: not job.get(field), f"{JOB}.{field}")


def _required_in(config: str, field: str) -> Rule[Value]:
    """A field of a config that is there."""

    def lacks(job: Value) -> bool:
        return bool(job.get(config)) and not job[config].get(field)

    return Rule(vertex_errors.REQUIRED_FIELD, lacks, f"{JOB}.{config}.{field}")


def _has_no_source(job: Value) -> bool:
    return not any(job.get(name) for name in ("model", "unmanaged_container_model", "endpoint"))


def _has_more_sources(job: Value) -> bool:
    return sum(bool(job.get(name)) for name in ("model", "unmanaged_container_model", "endpoint")) > 1


def _lacks_one_of(config: str, *names: str) -> Rule[Value]:
    """A config that is there, and has none of its oneof."""
    return Rule(
        vertex_errors.REQUIRED_FIELD,
        lambda job: bool(job.get(config)) and not any(name in job[config] for name in names),
        f"{JOB}.{config}.{names[0]}",
    )


def _is_other_format(config: str, field: str) -> Rule[Value]:
    def check(job: Value) -> Breaches:
        value = job.get(config, {}).get(field, "")
        return bool(value) and value not in FORMATS and {"value": value}

    return Rule(vertex_errors.BATCH_FORMAT, check, f"{JOB}.{config}.{field}")


def _is_object(uri: str) -> bool:
    try:
        parse_uri(uri)
    except InvalidUriError:
        return False
    return True


def _find_bad_uris(job: Value) -> Iterator[Values]:
    return ({"uri": uri} for uri in list_uris(job) if not _is_object(uri))


def _has_bad_prefix(job: Value) -> Breaches:
    prefix = find_prefix(job)
    return bool(prefix) and not _is_object(f"{prefix.rstrip('/')}/x") and {"uri": prefix}


def _refuses(name: str, setting: str) -> Rule[Value]:
    return Rule(vertex_errors.BATCH_SETTING, lambda job: bool(job.get(name)) and {"setting": setting}, f"{JOB}.{name}")


RULES: tuple[Rule[Value], ...] = (
    _required("display_name"),
    Rule(
        vertex_errors.DISPLAY_NAME_TOO_LONG,
        lambda job: is_long_name(job.get("display_name", "")),
        f"{JOB}.display_name",
    ),
    Rule(vertex_errors.REQUIRED_FIELD, _has_no_source, f"{JOB}.model"),
    Rule(vertex_errors.BATCH_SOURCE_TWICE, _has_more_sources, f"{JOB}.model"),
    _required("input_config"),
    _required_in("input_config", "instances_format"),
    _is_other_format("input_config", "instances_format"),
    _lacks_one_of("input_config", "gcs_source", "bigquery_source", "vertex_multimodal_dataset_source"),
    Rule(
        vertex_errors.REQUIRED_FIELD,
        lambda job: "gcs_source" in job.get("input_config", {}) and not list_uris(job),
        f"{JOB}.input_config.gcs_source.uris",
    ),
    Rule(vertex_errors.BATCH_URI, _find_bad_uris, f"{JOB}.input_config.gcs_source.uris"),
    _required("output_config"),
    _required_in("output_config", "predictions_format"),
    _is_other_format("output_config", "predictions_format"),
    _lacks_one_of("output_config", "gcs_destination", "bigquery_destination", "vertex_multimodal_dataset_destination"),
    Rule(
        vertex_errors.REQUIRED_FIELD,
        lambda job: "gcs_destination" in job.get("output_config", {}) and not find_prefix(job),
        f"{JOB}.output_config.gcs_destination.output_uri_prefix",
    ),
    Rule(vertex_errors.BATCH_URI, _has_bad_prefix, f"{JOB}.output_config.gcs_destination.output_uri_prefix"),
    _refuses("service_account", "A custom service account"),
    _refuses("encryption_spec", "A customer-managed encryption key"),
    Rule(vertex_errors.LABEL_INVALID, lambda job: not labels_fit(job.get("labels", {})), f"{JOB}.labels"),
)
"""Everything that can be said without looking anything up."""

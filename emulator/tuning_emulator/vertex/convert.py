"""Resource names, and records to messages: the one place that knows how Vertex AI's resources print."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.records import (
    CachedContent,
    Checkpoint,
    DatasetStatistics,
    DeployedModel,
    Distribution,
    Endpoint,
    EvaluationRun,
    Failure,
    Job,
    JobState,
    Model,
    ModelVersion,
    Phase,
    TuningJob,
    TuningMethod,
)
from tuning_emulator.facts import vertex_errors
from tuning_emulator.facts.model_row import OPEN_MARK
from tuning_emulator.jobs.output import metrics_uri
from tuning_emulator.schema.schema import Value
from tuning_emulator.store.store import Store
from tuning_emulator.vertex.specs import find_spec, format_spec, parse_echoed

# --- resource names: answers carry the project's number, whatever the request carried

PACKAGE = "google.cloud.aiplatform"
"""Of its messages and services, without the version."""

_NAME = re.compile(r"projects/([^/]+)/locations/([^/]+)(?:/(.+))?")


class Place(Struct, frozen=True):
    """A project (its number) in a location: the parent of everything."""

    project: str
    location: str

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"


def parse_place(parent: str) -> Place:
    """``projects/p/locations/l``.

    Raises:
        ApiError: INVALID_ARGUMENT, not such a name.
    """
    return parse_name(parent)[0]


def parse_name(name: str, *collections: str) -> tuple[Place, list[str]]:
    """The place of a name and the ids in it: one for each collection, in order.

    ``parse_name("projects/p/locations/l/tuningJobs/1", "tuningJobs")`` is ``(Place("…", "l"), ["1"])``.

    Raises:
        ApiError: INVALID_ARGUMENT, not a name of these collections.
    """
    match = _NAME.fullmatch(name)
    segments = (match[3] or "").split("/") if match and match[3] else []
    if match is None or tuple(segments[::2]) != collections or len(segments) % 2:
        wanted = "".join(f"/{collection}/{{id}}" for collection in collections)
        raise refuse_name(name, f"projects/{{project}}/locations/{{location}}{wanted}")
    return Place(project_number(match[1]), match[2]), segments[1::2]


def parse_any_name(name: str) -> tuple[Place, str]:
    """The place of any resource and the name with the project's number.

    Raises:
        ApiError: INVALID_ARGUMENT, it does not begin with a place.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise refuse_name(name, "projects/{project}/locations/{location}")
    place = Place(project_number(match[1]), match[2])
    return place, f"{place}/{match[3]}" if match[3] else str(place)


def refuse_name(name: str, wanted: str) -> ApiError:
    """The answer to a name of another form."""
    return vertex_errors.MALFORMED_NAME(name=name, form=wanted)


def place_of(record: Job | ModelVersion | Endpoint | CachedContent) -> Place:
    """Where a record is."""
    return Place(project_number(record.project), record.location)


def format_job_name(job: Job) -> str:
    """``projects/649241623633/locations/us-central1/tuningJobs/1715586718876303360``."""
    return f"{place_of(job)}/tuningJobs/{job.id}"


def format_model_name(version: ModelVersion) -> str:
    """Name of the parent model, without version."""
    return f"{place_of(version)}/models/{version.model_id}"


def format_version_name(version: ModelVersion) -> str:
    """Name with version, as ``tunedModel.model`` has it."""
    return f"{format_model_name(version)}@{version.version}"


def format_endpoint_name(place: Place, endpoint_id: str) -> str:
    """``projects/…/locations/…/endpoints/9091681879928602624``."""
    return f"{place}/endpoints/{endpoint_id}"


def format_context_name(job: TuningJob) -> str:
    """Name of the job's experiment."""
    return f"{place_of(job)}/metadataStores/default/contexts/{job.progress.experiment_id}"


# --- models and endpoints: record to message

Deployments = Mapping[tuple[str, int], Sequence[Value]]
"""``DeployedModelRef`` messages by (model id, version)."""


_ETAG_HEAD = base64.urlsafe_b64decode("AMEw9yM=")
"""``AMEw9y…``, 68 characters. Source: an endpoint of 2023-11 and other resources up to 2026, in public repositories."""


def format_etag(name: str, revision: int) -> str:
    """An etag in the service's shape, which all begin alike (recorded); it changes with every write."""
    digest = hashlib.sha512(f"{name}#{revision}".encode()).digest()
    return base64.urlsafe_b64encode((_ETAG_HEAD + digest)[:50]).decode()


def index_deployments(endpoints: Iterable[Endpoint]) -> Deployments:
    """Where each model version is deployed."""
    found: dict[tuple[str, int], list[Value]] = {}
    for endpoint in endpoints:
        name = format_endpoint_name(place_of(endpoint), endpoint.id)
        for one in endpoint.deployed:
            reference = {"endpoint": name, "deployed_model_id": one.id, "checkpoint_id": one.checkpoint_id}
            found.setdefault((one.model_id, one.version), []).append(reference)
    return found


EXPORT_FORMAT = "custom-trained"
"""Of models whose weights are their owner's: open models; Gemini's are not handed out. That a tuned open model has it
is assumed; recorded of custom models."""


def format_model(
    model: Model,
    version: ModelVersion,
    checkpoints: Sequence[Checkpoint],
    deployments: Deployments,
    versioned_name: bool = False,
) -> Value:
    """A version of a model as the registry shows it. ``versioned_name``: lists of versions name them ``ID@1``.

    Source kind and base model source are assumed: no tuned Gemini model was recorded in the registry.
    """
    name = format_model_name(version)
    copied = {"original_model_info": {"model": version.copied_from.partition("@")[0]}} if version.copied_from else {}
    formats = [{"id": EXPORT_FORMAT, "exportable_contents": ["ARTIFACT"]}] if OPEN_MARK in version.base_model else []
    return {
        "name": format_version_name(version) if versioned_name else name,
        "display_name": version.display_name,
        "description": version.description,
        "create_time": model.created_ns,
        "update_time": version.updated_ns,
        "deployed_models": list(deployments.get((version.model_id, version.version), ())),
        "etag": format_version_etag(version),
        "labels": dict(version.labels),
        "version_id": str(version.version),
        "version_aliases": list(version.aliases),
        "version_description": version.version_description,
        "version_create_time": version.created_ns,
        "version_update_time": version.updated_ns,
        "supported_export_formats": formats,
        **copied,
        "model_source_info": {"source_type": "GENIE", "copy": version.copied_from != ""},
        "base_model_source": {"genie_source": {"base_model_uri": f"publishers/google/models/{version.base_model}"}},
        "default_checkpoint_id": version.default_checkpoint,
        "checkpoints": [format_checkpoint(one) for one in checkpoints],
    }


def format_version_etag(version: ModelVersion) -> str:
    """The etag of a model version."""
    return format_etag(format_version_name(version), version.revision)


def format_checkpoint(checkpoint: Checkpoint) -> Value:
    """A checkpoint as models show it: without its endpoint."""
    return {"checkpoint_id": checkpoint.id, "epoch": checkpoint.epoch, "step": checkpoint.step}


def format_endpoint(endpoint: Endpoint) -> Value:
    """An endpoint with what it serves."""
    place = place_of(endpoint)
    return {
        "name": format_endpoint_name(place, endpoint.id),
        "display_name": endpoint.display_name,
        "description": endpoint.description,
        "deployed_models": [format_deployed_model(place, one) for one in endpoint.deployed],
        "traffic_split": dict(endpoint.traffic),
        "etag": format_endpoint_etag(endpoint),
        "labels": dict(endpoint.labels),
        "create_time": endpoint.created_ns,
        "update_time": endpoint.updated_ns,
    }


def format_endpoint_etag(endpoint: Endpoint) -> str:
    """The etag of an endpoint."""
    return format_etag(format_endpoint_name(place_of(endpoint), endpoint.id), endpoint.revision)


def format_deployed_model(place: Place, deployed: DeployedModel) -> Value:
    """What an endpoint serves. Which kind of resources a tuned Gemini shows is not known; none is printed."""
    return {
        "id": deployed.id,
        "model": f"{place}/models/{deployed.model_id}",
        "display_name": deployed.display_name,
        "create_time": deployed.created_ns,
        "model_version_id": str(deployed.version),
        "checkpoint_id": deployed.checkpoint_id,
    }


# --- dataset statistics as ``tuningDataStats`` prints them


def format_statistics(statistics: DatasetStatistics, method: TuningMethod, steps: int) -> Value:
    """``tuningDataStats`` of a job. ``steps``: 0 while the job has not succeeded, when no step count is shown."""
    if method is TuningMethod.PREFERENCE:
        return {"preference_optimization_data_stats": _format_preference(statistics, steps)}
    if method is TuningMethod.DISTILLATION:
        return {"distillation_data_stats": {"training_dataset_stats": _format_dataset(statistics, steps)}}
    return {"supervised_tuning_data_stats": _format_supervised(statistics, steps)}


def _format_supervised(statistics: DatasetStatistics, steps: int) -> Value:
    return {
        "tuning_dataset_example_count": statistics.examples,
        "tuning_step_count": steps,
        "user_input_token_distribution": _format_distribution(statistics.input_tokens, float),
        "user_output_token_distribution": _format_distribution(statistics.output_tokens, float),
        "user_message_per_example_distribution": _format_distribution(statistics.messages, float),
        "user_dataset_examples": list(statistics.samples),
        "total_billable_token_count": statistics.billable_tokens,
        "total_truncated_example_count": statistics.dropped_count,
        "truncated_example_indices": [index for index, _ in statistics.dropped],
        "dropped_example_reasons": [reason for _, reason in statistics.dropped],
    }


def _format_dataset(statistics: DatasetStatistics, steps: int) -> Value:
    """The general message: what the supervised one says, under names of its own."""
    return {
        "tuning_dataset_example_count": statistics.examples,
        "tuning_step_count": steps,
        "user_input_token_distribution": _format_distribution(statistics.input_tokens, int),
        "user_output_token_distribution": _format_distribution(statistics.output_tokens, int),
        "user_message_per_example_distribution": _format_distribution(statistics.messages, int),
        "user_dataset_examples": list(statistics.samples),
        "total_billable_token_count": statistics.billable_tokens,
        "dropped_example_indices": [index for index, _ in statistics.dropped],
        "dropped_example_reasons": [reason for _, reason in statistics.dropped],
    }


def _format_preference(statistics: DatasetStatistics, steps: int) -> Value:
    value: Value = {
        "tuning_dataset_example_count": statistics.examples,
        "tuning_step_count": steps,
        "user_input_token_distribution": _format_distribution(statistics.input_tokens, int),
        "user_output_token_distribution": _format_distribution(statistics.output_tokens, int),
        "user_dataset_examples": list(statistics.samples),
        "total_billable_token_count": statistics.billable_tokens,
        "dropped_example_indices": [index for index, _ in statistics.dropped],
        "dropped_example_reasons": [reason for _, reason in statistics.dropped],
    }
    if statistics.scores is not None:
        value["scores_distribution"] = _format_distribution(statistics.scores, int)
    if statistics.score_variance is not None:
        value["score_variance_per_example_distribution"] = _format_distribution(statistics.score_variance, int)
    return value


def _format_distribution(distribution: Distribution, count: type[int] | type[float]) -> Value:
    """One distribution. Bucket counts are doubles in the supervised message and int64 in the general one."""
    return {
        "sum": distribution.sum,
        "min": distribution.min,
        "max": distribution.max,
        "mean": distribution.mean,
        "median": distribution.median,
        "p5": distribution.p5,
        "p95": distribution.p95,
        "buckets": [
            {"count": count(number), "left": left, "right": right} for number, left, right in distribution.buckets
        ],
    }


EXPERIMENT = "experiment"
"""Among what clients have deleted: the context of a job, and with it the run's."""

SCRIPTED = "scripted"
"""The trainer that has no loss curve of its own and writes no event files."""


def describe_job(store: Store, job: TuningJob) -> Value:
    """A job as ``tuningJobs.get`` shows it now, with what it has left behind so far."""
    version = store.get_model_version_of_job(job.uid) if job.progress.started_ns is not None else None
    return format_job(job, version, store.list_checkpoints(job.uid) if version else ())


def format_job(job: TuningJob, version: ModelVersion | None = None, checkpoints: Sequence[Checkpoint] = ()) -> Value:
    """The message of a job; fields that a version of the API lacks are left out when it is printed."""
    progress = job.progress
    value = parse_echoed(job.asked.echoed)
    if field := find_spec(value):
        value[field] = format_spec(field, value[field], progress.resolved)
    value.update(
        name=format_job_name(job),
        tuned_model_display_name=job.display_name,
        state=f"JOB_STATE_{job.progress.state.value}",
        create_time=job.created_ns,
        update_time=progress.updated_ns,
    )
    if "pre_tuned_model" in value:
        value["pre_tuned_model"] = {**value["pre_tuned_model"], "base_model": job.asked.base_model}
    _add_progress(value, job)
    if progress.error is not None:
        value["error"] = format_failure(progress.error)
    if version is not None:
        value["tuned_model"] = format_tuned_model(version, checkpoints)
    if progress.statistics is not None:
        steps = progress.total_steps if job.progress.state is JobState.SUCCEEDED else 0
        value["tuning_data_stats"] = format_statistics(progress.statistics, job.asked.method, steps)
    return value


def _add_progress(value: Value, job: TuningJob) -> None:
    progress, output_uri = job.progress, job.asked.output_uri
    if progress.started_ns is not None:
        value["start_time"] = progress.started_ns
        value["tuning_job_metadata"] = {
            "completed_epoch_count": progress.completed_epochs,
            "completed_step_count": progress.completed_steps,
        }
    if progress.ended_ns is not None:
        value["end_time"] = progress.ended_ns
    if output_uri and progress.adapter and progress.trainer != SCRIPTED and job.progress.state is JobState.SUCCEEDED:
        value["gcs_metrics_uri"] = metrics_uri(output_uri)
    if progress.experiment_id and EXPERIMENT not in progress.deleted:
        value["experiment"] = format_context_name(job)
    if progress.evaluations:
        value["evaluate_dataset_runs"] = [format_run(one) for one in progress.evaluations]
    if progress.phase is not Phase.NONE:
        value["tuning_job_state"] = f"TUNING_JOB_STATE_{progress.phase.value}"


def format_run(run: EvaluationRun) -> Value:
    """An ``EvaluateDatasetRun``. Names of an operation and an evaluation run are left out: there are none."""
    results = [{"aggregation_metric": name, kind: {"score": figure}} for kind, name, figure in run.scores]
    response: Value = {
        "aggregation_output": {"dataset": {"gcs_source": {"uris": [run.dataset_uri]}}, "aggregation_results": results}
    }
    if run.output_uri:
        response["output_info"] = {"gcs_output_directory": run.output_uri}
    value: Value = {"checkpoint_id": run.checkpoint_id, "evaluate_dataset_response": response}
    return {**value, "error": format_failure(run.error)} if run.error is not None else value


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

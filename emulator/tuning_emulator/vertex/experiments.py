"""The experiment of a tuning job and its one run: metadata contexts that clients read after it.

An artifact beside the run says where in TensorBoard its metrics are; executions there are none. What clients have
deleted is remembered with the job.

Source: ``SupervisedTuningJob.refresh``, ``Experiment`` and ``ExperimentRun`` of
github.com/googleapis/python-aiplatform.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from tuning_emulator.api.call import Call
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import JobState, TuningJob
from tuning_emulator.facts import vertex_errors
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.schema.schema import Value
from tuning_emulator.vertex.convert import (
    EXPERIMENT,
    Place,
    format_context_name,
    format_etag,
    parse_name,
    parse_place,
    place_of,
)
from tuning_emulator.vertex.listing import list_all
from tuning_emulator.vertex.operations import Operations
from tuning_emulator.vertex.tensorboards import EXPERIMENT as BOARD
from tuning_emulator.vertex.tensorboards import format_run_name, format_tensorboard_name, walk_jobs

STORE = "default"
"""The metadata store that tuning writes to."""

ARTIFACT = "artifact"
"""Among what clients have deleted, see ``Progress.deleted``."""

_ARTIFACT_TAIL = "-tb-run"
"""What clients add to a run's id to find its artifact."""

_IN_CONTEXT = re.compile(r'in_context\("([^"]*)"\)')
"""The one function of filters: of artifacts and executions that a context has."""

RUN_STATES = {JobState.SUCCEEDED: "COMPLETE", JobState.FAILED: "FAILED", JobState.CANCELLED: "CANCELLED"}
"""How a run stands, as clients' own runs say it; RUNNING otherwise."""


class Experiments:
    """``MetadataService``: contexts and artifacts, and lists of executions, of which there are none."""

    def __init__(self, backend: Backend, operations: Operations) -> None:
        self._store = backend.store
        self._operations = operations

    def get_metadata_store(self, call: Call) -> Value:
        """The one store of a place. It is there from the start: clients make it where it is not."""
        place, (store,) = parse_name(call.request["name"], "metadataStores")
        self._check_store(place, store)
        return {"name": f"{place}/metadataStores/{STORE}"}

    def list_metadata_stores(self, call: Call) -> Value:
        """The one store of a place."""
        place = parse_place(call.request["parent"])
        return list_all(call, [{"name": f"{place}/metadataStores/{STORE}"}], "metadata_stores")

    def get_context(self, call: Call) -> Value:
        """The experiment of one job, or its run."""
        name = call.request["name"]
        job = self._require(name)
        return self._format_run(job) if is_run(name, job) else format_experiment(job)

    def list_contexts(self, call: Call) -> Value:
        """Experiments and runs of the jobs of a place, newest first."""
        place, (store,) = parse_name(call.request["parent"], "metadataStores")
        self._check_store(place, store)
        values: list[Value] = []
        for job in self._walk(place):
            values += [format_experiment(job), *([] if job.progress.run_deleted else [self._format_run(job)])]
        return list_all(call, values, "contexts", "Context")

    def delete_context(self, call: Call) -> Value:
        """Forgets an experiment, whose job shows none any more, or its run alone; TensorBoard keeps its own."""
        name = call.request["name"]
        job = self._require(name)
        place, _ = parse_name(name, "metadataStores", "contexts")
        gone = {"run_deleted": True} if is_run(name, job) else {"deleted": (*job.progress.deleted, EXPERIMENT)}
        self._store.update_progress(job.uid, **gone)
        return self._operations.finish(call, place, str(place), "DeleteOperationMetadata")

    def list_executions(self, call: Call) -> Value:
        """None: tuning logs no executions."""
        place, (store,) = parse_name(call.request["parent"], "metadataStores")
        self._check_store(place, store)
        return list_all(call, [], "executions")

    def list_artifacts(self, call: Call) -> Value:
        """The artifacts of the runs of a place, newest first."""
        place, (store,) = parse_name(call.request["parent"], "metadataStores")
        self._check_store(place, store)
        text = call.request.get("filter", "")
        wanted = {parse_name(name, "metadataStores", "contexts")[1][-1] for name in _IN_CONTEXT.findall(text)}
        values = [format_artifact(job) for job in self._walk(place) if has_artifact(job) and wanted <= {_run_id(job)}]
        plain = replace(call, request={**call.request, "filter": _IN_CONTEXT.sub("name:*", text)}, query=())
        return list_all(plain, values, "artifacts", "Artifact")

    def get_execution(self, call: Call) -> Value:
        """An execution by its name, which does not exist."""
        raise self._miss(call.request["name"], "executions")

    def get_artifact(self, call: Call) -> Value:
        """The artifact that says where the metrics of a run are."""
        return format_artifact(self._require_artifact(call.request["name"]))

    def delete_artifact(self, call: Call) -> Value:
        """Forgets the artifact; the metrics stay where they are."""
        job = self._require_artifact(call.request["name"])
        self._store.update_progress(job.uid, deleted=(*job.progress.deleted, ARTIFACT))
        place = place_of(job)
        return self._operations.finish(call, place, str(place), "DeleteOperationMetadata")

    def query_context_lineage_subgraph(self, call: Call) -> Value:
        """A run's artifact; an experiment has none of its own."""
        name = call.request["context"]
        job = self._require(name)
        return {"artifacts": [format_artifact(job)]} if is_run(name, job) and has_artifact(job) else {}

    # ------------------------------------------------------------ inside

    def _walk(self, place: Place) -> Iterator[TuningJob]:
        return (job for job in walk_jobs(self._store, place) if EXPERIMENT not in job.progress.deleted)

    def _require(self, name: str) -> TuningJob:
        place, (store, identifier) = parse_name(name, "metadataStores", "contexts")
        self._check_store(place, store)
        job = self._store.get_job_by_experiment(place.project, place.location, identifier)
        if job is None:
            experiment, _, run = identifier.rpartition("-")
            job = self._store.get_job_by_experiment(place.project, place.location, experiment)
            job = job if job is not None and job.id == run and not job.progress.run_deleted else None
        if job is None or EXPERIMENT in job.progress.deleted:
            full = f"{place}/metadataStores/{store}/contexts/{identifier}"
            raise vertex_errors.CONTEXT_NOT_FOUND(name=full)
        return job

    def _require_artifact(self, name: str) -> TuningJob:
        """The job of an artifact. It outlives its run's context."""
        place, (store, identifier) = parse_name(name, "metadataStores", "artifacts")
        self._check_store(place, store)
        experiment, _, _ = identifier.removesuffix(_ARTIFACT_TAIL).rpartition("-")
        job = self._store.get_job_by_experiment(place.project, place.location, experiment)
        if job is None or identifier != f"{_run_id(job)}{_ARTIFACT_TAIL}" or not has_artifact(job):
            raise self._miss(name, "artifacts")
        return job

    def _miss(self, name: str, kind: str) -> ApiError:
        place, (store, identifier) = parse_name(name, "metadataStores", kind)
        self._check_store(place, store)
        full = f"{place}/metadataStores/{store}/{kind}/{identifier}"
        return vertex_errors.METADATA_NOT_FOUND(kind=kind.removesuffix("s"), name=full)

    def _check_store(self, place: Place, store: str) -> None:
        if store != STORE:
            raise vertex_errors.METADATA_STORE_NOT_FOUND(name=f"{place}/metadataStores/{store}")

    def _format_run(self, job: TuningJob) -> Value:
        """The run of an experiment: ``{experiment}-{job id}`` (which id the service takes is not known)."""
        experiment = format_context_name(job)
        points = self._store.list_metric_points(job.uid)
        resolved = job.progress.resolved
        parameters = {
            "base_model": job.asked.base_model,
            "epoch_count": resolved.epochs if resolved else None,
            "adapter_size": resolved.adapter_size if resolved else None,
            "learning_rate_multiplier": resolved.learning_rate_multiplier if resolved else None,
        }
        return {
            **_format_context(job, f"{experiment}-{job.id}", job.id, "system.ExperimentRun"),
            "parent_contexts": [experiment],
            "metadata": {
                "_params": {name: value for name, value in parameters.items() if value is not None},
                "_metrics": {"train_total_loss": points[-1].mean_loss} if points else {},
                "_state": RUN_STATES.get(job.progress.state, "RUNNING"),
            },
        }


def is_run(name: str, job: TuningJob) -> bool:
    """Whether a context's name is that of a job's run, not of its experiment."""
    return name.rpartition("/")[2] != job.progress.experiment_id


def format_experiment(job: TuningJob) -> Value:
    """A job's experiment. Clients insist on the schema's title; the rest is as their own experiments have it."""
    context = _format_context(job, format_context_name(job), job.progress.experiment_id, "system.Experiment")
    board = {} if BOARD in job.progress.deleted else {"backing_tensorboard_resource": _name_board(job)}
    return {**context, "metadata": {"experiment_deleted": False, **board}}


def _name_board(job: TuningJob) -> str:
    return format_tensorboard_name(place_of(job))


def _run_id(job: TuningJob) -> str:
    return f"{job.progress.experiment_id}-{job.id}"


def has_artifact(job: TuningJob) -> bool:
    """Whether nobody has deleted the artifact of a job's run. Clients do so after the metrics that it leads to."""
    return ARTIFACT not in job.progress.deleted


def format_artifact(job: TuningJob) -> Value:
    """Where in TensorBoard the metrics of a job's run are, in the form in which clients' own runs say so."""
    store = format_context_name(job).rpartition("/contexts/")[0]
    name, run = f"{store}/artifacts/{_run_id(job)}{_ARTIFACT_TAIL}", format_run_name(job)
    created_ns = job.progress.started_ns or job.created_ns
    return {
        "name": name,
        "display_name": f"{_run_id(job)}{_ARTIFACT_TAIL}",
        "uri": f"https://{job.location}-aiplatform.googleapis.com/v1/{run}",
        "etag": format_etag(name, 1),
        "create_time": created_ns,
        "update_time": created_ns,
        "state": "LIVE",
        "schema_title": "google.VertexTensorboardRun",
        "schema_version": "0.0.1",
        "metadata": {"resourceName": run, "vertex_experiment_tracking": True},
    }


def _format_context(job: TuningJob, name: str, display_name: str, schema_title: str) -> Value:
    created_ns = job.progress.started_ns or job.created_ns
    return {
        "name": name,
        "display_name": display_name,
        "etag": format_etag(name, 1),
        "create_time": created_ns,
        "update_time": created_ns,
        "schema_title": schema_title,
        "schema_version": "0.0.1",
    }

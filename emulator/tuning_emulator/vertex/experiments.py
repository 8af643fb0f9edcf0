"""The experiment of a tuning job and its one run: metadata contexts that clients read after it.

Source: ``SupervisedTuningJob.refresh`` and ``ExperimentRun`` of github.com/googleapis/python-aiplatform.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tuning_emulator.api.call import Call
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import JobState, TuningJob
from tuning_emulator.facts import vertex_errors
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.schema.schema import Value
from tuning_emulator.store.store import NEWEST
from tuning_emulator.vertex.convert import Place, format_context_name, format_etag, parse_name
from tuning_emulator.vertex.listing import list_all
from tuning_emulator.vertex.operations import Operations

STORE = "default"
"""The metadata store that tuning writes to."""

JOBS_AT_ONCE = 500

RUN_STATES = {JobState.SUCCEEDED: "COMPLETE", JobState.FAILED: "FAILED", JobState.CANCELLED: "CANCELLED"}
"""How a run stands, as clients' own runs say it; RUNNING otherwise."""


class Experiments:
    """``MetadataService``: contexts, and lists of executions and artifacts, of which there are none."""

    def __init__(self, backend: Backend, operations: Operations) -> None:
        self._store = backend.store
        self._operations = operations

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
        """Forgets an experiment, whose job shows none any more, or its run alone."""
        name = call.request["name"]
        job = self._require(name)
        place, _ = parse_name(name, "metadataStores", "contexts")
        changes: dict[str, Any] = {"run_deleted": True} if is_run(name, job) else {"experiment_id": ""}
        self._store.update_progress(job.uid, **changes)
        return self._operations.finish(call, place, str(place), "DeleteOperationMetadata")

    def list_executions(self, call: Call) -> Value:
        """None: tuning logs no executions."""
        return self._list_nothing(call, "executions")

    def list_artifacts(self, call: Call) -> Value:
        """None: tuning logs no artifacts."""
        return self._list_nothing(call, "artifacts")

    def get_execution(self, call: Call) -> Value:
        """An execution by its name, which does not exist."""
        raise self._miss(call.request["name"], "executions")

    def get_artifact(self, call: Call) -> Value:
        """An artifact by its name, which does not exist."""
        raise self._miss(call.request["name"], "artifacts")

    def query_context_lineage_subgraph(self, call: Call) -> Value:
        """An experiment's artifacts and executions: none, for the emulator keeps no lineage."""
        self._require(call.request["context"])
        return {}

    # ------------------------------------------------------------ inside

    def _walk(self, place: Place) -> Iterator[TuningJob]:
        before = NEWEST
        while jobs := self._store.list_jobs_newest_first("vertex", place.project, place.location, before, JOBS_AT_ONCE):
            yield from (job for job in jobs if job.progress.experiment_id)
            before = jobs[-1].uid

    def _require(self, name: str) -> TuningJob:
        place, (store, identifier) = parse_name(name, "metadataStores", "contexts")
        self._check_store(place, store)
        job = self._store.get_job_by_experiment(place.project, place.location, identifier)
        if job is None:
            experiment, _, run = identifier.rpartition("-")
            job = self._store.get_job_by_experiment(place.project, place.location, experiment)
            job = job if job is not None and job.id == run and not job.progress.run_deleted else None
        if job is None:
            full = f"{place}/metadataStores/{store}/contexts/{identifier}"
            raise vertex_errors.CONTEXT_NOT_FOUND(name=full)
        return job

    def _list_nothing(self, call: Call, field: str) -> Value:
        place, (store,) = parse_name(call.request["parent"], "metadataStores")
        self._check_store(place, store)
        return list_all(call, [], field)

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
        experiment, experiment_id = format_context_name(job), job.progress.experiment_id
        points = self._store.list_metric_points(job.uid)
        resolved = job.progress.resolved
        parameters = {
            "base_model": job.asked.base_model,
            "epoch_count": resolved.epochs if resolved else None,
            "adapter_size": resolved.adapter_size if resolved else None,
            "learning_rate_multiplier": resolved.learning_rate_multiplier if resolved else None,
        }
        return {
            **_format_context(job, f"{experiment}-{job.id}", f"{experiment_id}-{job.id}", "system.ExperimentRun"),
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
    return {**context, "metadata": {"experiment_deleted": False}}


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

"""The experiment of a tuning job: a metadata context that clients read after it.

Source: ``SupervisedTuningJob.refresh`` of github.com/googleapis/python-aiplatform.
"""

from __future__ import annotations

from emulator.core.records import TuningJob
from emulator.facts import vertex_resource_errors as texts
from emulator.protocol.call import Call
from emulator.schema.declare import Value
from emulator.vertex.convert_models import format_context
from emulator.vertex.listing import list_newest_first
from emulator.vertex.names import parse_name
from emulator.vertex.operations import Operations
from emulator.vertex.parts import Parts
from emulator.vertex.refusals import refuse

STORE = "default"
"""The metadata store that tuning writes to."""


class Experiments:
    """``MetadataService``, contexts only."""

    def __init__(self, parts: Parts, operations: Operations) -> None:
        self._store = parts.store
        self._operations = operations

    def get_context(self, call: Call) -> Value:
        """The experiment of one job."""
        return format_context(self._require(call.request["name"]))

    def list_contexts(self, call: Call) -> Value:
        """Experiments of the jobs of a place, newest first."""
        place, (store,) = parse_name(call.request["parent"], "metadataStores")
        self._check_store(f"{place}/metadataStores/{store}", store)
        return list_newest_first(
            call,
            "contexts",
            "Context",
            lambda before, limit: self._store.list_jobs_newest_first(
                "vertex", place.project, place.location, before, limit
            ),
            lambda job: format_context(job) if job.experiment_id else None,
        )

    def delete_context(self, call: Call) -> Value:
        """Forgets an experiment; its job shows none any more."""
        job = self._require(call.request["name"])
        place, _ = parse_name(call.request["name"], "metadataStores", "contexts")
        self._store.update_job(job.uid, experiment_id="")
        return self._operations.finish(call, place, str(place), "DeleteOperationMetadata")

    def query_context_lineage_subgraph(self, call: Call) -> Value:
        """An experiment's artifacts and executions: none, for the emulator keeps no lineage."""
        self._require(call.request["context"])
        return {}

    def _require(self, name: str) -> TuningJob:
        place, (store, identifier) = parse_name(name, "metadataStores", "contexts")
        full = f"{place}/metadataStores/{store}/contexts/{identifier}"
        self._check_store(f"{place}/metadataStores/{store}", store)
        job = self._store.get_job_by_experiment(place.project, place.location, identifier)
        if job is None:
            raise refuse(texts.CONTEXT_NOT_FOUND, name=full)
        return job

    def _check_store(self, name: str, store: str) -> None:
        if store != STORE:
            raise refuse(texts.METADATA_STORE_NOT_FOUND, name=name)

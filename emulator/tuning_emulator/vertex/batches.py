"""Batches of predictions: create, get, list, cancel, delete. What a running one does is in ``batch_lines``."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from tuning_emulator.api.call import Call
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.lifecycle import ENDED, IllegalTransitionError
from tuning_emulator.core.records import BatchAsked, BatchJob, Job, Progress
from tuning_emulator.facts import vertex_errors
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.pacing import answer_list, answer_read, count_shown, find_magic
from tuning_emulator.jobs.registry import MODEL_NAME, find_named_version
from tuning_emulator.protojson.masks import project
from tuning_emulator.schema.schema import Value
from tuning_emulator.vertex.batch_rules import ECHOED, check_request, find_prefix, list_uris
from tuning_emulator.vertex.convert import (
    Place,
    format_endpoint_name,
    format_failure,
    format_model_name,
    format_version_name,
    parse_name,
    parse_place,
    place_of,
)
from tuning_emulator.vertex.generation import ENDPOINT, PUBLISHED, Generation, Speaker
from tuning_emulator.vertex.listing import list_newest_first
from tuning_emulator.vertex.operations import Operations

KIND: Final = "vertex_batch"
COLLECTION = "batchPredictionJobs"
BASE_VERSION = "1"
"""``modelVersionId`` of a base model. Source: answers in docs.cloud.google.com …/batch-prediction-from-cloud-storage"""


def format_batch_name(job: Job) -> str:
    """``projects/…/locations/…/batchPredictionJobs/4752847832371691520``."""
    return f"{place_of(job)}/{COLLECTION}/{job.id}"


class BatchPredictionJobs:
    """``JobService``, as far as batches are concerned."""

    def __init__(self, backend: Backend, operations: Operations, generation: Generation) -> None:
        self._backend = backend
        self._store = backend.store
        self._operations = operations
        self._generation = generation

    def create_batch_prediction_job(self, call: Call) -> Value:
        """Checks what the service checks at once, and stores a PENDING job, which is tried at once (documented)."""
        backend, place = self._backend, parse_place(call.request["parent"])
        sent: Value = call.request.get("batch_prediction_job", {})
        check_request(sent, call.notes)
        shown, model, speaker = self._find_model(call, sent.get("model") or sent.get("endpoint", ""), place)
        magic = find_magic(KIND, sent["display_name"], sent.get("labels", {}))
        now_ns = backend.clock.timestamp_ns()
        echoed = {name: sent[name] for name in ECHOED if name in sent}
        echoed |= {"model": shown} if "model" in sent else {"endpoint": shown}
        made = BatchJob(
            uid=0,
            api=KIND,
            project=place.project,
            location=place.location,
            id=backend.ids.number(),
            api_version=call.version,
            created_ns=now_ns,
            progress=Progress(updated_ns=now_ns),
            owner=call.caller.principal,
            display_name=sent["display_name"],
            asked=BatchAsked(model, speaker.model.id, tuple(list_uris(sent)), find_prefix(sent), echoed),
        )
        made = self._store.insert_job(made)
        answer = self._describe(made)
        backend.queue.submit(made, magic)
        return answer

    def get_batch_prediction_job(self, call: Call) -> Value | Awaitable[Value]:
        """The job as it stands."""
        pacing = self._backend.queue.pacing
        return answer_read(call, pacing, lambda: self._require(call.request["name"]), self._describe)

    def list_batch_prediction_jobs(self, call: Call) -> Value | Awaitable[Value]:
        """Jobs of a place, newest first (recorded)."""
        return answer_list(call, self._backend.queue.pacing, lambda: self._list(call))

    def cancel_batch_prediction_job(self, call: Call) -> Value:
        """Asks a job to stop; the answer does not wait for it."""
        job = self._require(call.request["name"])
        try:
            self._backend.queue.cancel(job.uid)
        except IllegalTransitionError as error:
            raise vertex_errors.BATCH_ENDED(state=f"JOB_STATE_{job.progress.state.value}") from error
        return {}

    def delete_batch_prediction_job(self, call: Call) -> Value:
        """Forgets a job that has ended; its results stay where they are."""
        job = self._require(call.request["name"])
        if job.progress.state not in ENDED:
            raise vertex_errors.BATCH_NOT_ENDED(state=f"JOB_STATE_{job.progress.state.value}")
        self._backend.queue.forget(job.uid)
        place = place_of(job)
        return self._operations.finish(call, place, str(place), "DeleteOperationMetadata")

    # ------------------------------------------------------------ inside

    def _list(self, call: Call) -> Value:
        place, mask = parse_place(call.request["parent"]), call.request.get("read_mask") or ["*"]
        page = list_newest_first(
            call,
            "batch_prediction_jobs",
            "BatchPredictionJob",
            lambda before, limit: self._store.list_batches_newest_first(
                KIND, place.project, place.location, before, limit
            ),
            lambda job: self._describe(job) | {"model_display_name": self._name_model(job)},
            lambda job: count_shown(call, self._backend.queue.pacing, job.uid),
            special=("model_display_name",),
        )
        if "*" not in mask:
            page["batch_prediction_jobs"] = [project(one, mask) for one in page["batch_prediction_jobs"]]
        return page

    def _name_model(self, job: BatchJob) -> str:
        """What ``model_display_name`` of a filter is held against."""
        version = find_named_version(self._store, job.asked.model)
        return version.display_name if version else job.asked.base_model

    def _find_model(self, call: Call, name: str, place: Place) -> tuple[str, str, Speaker]:
        """The name that answers show, that of what is asked whatever becomes the default version, and what answers.

        Raises:
            ApiError: it is not there, or not for this place.
        """
        if (match := PUBLISHED.fullmatch(name)) is not None:
            speaker = self._generation.find_base(match["id"], place.project)
            if speaker is None:
                raise vertex_errors.BATCH_MODEL_NOT_FOUND(model=match["id"])
            published = f"publishers/google/models/{match['id']}"
            return published, published, speaker
        match = MODEL_NAME.fullmatch(name)
        if match is None:
            if ENDPOINT.fullmatch(name) is not None and "endpoint" not in call.request["batch_prediction_job"]:
                call.notes.append(f"batches name a tuned model, projects/…/models/ID, not its endpoint {name}")
            return self._find_endpoint(call, name, place)
        if place.location == "global":
            raise vertex_errors.BATCH_GLOBAL_TUNED()
        if (project_number(match["project"]), match["location"]) != (place.project, place.location):
            raise vertex_errors.BATCH_MODEL_ELSEWHERE(model=name, location=place.location)
        version = find_named_version(self._store, name)
        if version is None:
            raise vertex_errors.MODEL_NOT_FOUND(name=name)
        shown = format_model_name(version) + (f"@{match['of']}" if match["of"] else "")
        return shown, format_version_name(version), self._generation.find_tuned(name, version)

    def _find_endpoint(self, call: Call, name: str, place: Place) -> tuple[str, str, Speaker]:
        match = ENDPOINT.fullmatch(name)
        if match is None or "endpoint" not in call.request["batch_prediction_job"]:
            raise vertex_errors.MODEL_NAME_MALFORMED(name=name)
        if (project_number(match["project"]), match["location"]) != (place.project, place.location):
            raise vertex_errors.BATCH_MODEL_ELSEWHERE(model=name, location=place.location)
        shown = format_endpoint_name(place, match["id"])
        return shown, shown, self._generation.find_endpoint(name)

    def _describe(self, job: BatchJob) -> Value:
        version = find_named_version(self._store, job.asked.model)
        return format_batch(job, str(version.version) if version else BASE_VERSION)

    def _require(self, name: str) -> BatchJob:
        place, (identifier,) = parse_name(name, COLLECTION)
        job = self._store.get_batch(KIND, place.project, place.location, identifier)
        if job is None:
            raise vertex_errors.JOB_NOT_FOUND(kind="BatchPredictionJob")
        return job


def format_batch(job: BatchJob, version_id: str) -> Value:
    """The message of a job. What has come of it is shown at its end, and if nothing has, nothing is (recorded)."""
    progress = job.progress
    value: Value = {
        **job.asked.echoed,
        "name": format_batch_name(job),
        "state": f"JOB_STATE_{progress.state.value}",
        "create_time": job.created_ns,
        "start_time": progress.started_ns,
        "end_time": progress.ended_ns,
        "update_time": progress.updated_ns,
    }
    if "model" in value:
        value["model_version_id"] = version_id
    if progress.error is not None:
        value["error"] = format_failure(progress.error)
    if progress.state in ENDED and progress.completed_steps:
        value["output_info"] = {"gcs_output_directory": progress.output_directory}
        value["completion_stats"] = {
            "successful_count": progress.completed_steps - progress.failed_steps,
            "failed_count": progress.failed_steps,
            "incomplete_count": progress.total_steps - progress.completed_steps,
        }
    return value

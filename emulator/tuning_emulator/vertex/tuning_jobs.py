"""Tuning jobs: create, get, list, cancel, and rebasing a tuned model on another base model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tuning_emulator.api.call import Call
from tuning_emulator.core.as_of import Day
from tuning_emulator.core.lifecycle import IllegalTransitionError
from tuning_emulator.core.records import JobState, ModelVersion, Progress, TuningJob, TuningMethod
from tuning_emulator.core.rules import Violation
from tuning_emulator.datasets.check import check_first_line
from tuning_emulator.datasets.lines import DatasetError, dataset_form
from tuning_emulator.facts import emulator_errors, vertex_errors
from tuning_emulator.facts.base_models import find_base_model, list_base_models
from tuning_emulator.facts.create_fields import INERT_NAMES, JOB_INERT
from tuning_emulator.facts.request_fields import note_inert
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.pacing import answer_list, answer_read, count_shown, find_magic
from tuning_emulator.jobs.registry import find_checkpoint, find_named_version
from tuning_emulator.schema.schema import Value
from tuning_emulator.storage.objects import ObjectForbiddenError, ObjectStore, StorageError, StorageUnavailableError
from tuning_emulator.storage.sample_data import SAMPLE_BUCKET
from tuning_emulator.vertex.convert import (
    Place,
    describe_job,
    format_job_name,
    format_version_name,
    parse_name,
    parse_place,
)
from tuning_emulator.vertex.evaluation import FIELD, check_evaluation
from tuning_emulator.vertex.listing import find_only, list_newest_first
from tuning_emulator.vertex.operations import Operations
from tuning_emulator.vertex.rules import RULES, check_fields, check_model, refuse_violations
from tuning_emulator.vertex.specs import (
    METHODS,
    JobRequest,
    parse_echoed,
    read_asked,
    read_request,
)

# --- the part of a dataset that create looks at before it answers


def check_first_row(objects: Callable[[], ObjectStore], uri: str, method: TuningMethod, base_model: str) -> None:
    """Opens the object and, where the form of its lines is known, reads its first row. Blocks.

    How many rows the service reads is not known; row 0 is in every report.

    Raises:
        StorageError: it cannot be read.
        DatasetError: the row is no example. Its note says what the file is, where that is known.
    """
    lines = objects().lines(uri)
    form = dataset_form(method, base_model)
    if form is None:
        return
    try:
        check_first_line(lines, form)
    except DatasetError as error:
        from tuning_emulator.datasets.diagnosis import diagnose, peek_lines  # late: a good dataset needs none

        head, _ = peek_lines(objects().lines(uri))
        if (found := diagnose(head, "vertex", form, uri)) is not None:
            error.add_note(str(found))
        raise


SAMPLES = f"gs://{SAMPLE_BUCKET}/"


def find_rebase_target(wanted: Value, location: str, day: Day) -> str:
    """Base model of a rebase that names none: the newest of Google's that takes the spec there on that day.

    Which one the service takes is not documented; assumed.
    """
    method = read_request(wanted).method
    for model in list_base_models("vertex"):
        offered = day.offers(model.tunable_since, model.tunable_until)
        if method in model.tuning_methods and offered and location in (model.regions or (location,)):
            return model.id
    return ""


def merge_rebase(source: TuningJob, overrides: Value, location: str, day: Day) -> Value:
    """The tuning job that a rebase asks for: the source's, with what the request says differently.

    A oneof of the request (the spec, the source model) replaces the source's.
    """
    wanted = {name: value for name, value in parse_echoed(source.asked.echoed).items() if name != "pre_tuned_model"}
    if any(field in overrides for field in METHODS):
        wanted = {name: value for name, value in wanted.items() if name not in METHODS}
    wanted |= {"base_model": "", "tuned_model_display_name": source.display_name, **overrides}
    if "pre_tuned_model" in overrides:
        del wanted["base_model"]
    elif not wanted["base_model"]:
        wanted["base_model"] = find_rebase_target(wanted, location, day)
    return wanted


class TuningJobs:
    """``GenAiTuningService``."""

    def __init__(self, backend: Backend, operations: Operations) -> None:
        self._backend = backend
        self._store = backend.store
        self._operations = operations

    async def create_tuning_job(self, call: Call) -> Value:
        """Checks what the service checks at once and stores a PENDING job.

        The answer echoes what was sent, with name, display name, state and two equal times (recorded).
        """
        return describe_job(self._store, await self._create(call, call.request.get("tuning_job", {})))

    def get_tuning_job(self, call: Call) -> Value | Awaitable[Value]:
        """The job as it stands."""
        return answer_read(
            call,
            self._backend.queue.pacing,
            lambda: self._require(call.request["name"]),
            lambda job: describe_job(self._store, job),
        )

    def list_tuning_jobs(self, call: Call) -> Value | Awaitable[Value]:
        """Jobs of a place."""
        pacing = self._backend.queue.pacing
        return answer_list(call, pacing, lambda: self._list(call, parse_place(call.request["parent"])))

    def cancel_tuning_job(self, call: Call) -> Value:
        """Asks a job to stop; the answer does not wait for it."""
        job = self._require(call.request["name"])
        try:
            self._backend.queue.cancel(job.uid)
        except IllegalTransitionError as error:
            raise vertex_errors.JOB_ENDED(state=f"JOB_STATE_{job.progress.state.value}") from error
        return {}

    async def rebase_tuned_model(self, call: Call) -> Value:
        """Tunes another base model with the dataset of a tuned one; the operation ends with that job."""
        if call.request.get("deploy_to_same_endpoint"):
            raise emulator_errors.REBASE_SAME_ENDPOINT()
        source = self._find_source(call.request.get("tuned_model_ref", {}))
        overrides: Value = call.request.get("tuning_job", {})
        place = parse_place(call.request["parent"])
        day = self._backend.calendar.find_day(place.project)
        job = await self._create(call, merge_rebase(source, overrides, place.location, day))
        return self._operations.follow(call, job, "RebaseTunedModelOperationMetadata")

    # ------------------------------------------------------------ inside

    def _list(self, call: Call, place: Place) -> Value:
        only = find_only(call)
        if only is not None and self._backend.queue.pacing.go_by_reads():
            only = None  # whoever lists by state until it is there must bring on the jobs that are not there yet
        return list_newest_first(
            call,
            "tuning_jobs",
            "TuningJob",
            lambda before, limit: self._store.list_jobs_newest_first(
                "vertex", place.project, place.location, before, limit, only
            ),
            lambda job: describe_job(self._store, job),
            lambda job: count_shown(call, self._backend.queue.pacing, job.uid),
        )

    async def _create(self, call: Call, tuning_job: Value) -> TuningJob:
        backend, place, request = self._backend, parse_place(call.request["parent"]), read_request(tuning_job)
        check_fields(RULES, request)
        source = self._find_pre_tuned(request) if request.continues else None
        base_model = source.base_model if source else request.base_model
        day = backend.calendar.find_day(place.project)
        model = find_base_model("vertex", base_model)
        check_model(request, model, base_model, place.location, day)
        if FIELD in request.spec:
            check_evaluation(request, model, place.location, call.notes)
        if model is not None:
            backend.note_retired(model, day, tuning=True)
        if source is None:  # what a tuned model was tuned on may be another
            backend.refuse_untunable(base_model)
        if request.tuned_teacher and find_named_version(self._store, request.tuned_teacher) is None:
            raise vertex_errors.PRE_TUNED_MODEL_NOT_FOUND(name=request.tuned_teacher)
        await self._check_datasets(request, base_model, call.notes)
        job = request.job
        if INERT_NAMES & (job.keys() | request.spec.keys()):
            note_inert(job, call.notes, JOB_INERT)
        name, labels = job.get("tuned_model_display_name", ""), job.get("labels", {})
        magic = find_magic("vertex", name, labels)
        now_ns = backend.clock.timestamp_ns()
        default_name = source.display_name if source else f"{base_model}-{backend.ids.uuid()}"
        made = TuningJob(
            uid=0,
            api="vertex",
            project=place.project,
            location=place.location,
            id=backend.ids.number(),
            api_version=call.version,
            operation_id="",
            created_ns=now_ns,
            asked=read_asked(request, base_model, format_version_name(source) if source else ""),
            progress=Progress(updated_ns=now_ns),
            owner=call.caller.principal,
            display_name=name or default_name,
            description=job.get("description", ""),
        )
        made = self._store.insert_job(made)
        backend.queue.submit(made, magic)
        return made

    def _find_pre_tuned(self, request: JobRequest) -> ModelVersion:
        """The tuned model that a job continues from.

        Raises:
            ApiError: it, or the checkpoint that is asked for, does not exist.
        """
        named: Value = request.job["pre_tuned_model"]
        name = named["tuned_model_name"]
        version = find_named_version(self._store, name)
        if version is None:
            raise vertex_errors.PRE_TUNED_MODEL_NOT_FOUND(name=name)
        wanted = named.get("checkpoint_id", "")
        if find_checkpoint(self._store, version, wanted) is None:
            saved = [one.id for one in self._store.list_checkpoints(version.job_uid)]
            raise vertex_errors.CHECKPOINT_NOT_FOUND(id=wanted, known=", ".join(saved))
        return version

    async def _check_datasets(self, request: JobRequest, base_model: str, notes: list[str]) -> None:
        """Whether the datasets are there, and whether the first row of the training set is an example.

        Args:
            notes: Get what is to be known of where they come from.
        """
        found: list[Violation] = []
        datasets = {request.training_field: request.training_uri, "validation_dataset_uri": request.validation_uri}
        for field, uri in datasets.items():
            if not uri.startswith("gs://"):
                continue  # a multimodal dataset, or none
            try:
                if uri.startswith(SAMPLES):
                    await self._note_origin(uri, notes)
                await asyncio.to_thread(check_first_row, self._backend.objects, uri, request.method, base_model)
            except DatasetError as error:
                notes += getattr(error, "__notes__", [])
                raise
            except ObjectForbiddenError:
                continue  # reported to come "minutes into the job"
            except StorageUnavailableError as error:
                raise emulator_errors.STORAGE_UNAVAILABLE(reason=error) from error
            except StorageError as error:  # it is not there, or its first line is endless
                await self._note_origin(uri, notes)
                notes.append(f"{field}: {error}")
                found.append(Violation(vertex_errors.NOT_JSONL_OBJECT, {"field": field}, request.path(field)))
        if found:
            refuse_violations(found)

    async def _note_origin(self, uri: str, notes: list[str]) -> None:
        """Adds what a developer should know of where a dataset comes from, or of why it is not there."""
        try:
            hint = await asyncio.to_thread(self._backend.objects().hint, uri)
        except StorageError:  # no name of an object
            return
        notes += [hint] if hint and hint not in notes else []

    def _find_source(self, reference: Value) -> TuningJob:
        """The job behind what a rebase names: a tuned model or a tuning job."""
        name = reference.get("tuning_job") or reference.get("tuned_model") or reference.get("pipeline_job") or ""
        if "tuning_job" in reference:
            job: TuningJob | None = self._require(name)
        else:
            version = find_named_version(self._store, name)
            job = self._store.get_job_by_uid(version.job_uid) if version else None
        if job is None:
            raise vertex_errors.REBASE_SOURCE_NOT_FOUND(name=name)
        if job.progress.state is not JobState.SUCCEEDED:
            raise vertex_errors.REBASE_NOT_TRAINED(name=format_job_name(job))
        return job

    def _require(self, name: str) -> TuningJob:
        place, (identifier,) = parse_name(name, "tuningJobs")
        job = self._store.get_job("vertex", place.project, place.location, identifier)
        if job is None:
            raise vertex_errors.JOB_NOT_FOUND(kind="TuningJob")
        return job

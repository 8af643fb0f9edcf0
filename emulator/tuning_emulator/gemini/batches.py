"""Batches of requests for content: create, get, list, cancel, delete, and what a running one means to the Gemini API.

A batch is a long-running operation; what is known of it is in the metadata.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from tuning_emulator.api.call import Api, Call, Caller
from tuning_emulator.api.operations import build_any, build_operation, build_status
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.core.job_control import FaultKind, JobFault
from tuning_emulator.core.lifecycle import ENDED, IllegalTransitionError
from tuning_emulator.core.records import BatchAsked, BatchJob, Job, JobState, Progress
from tuning_emulator.core.rules import Breaches, Rule, Values
from tuning_emulator.facts import emulator_errors, gemini_errors
from tuning_emulator.facts.limits import GEMINI_TUNED_MODELS_PAGE_DEFAULT
from tuning_emulator.gemini.convert import PACKAGE, parse_last_segment
from tuning_emulator.gemini.generation import Generation
from tuning_emulator.gemini.listing import read_page
from tuning_emulator.gemini.rules import check_fields
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.batch_files import Result, read_results
from tuning_emulator.jobs.caching import Caches
from tuning_emulator.jobs.pacing import answer_list, answer_read, count_shown, find_magic
from tuning_emulator.jobs.tuning_api import Stage
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.schema.schema import Value
from tuning_emulator.store.store import NEWEST

KIND: Final = "gemini_batch"
COLLECTION = "batches"
ID_LENGTH = 36
"""Recorded: ``batches/tti3ik8qob66dxcvynlg5swnutyntbi926ac``."""

_TYPES = f"{PACKAGE}.v1main"
"""Of what an operation holds, whatever version it is asked through: see ``schema.find_declared``."""

_MESSAGES = f"{PACKAGE}.v1beta"
_INERT = ("priority", "webhook_config")


def is_batch(name: str) -> bool:
    """Whether an operation, or a list of them, is of batches."""
    return name == COLLECTION or name.startswith(f"{COLLECTION}/")


def format_batch_name(job: Job) -> str:
    """``batches/{id}``."""
    return f"{COLLECTION}/{job.id}"


class Batches:
    """``BatchService``, and ``batches`` as operations.

    Args:
        codec: Of this API's messages.
    """

    def __init__(self, backend: Backend, generation: Generation, codec: Codec) -> None:
        self._backend = backend
        self._store = backend.store
        self._generation = generation
        self._codec = codec

    def batch_generate_content(self, call: Call) -> Value:
        """Checks what can be said at once, and stores a PENDING batch; its requests are checked when they are asked."""
        backend, batch = self._backend, call.request.get("batch") or {}
        model = str(batch.get("model", ""))
        base = self._generation.find_base(call, model, "batchGenerateContent")
        check_fields(RULES, batch)
        if (name := batch["input_config"].get("file_name")) is not None:
            raise emulator_errors.BATCH_FILE(name=name)
        call.notes += [f"batch.{name} has no effect here" for name in _INERT if batch.get(name)]
        requests = batch["input_config"]["requests"]["requests"]
        lines = [json.dumps(self._codec.to_json(one, f"{_MESSAGES}.InlinedRequest")) for one in requests]
        title = batch.get("display_name", "")
        magic = find_magic(KIND, title, {})
        now_ns = backend.clock.timestamp_ns()
        made = BatchJob(
            uid=0,
            api=KIND,
            project=call.caller.project,
            location="",
            id=backend.ids.base36(ID_LENGTH),
            api_version=call.version,
            created_ns=now_ns,
            progress=Progress(updated_ns=now_ns, total_steps=len(lines)),
            owner=call.caller.principal,
            display_name=title,
            asked=BatchAsked(model, base.id, echoed={name: batch[name] for name in _INERT if name in batch}),
        )
        with self._store.transaction():
            made = self._store.insert_job(made)
            self._store.put_inline_dataset(made.uid, "".join(f"{line}\n" for line in lines))
        answer = self._format(made)
        backend.queue.submit(made, magic)
        return answer

    def get_batch(self, call: Call) -> Value | Awaitable[Value]:
        """The batch as it stands, with its results at its end."""
        return answer_read(call, self._backend.queue.pacing, lambda: self._find(call), self._format)

    def list_batches(self, call: Call) -> Value | Awaitable[Value]:
        """The batches of the caller's project, newest first (assumed)."""
        return answer_list(call, self._backend.queue.pacing, lambda: self._list(call))

    def cancel_batch(self, call: Call) -> Value:
        """Asks a batch to stop. For one that has ended nothing happens: cancelling is best effort."""
        with suppress(IllegalTransitionError):
            self._backend.queue.cancel(self._find(call).uid)
        return {}

    def delete_batch(self, call: Call) -> Value:
        """Forgets a batch with its results."""
        self._backend.queue.forget(self._find(call).uid)
        return {}

    async def wait_for_batch(self, call: Call) -> Value:
        """The batch once it has ended, or as it stands when the time is up."""
        job, timeout_ns = self._find(call), call.request.get("timeout")
        count_shown(call, self._backend.queue.pacing, job.uid)
        await self._backend.queue.wait_until_ended(job.uid, None if timeout_ns is None else timeout_ns / 1e9)
        return self._format(self._find(call))

    # ------------------------------------------------------------ inside

    def _list(self, call: Call) -> Value:
        if call.request.get("filter"):
            raise gemini_errors.NOT_IMPLEMENTED()
        page = read_page(call.request, GEMINI_TUNED_MODELS_PAGE_DEFAULT, list=COLLECTION)
        found = self._store.list_batches_newest_first(
            KIND, call.caller.project, "", page.start or NEWEST, page.size + 1
        )
        shown = found[: page.size]
        operations = [self._format(job) for job in shown]
        for job in shown:
            count_shown(call, self._backend.queue.pacing, job.uid)
        token = page.format_token(shown[-1].uid) if len(found) > page.size else ""
        return {"operations": operations, "next_page_token": token}

    def _find(self, call: Call) -> BatchJob:
        job = self._store.get_batch(KIND, call.caller.project, "", parse_last_segment(call.request["name"]))
        if job is None:
            raise gemini_errors.BATCH_NOT_FOUND()
        return job

    def _format(self, job: BatchJob) -> Value:
        state, failure, output = job.progress.state, job.progress.error, None
        error = None
        if state is JobState.SUCCEEDED:
            output = self._read_output(self._backend.queue.find_directory(job))
        elif state is JobState.CANCELLED:
            error = gemini_errors.BATCH_CANCELLED()
        elif state in ENDED and failure is not None:
            error = ApiError(Code(failure.code), failure.message)
        metadata = build_any(f"{_TYPES}.GenerateContentBatch", format_batch(job, output))
        response = build_any(f"{_TYPES}.GenerateContentBatchOutput", output) if output is not None else None
        return build_operation(format_batch_name(job), metadata, response=response, error=error)

    def _read_output(self, directory: Path) -> Value:
        message = f"{_MESSAGES}.InlinedResponse"
        results = [self._codec.parse(json.dumps(one).encode(), message) for one in read_results(directory)]
        return {"inlined_responses": {"inlined_responses": results}}


def format_batch(job: BatchJob, output: Value | None) -> Value:
    """The message of a batch."""
    progress = job.progress
    pending = progress.total_steps - progress.completed_steps
    value: Value = {
        **job.asked.echoed,
        "model": job.asked.model,
        "display_name": job.display_name,
        "create_time": job.created_ns,
        "end_time": progress.ended_ns,
        "update_time": progress.updated_ns,
        "batch_stats": {
            "request_count": progress.total_steps,
            "successful_request_count": progress.completed_steps - progress.failed_steps,
            "failed_request_count": progress.failed_steps,
            "pending_request_count": pending,
        },
        "state": f"BATCH_STATE_{_STATES.get(progress.state, progress.state)}",
        "name": format_batch_name(job),
    }
    if output is not None:
        value["output"] = output
    return value


_STATES = {JobState.CANCELLING: JobState.RUNNING}
"""There is no state for a batch that is about to stop."""


# --- what is refused at once


def _list_requests(batch: Value) -> list[Value]:
    return list(((batch.get("input_config") or {}).get("requests") or {}).get("requests", ()))


def _has_no_requests(batch: Value) -> bool:
    config = batch.get("input_config") or {}
    return bool(config) and "file_name" not in config and not _list_requests(batch)


def _find_missing(batch: Value) -> Breaches:
    return [{"index": index} for index, one in enumerate(_list_requests(batch)) if "request" not in one]


def _find_strangers(batch: Value) -> list[Values]:
    models = [one.get("request", {}).get("model", "") for one in _list_requests(batch)]
    return [{"index": index, "model": one} for index, one in enumerate(models) if one not in ("", batch["model"])]


RULES: tuple[Rule[Value], ...] = (
    Rule(gemini_errors.BATCH_INPUT_MISSING, lambda batch: not batch.get("input_config")),
    Rule(gemini_errors.BATCH_REQUESTS_EMPTY, _has_no_requests),
    Rule(gemini_errors.BATCH_REQUEST_MISSING, _find_missing),
    Rule(gemini_errors.BATCH_OTHER_MODEL, _find_strangers),
)


class GeminiBatches:
    """See ``BatchApi``.

    Args:
        api: The Gemini API as it is served.
    """

    stages = frozenset({Stage.PENDING, Stage.RUNNING, Stage.CANCELLING})

    def __init__(self, backend: Backend, api: Api) -> None:
        self._backend = backend
        self._api = api
        self._generation = Generation(backend, Caches(backend, PACKAGE))
        self._codec = Codec(api.schemas.values())

    def format_name(self, job: Job) -> str:
        """See ``JobApi``."""
        return format_batch_name(job)

    def explain(self, fault: JobFault) -> ApiError:
        """See ``JobApi``."""
        if fault.kind is FaultKind.QUOTA_EXHAUSTED:
            return gemini_errors.GEMINI_EXHAUSTED()
        if fault.kind is FaultKind.DATASET_REJECTED:
            return gemini_errors.BATCH_REQUEST_MISSING(index=fault.at - 1)
        return gemini_errors.GEMINI_INTERNAL()

    def name_output(self, job: BatchJob) -> str:  # noqa: ARG002 as the other API's
        """Nowhere: results are in the operation."""
        return ""

    def has_failed(self, result: Result) -> bool:
        """Whether it is an error."""
        return "error" in result

    async def answer(self, job: BatchJob, request: bytes) -> Result:
        """See ``BatchApi``."""
        line = json.loads(request)
        result: Result = {"metadata": line["metadata"]} if "metadata" in line else {}
        try:
            return result | {"response": await self._ask(job, line["request"])}
        except ApiError as error:
            return result | {"error": build_status(error)}

    async def _ask(self, job: BatchJob, asked: Any) -> dict[str, Any]:
        version = job.api_version
        messages = f"{PACKAGE}.{version}"
        request = self._codec.parse(json.dumps(asked).encode(), f"{messages}.GenerateContentRequest")
        schema = self._api.schemas[version]
        method = schema.methods[f"{messages}.GenerativeService.GenerateContent"]
        caller = Caller(job.owner, job.project, "key")
        call = Call(self._api, schema, version, method, {**request, "model": job.asked.model}, caller)
        response = await self._generation.generate_content(call)
        return self._codec.to_json(response, f"{messages}.GenerateContentResponse")

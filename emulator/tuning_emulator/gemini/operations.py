"""Operations of tuned models: each follows its job; there is no row of its own."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress

from tuning_emulator.api.call import Call
from tuning_emulator.core.lifecycle import IllegalTransitionError
from tuning_emulator.core.records import TuningJob
from tuning_emulator.facts import gemini_errors
from tuning_emulator.facts.limits import GEMINI_TUNED_MODELS_PAGE_DEFAULT
from tuning_emulator.gemini.batches import Batches, is_batch
from tuning_emulator.gemini.convert import format_operation, parse_last_segment, parse_tuned_model_name
from tuning_emulator.gemini.listing import list_jobs, read_page
from tuning_emulator.gemini.permissions import Role, find_tuned_model, holds
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.pacing import answer_list, answer_read, count_shown
from tuning_emulator.schema.schema import Value

ALL = "operations"
"""The name that v1's ``GET /v1/operations`` lists: those of every tuned model of the caller."""


class Operations:
    """``tunedModels/*/operations``, and ``batches``, which are operations themselves."""

    def __init__(self, backend: Backend, batches: Batches) -> None:
        self._queue = backend.queue
        self._store = backend.store
        self._batches = batches

    def get_operation(self, call: Call) -> Value | Awaitable[Value]:
        """Progress or result of a create."""
        if is_batch(call.request.get("name", "")):
            return self._batches.get_batch(call)
        return answer_read(call, self._queue.pacing, lambda: self._find(call, "READER"), self._format)

    def list_operations(self, call: Call) -> Value | Awaitable[Value]:
        """Operations below a tuned model (it has one), or all of the caller's."""
        if is_batch(call.request.get("name", "")):
            return self._batches.list_batches(call)
        return answer_list(call, self._queue.pacing, lambda: self._list(call))

    def _list(self, call: Call) -> Value:
        name = call.request.get("name", "") or ALL
        if name != ALL:
            job = find_tuned_model(self._store, name, call.caller)
            return {"operations": self._show(call, [job] if job.operation_id else [])}
        return self._list_all(call)

    def cancel_operation(self, call: Call) -> Value:
        """Asks the job to stop. For one that has ended nothing happens: cancelling is best effort."""
        if is_batch(call.request.get("name", "")):
            return self._batches.cancel_batch(call)
        job = self._find(call, "WRITER")
        with suppress(IllegalTransitionError):
            self._queue.cancel(job.uid)
        return {}

    def delete_operation(self, call: Call) -> Value:
        """Of a tuned model not implemented, says the service."""
        if is_batch(call.request.get("name", "")):
            return self._batches.delete_batch(call)
        raise gemini_errors.NOT_IMPLEMENTED()

    async def wait_operation(self, call: Call) -> Value:
        """The operation once it is done, or as it stands when the time is up (google/longrunning/operations.proto)."""
        if is_batch(call.request.get("name", "")):
            return await self._batches.wait_for_batch(call)
        job = self._find(call, "READER")
        count_shown(call, self._queue.pacing, job.uid)
        timeout_ns = call.request.get("timeout")
        ended = await self._queue.wait_until_ended(job.uid, None if timeout_ns is None else timeout_ns / 1e9)
        if not isinstance(ended, TuningJob):
            raise gemini_errors.ENTITY_NOT_FOUND()
        return self._format(ended)

    def _list_all(self, call: Call) -> Value:
        def is_wanted(job: TuningJob) -> bool:
            return holds(job, self._store.list_permissions(job.uid), call.caller, "READER")

        page = read_page(call.request, GEMINI_TUNED_MODELS_PAGE_DEFAULT, list=ALL)
        jobs, token = list_jobs(self._store, page, call.caller.principal, is_wanted)
        return {"operations": self._show(call, jobs), "next_page_token": token}

    def _show(self, call: Call, jobs: list[TuningJob]) -> list[Value]:
        shown = [self._format(job) for job in jobs]
        for job in jobs:
            count_shown(call, self._queue.pacing, job.uid)
        return shown

    def _find(self, call: Call, role: Role) -> TuningJob:
        name = call.request["name"]
        job = self._store.get_tuned_model(parse_tuned_model_name(name))
        if job is None or job.operation_id != parse_last_segment(name):
            raise gemini_errors.ENTITY_NOT_FOUND()
        return find_tuned_model(self._store, name, call.caller, role)

    def _format(self, job: TuningJob) -> Value:
        return format_operation(job, self._store.list_metric_points(job.uid))

"""Tuned models: create, get, list, update, delete."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Any

from tuning_emulator.api.call import Call
from tuning_emulator.core.records import TuningJob
from tuning_emulator.facts import gemini_errors
from tuning_emulator.facts.base_models import find_base_model
from tuning_emulator.facts.limits import GEMINI_TUNED_MODELS_PAGE_DEFAULT
from tuning_emulator.gemini.base_models import find_max_temperature
from tuning_emulator.gemini.convert import format_operation, format_tuned_model
from tuning_emulator.gemini.create import FIELD_RULES, Creation, TunedFields
from tuning_emulator.gemini.listing import list_jobs, parse_search, read_page
from tuning_emulator.gemini.permissions import find_tuned_model
from tuning_emulator.gemini.rules import check_fields
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.pacing import answer_list, answer_read, count_shown
from tuning_emulator.protojson.masks import MaskError, check_mask, project
from tuning_emulator.schema.schema import Schema, Value

UPDATABLE: dict[str, Any] = {
    "display_name": "",
    "description": "",
    "temperature": None,
    "top_p": None,
    "top_k": None,
    "reader_project_numbers": (),
}
"""Fields that update changes, and what each becomes when the mask names it and the body has it not.

The first two are recorded; that the others can be updated is assumed: nothing marks them output only or immutable.
"""

OUTPUT_ONLY = frozenset(("name", "state", "create_time", "update_time"))
"""Ignored in a mask. Source: google.aip.dev/161."""


class TunedModels:
    """``tunedModels``."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._store = backend.store
        self._creation = Creation(backend)

    def create_tuned_model(self, call: Call) -> Value:
        """Stores a tuning job and answers its operation, never a finished one (recorded)."""
        return format_operation(self._creation.create(call), [])

    def get_tuned_model(self, call: Call) -> Value | Awaitable[Value]:
        """One tuned model, with the snapshots so far."""
        name, pacing = call.request["name"], self._backend.queue.pacing
        return answer_read(call, pacing, lambda: find_tuned_model(self._store, name, call.caller), self._format)

    def list_tuned_models(self, call: Call) -> Value | Awaitable[Value]:
        """The caller's tuned models, oldest first (recorded)."""
        return answer_list(call, self._backend.queue.pacing, lambda: self._list(call))

    def _list(self, call: Call) -> Value:
        search = parse_search(call.request.get("filter", ""))
        query = {"list": "tunedModels", "filter": call.request.get("filter", "")}
        page = read_page(call.request, GEMINI_TUNED_MODELS_PAGE_DEFAULT, **query)

        def is_wanted(job: TuningJob) -> bool:
            return search.matches(job, self._store.list_permissions(job.uid), call.caller)

        jobs, token = list_jobs(self._store, page, call.caller.principal, is_wanted)
        shown = [self._format(job) for job in jobs]
        for job in jobs:
            count_shown(call, self._backend.queue.pacing, job.uid)
        return {"tuned_models": shown, "next_page_token": token}

    def update_tuned_model(self, call: Call) -> Value:
        """Changes the masked fields and answers those alone (recorded); the update time stays (recorded)."""
        model: Value = call.request["tuned_model"]
        job = find_tuned_model(self._store, model["name"], call.caller, "WRITER")
        mask = _read_mask(call.request.get("update_mask", []), model, call.schema)
        limit = find_max_temperature(find_base_model("gemini", job.asked.base_model))
        written = {name: model[name] for name in mask if name in model}
        check_fields(FIELD_RULES, TunedFields(written, limit), request="UpdateTunedModelRequest")
        changes = {name: UPDATABLE[name] if model.get(name) is None else model[name] for name in mask}
        if "reader_project_numbers" in changes:
            changes["reader_project_numbers"] = tuple(changes["reader_project_numbers"])
        return project(format_tuned_model(self._store.update_job(job.uid, **changes), []), mask) if mask else {}

    def delete_tuned_model(self, call: Call) -> Value:
        """Deletes a tuned model; a job that still runs is stopped first (assumed)."""
        job = find_tuned_model(self._store, call.request["name"], call.caller, "OWNER")
        self._backend.queue.forget(job.uid)
        return {}

    def _format(self, job: TuningJob) -> Value:
        return format_tuned_model(job, self._store.list_metric_points(job.uid))


def _read_mask(mask: Iterable[str], model: Value, schema: Schema) -> list[str]:
    """The fields to change: those of the mask, all for ``*``, those in the body without a mask (recorded).

    Raises:
        ApiError: INVALID_ARGUMENT, a path that is no field or cannot be changed.
    """
    paths = list(mask)
    if paths == ["*"]:
        return list(UPDATABLE)
    if not paths:
        return [name for name in UPDATABLE if name in model]
    try:
        check_mask(paths, schema.message("TunedModel"), schema.messages)
    except MaskError as error:
        raise gemini_errors.MASK_PATH(path=error) from error
    for path in paths:
        if path not in UPDATABLE and path not in OUTPUT_ONLY:
            raise gemini_errors.MASK_FIELD(path=path)
    return [path for path in paths if path in UPDATABLE]

"""Why Vertex AI has not what was asked for, and where it is: hints for the log and the journal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tuning_emulator.api.call import Call
from tuning_emulator.api.clients import GENAI, Client, read_client
from tuning_emulator.core.as_of import Day, explain_day
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.records import TuningMethod
from tuning_emulator.facts import vertex_errors
from tuning_emulator.facts.base_models import find_base_model, list_base_models
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.store.store import Store
from tuning_emulator.vertex.specs import read_request

_RESOURCE = re.compile(
    r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/"
    r"(?P<kind>models|endpoints|tuningJobs|batchPredictionJobs)/(?P<id>[^/:@]+)"
)
_MISSING = frozenset(
    row.name
    for row in (
        vertex_errors.PREDICTION_ENDPOINT_NOT_FOUND,
        vertex_errors.ENDPOINT_NOT_FOUND,
        vertex_errors.MODEL_NOT_FOUND,
        vertex_errors.PRE_TUNED_MODEL_NOT_FOUND,
        vertex_errors.JOB_NOT_FOUND,
        vertex_errors.LOCATION_MISMATCH,
        vertex_errors.BATCH_MODEL_ELSEWHERE,
    )
)
_UNSERVED = (vertex_errors.PUBLISHER_MODEL_NOT_FOUND.name, vertex_errors.BATCH_MODEL_NOT_FOUND.name)
_KINDS = {
    "models": "model",
    "endpoints": "endpoint",
    "tuningJobs": "tuning job",
    "batchPredictionJobs": "batch prediction job",
}
_LOCATE = {
    ("model-builder", "python"): 'vertexai.init(location="{0}")',
    (GENAI, "python"): 'Client(…, location="{0}")',
    (GENAI, "node"): "new GoogleGenAI({{…, location: '{0}'}})",
    (GENAI, "go"): 'genai.ClientConfig{{Location: "{0}"}}',
    (GENAI, "java"): 'Client.builder().location("{0}")',
}
"""How a client is told of a location, by library and language."""


class Hints:
    """Explains refusals, beyond what the service says."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __call__(self, call: Call, error: ApiError) -> Iterator[str]:
        """Hints about one refusal."""
        if call.caller.kind == "key" and error.rule == vertex_errors.PREDICTION_ENDPOINT_NOT_FOUND.name:
            yield "express mode (an API key in place of project and token) asks base models alone; bring a token"
        elif error.rule in _MISSING:
            yield from self._find_elsewhere(call)
        elif error.rule == vertex_errors.BASE_MODEL_NOT_SUPPORTED.name:
            yield from self._explain_base_model(call)
        elif error.rule in _UNSERVED:
            name = next((name for name in _list_names(call.request) if "publishers/" in name), "")
            yield from _explain_served(name.rpartition("/")[2], self._find_day(call.request.get("parent") or name))

    # ------------------------------------------------------------ inside

    def _find_elsewhere(self, call: Call) -> Iterator[str]:
        for name in _list_names(call.request):
            if (match := _RESOURCE.match(name)) is not None:
                yield from _locate(self._backend.store, match, read_client(call.headers))

    def _explain_base_model(self, call: Call) -> Iterator[str]:
        sent = call.request.get("tuning_job", {})
        asked, day = read_request(sent), self._find_day(call.request.get("parent", ""))
        model = find_base_model("vertex", asked.base_model)
        if model is None:
            yield from _suggest(asked.base_model, [one.id for one in list_base_models("vertex") if one.tunable])
        elif not day.offers(model.tunable_since, model.tunable_until):
            yield explain_day(model.id, "tuned", model.tunable_since, model.tunable_until, day)
        elif asked.method not in model.tuning_methods:
            others = _list_tunable(asked.method, day)
            taken = ", ".join(model.tuning_methods) or "no tuning at all"
            yield f"{model.id} takes {taken}; {asked.method.value} tuning is offered for {', '.join(others) or 'none'}"

    def _find_day(self, name: str) -> Day:
        found = re.match(r"projects/([^/]+)", name)
        return self._backend.calendar.find_day(project_number(found[1]) if found else "")


def _list_names(value: Any) -> Iterator[str]:
    """Every resource name in a request, however deep."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _list_names(inner)
    elif isinstance(value, str) and value.startswith(("projects/", "publishers/")):
        yield value


def _locate(store: Store, match: re.Match[str], client: Client) -> Iterator[str]:
    """Where something of that number is, if not where it was asked for."""
    number, kind, identifier = project_number(match["project"]), match["kind"], match["id"]
    found = store.find_places(identifier)
    same = [(project, location) for one, project, location in found if one == kind]
    for project, location in same:
        what = f"this {_KINDS[kind]} {identifier}"
        told = _LOCATE.get((client.library, client.language), "ask locations/{0}").format(location)
        if project != number:
            yield f"{what} is project {project}'s"
        elif location != match["location"]:
            yield f"{what} lives in `{location}`, its base model's home, not in `{match['location']}`: {told}"
        else:
            yield f"{what} lives in `{location}`, its base model's home, and this host serves another location: {told}"
    if not same:
        for one, project, location in found:
            yield f"{identifier} is a {_KINDS[one]} of projects/{project}/locations/{location}, no {_KINDS[kind]}"


def _explain_served(identifier: str, day: Day) -> Iterator[str]:
    model = find_base_model("vertex", identifier.partition("@")[0])
    if model is not None:
        yield explain_day(model.id, "asked", model.since, model.until, day)
    else:
        yield from _suggest(identifier, [one.id for one in list_base_models("vertex")])


def _list_tunable(method: TuningMethod, day: Day) -> list[str]:
    return [
        model.id
        for model in list_base_models("vertex")
        if method in model.tuning_methods and day.offers(model.tunable_since, model.tunable_until)
    ]


def _suggest(name: str, known: list[str]) -> Iterator[str]:
    from difflib import get_close_matches  # of no use to requests that are granted

    plain = name.rpartition("/")[2]
    close: list[str] = get_close_matches(plain, known, 3, 0.5)
    if close:
        yield f"no base model is called {plain!r}; near are {', '.join(close)}"

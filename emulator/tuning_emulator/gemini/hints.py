"""Why the Gemini API refuses, beyond what it says: hints for the log and the journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tuning_emulator.api.call import Call
from tuning_emulator.api.clients import GENAI, Client, read_client
from tuning_emulator.core.as_of import explain_day
from tuning_emulator.core.errors import ApiError
from tuning_emulator.facts import gemini_errors
from tuning_emulator.facts.base_models import find_base_model, list_base_models
from tuning_emulator.jobs.backend import Backend

_DROPPED: Mapping[str, tuple[tuple[int, ...], str, str]] = {
    "python": (
        (1, 47),
        "google-genai 1.47 and newer drop it",
        "send the request yourself, use google-genai 1.46, or set default_dataset",
    ),
    "go": (
        (1, 33),
        "google.golang.org/genai 1.33 and newer drop it",
        "bring it with CreateTuningJobConfig.HTTPOptions.ExtraBody, or set default_dataset",
    ),
    "java": ((), "google-genai for Java 1.28 to 2.2 drops it", "send the request yourself, or set default_dataset"),
    "node": ((), "@google/genai (seen in 2.32) drops it", "send the request yourself, or set default_dataset"),
}
"""By language: the first version of google-genai that leaves examples out in Gemini mode (() where none is known that
sent them), the words for it, and what helps.

Source: the clients' tags (Python 1.46.0 and 1.47.0, Go 1.18 to 1.33); recorded requests of Python 1.75 to 3.4, Node
2.32, Go 1.31 and 1.77, Java 1.28 and 2.2.
"""


def explain_missing_data(headers: Mapping[str, str]) -> str:
    """Where the examples of a create without any have gone, in the caller's language."""
    client = read_client(headers)
    said = "a create of a tuned model brought no training data"
    dropped = _DROPPED.get(client.language) if client.library == GENAI else None
    if dropped is not None and (not client.numbers or client.numbers >= dropped[0]):
        return f"{said}; {dropped[1]} in Gemini mode: {dropped[2]}"
    place = f"it goes to tuningTask.trainingData.examples{_name_sender(client)}"
    return f"{said}: {place}; default_dataset can stand in for it"


def _name_sender(client: Client) -> str:
    sends = client.library == GENAI and client.language in ("python", "go")
    return f", which google-genai {client.version} sends where the program gives some" if sends else ""


class Hints:
    """Explains refusals."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __call__(self, call: Call, error: ApiError) -> Iterator[str]:
        """Hints about one refusal."""
        day = self._backend.find_day(call.caller)
        if error.rule == gemini_errors.BASE_MODEL_NOT_TUNABLE.name:
            identifier = str(call.request.get("tuned_model", {}).get("base_model", "")).removeprefix("models/")
            model = find_base_model("gemini", identifier)
            if model is not None and model.tunable:
                yield explain_day(model.id, "tuned", model.tunable_since, model.tunable_until, day)
            else:
                offered = [one for one in list_base_models("gemini") if one.tunable]
                tunable = [one.id for one in offered if day.offers(one.tunable_since, one.tunable_until)]
                yield f"the base models that can be tuned are {', '.join(tunable) or 'none any more'}"
        elif error.rule == gemini_errors.MODEL_NOT_FOUND.name:
            identifier = str(call.request.get("name") or call.request.get("model", "")).removeprefix("models/")
            model = find_base_model("gemini", identifier)
            if model is not None:
                yield explain_day(model.id, "asked", model.since, model.until, day)

"""Publishers' models: the base models that Vertex AI offers."""

from __future__ import annotations

from tuning_emulator.api.call import Call
from tuning_emulator.facts import vertex_errors
from tuning_emulator.facts.base_models import BaseModel, find_base_model, list_base_models
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.schema.schema import Value
from tuning_emulator.vertex.listing import list_all

GOOGLE = "publishers/google"


class Publishers:
    """``ModelGardenService``. Its models belong to no project: a project's own day counts where a caller has one."""

    def __init__(self, backend: Backend) -> None:
        self._calendar = backend.calendar

    def list_publisher_models(self, call: Call) -> Value:
        """Google's models; other publishers have none here."""
        known = list_base_models("vertex") if call.request["parent"] == GOOGLE else ()
        day = self._calendar.find_day(call.caller.project)
        models = [one for one in known if "/" not in one.id and day.offers(one.since, one.until)]
        return list_all(call, [format_publisher_model(one) for one in models], "publisher_models", "PublisherModel")

    def get_publisher_model(self, call: Call) -> Value:
        """One of Google's models."""
        name = call.request["name"]
        publisher, _, identifier = str(name).rpartition("/models/")
        model = find_base_model("vertex", identifier.partition("@")[0]) if publisher == GOOGLE else None
        day = self._calendar.find_day(call.caller.project)
        if model is None or not day.offers(model.since, model.until):
            raise vertex_errors.PUBLISHER_MODEL_NOT_FOUND(name=name)
        return format_publisher_model(model)


def format_publisher_model(model: BaseModel) -> Value:
    """A base model as the Model Garden lists it."""
    return {
        "name": f"{GOOGLE}/models/{model.id}",
        "version_id": "default",
        "open_source_category": "PROPRIETARY",
        "launch_stage": "GA",
        "publisher_model_template": f"projects/{{project}}/locations/{{location}}/{GOOGLE}/models/{model.id}",
    }

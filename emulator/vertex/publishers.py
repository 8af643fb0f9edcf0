"""Publishers' models: the base models that Vertex AI offers."""

from __future__ import annotations

from emulator.facts import vertex_errors as errors
from emulator.facts.models import BaseModel, find_base_model, list_base_models
from emulator.protocol.call import Call
from emulator.schema.declare import Value
from emulator.vertex.listing import list_all
from emulator.vertex.refusals import refuse

GOOGLE = "publishers/google"


class Publishers:
    """``ModelGardenService``."""

    def list_publisher_models(self, call: Call) -> Value:
        """Google's models; other publishers have none here."""
        known = list_base_models("vertex") if call.request["parent"] == GOOGLE else ()
        models = [one for one in known if "/" not in one.id]
        return list_all(call, [format_publisher_model(one) for one in models], "publisher_models", "PublisherModel")

    def get_publisher_model(self, call: Call) -> Value:
        """One of Google's models."""
        name = call.request["name"]
        publisher, _, identifier = str(name).rpartition("/models/")
        model = find_base_model("vertex", identifier.partition("@")[0]) if publisher == GOOGLE else None
        if model is None:
            raise refuse(errors.PUBLISHER_MODEL_NOT_FOUND, name=name)
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

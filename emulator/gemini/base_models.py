"""Base models: what ``models`` lists, and which methods they answer."""

from __future__ import annotations

from typing import Literal

from emulator.facts import gemini_errors as texts
from emulator.facts.base_model import BaseModel
from emulator.facts.models import find_base_model, list_base_models
from emulator.gemini.convert import format_base_model
from emulator.gemini.rules import refuse
from emulator.gemini.services import Services
from emulator.protocol.call import Call
from emulator.protocol.paging import format_page_token, parse_page_token, read_page_size
from emulator.schema.declare import Value

CREATE_TUNED_MODEL = "createTunedModel"
CREATE_TUNED_TEXT_MODEL = "createTunedTextModel"
"""How PaLM models said that they can be tuned."""

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
"""Of models. Source: googleapis google/ai/generativelanguage/v1beta/model_service.proto."""


MAX_TEMPERATURE = 2.0
OLD_MAX_TEMPERATURE = 1.0
"""Of models that list no ``maxTemperature``. Source: googleapis tuned_model.proto, "[0.0,1.0], inclusive"."""


class BaseModels:
    """``models``: get and list."""

    def __init__(self, services: Services) -> None:
        self._retired_models = services.retired_models

    def get_model(self, call: Call) -> Value:
        """One base model."""
        identifier = call.request["name"].removeprefix("models/")
        model = find_served_model(identifier, self._retired_models)
        if model is None:
            raise refuse(texts.MODEL_NOT_FOUND, model=identifier, version=call.version)
        return format_base_model(model)

    def list_models(self, call: Call) -> Value:
        """All base models, in the order of the table."""
        served = [model for model in list_base_models("gemini") if _is_served(model, self._retired_models)]
        size = read_page_size(call.request.get("page_size", 0), DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        query = {"list": "models"}
        start = int(parse_page_token(call.request.get("page_token", ""), query) or 0)
        end = start + size
        return {
            "models": [format_base_model(model) for model in served[start:end]],
            "next_page_token": format_page_token(str(end), query) if end < len(served) else "",
        }


def find_served_model(identifier: str, retired_models: Literal["serve", "refuse"]) -> BaseModel | None:
    """The row of a base model that this emulator answers for."""
    model = find_base_model("gemini", identifier)
    return model if model is not None and _is_served(model, retired_models) else None


def find_tunable_model(identifier: str, retired_models: Literal["serve", "refuse"]) -> BaseModel | None:
    """The row of a base model that can be tuned."""
    model = find_served_model(identifier, retired_models)
    if model is None or not {CREATE_TUNED_MODEL, CREATE_TUNED_TEXT_MODEL} & set(model.methods):
        return None
    return model


def find_max_temperature(base: BaseModel | None) -> float:
    """The highest temperature; 2 where no base model says so."""
    if base is None:
        return MAX_TEMPERATURE
    return base.max_temperature or OLD_MAX_TEMPERATURE


def _is_served(model: BaseModel, retired_models: Literal["serve", "refuse"]) -> bool:
    return retired_models == "serve" or not model.retired

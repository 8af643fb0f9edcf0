"""Base models: what ``models`` lists, and which methods they answer."""

from __future__ import annotations

from typing import Literal

from emulator.facts import gemini_errors as texts
from emulator.facts.base_model import BaseModel
from emulator.facts.limits import GEMINI_MODELS_PAGE_DEFAULT
from emulator.facts.models import find_base_model, list_base_models
from emulator.gemini.convert import format_base_model
from emulator.gemini.paging import read_page
from emulator.gemini.rules import refuse
from emulator.gemini.services import Services
from emulator.protocol.call import Call
from emulator.schema.declare import Value

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
        page = read_page(call.request, GEMINI_MODELS_PAGE_DEFAULT, list="models")
        end = page.start + page.size
        return {
            "models": [format_base_model(model) for model in served[page.start : end]],
            "next_page_token": page.format_token(end) if end < len(served) else "",
        }


def find_served_model(identifier: str, retired_models: Literal["serve", "refuse"]) -> BaseModel | None:
    """The row of a base model that this emulator answers for."""
    model = find_base_model("gemini", identifier)
    return model if model is not None and _is_served(model, retired_models) else None


def find_tunable_model(identifier: str, retired_models: Literal["serve", "refuse"]) -> BaseModel | None:
    """The row of a base model that can be tuned."""
    model = find_served_model(identifier, retired_models)
    return model if model is not None and model.tunable else None


def find_max_temperature(base: BaseModel | None) -> float:
    """The highest temperature; 2 where no base model says so."""
    if base is None:
        return MAX_TEMPERATURE
    return base.max_temperature or OLD_MAX_TEMPERATURE


def _is_served(model: BaseModel, retired_models: Literal["serve", "refuse"]) -> bool:
    return retired_models == "serve" or not model.retired

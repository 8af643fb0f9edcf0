"""Base models: what ``models`` lists, and which methods they answer."""

from __future__ import annotations

from tuning_emulator.api.call import Call
from tuning_emulator.core.as_of import Day
from tuning_emulator.facts import gemini_errors
from tuning_emulator.facts.base_models import BaseModel, find_base_model, list_base_models
from tuning_emulator.facts.limits import GEMINI_MODELS_PAGE_DEFAULT
from tuning_emulator.gemini.convert import format_base_model
from tuning_emulator.gemini.listing import read_page
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.schema.schema import Value

MAX_TEMPERATURE = 2.0
OLD_MAX_TEMPERATURE = 1.0
"""Of models that list no ``maxTemperature``. Source: googleapis tuned_model.proto, "[0.0,1.0], inclusive"."""


class BaseModels:
    """``models``: get and list."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def get_model(self, call: Call) -> Value:
        """One base model."""
        identifier = call.request["name"].removeprefix("models/")
        model = find_served_model(identifier, self._backend.find_day(call.caller))
        if model is None:
            raise gemini_errors.MODEL_NOT_FOUND(model=identifier, version=call.version)
        return format_base_model(model)

    def list_models(self, call: Call) -> Value:
        """All base models, in the order of the table."""
        day = self._backend.find_day(call.caller)
        served = [_show(model, day) for model in list_base_models("gemini") if day.offers(model.since, model.until)]
        page = read_page(call.request, GEMINI_MODELS_PAGE_DEFAULT, list="models")
        end = page.start + page.size
        return {
            "models": [format_base_model(model) for model in served[page.start : end]],
            "next_page_token": page.format_token(end) if end < len(served) else "",
        }


def find_served_model(identifier: str, day: Day) -> BaseModel | None:
    """The row of a base model that is answered for on the day, as it was shown then."""
    model = find_base_model("gemini", identifier)
    return _show(model, day) if model is not None and day.offers(model.since, model.until) else None


def find_tunable_model(identifier: str, day: Day) -> BaseModel | None:
    """The row of a base model that can be tuned on the day."""
    model = find_served_model(identifier, day)
    if model is None or not model.tunable or not day.offers(model.tunable_since, model.tunable_until):
        return None
    return model


def find_max_temperature(base: BaseModel | None) -> float:
    """The highest temperature; 2 where no base model says so."""
    if base is None:
        return MAX_TEMPERATURE
    return base.max_temperature or OLD_MAX_TEMPERATURE


def _show(model: BaseModel, day: Day) -> BaseModel:
    """The model as it was shown on the day; leniently, as its row has it."""
    shown = (one for one in model.editions if not day.lenient and day.holds(one))
    return next(shown, model)

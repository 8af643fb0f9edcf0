"""The base models' table, of both APIs. Every question about a model is answered from its row."""

from __future__ import annotations

import re
from functools import lru_cache

from tuning_emulator.core.records import Api
from tuning_emulator.facts.gemini_models import GEMINI_MODELS
from tuning_emulator.facts.limits import home_location
from tuning_emulator.facts.model_row import OPEN_MARK, BaseModel, Price, TuningLimits
from tuning_emulator.facts.open_models import OPEN_MODELS
from tuning_emulator.facts.vertex_models import GOOGLE_MODELS

__all__ = ["MODELS", "BaseModel", "Price", "TuningLimits", "find_base_model", "find_price", "list_base_models"]

VERTEX_MODELS: tuple[BaseModel, ...] = (*GOOGLE_MODELS, *OPEN_MODELS)
MODELS: tuple[BaseModel, ...] = (*GEMINI_MODELS, *VERTEX_MODELS)
_BY_API: dict[Api, dict[str, BaseModel]] = {
    "gemini": {one.id: one for one in GEMINI_MODELS},
    "vertex": {one.id: one for one in VERTEX_MODELS},
}
_LONG_NAME = re.compile(r"publishers/([^/]+)/models/(.+)")


@lru_cache(maxsize=1024)
def plain_id(api: Api, name: str) -> str:
    """The id that a name means: ``models/ID`` (Gemini API), ``publishers/google/models/ID``, ``ID``.

    Open models keep their publisher: ``publishers/google/models/gemma3@X`` is ``google/gemma3@X``.
    """
    if api == "gemini":
        return name.removeprefix("models/")
    long = _LONG_NAME.fullmatch(name)
    if long is None:
        return name
    return long[2] if long[1] == "google" and OPEN_MARK not in long[2] else f"{long[1]}/{long[2]}"


@lru_cache(maxsize=1024)
def find_base_model(api: Api, name: str) -> BaseModel | None:
    """The row that a name or id means, or None."""
    return _BY_API[api].get(plain_id(api, name))


def list_base_models(api: Api) -> tuple[BaseModel, ...]:
    """All rows of an API, in the order of the table."""
    return tuple(_BY_API[api].values())


def find_home(name: str, location: str) -> str:
    """Location of the model and the endpoints that a job of Vertex AI in a location makes, by its base model."""
    model = find_base_model("vertex", name)
    return home_location(model is not None and model.multi_region, location)


def find_price(api: Api, name: str, method: str) -> Price | None:
    """The price of tuning a base model in a way; None when it is not known."""
    model = find_base_model(api, name)
    return next((one for one in model.prices if method in one.methods), None) if model else None

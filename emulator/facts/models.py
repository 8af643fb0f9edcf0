"""The base models' table: which there are, and which a request means."""

from __future__ import annotations

from emulator.facts.base_model import Api, BaseModel, TuningLimits
from emulator.facts.gemini_models import GEMINI_MODELS
from emulator.facts.vertex_models import VERTEX_MODELS

__all__ = ["MODELS", "Api", "BaseModel", "TuningLimits", "find_base_model", "list_base_models"]

MODELS: tuple[BaseModel, ...] = (*GEMINI_MODELS, *VERTEX_MODELS)
"""Every row of both APIs."""

_BY_API: dict[Api, dict[str, BaseModel]] = {
    "gemini": {one.id: one for one in GEMINI_MODELS},
    "vertex": {one.id: one for one in VERTEX_MODELS},
}


def find_base_model(api: Api, identifier: str) -> BaseModel | None:
    """The row that an id means, or None.

    ``models/…`` (Gemini) and ``publishers/google/models/…`` (Vertex AI) before the id are accepted.
    """
    prefix = "models/" if api == "gemini" else "publishers/google/models/"
    return _BY_API[api].get(identifier.removeprefix(prefix))


def list_base_models(api: Api) -> tuple[BaseModel, ...]:
    """All rows of an API, in the order of the table."""
    return tuple(_BY_API[api].values())

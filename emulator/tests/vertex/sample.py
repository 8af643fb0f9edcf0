"""A request that breaks one rule of Vertex AI."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """A request that breaks one rule, and what its text names. ``$job`` and the like are names of what is populated.

    Attributes:
        path: Without version.
        field: Path of the field, where the text is a violation of one.
    """

    verb: str
    path: str
    body: Any = None
    query: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    field: str = ""
    version: str = "v1"
    host: str = "localhost"

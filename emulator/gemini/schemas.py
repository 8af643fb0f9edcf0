"""The Gemini API's schemas, one per version."""

from __future__ import annotations

from emulator.gemini.messages import ENUMS, MESSAGES
from emulator.gemini.methods import METHODS
from emulator.schema.declare import Schema, build_schemas
from emulator.schema.google import LONGRUNNING, TYPES

PACKAGE = "google.ai.generativelanguage"
VERSIONS = ("v1beta", "v1", "v1alpha")

SCHEMAS: dict[str, Schema] = build_schemas(PACKAGE, VERSIONS, (*MESSAGES, *LONGRUNNING, *TYPES), ENUMS, METHODS)
"""By version: ``v1beta`` (the one that documents tuning), ``v1``, ``v1alpha``."""

"""The Gemini API's schemas, one per version."""

from __future__ import annotations

from tuning_emulator.gemini.messages import ENUMS, MESSAGES
from tuning_emulator.gemini.methods import METHODS
from tuning_emulator.schema.google import LONGRUNNING, TYPES
from tuning_emulator.schema.schema import Schema, build_schemas

PACKAGE = "google.ai.generativelanguage"
VERSIONS = ("v1beta", "v1", "v1alpha")

SCHEMAS: dict[str, Schema] = build_schemas(PACKAGE, VERSIONS, (*MESSAGES, *LONGRUNNING, *TYPES), ENUMS, METHODS)
"""By version: ``v1beta`` (the one that documents tuning), ``v1``, ``v1alpha``."""

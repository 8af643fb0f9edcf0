"""Vertex AI's schemas, one per version."""

from __future__ import annotations

from tuning_emulator.schema.google import LONGRUNNING, TYPES
from tuning_emulator.schema.schema import Schema, build_schemas
from tuning_emulator.vertex.messages import ENUMS, MESSAGES
from tuning_emulator.vertex.methods import METHODS
from tuning_emulator.vertex.versions import VERSIONS

PACKAGE = "google.cloud.aiplatform"

SCHEMAS: dict[str, Schema] = build_schemas(PACKAGE, VERSIONS, (*MESSAGES, *LONGRUNNING, *TYPES), ENUMS, METHODS)
"""By version: ``v1``, ``v1beta1``."""

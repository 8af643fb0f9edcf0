"""Vertex AI's schemas, one per version."""

from __future__ import annotations

from emulator.schema.declare import Schema, build_schemas
from emulator.schema.google import LONGRUNNING, TYPES
from emulator.vertex.messages import ENUMS, MESSAGES
from emulator.vertex.methods import METHODS
from emulator.vertex.versions import VERSIONS

PACKAGE = "google.cloud.aiplatform"

SCHEMAS: dict[str, Schema] = build_schemas(PACKAGE, VERSIONS, (*MESSAGES, *LONGRUNNING, *TYPES), ENUMS, METHODS)
"""By version: ``v1``, ``v1beta1``."""

"""Vertex AI's API versions, and the words for what only one of them has."""

from __future__ import annotations

from tuning_emulator.schema.schema import only

VERSIONS = ("v1", "v1beta1")

V1 = only("v1")
V1BETA1 = only("v1beta1")

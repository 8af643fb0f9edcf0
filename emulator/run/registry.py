"""Finding what tuning jobs left behind: model versions by name, and the adapter of a checkpoint."""

from __future__ import annotations

import re

from emulator.core.names import project_number
from emulator.core.records import Checkpoint, ModelVersion
from emulator.store.store import Store

MODEL_NAME = re.compile(
    r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/models/(?P<id>[^/@]+)(@(?P<of>.+))?"
)
"""A model of the registry, perhaps at a version number or alias: ``projects/p/locations/l/models/1@2``."""

DEFAULT_ALIAS = "default"
"""Alias that one version of every model has. Source: aiplatform discovery document, Model.versionAliases."""


def find_named_version(store: Store, name: str) -> ModelVersion | None:
    """The version that a full model name means, or None."""
    match = MODEL_NAME.fullmatch(name)
    if match is None:
        return None
    return find_version(store, match["project"], match["location"], match["id"], match["of"] or "")


def find_version(store: Store, project: str, location: str, model_id: str, version: str = "") -> ModelVersion | None:
    """The version of that number or alias; the default version when ``version`` is empty."""
    model = store.get_model(project_number(project), location, model_id)
    if model is None:
        return None
    versions = store.list_model_versions(model.uid)
    if not version:
        return default_version(versions)
    return next((one for one in versions if str(one.version) == version or version in one.aliases), None)


def default_version(versions: list[ModelVersion]) -> ModelVersion | None:
    """The version with the alias ``default``, or the newest where none has it; None of an empty list."""
    marked = [one for one in versions if DEFAULT_ALIAS in one.aliases]
    return marked[0] if marked else max(versions, key=lambda one: one.version, default=None)


def find_checkpoint(store: Store, version: ModelVersion, checkpoint_id: str = "") -> Checkpoint | None:
    """A checkpoint of a model version; its default checkpoint when no id is given."""
    wanted = checkpoint_id or version.default_checkpoint
    return next((one for one in store.list_checkpoints(version.job_uid) if one.id == wanted), None)

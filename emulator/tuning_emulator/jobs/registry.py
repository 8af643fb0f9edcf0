"""Finding what tuning jobs left behind: model versions by name, and the adapter of a checkpoint."""

from __future__ import annotations

import re

from msgspec import Struct

from tuning_emulator.core.ids import project_number
from tuning_emulator.core.records import Checkpoint, ModelVersion, TuningJob
from tuning_emulator.store.store import Store

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


def find_adapter(store: Store, model_name: str, checkpoint_id: str = "") -> str:
    """Directory of a registered model's adapter, relative to the data directory; "" where there is none.

    Args:
        model_name: ``projects/p/locations/l/models/id``, perhaps with ``@version`` or ``@alias``.
        checkpoint_id: "" means the default checkpoint.
    """
    version = find_named_version(store, model_name)
    checkpoint = find_checkpoint(store, version, checkpoint_id) if version else None
    return checkpoint.adapter if checkpoint else ""


# --- any tuned model by any of its names

_TUNED_MODEL = re.compile(r"tunedModels/(?P<id>[^/]+)")
_TUNING_JOB = re.compile(r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/tuningJobs/(?P<id>[^/]+)")
_ENDPOINT = re.compile(r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/endpoints/(?P<id>[^/]+)")

NAMES = (
    "tunedModels/{id}, or projects/{project}/locations/{location}/ and tuningJobs/{id}, models/{id} or endpoints/{id}"
)
"""The names by which a tuned model can be asked for."""


class NoAdapterError(LookupError):
    """Nothing of that name has an adapter; the text says why. ``known``: the name is that of something."""

    def __init__(self, message: str, known: bool) -> None:
        super().__init__(message)
        self.known = known


class Tuned(Struct, frozen=True):
    """What answers under a name. ``adapter``: its directory, relative to the data directory."""

    job: TuningJob
    adapter: str


def find_tuned(store: Store, name: str, checkpoint_id: str = "") -> Tuned:
    """The adapter behind a tuned model, tuning job, registered model or endpoint of either API.

    Args:
        checkpoint_id: Of a Vertex model; "" means the final or default one, of an endpoint the one that it serves.

    Raises:
        NoAdapterError: there is no such thing, or it has no adapter.
    """
    if match := _TUNED_MODEL.fullmatch(name):
        if checkpoint_id:
            raise NoAdapterError(f"checkpoint: {checkpoint_id!r} given, but models of the Gemini API have none", True)
        job = store.get_tuned_model(match["id"])
        return _require_adapter(name, job, job.progress.adapter if job else "")
    job, version, served = _find_vertex(store, name)
    wanted = checkpoint_id or served
    checkpoint = find_checkpoint(store, version, wanted) if version else None
    if version is not None and checkpoint is None and wanted:
        known = ", ".join(one.id for one in store.list_checkpoints(version.job_uid)) or "none"
        raise NoAdapterError(f"checkpoint: {name!r} has no {wanted!r}; it has {known}", True)
    return _require_adapter(name, job, checkpoint.adapter if checkpoint else "")


def _find_vertex(store: Store, name: str) -> tuple[TuningJob | None, ModelVersion | None, str]:
    """Job and model version behind a name of Vertex AI, and the id of the checkpoint that an endpoint serves."""
    if match := _TUNING_JOB.fullmatch(name):
        job = store.get_job("vertex", project_number(match["project"]), match["location"], match["id"])
        return job, store.get_model_version_of_job(job.uid) if job else None, ""
    endpoint = _ENDPOINT.fullmatch(name)
    version, served = _find_deployed(store, endpoint) if endpoint else (find_named_version(store, name), "")
    return store.get_job_by_uid(version.job_uid) if version else None, version, served


def _find_deployed(store: Store, match: re.Match[str]) -> tuple[ModelVersion | None, str]:
    """The model version that most of an endpoint's traffic goes to, and its checkpoint's id."""
    endpoint = store.get_endpoint(project_number(match["project"]), match["location"], match["id"])
    if endpoint is None or not endpoint.deployed:
        return None, ""
    first = max(endpoint.deployed, key=lambda one: endpoint.traffic.get(one.id, 0))
    version = find_version(store, endpoint.project, endpoint.location, first.model_id, str(first.version))
    return version, first.checkpoint_id


def _require_adapter(name: str, job: TuningJob | None, adapter: str) -> Tuned:
    if job is None:
        raise NoAdapterError(f"name: nothing tuned is called {name!r}; give {NAMES}", False)
    if job.progress.trainer == "scripted":
        raise NoAdapterError(
            f"name: {name!r} was made by the scripted trainer, which only pretends and has no adapter; "
            "install tuning-emulator[lora] and tune it again",
            True,
        )
    if not adapter:
        raise NoAdapterError(f"name: {name!r} is {job.progress.state.value} and has no adapter yet", True)
    return Tuned(job, adapter)

"""Finding what tuning jobs left behind: model versions by name, and the adapter of a checkpoint."""

from __future__ import annotations

import re
from dataclasses import dataclass

from msgspec.structs import replace

from tuning_emulator.core.clock import Times, to_microseconds
from tuning_emulator.core.ids import Ids, project_number
from tuning_emulator.core.records import (
    Checkpoint,
    DeployedModel,
    Endpoint,
    Model,
    ModelVersion,
    TuningJob,
    TuningMethod,
)
from tuning_emulator.facts.limits import VERTEX_MAX_CHECKPOINTS, home_location
from tuning_emulator.store.store import Store
from tuning_trainer import spec

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


@dataclass(frozen=True, slots=True)
class Tuned:
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
        raise NoAdapterError(f"name: {name!r} is {job.state.value} and has no adapter yet", True)
    return Tuned(job, adapter)


# --- what a Vertex tuning job leaves behind

MAX_CHECKPOINTS = VERTEX_MAX_CHECKPOINTS.value
"""Longer jobs save about this many, evenly spread. Source: Vertex AI documentation, "Tuning checkpoints"."""

BASE_MODEL_LABEL = "google-vertex-llm-tuning-base-model-id"
JOB_LABEL = "google-vertex-llm-tuning-job-id"
TUNE_TYPE_LABEL = "tune-type"

TUNE_TYPES: dict[TuningMethod, str] = {TuningMethod.SUPERVISED: "sft", TuningMethod.PREFERENCE: "dpo"}
"""``sft`` was seen on tuned Gemini models; the others are assumed: the method's own name where none stands here."""


def checkpoint_steps(
    total_steps: int, epochs: int, examples: int, batch_size: int, last_only: bool = False
) -> tuple[int, ...]:
    """Steps after which a job saves a checkpoint: about one an epoch up to 10, else 10 evenly spread; the last always.

    Raises:
        ValueError: a count is below 1.
    """
    counts = {"total_steps": total_steps, "epochs": epochs, "examples": examples, "batch_size": batch_size}
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name}: {value!r} is not at least 1")
    if last_only:
        return (total_steps,)
    if epochs <= MAX_CHECKPOINTS:
        steps = {-(-epoch * examples // batch_size) for epoch in range(1, epochs + 1)}
    else:
        steps = {-(-part * total_steps // MAX_CHECKPOINTS) for part in range(1, MAX_CHECKPOINTS + 1)}
    return tuple(sorted({step for step in steps if step < total_steps} | {total_steps}))


def publish_checkpoint(
    store: Store, ids: Ids, clock: Times, job: TuningJob, event: spec.Checkpoint, *, deploy: bool = True
) -> None:
    """Records a trained checkpoint and deploys it to a new endpoint.

    A step reported again (after a resume) keeps its id and endpoint.

    Args:
        event: Its ``directory`` is relative to the data directory.
        deploy: Without, it gets no endpoint, as where endpoints cannot be created.
    """
    if job.api != "vertex":
        return
    with store.transaction():
        saved = store.list_checkpoints(job.uid)
        known = next((one for one in saved if one.step == event.step), None)
        if known is not None:
            store.put_checkpoint(replace(known, adapter=event.directory))
            return
        resolved = job.progress.resolved
        epoch = min(event.epoch, resolved.epochs or event.epoch) if resolved else event.epoch
        checkpoint = Checkpoint(job.uid, str(len(saved) + 1), epoch, event.step, event.directory, "")
        version = store.get_model_version_of_job(job.uid) or _register(store, ids, clock, job)
        if deploy:
            endpoint = _deploy(store, ids, clock, job, version, checkpoint.id)
            checkpoint = replace(checkpoint, endpoint_id=endpoint.id)
        store.put_checkpoint(checkpoint)


def publish_model(store: Store, ids: Ids, clock: Times, job: TuningJob) -> None:
    """Makes the final checkpoint the model's default; before, ``tunedModel.endpoint`` is empty."""
    if job.api != "vertex":
        return
    with store.transaction():
        version = store.get_model_version_of_job(job.uid) or _register(store, ids, clock, job)
        saved = store.list_checkpoints(job.uid)
        if saved:
            now_ns = to_microseconds(clock.now_ns())
            store.replace_model_version(replace(version, default_checkpoint=saved[-1].id, updated_ns=now_ns))


def find_adapter(store: Store, model_name: str, checkpoint_id: str = "") -> str:
    """Directory of a registered model's adapter, relative to the data directory; "" where there is none.

    Args:
        model_name: ``projects/p/locations/l/models/id``, perhaps with ``@version`` or ``@alias``.
        checkpoint_id: "" means the default checkpoint.
    """
    version = find_named_version(store, model_name)
    checkpoint = find_checkpoint(store, version, checkpoint_id) if version else None
    return checkpoint.adapter if checkpoint else ""


def _register(store: Store, ids: Ids, clock: Times, job: TuningJob) -> ModelVersion:
    """The job's model version: the next one of the model it continues, unless it was given another display name."""
    now_ns = to_microseconds(clock.now_ns())
    asked = job.asked
    parent = find_named_version(store, asked.source_model) if asked.source_model else None
    if parent is not None and parent.display_name == job.display_name:
        model = store.get_model(parent.project, parent.location, parent.model_id)
        assert model is not None  # its version was just read
        number = store.list_model_versions(model.uid)[-1].version + 1
    else:
        home = home_location(asked.base_model, job.location)
        model = store.insert_model(Model(0, project_number(job.project), home, ids.number(), now_ns))
        number = 1
    version = ModelVersion(
        model_uid=model.uid,
        project=model.project,
        location=model.location,
        model_id=model.id,
        version=number,
        aliases=(DEFAULT_ALIAS,) if number == 1 else (),
        display_name=job.display_name,
        description=job.description,
        labels=_format_labels(job),
        version_description="",
        base_model=asked.base_model,
        job_uid=job.uid,
        default_checkpoint="",
        created_ns=now_ns,
        updated_ns=now_ns,
        revision=1,
    )
    store.insert_model_version(version)
    return version


def _format_labels(job: TuningJob) -> dict[str, str]:
    """The job's own labels and those by which clients recognise a tuned model."""
    asked = job.asked
    return {
        **asked.labels,
        BASE_MODEL_LABEL: re.sub(r"[^a-z0-9_-]", "_", asked.base_model),
        JOB_LABEL: job.id,
        TUNE_TYPE_LABEL: TUNE_TYPES.get(asked.method, asked.method.value.replace("_", "-")),
    }


def _deploy(
    store: Store, ids: Ids, clock: Times, job: TuningJob, version: ModelVersion, checkpoint_id: str
) -> Endpoint:
    """A new endpoint beside the model that sends all traffic to one checkpoint."""
    now_ns = to_microseconds(clock.now_ns())
    deployed = DeployedModel(ids.number(), version.model_id, version.version, checkpoint_id, job.display_name, now_ns)
    return store.insert_endpoint(
        Endpoint(
            uid=0,
            project=version.project,
            location=version.location,
            id=ids.number(),
            display_name=job.display_name,
            description="",
            labels=dict(job.asked.labels),
            deployed=(deployed,),
            traffic={deployed.id: 100},
            created_ns=now_ns,
            updated_ns=now_ns,
            revision=1,
        )
    )

"""What a Vertex tuning job leaves behind: checkpoints on endpoints of their own, and a version of a registered model.

Checkpoints "are deployed to new endpoints sequentially as tuning progresses", so the model is registered with the
first of them; the final one becomes its default. Source: Vertex AI documentation, "Tuning checkpoints".
Gemini jobs leave nothing of the kind.
"""

from __future__ import annotations

import re
from dataclasses import replace

from emulator.core.clock import Times, to_microseconds
from emulator.core.names import Ids, project_number
from emulator.core.records import Checkpoint, DeployedModel, Endpoint, Model, ModelVersion, TuningJob, TuningMethod
from emulator.facts.homes import home_location
from emulator.facts.limits import VERTEX_MAX_CHECKPOINTS
from emulator.run.registry import DEFAULT_ALIAS, find_checkpoint, find_named_version
from emulator.store.store import Store
from trainer import spec

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
        epoch = min(event.epoch, job.resolved.epochs or event.epoch) if job.resolved else event.epoch
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
    parent = find_named_version(store, job.source_model) if job.source_model else None
    if parent is not None and parent.display_name == job.display_name:
        model = store.get_model(parent.project, parent.location, parent.model_id)
        assert model is not None  # its version was just read
        number = store.list_model_versions(model.uid)[-1].version + 1
    else:
        home = home_location(job.base_model, job.location)
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
        base_model=job.base_model,
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
    return {
        **job.labels,
        BASE_MODEL_LABEL: re.sub(r"[^a-z0-9_-]", "_", job.base_model),
        JOB_LABEL: job.id,
        TUNE_TYPE_LABEL: TUNE_TYPES.get(job.method, job.method.value.replace("_", "-")),
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
            labels=dict(job.labels),
            deployed=(deployed,),
            traffic={deployed.id: 100},
            created_ns=now_ns,
            updated_ns=now_ns,
            revision=1,
        )
    )

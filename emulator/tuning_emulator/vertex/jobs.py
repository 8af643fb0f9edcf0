"""What a tuning job means to Vertex AI: checkpoints on endpoints of their own, and a version of a registered model."""

from __future__ import annotations

import re

from msgspec import Struct
from msgspec.structs import replace

from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.ids import Ids, experiment_id, project_number
from tuning_emulator.core.job_control import FaultKind, JobFault
from tuning_emulator.core.records import (
    Checkpoint,
    DeployedModel,
    Endpoint,
    Hyperparameters,
    Job,
    Model,
    ModelVersion,
    Reserved,
    TuningJob,
    TuningMethod,
)
from tuning_emulator.facts import dataset_errors, google_errors, vertex_errors
from tuning_emulator.facts.base_models import find_home
from tuning_emulator.facts.limits import VERTEX_MAX_CHECKPOINTS
from tuning_emulator.jobs.evaluation import EvaluationPlan
from tuning_emulator.jobs.registry import DEFAULT_ALIAS, find_adapter, find_named_version
from tuning_emulator.jobs.tuning_api import Stage
from tuning_emulator.store.store import Store
from tuning_emulator.vertex.convert import format_job_name
from tuning_emulator.vertex.evaluation import FIELD, read_plan
from tuning_trainer import spec

MAX_CHECKPOINTS = VERTEX_MAX_CHECKPOINTS.value
"""Longer jobs save about this many, evenly spread. Source: Vertex AI documentation, "Tuning checkpoints"."""

BASE_MODEL_LABEL = "google-vertex-llm-tuning-base-model-id"
JOB_LABEL = "google-vertex-llm-tuning-job-id"
TUNE_TYPE_LABEL = "tune-type"

TUNE_TYPES: dict[TuningMethod, str] = {TuningMethod.SUPERVISED: "sft", TuningMethod.PREFERENCE: "dpo"}
"""``sft`` was seen on tuned Gemini models; the others are assumed: the method's own name where none stands here."""


class VertexTuning(Struct, frozen=True):
    """See ``TuningApi``."""

    store: Store
    ids: Ids
    stages = frozenset(Stage)

    def format_name(self, job: Job) -> str:
        """``projects/{number}/locations/{location}/tuningJobs/{id}``."""
        return format_job_name(job)

    def explain(self, fault: JobFault) -> ApiError:
        """See ``TuningApi``."""
        match fault.kind:
            case FaultKind.DATASET_REJECTED:
                return dataset_errors.MISSING_CONTENTS(row=fault.at - 1)  # the service counts rows from 0
            case FaultKind.QUOTA_EXHAUSTED:
                return vertex_errors.VERTEX_CONCURRENT_JOBS()
            case FaultKind.NO_CAPACITY:
                return vertex_errors.REGION_WITHOUT_CAPACITY()
            case FaultKind.GLOBAL_NOT_ONBOARDED:
                return vertex_errors.GLOBAL_NOT_ONBOARDED()
            case FaultKind.ENDPOINT_CREATION_FAILED:
                return vertex_errors.ENDPOINT_CREATION_FAILED()
            case _:
                return google_errors.INTERNAL()

    def find_source_adapter(self, job: TuningJob) -> str:
        """That of the registered model that is tuned further."""
        source = job.asked.source_model
        return find_adapter(self.store, source, job.asked.source_checkpoint) if source else ""

    def find_source_weights(self, job: TuningJob) -> str:
        """Those of the registered model that is tuned further."""
        if not job.asked.source_model:
            return ""
        version = find_named_version(self.store, job.asked.source_model)
        source = self.store.get_job_by_uid(version.job_uid) if version else None
        return source.progress.weights if source else ""

    def list_checkpoint_steps(self, job: TuningJob) -> tuple[int, ...]:
        """About one an epoch; the last always."""
        resolved = job.progress.resolved or Hyperparameters()
        batch, epochs, total = resolved.batch_size or 1, resolved.epochs or 1, job.progress.total_steps
        return checkpoint_steps(total, epochs, total * batch // epochs, batch, job.asked.export_last_checkpoint_only)

    def make_experiment_id(self, job: TuningJob, now_ns: int) -> str:
        """The id of the context in Vertex AI's metadata."""
        return job.reserved.experiment or experiment_id(now_ns)

    def publish_checkpoint(
        self, job: TuningJob, checkpoint: spec.Checkpoint, now_ns: int, *, deploy: bool = True
    ) -> None:
        """Records a checkpoint and deploys it to a new endpoint. A step reported again keeps its id and endpoint."""
        with self.store.transaction():
            saved = self.store.list_checkpoints(job.uid)
            known = next((one for one in saved if one.step == checkpoint.step), None)
            if known is not None:
                self.store.put_checkpoint(replace(known, adapter=checkpoint.directory))
                return
            resolved = job.progress.resolved
            epoch = min(checkpoint.epoch, resolved.epochs or checkpoint.epoch) if resolved else checkpoint.epoch
            final = checkpoint.step >= job.progress.total_steps
            identifier, endpoint = find_reserved(job.reserved, len(saved), final=final)
            made = Checkpoint(job.uid, identifier, epoch, checkpoint.step, checkpoint.directory, "")
            version = self._require_version(job, now_ns)
            if deploy:
                made = replace(made, endpoint_id=self._deploy(job, version, made.id, endpoint, now_ns).id)
            self.store.put_checkpoint(made)

    def plan_evaluation(self, job: TuningJob) -> EvaluationPlan | None:
        """See ``TuningApi``."""
        return read_plan(job) if FIELD in job.asked.echoed.get("supervised_tuning_spec", {}) else None

    def publish_model(self, job: TuningJob, now_ns: int) -> None:
        """Makes the final checkpoint the model's default; before, ``tunedModel.endpoint`` is empty."""
        with self.store.transaction():
            version = self._require_version(job, now_ns)
            if saved := self.store.list_checkpoints(job.uid):
                changed = replace(version, default_checkpoint=saved[-1].id, updated_ns=now_ns)
                self.store.replace_model_version(changed)

    def _require_version(self, job: TuningJob, now_ns: int) -> ModelVersion:
        """The job's model version: the next one of the model it continues, unless it was given another display name."""
        if (version := self.store.get_model_version_of_job(job.uid)) is not None:
            return version
        asked = job.asked
        parent = find_named_version(self.store, asked.source_model) if asked.source_model else None
        if parent is not None and parent.display_name == job.display_name:
            model = self.store.get_model(parent.project, parent.location, parent.model_id)
            assert model is not None  # its version was just read
            number = self.store.list_model_versions(model.uid)[-1].version + 1
        else:
            home = find_home(asked.base_model, job.location)
            made = Model(0, project_number(job.project), home, job.reserved.model or self.ids.number(), now_ns)
            model, number = self.store.insert_model(made), 1
        version = ModelVersion(
            model_uid=model.uid,
            project=model.project,
            location=model.location,
            model_id=model.id,
            version=number,
            aliases=(DEFAULT_ALIAS,) if number == 1 else (),
            display_name=job.display_name,
            description=job.description,
            labels=format_labels(job),
            version_description="",
            base_model=asked.base_model,
            job_uid=job.uid,
            default_checkpoint="",
            created_ns=now_ns,
            updated_ns=now_ns,
            revision=1,
        )
        self.store.insert_model_version(version)
        return version

    def _deploy(
        self, job: TuningJob, version: ModelVersion, checkpoint_id: str, endpoint_id: str, now_ns: int
    ) -> Endpoint:
        """A new endpoint beside the model that sends all traffic to one checkpoint; "" lets its id be made up."""
        place = (version.model_id, version.version, checkpoint_id)
        deployed = DeployedModel(self.ids.number(), *place, job.display_name, now_ns)
        endpoint = Endpoint(
            uid=0,
            project=version.project,
            location=version.location,
            id=endpoint_id or self.ids.number(),
            display_name=job.display_name,
            description="",
            labels=dict(job.asked.labels),
            deployed=(deployed,),
            traffic={deployed.id: 100},
            created_ns=now_ns,
            updated_ns=now_ns,
            revision=1,
        )
        return self.store.insert_endpoint(endpoint)


def find_reserved(reserved: Reserved, saved: int, *, final: bool) -> tuple[str, str]:
    """Id and endpoint of a checkpoint, the latter "" where nobody chose it. ``saved``: how many there are before it."""
    chosen = reserved.checkpoints
    identifier, endpoint = chosen[-1] if chosen and final else chosen[saved] if saved < len(chosen) else ("", "")
    return identifier or str(saved + 1), endpoint or (reserved.endpoint if final else "")


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


def format_labels(job: TuningJob) -> dict[str, str]:
    """The job's own labels and those by which clients recognise a tuned model."""
    asked = job.asked
    return {
        **asked.labels,
        BASE_MODEL_LABEL: re.sub(r"[^a-z0-9_-]", "_", asked.base_model),
        JOB_LABEL: job.id,
        TUNE_TYPE_LABEL: TUNE_TYPES.get(asked.method, asked.method.value.replace("_", "-")),
    }

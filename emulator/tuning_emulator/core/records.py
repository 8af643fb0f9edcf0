"""Our own rows: what the emulator knows about a tuning, whatever API asked for it.

Times are integer nanoseconds since the epoch, UTC. Resource ids are the last segment of a name only;
names are built in ``core.names``. Nothing here knows how a service prints it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias

Api: TypeAlias = Literal["gemini", "vertex"]
Json: TypeAlias = Mapping[str, Any]
"""A JSON object that core passes on without looking into it."""


class JobState(StrEnum):
    """Where a tuning job stands. Gemini shows PENDING and RUNNING as CREATING and SUCCEEDED as ACTIVE."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Phase(StrEnum):
    """What a running job is doing; Vertex' v1beta1 shows it as ``tuningJobState``."""

    NONE = ""
    WAITING_FOR_QUOTA = "WAITING_FOR_QUOTA"
    PROCESSING_DATASET = "PROCESSING_DATASET"
    WAITING_FOR_CAPACITY = "WAITING_FOR_CAPACITY"
    TUNING = "TUNING"
    POST_PROCESSING = "POST_PROCESSING"


class TuningMethod(StrEnum):
    """Which spec the request carried. What no trainer can do ends in a FAILED job that says so."""

    SUPERVISED = "supervised"
    PREFERENCE = "preference"
    DISTILLATION = "distillation"
    FULL = "full"
    PARTNER = "partner"
    REINFORCEMENT = "reinforcement"
    VEO = "veo"
    VEO_LORA = "veo_lora"


@dataclass(frozen=True, slots=True)
class Failure:
    """A ``google.rpc.Status`` that a job ended with. ``code`` is a google.rpc code."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """What a job was asked to do or, once resolved, does. None: not given (or the trainer's default).

    ``learning_rate_multiplier`` multiplies the default rate of the API.
    """

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    learning_rate_multiplier: float | None = None
    adapter_size: int | None = None
    beta: float | None = None


@dataclass(frozen=True, slots=True)
class Distribution:
    """Statistics of one count per example. ``buckets`` are (count, left, right), empty ones left out."""

    sum: int | float
    min: float
    max: float
    mean: float
    median: float
    p5: float
    p95: float
    buckets: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True, slots=True)
class DatasetStatistics:
    """What the service computes from a training set; see ``tuningDataStats``.

    Attributes:
        examples: Lines in the file, dropped ones included.
        billable_tokens: Sum of input and output tokens; not multiplied by epochs.
        dropped: (1-based index, reason) of examples left out, at most a sample of them.
        samples: The first examples as the client wrote them, texts cut; opaque JSON.
    """

    examples: int
    billable_tokens: int
    input_tokens: Distribution
    output_tokens: Distribution
    messages: Distribution
    dropped_count: int = 0
    dropped: tuple[tuple[int, str], ...] = ()
    samples: tuple[Json, ...] = ()
    scores: Distribution | None = None
    score_variance: Distribution | None = None


@dataclass(frozen=True, slots=True)
class TuningJob:
    """One tuning of either API.

    Attributes:
        uid: Our key; grows with creation order.
        project: As it stands in the path, or the caller's project for Gemini.
        location: Vertex region; "" for Gemini.
        id: Vertex: 18–19 digits. Gemini: id of the tuned model.
        api_version: Version it was created through; operations answer with its types.
        operation_id: Gemini's create operation; "" for Vertex.
        owner: Principal who created it.
        base_model: Row of ``facts.models``, without prefix.
        source_model: Gemini: the tuned model tuned further, ``tunedModels/x``; Vertex: model name of ``preTunedModel``.
        source_checkpoint: Vertex: checkpoint id of ``preTunedModel``.
        requested: Hyperparameters as sent. resolved: as used, once the dataset is known.
        training_uri: ``gs://…`` or "" when the examples came inline (``store.inline_dataset``).
        sent: The create request in its API's own terms, for what is only echoed.
        experiment_id: Vertex' metadata context; "" until the dataset is processed.
        model_uid: Vertex: the model version it made.
        adapter: Directory of the final adapter, relative to the data directory; "" until trained.
    """

    uid: int
    api: Api
    project: str
    location: str
    id: str
    api_version: str
    operation_id: str
    owner: str
    display_name: str
    description: str
    labels: Mapping[str, str]
    base_model: str
    source_model: str
    source_checkpoint: str
    method: TuningMethod
    requested: Hyperparameters
    resolved: Hyperparameters | None
    training_uri: str
    validation_uri: str
    export_last_checkpoint_only: bool
    sent: Json
    state: JobState
    phase: Phase
    error: Failure | None
    created_ns: int
    started_ns: int | None
    ended_ns: int | None
    updated_ns: int
    total_steps: int
    completed_steps: int
    completed_epochs: int
    statistics: DatasetStatistics | None
    experiment_id: str
    trainer: str
    device: str
    adapter: str
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    reader_project_numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """Metrics after one optimiser step: what Gemini calls a snapshot. ``kind`` is ``train`` or ``eval``."""

    step: int
    epoch: int
    mean_loss: float
    computed_ns: int
    kind: Literal["train", "eval"] = "train"
    predictions: int = 0
    correct: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved adapter of a Vertex job. ``id`` is "1", "2", …; ``endpoint_id`` "" while it has no endpoint."""

    job_uid: int
    id: str
    epoch: int
    step: int
    adapter: str
    endpoint_id: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model of Vertex' registry (the parent of its versions)."""

    uid: int
    project: str
    location: str
    id: str
    created_ns: int


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of a registered model, made by one tuning job. ``revision`` counts changes, for the etag."""

    model_uid: int
    project: str
    location: str
    model_id: str
    version: int
    aliases: tuple[str, ...]
    display_name: str
    description: str
    labels: Mapping[str, str]
    version_description: str
    base_model: str
    job_uid: int
    default_checkpoint: str
    created_ns: int
    updated_ns: int
    revision: int


@dataclass(frozen=True, slots=True)
class DeployedModel:
    """A model version (at a checkpoint) that an endpoint serves."""

    id: str
    model_id: str
    version: int
    checkpoint_id: str
    display_name: str
    created_ns: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Vertex endpoint."""

    uid: int
    project: str
    location: str
    id: str
    display_name: str
    description: str
    labels: Mapping[str, str]
    deployed: tuple[DeployedModel, ...]
    traffic: Mapping[str, int]
    created_ns: int
    updated_ns: int
    revision: int


@dataclass(frozen=True, slots=True)
class Operation:
    """A long-running operation that is not a Gemini create (those follow their job).

    Attributes:
        name: Full resource name, without version.
        metadata_type: Message name relative to the API's package; response_type likewise.
        job_uid: The job it waits for, or None when it was done at once.
    """

    name: str
    project: str
    location: str
    api_version: str
    metadata_type: str
    response_type: str
    created_ns: int
    updated_ns: int
    done: bool
    response: Json = field(default_factory=dict)
    error: Failure | None = None
    job_uid: int | None = None


@dataclass(frozen=True, slots=True)
class Permission:
    """Who may do what with a Gemini tuned model. ``id`` is the grantee's number, or ``everyone``."""

    job_uid: int
    id: str
    grantee_type: Literal["USER", "GROUP", "EVERYONE", ""]
    email: str
    role: Literal["OWNER", "WRITER", "READER"]

"""Our own rows: what the emulator knows about a tuning or a batch, whatever API asked for it.

Times are integer nanoseconds since the epoch, UTC. Resource ids are the last segment of a name only. Nothing here knows
how a service prints it.

Records that have no columns of their own are stored as JSON, field by field, under the names that stand here: a field
with a default may be added, and old rows have it then; any other change is one for ``store.migration``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal, TypeAlias

import msgspec

Api: TypeAlias = Literal["gemini", "vertex"]
JobKind: TypeAlias = Literal["gemini", "vertex", "gemini_batch", "vertex_batch"]
"""Whose job: a tuning job has its API's name alone."""

Json: TypeAlias = Mapping[str, Any]
"""A JSON object that core passes on without looking into it."""


class JobState(StrEnum):
    """Where a job stands. Of tuning jobs Gemini shows PENDING and RUNNING as CREATING and SUCCEEDED as ACTIVE."""

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


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row. ``msgspec.structs.replace`` makes a changed one; fields that it does not know are refused when read."""


class Failure(Record, frozen=True):
    """A ``google.rpc.Status`` that a job ended with. ``code`` is a google.rpc code."""

    code: int
    message: str


class Hyperparameters(Record, frozen=True):
    """What a job was asked to do or, once resolved, does. None: not given (or the trainer's default).

    ``learning_rate_multiplier`` multiplies the default rate of the API.
    """

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    learning_rate_multiplier: float | None = None
    adapter_size: int | None = None
    beta: float | None = None


Number: TypeAlias = int | float
"""Whole numbers stay whole in the store: they are printed faster."""


class Distribution(Record, frozen=True):
    """Statistics of one count per example. ``buckets`` are (count, left, right), empty ones left out."""

    sum: Number
    min: Number
    max: Number
    mean: Number
    median: Number
    p5: Number
    p95: Number
    buckets: tuple[tuple[int, Number, Number], ...]


class DatasetStatistics(Record, frozen=True):
    """What the service computes from a training set; see ``tuningDataStats``.

    Attributes:
        examples: Lines in the file, dropped ones included.
        billable_tokens: Sum of input and output tokens; not multiplied by epochs.
        dropped: (1-based index, reason) of examples left out, at most a sample of them.
        samples: The first examples as the client wrote them, texts cut; opaque JSON.
        reduced: No service's: what the trainer here leaves out of examples that it trains on, as (what and why, how
            many examples, 1-based index of the first one).
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
    reduced: tuple[tuple[str, int, int], ...] = ()


class Asked(Record, frozen=True):
    """What a create request said, read once when it came. Nothing of it ever changes.

    Attributes:
        base_model: Row of ``facts.base_models``, without prefix; of a continued job, that of the model it continues.
        hyperparameters: As sent; Gemini's are filled in at once with its defaults, and the multiplier kept as sent.
        source_model: Gemini: the tuned model tuned further, ``tunedModels/x``; Vertex: model name of ``preTunedModel``.
        source_checkpoint: Vertex: checkpoint id of ``preTunedModel``.
        training_uri: ``gs://…`` or "" when the examples came inline (``store.inline_dataset``).
        output_uri: Folder of Cloud Storage that gets the results, ``gs://bucket/folder``, or "".
        base_teacher: Of a distillation: the base model that answers the prompts, without prefix.
        tuned_teacher: Of a distillation: name of the tuned model that does, ``projects/p/locations/l/models/1@2``.
        full: All weights are tuned, not an adapter.
        echoed: Vertex: the request's tuning job as answers echo it, without output-only fields.
    """

    method: TuningMethod
    base_model: str
    hyperparameters: Hyperparameters = Hyperparameters()
    source_model: str = ""
    source_checkpoint: str = ""
    training_uri: str = ""
    validation_uri: str = ""
    output_uri: str = ""
    base_teacher: str = ""
    tuned_teacher: str = ""
    full: bool = False
    export_last_checkpoint_only: bool = False
    labels: Mapping[str, str] = {}
    echoed: Json = {}


class EvaluationRun(Record, frozen=True):
    """How a checkpoint did: an ``EvaluateDatasetRun``.

    Attributes:
        dataset_uri: Of the prompts and references.
        output_uri: Folder with the answers and their scores, "" where it could not be written.
        scores: Field of ``AggregationResult``, aggregation, figure. error: What could not be had.
    """

    checkpoint_id: str
    dataset_uri: str
    output_uri: str = ""
    scores: tuple[tuple[str, str, float], ...] = ()
    error: Failure | None = None


class Progress(Record, frozen=True):
    """How far a job is, and what it has made so far.

    Attributes:
        updated_ns: What its API shows as update time.
        state: Written by ``store.transition`` alone.
        resolved: Hyperparameters as used, once the dataset is known.
        experiment_id: Vertex' metadata context; "" until the dataset is processed.
        run_deleted: Vertex: the experiment is there without its run.
        deleted: Vertex: what else of the experiment clients have deleted, see ``vertex.experiments``.
        device, precision, threads, processes: What trains it, once it does; threads of each process.
        retries: How often it was given to its trainer again, which had died under it.
        adapter: Directory of the final adapter, relative to the data directory; "" until trained.
        weights: What played the base model: ``embedded``, the name of an added model, or a directory; "" until the
            dataset is known, and of jobs from before this was kept.
        evaluations: Vertex: of the checkpoints that have been evaluated so far.
        failed_steps: Of a batch, whose steps are its requests: how many of the completed ones ended in an error.
        output_directory: Of a batch: where in Cloud Storage its results are, or will be.
    """

    updated_ns: int
    state: JobState = JobState.PENDING
    phase: Phase = Phase.NONE
    error: Failure | None = None
    started_ns: int | None = None
    ended_ns: int | None = None
    resolved: Hyperparameters | None = None
    statistics: DatasetStatistics | None = None
    total_steps: int = 0
    completed_steps: int = 0
    completed_epochs: int = 0
    experiment_id: str = ""
    trainer: str = ""
    device: str = ""
    precision: str = ""
    threads: int = 0
    processes: int = 0
    retries: int = 0
    adapter: str = ""
    run_deleted: bool = False
    deleted: tuple[str, ...] = ()
    evaluations: tuple[EvaluationRun, ...] = ()
    failed_steps: int = 0
    output_directory: str = ""
    weights: str = ""


class Reserved(Record, frozen=True):
    """Ids that somebody chose for what a Vertex job makes; "" and () where the service chooses.

    Attributes:
        model, experiment: Of the registered model and of the metadata context.
        endpoint: Of the final checkpoint. checkpoints: (id, endpoint) of each, first to last; either may be "".
    """

    model: str = ""
    experiment: str = ""
    endpoint: str = ""
    checkpoints: tuple[tuple[str, str], ...] = ()


class Job(Record, frozen=True):
    """What the queue runs: work of some minutes that a client has asked for and comes back to.

    Attributes:
        uid: Our key; grows with creation order.
        project: As it stands in the path, or the caller's project for Gemini.
        location: Vertex region; "" for Gemini.
        id: Vertex: 18–19 digits. Gemini: id of the tuned model, or of the batch.
        api_version: Version it was created through; operations answer with its types.
        owner: Principal who created it, or was given it.
    """

    uid: int
    api: JobKind
    project: str
    location: str
    id: str
    api_version: str
    created_ns: int
    progress: Progress
    owner: str
    display_name: str


class TuningJob(Job, frozen=True):
    """One tuning of either API: what it is, what was asked for, what clients may change later, and how far it is.

    Attributes:
        operation_id: Gemini's create operation; "" for Vertex.
    """

    api: Api
    operation_id: str
    asked: Asked
    description: str = ""
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    reader_project_numbers: tuple[int, ...] = ()
    reserved: Reserved = Reserved()


class BatchAsked(Record, frozen=True):
    """What the request for a batch said. Nothing of it ever changes.

    Attributes:
        model: Who answers, as answers name it.
        base_model: Row of ``facts.base_models`` behind it.
        input_uris: Objects whose lines are the requests; () when they came inline (``store.inline_dataset``).
        output_uri: Folder of Cloud Storage in which the results get a folder of their own, or "".
        echoed: The request's message as answers echo it, without output-only fields.
    """

    model: str
    base_model: str
    input_uris: tuple[str, ...] = ()
    output_uri: str = ""
    echoed: Json = {}


class BatchJob(Job, frozen=True):
    """One batch of requests for content: Vertex' ``batchPredictionJobs``, Gemini's ``batches``."""

    asked: BatchAsked


class MetricPoint(Record, frozen=True):
    """Metrics after one optimiser step: what Gemini calls a snapshot. ``kind`` is ``train`` or ``eval``."""

    step: int
    epoch: int
    mean_loss: float
    computed_ns: int
    kind: Literal["train", "eval"] = "train"
    predictions: int = 0
    correct: int = 0


class Checkpoint(Record, frozen=True):
    """A saved adapter of a Vertex job. ``id`` is "1", "2", …; ``endpoint_id`` "" while it has no endpoint."""

    job_uid: int
    id: str
    epoch: int
    step: int
    adapter: str
    endpoint_id: str


class Model(Record, frozen=True):
    """A model of Vertex' registry (the parent of its versions)."""

    uid: int
    project: str
    location: str
    id: str
    created_ns: int


class ModelVersion(Record, frozen=True):
    """One version of a registered model, made by one tuning job. ``revision`` counts changes, for the etag.

    Attributes:
        copied_from: Name of the version that it is a copy of, with ``@version``; "" for the one that the job made.
    """

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
    copied_from: str = ""


class DeployedModel(Record, frozen=True):
    """A model version (at a checkpoint) that an endpoint serves."""

    id: str
    model_id: str
    version: int
    checkpoint_id: str
    display_name: str
    created_ns: int


class Endpoint(Record, frozen=True):
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


class Operation(Record, frozen=True):
    """A long-running operation that is not a Gemini create (those follow their job).

    Attributes:
        name: Full resource name, without version.
        metadata_type: Message name relative to the API's package; response_type likewise.
        job_uid: The job it waits for, or None when it was done at once.
        metadata: Of the metadata message, without the times.
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
    response: Json = {}
    error: Failure | None = None
    job_uid: int | None = None
    metadata: Json = {}


class CachedContent(Record, frozen=True):
    """Content that is kept for later prompts of a model, until it expires.

    Attributes:
        project: As of a tuning job. location: Vertex region; "" for Gemini.
        api_version: Whose JSON ``kept`` is.
        model: Who may be asked with it, as requests name it; ``base_model``: its row.
        kept: The ``GenerateContentRequest`` with what is kept of one; empty once deleted.
        tokens: Of all of it, as ``countTokens`` counts. characters: Of its texts.
        deleted: It is no more; that it was there is still known.
    """

    uid: int
    api: Api
    project: str
    location: str
    id: str
    api_version: str
    model: str
    base_model: str
    display_name: str
    kept: Json
    tokens: int
    characters: int
    created_ns: int
    updated_ns: int
    expires_ns: int
    deleted: bool = False


class Permission(Record, frozen=True):
    """Who may do what with a Gemini tuned model. ``id`` is the grantee's number, or ``everyone``."""

    job_uid: int
    id: str
    grantee_type: Literal["USER", "GROUP", "EVERYONE", ""]
    email: str
    role: Literal["OWNER", "WRITER", "READER"]

"""What a job means to the API that was asked for it; the steps of a job are the same for both."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol, TypeAlias

from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.job_control import JobFault
from tuning_emulator.core.records import Api, Job, JobKind, TuningJob
from tuning_emulator.jobs.evaluation import EvaluationPlan
from tuning_trainer.spec import Checkpoint


class Stage(StrEnum):
    """Where an unfinished job stands, as its API may show it: its state, and while it runs its phase, if it has any."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PROCESSING_DATASET = "PROCESSING_DATASET"
    WAITING_FOR_CAPACITY = "WAITING_FOR_CAPACITY"
    TUNING = "TUNING"
    POST_PROCESSING = "POST_PROCESSING"
    CANCELLING = "CANCELLING"


class JobApi(Protocol):
    """One of the two APIs, as far as jobs of one kind are held up, disturbed and named in it."""

    @property
    def stages(self) -> frozenset[Stage]:
        """The stages that its clients can tell apart; in the others a job of a pace does not linger."""
        ...

    def format_name(self, job: Job) -> str:
        """The job's resource name."""
        ...

    def explain(self, fault: JobFault) -> ApiError:
        """The words in which a job ends to which this was made to happen."""
        ...


class TuningApi(JobApi, Protocol):
    """One of the two APIs, as far as tuning jobs differ in it."""

    def find_source_adapter(self, job: TuningJob) -> str:
        """The adapter that a continued job starts from, relative to the data directory; "" if there is none."""
        ...

    def find_source_weights(self, job: TuningJob) -> str:
        """What the model was tuned on that a job continues; "" if there is none, or it is not known."""
        ...

    def list_checkpoint_steps(self, job: TuningJob) -> tuple[int, ...]:
        """After which steps the job saves a checkpoint."""
        ...

    def make_experiment_id(self, job: TuningJob, now_ns: int) -> str:
        """The id of a new job's experiment; "" where jobs have none."""
        ...

    def publish_checkpoint(self, job: TuningJob, checkpoint: Checkpoint, now_ns: int, *, deploy: bool) -> None:
        """Shows a trained checkpoint to clients.

        Args:
            checkpoint: Its ``directory`` is relative to the data directory.
            deploy: Without, it gets no endpoint, as where endpoints cannot be created.
        """
        ...

    def plan_evaluation(self, job: TuningJob) -> EvaluationPlan | None:
        """What a trained job's checkpoints are to be held against; None: nothing."""
        ...

    def publish_model(self, job: TuningJob, now_ns: int) -> None:
        """Shows the finished model to clients."""
        ...


TuningApis: TypeAlias = Mapping[Api, TuningApi]
JobApis: TypeAlias = dict[JobKind, JobApi]

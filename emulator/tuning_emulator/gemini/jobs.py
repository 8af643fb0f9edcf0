"""What a tuning job means to the Gemini API: a tuned model that is CREATING, and then ACTIVE."""

from __future__ import annotations

from msgspec import Struct

from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.job_control import FaultKind, JobFault
from tuning_emulator.core.records import Job, TuningJob
from tuning_emulator.facts import dataset_errors, gemini_errors
from tuning_emulator.gemini.convert import format_tuned_model_name, parse_tuned_model_name
from tuning_emulator.jobs.tuning_api import Stage
from tuning_emulator.store.store import Store
from tuning_trainer.spec import Checkpoint


class GeminiTuning(Struct, frozen=True):
    """See ``TuningApi``. Nothing is published but the tuned model itself, which is the job."""

    store: Store
    stages = frozenset({Stage.PENDING, Stage.TUNING, Stage.CANCELLING})

    def format_name(self, job: Job) -> str:
        """``tunedModels/{id}``."""
        return format_tuned_model_name(job)

    def explain(self, fault: JobFault) -> ApiError:
        """See ``TuningApi``."""
        match fault.kind:
            case FaultKind.DATASET_REJECTED:
                return dataset_errors.MISSING_CONTENTS(row=fault.at - 1)  # the service counts rows from 0
            case FaultKind.QUOTA_EXHAUSTED:
                return gemini_errors.GEMINI_EXHAUSTED()
            case _:
                return gemini_errors.GEMINI_INTERNAL()

    def find_source_adapter(self, job: TuningJob) -> str:
        """That of the tuned model that is tuned further."""
        parent = self._find_source(job)
        return parent.progress.adapter if parent else ""

    def find_source_weights(self, job: TuningJob) -> str:
        """Those of the tuned model that is tuned further."""
        parent = self._find_source(job)
        return parent.progress.weights if parent else ""

    def _find_source(self, job: TuningJob) -> TuningJob | None:
        source = job.asked.source_model
        return self.store.get_tuned_model(parse_tuned_model_name(source)) if source else None

    def list_checkpoint_steps(self, job: TuningJob) -> tuple[int, ...]:  # noqa: ARG002 as the other API's
        """None: snapshots are points of the loss curve, without weights."""
        return ()

    def make_experiment_id(self, job: TuningJob, now_ns: int) -> str:  # noqa: ARG002 as the other API's
        """There are no experiments."""
        return ""

    def publish_checkpoint(self, job: TuningJob, checkpoint: Checkpoint, now_ns: int, *, deploy: bool) -> None:
        """Nothing is shown."""

    def plan_evaluation(self, job: TuningJob) -> None:
        """No request asks for one."""

    def publish_model(self, job: TuningJob, now_ns: int) -> None:
        """Nothing is shown."""

"""The way of one job: check the dataset → resolve what was left open → train → publish → report.

Every change of state goes through ``store.transition``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from tuning_emulator.core import records
from tuning_emulator.core.clock import Clock, to_microseconds
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.core.job_control import TRAINING, FaultKind, Pace
from tuning_emulator.core.lifecycle import JobEvent
from tuning_emulator.core.records import (
    Failure,
    Hyperparameters,
    JobState,
    MetricPoint,
    Phase,
    TuningJob,
    TuningMethod,
)
from tuning_emulator.facts import emulator_errors, vertex_errors
from tuning_emulator.facts.limits import VERTEX_MAX_STEPS
from tuning_emulator.jobs.dataset import (
    DatasetPreparation,
    Prepared,
    count_dropped,
    count_reduced,
    log_reduced,
    resolve_hyperparameters,
)
from tuning_emulator.jobs.distillation import Distillation
from tuning_emulator.jobs.evaluation import CheckpointEvaluation
from tuning_emulator.jobs.output import write_output
from tuning_emulator.jobs.pacing import JobGate, Pacing, StoppedError
from tuning_emulator.jobs.trainer import Answering, Trainer, TrainerKilledError, TrainerUnavailableError
from tuning_emulator.jobs.tuning_api import Stage, TuningApis
from tuning_emulator.media.reading import MediaReader
from tuning_emulator.storage.objects import ObjectStore
from tuning_emulator.store.store import Store
from tuning_trainer.spec import (
    UNFINISHED,
    Cancelled,
    Checkpoint,
    Done,
    Evaluation,
    Event,
    Failed,
    Job,
    Method,
    Started,
    Step,
    parse_event,
    total_steps,
)


def describe_failure(error: ApiError) -> Failure:
    """An error as a job's record keeps it."""
    return Failure(error.code, error.message)


# --- what a resumed job did before and the server never heard

EVENTS_NAME = "events.jsonl"
"""File in a job's directory: every event as a JSON line, with ``time_ns``; see ``learning.checkpoint``."""


def read_events(directory: Path, up_to_step: int) -> Iterator[tuple[Event, int]]:
    """(event, its time) of steps, evaluations and checkpoints up to a step. A line cut off by a kill is left out."""
    path = directory / EVENTS_NAME
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            values = json.loads(line)
        except json.JSONDecodeError:
            continue
        if values.get("event") in ("step", "evaluation", "checkpoint") and values["step"] <= up_to_step:
            yield parse_event(values), int(values["time_ns"])


def recover_points(directory: Path, up_to_step: int) -> list[MetricPoint]:
    """The metrics that a job reached before it was resumed after ``up_to_step``."""
    return [
        MetricPoint(
            event.step,
            event.epoch,
            event.loss,
            time_ns,
            "train" if isinstance(event, Step) else "eval",
            event.predictions,
            event.correct,
        )
        for event, time_ns in read_events(directory, up_to_step)
        if isinstance(event, Step | Evaluation)
    ]


def recover_checkpoints(directory: Path, up_to_step: int) -> list[Checkpoint]:
    """The checkpoints that a job saved before it was resumed after ``up_to_step``, in its directory of today."""
    return [
        replace(event, directory=str(directory.joinpath(*Path(event.directory).parts[-2:])))
        for event, _ in read_events(directory, up_to_step)
        if isinstance(event, Checkpoint)
    ]


def remove_unfinished(directory: Path) -> None:
    """Removes what a killed trainer was writing, and nobody will write to its end."""
    for path in list(directory.rglob(UNFINISHED)):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


log = logging.getLogger(__name__)

CANCELLED = describe_failure(vertex_errors.JOB_CANCELLED())
"""What a job ends with when it was asked to stop."""

TRAINABLE: dict[TuningMethod, Method] = {
    TuningMethod.SUPERVISED: "supervised",
    TuningMethod.PREFERENCE: "preference",
    TuningMethod.FULL: "full",
    TuningMethod.DISTILLATION: "distillation",
}
"""What a trainer here can do. The others end in a FAILED job that says so."""


@dataclass(slots=True)
class Pipeline:
    """Runs one job per call of ``run``.

    Attributes:
        apis: What a job means to its API. answering: The trainers, and the weights that play base models.
        directory: Data directory; jobs keep their files under it.
        open_objects: Cloud Storage as it is reached now. media: Reads the files that examples name.
        seed: Of every job's training.
        pace: When what is done may be shown, where ``pacing`` has no other for the project or the job.
        retries: How often jobs of each API were given to their trainer again.
    """

    store: Store
    clock: Clock
    apis: TuningApis
    answering: Answering
    directory: Path
    open_objects: Callable[[], ObjectStore]
    media: MediaReader
    seed: int = 0
    pace: Pace = TRAINING
    pacing: Pacing = field(init=False)
    retries: Counter[str] = field(default_factory=Counter)
    _datasets: DatasetPreparation = field(init=False)
    _stops: dict[int, threading.Event] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pacing = Pacing(self.store.controls, self.clock, dict(self.apis.items()), self.pace)
        self._datasets = DatasetPreparation(self.open_objects, self.media, self.answering.sees)

    def job_directory(self, job: records.Job) -> Path:
        """Where a job keeps its examples, checkpoints and adapter."""
        return self.directory / "jobs" / f"{job.api}-{job.uid}"

    def cancel(self, job: records.Job) -> None:
        """Makes a running job stop: its dataset check ends at the next line, its trainer at once."""
        stop = self._stops.get(job.uid)
        if stop is not None:
            stop.set()
        if (trainer := self.answering.trainers.get(job.progress.trainer)) is not None:
            asyncio.get_running_loop().create_task(trainer.cancel(str(job.uid)))

    async def run(self, gate: JobGate) -> None:
        """Takes a RUNNING job to its end, or one that is CANCELLING."""
        uid = gate.uid
        stop = self._stops[uid] = threading.Event()
        try:
            if gate.stage is Stage.CANCELLING:
                raise StoppedError
            job = await self._prepare_job(gate, stop)
            await self._train(job, gate)
            await self._finish(gate, stop)
        except ApiError as error:
            await self._remove_unfinished(uid)
            self.store.transition(uid, JobEvent.FAIL, gate.now_ns(), error=describe_failure(error))
        except StoppedError:
            await self._remove_unfinished(uid)
            await self._end_cancelled(gate)
        finally:
            stop.set()  # where this task itself was ended, its thread is too
            self._stops.pop(uid, None)

    async def _remove_unfinished(self, uid: int) -> None:
        """Of a job that is at its end, what a killed trainer was writing goes."""
        if (job := self.store.get_job_by_uid(uid)) is not None:
            await asyncio.to_thread(remove_unfinished, self.job_directory(job))

    async def _end_cancelled(self, gate: JobGate) -> None:
        """CANCELLING → CANCELLED, unless the job is gone."""
        if self.store.get_job_by_uid(gate.uid) is None:
            return
        gate.enter(Stage.CANCELLING)
        with suppress(StoppedError):  # deleted meanwhile
            await gate.reach()
            self.store.transition(gate.uid, JobEvent.STOP, gate.now_ns(), error=CANCELLED)

    # ------------------------------------------------------------ steps

    async def _prepare_job(self, gate: JobGate, stop: threading.Event) -> TuningJob:
        """Checks the data and fixes everything that training depends on."""
        job = self._require(gate.uid)
        if job.progress.resolved is not None:
            return job  # resumed: its examples lie there already
        gate.enter(Stage.PROCESSING_DATASET)
        self._check_fault(gate, job, FaultKind.GLOBAL_NOT_ONBOARDED)
        prepared = await self._read_data(job, stop)
        await gate.reach()
        if isinstance(prepared, ApiError):
            raise prepared
        self._check_fault(gate, job, FaultKind.DATASET_REJECTED)
        resolved = resolve_hyperparameters(job, prepared)
        steps = total_steps(prepared.examples, resolved.epochs or 1, resolved.batch_size or 1)
        if steps > VERTEX_MAX_STEPS.value:
            raise vertex_errors.JOB_TOO_LONG(steps=steps, maximum=VERTEX_MAX_STEPS.value)
        self.store.transition(
            job.uid,
            JobEvent.CHECK if gate.paced else JobEvent.TUNE,
            gate.now_ns(),
            resolved=resolved,
            statistics=prepared.statistics,
            total_steps=steps,
            experiment_id=self.apis[job.api].make_experiment_id(job, gate.now_ns()),
            trainer=job.progress.trainer or self.answering.default,
            weights=self._choose_weights(job),
        )
        return self._require(job.uid)

    async def _read_data(self, job: TuningJob, stop: threading.Event) -> Prepared | ApiError:
        """The data, or why it cannot be trained on, which is for the job's pace to show."""
        if job.asked.method not in TRAINABLE:
            return emulator_errors.METHOD_UNTRAINED(method=job.asked.method.value, base_model=job.asked.base_model)
        directory = self.job_directory(job)
        directory.mkdir(parents=True, exist_ok=True)
        inline = self.store.get_inline_dataset(job.uid)
        files = (directory / "examples.jsonl", directory / "validation.jsonl")
        try:
            if job.asked.method is TuningMethod.DISTILLATION:
                distil = Distillation(self.store, self._datasets, self.answering)
                prepared = await distil(job, *files, _keep_going(stop))
            else:
                prepared = await asyncio.to_thread(self._datasets, job, inline, *files, _keep_going(stop))
        except ApiError as error:
            return error
        if stop.is_set():
            raise StoppedError
        return prepared

    async def _train(self, job: TuningJob, gate: JobGate) -> None:
        if job.progress.phase is Phase.POST_PROCESSING:
            return  # resumed: it is trained
        if job.progress.phase is not Phase.TUNING:
            gate.enter(Stage.WAITING_FOR_CAPACITY)
            await gate.reach()
        self._check_fault(gate, job, FaultKind.NO_CAPACITY)
        if job.progress.phase is not Phase.TUNING:
            self.store.transition(job.uid, JobEvent.TUNE, gate.now_ns())
            job = self._require(job.uid)
        gate.enter(Stage.TUNING)
        trainer = self.answering.trainers.get(job.progress.trainer)
        if trainer is None:
            raise emulator_errors.TRAINER_GONE(trainer=job.progress.trainer)
        try:
            spec = self._spec(job)
        except TrainerUnavailableError as error:
            raise _explain(error, 1) from error
        for attempt in range(1, trainer.attempts + 1):
            try:
                await self._follow(gate, trainer, spec, job.progress.total_steps)
                await gate.reach()
            except TrainerUnavailableError as error:
                log.warning("job %s, attempt %s of %s: %s", job.id, attempt, trainer.attempts, error)
                if attempt == trainer.attempts:
                    raise _explain(error, attempt) from error
                self._note_retry(job)
            else:
                return

    def _note_retry(self, job: TuningJob) -> None:
        """Raises StoppedError where nobody wants the job any more that its trainer has died under."""
        progress = self._require(job.uid).progress
        if progress.state is JobState.CANCELLING:
            raise StoppedError
        self.retries[job.api] += 1
        self.store.update_progress(job.uid, retries=progress.retries + 1)

    async def _follow(self, gate: JobGate, trainer: Trainer, spec: Job, total_steps: int) -> None:
        async with aclosing(trainer.train(spec)) as events:
            async for event in events:
                if isinstance(event, Step):  # the common one; it reads no record
                    await self._reach_step(gate, event.step, total_steps)
                    self.store.add_progress(gate.uid, self._make_point(gate, event, "train"))
                else:
                    total_steps = event.total_steps if isinstance(event, Started) else total_steps
                    await self._take(gate, trainer, event)

    async def _take(self, gate: JobGate, trainer: Trainer, event: Event) -> None:
        """What an event changes. Raises ApiError, and StoppedError also when the job was deleted."""
        uid = gate.uid
        job = self._require(uid)
        match event:
            case Started():
                statistics = job.progress.statistics
                counted = statistics and count_reduced(count_dropped(statistics, event.dropped), event)
                if event.cut:
                    reason = emulator_errors.CUT.format(limit=f"{event.max_tokens:,}")
                    log_reduced(job, {reason: (len(event.cut), event.cut[0] + 1)})
                machine = {name: getattr(event, name) for name in ("device", "precision", "threads", "processes")}
                self.store.update_progress(uid, **machine, total_steps=event.total_steps, statistics=counted)
                log.info("job %s trains: %s", job.id, ", ".join(f"{name} {value}" for name, value in machine.items()))
                self._recover(job, gate, event.resumed_from)
                if job.progress.state is JobState.CANCELLING:
                    await trainer.cancel(str(uid))
            case Evaluation():
                self.store.add_metric_points(uid, [self._make_point(gate, event, "eval")])
            case Checkpoint():
                self._publish(job, gate, event)
            case Done():
                adapter = str(Path(event.adapter).relative_to(self.directory))
                self.store.update_progress(uid, adapter=adapter)
            case Failed(code=Code.RESOURCE_EXHAUSTED):
                raise emulator_errors.TRAINER_STARVED()
            case Failed():
                row = emulator_errors.TRAINING_FAILED
                raise ApiError(Code(event.code), row.format(reason=event.message), rule=row.name)
            case Cancelled():
                raise StoppedError

    async def _reach_step(self, gate: JobGate, step: int, total_steps: int) -> None:
        """Waits until the job's pace lets it show a step, then does to it what was to happen there."""
        await gate.reach(step, total_steps)
        if (fault := gate.find_fault(FaultKind.INTERNAL_ERROR, FaultKind.CANCELLED)) is None:
            return
        if step >= min(fault.at, total_steps):
            if fault.kind is FaultKind.CANCELLED:
                gate.fire()
                self.store.transition(gate.uid, JobEvent.CANCEL, gate.now_ns())
                raise StoppedError
            self._check_fault(gate, self._require(gate.uid), FaultKind.INTERNAL_ERROR)

    def _check_fault(self, gate: JobGate, job: TuningJob, kind: FaultKind) -> None:
        """Ends a job to which this was to happen."""
        if (fault := gate.find_fault(kind)) is not None:
            gate.fire()
            raise self.apis[job.api].explain(fault)

    def _recover(self, job: TuningJob, gate: JobGate, resumed_from: int) -> None:
        """Makes the records agree with the step that the trainer goes on from."""
        self.store.drop_metric_points_after(job.uid, resumed_from)
        if not resumed_from:
            return
        directory = self.job_directory(job)
        known = {point.step for point in self.store.list_metric_points(job.uid)}
        points = [point for point in recover_points(directory, resumed_from) if point.step not in known]
        self.store.add_metric_points(job.uid, points)
        published = {checkpoint.step for checkpoint in self.store.list_checkpoints(job.uid)}
        for checkpoint in recover_checkpoints(directory, resumed_from):
            if checkpoint.step not in published:
                self._publish(job, gate, checkpoint)

    def _publish(self, job: TuningJob, gate: JobGate, event: Checkpoint) -> None:
        relative = str(Path(event.directory).relative_to(self.directory))
        deploy = gate.find_fault(FaultKind.ENDPOINT_CREATION_FAILED) is None
        checkpoint = replace(event, directory=relative)
        self.apis[job.api].publish_checkpoint(job, checkpoint, to_microseconds(gate.now_ns()), deploy=deploy)

    def _make_point(self, gate: JobGate, event: Step | Evaluation, kind: Literal["train", "eval"]) -> MetricPoint:
        return MetricPoint(event.step, event.epoch, event.loss, gate.now_ns(), kind, event.predictions, event.correct)

    async def _finish(self, gate: JobGate, stop: threading.Event) -> None:
        job = self._require(gate.uid)
        if job.progress.phase is Phase.TUNING:
            self.store.transition(gate.uid, JobEvent.TRAIN, gate.now_ns())
            job = self._require(gate.uid)
        gate.enter(Stage.POST_PROCESSING)
        await self._remove_unfinished(gate.uid)
        if job.asked.output_uri:
            results = (job.asked.output_uri, self.job_directory(job), self.directory / job.progress.adapter)
            await asyncio.to_thread(write_output, self.open_objects(), *results)
        await self._evaluate(job, stop)
        await gate.reach()
        with self.store.transaction():
            self.apis[job.api].publish_model(job, to_microseconds(gate.now_ns()))
            if gate.find_fault(FaultKind.ENDPOINT_CREATION_FAILED) is None:
                self.store.transition(gate.uid, JobEvent.SUCCEED, gate.now_ns())
        self._check_fault(gate, job, FaultKind.ENDPOINT_CREATION_FAILED)

    async def _evaluate(self, job: TuningJob, stop: threading.Event) -> None:
        """Evaluates the checkpoints that are not yet. A cancel waits for the one at hand (documented)."""
        plan = self.apis[job.api].plan_evaluation(job)
        if plan is None:
            return
        evaluate = CheckpointEvaluation(plan, self.answering, self.open_objects())
        examples = self.job_directory(job) / ("validation.jsonl" if plan.validation else "examples.jsonl")
        done = {run.checkpoint_id for run in job.progress.evaluations}

        def check_there() -> None:
            self._require(job.uid)

        for checkpoint in self.store.list_checkpoints(job.uid):
            if stop.is_set():
                raise StoppedError
            if checkpoint.id not in done:
                run = await evaluate(job, checkpoint, examples, check_there)
                known = self._require(job.uid).progress.evaluations
                if run.error is not None and not known:
                    log.warning("job %s, checkpoint %s: %s", job.id, checkpoint.id, run.error.message)
                self.store.update_progress(job.uid, evaluations=(*known, run))

    # ------------------------------------------------------------ inside

    def _spec(self, job: TuningJob) -> Job:
        directory = self.job_directory(job)
        validation = directory / "validation.jsonl"
        resolved = job.progress.resolved or Hyperparameters()
        return Job(
            id=str(job.uid),
            directory=str(directory),
            examples=str(directory / "examples.jsonl"),
            base_model=self.answering.find_weights(job.progress.weights or self._choose_weights(job)),
            validation=str(validation) if validation.exists() else None,
            method="full" if job.asked.full else TRAINABLE[job.asked.method],
            epochs=resolved.epochs or 1,
            batch_size=resolved.batch_size or 1,
            learning_rate=resolved.learning_rate or 1e-3,
            adapter_size=resolved.adapter_size or 4,
            seed=self.seed,
            checkpoint_steps=self.apis[job.api].list_checkpoint_steps(job),
            adapter=self._source_adapter(job),
            beta=0.1 if resolved.beta is None else resolved.beta,
        )

    def _choose_weights(self, job: TuningJob) -> str:
        """What plays the job's base model; of a job that continues another, what that was tuned on."""
        source = self.apis[job.api].find_source_weights(job)
        return source or self.answering.choose_weights(job.asked.base_model)

    def _source_adapter(self, job: TuningJob) -> str | None:
        """The adapter that a job continues from, as an absolute directory."""
        source = self.apis[job.api].find_source_adapter(job)
        return str(self.directory / source) if source else None

    def _require(self, uid: int) -> TuningJob:
        job = self.store.get_job_by_uid(uid)
        if job is None:  # deleted while it ran
            raise StoppedError
        return job


def _explain(error: TrainerUnavailableError, times: int) -> ApiError:
    """Why a job ends that its trainer could not be given again, after so many times."""
    if isinstance(error, TrainerKilledError):
        return emulator_errors.TRAINER_KILLED(times=times, signal=error.signal)
    return emulator_errors.TRAINER_FAILED(reason=f"{error} (tried {times} times)" if times > 1 else error)


def _keep_going(stop: threading.Event) -> Callable[[], None]:
    def check() -> None:
        if stop.is_set():
            raise StoppedError

    return check

"""The training loop: one for every model and method."""

from __future__ import annotations

import errno
import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tuning_trainer.architecture import UnsupportedModelError
from tuning_trainer.chat import UnsupportedTokenizerError
from tuning_trainer.checkpoint import (
    State,
    append_event,
    begin_events,
    checkpoint_directory,
    load_state,
    read_state,
    replace_directory,
    save_state,
)
from tuning_trainer.dataset import Dataset, InvalidDataError, encode_examples, read_examples
from tuning_trainer.lora import InvalidAdapterError
from tuning_trainer.model import TunedModel, choose_device, choose_threads, model_directory, open_tuned
from tuning_trainer.objective import Likelihood, Objective, Preference, Score
from tuning_trainer.optimizer import AdamW
from tuning_trainer.schedule import Plan
from tuning_trainer.spec import (
    Cancelled,
    Checkpoint,
    Done,
    Evaluation,
    Event,
    Failed,
    InvalidJobError,
    Job,
    Started,
    Step,
)
from tuning_trainer.tensorboard import write_job_metrics

log = logging.getLogger(__name__)

HIGH_LEARNING_RATE = 3e-3
"""Above this, tuning memorises the examples and the base model's generalising is lost (as measured)."""

STATE_INTERVAL_S = 2.0
"""Longest work that a crash may cost, beside the step in progress. Does not change any value."""

INVALID_ARGUMENT, RESOURCE_EXHAUSTED, INTERNAL = 3, 8, 13  # google.rpc.Code

_BAD_INPUT = (
    InvalidJobError,
    InvalidDataError,
    InvalidAdapterError,
    UnsupportedModelError,
    UnsupportedTokenizerError,
    FileNotFoundError,
)

BROKEN = "The training failed inside the trainer; its log says why."
FULL_DISK = "The trainer's disk is full."
NO_MEMORY = "The trainer's process had too little memory: use shorter examples or a smaller base model."

PART_EXAMPLES = 64
"""Of a batch that go through the model at once. Packed batches have hundreds of examples."""

SMALLER = 4
"""By this the part is divided when memory did not suffice for it."""

Report = Callable[[Event], None]


def run_job(job: Job, report: Report, stopped: Callable[[], bool] = lambda: False) -> Event:
    """Trains a job to its end, resuming what its directory holds, and returns its last event.

    Args:
        report: Called with every event as it happens; the last is ``Done``, ``Failed`` or ``Cancelled``.
        stopped: Asked between steps; True ends the job in a state that can be resumed.
    """
    try:
        last: Event = _train(job, report, stopped)
    except _BAD_INPUT as error:
        last = Failed(INVALID_ARGUMENT, str(error))
    except Exception as error:  # a trainer's failure is data for whoever asked for the job
        log.exception("%s", job.id)
        last = explain_failure(error)
    if Path(job.directory).is_dir():
        with suppress(OSError):  # a disk that is full keeps nobody from hearing how it ended
            append_event(job, last)
    report(last)
    return last


def explain_failure(error: Exception) -> Failed:
    """How a job ends by something that is no fault of its request."""
    if getattr(error, "errno", 0) == errno.ENOSPC:
        return Failed(INTERNAL, FULL_DISK)
    return Failed(RESOURCE_EXHAUSTED, NO_MEMORY) if wants_memory(error) else Failed(INTERNAL, BROKEN)


def wants_memory(error: Exception) -> bool:
    """Whether something failed for want of memory. Torch has a class for CUDA alone; on a CPU it says so in words."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or getattr(error, "errno", 0) == errno.ENOMEM:
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)


def _train(job: Job, report: Report, stopped: Callable[[], bool]) -> Event:
    run = _prepare(job)

    def tell(event: Event) -> None:
        append_event(job, event)
        report(event)

    begin_events(job, run.done)
    tell(run.started())
    for step in range(run.done + 1, run.plan.steps + 1):
        if stopped():
            run.save_state(step - 1)
            return Cancelled(step - 1)
        tell(run.learn(step))
        if run.validation and run.plan.ends_epoch(step):
            part = min(job.batch_size, run.part)
            tell(evaluate(run.validation, run.validation_size, part, step, run.plan.epoch(step)))
        if run.plan.saves_checkpoint(step):
            tell(run.save_checkpoint(step))
            run.save_state(step)  # last: a crash before it repeats the step and says everything again
        elif time.monotonic() - run.saved_at_s > STATE_INTERVAL_S:
            run.save_state(step)
    write_job_metrics(Path(job.directory), job.method)
    return Done(str(checkpoint_directory(job, run.plan.steps)))


@dataclass(slots=True)
class _Run:
    """A job with everything it works on.

    ``done``: steps behind it when it began. ``part``: examples of a batch that go through the model at once.
    """

    job: Job
    device: str
    precision: str
    threads: int
    model: TunedModel
    optimizer: AdamW
    plan: Plan
    training: Objective
    validation: Objective | None
    validation_size: int
    data: Dataset
    max_tokens: int
    done: int
    saved_at_s: float
    part: int

    def started(self) -> Started:
        """The first event."""
        plan, data = self.plan, self.data
        machine = (self.device, self.precision, self.threads)
        return Started(plan.examples, plan.steps, *machine, self.done, data.dropped, data.cut, self.max_tokens)

    def learn(self, step: int) -> Step:
        """One optimiser step."""
        batch = self.plan.batch(step)
        try:
            score = self._accumulate(batch)
        except Exception as error:
            part = min(len(batch), self.part) // SMALLER
            if not wants_memory(error) or not part:
                raise
            self.part = part
        else:
            part = 0
        if part:  # once, and out of the handler, which holds all that the step had made
            log.warning("%s: too little memory for a step, which is taken %s examples at a time", self.job.id, part)
            self._forget_gradients()
            score = self._accumulate(batch)
        self.optimizer.step()
        loss = float(score.loss.detach())
        if not math.isfinite(loss):
            rate = self.job.learning_rate
            raise InvalidJobError(f"learning_rate: {rate:g} is too high, the loss is {loss} at step {step}")
        return Step(step, self.plan.epoch(step), loss, score.predictions, score.correct, score.margin)

    def _accumulate(self, batch: list[int]) -> Score:
        """Gradients of a batch, a part at a time where it is large: of the mean over all predictions, as at once."""
        parts = [batch[start : start + self.part] for start in range(0, len(batch), self.part)]
        if len(parts) == 1:
            score = self.training(batch)
            torch.autograd.backward(score.loss)
            return score
        scores = []
        for part in parts:
            score = self.training(part)
            torch.autograd.backward(score.loss * score.predictions)
            scores.append(replace(score, loss=score.loss.detach()))
        total = sum(one.predictions for one in scores)
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                parameter.grad /= total
        loss = torch.stack([one.loss * one.predictions for one in scores]).sum() / total
        margin = sum(one.margin * one.predictions for one in scores) / total
        return Score(loss, total, sum(one.correct for one in scores), margin)

    def _forget_gradients(self) -> None:
        for parameter in self.model.parameters():
            parameter.grad = None
        if self.device == "cuda":
            torch.cuda.empty_cache()

    def save_checkpoint(self, step: int) -> Checkpoint:
        """Writes the adapter as it is after the step."""
        path = checkpoint_directory(self.job, step)
        replace_directory(path, self.model.save)
        return Checkpoint(step, self.plan.epoch(step), str(path))

    def save_state(self, step: int) -> None:
        """Writes what the next step depends on."""
        save_state(self.job, State(step, self.threads), self.model.parameters(), self.optimizer)
        self.saved_at_s = time.monotonic()


def _prepare(job: Job) -> _Run:
    """Loads model and examples, and takes up what the job's directory holds."""
    if not Path(job.directory).is_dir():
        raise InvalidJobError(f"directory: {job.directory!r} does not exist")
    if job.learning_rate > HIGH_LEARNING_RATE:
        log.warning(
            "%s: a learning rate of %g, above %g, may only memorise", job.id, job.learning_rate, HIGH_LEARNING_RATE
        )
    before = read_state(job)
    device, precision = choose_device(job.device, model_directory(job.base_model))
    model = open_tuned(job, device, precision)
    threads = job.threads or (before.threads if before else choose_threads(0, model.size))
    torch.set_num_threads(threads)
    data = _read(job, job.examples, model)
    check = _read(job, job.validation, model) if job.validation else None
    run = _Run(
        job=job,
        device=device,
        precision=precision,
        threads=threads,
        model=model,
        optimizer=AdamW(model.parameters(), job.learning_rate),
        plan=Plan(len(data.rows), job.epochs, job.batch_size, job.seed, job.checkpoint_steps),
        training=_objective(job, model, data, device),
        validation=_objective(job, model, check, device) if check else None,
        validation_size=len(check.rows) if check else 0,
        data=data,
        max_tokens=_limit(job, model),
        done=before.step if before else 0,
        saved_at_s=time.monotonic(),
        part=PART_EXAMPLES,
    )
    if before:  # only now: the preference objective has to see the model as it was
        load_state(job, model.parameters(), run.optimizer)
    return run


def _read(job: Job, path: str, model: TunedModel) -> Dataset:
    return encode_examples(read_examples(path), model.chat, _limit(job, model), job.method == "preference")


def _limit(job: Job, model: TunedModel) -> int:
    return min(job.max_tokens or model.max_tokens, model.max_tokens)


def _objective(job: Job, model: TunedModel, data: Dataset, device: str) -> Objective:
    if job.method == "preference":
        return Preference(model, data, device, job.beta, min(job.batch_size, PART_EXAMPLES))
    return Likelihood(model, data, device)


@torch.no_grad()
def evaluate(objective: Objective, count: int, batch_size: int, step: int, epoch: int) -> Evaluation:
    """Loss and hits over all ``count`` validation examples; the loss is the mean over predictions, not over batches."""
    total, predictions, correct = 0.0, 0, 0
    for start in range(0, count, batch_size):
        score = objective(range(start, min(start + batch_size, count)))
        total += float(score.loss.detach()) * score.predictions
        predictions += score.predictions
        correct += score.correct
    return Evaluation(step, epoch, total / predictions, predictions, correct)

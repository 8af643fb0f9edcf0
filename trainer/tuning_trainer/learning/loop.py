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

from tuning_trainer.data.chat import UnsupportedTokenizerError
from tuning_trainer.data.dataset import Dataset, InvalidDataError, encode_examples, read_examples
from tuning_trainer.durable import replace_directory
from tuning_trainer.learning.checkpoint import (
    State,
    append_event,
    begin_events,
    checkpoint_directory,
    load_state,
    read_state,
    save_state,
)
from tuning_trainer.learning.learner import Learner, wants_memory
from tuning_trainer.learning.memory import choose_budget
from tuning_trainer.learning.objective import Likelihood, Objective, Preference
from tuning_trainer.learning.optimizer import AdamW
from tuning_trainer.learning.parts import MOST_ROWS
from tuning_trainer.learning.ranks import Ranks
from tuning_trainer.learning.schedule import Plan
from tuning_trainer.learning.tensorboard import write_job_metrics
from tuning_trainer.model import TunedModel, choose_device, model_directory, open_tuned
from tuning_trainer.native.architecture import UnsupportedModelError
from tuning_trainer.native.lora import InvalidAdapterError
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
from tuning_trainer.threads import IdleCores, choose_threads

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

Report = Callable[[Event], None]


def run_job(
    job: Job,
    report: Report,
    stopped: Callable[[], bool] = lambda: False,
    ranks: Ranks | None = None,
    neighbours: int = 0,
) -> Event:
    """Trains a job to its end, resuming what its directory holds, and returns its last event.

    Args:
        report: Called with every event as it happens; the last is ``Done``, ``Failed`` or ``Cancelled``.
        stopped: Asked between steps; True ends the job in a state that can be resumed.
        ranks: The processes of the job, of which this is one; None starts those that it asks for.
        neighbours: Other jobs that run in this machine.

    Raises:
        RankKilledError: one of its processes was killed, which is no end: the same job goes on where it was.
    """
    ranks = ranks or start_ranks(job)
    try:
        if not Path(job.directory).is_dir():
            raise InvalidJobError(f"directory: {job.directory!r} does not exist")
        ranks.gather()
        last: Event = _train(job, report, stopped, ranks, neighbours)
    except _BAD_INPUT as error:
        last = Failed(INVALID_ARGUMENT, str(error))
    except Exception as error:  # a trainer's failure is data for whoever asked for the job
        log.exception("%s", job.id)
        last = ranks.explain() or explain_failure(error)
    finally:
        ranks.leave()
    if ranks.first and Path(job.directory).is_dir():
        with suppress(OSError):  # a disk that is full keeps nobody from hearing how it ended
            append_event(job, last)
    report(last)
    return last


def start_ranks(job: Job) -> Ranks:
    """The processes that a job asks for, none of which has nothing to do."""
    if min(job.processes, job.batch_size) <= 1:
        return Ranks()
    from tuning_trainer.learning.rank_processes import FirstRank  # most jobs have one process

    return FirstRank(job, min(job.processes, job.batch_size))


def explain_failure(error: Exception) -> Failed:
    """How a job ends by something that is no fault of its request."""
    if getattr(error, "errno", 0) == errno.ENOSPC:
        return Failed(INTERNAL, FULL_DISK)
    return Failed(RESOURCE_EXHAUSTED, NO_MEMORY) if wants_memory(error) else Failed(INTERNAL, BROKEN)


def _train(job: Job, report: Report, stopped: Callable[[], bool], ranks: Ranks, neighbours: int) -> Event:
    run = _prepare(job, ranks, neighbours)

    def tell(event: Event) -> None:
        if ranks.first:
            append_event(job, event)
            report(event)

    if ranks.first:
        begin_events(job, run.done)
    tell(run.started())
    for step in range(run.done + 1, run.plan.steps + 1):
        if ranks.agree(stopped()):
            run.save_state(step - 1)
            return Cancelled(step - 1)
        tell(run.learn(step))
        if run.validation and run.plan.ends_epoch(step):
            found = run.learner.evaluate(run.validation, job.batch_size)
            tell(Evaluation(step, run.plan.epoch(step), found.loss, found.predictions, found.correct))
        if run.plan.saves_checkpoint(step):
            if ranks.first:
                tell(run.save_checkpoint(step))
            run.save_state(step)  # last: a crash before it repeats the step and says everything again
        elif time.monotonic() - run.saved_at_s > STATE_INTERVAL_S:
            run.save_state(step)
    if ranks.first:
        write_job_metrics(Path(job.directory), job.method)
    return Done(str(checkpoint_directory(job, run.plan.steps)))


@dataclass(slots=True)
class _Run:
    """A job with everything it works on. ``done``: steps behind it when it began."""

    job: Job
    device: str
    precision: str
    threads: int
    ranks: Ranks
    model: TunedModel
    plan: Plan
    learner: Learner
    validation: Objective | None
    data: Dataset
    max_tokens: int
    done: int
    saved_at_s: float

    def started(self) -> Started:
        """The first event."""
        plan, data = self.plan, self.data
        machine = (self.device, self.precision, self.threads)
        started = Started(plan.examples, plan.steps, *machine, self.done, data.dropped, data.cut, self.max_tokens)
        return replace(started, processes=self.ranks.size)

    def learn(self, step: int) -> Step:
        """One optimiser step."""
        following = self.plan.batch(step + 1) if step < self.plan.steps else ()
        found = self.learner.step(self.plan.batch(step), following)
        if not math.isfinite(found.loss):
            rate = self.job.learning_rate
            raise InvalidJobError(f"learning_rate: {rate:g} is too high, the loss is {found.loss} at step {step}")
        return Step(step, self.plan.epoch(step), found.loss, found.predictions, found.correct, found.margin)

    def save_checkpoint(self, step: int) -> Checkpoint:
        """Writes the adapter as it is after the step."""
        path = checkpoint_directory(self.job, step)
        replace_directory(path, self.model.save)
        return Checkpoint(step, self.plan.epoch(step), str(path))

    def save_state(self, step: int) -> None:
        """Writes what the next step depends on."""
        if self.ranks.first:
            state = State(step, self.threads, self.learner.part_tokens)
            save_state(self.job, state, self.model.parameters(), self.learner.optimizer)
        self.saved_at_s = time.monotonic()


def _prepare(job: Job, ranks: Ranks, neighbours: int) -> _Run:
    """Loads model and examples, and takes up what the job's directory holds."""
    if job.learning_rate > HIGH_LEARNING_RATE:
        log.warning(
            "%s: a learning rate of %g, above %g, may only memorise", job.id, job.learning_rate, HIGH_LEARNING_RATE
        )
    before, idle = read_state(job), IdleCores()
    device, precision = choose_device(job.device, model_directory(job.weights))
    model = open_tuned(job, device, precision)
    share = ranks.size * (1 + neighbours)
    threads = job.threads or (before.threads if before else choose_threads(model.size, share, idle))
    torch.set_num_threads(threads)
    data = _read(job, job.examples, model)
    check = _read(job, job.validation, model) if job.validation else None
    training = _objective(job, model, data, device)
    part_tokens = before.part_tokens if before else 0
    optimizer = AdamW(model.parameters(), job.learning_rate)
    run = _Run(
        job=job,
        device=device,
        precision=precision,
        threads=threads,
        ranks=ranks,
        model=model,
        plan=Plan(len(data.rows), job.epochs, job.batch_size, job.seed, job.checkpoint_steps),
        learner=Learner(
            job.id,
            model,
            training,
            optimizer,
            ranks,
            part_tokens or count_part_tokens(job, model, device, share),
            device,
            threads,
        ),
        validation=_objective(job, model, check, device) if check else None,
        data=data,
        max_tokens=_limit(job, model),
        done=before.step if before else 0,
        saved_at_s=time.monotonic(),
    )
    if before:  # only now: the preference objective has to see the model as it was
        load_state(job, model.parameters(), optimizer)
    return run


def count_part_tokens(job: Job, model: TunedModel, device: str, share: int) -> int:
    """Tokens whose activations fit, rounded down to a power of two: what is free differs a little every time."""
    learned = sum(parameter.numel() for parameter in model.parameters())
    budget = choose_budget(job.activation_memory_bytes, device, learned, share)
    return 1 << max(0, (budget // model.activations.kept).bit_length() - 1)


def _read(job: Job, path: str, model: TunedModel) -> Dataset:
    return encode_examples(read_examples(path), model.chat, _limit(job, model), job.method == "preference")


def _limit(job: Job, model: TunedModel) -> int:
    return min(job.max_tokens or model.max_tokens, model.max_tokens)


def _objective(job: Job, model: TunedModel, data: Dataset, device: str) -> Objective:
    if job.method == "preference":
        return Preference(model, data, device, job.beta, min(job.batch_size, MOST_ROWS))
    return Likelihood(model, data, device)

"""A build in a folder of its own: step-based, seeded, resumable bit for bit on one thread.

Every step learns the model's turns of one batch of packed conversations; in the later stages a set of simulated tuning
jobs adds its gradient. The model that is kept is a running average of the weights.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import json
import math
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from base_model_build.feeds import Ahead, Batches, Helpers, Place, draw_job_set, draw_rows
from base_model_build.gradients import Gradients
from base_model_build.graphs import GraphedGradients
from base_model_build.muon import Muon
from base_model_build.network import STACKS, Branches, cast_weights, quicken
from base_model_build.recipe import Recipe, Stage
from base_model_build.rows import Encoder, Packed
from base_model_build.simulate import Jobs, drop_lost, tune_jobs
from base_model_build.tokenizer import describe_tokenizer, save_tokenizer, train_tokenizer
from base_model_build.word_vectors import join_vectors, list_word_pairs
from tuning_trainer.base_model import BOS, EOT, PAD, read_tokenizer
from tuning_trainer.learning.optimizer import AdamW
from tuning_trainer.native.weights import count_parameters, init_weights, save_weights

T = TypeVar("T")

EMBEDDING = "embedding"
"""The weight that has a vector for each token."""

WARM_UP = 80
"""Steps at the very beginning over which the learning rate grows."""

AHEAD = 6
"""Pools and sets of jobs that helpers draw ahead."""

ASKED_BEFORE_EVERY = 8
"""Every so many sets of jobs the questions are asked before tuning too, for the log."""


@dataclass(slots=True)
class Counts:
    """What is behind a run."""

    stage: int = 0
    step: int = 0
    """Within the stage."""
    steps: int = 0
    positions: int = 0
    learned: int = 0
    jobs: int = 0
    lost: int = 0
    """Simulated jobs that ran away."""
    skipped: int = 0
    """Steps whose gradient was not finite."""
    seconds: float = 0.0
    """Processor time."""


@dataclass(slots=True)
class _Open:
    """What a stage is fed with."""

    narrow: Batches
    wide: Batches
    jobs: Callable[[int], tuple[str, Jobs]]


class Run:
    """A build, from its first step or from its checkpoint.

    Args:
        device: Where it computes; on CUDA with graphs.
        helpers: How many other processes draw rows and jobs ahead of their use; does not change any value.
    """

    def __init__(self, recipe: Recipe, directory: Path, *, device: str = "cpu", helpers: int = 0) -> None:
        torch.set_num_threads(1)
        directory.mkdir(parents=True, exist_ok=True)
        self.recipe, self.directory = recipe, directory
        self.dtype = getattr(torch, recipe.precision)
        self.tokenizer = _prepare_tokenizer(recipe, directory)
        self.encoder = Encoder(self.tokenizer)
        self.config = recipe.shape.config(self.tokenizer.get_vocab_size())
        first = init_weights(self.config, recipe.seed)
        self.weights = {name: tensor.to(device).requires_grad_() for name, tensor in first.items()}
        self.average = {name: tensor.detach().clone() for name, tensor in self.weights.items()}
        self.earlier: dict[str, Tensor] = {}
        counts = [len(self.config.parts[name]) for name in STACKS]
        stacks = [self.weights[name] for name in STACKS]
        self.pairs = list_word_pairs(self.tokenizer, recipe.shape.whole_words).to(device)
        self.muon = Muon(stacks, counts, decay=recipe.decay, dtype=self.dtype)
        others = [tensor for name, tensor in self.weights.items() if name not in STACKS]
        self.adam = AdamW(others, recipe.adam_rate, betas=(0.9, 0.98), clip=0.0)
        self.gradients = (
            Gradients(self.config, self.dtype) if device == "cpu" else GraphedGradients(self.config, self.dtype, device)
        )
        self.device = device
        self.counts = Counts()
        self.places = (Place(), Place())
        self._helpers = Helpers(directory, helpers) if helpers else None
        self._open: _Open | None = None

    # ------------------------------------------------------------ learning

    @property
    def stage(self) -> Stage:
        """The stage of the next step."""
        return self.recipe.stages[self.counts.stage]

    @property
    def done(self) -> bool:
        """Whether all stages are behind."""
        return self.counts.stage == len(self.recipe.stages)

    def train_step(self) -> dict[str, float]:
        """One optimiser step; returns what to log."""
        started = time.process_time()
        stage, counts = self.stage, self.counts
        if stage.tied and not counts.step:
            join_vectors(self.average[EMBEDDING], self.pairs)
        batch = self._next_batch()
        loss, gradients = self.gradients.of_rows(self.weights, batch)
        report = {"loss": float(loss)}
        if stage.jobs_every and counts.step % stage.jobs_every == stage.jobs_every - 1:
            more = self._tune(counts.step // stage.jobs_every, report)
            gradients = [gradient + stage.strength * extra for gradient, extra in zip(gradients, more, strict=True)]
        self._update(gradients)
        counts.positions += batch.ids.numel()
        counts.learned += int(batch.learned.sum())
        counts.steps += 1
        counts.step += 1
        if counts.step == stage.steps:
            if stage.name == self.recipe.earlier:
                self.earlier = {name: tensor.clone() for name, tensor in self.average.items()}
            counts.stage, counts.step = counts.stage + 1, 0
            self.places, self._open = (Place(), Place()), None
        counts.seconds += time.process_time() - started
        return report

    def _source(self, draw: Callable[..., T], **settings: object) -> Callable[[int], T]:
        """What draws a numbered thing of this stage, here or ahead in the helpers."""
        chosen = functools.partial(draw, recipe=self.recipe, stage=self.counts.stage, **settings)
        if self._helpers:
            return Ahead(self._helpers, chosen, AHEAD)
        return functools.partial(chosen, self.encoder)

    @property
    def feeds(self) -> _Open:
        """What the stage is fed with."""
        if self._open is None:
            self._open = _Open(
                Batches(self._source(draw_rows, width="narrow"), self.stage.narrow.rows, self.places[0]),
                Batches(self._source(draw_rows, width="wide"), self.stage.wide.rows, self.places[1]),
                self._source(draw_job_set, vocabulary=self.tokenizer.get_vocab_size()),
            )
        return self._open

    def _next_batch(self) -> Packed:
        wide = self.counts.step % self.stage.wide_every == self.stage.wide_every - 1
        return (self.feeds.wide if wide else self.feeds.narrow).take()

    def _tune(self, number: int, report: dict[str, float]) -> list[Tensor]:
        """Gradients of what a set of simulated jobs is asked halfway and after tuning, their mean."""
        name, jobs = self.feeds.jobs(number)
        jobs = dataclasses.replace(jobs, branches=jobs.branches.to(self.device))
        frozen = cast_weights({key: tensor.detach() for key, tensor in self.weights.items()}, self.dtype)
        if number % ASKED_BEFORE_EVERY == 0:
            report[f"{name} before"] = self.gradients.loss_before(frozen, jobs.asked, jobs.kind.jobs)

        found: list[list[Tensor]] = []

        def ask(branches: Branches) -> float:
            loss, gradients = self.gradients.of_asked(self.weights, jobs.asked, jobs.kind.jobs, branches)
            found.append([gradient.clone() for gradient in gradients])
            return float(loss)

        def hear(step: int, losses: Tensor, branches: Branches) -> None:
            if step == 0:
                report[f"{name} shown"] = float(losses.mean())
            if step == jobs.kind.steps // 2 - 1:
                settled = drop_lost(branches.replace([p.detach() for p in branches.parameters()]))[0]
                report[f"{name} halfway"] = ask(settled)

        tuned, lost = drop_lost(tune_jobs(self.gradients, frozen, jobs, hear))
        report[f"{name} asked"] = ask(tuned)
        self.counts.jobs += jobs.kind.jobs
        self.counts.lost += lost
        return [torch.stack(each).mean(0) for each in zip(*found, strict=True)]

    def rate(self) -> float:
        """Share of the greatest learning rates at the next step."""
        first, last = self.stage.rates
        return min(1.0, (self.counts.steps + 1) / WARM_UP) * (
            first + (last - first) * self.counts.step / self.stage.steps
        )

    def _update(self, gradients: list[Tensor]) -> None:
        if not all(math.isfinite(float(torch.linalg.vector_norm(gradient))) for gradient in gradients):
            self.counts.skipped += 1
            return
        for tensor, gradient in zip(self.weights.values(), gradients, strict=True):
            tensor.grad = gradient
        self.muon.step(self.recipe.muon_rate * self.rate())
        self.adam.learning_rate = self.recipe.adam_rate * self.rate()
        self.adam.step()
        if self.stage.tied:
            join_vectors(self.weights[EMBEDDING], self.pairs)
        keep = min(self.recipe.keep, (self.counts.steps + 1) / (self.counts.steps + 10))
        with torch.no_grad():
            for name, tensor in self.average.items():
                tensor.lerp_(self.weights[name], 1 - keep)

    def close(self) -> None:
        """Ends the helpers."""
        if self._helpers:
            self._helpers.close()

    # ------------------------------------------------------------ files

    def save(self) -> None:
        """Writes ``checkpoint.pt`` by a rename, so that a killed run finds a whole one."""
        state = {
            "recipe": self.recipe.describe(),
            "weights": {name: tensor.detach() for name, tensor in self.weights.items()},
            "average": self.average,
            "earlier": self.earlier,
            "muon": self.muon.means,
            "adam": self.adam.state(),
            "places": [(place.pool, place.batch) for place in self.places],
            "counts": {name: getattr(self.counts, name) for name in Counts.__slots__},
        }
        target = self.directory / "checkpoint.pt"
        with open(target.with_suffix(".tmp"), "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        target.with_suffix(".tmp").replace(target)

    @torch.no_grad()
    def restore(self) -> bool:
        """Goes on from ``checkpoint.pt``; False where there is none.

        Raises:
            ValueError: the checkpoint was made by another recipe.
        """
        path = self.directory / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["recipe"] != self.recipe.describe():
            raise ValueError(f"recipe: {path} was made by another one: {state['recipe']}")
        for name, tensor in self.weights.items():
            tensor.copy_(state["weights"][name])
            self.average[name].copy_(state["average"][name])
        self.earlier = state["earlier"]
        for mean, saved in zip(self.muon.means, state["muon"], strict=True):
            mean.copy_(saved)
        self.adam.restore(state["adam"])
        self.counts = Counts(**state["counts"])
        first, second = (Place(pool, batch) for pool, batch in state["places"])
        self.places, self._open = (first, second), None
        return True

    def export(self, directory: Path) -> None:
        """Writes the averaged model, with the earlier one's share, as a Hugging Face directory, float16."""
        tokens = {"bos_token_id": BOS, "eos_token_id": EOT, "pad_token_id": PAD}
        share = self.recipe.earlier_share
        kept = {
            name: tensor.lerp(self.earlier[name], share) if self.earlier else tensor
            for name, tensor in self.average.items()
        }
        weights = quicken(kept, self.config, self.recipe.gain)
        save_weights(weights, self.config, directory, torch.float16, **tokens)
        save_tokenizer(self.tokenizer, directory)
        files = {
            "tokenizer_config.json": describe_tokenizer(),
            "generation_config.json": {**tokens, "do_sample": False, "max_new_tokens": 256},
        }
        for name, content in files.items():
            (directory / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _prepare_tokenizer(recipe: Recipe, directory: Path) -> Any:
    if not (directory / "tokenizer.json").exists():
        shape = recipe.shape
        made = train_tokenizer(shape.vocabulary, recipe.seed, shape.tokenizer_episodes, shape.whole_words)
        save_tokenizer(made, directory)
    return read_tokenizer(directory)


class Progress:
    """Lines of ``log.jsonl`` and of standard error: means since the last line, and the time that is left."""

    def __init__(self, run: Run) -> None:
        self._run, self._sums = run, defaultdict[str, list[float]](list)
        self._since = (time.monotonic(), run.counts.steps)

    def add(self, report: dict[str, float]) -> None:
        """Takes in a step."""
        for name, value in report.items():
            self._sums[name].append(value)

    def write(self) -> None:
        """Writes a line and begins the next."""
        run, (began, steps) = self._run, self._since
        pace = (time.monotonic() - began) / max(1, run.counts.steps - steps)
        left = sum(stage.steps for stage in run.recipe.stages[run.counts.stage :]) - run.counts.step
        counts = {name: getattr(run.counts, name) for name in Counts.__slots__}
        name = "done" if run.done else run.stage.name
        line = counts | {"stage": name, "seconds": round(run.counts.seconds)}
        line |= {name: round(sum(values) / len(values), 4) for name, values in sorted(self._sums.items())}
        with open(run.directory / "log.jsonl", "a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        sys.stderr.write(f"{json.dumps(line)} {pace:.2f} s a step, {left * pace / 3600:.1f} h left at this pace\n")
        self._sums.clear()
        self._since = (time.monotonic(), run.counts.steps)


def return_memory() -> None:
    """Hands freed memory back to the system, where the C library can: tensors of ever new sizes leave holes."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def train(
    run: Run,
    *,
    until: int | None = None,
    slice_s: float | None = None,
    save_s: float = 240.0,
    pause: Path | None = None,
    stopped: Callable[[], bool] = lambda: False,
    log_every: int = 100,
) -> None:
    """Goes on with a run until it is done, or for a while.

    Args:
        until: Stop after so many steps in all.
        slice_s: Stop after so many seconds.
        save_s: Seconds between checkpoints. Does not change any value.
        pause: While this file exists, wait.
        stopped: Asked between steps; True ends as a slice does.
    """
    began = saved = time.monotonic()
    progress = Progress(run)
    if not run.counts.steps:
        sys.stderr.write(f"{count_parameters(run.weights)} parameters, vocabulary {run.config.vocab_size}\n")
    while not run.done and run.counts.steps != until and not stopped():
        if slice_s and time.monotonic() - began > slice_s:
            break
        while pause is not None and pause.exists() and not stopped():
            time.sleep(2)
        progress.add(run.train_step())
        if run.counts.steps % log_every == 0 or run.done:
            progress.write()
            return_memory()
        if time.monotonic() - saved > save_s:
            run.save()
            saved = time.monotonic()
    run.save()
    run.export(run.directory / "model")

"""A build in a folder of its own: step-based, seeded, resumable bit for bit on one thread.

Every step learns the model's turns of one batch of packed conversations; in the later stages a set of simulated tuning
jobs adds its gradient. The model that is kept is a running average of the weights.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor

from base_model_build.muon import Muon
from base_model_build.network import STACKS, cast_weights, document_bias, hidden_states, token_losses
from base_model_build.recipe import Feed, Recipe, Stage
from base_model_build.rows import Encoder, Packed, draw_pool
from base_model_build.simulate import Jobs, draw_jobs, drop_lost, job_losses, tune_jobs
from base_model_build.tokenizer import describe_tokenizer, save_tokenizer, train_tokenizer
from tuning_trainer.base_model import BOS, EOT, PAD, read_tokenizer
from tuning_trainer.llama import Weights, count_parameters, init_weights, save_weights
from tuning_trainer.optimizer import AdamW

WARM_UP = 80
"""Steps at the very beginning over which the learning rate grows."""

ASKED_BEFORE_EVERY = 8
"""Every so many sets of jobs the questions are asked before tuning too, for the log."""


@dataclass(slots=True)
class Place:
    """Where a feed stands: which pool, and the next batch in it. The pools themselves are computed again."""

    pool: int = -1
    batch: int = 0


class Rows:
    """Batches of one feed of one stage."""

    def __init__(self, encoder: Encoder, feed: Feed, name: str, place: Place) -> None:
        self._encoder, self._feed, self._name, self.place = encoder, feed, name, place
        self._packed = self._draw() if place.pool >= 0 else None

    def _draw(self) -> Packed:
        feed = self._feed
        name = f"{self._name}/{self.place.pool}"
        return draw_pool(
            self._encoder, name, feed.shares, episodes=feed.episodes, width=feed.width, characters=feed.characters
        )

    def next_batch(self) -> Packed:
        """The next batch; a new pool is drawn where the last one ends."""
        count = self._feed.rows
        if self._packed is None or (self.place.batch + 1) * count > len(self._packed.ids):
            self.place.pool, self.place.batch = self.place.pool + 1, 0
            self._packed = self._draw()
        part = slice(self.place.batch * count, (self.place.batch + 1) * count)
        self.place.batch += 1
        return Packed(self._packed.ids[part], self._packed.documents[part], self._packed.learned[part])


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


class Run:
    """A build, from its first step or from its checkpoint."""

    def __init__(self, recipe: Recipe, directory: Path) -> None:
        torch.set_num_threads(1)
        directory.mkdir(parents=True, exist_ok=True)
        self.recipe, self.directory = recipe, directory
        self.dtype = getattr(torch, recipe.precision)
        self.tokenizer = _prepare_tokenizer(recipe, directory)
        self.encoder = Encoder(self.tokenizer)
        self.config = recipe.shape.config(self.tokenizer.get_vocab_size())
        self.weights = {name: t.requires_grad_() for name, t in init_weights(self.config, recipe.seed).items()}
        self.average = {name: tensor.detach().clone() for name, tensor in self.weights.items()}
        counts = [len(self.config.parts[name]) for name in STACKS]
        stacks = [self.weights[name] for name in STACKS]
        self.muon = Muon(stacks, counts, decay=recipe.decay, dtype=self.dtype)
        others = [tensor for name, tensor in self.weights.items() if name not in STACKS]
        self.adam = AdamW(others, recipe.adam_rate, betas=(0.9, 0.98), clip=0.0)
        self.counts = Counts()
        self.places = (Place(), Place())
        self._feeds: tuple[Rows, Rows] | None = None

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
        batch = self._next_batch()
        weights = cast_weights(self.weights, self.dtype)
        loss = self._loss(weights, batch)
        report = {"loss": float(loss.detach())}
        gradients = list(torch.autograd.grad(loss, list(self.weights.values())))
        if stage.jobs_every and counts.step % stage.jobs_every == stage.jobs_every - 1:
            more = self._tune(counts.step // stage.jobs_every, report)
            gradients = [gradient + stage.strength * extra for gradient, extra in zip(gradients, more, strict=True)]
        self._update(gradients)
        counts.positions += batch.ids.numel()
        counts.learned += int(batch.learned.sum())
        counts.steps += 1
        counts.step += 1
        if counts.step == stage.steps:
            counts.stage, counts.step = counts.stage + 1, 0
            self.places, self._feeds = (Place(), Place()), None
        counts.seconds += time.process_time() - started
        return report

    def _next_batch(self) -> Packed:
        if self._feeds is None:
            name = f"{self.recipe.seed}/{self.stage.name}"
            self._feeds = (
                Rows(self.encoder, self.stage.narrow, f"{name}/narrow", self.places[0]),
                Rows(self.encoder, self.stage.wide, f"{name}/wide", self.places[1]),
            )
        wide = self.counts.step % self.stage.wide_every == self.stage.wide_every - 1
        return self._feeds[wide].next_batch()

    def _loss(self, weights: Weights, batch: Packed) -> Tensor:
        """Mean nats per learned token."""
        ids = batch.ids.long()
        hidden = hidden_states(weights, self.config, ids, document_bias(batch.documents, self.dtype))
        places = batch.learned.flatten().nonzero()[:, 0] - 1
        return token_losses(weights, hidden, places, ids).mean()

    def _tune(self, number: int, report: dict[str, float]) -> list[Tensor]:
        """Gradients of what a set of simulated jobs is asked after tuning."""
        stage, random = self.stage, Random(f"{self.recipe.seed}/{self.stage.name}/kinds/{number}")
        name = random.choices(list(stage.kinds), list(stage.kinds.values()))[0]
        jobs = draw_jobs(
            self.recipe.kinds[name], self.encoder, self.config, f"{self.recipe.seed}/{stage.name}/jobs/{number}"
        )
        frozen = cast_weights({key: tensor.detach() for key, tensor in self.weights.items()}, self.dtype)
        if number % ASKED_BEFORE_EVERY == 0:
            with torch.no_grad():
                report[f"{name} before"] = self._ask(frozen, jobs, None)

        def hear(step: int, losses: Tensor) -> None:
            if step == 0:
                report[f"{name} shown"] = float(losses.mean())

        tuned, lost = drop_lost(tune_jobs(frozen, self.config, jobs, hear))
        weights = cast_weights(self.weights, self.dtype)
        loss = job_losses(weights, self.config, jobs.asked, jobs.kind.jobs, tuned).mean()
        report[f"{name} asked"] = float(loss.detach())
        self.counts.jobs += jobs.kind.jobs
        self.counts.lost += lost
        return list(torch.autograd.grad(loss, list(self.weights.values())))

    def _ask(self, weights: Weights, jobs: Jobs, tuned: None) -> float:
        return float(job_losses(weights, self.config, jobs.asked, jobs.kind.jobs, tuned).mean())

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
        keep = min(self.recipe.keep, (self.counts.steps + 1) / (self.counts.steps + 10))
        with torch.no_grad():
            for name, tensor in self.average.items():
                tensor.lerp_(self.weights[name], 1 - keep)

    # ------------------------------------------------------------ files

    def save(self) -> None:
        """Writes ``checkpoint.pt`` by a rename, so that a killed run finds a whole one."""
        state = {
            "recipe": self.recipe.describe(),
            "weights": {name: tensor.detach() for name, tensor in self.weights.items()},
            "average": self.average,
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
        state = torch.load(path, weights_only=True)
        if state["recipe"] != self.recipe.describe():
            raise ValueError(f"recipe: {path} was made by another one: {state['recipe']}")
        for name, tensor in self.weights.items():
            tensor.copy_(state["weights"][name])
            self.average[name].copy_(state["average"][name])
        for mean, saved in zip(self.muon.means, state["muon"], strict=True):
            mean.copy_(saved)
        self.adam.restore(state["adam"])
        self.counts = Counts(**state["counts"])
        first, second = (Place(pool, batch) for pool, batch in state["places"])
        self.places, self._feeds = (first, second), None
        return True

    def export(self, directory: Path) -> None:
        """Writes the averaged model as a Hugging Face directory, float16."""
        tokens = {"bos_token_id": BOS, "eos_token_id": EOT, "pad_token_id": PAD}
        save_weights(self.average, self.config, directory, torch.float16, **tokens)
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
        save_tokenizer(train_tokenizer(shape.vocabulary, recipe.seed, shape.tokenizer_episodes), directory)
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


def train(
    run: Run,
    *,
    until: int | None = None,
    slice_s: float | None = None,
    save_s: float = 240.0,
    pause: Path | None = None,
    log_every: int = 100,
) -> None:
    """Goes on with a run until it is done, or for a while.

    Args:
        until: Stop after so many steps in all.
        slice_s: Stop after so many seconds.
        save_s: Seconds between checkpoints. Does not change any value.
        pause: While this file exists, wait.
    """
    began = saved = time.monotonic()
    progress = Progress(run)
    if not run.counts.steps:
        sys.stderr.write(f"{count_parameters(run.weights)} parameters, vocabulary {run.config.vocab_size}\n")
    while not run.done and run.counts.steps != until and not (slice_s and time.monotonic() - began > slice_s):
        while pause is not None and pause.exists():
            time.sleep(2)
        progress.add(run.train_step())
        if run.counts.steps % log_every == 0 or run.done:
            progress.write()
        if time.monotonic() - saved > save_s:
            run.save()
            saved = time.monotonic()
    run.save()
    run.export(run.directory / "model")

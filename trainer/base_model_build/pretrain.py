"""Pre-training of the embedded base model: step-based, seeded, resumable bit for bit on one thread.

    python -m base_model_build.pretrain WORK --recipe wide

Every step learns the model's turns of one batch of episodes; from ``meta_from`` on it also meta-tunes. Some bare
episodes carry a latent code of their task, a vector added to the residual stream after the first layer, so that the
network learns to do what a small change of its state asks for; that is the kind of change an adapter makes. The codes
are thrown away. The model that is kept is a running average of the weights.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from base_model_build.meta import PLANS, add_meta_gradient
from base_model_build.mixture import Encoder, Row, draw_pool
from base_model_build.muon import Muon
from base_model_build.recipes import RECIPES, Recipe
from base_model_build.tasks import list_codes
from base_model_build.tokenizer import describe_tokenizer, save_tokenizer, train_tokenizer
from tuning_trainer.base_model import BOS, EOT, MAX_POSITIONS, PAD, read_tokenizer
from tuning_trainer.llama import (
    Config,
    Weights,
    apply_layer,
    count_parameters,
    init_weights,
    logits,
    rotation,
    save_weights,
    split_layers,
)
from tuning_trainer.optimizer import AdamW

MATRICES: Final = ("qkv", "output", "gate_up", "down")
"""Learned by Muon; everything else by AdamW."""


def make_config(recipe: Recipe, vocabulary: int) -> Config:
    """The model's shape; the vocabulary is rounded up to a multiple of eight."""
    return Config(
        vocab_size=-(-vocabulary // 8) * 8,
        hidden_size=recipe.hidden_size,
        layers=recipe.layers,
        heads=recipe.heads,
        kv_heads=recipe.heads,
        head_size=recipe.hidden_size // recipe.heads,
        mlp_size=recipe.mlp_size,
        max_positions=MAX_POSITIONS,
    )


def rate_at(recipe: Recipe, step: int) -> float:
    """Learning rate as a share of the peak: 60 steps of warm-up, constant, cosine to 3 %."""
    warm = min(1.0, (step + 1) / 60)
    done = (step / recipe.steps - recipe.constant) / (1 - recipe.constant)
    return warm * (1.0 if done <= 0 else 0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * done)))


def meta_tunes_at(recipe: Recipe, step: int) -> bool:
    """Whether this step also meta-tunes."""
    behind = step - recipe.meta_from * recipe.steps
    return behind >= 0 and (behind < recipe.meta_dense or step % recipe.meta_every == 0)


@dataclass(slots=True)
class Feed:
    """Where the data stands: which pool, and the next batch in it. The pools themselves are computed again."""

    pool: int = -1
    batch: int = 0
    level: float = 0.0
    batches: list[list[Row]] = dataclasses.field(default_factory=list)


class Run:
    """One pre-training run in a directory of its own."""

    def __init__(self, recipe: Recipe, directory: Path, start: Path | None = None) -> None:
        if recipe.continues != (start is not None):
            raise ValueError(
                f"start: {start} with a recipe that {'does' if recipe.continues else 'does not'} continue a run"
            )
        torch.set_num_threads(1)
        directory.mkdir(parents=True, exist_ok=True)
        self.recipe, self.directory = recipe, directory
        self.tokenizer = _prepare_tokenizer(recipe, directory, start)
        self.encoder = Encoder(self.tokenizer)
        self.config = make_config(recipe, self.tokenizer.get_vocab_size())
        self.weights = init_weights(self.config, recipe.seed)
        names = list_codes()
        self.code_numbers = {name: number for number, name in enumerate(names)}
        generator = torch.Generator().manual_seed(recipe.seed + 1)
        self.codes = torch.randn(len(names), recipe.hidden_size, generator=generator)
        if start is not None:
            self._take_over(start)
        for tensor in (*self.weights.values(), self.codes):
            tensor.requires_grad_(True)
        self.average = {name: tensor.detach().clone() for name, tensor in self.weights.items()}
        self.muon = Muon([self.weights[n] for n in MATRICES], [len(self.config.parts[n]) for n in MATRICES])
        others = [self.weights[n] for n in self.weights if n not in MATRICES]
        self.adam = AdamW([*others, self.codes], recipe.adam_rate, betas=(0.9, 0.98), clip=0.0)
        self.step, self.positions, self.learned, self.seconds = 0, 0, 0, 0.0
        self.feed = Feed()

    # ------------------------------------------------------------ data

    def next_batch(self) -> list[Row]:
        """The next batch; a new pool is drawn where the last one ends."""
        if self.feed.batch >= len(self.feed.batches):
            grown = self.recipe.curriculum * self.recipe.steps
            level = self.recipe.top if self.recipe.continues else min(1.0, self.step / grown)
            self._open_pool(self.feed.pool + 1, 0, level)
        self.feed.batch += 1
        return self.feed.batches[self.feed.batch - 1]

    def _open_pool(self, pool: int, batch: int, level: float) -> None:
        positions = self.recipe.positions // (1 if level >= 1 else 2)
        batches = draw_pool(self.recipe.mixture, self.encoder, self.recipe.seed, pool, level, positions)
        self.feed = Feed(pool, batch, level, batches)

    # ------------------------------------------------------------ learning

    def train_step(self) -> dict[str, Any]:
        """One optimiser step; returns what to log."""
        started = time.perf_counter()
        rows = self.next_batch()
        width = max(len(row.tokens) for row in rows)
        loss = self._loss(rows, width)
        loss.backward()  # type: ignore[no-untyped-call]
        report: dict[str, Any] = {"loss": float(loss.detach())}
        recipe = self.recipe
        if meta_tunes_at(recipe, self.step):
            seed = recipe.seed * 10**6 + self.step
            before, after = add_meta_gradient(
                self.weights,
                self.config,
                recipe.mixture,
                self.encoder,
                plans=PLANS[recipe.plans],
                seed=seed,
                strength=recipe.meta_strength,
            )
            report |= {"shown": before, "asked": after}
        self._update()
        self.positions += len(rows) * width
        self.learned += sum(sum(row.learned) for row in rows)
        self.seconds += time.perf_counter() - started
        return report

    def _loss(self, rows: list[Row], width: int) -> Tensor:
        """Mean nats per token of the model's turns."""
        ids = torch.tensor([row.tokens + [PAD] * (width - len(row.tokens)) for row in rows])
        learned = torch.tensor([row.learned + [False] * (width - len(row.learned)) for row in rows])[:, 1:]
        hidden = self._states(ids[:, :-1], rows)
        return F.cross_entropy(logits(self.weights, hidden[learned]), ids[:, 1:][learned])

    def _states(self, ids: Tensor, rows: list[Row]) -> Tensor:
        """Hidden states, with the latent codes of the rows that carry one added after the first layer."""
        angles = rotation(self.config, ids.shape[1])
        x = F.embedding(ids, self.weights["embedding"])
        for index, layer in enumerate(split_layers(self.weights)):
            x = apply_layer(x, layer, self.config, angles)
            if index == 0 and any(row.code for row in rows):
                x = x + self._code_vectors(rows)[:, None] * x.detach().pow(2).mean().sqrt()
        return F.rms_norm(x, (self.config.hidden_size,), self.weights["final_norm"], self.config.norm_eps)

    def _code_vectors(self, rows: list[Row]) -> Tensor:
        """Codes of a random size, .1 to .6 of the residual stream's; zero for rows without one."""
        generator = torch.Generator().manual_seed(self.recipe.seed * 10**6 + self.step)
        carries = torch.tensor([float(bool(row.code)) for row in rows])
        size = (torch.rand(len(rows), generator=generator) * 0.5 + 0.1) * carries
        numbers = torch.tensor([self.code_numbers.get(row.code, 0) for row in rows])
        return F.rms_norm(self.codes, (self.codes.shape[1],))[numbers] * size[:, None]

    def _update(self) -> None:
        rate = rate_at(self.recipe, self.step)
        if self.codes.grad is None:
            self.codes.grad = torch.zeros_like(self.codes)
        self.muon.step(self.recipe.muon_rate * rate)
        self.adam.learning_rate = self.recipe.adam_rate * rate
        self.adam.step()
        self.step += 1
        if self.step % 5 == 0:
            keep = min(0.98, self.step / (self.step + 50))
            with torch.no_grad():
                for name, tensor in self.average.items():
                    tensor.lerp_(self.weights[name], 1 - keep)

    # ------------------------------------------------------------ files

    def _take_over(self, start: Path) -> None:
        """Begins with the averaged weights and the codes of another run."""
        state = torch.load(start / "checkpoint.pt", weights_only=True)
        self.weights = {name: state["average"][name].clone() for name in self.weights}
        self.codes = state["codes"].clone()

    def save(self) -> None:
        """Writes ``checkpoint.pt`` by a rename, so that a killed run finds a whole one."""
        state = {
            "recipe": dataclasses.asdict(self.recipe),
            "weights": {name: tensor.detach() for name, tensor in self.weights.items()},
            "average": self.average,
            "codes": self.codes.detach(),
            "muon": self.muon.means,
            "adam": self.adam.state(),
            "feed": (self.feed.pool, self.feed.batch, self.feed.level),
            "counts": (self.step, self.positions, self.learned, self.seconds),
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
        if state["recipe"] != dataclasses.asdict(self.recipe):
            raise ValueError(f"recipe: {path} was made by another one: {state['recipe']}")
        for name, tensor in self.weights.items():
            tensor.copy_(state["weights"][name])
            self.average[name].copy_(state["average"][name])
        self.codes.copy_(state["codes"])
        for mean, saved in zip(self.muon.means, state["muon"], strict=True):
            mean.copy_(saved)
        self.adam.restore(state["adam"])
        self.step, self.positions, self.learned, self.seconds = state["counts"]
        pool, batch, level = state["feed"]
        if pool >= 0:
            self._open_pool(pool, batch, level)
        return True

    def export(self, directory: Path) -> None:
        """Writes the averaged model as a Hugging Face directory, float16."""
        export_model(self.average, self.config, self.tokenizer, directory)


def _prepare_tokenizer(recipe: Recipe, directory: Path, start: Path | None) -> Tokenizer:
    """The run's tokenizer, trained at its first start or taken over from the run that this one continues."""
    if start is not None:
        shutil.copyfile(start / "tokenizer.json", directory / "tokenizer.json")
    elif not (directory / "tokenizer.json").exists():
        trained = train_tokenizer(recipe.mixture, recipe.vocabulary, recipe.seed, recipe.tokenizer_episodes)
        save_tokenizer(trained, directory)
    return read_tokenizer(directory)


def export_model(weights: Weights, config: Config, tokenizer: Tokenizer, directory: Path) -> None:
    """Writes a complete Hugging Face model directory, weights in float16."""
    tokens = {"bos_token_id": BOS, "eos_token_id": EOT, "pad_token_id": PAD}
    save_weights(weights, config, directory, torch.float16, **tokens)
    save_tokenizer(tokenizer, directory)
    files = {
        "tokenizer_config.json": describe_tokenizer(),
        "generation_config.json": {**tokens, "do_sample": False, "max_new_tokens": 256},
    }
    for name, content in files.items():
        (directory / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


def pretrain(
    recipe: Recipe, directory: Path, *, start: Path | None = None, save_every: int = 200, until: int | None = None
) -> Run:
    """Runs the recipe, or goes on with it, and exports the model to ``directory/model``.

    Args:
        start: Work folder of the run that this one continues, for recipes that do.
        save_every: Steps between checkpoints, each with an export and a line in ``log.jsonl``.
        until: Stop (with a checkpoint) after this step, for instance in a test of resuming.
    """
    run = Run(recipe, directory, start)
    if not run.restore():
        sys.stderr.write(f"{count_parameters(run.weights)} parameters, vocabulary {run.config.vocab_size}\n")
    last = min(recipe.steps, until or recipe.steps)
    sums: dict[str, list[float]] = {}
    while run.step < last:
        for name, value in run.train_step().items():
            sums.setdefault(name, []).append(value)
        if run.step % save_every == 0 or run.step == last:
            _write_progress(run, sums)
            sums = {}
            run.save()
            run.export(directory / "model")
    return run


def _write_progress(run: Run, sums: dict[str, list[float]]) -> None:
    means = {name: round(sum(values) / len(values), 4) for name, values in sums.items()}
    line = {
        "step": run.step,
        "positions": run.positions,
        "learned": run.learned,
        "seconds": round(run.seconds),
        "level": round(run.feed.level, 3),
        **means,
    }
    with open(run.directory / "log.jsonl", "a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
    sys.stderr.write(json.dumps(line) + "\n")


def main(arguments: list[str] | None = None) -> None:
    """Command line: ``python -m base_model_build.pretrain WORK --recipe NAME``."""
    parser = argparse.ArgumentParser(description=pretrain.__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("directory", type=Path, help="work folder: checkpoint, log and model")
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="wide")
    parser.add_argument("--steps", type=int, help="other than the recipe's")
    parser.add_argument("--seed", type=int, help="other than the recipe's")
    parser.add_argument("--start", type=Path, help="work folder of the run to continue from")
    parser.add_argument("--until", type=int, help="stop after this step")
    parser.add_argument("--save-every", type=int, default=200)
    chosen = parser.parse_args(arguments)
    changes = {name: value for name in ("steps", "seed") if (value := getattr(chosen, name)) is not None}
    recipe = dataclasses.replace(RECIPES[chosen.recipe], **changes)
    pretrain(recipe, chosen.directory, start=chosen.start, save_every=chosen.save_every, until=chosen.until)


if __name__ == "__main__":
    main()

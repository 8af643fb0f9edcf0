"""Builds the embedded base model from nothing, in one command.

    python -m base_model_build.build WORK [--install]

Runs one after the other, each from where the one before stood: numbers, then the whole mixture, then meta-tuning in
several parts. The model is a weighted mean of the last ones: what one learned at the cost of another comes back.
Everything they need is generated; nothing is downloaded. A killed build goes on where it stopped. Without
``--install`` the model stays in ``WORK/blended``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch

from base_model_build.pretrain import export_model, make_config, pretrain
from base_model_build.recipes import RECIPES, Recipe
from tuning_trainer.base_model import read_tokenizer
from tuning_trainer.llama import Weights
from tuning_trainer.spec import embedded_base_model

STAGES: Final[tuple[tuple[str, int], ...]] = (
    ("narrow", 1400),
    ("wide", 1400),
    ("tuned", 350),
    ("told", 300),
    ("settled", RECIPES["settled"].steps),
    ("spelled", RECIPES["spelled"].steps),
    ("polished", RECIPES["polished"].steps),
    ("rounded", 120),
)
"""The runs in order, and the step at which the next one takes over."""

BLEND: Final[Mapping[str, float]] = {"settled": 0.4, "rounded": 0.6}
"""Share of each run's averaged weights in the model."""

BLENDED: Final = "blended"
"""Folder of the model among those of the runs."""

FILES: Final = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
"""What makes the directory a model."""


def build(
    work: Path,
    stages: tuple[tuple[str, int], ...] = STAGES,
    recipes: dict[str, Recipe] = RECIPES,
    *,
    blend: Mapping[str, float] = BLEND,
    save_every: int = 100,
) -> Path:
    """Runs all stages, or what is left of them, and returns the model's directory."""
    start: Path | None = None
    for name, steps in stages:
        pretrain(recipes[name], work / name, start=start, save_every=save_every, until=steps)
        start = work / name
    blend_runs(work, blend, recipes[stages[-1][0]])
    return work / BLENDED


def blend_runs(work: Path, shares: Mapping[str, float], recipe: Recipe) -> None:
    """Writes the weighted mean of the runs' averaged weights as a model.

    Raises:
        ValueError: the shares are not those of a mean.
    """
    if abs(sum(shares.values()) - 1) > 1e-9:
        raise ValueError(f"shares: {dict(shares)} add up to {sum(shares.values())}, not to 1")
    blended: Weights = {}
    for name, share in shares.items():
        average = torch.load(work / name / "checkpoint.pt", weights_only=True)["average"]
        for part, tensor in average.items():
            blended[part] = blended.get(part, torch.zeros_like(tensor)) + share * tensor
    tokenizer = read_tokenizer(work / next(iter(shares)))
    export_model(blended, make_config(recipe, tokenizer.get_vocab_size()), tokenizer, work / BLENDED)


def hash_weights(model: Path) -> str:
    """SHA-256 of ``model.safetensors``."""
    return hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()


def join_logs(work: Path, names: list[str]) -> list[dict[str, object]]:
    """Progress lines of all runs, each with its run's name."""
    lines: list[dict[str, object]] = []
    for name in names:
        text = (work / name / "log.jsonl").read_text("utf-8")
        lines += [{"run": name, **json.loads(line)} for line in text.splitlines()]
    return lines


def install_model(work: Path, target: Path, log: Path, stages: tuple[tuple[str, int], ...] = STAGES) -> None:
    """Copies the finished model to where the trainer looks for it, and the progress lines of its runs to ``log``."""
    for name in FILES:
        shutil.copyfile(work / BLENDED / name, target / name)
    lines = "\n".join(json.dumps(line) for line in join_logs(work, [name for name, _ in stages]))
    log.write_text(lines + "\n", "utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Builds the embedded base model.")
    parser.add_argument("work", type=Path, help="folder for checkpoints and logs; a killed build goes on there")
    parser.add_argument("--install", action="store_true", help="replace the embedded model with the result")
    chosen = parser.parse_args(arguments)
    model = build(chosen.work)
    sys.stdout.write(f"{model}: sha256 {hash_weights(model)}\n")
    if chosen.install:
        install_model(chosen.work, embedded_base_model(), Path(__file__).with_name("build.log.jsonl"))


if __name__ == "__main__":
    main()

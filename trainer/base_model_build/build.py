"""Builds the embedded base model from nothing, in one command.

    python -m base_model_build.build WORK [--for 100m] [--steps 200] [--device cuda] [--install]

Everything it needs is generated from the files of ``data``; nothing is downloaded. A killed build goes on from its last
checkpoint, at most four minutes back, and ends with the same bytes. Without ``--install`` the model stays in
``WORK/model``.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from base_model_build.recipe import RECIPES, Recipe
from base_model_build.run import Run, train
from tuning_trainer.spec import embedded_base_model
from tuning_trainer.threads import count_cores

FILES: Final = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
"""What makes the directory a model."""

LOG: Final = Path(__file__).with_name("build.log.jsonl")
"""Progress lines of the build that made the weights that ship."""


def hash_weights(model: Path) -> str:
    """SHA-256 of ``model.safetensors``."""
    return hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()


def parse_duration(text: str) -> float:
    """Seconds of ``90s``, ``100m`` or ``2h``.

    Raises:
        ValueError: the text is none of these.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if match is None:
        raise ValueError(f"{text!r} is not a number followed by s, m or h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def build(
    work: Path,
    recipe: Recipe,
    *,
    device: str = "cpu",
    helpers: int = 0,
    slice_s: float | None = None,
    until: int | None = None,
    pause: Path | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Run:
    """Goes on with a build in ``work`` until it is done, for ``slice_s`` seconds, to step ``until``, or ``stopped``."""
    run = Run(recipe, work, device=device, helpers=helpers)
    try:
        run.restore()
        train(run, slice_s=slice_s, until=until, pause=pause, stopped=stopped)
    finally:
        run.close()
    return run


def install_model(work: Path, target: Path, log: Path) -> None:
    """Copies the model to where the trainer looks for it, and the progress lines to ``log``."""
    for name in FILES:
        shutil.copyfile(work / "model" / name, target / name)
    shutil.copyfile(work / "log.jsonl", log)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Builds the embedded base model.")
    parser.add_argument("work", type=Path, help="folder for checkpoints and logs; a killed build goes on there")
    parser.add_argument("--for", dest="slice", type=parse_duration, help="stop with a checkpoint after, say, 100m")
    parser.add_argument("--steps", type=int, help="stop after so many steps, for comparing two machines")
    parser.add_argument("--pause", type=Path, help="wait while this file exists")
    parser.add_argument("--install", action="store_true", help="replace the embedded model with the finished result")
    parser.add_argument("--device", choices=sorted(RECIPES), default="cpu", help="which recipe, and where it runs")
    chosen = parser.parse_args(arguments)
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):  # the step in progress is finished and saved
        signal.signal(number, lambda number, frame: asked.append(number))
    helpers = 0 if chosen.device == "cpu" else max(1, count_cores() - 2)
    run = build(
        chosen.work,
        RECIPES[chosen.device],
        device=chosen.device,
        helpers=helpers,
        slice_s=chosen.slice,
        until=chosen.steps,
        pause=chosen.pause,
        stopped=lambda: bool(asked),
    )
    model = chosen.work / "model"
    sys.stdout.write(f"{model}: sha256 {hash_weights(model)}{'' if run.done else ', not finished'}\n")
    if chosen.install and run.done:
        install_model(chosen.work, embedded_base_model(), LOG)


if __name__ == "__main__":
    main()

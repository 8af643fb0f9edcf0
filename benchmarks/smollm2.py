"""SmolLM2 with the defaults on this machine, quiet and busy: `python -m benchmarks.smollm2`.

The model must have been added: `tuning-emulator models add smollm2`. The 15 documented pairs, 19 steps: cold beside TRL
(made as in `benchmarks.trainer`), and through the public API with the base in memory. `busy`: beside one process that
computes without end on every core. Wall seconds, the median over the rounds, everything in one run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.processes import measure
from benchmarks.server import send
from benchmarks.trainer import (
    Figures,
    await_trainer,
    check_same,
    documented_pairs,
    make_peer,
    train_ours,
    train_theirs,
    tune_on_server,
)
from tuning_emulator.models.added import find_weights
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import start_emulator

CONTROL_TOKENS = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}
WAYS = {"defaults": 0, "one thread": 1}
"""Threads of a cold process; 0: what each side chooses itself."""


SETTLED_S = 1.0
"""After a job, for its process to end: what it still takes of the cores would keep the next one from both of them."""

PAUSE_S = 0.1
"""Between two looks at a job of seconds: a client that looks all the time takes half a core from it."""


@contextmanager
def busy_cores() -> Iterator[None]:
    """As many neighbours as there are cores."""
    neighbours = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for each in neighbours:
            each.kill()
            each.wait()


def compare_cold(model: Path, folder: Path, python: Path, label: str, figures: Figures) -> None:
    """From the start of the process to the saved adapter, on both sides."""
    work = dataclasses.replace(documented_pairs(model), tokens=CONTROL_TOKENS, tokenized=True)
    for way, threads in WAYS.items():
        ours = train_ours(work, folder / "ours", threads)
        theirs = train_theirs(work, folder / "theirs", python, threads)
        check_same(ours, theirs, 0.05)
        for side, run in (("ours", ours), ("trl", theirs)):
            figures[f"{label}, {way}, {side} wall_s"].append(run.wall_s)
            figures[f"{label}, {way}, {side} step_s"].append(run.step_s)
            figures[f"{label}, {way}, {side} peak_mib"].append(run.peak_mib)


def answer_s(address: str, name: str) -> float:
    """Seconds of one answer to one of the pairs' questions."""
    body = {"contents": [{"role": "user", "parts": [{"text": "7"}]}]}
    begin = time.perf_counter()
    json.loads(send(f"{address}/v1beta/tunedModels/{name}:generateContent", body))
    return time.perf_counter() - begin


def main() -> None:
    """Runs the rounds and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--skip-busy", action="store_true", help="only the rows of a quiet machine")
    parser.add_argument("--skip-peer", action="store_true", help="only our own rows")
    options = parser.parse_args()
    model, console, figures = Path(find_weights("smollm2")), Console(width=110), defaultdict[str, list[float]](list)
    python = None if options.skip_peer else make_peer()
    labels = ("quiet",) if options.skip_busy else ("quiet", "busy")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(options.rounds):
            console.print(f"round {number + 1} of {options.rounds}, load {os.getloadavg()[0]:.1f}")
            with start_emulator(trainer="lora", base_models=["smollm2"], data_dir=folder / f"data{number}") as running:
                assert running.process
                await_trainer(Control(running.url))
                tune_on_server(running.url, "first")  # reads the base
                for label in labels:
                    time.sleep(SETTLED_S)
                    with busy_cores() if label == "busy" else nullcontext():
                        figures[f"{label}, POST to ACTIVE"].append(tune_on_server(running.url, label, PAUSE_S))
                        figures[f"{label}, first answer"].append(answer_s(running.url, label))
                        figures[f"{label}, next answer"].append(answer_s(running.url, label))
                    console.print({name: values[-1] for name, values in figures.items()})
                figures["server and its processes, MiB"].append(measure(running.process.pid).resident_mib)
            if python:
                for label in labels:
                    with busy_cores() if label == "busy" else nullcontext():
                        compare_cold(model, folder, python, label, figures)
    middle = {name: statistics.median(values) for name, values in figures.items()}
    table = Table("", "median", "of")
    for name, values in figures.items():
        table.add_row(name, f"{middle[name]:.3g}", " ".join(f"{value:.3g}" for value in values))
    console.print(table)
    for name, value in middle.items():
        if name.endswith("ours wall_s"):
            console.print(f"{name}: TRL takes {middle[name.replace('ours', 'trl')] / value:.2f} times that")


if __name__ == "__main__":
    main()

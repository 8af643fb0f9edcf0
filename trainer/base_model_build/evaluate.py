"""Measures the base model against its gates, on items that neither pre-training nor tuning has seen.

    python -m base_model_build.evaluate [DIRECTORY] [--json FILE] [--seeds 3] [--only WORD]

Everything is measured as a user would: jobs go through the trainer's own loop, answers are greedy and count only when
every character is right. Tuning uses the documented defaults (5 epochs, batches of 4, learning rate 0.001) unless
a gate says otherwise. One process per core; how many does not change any value.
A gate that is missed is printed as missed; the exit status is the number of missed gates.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from base_model_build.gates.bench import Bench, Gate, format_gate
from base_model_build.gates.measures import MEASURES
from tuning_trainer.spec import embedded_base_model
from tuning_trainer.threads import count_cores


def _show(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _measure(number: int, model: Path, seeds: int) -> list[Gate]:
    """The gates of one measure, in a process of its own."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="gates-") as work:
        return list(MEASURES[number](Bench(model, Path(work), seeds)))


def measure_gates(model: Path, seeds: int = 3, *, only: str = "", processes: int = 0) -> Iterator[Gate]:
    """Measures every gate, several at once; they come in the order of ``MEASURES``.

    Args:
        only: Part of a measure's name; the others are left out.
        processes: How many at once; 0 is one for each core.
    """
    chosen = [number for number, measure in enumerate(MEASURES) if only in measure.__name__]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes or count_cores(), context) as pool:
        for future in [pool.submit(_measure, number, model, seeds) for number in chosen]:
            yield from future.result()


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the number of missed gates."""
    parser = argparse.ArgumentParser(description="Measures a base model against its gates.")
    parser.add_argument(
        "directory", type=Path, nargs="?", default=embedded_base_model(), help="default: the embedded model"
    )
    parser.add_argument("--seeds", type=int, default=3, help="tuning seeds per gate")
    parser.add_argument("--json", type=Path, help="also write the gates to this file")
    parser.add_argument("--only", default="", help="only measures with this in their name, for instance heart")
    parser.add_argument("--processes", type=int, default=0, help="measures at once; default: one for each core")
    chosen = parser.parse_args(arguments)
    started = time.perf_counter()
    gates = []
    _show("| gate | target | measured | verdict | detail |\n|---|---|---|---|---|")
    for gate in measure_gates(chosen.directory, chosen.seeds, only=chosen.only, processes=chosen.processes):
        _show(format_gate(gate))
        gates.append(gate)
    if chosen.json:
        rows = [dataclasses.asdict(gate) | {"value": gate.value, "passed": gate.passed} for gate in gates]
        chosen.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")
    missed = sum(not gate.passed for gate in gates)
    sys.stderr.write(f"{len(gates) - missed} of {len(gates)} gates passed, {time.perf_counter() - started:.0f} s\n")
    return missed


if __name__ == "__main__":
    sys.exit(main())

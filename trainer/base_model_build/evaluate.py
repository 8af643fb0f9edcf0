"""Measures the base model against its gates, on items that neither pre-training nor tuning has seen.

    python -m base_model_build.evaluate [DIRECTORY] [--json FILE] [--seeds 3]

Everything is measured as a user would: jobs go through the trainer's own loop, answers are greedy and count only when
every character is right. Tuning uses the documented defaults (5 epochs, batches of 4, learning rate 0.001) unless
a gate says otherwise.
A gate that is missed is printed as missed; the exit status is the number of missed gates.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Final

import torch

from base_model_build.items import (
    ASKED_SENTENCES,
    FAR_COUNTS,
    FORM_COUNTS,
    SHOWN_SENTENCES,
    draw_class_items,
    draw_format_items,
    draw_number_items,
    make_addition_items,
    make_composition_items,
    make_sentence_items,
)
from base_model_build.tasks import DOCUMENTED_PAIRS, MIRRORED_PAIRS, Pair
from tuning_trainer.generate import Answering, Finished
from tuning_trainer.loop import run_job
from tuning_trainer.spec import Done, Example, Job, Prompt, Turn, embedded_base_model, format_example

ADAPTER_SIZES: Final = (1, 4, 8, 16)
SUCCESSOR_INSTRUCTIONS: Final = ("Give the next number.", "next number")
PREDECESSOR_INSTRUCTIONS: Final = ("Give the previous number.", "previous number")


@dataclass(frozen=True, slots=True)
class Gate:
    """One row of the table.

    Attributes:
        target: Least value, or greatest where ``below``.
        values: One per tuning seed, or one where nothing is tuned; shares of exact answers.
        detail: Shares by form, where the items have forms.
    """

    name: str
    target: float
    values: tuple[float, ...]
    below: bool = False
    detail: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def value(self) -> float:
        """Mean over the tuning seeds."""
        return mean(self.values)

    @property
    def passed(self) -> bool:
        """Whether the mean reaches the target."""
        return self.value <= self.target if self.below else self.value >= self.target - 1e-9


class JobFailedError(RuntimeError):
    """Tuning or answering ended without a result; the text says how."""


class Bench:
    """A base model under test, with a folder for its jobs."""

    def __init__(self, model: Path, work: Path, seeds: int) -> None:
        self.model, self.work, self.seeds = str(model), work, range(seeds)
        self._jobs = 0

    def tune(self, pairs: Iterable[Pair], *, size: int = 4, epochs: int = 5, seed: int = 0) -> str:
        """Tunes an adapter on pairs and returns its directory.

        Raises:
            JobFailedError: the job did not end well.
        """
        self._jobs += 1
        directory = self.work / f"job-{self._jobs}"
        directory.mkdir()
        examples = directory / "examples.jsonl"
        lines = (format_example(Example((Turn("user", x), Turn("model", y)))) for x, y in pairs)
        examples.write_text("\n".join(lines) + "\n", "utf-8")
        job = Job(
            id=f"job-{self._jobs}",
            directory=str(directory),
            examples=str(examples),
            base_model=self.model,
            epochs=epochs,
            adapter_size=size,
            seed=seed,
            threads=1,
            device="cpu",
        )
        last = run_job(job, lambda event: None)
        if not isinstance(last, Done):
            raise JobFailedError(f"{job.id}: {last}")
        return last.adapter

    def answer(self, texts: list[str], adapter: str | None = None, system: str = "") -> list[str]:
        """Greedy answers to bare questions, or under a system instruction."""
        answering = Answering("cpu")
        for number, text in enumerate(texts):
            prompt = Prompt((Turn("user", text),), system, self.model, adapter, max_output_tokens=48)
            answering.submit(str(number), prompt)
        answers: dict[str, str] = {}
        while answering.busy:
            for output in answering.advance():
                if not isinstance(output, Finished):
                    raise JobFailedError(f"answering: {output}")
                answers[output.id] = output.reply.answers[0].text
        return [answers[str(number)] for number in range(len(texts))]

    def score(self, pairs: Iterable[Pair], adapter: str | None = None, system: str = "") -> float:
        """Share of pairs answered exactly."""
        pairs = list(pairs)
        answers = self.answer([x for x, _ in pairs], adapter, system)
        return sum(given == y for given, (_, y) in zip(answers, pairs, strict=True)) / len(pairs)

    def score_forms(self, items: dict[str, list[Pair]], adapter: str | None = None) -> dict[str, float]:
        """Share of exact answers by form."""
        answers = iter(self.answer([x for pairs in items.values() for x, _ in pairs], adapter))
        return {form: mean(next(answers) == y for _, y in pairs) for form, pairs in items.items()}

    def tune_and_score(self, shown: list[Pair], asked: list[Pair], epochs: int = 5) -> tuple[float, ...]:
        """One score per tuning seed, adapter size 4."""
        return tuple(self.score(asked, self.tune(shown, epochs=epochs, seed=seed)) for seed in self.seeds)


def _flatten(items: dict[str, list[Pair]]) -> list[Pair]:
    return [pair for pairs in items.values() for pair in pairs]


def _weighted(shares: dict[str, float], items: dict[str, list[Pair]]) -> float:
    return sum(shares[form] * len(pairs) for form, pairs in items.items()) / sum(map(len, items.values()))


def _average(rows: list[dict[str, float]]) -> dict[str, float]:
    return {form: round(mean(row[form] for row in rows), 3) for form in rows[0]}


def measure_untuned(bench: Bench) -> Iterable[Gate]:
    """What the base does before tuning: not the successor when bare, the right thing when told."""
    successors = draw_number_items("successor", FORM_COUNTS)
    predecessors = _flatten(draw_number_items("predecessor", FORM_COUNTS))
    shares = bench.score_forms(successors)
    yield Gate("bare successor before tuning", 0.30, (_weighted(shares, successors),), True, shares)
    told = []
    for pairs, ways in (
        (_flatten(successors), SUCCESSOR_INSTRUCTIONS),
        (predecessors, PREDECESSOR_INSTRUCTIONS),
    ):
        told.append(bench.score([(f"{ways[i % 2]}\n{x}", y) for i, (x, y) in enumerate(pairs)]))
        told.append(bench.score(pairs, system=ways[0]))
    names = ("successor, in the prompt", "successor, system", "predecessor, in the prompt", "predecessor, system")
    detail = dict(zip(names, told, strict=True))
    yield Gate("with an instruction, no tuning", 0.95, (mean(told),), detail=detail)


def measure_documented(bench: Bench) -> Iterable[Gate]:
    """The documented 15 pairs, what they generalise to, and their mirror."""
    near, far = draw_number_items("successor", FORM_COUNTS), draw_number_items("successor", FAR_COUNTS, far=True)
    near_scores: list[dict[str, float]] = []
    far_scores: list[dict[str, float]] = []
    for size in ADAPTER_SIZES:
        adapters = [bench.tune(DOCUMENTED_PAIRS, size=size, seed=seed) for seed in bench.seeds]
        kept = tuple(bench.score(DOCUMENTED_PAIRS, adapter) for adapter in adapters)
        yield Gate(f"15 documented pairs, adapter size {size}", 1.0, kept)
        near_scores += [bench.score_forms(near, adapter) for adapter in adapters]
        far_scores += [bench.score_forms(far, adapter) for adapter in adapters]
    values = tuple(_weighted(shares, near) for shares in near_scores)
    yield Gate("unseen successors, all adapter sizes", 0.95, values, detail=_average(near_scores))
    values = tuple(_weighted(shares, far) for shares in far_scores)
    yield Gate("roman, hyphenated, to twelve digits", 0.80, values, detail=_average(far_scores))
    items = draw_number_items("predecessor", FORM_COUNTS)
    rows = [bench.score_forms(items, bench.tune(MIRRORED_PAIRS, seed=seed)) for seed in bench.seeds]
    values = tuple(_weighted(shares, items) for shares in rows)
    yield Gate("mirrored task, unseen predecessors", 0.90, values, detail=_average(rows))


def measure_texts(bench: Bench) -> Iterable[Gate]:
    """Classification and a fixed format, 60 examples each."""
    shown, asked = draw_class_items(SHOWN_SENTENCES, 60, 3), draw_class_items(ASKED_SENTENCES, 60, 4)
    values = bench.tune_and_score(shown, asked)
    longer = bench.tune_and_score(shown, asked, epochs=15)
    same = bench.tune_and_score(shown, draw_class_items(SHOWN_SENTENCES, 60, 5))
    detail = {"15 epochs": round(mean(longer), 3), "sentences as shown": round(mean(same), 3)}
    yield Gate("three classes, new sentences, unknown words", 0.80, values, detail=detail)
    items = draw_format_items(120, 6)
    yield Gate("fixed format, three fields", 0.90, bench.tune_and_score(items[:60], items[60:]))


def measure_new_tasks(bench: Bench) -> Iterable[Gate]:
    """Three tasks that are in no mixture, 15 pairs, 15 epochs."""
    makers: dict[str, Callable[[], tuple[list[Pair], list[Pair]]]] = {
        "n + 7": make_addition_items,
        "the next is n + 1": make_sentence_items,
        "second word in upper case": make_composition_items,
    }
    scores = {name: bench.tune_and_score(*maker(), epochs=15) for name, maker in makers.items()}
    values = tuple(mean(seed) for seed in zip(*scores.values(), strict=True))
    yield Gate("tasks in no mixture", 0.50, values, detail={name: round(mean(v), 3) for name, v in scores.items()})


MEASURES: Final = (measure_untuned, measure_documented, measure_texts, measure_new_tasks)


def format_gate(gate: Gate) -> str:
    """One row of a Markdown table: gate, target, value with its range, verdict, detail."""
    low, high = min(gate.values), max(gate.values)
    spread = f" [{low:.2f}, {high:.2f}]" if len(gate.values) > 1 else ""
    detail = ", ".join(f"{name} {value:.2f}" for name, value in gate.detail.items())
    sign = "≤" if gate.below else "≥"
    verdict = "passed" if gate.passed else "**missed**"
    return f"| {gate.name} | {sign} {gate.target:.2f} | {gate.value:.3f}{spread} | {verdict} | {detail} |"


def _show(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def evaluate(model: Path, seeds: int = 3) -> list[Gate]:
    """Measures every gate and prints each as soon as it is known."""
    torch.set_num_threads(1)
    gates = []
    _show("| gate | target | measured | verdict | detail |\n|---|---|---|---|---|")
    for measure in MEASURES:
        with tempfile.TemporaryDirectory(prefix="gates-") as work:
            for gate in measure(Bench(model, Path(work), seeds)):
                _show(format_gate(gate))
                gates.append(gate)
    return gates


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the number of missed gates."""
    parser = argparse.ArgumentParser(description="Measures a base model against its gates.")
    parser.add_argument(
        "directory", type=Path, nargs="?", default=embedded_base_model(), help="default: the embedded model"
    )
    parser.add_argument("--seeds", type=int, default=3, help="tuning seeds per gate")
    parser.add_argument("--json", type=Path, help="also write the gates to this file")
    chosen = parser.parse_args(arguments)
    started = time.perf_counter()
    gates = evaluate(chosen.directory, chosen.seeds)
    if chosen.json:
        rows = [dataclasses.asdict(gate) | {"value": gate.value, "passed": gate.passed} for gate in gates]
        chosen.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")
    missed = sum(not gate.passed for gate in gates)
    sys.stderr.write(f"{len(gates) - missed} of {len(gates)} gates passed, {time.perf_counter() - started:.0f} s\n")
    return missed


if __name__ == "__main__":
    sys.exit(main())

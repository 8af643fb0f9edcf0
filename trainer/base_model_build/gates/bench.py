"""A base model under test: tuned and asked as a user would, through the trainer's own loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from base_model_build.generator.tasks import Pair
from tuning_trainer.answering.generate import Answering, Finished
from tuning_trainer.learning.loop import run_job
from tuning_trainer.spec import Answer, Done, Example, Job, Prompt, Turn, format_example


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


def format_gate(gate: Gate) -> str:
    """One row of a Markdown table: gate, target, value with its range, verdict, detail."""
    low, high = min(gate.values), max(gate.values)
    spread = f" [{low:.2f}, {high:.2f}]" if len(gate.values) > 1 else ""
    detail = ", ".join(f"{name} {value:.2f}" for name, value in gate.detail.items())
    sign = "≤" if gate.below else "≥"
    verdict = "passed" if gate.passed else "**missed**"
    return f"| {gate.name} | {sign} {gate.target:.2f} | {gate.value:.3f}{spread} | {verdict} | {detail} |"


class JobFailedError(RuntimeError):
    """Tuning or answering ended without a result; the text says how."""


class Bench:
    """A base model under test, with a folder for its jobs.

    ``given`` keeps what was answered to the items of the last ``score``, for looking at mistakes.
    """

    def __init__(self, model: Path, work: Path, seeds: int) -> None:
        self.model, self.work, self.seeds = str(model), work, range(seeds)
        self.given: list[tuple[str, str, str]] = []
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

    def reply(self, texts: list[str], adapter: str | None = None, system: str = "") -> list[Answer]:
        """Greedy answers to bare questions, or under a system instruction."""
        answering = Answering("cpu")
        for number, text in enumerate(texts):
            prompt = Prompt((Turn("user", text),), system, self.model, adapter, max_output_tokens=96)
            answering.submit(str(number), prompt)
        answers: dict[str, Answer] = {}
        while answering.busy:
            for output in answering.advance():
                if not isinstance(output, Finished):
                    raise JobFailedError(f"answering: {output}")
                answers[output.id] = output.reply.answers[0]
        return [answers[str(number)] for number in range(len(texts))]

    def answer(self, texts: list[str], adapter: str | None = None, system: str = "") -> list[str]:
        """Texts of ``reply``."""
        return [each.text for each in self.reply(texts, adapter, system)]

    def score(self, pairs: Iterable[Pair], adapter: str | None = None, system: str = "") -> float:
        """Share of pairs answered exactly."""
        pairs = list(pairs)
        answers = self.answer([x for x, _ in pairs], adapter, system)
        self.given = [(x, y, given) for given, (x, y) in zip(answers, pairs, strict=True)]
        return mean(given == y for _, y, given in self.given)

    def score_forms(self, items: dict[str, list[Pair]], adapter: str | None = None) -> dict[str, float]:
        """Share of exact answers by form."""
        answers = iter(self.answer([x for pairs in items.values() for x, _ in pairs], adapter))
        return {form: mean(next(answers) == y for _, y in pairs) for form, pairs in items.items()}

    def tune_and_score(self, shown: list[Pair], asked: list[Pair], epochs: int = 5, size: int = 4) -> tuple[float, ...]:
        """One score per tuning seed."""
        return tuple(self.score(asked, self.tune(shown, epochs=epochs, seed=seed, size=size)) for seed in self.seeds)

"""What came of a rehearsal: scores, curve, rows that resist, rows beside each other; for people and for programs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tuning_emulator.cli.twins import find_conflicts, find_near_duplicates, find_shared, read_row
from tuning_emulator.cli.validate import format_cost
from tuning_emulator.control.dry_run import DryRun, TuningRequest
from tuning_emulator.core.scoring import score_exact_match, score_rouge
from tuning_trainer.spec import Example

LONG_WORDS = 8
"""Words of a median answer from which answers are scored by ROUGE-L: long ones are never the same word for word."""

SHOWN = 5
WORTH = 0.05
"""Least gain of the second half of the rows for which more rows are worth while."""

NOISE = 0.02
"""Nats per token; less of a difference between two epochs is none."""


@dataclass(frozen=True, slots=True)
class Score:
    """The mean score on held-out rows after tuning on so many."""

    rows: int
    value: float


@dataclass(frozen=True, slots=True)
class Resisting:
    """A row that the model finds wrong. ``loss``: nats per token, once every row has been seen once."""

    example: int
    loss: float
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of it; numbers of examples count from 1, in the dataset's order.

    Attributes:
        base_model, parameters, device, epochs: What was tuned, where and how long.
        metric: ``exact match`` or ``ROUGE-L``.
        validation: Loss on held-out rows after each epoch.
        resisting: All rows of the dataset, the most resisting first.
        shared: (example, example of the validation dataset) with one question.
        cut, dropped: Examples that are too long for the small model: cut, or with nothing left to learn.
    """

    base_model: str
    parameters: int
    device: str
    epochs: int
    learned: int
    held: int
    asked: int
    metric: str
    before: float
    curve: tuple[Score, ...]
    validation: tuple[float, ...]
    resisting: tuple[Resisting, ...]
    conflicts: tuple[tuple[int, ...], ...]
    near_duplicates: tuple[tuple[int, int], ...]
    shared: tuple[tuple[int, int], ...]
    max_tokens: int
    cut: tuple[int, ...]
    dropped: tuple[int, ...]

    @property
    def after(self) -> float:
        """Score after all rows."""
        return self.curve[-1].value

    @property
    def best_epoch(self) -> int:
        """The first epoch after which the validation loss is about as small as it gets."""
        enough = min(self.validation) + NOISE
        return next(number for number, loss in enumerate(self.validation, 1) if loss <= enough)


def sum_up(
    report: dict[str, Any],
    examples: Sequence[Example],
    order: Sequence[int],
    held: Sequence[Example],
    held_numbers: Sequence[int],
) -> Rehearsal:
    """Scores the trainer's report and compares the rows.

    Args:
        examples: The whole dataset. order: Numbers of those that were learned from, in the trainer's order.
        held_numbers: Of the held-out rows in the dataset; none where they are another dataset.
    """
    wanted = [_last_answer(example) for example in held[: len(report["before"])]]
    long = statistics.median(len(answer.split()) for answer in wanted) > LONG_WORDS
    rows = [read_row(example) for example in examples]
    measured = [*zip(order, report["row_losses"], strict=True)]
    measured += zip(held_numbers, report["held_losses"], strict=False)  # none of another dataset's
    losses = sorted(((loss, number) for number, loss in measured if loss is not None), key=lambda pair: -pair[0])
    resisting = tuple(
        Resisting(number + 1, loss, _last_question(examples[number]), _last_answer(examples[number]))
        for loss, number in losses
    )
    shared = [] if held_numbers else find_shared(rows, [read_row(example) for example in held])
    return Rehearsal(
        base_model=report["base_model"],
        parameters=report["parameters"],
        device=report["device"],
        epochs=report["epochs"],
        learned=len(order),
        held=len(held),
        asked=len(wanted),
        metric="ROUGE-L" if long else "exact match",
        before=_score(report["before"], wanted, long),
        curve=tuple(Score(one["rows"], _score(one["answers"], wanted, long)) for one in report["curve"]),
        validation=tuple(report["validation"]),
        resisting=resisting,
        conflicts=tuple(tuple(number + 1 for number in group) for group in find_conflicts(rows)),
        near_duplicates=tuple((one + 1, two + 1) for one, two in find_near_duplicates(rows)),
        shared=tuple((one + 1, two + 1) for one, two in shared),
        max_tokens=report["max_tokens"],
        cut=tuple(sorted(order[place] + 1 for place in report["cut"])),
        dropped=tuple(sorted(order[place] + 1 for place in report["dropped"])),
    )


def _last_answer(example: Example) -> str:
    return next(turn.text for turn in reversed(example.turns) if turn.learned)


def _last_question(example: Example) -> str:
    return next((turn.text for turn in reversed(example.turns) if not turn.learned), example.system)


def _score(answers: Sequence[str], wanted: Sequence[str], long: bool) -> float:
    pairs = zip(answers, wanted, strict=True)
    if long:
        return statistics.mean(score_rouge(said, goal, "rougeL") for said, goal in pairs)
    return statistics.mean(score_exact_match(said.strip(), goal.strip()) for said, goal in pairs)


# --- for people


def format_rehearsal(request: TuningRequest, checked: DryRun, rehearsal: Rehearsal) -> list[str]:
    """One screen."""
    size = f"{rehearsal.parameters / 1e6:,.0f} million parameters"
    return [
        f"a small model's view: {rehearsal.base_model}, {size}, on {rehearsal.device}, {rehearsal.epochs} epochs; "
        f"{request.base_model} knows more and may need fewer rows",
        "",
        f"rows             {rehearsal.learned:,} learned from, {rehearsal.held:,} held out",
        f"score            {rehearsal.metric} on {rehearsal.asked:,} held-out rows: {rehearsal.before:.2f} before, "
        f"{rehearsal.after:.2f} after",
        f"more rows        {_format_curve(rehearsal.curve)}",
        f"epochs           {_format_epochs(rehearsal)}",
        *_format_resisting(rehearsal.resisting),
        *_format_groups("two answers", "the same question", rehearsal.conflicts),
        *_format_groups("near-duplicates", "nearly the same", rehearsal.near_duplicates),
        *_format_groups("in both", "of dataset and validation", rehearsal.shared),
        f"too long         {_format_cut(rehearsal)}",
        f"steps            {checked.steps:,} for {request.base_model}",
        f"cost             {format_cost(checked)}",
    ]


def _format_curve(curve: Sequence[Score]) -> str:
    figures = ", ".join(f"{one.rows:,} rows {one.value:.2f}" for one in curve)
    if len(curve) < 2:
        return f"{figures}; too few rows for a curve"
    gain = curve[-1].value - curve[-2].value
    verdict = "more rows would help" if gain >= WORTH else "more rows of this kind would hardly help"
    return f"{figures}: {verdict}"


def _format_epochs(rehearsal: Rehearsal) -> str:
    losses = ", ".join(f"{loss:.2f}" for loss in rehearsal.validation)
    if rehearsal.best_epoch == len(rehearsal.validation):
        verdict = "still falling at the end"
    elif rehearsal.validation[-1] > min(rehearsal.validation) + NOISE:
        verdict = f"turns after epoch {rehearsal.best_epoch}"
    else:
        verdict = f"hardly falls after epoch {rehearsal.best_epoch}"
    return f"loss on held-out rows {losses}: {verdict}"


def _format_resisting(rows: Sequence[Resisting]) -> list[str]:
    median = statistics.median(row.loss for row in rows) if rows else 0.0
    lines = [f"resisting        look at these first; often a wrong answer (median loss {median:.2f})"]
    lines += [
        f"{'':<16} example {row.example:,}, loss {row.loss:.2f}: {_shorten(row.question)} → {_shorten(row.answer)}"
        for row in rows[:SHOWN]
    ]
    return lines


def _shorten(text: str) -> str:
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= 36 else flat[:35] + "…")


def _format_groups(name: str, what: str, groups: Sequence[Sequence[int]]) -> list[str]:
    if not groups:
        return [f"{name:<16} none"]
    shown = "; ".join(" and ".join(f"{number:,}" for number in group[:4]) for group in groups[:SHOWN])
    more = f" … {len(groups):,} in all" if len(groups) > SHOWN else ""
    return [f"{name:<16} examples {shown}{more} are {what}"]


def _format_cut(rehearsal: Rehearsal) -> str:
    count = len(rehearsal.cut) + len(rehearsal.dropped)
    share = count / rehearsal.learned
    limit = f"{rehearsal.max_tokens:,} tokens"
    return f"{count:,} of {rehearsal.learned:,} ({share:.0%}) for the {limit} that are read here"


# --- for programs


def describe(request: TuningRequest, checked: DryRun, rehearsal: Rehearsal) -> dict[str, Any]:
    """The same as one JSON object, all rows ranked."""
    price = checked.price
    return {
        "dataset": request.dataset,
        "model": request.base_model,
        "view": "a small model's",
        "base_model": rehearsal.base_model,
        "parameters": rehearsal.parameters,
        "device": rehearsal.device,
        "epochs": rehearsal.epochs,
        "rows": {"learned": rehearsal.learned, "held_out": rehearsal.held, "asked": rehearsal.asked},
        "score": {"metric": rehearsal.metric, "before": rehearsal.before, "after": rehearsal.after},
        "curve": [{"rows": one.rows, "score": one.value} for one in rehearsal.curve],
        "validation_loss": list(rehearsal.validation),
        "best_epoch": rehearsal.best_epoch,
        "resisting": [{"example": row.example, "loss": row.loss} for row in rehearsal.resisting],
        "two_answers": [list(group) for group in rehearsal.conflicts],
        "near_duplicates": [list(pair) for pair in rehearsal.near_duplicates],
        "in_both": [list(pair) for pair in rehearsal.shared],
        "cut": list(rehearsal.cut),
        "nothing_left": list(rehearsal.dropped),
        "steps": checked.steps,
        "usd": checked.training_tokens * price.value / 1_000_000 if price else None,
    }

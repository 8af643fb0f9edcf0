"""What came of a rehearsal: scores, curve, rows that resist, rows beside each other; and all of it as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from typing_extensions import TypedDict

from tuning_emulator.control.dataset_report import CostReport, describe_cost
from tuning_emulator.control.dry_run import DryRun, TuningRequest
from tuning_emulator.control.twins import find_conflicts, find_near_duplicates, find_shared, read_row
from tuning_emulator.core.scoring import score_exact_match, score_rouge
from tuning_trainer.spec import Example

LONG_WORDS = 8
"""Words of a median answer from which answers are scored by ROUGE-L: long ones are never the same word for word."""

WORTH = 0.05
"""Least gain of the second half of the rows for which more rows are worth while."""

NOISE = 0.02
"""Nats per token; less of a difference between two epochs is none."""


Trend = Literal["single", "falling", "turning", "flat"]


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
        near_duplicates: None where there are too many rows to compare.
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
    near_duplicates: tuple[tuple[int, int], ...] | None
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
        found = (number for number, loss in enumerate(self.validation, 1) if loss <= enough)
        return next(found, len(self.validation))  # a loss that is no number is in no order

    @property
    def trend(self) -> Trend:
        """Whether the validation loss still falls at the end, rises again, or hardly changes after the best epoch."""
        if len(self.validation) == 1:
            return "single"
        if self.best_epoch == len(self.validation):
            return "falling"
        return "turning" if self.validation[-1] > min(self.validation) + NOISE else "flat"

    @property
    def more_rows_help(self) -> bool | None:
        """Whether the second half of the rows has gained something; None: they are too few for a curve."""
        return self.curve[-1].value - self.curve[-2].value >= WORTH if len(self.curve) > 1 else None

    @property
    def median_loss(self) -> float:
        """Of all rows: what the loss of a row that resists is seen beside."""
        return statistics.median(row.loss for row in self.resisting) if self.resisting else 0.0


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
    twins = find_near_duplicates(rows)
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
        near_duplicates=None if twins is None else tuple((one + 1, two + 1) for one, two in twins),
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


# --- as JSON


class RowCounts(TypedDict):
    """Rows that were learned from, held out, and asked of these."""

    learned: int
    held_out: int
    asked: int


class ScoreReport(TypedDict):
    """``metric``: ``exact match`` or ``ROUGE-L``, 0 to 1, on held-out rows before and after."""

    metric: str
    before: float
    after: float


class CurvePoint(TypedDict):
    """The score after so many rows."""

    rows: int
    score: float


class RowLoss(TypedDict):
    """``loss``: nats per token of example ``example``, which count from 1, once every row has been seen once."""

    example: int
    loss: float


class RehearsalReport(TypedDict):
    """What ``tuning-emulator rehearse --json`` prints.

    ``trend`` of the validation loss after ``best_epoch``: ``falling`` to the end, ``turning``, ``flat``; of one
    alone ``single``. ``resisting``:
    all rows, the most resisting first. ``near_duplicates``: null where there are too many rows to compare.
    ``in_both``: pairs of examples of dataset and validation dataset. ``cut``, ``nothing_left``: examples longer than
    the ``max_tokens`` that are read here. ``steps``, ``usd``, ``cost``: what the service would make of them.
    """

    dataset: str
    model: str
    view: str
    base_model: str
    parameters: int
    device: str
    epochs: int
    rows: RowCounts
    score: ScoreReport
    curve: list[CurvePoint]
    more_rows_help: bool | None
    validation_loss: list[float]
    best_epoch: int
    trend: Trend
    median_loss: float
    resisting: list[RowLoss]
    two_answers: list[list[int]]
    near_duplicates: list[list[int]] | None
    in_both: list[list[int]]
    max_tokens: int
    cut: list[int]
    nothing_left: list[int]
    steps: int
    usd: float | None
    cost: CostReport | None


def describe_rehearsal(request: TuningRequest, checked: DryRun, rehearsal: Rehearsal) -> RehearsalReport:
    """The same as one JSON object, all rows ranked."""
    cost, twins = describe_cost(checked), rehearsal.near_duplicates
    return RehearsalReport(
        dataset=request.dataset,
        model=request.base_model,
        view="a small model's",
        base_model=rehearsal.base_model,
        parameters=rehearsal.parameters,
        device=rehearsal.device,
        epochs=rehearsal.epochs,
        rows=RowCounts(learned=rehearsal.learned, held_out=rehearsal.held, asked=rehearsal.asked),
        score=ScoreReport(metric=rehearsal.metric, before=rehearsal.before, after=rehearsal.after),
        curve=[CurvePoint(rows=one.rows, score=one.value) for one in rehearsal.curve],
        more_rows_help=rehearsal.more_rows_help,
        validation_loss=list(rehearsal.validation),
        best_epoch=rehearsal.best_epoch,
        trend=rehearsal.trend,
        median_loss=rehearsal.median_loss,
        resisting=[RowLoss(example=row.example, loss=row.loss) for row in rehearsal.resisting],
        two_answers=[list(group) for group in rehearsal.conflicts],
        near_duplicates=None if twins is None else [list(pair) for pair in twins],
        in_both=[list(pair) for pair in rehearsal.shared],
        max_tokens=rehearsal.max_tokens,
        cut=list(rehearsal.cut),
        nothing_left=list(rehearsal.dropped),
        steps=checked.steps,
        usd=cost["usd"] if cost else None,
        cost=cost,
    )

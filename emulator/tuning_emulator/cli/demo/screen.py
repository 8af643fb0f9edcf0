"""What the demo draws: a progress bar, a loss curve in braille dots, a table of answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.progress import TaskID
from rich.table import Table
from rich.text import Text

from tuning_emulator.cli.curves import COLUMNS, Curves
from tuning_emulator.cli.demo.task import Pair
from tuning_emulator.cli.terminal import BAD, GOOD, QUIET, TRAIN, make_progress, paint_chart

TITLE = f"bold {TRAIN}"


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt, what is wanted, and what the base model and the tuned model said."""

    pair: Pair
    before: str
    after: str


class Watch:
    """The progress bar of one job; keeps the losses it was told."""

    def __init__(self, console: Console, name: str = "tuning") -> None:
        self.losses: Sequence[float] = ()
        self._name = name
        self._progress = make_progress(console)
        self._bar: TaskID | None = None

    def __enter__(self) -> Watch:
        self._progress.start()
        self._bar = self._progress.add_task(self._name, total=None, loss="–")
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def report(self, done: int, total: int, losses: Sequence[float]) -> None:
        """Moves the bar."""
        assert self._bar is not None
        self.losses = losses
        loss = f"{losses[-1]:.3f}" if losses else "–"
        self._progress.update(self._bar, completed=done, total=total or None, loss=loss)


def draw_curve(losses: Sequence[float]) -> RenderableType:
    """Loss over steps."""
    return paint_chart(Curves(tuple(losses)), 0, COLUMNS)


def count_right(asked: Sequence[Asked]) -> tuple[int, int]:
    """How many answers were exactly right before and after tuning."""
    before = sum(one.before == one.pair.expected for one in asked)
    return before, sum(one.after == one.pair.expected for one in asked)


def draw_answers(groups: Sequence[tuple[str, Sequence[Asked]]]) -> Table:
    """All prompts with the wanted answer and both models' answers; what is exactly right is marked."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), header_style="bold", pad_edge=True)
    for heading in ("prompt", "expected", "before tuning", "after tuning"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis", min_width=17, max_width=25)
    for heading, rows in groups:
        before, after = count_right(rows)
        table.add_row(Text(heading, style="bold"), "", mark_score(before, len(rows)), mark_score(after, len(rows)))
        for one in rows:
            table.add_row(one.pair.prompt, one.pair.expected, mark(one.before, one.pair), mark(one.after, one.pair))
        table.add_section()
    return table


def mark(text: str, pair: Pair) -> Text:
    """An answer with its mark, on one line whatever it holds."""
    right = text == pair.expected
    return Text("✓ " if right else "✗ ", style=GOOD if right else BAD).append(
        text.replace("\n", "⏎") or "(nothing)", style="" if right else QUIET
    )


def mark_score(right: int, of: int) -> Text:
    """`12 of 15`, green when all are right."""
    return Text(f"{right} of {of}", style=f"bold {GOOD}" if right == of else "bold")

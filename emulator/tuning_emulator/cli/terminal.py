"""What ``tuning-emulator tune`` shows in a terminal: a bar, the curves as they grow, whole answers. Needs rich."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from tuning_emulator.cli.curves import MARK, ROWS, Curves, Line, draw_chart
from tuning_emulator.cli.screen import Answer

GOOD, BAD, QUIET, TRAIN, VALIDATION = "green3", "red3", "grey58", "deep_sky_blue1", "orange1"
_MARGIN = 12
"""Columns beside a chart: what stands left of it, and a little air."""
_MOST_COLUMNS = 100
_UNLIMITED = 100_000
_CHART_LINES = ROWS + 6
"""Least height of a terminal in which the curves are drawn as they grow."""


class Terminal(Console):
    """A console whose reader may go: that is for ``main`` to see."""

    def on_broken_pipe(self) -> None:
        """Rich would end the program with 1."""
        raise BrokenPipeError


class RichScreen:
    """For people. See ``Screen``."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Terminal(highlight=False)
        self._columns = max(20, min(self.console.width - _MARGIN, _MOST_COLUMNS))
        self._progress = make_progress(self.console)
        self._live: Live | None = None
        self._bar: TaskID | None = None

    def say(self, what: str, about: str = "") -> None:
        """See ``Screen``."""
        say(self.console, what, about)

    def report(self, state: str, done: int, total: int, curves: Curves) -> None:
        """See ``Screen``."""
        if self._live is None or self._bar is None:
            self._bar = self._progress.add_task(state, total=None, loss="–")
            self._live = Live(console=self.console, refresh_per_second=8)
            self._live.start()
        loss = f"{curves.train[-1]:.4f}" if curves.train else "–"
        self._progress.update(self._bar, description=state, completed=done, total=total or None, loss=loss)
        grows = len(curves.train) > 1 and self.console.height >= _CHART_LINES and self.console.is_terminal
        chart = [paint_chart(curves, total, self._columns)] if grows else []
        self._live.update(Group(self._progress, *chart))

    def finish(self, curves: Curves) -> None:
        """See ``Screen``."""
        if self._live is not None:
            self._live.update(self._progress)
            self._live.stop()
            self._live = self._bar = None
        if curves.train:
            self.console.print(paint_chart(curves, 0, self._columns))

    def show_answers(self, answers: Sequence[Answer]) -> None:
        """See ``Screen``."""
        table = make_table(answers)
        unlimited = self.console.options.update(width=_UNLIMITED)
        whole = self.console.measure(table, options=unlimited).maximum <= self.console.width
        if whole and not any("\n" in text for one in answers for text in (one.prompt, *(t for _, t in one.texts))):
            self.console.print(table)
            return
        for number, one in enumerate(answers, 1):
            self.console.print()
            self.console.print(make_block(number, one))
        self.console.print()


def say(console: Console, what: str, about: str = "", margin: int = 2) -> None:
    """One line, or more below each other; names and commands stay in one piece, to be copied."""
    wide = max(20, console.width - 2 * margin)
    first, *rest = wrap(f"{what}  {about}", wide, break_long_words=False, break_on_hyphens=False) or [""]
    words = Text(" " * margin).append(first[: len(what)], style="bold").append(first[len(what) :], style=QUIET)
    console.print(words, soft_wrap=True)
    for line in rest:
        console.print(Text(f"{' ' * 2 * margin}{line}", style=QUIET), soft_wrap=True)


def make_progress(console: Console) -> Progress:
    """A bar of steps with the loss, the time it has taken, and the time it will still take at its mean pace."""
    return Progress(
        TextColumn("  [bold]{task.description}"),
        BarColumn(bar_width=max(8, min(30, console.width - 58)), complete_style=TRAIN, finished_style=GOOD),
        MofNCompleteColumn(),
        TextColumn("steps  loss [bold]{task.fields[loss]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        speed_estimate_period=600,
    )


# --- curves


def paint_chart(curves: Curves, total: int, columns: int) -> RenderableType:
    """The curves in colours, with what they are below."""
    lines = [_paint_line(line) for line in draw_chart(curves, total, columns)]
    words = Text(" " * 10).append("⠤⠤", style=TRAIN).append(f" training {curves.train[-1]:.4f}", style=QUIET)
    if curves.validation:
        step, lowest = curves.lowest
        words.append("   ").append(MARK, style=VALIDATION)
        words.append(f" validation {curves.validation[-1][1]:.4f}, lowest {lowest:.4f} at step {step}", style=QUIET)
    return Group(Text(), *lines, words)


def _paint_line(line: Line) -> Text:
    text = Text(f"  {line.axis}", style=QUIET)
    for column, cell in enumerate(line.cells):
        text.append(cell, style=VALIDATION if column in line.marked else TRAIN)
    return text


# --- answers


def make_table(answers: Sequence[Answer]) -> Table:
    """A row for each prompt; for answers that fit."""
    names = [*dict.fromkeys(name for one in answers for name, _ in one.texts)]
    names.sort(key=["expected", "rejected", "before", "after"].index)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), header_style="bold")
    for heading in ("prompt", *names):
        table.add_column({"before": "before tuning", "after": "after tuning"}.get(heading, heading), no_wrap=True)
    for one in answers:
        said = dict(one.texts)
        table.add_row(Text(_show(one.prompt)), *(_paint_answer(one, name, said.get(name, "")) for name in names))
    return table


def make_block(number: int, one: Answer) -> Table:
    """A prompt and what was said, below each other, wrapped and whole."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", style="bold", min_width=cell_len("  99 rejected"))
    grid.add_column(overflow="fold")
    grid.add_row(f"{number} prompt", Text(_show(one.prompt)))
    for name, text in one.texts:
        grid.add_row(name, _paint_answer(one, name, text))
    return grid


def _show(text: str) -> str:
    """The text without characters that would steer the terminal."""
    return "".join(one if one >= " " or one == "\n" else "�" for one in text.expandtabs(4))


def _paint_answer(one: Answer, name: str, text: str) -> Text:
    shown = _show(text) or "(nothing)"
    if name != "after":
        return Text(shown, style=QUIET if name in ("before", "rejected") else "")
    if not one.expected:
        return Text(shown, style="bold")
    return Text("✓ " if one.right else "✗ ", style=GOOD if one.right else BAD).append(shown, style="default")

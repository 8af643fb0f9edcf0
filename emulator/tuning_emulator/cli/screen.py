"""What ``tuning-emulator tune`` shows: bars, a curve and a table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

# --- a loss curve in braille dots

COLUMNS, ROWS = 56, 7
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bits of a braille character: two columns of four dots, top to bottom."""
_BLANK = 0x2800


def draw_dots(losses: Sequence[float], columns: int = COLUMNS, rows: int = ROWS) -> list[str]:
    """Lines of dots, highest loss at the top, zero at the bottom; straight lines between the steps."""
    top = max(losses) or 1.0
    height = rows * 4
    cells = [[0] * columns for _ in range(rows)]
    levels = [round((1 - value / top) * (height - 1)) for value in trace(losses, columns * 2)]
    for x, level in enumerate(levels):
        previous = levels[x - 1] if x else level
        for y in range(min(previous, level), max(previous, level) + 1):
            cells[y // 4][x // 2] |= _DOTS[x % 2][y % 4]
    return ["".join(chr(_BLANK + dots) for dots in row) for row in cells]


def trace(losses: Sequence[float], width: int) -> list[float]:
    """The losses as ``width`` points on the straight lines between them."""
    points = []
    for x in range(width):
        place = x / (width - 1) * (len(losses) - 1)
        left = int(place)
        right = min(left + 1, len(losses) - 1)
        points.append(losses[left] + (losses[right] - losses[left]) * (place - left))
    return points


def draw_axes(losses: Sequence[float], columns: int = COLUMNS, rows: int = ROWS) -> list[tuple[str, str]]:
    """(what stands left of the dots, the dots) of each line, then the axis and its labels with no dots."""
    labels = {0: f"{max(losses):.2f}", rows - 1: "0.00"}
    lines = [
        (f"{labels.get(number, ''):>6} {'┤' if number in labels else '│'}", dots)
        for number, dots in enumerate(draw_dots(losses, columns, rows))
    ]
    first, last = "step 1", f"step {len(losses)}"
    lines.append((f"{'loss':>6} └" + "─" * columns, ""))
    lines.append((" " * 8 + first + last.rjust(columns - len(first)), ""))
    return lines


_GOOD, _BAD, _QUIET, _LINE = "green3", "red3", "grey58", "deep_sky_blue1"
_PLAIN_CHARACTERS = 500
"""So much of a prompt and an answer without a terminal."""
_PLAIN_LINES = 20
"""About so many lines of progress without a terminal."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A prompt and what the base model and the tuned model said; ``expected`` is "" where nobody knows."""

    prompt: str
    expected: str
    before: str
    after: str

    @property
    def right(self) -> bool:
        """Whether the tuned model said what was expected."""
        return bool(self.expected) and self.after.strip() == self.expected.strip()


class Screen(Protocol):
    """Where progress goes."""

    def say(self, what: str, about: str = "") -> None:
        """One line."""
        ...

    def report(self, state: str, done: int, total: int, losses: Sequence[float]) -> None:
        """How far the job is."""
        ...

    def finish(self, losses: Sequence[float]) -> None:
        """The job has ended."""
        ...

    def show_answers(self, answers: Sequence[Answer]) -> None:
        """A sample of what the model says."""
        ...


class PlainScreen:
    """Lines for logs and pipes."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._state = ""
        self._told = 0
        self._first: tuple[int, float] | None = None

    def say(self, what: str, about: str = "") -> None:
        """See ``Screen``."""
        print(f"{what}  {about}".rstrip(), file=self._out, flush=True)

    def report(self, state: str, done: int, total: int, losses: Sequence[float]) -> None:
        """See ``Screen``."""
        if state != self._state:
            self._state = state
            self.say("state", state)
        if losses and done - self._told >= max(1, total // _PLAIN_LINES):
            self._told = done
            self.say("step", f"{done}/{total}  loss {losses[-1]:.4f}{self._estimate(done, total)}")

    def _estimate(self, done: int, total: int) -> str:
        """How long the rest will take at the mean pace since the first step that was seen; "" before there is one."""
        now = time.monotonic()
        if self._first is None:
            self._first = done, now
        began, began_s = self._first
        if done == began or done >= total:
            return ""
        return f"  {(now - began_s) / (done - began) * (total - done):.0f} s to go"

    def finish(self, losses: Sequence[float]) -> None:
        """See ``Screen``."""
        if losses:
            self.say("loss", f"{losses[0]:.4f} at step 1, {losses[-1]:.4f} at step {len(losses)}")

    def show_answers(self, answers: Sequence[Answer]) -> None:
        """See ``Screen``."""
        for one in answers:
            self.say("prompt", _quote(one.prompt))
            for name, text in (("expected", one.expected), ("before", one.before), ("after", one.after)):
                if text or name != "expected":
                    self.say(f"  {name:<9}", _quote(text))


class RichScreen:
    """For people. Needs rich."""

    def __init__(self, console: Any = None) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self.console = console or Console(highlight=False)
        self._progress = Progress(
            TextColumn("  [bold]{task.description:<22}"),
            BarColumn(bar_width=30, complete_style=_LINE, finished_style=_GOOD),
            MofNCompleteColumn(),
            TextColumn("steps  loss [bold]{task.fields[loss]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            speed_estimate_period=600,
        )
        self._bar: Any = None

    def say(self, what: str, about: str = "") -> None:
        """See ``Screen``."""
        from rich.text import Text

        self.console.print(Text("  ").append(what, style="bold").append(f"  {about}", style=_QUIET), soft_wrap=True)

    def report(self, state: str, done: int, total: int, losses: Sequence[float]) -> None:
        """See ``Screen``."""
        if self._bar is None:
            self._progress.start()
            self._bar = self._progress.add_task(state, total=None, loss="–")
        loss = f"{losses[-1]:.4f}" if losses else "–"
        self._progress.update(self._bar, description=state, completed=done, total=total or None, loss=loss)

    def finish(self, losses: Sequence[float]) -> None:
        """See ``Screen``."""
        from rich.text import Text

        if self._bar is not None:
            self._progress.stop()
            self._bar = None
        if losses:
            self.console.print()
            for left, dots in draw_axes(losses):
                self.console.print(Text(f"  {left}", style=_QUIET).append(dots, style=_LINE))
            self.console.print()

    def show_answers(self, answers: Sequence[Answer]) -> None:
        """See ``Screen``."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        expected = any(one.expected for one in answers)
        table = Table(box=SIMPLE_HEAD, padding=(0, 1), header_style="bold")
        for heading in ("prompt", *(["expected"] if expected else []), "before tuning", "after tuning"):
            table.add_column(heading, overflow="ellipsis", max_width=40, no_wrap=True)
        for one in answers:
            style = (_GOOD if one.right else _BAD) if one.expected else ""
            mark = ("✓ " if one.right else "✗ ") if one.expected else ""
            after = Text(mark, style=style).append(_shorten(one.after), style="" if one.expected else "bold")
            known = [Text(_shorten(one.expected))] if expected else []
            table.add_row(Text(_shorten(one.prompt)), *known, Text(_shorten(one.before), style=_QUIET), after)
        self.console.print(table)


def _quote(text: str) -> str:
    return repr(text) if len(text) <= _PLAIN_CHARACTERS else f"{text[:_PLAIN_CHARACTERS]!r}…"


def _shorten(text: str) -> str:
    return text.replace("\n", "⏎") or "(nothing)"


def open_screen(out: TextIO, plain: bool) -> Screen:
    """The best that this output and this installation can do."""
    if plain or not out.isatty():
        return PlainScreen(out)
    try:
        import rich  # noqa: F401 only looked for
    except ImportError:
        return PlainScreen(out)
    return RichScreen()

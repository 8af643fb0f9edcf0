"""What the demo draws: a progress bar, a loss curve in braille dots, a table of answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from examples.demo.task import Pair

CURVE_COLUMNS, CURVE_ROWS = 56, 7
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bits of a braille character: two columns of four dots, top to bottom."""
GOOD, BAD, QUIET, TITLE = "green3", "red3", "grey58", "bold deep_sky_blue1"


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt, what is wanted, and what the base model and the tuned model said."""

    pair: Pair
    before: str
    after: str


def make_progress(console: Console) -> Progress:
    """A bar of steps with the loss beside it."""
    return Progress(
        TextColumn("   [bold]{task.description:<12}"),
        BarColumn(bar_width=36, complete_style="deep_sky_blue1", finished_style=GOOD),
        MofNCompleteColumn(),
        TextColumn("steps  loss [bold]{task.fields[loss]}"),
        TimeElapsedColumn(),
        console=console,
    )


def draw_curve(losses: Sequence[float]) -> Group:
    """Loss over steps: straight lines between the steps, highest at the top, zero at the bottom."""
    top = max(losses) or 1.0
    width, height = CURVE_COLUMNS * 2, CURVE_ROWS * 4
    cells = [[0] * CURVE_COLUMNS for _ in range(CURVE_ROWS)]
    levels = [round((1 - value / top) * (height - 1)) for value in trace(losses, width)]
    for x, level in enumerate(levels):
        previous = levels[x - 1] if x else level
        for y in range(min(previous, level), max(previous, level) + 1):
            cells[y // 4][x // 2] |= DOTS[x % 2][y % 4]
    return Group(*frame(cells, losses))


def trace(losses: Sequence[float], width: int) -> list[float]:
    """The losses as `width` points on the straight lines between them."""
    points = []
    for x in range(width):
        place = x / (width - 1) * (len(losses) - 1)
        left = int(place)
        right = min(left + 1, len(losses) - 1)
        points.append(losses[left] + (losses[right] - losses[left]) * (place - left))
    return points


def frame(cells: list[list[int]], losses: Sequence[float]) -> list[Text]:
    """The dots with axes: loss on the left, steps below."""
    lines = []
    for number, row in enumerate(cells):
        label = {0: f"{max(losses):.2f}", CURVE_ROWS - 1: "0.00"}.get(number, "")
        line = Text(f"   {label:>6} ", style=QUIET).append("┤" if label else "│", style=QUIET)
        lines.append(line.append("".join(chr(0x2800 + dots) for dots in row), style="deep_sky_blue1"))
    lines.append(Text(f"   {'loss':>6} └" + "─" * CURVE_COLUMNS, style=QUIET))
    first, last = "step 1", f"step {len(losses)}"
    lines.append(Text(" " * 11 + first + last.rjust(CURVE_COLUMNS - len(first)), style=QUIET))
    return lines


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

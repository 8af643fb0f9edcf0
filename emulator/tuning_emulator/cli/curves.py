"""Loss curves in characters: training as a line of braille dots, validation as a mark at each measurement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COLUMNS, ROWS = 56, 7
MARK = "●"
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bits of a braille character: two columns of four dots, top to bottom."""
_BLANK = 0x2800


@dataclass(frozen=True, slots=True)
class Curves:
    """What a job has shown so far.

    Attributes:
        train: The loss of each step. validation: (step, loss) where the validation dataset was looked at.
    """

    train: tuple[float, ...] = ()
    validation: tuple[tuple[int, float], ...] = ()

    @property
    def lowest(self) -> tuple[int, float]:
        """Where the validation loss is smallest, the first such step."""
        return min(self.validation, key=lambda point: point[1])


def read_curves(metrics: Iterable[Mapping[str, Any]]) -> Curves:
    """Of a job's ``metrics`` as the control API shows them."""
    points = [*metrics]
    return Curves(
        tuple(one["loss"] for one in points if one["kind"] == "train"),
        tuple((one["step"], one["loss"]) for one in points if one["kind"] == "eval"),
    )


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart. ``axis``: what stands left of the cells. ``marked``: columns of ``cells`` that hold a mark."""

    axis: str
    cells: str = ""
    marked: frozenset[int] = frozenset()


def draw_chart(curves: Curves, total: int = 0, columns: int = COLUMNS, rows: int = ROWS) -> list[Line]:
    """The curves over ``total`` steps, highest loss at the top, zero at the bottom, with both axes.

    Args:
        total: Steps that there will be; 0: as many as there are.
    """
    last = max(total, len(curves.train), *(step for step, _ in curves.validation), 1)
    top = max([*curves.train, *(loss for _, loss in curves.validation)], default=0.0) or 1.0
    width = max(1, round(columns * len(curves.train) / last))
    dots = draw_dots(curves.train, top, width, rows) if curves.train else [""] * rows
    marks: dict[int, set[int]] = {}
    for step, loss in curves.validation:
        row = round((1 - loss / top) * (rows - 1))
        marks.setdefault(row, set()).add(round((step - 1) / max(last - 1, 1) * (columns - 1)))
    labels = {0: f"{top:.2f}", rows - 1: "0.00"}
    lines = []
    for number, drawn in enumerate(dots):
        cells = [*drawn.ljust(columns, chr(_BLANK))]
        for column in marks.get(number, ()):
            cells[column] = MARK
        axis = f"{labels.get(number, ''):>6} {'┤' if number in labels else '│'}"
        lines.append(Line(axis, "".join(cells), frozenset(marks.get(number, ()))))
    lines.append(Line(f"{'loss':>6} └" + "─" * columns))
    first, end = "step 1", f"step {last}"
    lines.append(Line(" " * 8 + first + end.rjust(columns - len(first))))
    return lines


def draw_dots(losses: Sequence[float], top: float, columns: int, rows: int) -> list[str]:
    """Lines of dots from ``top`` down to zero; straight lines between the steps."""
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


def name_curves(curves: Curves) -> list[str]:
    """What each curve came to, in words: training first."""
    said = []
    if curves.train:
        said.append(f"{curves.train[0]:.4f} at step 1, {curves.train[-1]:.4f} at step {len(curves.train)}")
    if curves.validation:
        (first, before), (end, after), (best, lowest) = curves.validation[0], curves.validation[-1], curves.lowest
        words = [f"{before:.4f} at step {first}"] + ([f"{after:.4f} at step {end}"] if end != first else [])
        if best not in (first, end):
            words.append(f"lowest {lowest:.4f} at step {best}")
        said.append(", ".join(words))
    return said

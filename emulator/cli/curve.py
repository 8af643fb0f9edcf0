"""A loss curve in braille dots: seven lines of text, as wide as is asked for."""

from __future__ import annotations

from collections.abc import Sequence

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

"""Loss curves in characters: they have their size, and say where they begin and end."""

from __future__ import annotations

import pytest

from tuning_emulator.cli.curves import MARK, Curves, draw_chart, draw_dots, read_curves, trace

LOSSES = [(1.0,), (0.0, 0.0), (2.0, 1.0, 0.5), tuple(0.1 * n for n in range(500))]


@pytest.mark.parametrize("losses", LOSSES)
@pytest.mark.parametrize("total", [0, 1000])
def test_curves_have_their_size_whatever_they_show(losses: tuple[float, ...], total: int) -> None:
    """Any number of steps fits; the axis ends at the last step that there is, or will be."""
    lines = draw_chart(Curves(losses), total, columns=30, rows=5)
    assert [len(line.cells) for line in lines] == [30] * 5 + [0, 0]
    assert lines[-1].axis.endswith(f"step {total or len(losses)}")
    assert [len(line) for line in draw_dots(losses, max(losses) or 1.0, 30, 5)] == [30] * 5


def test_a_curve_grows_to_the_right() -> None:
    """Half of the steps take half of the width."""
    (line,) = draw_chart(Curves((1.0, 1.0)), 4, columns=20, rows=1)[:1]
    assert set(line.cells[10:]) == {"\u2800"}
    assert "\u2800" not in line.cells[:10]


def test_validation_is_a_mark_at_its_step() -> None:
    """At the height of its loss, over the line of the training loss."""
    lines = draw_chart(Curves((2.0, 1.0, 0.0), ((1, 2.0), (3, 1.0))), columns=21, rows=5)
    assert [(row, sorted(line.marked)) for row, line in enumerate(lines) if line.marked] == [(0, [0]), (2, [20])]
    assert lines[0].cells[0] == lines[2].cells[20] == MARK


def test_before_there_is_anything() -> None:
    """An empty chart."""
    lines = draw_chart(Curves(), columns=10, rows=3)
    assert {line.cells for line in lines[:3]} == {"\u2800" * 10}


def test_curves_are_read_from_metrics() -> None:
    """Training step by step, validation where it was measured."""
    metrics = [
        {"kind": "train", "step": 1, "loss": 2.0},
        {"kind": "train", "step": 2, "loss": 1.0},
        {"kind": "eval", "step": 2, "loss": 1.5},
    ]
    curves = read_curves(metrics)
    assert curves == Curves((2.0, 1.0), ((2, 1.5),))
    assert curves.lowest == (2, 1.5)


@pytest.mark.parametrize("losses", LOSSES)
def test_the_ends_are_the_first_and_the_last_loss(losses: tuple[float, ...]) -> None:
    """Whatever is left out between."""
    points = trace(losses, 112)
    assert (points[0], points[-1]) == (losses[0], losses[-1])

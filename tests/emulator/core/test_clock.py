"""Clocks."""

from __future__ import annotations

import pytest

from emulator.core.clock import ManualClock, to_microseconds


def test_a_manual_clock_moves_only_when_told_and_only_forward() -> None:
    """Tests own its time."""
    clock = ManualClock(5)
    clock.advance(1.5)
    assert clock.now_ns() == 1_500_000_005
    with pytest.raises(ValueError, match="-1"):
        clock.advance(-1)
    assert clock.now_ns() == 1_500_000_005


def test_microseconds_are_cut_not_rounded() -> None:
    """Six digits, as the services store."""
    assert to_microseconds(1_999) == 1_000

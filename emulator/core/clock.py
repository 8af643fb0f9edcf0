"""Time as a parameter: everything that asks what time it is asks a ``Clock``."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where times come from."""

    def now_ns(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        return time.time_ns()


class ManualClock:
    """A clock that tests move by hand."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        return self._now_ns

    def advance(self, seconds: float) -> None:
        """Moves the clock forward; time never runs backwards."""
        if seconds < 0:
            raise ValueError(f"seconds: {seconds!r} is negative; a clock only moves forward")
        self._now_ns += round(seconds * 1e9)


def to_microseconds(time_ns: int) -> int:
    """Cuts to whole microseconds, as the services store created, updated and completed times."""
    return time_ns - time_ns % 1000

"""Time as a parameter: everything that asks what time it is, or waits for a time, asks a ``Clock``."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

SECOND_NS = 1_000_000_000
LATEST_NS = 7_258_118_400 * SECOND_NS
"""2200-01-01T00:00:00Z. Records hold nanoseconds in 64 bits, which end in 2262; what runs on needs room before that."""

LONGEST_TIMER_S = 3600.0
"""A real timer is looked at again after this long: the machine's own clock may have been set meanwhile."""


class ClockError(ValueError):
    """The clock cannot be moved so; the text names the value and what would be right."""


class Alarm(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Takes it back."""
        ...


class Clock(Protocol):
    """The emulator's time. Reading is safe in any thread; waiting belongs to the server's event loop."""

    def now_ns(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        ...

    def timestamp_ns(self) -> int:
        """Now, to be written beside what happens: see ``to_microseconds``."""
        ...

    def call_at(self, time_ns: int, callback: Callable[[], object]) -> Alarm:
        """Calls back once that time is reached, however it is: by waiting, advancing or setting."""
        ...

    async def wait_until(self, time_ns: int) -> None:
        """Returns once that time is reached."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns once so much of this clock's time has gone by."""
        ...


@dataclass(frozen=True, slots=True)
class ClockState:
    """How a clock differs from the machine's.

    Attributes:
        offset_ns: What it is ahead, negative where behind.
        frozen_ns: The time at which it stands still; None while it runs.
    """

    offset_ns: int = 0
    frozen_ns: int | None = None


UNTOUCHED = ClockState()
"""Of a clock that tells the machine's time."""


@dataclass(order=True, slots=True)
class _Alarm:
    time_ns: int
    order: int
    callback: Callable[[], object] | None = field(compare=False)

    def cancel(self) -> None:
        self.callback = None


class SteerableClock:
    """The machine's clock, until somebody sets, advances or freezes it. It never runs backwards by itself.

    Args:
        state: As an earlier process left it.
        keep: Called with every new state, to be remembered.
        machine_ns: The machine's time.
    """

    def __init__(
        self,
        state: ClockState = UNTOUCHED,
        keep: Callable[[ClockState], None] | None = None,
        machine_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._state = state
        self._keep = keep
        self._machine_ns = machine_ns
        self._latest_ns = 0
        self._alarms: list[_Alarm] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------ reading

    @property
    def state(self) -> ClockState:
        """How it differs from the machine's clock."""
        return self._state

    @property
    def frozen(self) -> bool:
        """Whether it stands still."""
        return self._state.frozen_ns is not None

    def now_ns(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        if self._state.frozen_ns is not None:
            return self._state.frozen_ns
        now_ns = self._machine_ns() + self._state.offset_ns
        if now_ns < self._latest_ns:  # the machine's clock was set back
            return self._latest_ns
        self._latest_ns = now_ns
        return now_ns

    def timestamp_ns(self) -> int:
        """See ``Clock``."""
        now_ns = self.now_ns()
        return now_ns - now_ns % 1000

    def ahead_ns(self) -> int:
        """How far it is ahead of the machine's clock; negative: behind."""
        if self._state.frozen_ns is not None:
            return self._state.frozen_ns - self._machine_ns()
        return self._state.offset_ns

    # ------------------------------------------------------------ steering

    def set(self, time_ns: int, not_before_ns: int = 0) -> None:
        """Sets it; frozen it stays frozen, there.

        Args:
            not_before_ns: The latest time that anything carries.

        Raises:
            ClockError: the time is earlier than that, or later than ``LATEST_NS``.
        """
        if time_ns > LATEST_NS:
            raise ClockError(f"time: {format_ns(time_ns)} is after {format_ns(LATEST_NS)}, the latest that it can show")
        if time_ns < not_before_ns:
            raise ClockError(
                f"time: {format_ns(time_ns)} is before {format_ns(not_before_ns)}, the latest time that something here "
                "carries, and times never run backwards; set a later time, or reset the emulator first"
            )
        self._latest_ns = time_ns
        frozen_ns = time_ns if self.frozen else None
        self.restore(ClockState(time_ns - self._machine_ns(), frozen_ns))

    def advance(self, seconds: float) -> None:
        """Moves it forward.

        Raises:
            ClockError: ``seconds`` is negative, or leads beyond ``LATEST_NS``.
        """
        if not 0 <= seconds < float("inf"):
            raise ClockError(f"seconds: {seconds!r} is not 0 or more; a clock only moves forward")
        by_ns = round(min(seconds * SECOND_NS, 2.0 * LATEST_NS))  # more than enough to be refused
        machine_ns, frozen_ns = self._machine_ns(), self._state.frozen_ns
        running_ns = max(machine_ns + self._state.offset_ns, self._latest_ns)
        if max(running_ns, frozen_ns or 0) + by_ns > LATEST_NS:
            raise ClockError(f"seconds: {seconds!r} leads beyond {format_ns(LATEST_NS)}, the latest that it can show")
        self.restore(ClockState(running_ns - machine_ns + by_ns, None if frozen_ns is None else frozen_ns + by_ns))

    def freeze(self) -> None:
        """Stops it where it stands."""
        self.restore(ClockState(self._state.offset_ns, self.now_ns()))

    def resume(self) -> None:
        """Lets it run on from where it stands."""
        self.restore(ClockState(self.now_ns() - self._machine_ns()))

    def reset(self) -> None:
        """Tells the machine's time again, even where that is earlier."""
        self.restore(UNTOUCHED)

    def restore(self, state: ClockState) -> None:
        """Takes on a state that a clock had before."""
        self._state, self._latest_ns = state, 0
        if self._keep is not None:
            self._keep(state)
        self._ring()

    # ------------------------------------------------------------ waiting

    def call_at(self, time_ns: int, callback: Callable[[], object]) -> Alarm:
        """Calls back once that time is reached; needs a running event loop."""
        alarm = _Alarm(time_ns, next(self._order), callback)
        heapq.heappush(self._alarms, alarm)
        if alarm is self._alarms[0]:
            self._arm()
        return alarm

    async def wait_until(self, time_ns: int) -> None:
        """Returns once that time is reached."""
        if self.now_ns() >= time_ns:
            return
        reached = asyncio.Event()
        alarm = self.call_at(time_ns, reached.set)
        try:
            await reached.wait()
        finally:
            alarm.cancel()

    async def sleep(self, seconds: float) -> None:
        """Returns once so much of this clock's time has gone by."""
        await self.wait_until(self.now_ns() + round(seconds * SECOND_NS))

    def _ring(self) -> None:
        """Calls those whose time has come, in the order of their times."""
        now_ns = self.now_ns()
        while self._alarms and self._alarms[0].time_ns <= now_ns:
            callback = heapq.heappop(self._alarms).callback
            if callback is not None:
                callback()
        self._arm()

    def _arm(self) -> None:
        """Sets the one real timer to the next alarm; a frozen clock needs none for what is still to come."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._alarms and self._alarms[0].callback is None:
            heapq.heappop(self._alarms)
        if not self._alarms:
            return
        wait_s = max(0.0, (self._alarms[0].time_ns - self.now_ns()) / SECOND_NS)
        if not (wait_s and self.frozen):
            self._timer = asyncio.get_running_loop().call_later(min(wait_s, LONGEST_TIMER_S), self._ring)


class ManualClock(SteerableClock):
    """A clock that stands still until a test moves it."""

    def __init__(self, now_ns: int) -> None:
        super().__init__(ClockState(0, now_ns))


def to_microseconds(time_ns: int) -> int:
    """Cuts to whole microseconds, as the services store created, updated and completed times."""
    return time_ns - time_ns % 1000


def format_ns(time_ns: int) -> str:
    """RFC 3339, UTC, as many digits as are needed."""
    seconds, rest = divmod(time_ns, SECOND_NS)
    digits = f"{rest:09d}".rstrip("0")
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{moment}.{digits}Z" if digits else f"{moment}Z"

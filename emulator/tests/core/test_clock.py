"""Clocks: steered by hand, they agree with everybody who waits for them."""

from __future__ import annotations

import asyncio

import pytest

from tuning_emulator.core.clock import ClockError, ClockState, ManualClock, SteerableClock, format_ns, to_microseconds

HOUR_S = 3600.0


class Machine:
    """The machine's time, for a test to set."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000_000

    def __call__(self) -> int:
        return self.now_ns


def test_a_manual_clock_moves_only_when_told_and_only_forward() -> None:
    """Tests own its time."""
    clock = ManualClock(5)
    clock.advance(1.5)
    assert clock.now_ns() == 1_500_000_005
    with pytest.raises(ValueError, match="-1"):
        clock.advance(-1)
    assert clock.now_ns() == 1_500_000_005


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 9e9, 8e18, 1e300])
def test_a_clock_refuses_what_is_no_length_of_time(seconds: float) -> None:
    """NaN, infinity and what leads beyond the years that records can hold change nothing."""
    clock = ManualClock(5)
    with pytest.raises(ClockError, match="seconds"):
        clock.advance(seconds)
    assert clock.now_ns() == 5


def test_microseconds_are_cut_not_rounded() -> None:
    """Six digits, as the services store."""
    assert to_microseconds(1_999) == 1_000


def test_it_follows_the_machine_with_what_was_added() -> None:
    """Advanced by an hour it runs on, an hour ahead; frozen it stands; resumed it goes on from there."""
    machine = Machine()
    clock = SteerableClock(machine_ns=machine)
    start_ns = clock.now_ns()
    assert start_ns == machine.now_ns
    clock.advance(HOUR_S)
    machine.now_ns += 7
    assert clock.now_ns() == start_ns + 3600 * 10**9 + 7
    clock.freeze()
    frozen_ns = clock.now_ns()
    machine.now_ns += 1000
    assert (clock.now_ns(), clock.frozen) == (frozen_ns, True)
    clock.resume()
    machine.now_ns += 1
    assert (clock.now_ns(), clock.frozen) == (frozen_ns + 1, False)


def test_it_does_not_run_backwards_when_the_machine_does() -> None:
    """The machine's clock is set back by an hour: times given out already are not undercut."""
    machine = Machine()
    clock = SteerableClock(machine_ns=machine)
    before_ns = clock.now_ns()
    machine.now_ns -= 3600 * 10**9
    assert clock.now_ns() == before_ns


def test_setting_it_before_a_time_that_is_carried_is_refused_and_changes_nothing() -> None:
    """Before anything is stored it can be set to any day; afterwards only forward."""
    clock = SteerableClock(machine_ns=Machine())
    clock.set(500)
    assert clock.now_ns() == 500
    with pytest.raises(ClockError, match=r"00\.0000004Z is before 1970-01-01T00:00:00\.00000045Z"):
        clock.set(400, not_before_ns=450)
    assert clock.now_ns() == 500


def test_every_state_is_kept_and_taken_up_again() -> None:
    """What an earlier process left is what the next one shows."""
    machine, kept = Machine(), list[ClockState]()
    clock = SteerableClock(keep=kept.append, machine_ns=machine)
    clock.advance(60)
    clock.freeze()
    again = SteerableClock(kept[-1], machine_ns=machine)
    assert (again.now_ns(), again.frozen) == (clock.now_ns(), True)
    clock.resume()
    assert SteerableClock(kept[-1], machine_ns=machine).now_ns() == clock.now_ns()


async def test_waiting_ends_when_the_time_is_reached_by_advancing() -> None:
    """An hour goes by at once for everybody whose time has come, in the order of their times."""
    clock, woken = ManualClock(0), list[str]()

    async def wait(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    tasks = [asyncio.create_task(wait(*one)) for one in (("late", 30), ("early", 10), ("never", 4000))]
    await asyncio.sleep(0)
    clock.advance(HOUR_S)
    await asyncio.wait_for(asyncio.gather(*tasks[:2]), 5)
    assert woken == ["early", "late"]
    assert not tasks[2].done()
    tasks[2].cancel()


async def test_waiting_ends_by_itself_when_the_clock_runs() -> None:
    """The machine's time goes on; so does the wait, and not before."""
    clock = SteerableClock()
    start_ns = clock.now_ns()
    await asyncio.wait_for(clock.sleep(0.02), 5)
    assert clock.now_ns() >= start_ns + 20_000_000


async def test_a_frozen_clock_keeps_waiters_until_it_is_resumed() -> None:
    """Frozen, a time that is to come does not; one that is past has come."""
    clock = SteerableClock()
    clock.freeze()
    await asyncio.wait_for(clock.wait_until(clock.now_ns()), 5)
    reached = asyncio.Event()
    clock.call_at(clock.now_ns(), reached.set)
    await asyncio.wait_for(reached.wait(), 5)
    waiting = asyncio.create_task(clock.sleep(0.01))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    clock.resume()
    await asyncio.wait_for(waiting, 5)


async def test_an_alarm_taken_back_does_not_ring() -> None:
    """The others do."""
    clock, rung = ManualClock(0), list[str]()
    clock.call_at(5, lambda: rung.append("one")).cancel()
    clock.call_at(6, lambda: rung.append("two"))
    clock.advance(1)
    assert rung == ["two"]


def test_times_print_as_the_services_do() -> None:
    """As many digits as are needed."""
    assert format_ns(1_730_668_087_734_198_000) == "2024-11-03T21:08:07.734198Z"
    assert format_ns(1_730_668_087_000_000_000) == "2024-11-03T21:08:07Z"

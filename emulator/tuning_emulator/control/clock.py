"""The emulator's clock: read, set, advanced, frozen, resumed."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from tuning_emulator.core.clock import ClockError, SteerableClock, format_ns
from tuning_emulator.jobs.pacing import Pacing
from tuning_emulator.protojson.scalars import InstantError, parse_timestamp
from tuning_emulator.store.controls import Controls

SETTLE_S = 5.0
"""How long a request that moves the clock waits for jobs whose time has come by it; real training may take longer."""


class ClockReport(TypedDict):
    """``time``: RFC 3339, UTC. ``offset_seconds``: how far it is ahead of the machine's clock; negative: behind."""

    time: str
    frozen: bool
    offset_seconds: float


class ClockSetting(BaseModel):
    """What the clock is to show; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    time: str | None = Field(default=None, description="RFC 3339; not before the latest time that anything carries.")
    frozen: bool | None = Field(default=None, description="Whether it stands still.")


class Advance(BaseModel):
    """How far the clock moves."""

    model_config = ConfigDict(extra="forbid")
    seconds: float = Field(description="0 or more.")


def describe_clock(clock: SteerableClock) -> ClockReport:
    """How the clock stands."""
    return ClockReport(time=format_ns(clock.now_ns()), frozen=clock.frozen, offset_seconds=clock.ahead_ns() / 1e9)


def set_clock(clock: SteerableClock, controls: Controls, wanted: ClockSetting) -> None:
    """Sets, freezes, resumes, as asked for.

    Raises:
        ClockError: the time cannot be read, or is before one that something carries.
    """
    if wanted.time is not None:
        try:
            time_ns = parse_timestamp(wanted.time)
        except InstantError as error:
            raise ClockError(f"time: {wanted.time!r} is not a time like 2025-06-13T09:30:00Z") from error
        clock.set(time_ns, not_before_ns=controls.latest_time_ns())
    if wanted.frozen is not None and wanted.frozen != clock.frozen:
        clock.freeze() if wanted.frozen else clock.resume()
        if wanted.time is not None:
            clock.set(time_ns)  # it has run on meanwhile


def create_router(clock: SteerableClock, controls: Controls, pacing: Pacing) -> APIRouter:
    """The routes. Jobs whose time has come have moved on when a request that moves the clock is answered."""
    router = APIRouter(prefix="/emulator/v1", tags=["clock"])

    async def steer(move: Callable[[], object]) -> ClockReport:
        await pacing.settle(patience_s=SETTLE_S)  # jobs that have just come take their places before the time moves
        try:
            move()
        except ClockError as error:
            raise HTTPException(400, str(error)) from error
        await pacing.settle(patience_s=SETTLE_S)
        return describe_clock(clock)

    @router.get("/clock", summary="What time it is")
    async def get_clock() -> ClockReport:
        return describe_clock(clock)

    @router.put("/clock", summary="Set it: any time before anything is stored, later ones after that")
    async def put_clock(wanted: ClockSetting) -> ClockReport:
        return await steer(lambda: set_clock(clock, controls, wanted))

    @router.post("/clock:advance", summary="Move it forward")
    async def advance_clock(wanted: Advance) -> ClockReport:
        return await steer(lambda: clock.advance(wanted.seconds))

    @router.post("/clock:freeze", summary="Stop it where it stands")
    async def freeze_clock() -> ClockReport:
        return await steer(clock.freeze)

    @router.post("/clock:resume", summary="Let it run on from where it stands")
    async def resume_clock() -> ClockReport:
        return await steer(clock.resume)

    return router

"""The emulator's clock (read, set, advanced, frozen, resumed) and the pace of its jobs."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from tuning_emulator.core.clock import ClockError, SteerableClock, format_ns
from tuning_emulator.core.job_control import Pace, PaceError, PaceMode
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


def create_clock_router(clock: SteerableClock, controls: Controls, pacing: Pacing) -> APIRouter:
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


# --- pace


class PaceReport(TypedDict):
    """``seconds`` of the emulator's clock in each state, for ``time``; ``polls``: reads of each, for ``polls``."""

    mode: str
    seconds: float
    polls: int


class ProjectPaces(TypedDict):
    """The pace of all projects, and of those that have one of their own, by project number."""

    mode: str
    seconds: float
    polls: int
    projects: dict[str, PaceReport]


class PaceSetting(BaseModel):
    """A pace."""

    model_config = ConfigDict(extra="forbid")
    mode: PaceMode
    seconds: float | None = Field(default=None, description="In each state, for mode `time`.")
    polls: int | None = Field(default=None, description="Reads of each state, for mode `polls`.")


def parse_setting(setting: PaceSetting) -> Pace:
    """The pace that a body means.

    Raises:
        HTTPException: 400, the figure of its mode is missing or wrong, or another is there.
    """
    needed = {PaceMode.TIME: "seconds", PaceMode.POLLS: "polls"}.get(setting.mode)
    for name in ("seconds", "polls"):
        if (getattr(setting, name) is None) == (name == needed):
            text = "needs it" if name == needed else "has none; leave it out"
            raise HTTPException(400, f"{name}: mode {setting.mode.value} {text}")
    try:
        return Pace(setting.mode, setting.seconds or 0.0, setting.polls or 0)
    except PaceError as error:
        raise HTTPException(400, str(error)) from error


def describe_pace(pace: Pace) -> PaceReport:
    """A pace as JSON."""
    return PaceReport(mode=pace.mode.value, seconds=pace.seconds, polls=pace.polls)


def create_pace_router(pacing: Pacing) -> APIRouter:
    """The routes. A change holds at once, for jobs that run as well."""
    router = APIRouter(prefix="/emulator/v1", tags=["pace"])

    def describe() -> ProjectPaces:
        own = {project: describe_pace(pace) for project, pace in pacing.controls.paces.items() if project}
        return ProjectPaces(**describe_pace(pacing.find()), projects=own)

    @router.get("/pace", summary="The pace of all jobs that have none of their own or of their project")
    async def get_pace() -> ProjectPaces:
        return describe()

    @router.put("/pace", summary="Set it")
    async def put_pace(setting: PaceSetting) -> ProjectPaces:
        pacing.change("", parse_setting(setting))
        await pacing.settle()
        return describe()

    @router.delete("/pace", summary="Go back to the setting")
    async def delete_pace() -> ProjectPaces:
        pacing.change("", None)
        await pacing.settle()
        return describe()

    @router.get("/projects/{project}/pace", summary="The pace of a project's jobs, by id or number")
    async def get_project_pace(project: str) -> PaceReport:
        return describe_pace(pacing.find(project))

    @router.put("/projects/{project}/pace", summary="Set it")
    async def put_project_pace(project: str, setting: PaceSetting) -> PaceReport:
        pacing.change(project, parse_setting(setting))
        await pacing.settle()
        return describe_pace(pacing.find(project))

    @router.delete("/projects/{project}/pace", summary="Take it away: the one of all jobs holds")
    async def delete_project_pace(project: str) -> PaceReport:
        pacing.change(project, None)
        await pacing.settle()
        return describe_pace(pacing.find(project))

    return router

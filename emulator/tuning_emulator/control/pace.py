"""Pacing: how fast jobs go through what clients see of them; for all projects, or for one."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from tuning_emulator.core.job_control import Pace, PaceError, PaceMode
from tuning_emulator.jobs.pacing import Pacing


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


def create_router(pacing: Pacing) -> APIRouter:
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

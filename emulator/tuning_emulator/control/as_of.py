"""As of which day the services are played: read, set and given back, for all projects or for one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from typing_extensions import TypedDict

from tuning_emulator.core.as_of import LENIENT, Calendar, Day


class DayReport(TypedDict):
    """``date``: ISO date; null: everything that ever worked still does."""

    date: str | None


class CalendarReport(TypedDict):
    """The day of all projects, and those of the projects that have one of their own, by id or number."""

    date: str | None
    projects: dict[str, str | None]


def _check_date(given: object) -> object:
    """Refuses what is no date, in words of its own; dates in other forms of ISO 8601 become the usual one."""
    if given is not None and given != "today":
        try:
            return date.fromisoformat(str(given)).isoformat()
        except ValueError as error:
            raise ValueError(
                "wants a date like 2024-08-01, `today`, or null for everything that ever worked"
            ) from error
    return given


class DaySetting(BaseModel):
    """The day to be answered as of."""

    model_config = ConfigDict(extra="forbid")
    date: Annotated[str | None, BeforeValidator(_check_date)] = Field(
        description="ISO date, `today`, or null: everything that ever worked still does."
    )

    def find_day(self) -> Day:
        """What is meant."""
        if self.date is None:
            return LENIENT
        return Day(datetime.now(UTC).date().isoformat() if self.date == "today" else self.date, lenient=False)


def format_day(day: Day) -> str | None:
    """A day as JSON."""
    return None if day.lenient else day.date


def create_router(calendar: Calendar) -> APIRouter:
    """The routes. What is set holds until a reset, or until the server ends: then the setting does again."""
    router = APIRouter(prefix="/emulator/v1", tags=["as-of"])

    def describe() -> CalendarReport:
        projects = {name: format_day(day) for name, day in calendar.projects.items()}
        return CalendarReport(date=format_day(calendar.default), projects=projects)

    def check(project: str) -> str:
        if not project or "/" in project:
            raise HTTPException(422, f"project: {project!r} is no project; give its id or number")
        return project

    @router.get("/as-of", summary="As of which day the services are played")
    async def get_days() -> CalendarReport:
        return describe()

    @router.put("/as-of", summary="Answer as the services did on a day; holds until a reset or the end of the server")
    async def put_day(setting: DaySetting) -> CalendarReport:
        calendar.change("", setting.find_day())
        return describe()

    @router.delete("/as-of", summary="Go back to the setting; projects with a day of their own keep it")
    async def delete_day() -> CalendarReport:
        calendar.restore("")
        return describe()

    @router.get("/projects/{project}/as-of", summary="The day of a project, by id or number")
    async def get_project_day(project: str) -> DayReport:
        return DayReport(date=format_day(calendar.find_day(check(project))))

    @router.put("/projects/{project}/as-of", summary="Give it a day of its own")
    async def put_project_day(project: str, setting: DaySetting) -> DayReport:
        calendar.change(check(project), setting.find_day())
        return DayReport(date=format_day(calendar.find_day(project)))

    @router.delete("/projects/{project}/as-of", summary="Take it away: the setting holds, or the day of all")
    async def delete_project_day(project: str) -> DayReport:
        calendar.restore(check(project))
        return DayReport(date=format_day(calendar.find_day(project)))

    return router

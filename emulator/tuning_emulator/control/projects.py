"""The control API's projects: the numbers that they were given."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from tuning_emulator.control.numbering import NumberTakenError, give_number, take_number
from tuning_emulator.control.seed_numbers import Number
from tuning_emulator.control.state import ServerState
from tuning_emulator.core.ids import check_project_number, find_project_id, project_number


class ProjectReport(TypedDict):
    """``id``: "" of a number that was given to none. ``given``: somebody has said so; else it is made of the id."""

    id: str
    number: str
    given: bool


class ProjectReports(TypedDict):
    """Those that were given a number."""

    projects: list[ProjectReport]


class NumberSetting(BaseModel):
    """The number that a project is to have."""

    model_config = ConfigDict(extra="forbid")
    number: Number = Field(description="Digits, as in `projects/123456789012/…`.")


def create_router(server: ServerState) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/emulator/v1/projects", tags=["state"])

    def describe(project: str) -> ProjectReport:
        name = find_project_id(project) if project.isdigit() else project
        given = name in server.store.controls.project_numbers
        return ProjectReport(id=name, number=project_number(project), given=given)

    @router.get("", summary="The projects that were given a number")
    async def get_projects() -> ProjectReports:
        return ProjectReports(projects=[describe(project) for project in server.store.controls.project_numbers])

    @router.get("/{project}/number", summary="The number of a project, or the id of a number")
    async def get_number(project: str) -> ProjectReport:
        return describe(project)

    @router.put("/{project}/number", summary="Give a project id a number, before anything is made in the project")
    async def put_number(project: str, setting: NumberSetting) -> ProjectReport:
        try:
            check_project_number(project, setting.number)
            async with server.changing:
                give_number(server, project, setting.number)
        except NumberTakenError as error:
            raise HTTPException(409, f"number: {error}") from error
        except ValueError as error:
            raise HTTPException(400, f"number: {error}") from error
        return describe(project)

    @router.delete("/{project}/number", summary="Take it away: the one that is made of the id holds")
    async def delete_number(project: str) -> ProjectReport:
        try:
            async with server.changing:
                take_number(server, project)
        except NumberTakenError as error:
            raise HTTPException(409, f"number: {error}") from error
        return describe(project)

    return router

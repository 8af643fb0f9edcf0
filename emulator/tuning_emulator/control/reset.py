"""Back to the start: everything, or what one project has."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from tuning_emulator.control.state import ServerState, set_jobs_aside
from tuning_emulator.core.ids import project_number


class ResetRequest(BaseModel):
    """What is to be forgotten; without a project everything is."""

    model_config = ConfigDict(extra="forbid")

    project: str | None = None


class ResetReport(TypedDict):
    """``jobs``: how many tuning jobs (tuned models among them) are gone."""

    project: str | None
    jobs: int


async def reset(server: ServerState, project: str | None = None) -> ResetReport:
    """Makes the emulator what it was when it was started; of one project, forgets what is that project's.

    Running jobs are ended first. Files are taken out of use at once and removed in the background. Of one project go:
    its jobs, models, endpoints and operations, its tuned models (those that its callers created) with their
    permissions, the buckets that were created for it, its pace, faults and journal. The clock is everybody's.
    """
    async with server.changing:
        try:
            jobs = await _clear(server, None if project is None else project_number(project))
            if project is None:
                server.clock.reset()
                server.ids.reset()
        finally:
            await asyncio.to_thread(server.store.checkpoint)
    if project is None and server.load_start_state is not None:
        await server.load_start_state()
    return ResetReport(project=project, jobs=jobs)


async def _clear(server: ServerState, number: str | None) -> int:
    """Forgets one project, by its number, or everything. Returns how many jobs there were."""
    doomed = None if number is None else [uid for uid, _ in _list_keys(server, number)]
    async with server.forgetting(doomed) as removed:
        keys = _list_keys(server, number)  # now that nothing awaits any more, nothing comes or goes
        if number is None:
            server.store.clear()
            set_jobs_aside(server.directory, None, removed)
        else:
            server.store.clear(_list_names(server, number))
            names = [f"{api}-{uid}" for uid, api in keys]  # no later job has one of these
            await asyncio.to_thread(set_jobs_aside, server.directory, names, removed)
        if server.storage is not None:  # last: jobs that go on, because the rest could not be done, still read it
            await asyncio.to_thread(server.storage.clear, removed, number)
    server.queue.pacing.reset(number)
    server.faults.clear(number or "")
    server.journal.clear(number or "")
    return len(keys)


def _list_keys(server: ServerState, number: str | None) -> list[tuple[int, str]]:
    names = [None] if number is None else _list_names(server, number)
    return [key for name in names for key in server.store.list_job_keys(name)]


def _list_names(server: ServerState, number: str | None) -> list[str]:
    """What records call a project: requests may name it by its id or its number."""
    return [name for name in server.store.list_projects() if name and project_number(name) == number]


def create_router(server: ServerState) -> APIRouter:
    """``/emulator/v1/reset``."""
    router = APIRouter(tags=["state"])

    @router.post("/emulator/v1/reset", summary="Forget everything, or what one project has")
    async def post_reset(request: ResetRequest | None = None) -> ResetReport:
        project = request.project if request else None
        if project is not None and (not project or "/" in project):
            wanted = "give its id or number, or leave it out to reset everything"
            raise HTTPException(422, f"project: {project!r} is no project; {wanted}")
        return await reset(server, project)

    return router

"""Back to the start: everything, or what one project has."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from emulator.control.staging import make_place, set_jobs_aside
from emulator.control.world import World
from emulator.core.names import project_number


class ResetRequest(BaseModel):
    """What is to be forgotten; without a project everything is."""

    model_config = ConfigDict(extra="forbid")

    project: str | None = None


class ResetReport(TypedDict):
    """``jobs``: how many tuning jobs (tuned models among them) are gone."""

    project: str | None
    jobs: int


async def reset(world: World, project: str | None = None) -> ResetReport:
    """Makes the emulator what it was when it was started; of one project, forgets what is that project's.

    Running jobs are ended first. Files are taken out of use at once and removed in the background. Of one project go:
    its jobs, models, endpoints and operations, its tuned models (those that its callers created) with their
    permissions, the buckets that were created for it, its pace, faults and journal. The clock is everybody's.
    """
    async with world.changing:
        jobs = await _clear(world, None if project is None else project_number(project))
        if project is None:
            world.clock.reset()
            world.ids.reset()
    if project is None and world.furnish is not None:
        await world.furnish()
    return ResetReport(project=project, jobs=jobs)


async def _clear(world: World, number: str | None) -> int:
    """Forgets one project, by its number, or everything. Returns how many jobs there were."""
    everything = number is None
    await world.queue.end(None if everything else [uid for uid, _ in _list_keys(world, number)])
    keys = _list_keys(world, number)  # now that nothing awaits any more, nothing comes or goes
    for project in [None] if everything else _list_names(world, number):
        world.store.clear(project)
    removed = make_place(world.directory, "removed")
    set_jobs_aside(world.directory, None if everything else [f"{api}-{uid}" for uid, api in keys], removed)
    if world.storage is not None:
        world.storage.clear(removed, number)
    world.queue.paces.reset(number)
    world.faults.clear(number or "")
    world.journal.clear(number or "")
    world.discard(removed)
    return len(keys)


def _list_keys(world: World, number: str | None) -> list[tuple[int, str]]:
    names = [None] if number is None else _list_names(world, number)
    return [key for name in names for key in world.store.list_job_keys(name)]


def _list_names(world: World, number: str | None) -> list[str]:
    """What records call a project: requests may name it by its id or its number."""
    return [name for name in world.store.list_projects() if name and project_number(name) == number]


def create_router(world: World) -> APIRouter:
    """``/emulator/v1/reset``."""
    router = APIRouter(tags=["state"])

    @router.post("/emulator/v1/reset", summary="Forget everything, or what one project has")
    async def post_reset(request: ResetRequest | None = None) -> ResetReport:
        project = request.project if request else None
        if project is not None and (not project or "/" in project):
            wanted = "give its id or number, or leave it out to reset everything"
            raise HTTPException(422, f"project: {project!r} is no project; {wanted}")
        return await reset(world, project)

    return router

"""Back to the start: everything, or what one project has."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from tuning_emulator.control.numbering import give_start_numbers
from tuning_emulator.control.state import STORE_NAME, ServerState, make_place, set_jobs_aside
from tuning_emulator.core.ids import NOBODY, project_number
from tuning_emulator.core.records import JobKind
from tuning_emulator.store.database import Loaded
from tuning_emulator.store.store import Store

AT_ONCE = 200
"""So many jobs are forgotten in one step, which takes some hundredths of a second."""


class ResetRequest(BaseModel):
    """What is to be forgotten; without a project everything is. ``-``: what callers of no project have made."""

    model_config = ConfigDict(extra="forbid")

    project: str | None = None


class ResetReport(TypedDict):
    """``jobs``: how many jobs are gone: of tuning (tuned models among them) and batches."""

    project: str | None
    jobs: int


async def reset(server: ServerState, project: str | None = None) -> ResetReport:
    """Makes the emulator what it was when it was started; of one project, forgets what is that project's.

    Running jobs are ended first. Files are taken out of use at once and removed in the background. Of one project go:
    its jobs, models, endpoints and operations, its tuned models (those that its callers created) with their
    permissions, the buckets that were created for it, its pace, day, weights, faults and journal. The clock is
    everybody's, and a project that was given a number keeps it. What is of no project (``NOBODY``) has records alone:
    buckets, pace and faults without a project are everybody's.
    """
    async with server.changing:
        if project is None:
            jobs = await _clear_all(server)
            server.store.controls.put_project_numbers({})
            give_start_numbers(server)
            server.clock.reset()
            server.ids.reset()
            server.answering.restore()
            if server.rehearsals is not None:
                await server.rehearsals.clear()
        else:
            jobs = await _clear_project(server, "" if project == NOBODY else project_number(project))
    if project is None and server.load_start_state is not None:
        await server.load_start_state()
    return ResetReport(project=project, jobs=jobs)


async def _clear_all(server: ServerState) -> int:
    """Returns how many jobs there were."""
    incoming = make_place(server.directory, "incoming")
    try:
        blank = await asyncio.to_thread(_load_blank, server.store, incoming)
        async with server.forgetting() as removed:
            jobs = len(server.store.list_job_keys())
            server.store.become_blank(blank, removed / STORE_NAME)
            set_jobs_aside(server.directory, None, removed)
            await _clear_rest(server, removed, None)
    finally:
        server.discard(incoming)
    return jobs


def _load_blank(store: Store, incoming: Path) -> Loaded:
    incoming.mkdir()
    return store.make_blank(incoming / STORE_NAME)


async def _clear_project(server: ServerState, number: str) -> int:
    """Returns how many jobs it had. Of very many most are forgotten a part at a time: others come between."""
    keys = _list_keys(server, number)
    for start in range(0, len(keys) - AT_ONCE, AT_ONCE):
        part = keys[start : start + AT_ONCE]
        uids = [uid for uid, _ in part]
        async with server.forgetting(partial(list, uids)) as removed:
            server.store.forget_jobs(uids)
            set_jobs_aside(server.directory, _list_directories(part), removed)
        await asyncio.sleep(0)
    async with server.forgetting(lambda: [uid for uid, _ in _list_keys(server, number)]) as removed:
        rest = _list_keys(server, number)  # nothing awaits between this and what follows
        server.store.clear(_list_names(server, number))
        await asyncio.to_thread(set_jobs_aside, server.directory, _list_directories(rest), removed)
        if number:
            await _clear_rest(server, removed, number)
    return len({*keys, *rest})


async def _clear_rest(server: ServerState, removed: Path, number: str | None) -> None:
    if server.storage is not None:  # last: jobs that go on, because the rest could not be done, still read it
        await asyncio.to_thread(server.storage.clear, removed, number)
    server.queue.pacing.reset(number)
    if number is not None:
        server.answering.play(None, number)
    server.calendar.restore(number)
    server.faults.clear(number or "")
    server.journal.clear(number or "")


def _list_directories(keys: list[tuple[int, JobKind]]) -> list[str]:
    """Of jobs, by name; no later job has one of these."""
    return [f"{api}-{uid}" for uid, api in keys]


def _list_keys(server: ServerState, number: str) -> list[tuple[int, JobKind]]:
    return [key for name in _list_names(server, number) for key in server.store.list_job_keys(name)]


def _list_names(server: ServerState, number: str) -> list[str]:
    """What records call a project: requests may name it by its id or its number; "" is none."""
    return [name for name in server.store.list_projects() if (project_number(name) if name else "") == number]


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

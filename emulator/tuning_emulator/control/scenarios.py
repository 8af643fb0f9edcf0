"""Scenarios: seed data, pace, clock and faults, loaded at the start or at run time; all of it or nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from typing_extensions import TypedDict

from tuning_emulator.control.numbering import NumberTakenError, give_number
from tuning_emulator.control.scenario_file import (
    MAX_BYTES,
    PROJECT,
    BucketSeed,
    ObjectSeed,
    Scenario,
    ScenarioError,
    TunedModelSeed,
    TuningJobSeed,
    list_packaged,
    parse_scenario,
    read_packaged,
)
from tuning_emulator.control.seeds import Made, Seeder, take_back
from tuning_emulator.control.state import ServerState, make_place
from tuning_emulator.core.clock import ClockError
from tuning_emulator.core.errors import ApiError, describe_failure
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.job_control import JobFaultError, check_api, parse_job_fault, parse_pace
from tuning_emulator.core.records import Api
from tuning_emulator.middleware.faults import FaultError, SavedFault
from tuning_emulator.protojson.scalars import parse_timestamp
from tuning_emulator.storage.loading import load_file
from tuning_emulator.storage.objects import DEFAULT_TYPE
from tuning_emulator.storage.records import StoredObject
from tuning_emulator.storage.store import Storage
from tuning_emulator.storage.undo import Writes

JSONL_TYPE = "application/jsonl"


class ScenarioRow(TypedDict):
    """One that comes with the package."""

    name: str
    description: str


class ScenarioRows(TypedDict):
    """All of them."""

    scenarios: list[ScenarioRow]


class LoadReport(TypedDict):
    """Names of what was made, in the scenario's order, and ids of the faults that are in force now."""

    description: str
    tuned_models: list[str]
    tuning_jobs: list[str]
    endpoints: list[str]
    faults: list[str]


# --- loading


async def load_scenario(
    server: ServerState, scenario: Scenario, project: str = "", base: Path | None = None
) -> LoadReport:
    """Adds a scenario to what is there.

    Args:
        project: Everything in it that names no project is this one's.
        base: Directory of files that objects are read from; None: none are.

    Raises:
        ScenarioError: it cannot be; nothing has changed.
    """
    _check(server, scenario, project)
    seeder = Seeder(server, project)
    async with server.changing, _undone_on_error(server, seeder.made) as writes:
        if scenario.clock:
            _set_clock(server, scenario.clock.time, scenario.clock.frozen)
        for index, one in enumerate(scenario.projects):
            try:
                give_number(server, one.id, one.number)
            except NumberTakenError as error:
                raise ScenarioError(f"projects.{index}: {error}") from error
        for index, bucket in enumerate(scenario.buckets):
            assert writes is not None  # it was checked
            await asyncio.to_thread(_fill_bucket, writes, bucket, project, base, f"buckets.{index}")
        names = await _create_seeds(seeder, scenario)
        faults = _apply_trouble(server, scenario, project)
    return LoadReport(
        description=scenario.description,
        tuned_models=names["tuned_models"],
        tuning_jobs=names["tuning_jobs"],
        endpoints=names["endpoints"],
        faults=faults,
    )


def _check(server: ServerState, scenario: Scenario, project: str) -> None:
    """What can be seen without doing anything."""
    if scenario.clock and project:
        raise ScenarioError("clock: it is everybody's, so a scenario with one cannot be loaded for one project")
    if scenario.base_models is not None and project:
        raise ScenarioError("base_models: they are everybody's, so this cannot be loaded for one project")
    if scenario.projects and project:
        raise ScenarioError("projects: their numbers are everybody's, so this cannot be loaded for one project")
    if len({one.id for one in scenario.projects}) < len(scenario.projects):
        raise ScenarioError("projects: one is there twice, and has one number")
    if scenario.buckets and server.storage is None:
        raise ScenarioError("buckets: this emulator uses another Cloud Storage; start one with --storage embedded")
    try:
        server.faults.check(SavedFault(id="fault-0", fault=one, matched=0, fired=0) for one in scenario.faults)
    except FaultError as error:
        raise ScenarioError(f"faults: {error}") from error
    _check_job_faults("tuned_models", "gemini", scenario.tuned_models)
    _check_job_faults("tuning_jobs", "vertex", scenario.tuning_jobs)


def _check_job_faults(kind: str, api: Api, seeds: Sequence[TunedModelSeed | TuningJobSeed]) -> None:
    for index, seed in enumerate(seeds):
        fault = seed.find_fault()
        try:
            if fault is not None:
                check_api(fault, api)
        except JobFaultError as error:
            raise ScenarioError(f"{kind}.{index}: fault: {error}") from error


@asynccontextmanager
async def _undone_on_error(server: ServerState, made: Made) -> AsyncIterator[Writes | None]:
    """Takes back what the block has made if it fails: records, files, objects, clock. What others did stays."""
    kept, clock = make_place(server.directory, "removed"), server.clock.state
    controls = server.store.controls
    numbers = controls.project_numbers
    writes = Writes(server.storage.store, kept) if server.storage is not None else None
    try:
        yield writes
    except BaseException:
        try:
            await take_back(server, made)
        finally:  # a full disk may refuse one thing and let go another
            try:
                if writes is not None:
                    await asyncio.to_thread(writes.take_back)
            finally:
                if controls.project_numbers != numbers:
                    controls.put_project_numbers(numbers)
                if server.clock.state != clock:
                    server.clock.restore(clock)
        raise
    finally:
        server.discard(kept)


def _set_clock(server: ServerState, time: str, frozen: bool) -> None:
    if frozen:
        server.clock.freeze()
    try:
        server.clock.set(parse_timestamp(time), not_before_ns=server.store.controls.latest_time_ns())
    except ClockError as error:
        raise ScenarioError(f"clock.{error}") from error


async def _create_seeds(seeder: Seeder, scenario: Scenario) -> dict[str, list[str]]:
    """Ended jobs first: one that runs would keep the others of its project waiting."""
    plan: list[tuple[str, int, Callable[[], Awaitable[str]], bool]] = []
    for index, model in enumerate(scenario.tuned_models):
        for number in range(1, model.count + 1):
            make = _bind(seeder.create_tuned_model, model, number)
            plan.append(("tuned_models", index, make, model.state == "CREATING"))
    for index, job in enumerate(scenario.tuning_jobs):
        for number in range(1, job.count + 1):
            make = _bind(seeder.create_tuning_job, job, number)
            plan.append(("tuning_jobs", index, make, job.state == "RUNNING"))
    for index, endpoint in enumerate(scenario.endpoints):
        plan.append(("endpoints", index, _bind(seeder.create_endpoint, endpoint), False))
    made: dict[int, str] = {}
    for position in sorted(range(len(plan)), key=lambda position: plan[position][3]):
        kind, index, create, _ = plan[position]
        try:
            made[position] = await create()
        except ScenarioError as error:
            raise ScenarioError(f"{kind}.{index}: {error}") from error
    kinds = ("tuned_models", "tuning_jobs", "endpoints")
    return {kind: [made[i] for i, row in enumerate(plan) if row[0] == kind] for kind in kinds}


def _bind(create: Callable[..., Awaitable[str]], *seed: Any) -> Callable[[], Awaitable[str]]:
    return lambda: create(*seed)


def _apply_trouble(server: ServerState, scenario: Scenario, project: str) -> list[str]:
    """Pace and faults come last: the seeds are not to suffer from them."""
    if scenario.base_models is not None:
        server.answering.play(scenario.base_models)
    if scenario.pace is not None:
        server.queue.pacing.change(project, parse_pace(scenario.pace))
    for one in scenario.job_faults:
        whose = one.project or project
        number = project_number(whose) if whose else ""
        server.store.controls.insert_job_fault(number, parse_job_fault(one.fault), one.jobs)
    wanted = [one if one.project else replace(one, project=project) for one in scenario.faults]
    return [server.faults.add(one).id for one in wanted]


# --- buckets


def _fill_bucket(writes: Writes, seed: BucketSeed, project: str, base: Path | None, place: str) -> None:
    name = seed.name.replace("{project}", seed.project or project or PROJECT)
    try:
        writes.ensure_bucket(name, seed.project or project)
        for key, one in seed.objects.items():
            writes.write(name, key, partial(_write_object, writes.storage, name, key, one, base))
    except OSError as error:
        where = f"{error.filename}: " if base is not None else ""  # of files that whoever starts the emulator has named
        raise ScenarioError(f"{place}: {where}{describe_failure(error)}") from error
    except (ScenarioError, ApiError) as error:
        raise ScenarioError(f"{place}: {error}") from error


def _write_object(storage: Storage, bucket: str, name: str, seed: ObjectSeed, base: Path | None) -> StoredObject | None:
    """Writes it; None: it is there already."""
    content_type = JSONL_TYPE if name.endswith(".jsonl") else DEFAULT_TYPE
    if seed.file is not None:
        if base is None:
            raise ScenarioError(f"objects.{name}.file: only a scenario that is read from a file has files beside it")
        return load_file(storage, bucket, name, base / seed.file, content_type)
    text = seed.text
    if text is None:
        text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in seed.lines or ())
    with storage.spooling() as spool:
        spool.write(text.encode())
        return storage.insert(bucket, name, spool.finish(sync=storage.durable), {"contentType": content_type})


# --- from where


async def load_from(server: ServerState, source: str) -> LoadReport:
    """Loads a packaged scenario by its name, or one from a file.

    Raises:
        ScenarioError: it cannot be; nothing has changed.
    """
    file = Path(source)
    packaged = file.name == source and not file.suffix
    try:
        text = read_packaged(source) if packaged else await asyncio.to_thread(file.read_bytes)
    except OSError as error:
        raise ScenarioError(f"{source}: {error.strerror}") from error
    try:
        return await load_scenario(server, parse_scenario(text), base=None if packaged else file.parent)
    except ScenarioError as error:
        raise ScenarioError(f"{source}: {error}") from error


def create_router(server: ServerState) -> APIRouter:
    """``/emulator/v1/scenarios``."""
    router = APIRouter(tags=["state"])

    @router.get("/emulator/v1/scenarios", summary="The scenarios that come with the package")
    def get_scenarios() -> ScenarioRows:
        rows = [ScenarioRow(name=name, description=text) for name, text in list_packaged().items()]
        return ScenarioRows(scenarios=rows)

    @router.post(
        "/emulator/v1/scenarios:load",
        summary='Load a scenario: {"name": "one-of-each-state"}, or a whole one as YAML or JSON',
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": {"type": "object"}},
                    "application/yaml": {"schema": Scenario.model_json_schema(mode="serialization")},
                },
            }
        },
    )
    async def post_scenario(request: Request, project: str = "") -> LoadReport:
        if "/" in project:
            raise HTTPException(422, f"project: {project!r} is no project; give its id or number")
        try:
            scenario = await asyncio.to_thread(_read_body, await _receive(request.stream()))
            return await load_scenario(server, scenario, project)
        except ScenarioError as error:
            raise HTTPException(422, f"scenario: {error}; nothing has changed") from error

    return router


async def _receive(blocks: AsyncIterator[bytes]) -> bytes:
    body = b""
    async for block in blocks:
        body += block
        if len(body) > MAX_BYTES:
            raise ScenarioError(f"it has more than {MAX_BYTES} bytes")
    return body


def _read_body(body: bytes) -> Scenario:
    """A whole scenario, or ``{"name": …}`` of a packaged one."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return parse_scenario(body)
    if isinstance(value, dict) and "version" not in value:
        if value.keys() != {"name"} or not isinstance(value["name"], str):
            raise ScenarioError(
                'give {"name": "…"} of a packaged scenario, or a whole one, which begins with version: 1'
            )
        return parse_scenario(read_packaged(value["name"]))
    return parse_scenario(body)

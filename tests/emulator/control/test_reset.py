"""Reset: everything, or one project, is gone at once, whatever ran; nothing of it comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from emulator.core.clock import UNTOUCHED
from emulator.core.names import project_number
from tests.emulator.control.world import PAIRS, World, open_world
from tests.emulator.store_dump import dump_tables

OPERATOR = {"authorization": "Bearer token"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        yield opened


async def create_for(world: World, project: str, **fields: Any) -> str:
    """A tuned model of a project's own; its name."""
    examples = [{"textInput": pair["text_input"], "output": pair["output"]} for pair in PAIRS]
    body = {
        "displayName": "numbers",
        "baseModel": "models/gemini-1.5-flash-001-tuning",
        "tuningTask": {"trainingData": {"examples": {"examples": examples}}},
        **fields,
    }
    answer = await world.client.post(
        "/v1beta/tunedModels", json=body, headers={"x-goog-api-key": f"projects/{project}"}
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["metadata"]["tunedModel"])


async def list_models(world: World, project: str) -> list[str]:
    """Names of the tuned models that a project sees."""
    answer = await world.client.get("/v1beta/tunedModels", headers={"x-goog-api-key": f"projects/{project}"})
    return [one["name"] for one in answer.json().get("tunedModels", [])]


async def finish_all(world: World) -> None:
    """Waits until every job has ended."""
    for job in world.emulator.store.list_unfinished_jobs():
        await world.emulator.queue.wait_until_ended(job.uid, timeout_s=20)


def list_job_files(world: World) -> list[str]:
    """Directories of jobs that are in use."""
    jobs = world.emulator.directory / "jobs"
    return sorted(path.name for path in jobs.iterdir()) if jobs.is_dir() else []


def dump_records(world: World) -> list[str]:
    """All rows, without how the clock stands and how many rows there ever were."""
    lines = dump_tables(world.emulator.store)
    return [line for line in lines if not line.startswith(('INSERT INTO "sqlite_sequence"', 'INSERT INTO "clock"'))]


async def test_everything_is_as_at_the_start(tmp_path: Path) -> None:
    """Every table but the counters of rows, every file, clock, pace, faults, journal, buckets and the ids to come."""
    async with open_world(tmp_path) as world:
        emulator = world.emulator
        fresh = dump_records(world)
        first = await world.create_model()
        await world.create()
        await finish_all(world)
        await world.control("PUT", "clock", {"time": "2030-01-01T00:00:00Z", "frozen": True})
        await world.control("PUT", "pace", {"mode": "polls", "polls": 2})
        await world.control("POST", "faults", {"method": "GetTunedModel", "code": "UNAVAILABLE"})
        await world.control("POST", "job-faults", {"kind": "internal_error", "jobs": 2})
        assert emulator.storage is not None
        emulator.open_objects().write("gs://other/x", b"1")
        report = await world.control("POST", "reset")
        assert report == {"project": None, "jobs": 2}
        assert dump_records(world) == fresh
        assert (list_job_files(world), list(emulator.crew.faults), len(emulator.crew.journal)) == ([], [], 0)
        assert emulator.clock.state == emulator.store.controls.get_clock() == UNTOUCHED
        assert [bucket["name"] for bucket in emulator.storage.files.list_buckets("")] == ["numbers"]
        assert (await world.create_model())["name"] == first["name"]
        await world.create()
        await finish_all(world)
        await emulator.world.finish()
        assert not list(emulator.directory.glob("removed-*"))


async def test_running_and_waiting_jobs_end(tmp_path: Path) -> None:
    """Nothing is left of them, whatever their pace; whoever waits for one hears that it is gone; new ones run."""
    async with open_world(tmp_path, scripted_step_s=0.05) as world:
        emulator = world.emulator
        names = [(await world.create(f"n [pace={pace}]"))["name"] for pace in ("training", "manual", "time:900")]
        model = (await world.create_model())["metadata"]["tunedModel"]
        await asyncio.sleep(0.2)
        (uid, *_) = (job.uid for job in emulator.store.list_unfinished_jobs())
        waiting = asyncio.create_task(emulator.queue.wait_until_ended(uid))
        await asyncio.sleep(0)
        assert (await world.control("POST", "reset"))["jobs"] == 4
        async with asyncio.timeout(10):
            assert await waiting is None
        await asyncio.sleep(0.2)
        assert (emulator.store.list_job_keys(), list_job_files(world)) == ([], [])
        for name in names:
            await world.ask("GET", f"/v1/{name}", status=404)
        await world.ask("GET", f"/v1beta/{model}", status=404)
        again = (await world.create())["name"]
        await finish_all(world)
        assert (await world.get(again))["state"] == "JOB_STATE_SUCCEEDED"


async def test_one_project(world: World) -> None:
    """Its jobs, models, endpoints, buckets, pace, faults and journal go, by id or number; others keep all of theirs."""
    emulator = world.emulator
    for project in ("one", "two"):
        await create_for(world, project)
        await world.create(place=f"projects/{project}/locations/us-central1")
        await world.control("PUT", f"projects/{project}/pace", {"mode": "polls", "polls": 1})
        await world.control("POST", "faults", {"project": project, "method": "CreateTunedModel", "code": "ABORTED"})
        await asyncio.to_thread(create_bucket, emulator.storage_url(), project)
    await world.control("DELETE", "projects/one/pace")
    await world.control("DELETE", "projects/two/pace")
    await finish_all(world)
    kept = await world.ask("GET", "/v1/projects/two/locations/us-central1/tuningJobs")
    models, endpoints = (emulator.store.list_models_newest_first, emulator.store.list_endpoints_newest_first)
    places = [(project_number(project), "us-central1", 2**62, 9) for project in ("one", "two")]
    assert all(models(*place) and endpoints(*place) for place in places)
    report = await world.control("POST", "reset", {"project": project_number("one")})
    assert report == {"project": project_number("one"), "jobs": 2}
    assert [bool(models(*place)) and bool(endpoints(*place)) for place in places] == [False, True]
    assert await world.ask("GET", "/v1/projects/one/locations/us-central1/tuningJobs") == {}
    assert await world.ask("GET", "/v1/projects/two/locations/us-central1/tuningJobs") == kept
    assert (await list_models(world, "one"), len(await list_models(world, "two"))) == ([], 1)
    assert [one.fault.project for one in emulator.crew.faults] == ["two"]
    assert emulator.storage is not None
    assert [one["name"] for one in emulator.storage.files.list_buckets("")] == ["numbers", "bucket-two"]
    assert len(list_job_files(world)) == 2
    said = kept["tuningJobs"][0]["tunedModel"]["endpoint"]
    body = {"contents": [{"role": "user", "parts": [{"text": "7"}]}]}
    answer = await world.ask("POST", f"/v1/{said}:generateContent", body)
    assert answer["candidates"][0]["content"]["parts"][0]["text"] == "8"


def create_bucket(url: str, project: str) -> None:
    """A bucket of a project's own."""
    made = httpx.post(f"{url}/storage/v1/b", params={"project": project}, json={"name": f"bucket-{project}"})
    assert made.status_code == 200, made.text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"project": ""}, "project: '' is no project"),
        ({"project": "a/b"}, "project: 'a/b' is no project"),
        ({"projects": "a"}, "projects: Extra inputs are not permitted"),
        ({"project": 5}, "project: Input should be a valid string (got 5)"),
    ],
)
async def test_a_wrong_request_forgets_nothing(world: World, body: Any, text: str) -> None:
    """A slip of the pen must not cost everything."""
    await world.create_model(identifier="kept")
    refused = await world.control("POST", "reset", body, status=422)
    assert text in refused["detail"]
    await world.get("tunedModels/kept")


async def test_projects_race_on_one_server(world: World) -> None:
    """Eight tests at once, each a project: none sees another's models or jobs, and each resets its own alone."""

    async def live(project: str) -> None:
        headers = {"x-goog-api-key": f"projects/{project}"}
        place = f"projects/{project}/locations/us-central1"
        for _ in range(3):
            name = await create_for(world, project)
            job = (await world.create(place=place))["name"]
            assert await list_models(world, project) == [name]
            listed = await world.ask("GET", f"/v1/{place}/tuningJobs")
            assert [one["name"] for one in listed["tuningJobs"]] == [job]
            while (await world.client.get(f"/v1beta/{name}", headers=headers)).json()["state"] == "CREATING":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await world.control("POST", "reset", {"project": project})
            assert await list_models(world, project) == []
            assert (await world.client.get(f"/v1beta/{name}", headers=headers)).status_code == 404

    await asyncio.gather(*(live(f"race-{number}") for number in range(8)))
    assert world.emulator.store.list_job_keys() == []


async def test_a_project_cannot_touch_what_is_anothers(world: World) -> None:
    """As between accounts of the real service: 403, also for an id that is taken; ids are global."""
    name = await create_for(world, "one")
    stranger = {"x-goog-api-key": "projects/two"}
    for verb, path in (("GET", name), ("DELETE", name), ("GET", f"{name}/permissions")):
        answer = await world.client.request(verb, f"/v1beta/{path}", headers=stranger)
        assert answer.status_code == 403, path
    taken = await world.client.post(
        "/v1beta/tunedModels",
        params={"tunedModelId": name.removeprefix("tunedModels/")},
        json={"baseModel": "models/gemini-1.5-flash-001-tuning"},
        headers=stranger,
    )
    assert taken.status_code in (400, 403)
    assert await list_models(world, "one") == [name]


@pytest.mark.lora
async def test_a_real_job_ends_too(tmp_path: Path) -> None:
    """The process that trains writes nothing any more, and trains the next job."""
    async with open_world(tmp_path, trainer="lora") as world:
        await world.create_model()
        async with asyncio.timeout(60):
            while not list_job_files(world) or world.emulator.store.list_unfinished_jobs()[0].completed_steps < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await world.control("POST", "reset")
        await asyncio.sleep(0.3)
        assert list_job_files(world) == []
        await world.create_model(identifier="next")
        await finish_all(world)
        assert (await world.get("tunedModels/next"))["state"] == "ACTIVE"

"""Reset: everything, or one project, is gone at once, whatever ran; nothing of it comes back."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.control.running import PAIRS, ServerState, open_world
from tests.records import make_job
from tests.store_dump import dump_tables
from tuning_emulator.control.reset import AT_ONCE
from tuning_emulator.core.clock import UNTOUCHED
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.records import JobState

OPERATOR = {"authorization": "Bearer token"}


async def create_for(server: ServerState, project: str, **fields: Any) -> str:
    """A tuned model of a project's own; its name."""
    examples = [{"textInput": pair["text_input"], "output": pair["output"]} for pair in PAIRS]
    body = {
        "displayName": "numbers",
        "baseModel": "models/gemini-1.5-flash-001-tuning",
        "tuningTask": {"trainingData": {"examples": {"examples": examples}}},
        **fields,
    }
    answer = await server.client.post(
        "/v1beta/tunedModels", json=body, headers={"x-goog-api-key": f"projects/{project}"}
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["metadata"]["tunedModel"])


async def list_models(server: ServerState, project: str) -> list[str]:
    """Names of the tuned models that a project sees."""
    answer = await server.client.get("/v1beta/tunedModels", headers={"x-goog-api-key": f"projects/{project}"})
    return [one["name"] for one in answer.json().get("tunedModels", [])]


async def finish_all(server: ServerState) -> None:
    """Waits until every job has ended."""
    for job in server.emulator.store.list_unfinished_jobs():
        await server.emulator.queue.wait_until_ended(job.uid, timeout_s=20)


def list_job_files(server: ServerState) -> list[str]:
    """Directories of jobs that are in use."""
    jobs = server.emulator.directory / "jobs"
    return sorted(path.name for path in jobs.iterdir()) if jobs.is_dir() else []


def dump_records(server: ServerState) -> list[str]:
    """All rows, without how the clock stands and how many rows there ever were."""
    lines = dump_tables(server.emulator.store)
    return [line for line in lines if not line.startswith(('INSERT INTO "sqlite_sequence"', 'INSERT INTO "clock"'))]


async def test_everything_is_as_at_the_start(tmp_path: Path) -> None:
    """Every table but the counters of rows, every file, clock, pace, faults, journal, buckets and the ids to come."""
    async with open_world(tmp_path) as server:
        emulator = server.emulator
        fresh = dump_records(server)
        first = await server.create_model()
        await server.create()
        await finish_all(server)
        await server.control("PUT", "clock", {"time": "2030-01-01T00:00:00Z", "frozen": True})
        await server.control("PUT", "pace", {"mode": "polls", "polls": 2})
        await server.control("POST", "faults", {"method": "GetTunedModel", "code": "UNAVAILABLE"})
        await server.control("POST", "job-faults", {"kind": "internal_error", "jobs": 2})
        assert emulator.storage is not None
        emulator.storage.store.create_bucket("other")
        emulator.open_objects().write("gs://other/x", b"1")
        report = await server.control("POST", "reset")
        assert report == {"project": None, "jobs": 2}
        assert dump_records(server) == fresh
        assert (list_job_files(server), list(emulator.middleware.faults), len(emulator.middleware.journal)) == (
            [],
            [],
            0,
        )
        assert emulator.clock.state == emulator.store.controls.get_clock() == UNTOUCHED
        assert [bucket.name for bucket in emulator.storage.store.list_buckets()] == ["numbers"]
        assert (await server.create_model())["name"] == first["name"]
        await server.create()
        await finish_all(server)
        await emulator.server.finish()
        assert not list(emulator.directory.glob("removed-*"))


async def test_running_and_waiting_jobs_end(tmp_path: Path) -> None:
    """Nothing is left of them, whatever their pace; whoever waits for one hears that it is gone; new ones run."""
    async with open_world(tmp_path, scripted_step_s=0.05) as server:
        emulator = server.emulator
        names = [(await server.create(f"n [pace={pace}]"))["name"] for pace in ("training", "manual", "time:900")]
        model = (await server.create_model())["metadata"]["tunedModel"]
        await asyncio.sleep(0.2)
        (uid, *_) = (job.uid for job in emulator.store.list_unfinished_jobs())
        waiting = asyncio.create_task(emulator.queue.wait_until_ended(uid))
        await asyncio.sleep(0)
        assert (await server.control("POST", "reset"))["jobs"] == 4
        async with asyncio.timeout(10):
            assert await waiting is None
        await asyncio.sleep(0.2)
        assert (emulator.store.list_job_keys(), list_job_files(server)) == ([], [])
        for name in names:
            await server.ask("GET", f"/v1/{name}", status=404)
        await server.ask("GET", f"/v1beta/{model}", status=404)
        again = (await server.create())["name"]
        await finish_all(server)
        assert (await server.get(again))["state"] == "JOB_STATE_SUCCEEDED"


async def test_one_project(server: ServerState) -> None:
    """Its jobs, models, endpoints, buckets, pace, faults and journal go, by id or number; others keep all of theirs."""
    emulator = server.emulator
    for project in ("one", "two"):
        await create_for(server, project)
        await server.create(place=f"projects/{project}/locations/us-central1")
        await server.control("PUT", f"projects/{project}/pace", {"mode": "polls", "polls": 1})
        await server.control("POST", "faults", {"project": project, "method": "CreateTunedModel", "code": "ABORTED"})
        await server.ask("POST", f"/storage/v1/b?project={project}", {"name": f"bucket-{project}"})
    await server.control("DELETE", "projects/one/pace")
    await server.control("DELETE", "projects/two/pace")
    await finish_all(server)
    kept = await server.ask("GET", "/v1/projects/two/locations/us-central1/tuningJobs")
    models, endpoints = (emulator.store.list_models_newest_first, emulator.store.list_endpoints_newest_first)
    places = [(project_number(project), "us-central1", 2**62, 9) for project in ("one", "two")]
    assert all(models(*place) and endpoints(*place) for place in places)
    report = await server.control("POST", "reset", {"project": project_number("one")})
    assert report == {"project": project_number("one"), "jobs": 2}
    assert [bool(models(*place)) and bool(endpoints(*place)) for place in places] == [False, True]
    assert await server.ask("GET", "/v1/projects/one/locations/us-central1/tuningJobs") == {}
    assert await server.ask("GET", "/v1/projects/two/locations/us-central1/tuningJobs") == kept
    assert (await list_models(server, "one"), len(await list_models(server, "two"))) == ([], 1)
    assert [one.fault.project for one in emulator.middleware.faults] == ["two"]
    assert emulator.storage is not None
    assert [one.name for one in emulator.storage.store.list_buckets()] == ["bucket-two", "numbers"]
    assert len(list_job_files(server)) == 2
    said = kept["tuningJobs"][0]["tunedModel"]["endpoint"]
    body = {"contents": [{"role": "user", "parts": [{"text": "7"}]}]}
    answer = await server.ask("POST", f"/v1/{said}:generateContent", body)
    assert answer["candidates"][0]["content"]["parts"][0]["text"] == "8"


async def test_what_is_of_no_project(server: ServerState) -> None:
    """A key that names none makes tuned models of nobody's; they go, what projects and everybody have stays."""
    kept = await create_for(server, "one")
    await server.create_model(identifier="of-nobody")
    await server.control("POST", "faults", {"method": "DeleteTunedModel", "code": "ABORTED"})
    assert await server.control("POST", "reset", {"project": "-"}) == {"project": "-", "jobs": 1}
    gone = await server.client.get("/v1beta/tunedModels/of-nobody", headers={"x-goog-api-key": "any"})
    assert "error" in gone.json()
    assert await list_models(server, "one") == [kept]
    assert len(server.emulator.middleware.faults.save()) == 1


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"project": ""}, "project: '' is no project"),
        ({"project": "a/b"}, "project: 'a/b' is no project"),
        ({"projects": "a"}, "projects: Extra inputs are not permitted"),
        ({"project": 5}, "project: Input should be a valid string (got 5)"),
    ],
)
async def test_a_wrong_request_forgets_nothing(server: ServerState, body: Any, text: str) -> None:
    """A slip of the pen must not cost everything."""
    await server.create_model(identifier="kept")
    refused = await server.control("POST", "reset", body, status=422)
    assert text in refused["detail"]
    await server.get("tunedModels/kept")


@pytest.mark.slow
async def test_projects_race_on_one_server(server: ServerState) -> None:
    """Eight tests at once, each a project: none sees another's models or jobs, and each resets its own alone."""

    async def live(project: str) -> None:
        headers = {"x-goog-api-key": f"projects/{project}"}
        place = f"projects/{project}/locations/us-central1"
        for _ in range(3):
            name = await create_for(server, project)
            job = (await server.create(place=place))["name"]
            assert await list_models(server, project) == [name]
            listed = await server.ask("GET", f"/v1/{place}/tuningJobs")
            assert [one["name"] for one in listed["tuningJobs"]] == [job]
            while (await server.client.get(f"/v1beta/{name}", headers=headers)).json()["state"] == "CREATING":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await server.control("POST", "reset", {"project": project})
            assert await list_models(server, project) == []
            assert (await server.client.get(f"/v1beta/{name}", headers=headers)).status_code == 404

    await asyncio.gather(*(live(f"race-{number}") for number in range(8)))
    assert server.emulator.store.list_job_keys() == []


async def test_a_project_cannot_touch_what_is_anothers(server: ServerState) -> None:
    """As between accounts of the real service: 403, also for an id that is taken; ids are global."""
    name = await create_for(server, "one")
    stranger = {"x-goog-api-key": "projects/two"}
    for verb, path in (("GET", name), ("DELETE", name), ("GET", f"{name}/permissions")):
        answer = await server.client.request(verb, f"/v1beta/{path}", headers=stranger)
        assert answer.status_code == 403, path
    taken = await server.client.post(
        "/v1beta/tunedModels",
        params={"tunedModelId": name.removeprefix("tunedModels/")},
        json={"baseModel": "models/gemini-1.5-flash-001-tuning"},
        headers=stranger,
    )
    assert taken.status_code in (400, 403)
    assert await list_models(server, "one") == [name]


@pytest.mark.lora
async def test_a_real_job_ends_too(tmp_path: Path) -> None:
    """The process that trains writes nothing any more, and trains the next job."""
    async with open_world(tmp_path, trainer="lora") as server:
        await server.create_model()
        async with asyncio.timeout(60):
            unfinished = server.emulator.store.list_unfinished_jobs
            while not list_job_files(server) or unfinished()[0].progress.completed_steps < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await server.control("POST", "reset")
        await asyncio.sleep(0.3)
        assert list_job_files(server) == []
        await server.create_model(identifier="next")
        await finish_all(server)
        assert (await server.get("tunedModels/next"))["state"] == "ACTIVE"


async def test_a_reset_that_fails_lets_the_jobs_go_on(tmp_path: Path) -> None:
    """A full disk refuses it, say: what ran goes on to its end, and nothing is left over."""
    async with open_world(tmp_path, scripted_step_s=0.01) as server:
        name = (await server.create())["name"]
        connection = server.emulator.store._database.connection
        connection.execute("CREATE TRIGGER stop BEFORE DELETE ON tuning_jobs BEGIN SELECT RAISE(ABORT, 'no'); END")
        with pytest.raises(sqlite3.IntegrityError):
            await server.control("POST", "reset", {"project": "my-project"})
        connection.execute("DROP TRIGGER stop")
        await finish_all(server)
        assert await server.look(name) == ("SUCCEEDED", "")
        await server.emulator.server.finish()
        assert list(server.emulator.directory.glob("removed-*")) == []


def count_kept(server: ServerState) -> tuple[int, list[str]]:
    """How many records of jobs there are, and the directories of jobs."""
    return len(server.emulator.store.list_job_keys()), list_job_files(server)


async def test_a_project_is_forgotten_by_all_its_names_or_by_none(server: ServerState) -> None:
    """Records call it by id or number: where those of one name cannot go, those of the other stay as well."""
    emulator = server.emulator
    await create_for(server, "one")
    await server.create(place="projects/one/locations/us-central1")
    await finish_all(server)
    before = (dump_records(server), count_kept(server))
    assert before[1][0] == len(before[1][1]) == 2
    connection = emulator.store._database.connection
    names = [row[0] for row in connection.execute("SELECT DISTINCT project FROM tuning_jobs")]
    assert len(names) == 2
    for name in names:
        connection.execute(
            f"CREATE TRIGGER stop BEFORE DELETE ON tuning_jobs WHEN old.project = '{name}' "
            "BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        with pytest.raises(sqlite3.IntegrityError):
            await server.control("POST", "reset", {"project": "one"})
        connection.execute("DROP TRIGGER stop")
        assert (dump_records(server), count_kept(server)) == before, name
    assert (await server.control("POST", "reset", {"project": "one"}))["jobs"] == 2
    assert count_kept(server) == (0, [])


def fill_disk(server: ServerState) -> None:
    """From now on no job's record can be changed or deleted: there is no page left for what that takes."""
    connection = server.emulator.store._database.connection
    connection.execute("CREATE TABLE filler (body)")
    for change in ("UPDATE", "DELETE"):
        connection.execute(
            f"CREATE TRIGGER stop_{change} BEFORE {change} ON tuning_jobs "
            "BEGIN INSERT INTO filler VALUES (zeroblob(10000000)); END"
        )
    connection.execute(f"PRAGMA max_page_count={connection.execute('PRAGMA page_count').fetchone()[0]}")


def free_disk(server: ServerState) -> None:
    """Undoes ``fill_disk``."""
    connection = server.emulator.store._database.connection
    connection.execute("PRAGMA max_page_count=1000000")
    for statement in ("DROP TRIGGER stop_UPDATE", "DROP TRIGGER stop_DELETE", "DROP TABLE filler"):
        connection.execute(statement)


async def test_jobs_wait_for_space_when_a_full_disk_refused_a_reset(tmp_path: Path) -> None:
    """They were ended for it, and can be taken up only when their records can be written again."""
    async with open_world(tmp_path, scripted_step_s=0.01) as server:
        names = [(await server.create())["name"] for _ in range(3)]
        fill_disk(server)
        await server.control("POST", "reset", {"project": "my-project"}, status=503)
        free_disk(server)
        await finish_all(server)
        assert [await server.look(name) for name in names] == [("SUCCEEDED", "")] * 3
        await server.emulator.server.finish()
        assert list(server.emulator.directory.glob("removed-*")) == []


async def test_of_very_many_jobs_others_see_a_part_gone(server: ServerState) -> None:
    """A project of more jobs than are forgotten at once: all go, also those that run; another's stay."""
    emulator = server.emulator
    mine = range(2 * AT_ONCE + 10)
    for number in mine:
        emulator.store.insert_job(make_job(project=project_number("one"), id=str(number), state=JobState.SUCCEEDED))
    kept = emulator.store.insert_job(make_job(project="9", state=JobState.SUCCEEDED))
    await server.create("runs [pace=manual]", place="projects/one/locations/us-central1")
    report = await server.control("POST", "reset", {"project": "one"})
    assert report == {"project": "one", "jobs": len(mine) + 1}
    assert emulator.store.list_job_keys() == [(kept.uid, "vertex")]
    assert list_job_files(server) == []


async def test_a_job_that_comes_while_others_are_ended_is_ended_too(server: ServerState) -> None:
    """It is its project's as much as they are: nothing works for a record that is gone."""
    emulator, place = server.emulator, "projects/one/locations/us-central1"
    await server.create("runs [pace=manual]", place=place)
    late: list[asyncio.Task[Any]] = []
    close = emulator.queue.pacing.close

    def create_late(uid: int) -> None:
        close(uid)
        if not late:  # a first one has just been ended
            job = make_job(project=project_number("one"), id="77")
            emulator.queue.submit(emulator.store.insert_job(job))
            late.append(emulator.queue._running[emulator.store.list_job_keys()[-1][0]])

    emulator.queue.pacing.close = create_late  # type: ignore[method-assign]  # the moment is chosen, nothing replaced
    assert (await server.control("POST", "reset", {"project": "one"}))["jobs"] == 2
    assert late[0].cancelled()
    assert not emulator.queue._running
    assert list_job_files(server) == []

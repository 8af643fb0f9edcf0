"""Scenarios: what they seed is as real as what clients make; a wrong one changes nothing and says where it is wrong."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.control.running import PLACE, ServerState, open_world
from tests.control.test_export import describe_state
from tuning_emulator.app import create_app
from tuning_emulator.control.scenario_file import ScenarioError, list_packaged, parse_scenario, read_packaged
from tuning_emulator.core.records import JobState
from tuning_emulator.settings import Settings

LOAD = "scenarios:load"
ONE_OF_EACH = '{"name": "one-of-each-state"}'
OWN = """
version: 1
description: ours
clock: {time: 2030-01-01T00:00:00Z, frozen: true}
pace: "polls:2"
faults:
- {method: GetTunedModel, code: UNAVAILABLE, nth: 1}
job_faults:
- {fault: "internal_error:2", jobs: 3, project: someone}
buckets:
- name: colours
  objects:
    train.jsonl:
      lines: [{contents: [{role: user, parts: [{text: sky}]}, {role: model, parts: [{text: blue}]}]}]
    note: {text: "ö\\n"}
tuned_models:
- {id: colours, display_name: colours, examples: [[sky, blue], [grass, green]], description: d}
- {id: slow, display_name: slow, state: CREATING, pace: "polls:1"}
tuning_jobs:
- {display_name: colours, training_dataset: "gs://colours/train.jsonl", epochs: 2, labels: {a: b}}
endpoints:
- {display_name: empty}
"""


async def load(server: ServerState, scenario: str, status: int = 200, project: str = "") -> Any:
    """Loads a scenario as a client would; the answer."""
    path = f"/emulator/v1/{LOAD}"
    answer = await server.client.post(path, content=scenario.encode(), params={"project": project} if project else {})
    assert answer.status_code == status, answer.text
    return answer.json()


async def say(server: ServerState, model: str, text: str) -> str:
    """What a model answers."""
    body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    version = "v1" if "endpoints" in model else "v1beta"
    answer = await server.ask("POST", f"/{version}/{model}:generateContent", body)
    return str(answer["candidates"][0]["content"]["parts"][0]["text"])


async def test_everything_in_it_is_there(server: ServerState) -> None:
    """Records as if clients had made them, at the scenario's time; tuned models that answer; then pace and trouble."""
    report = await load(server, OWN)
    assert report["tuned_models"] == ["tunedModels/colours", "tunedModels/slow"]
    await server.ask("GET", "/v1beta/tunedModels/colours", status=503)
    model = await server.ask("GET", "/v1beta/tunedModels/colours")
    assert (model["state"], model["createTime"], model["description"]) == ("ACTIVE", "2030-01-01T00:00:00Z", "d")
    assert len(model["tuningTask"]["snapshots"]) == 3
    assert await say(server, "tunedModels/colours", "grass") == "green"
    (name,) = report["tuning_jobs"]
    job = await server.ask("GET", f"/v1/{name}")
    assert (job["state"], job["labels"], job["endTime"]) == ("JOB_STATE_SUCCEEDED", {"a": "b"}, "2030-01-01T00:00:00Z")
    assert job["tuningDataStats"]["supervisedTuningDataStats"]["tuningDatasetExampleCount"] == "1"
    assert await say(server, job["tunedModel"]["endpoint"], "sky") == "blue"
    assert (await server.ask("GET", f"/v1/{report['endpoints'][0]}"))["displayName"] == "empty"
    note = await asyncio.to_thread(lambda: list(server.emulator.open_objects().lines("gs://colours/note")))
    assert note == ["ö".encode()]
    assert (await server.control("GET", "pace"))["polls"] == 2
    assert (await server.control("GET", "job-faults"))["job_faults"][0]["jobs"] == 3
    assert (await server.control("GET", "clock"))["frozen"]
    slow = [(await server.ask("GET", "/v1beta/tunedModels/slow"))["state"] for _ in range(4)]
    assert (slow[0], slow[-1]) == ("CREATING", "ACTIVE")


async def test_one_of_each_state(server: ServerState) -> None:
    """Every state that an API has, and each stays while nobody touches it."""
    await load(server, '{"name": "one-of-each-state"}')
    for _ in range(2):
        models = (await server.ask("GET", "/v1beta/tunedModels"))["tunedModels"]
        assert Counter(model["state"] for model in models) == {"ACTIVE": 2, "CREATING": 1, "FAILED": 1}
        jobs = (await server.ask("GET", f"/v1/{PLACE}/tuningJobs"))["tuningJobs"]
        states = Counter(job["state"].removeprefix("JOB_STATE_") for job in jobs)
        assert states == {"SUCCEEDED": 1, "FAILED": 2, "CANCELLED": 1, "PENDING": 1, "RUNNING": 1}
    (creating,) = (model for model in models if model["state"] == "CREATING")
    assert creating["tuningTask"]["snapshots"]
    errors = {job["tunedModelDisplayName"]: job["error"]["code"] for job in jobs if "error" in job}
    assert errors == {"dataset rejected": 3, "no endpoint": 13, "cancelled": 1}
    (running,) = (job["name"] for job in jobs if job["state"] == "JOB_STATE_RUNNING")
    while (await server.get(running))["state"] == "JOB_STATE_RUNNING":
        await server.control("POST", f"jobs/{running}:advance")
    assert (await server.get(running))["state"] == "JOB_STATE_SUCCEEDED"


@pytest.mark.slow
async def test_what_would_wait_for_ever_is_refused_at_once(
    server: ServerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second copy waits for jobs of the first that stand still; nobody waits for that."""
    await load(server, ONE_OF_EACH)
    monkeypatch.setattr("tuning_emulator.control.seeds.END_TIMEOUT_S", None)  # it would never end
    refused = await asyncio.wait_for(load(server, ONE_OF_EACH, status=422), 20)
    assert "another job of its project runs" in refused["detail"]
    assert refused["detail"].endswith("nothing has changed")


async def test_many_models_have_pages(server: ServerState) -> None:
    """Lists go on over several pages, and every page has its size."""
    await load(server, '{"name": "many-models"}')
    token, sizes = "", []
    while True:
        page = await server.ask("GET", f"/v1beta/tunedModels?pageSize=25&pageToken={token}")
        sizes.append(len(page["tunedModels"]))
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert sizes == [25, 25, 10]
    jobs = await server.ask("GET", f"/v1/{PLACE}/tuningJobs?pageSize=50")
    assert (len(jobs["tuningJobs"]), "nextPageToken" in jobs) == (50, True)


async def test_quota_exhausted(server: ServerState) -> None:
    """First refused, then taken, and the job fails for want of quota."""
    await load(server, '{"name": "quota-exhausted"}')
    refused = await server.create_model(status=429)
    assert refused["error"]["status"] == "RESOURCE_EXHAUSTED"
    name = (await server.create_model())["metadata"]["tunedModel"]
    for job in server.emulator.store.list_unfinished_jobs():
        await server.emulator.queue.wait_until_ended(job.uid, timeout_s=20)
    assert (await server.get(name))["state"] == "FAILED"


async def test_flaky_service(tmp_path: Path) -> None:
    """The same trouble each time: a client that asks again gets through."""
    statuses = []
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        async with open_world(tmp_path / str(number)) as server:
            await load(server, '{"name": "flaky-service"}')
            headers = {"x-goog-api-key": "key"}
            answers = [await server.client.get("/v1beta/models", headers=headers) for _ in range(30)]
            statuses.append([answer.status_code for answer in answers])
    assert statuses[0] == statuses[1]
    assert set(statuses[0]) == {200, 500, 503}


async def test_slow_training(server: ServerState) -> None:
    """Nothing ends by itself; the clock brings it about."""
    await load(server, '{"name": "slow-training"}')
    name = (await server.create())["name"]
    assert (await server.look(name))[0] == "PENDING"
    await server.control("POST", "clock:advance", {"seconds": 7200})
    assert (await server.look(name))[0] == "SUCCEEDED"


@pytest.mark.slow
@pytest.mark.parametrize("name", list_packaged())
async def test_packaged_ones_load_for_one_project(name: str, server: ServerState) -> None:
    """Beside another project that has loaded the same; what one sees is its own; a reset takes all of it away."""
    listed = (await server.control("GET", "scenarios"))["scenarios"]
    assert name in [one["name"] for one in listed]
    assert all(one["description"].endswith(".") for one in listed)
    for project in ("one", "two"):
        await load(server, f'{{"name": "{name}"}}', project=project)
    assert not [fault for fault in server.emulator.middleware.faults if fault.fault.project not in ("one", "two")]
    await server.create_model("anybody's")
    await server.control("POST", "reset", {"project": "one"})
    report = await load(server, f'{{"name": "{name}"}}', project="one")
    headers = {"x-goog-api-key": "projects/one"}
    seen = (await server.client.get("/v1beta/tunedModels?pageSize=1000", headers=headers)).json()
    if "error" not in seen:
        assert sorted(one["name"] for one in seen.get("tunedModels", [])) == sorted(report["tuned_models"])


# --- refused

WRONG: dict[str, tuple[str, str]] = {
    "neither YAML nor JSON": ("{version: 1", "it is neither YAML nor JSON"),
    "deep lists": ("[" * 100_000 + "]" * 100_000, "more than 100 lists and objects are nested"),
    "deep YAML": ("{a: " * 100_000 + "}" * 100_000, "more than 100 lists and objects are nested"),
    "deep blocks": ("version: 1\nx:\n" + "\n".join(f"{' ' * n}- " for n in range(300)), "more than 100 lists and"),
    "clock out of range": ("version: 1\nclock: {time: 9999-12-31T23:59:59Z}", "is after 2200-01-01T00:00:00Z"),
    "a list": ("[]", "the scenario: Input should be a valid dictionary"),
    "no version": ("description: x", "version: Field required"),
    "another version": ("version: 2", "version: Input should be 1, not '2'"),
    "unknown field": ("version: 1\nmodels: []", "models: Extra inputs are not permitted"),
    "unknown state": (
        "version: 1\ntuning_jobs: [{training_dataset: gs://a/b, state: DONE}]",
        "tuning_jobs.0.state: Input should be 'PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED' or 'CANCELLED', not 'DONE'",
    ),
    "no pace": ("version: 1\npace: soon", "pace: 'soon' is not a pace: training, time:SECONDS"),
    "no fault of a job": ("version: 1\njob_faults: [{fault: rain}]", "job_faults.0.fault: 'rain' is not a fault"),
    "fault that does nothing": ("version: 1\nfaults: [{}]", "faults.0: nothing to do"),
    "fault for no method": ("version: 1\nfaults: [{method: Nothing, code: ABORTED}]", "no method is called 'Nothing'"),
    "no time": ("version: 1\nclock: {time: noon}", "clock.time: 'noon' is not a time like"),
    "two contents": (
        "version: 1\nbuckets: [{name: b-1, objects: {x: {text: a, file: b}}}]",
        "buckets.0.objects.x: give exactly one of text, lines and file",
    ),
    "file elsewhere": (
        "version: 1\nbuckets: [{name: b-1, objects: {x: {file: ../../etc/passwd}}}]",
        "'../../etc/passwd' must lie beside the scenario's file",
    ),
    "file of no file": (
        "version: 1\nbuckets: [{name: b-1, objects: {x: {file: passwd}}}]",
        "only a scenario that is read from a file has files beside it",
    ),
    "no bucket's name": ("version: 1\nbuckets: [{name: B_, objects: {x: {text: a}}}]", "Invalid bucket name: 'B_'"),
    "aliases": ("version: 1\ndescription: &a x\npace: *a", "aliases (*name) are not read"),
    "too large": (f"version: 1\ndescription: {'x' * 9_000_000}", "it has more than 8388608 bytes"),
    "unknown name": ('{"name": "rain"}', "name: 'rain' is no scenario of the package; there are flaky-service, many"),
    "neither name nor version": ('{"names": "x"}', 'give {"name": "…"} of a packaged scenario'),
    "refused by the service": (
        "version: 1\nbuckets: [{name: b-1, objects: {x: {text: a}}}]\n"
        "tuned_models: [{display_name: ok}, {display_name: hot, base_model: models/none}]",
        "tuned_models.1: the service refuses it:",
    ),
    "dataset that is not there": (
        "version: 1\ntuned_models: [{display_name: ok}]\ntuning_jobs: [{training_dataset: gs://none/x}]",
        "tuning_jobs.0: the service refuses it:",
    ),
    "fault that an API cannot have": (
        "version: 1\ntuned_models: [{display_name: a, state: FAILED, fault: endpoint_creation_failed}]",
        "tuned_models.0: fault: endpoint_creation_failed cannot happen to a Gemini tuned model",
    ),
    "two that run": (
        "version: 1\ntuning_jobs: [{training_dataset: gs://numbers/train.jsonl, state: RUNNING, count: 2}]",
        "tuning_jobs.0: state: it should be RUNNING and is PENDING; another job of its project runs",
    ),
    "time in the past": (
        "version: 1\ntuned_models: [{display_name: a}]\nclock: {time: 1999-01-01T00:00:00Z}",
        "clock.time: 1999-01-01T00:00:00Z is before",
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kept(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerState]:
    """One emulator with a tuned model, for all scenarios that change nothing."""
    async with open_world(tmp_path_factory.mktemp("kept")) as server:
        await server.create_model(identifier="kept")
        (job,) = server.emulator.store.list_unfinished_jobs()
        await server.emulator.queue.wait_until_ended(job.uid, timeout_s=20)
        yield server


def describe_lasting(server: ServerState) -> tuple[Any, ...]:
    """Everything but which ids and generations come next."""
    tables, objects, *others, _ = describe_state(server)
    given = ("sqlite_sequence", 'INTO "generations"')
    kept = ([line for line in lines if not any(one in line for one in given)] for lines in (tables, objects))
    return (*kept, *others)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_scenario_changes_nothing(name: str, kept: ServerState) -> None:
    """Not even a bit of it stays: records, files, objects, clock, faults; jobs that ran go on."""
    server, (text, problem) = kept, WRONG[name]
    by_hand = (await server.create("by hand [pace=manual]", place="projects/other/locations/us-central1"))["name"]
    before = describe_lasting(server)
    refused = await load(server, text, status=422)
    assert problem in refused["detail"]
    assert refused["detail"].endswith("; nothing has changed")
    assert describe_lasting(server) == before
    await server.control("POST", f"jobs/{by_hand}:advance")
    assert (await server.look(by_hand))[0] == "RUNNING"
    await server.control("POST", "reset", {"project": "other"})


LOADED_JOBS = "/v1/projects/loaded/locations/us-central1/tuningJobs"


async def test_what_others_do_while_a_scenario_fails_stays(tmp_path: Path) -> None:
    """Only what the scenario has made is taken back: their jobs, objects and deletes were acknowledged."""
    async with open_world(tmp_path, scripted_step_s=0.02) as server:
        doomed = (await server.create_model("doomed"))["metadata"]["tunedModel"]
        await server.ask("POST", "/upload/storage/v1/b/numbers/o?uploadType=media&name=old", {"a": 1})
        text = (
            "version: 1\nbuckets: [{name: numbers, objects: {old: {text: new}, shared: {text: s}}},"
            " {name: theirs, objects: {x: {text: y}}}]\n"
            "tuned_models: [{display_name: a, state: ACTIVE}]\n"
            "tuning_jobs: [{training_dataset: gs://numbers/train.jsonl, state: SUCCEEDED},"
            " {training_dataset: gs://numbers/train.jsonl, base_model: none}]"
        )
        loading = asyncio.create_task(load(server, text, status=422, project="loaded"))
        while "tuningJobs" not in await server.ask("GET", LOADED_JOBS):
            assert not loading.done(), loading.result()
            await asyncio.sleep(0.01)
        mine = (await server.create_model("mine"))["metadata"]["tunedModel"]
        await server.ask("POST", "/upload/storage/v1/b/numbers/o?uploadType=media&name=shared", {"mine": 1})
        await server.ask("DELETE", f"/v1beta/{doomed}")
        assert (await loading)["detail"].endswith("; nothing has changed")
        assert (await server.get(mine))["name"] == mine
        await server.ask("GET", f"/v1beta/{doomed}", status=404)
        listed = (await server.ask("GET", "/v1beta/tunedModels"))["tunedModels"]
        assert [one["displayName"] for one in listed] == ["mine"]
        assert "tuningJobs" not in await server.ask("GET", LOADED_JOBS)
        assert "models" not in await server.ask("GET", "/v1/projects/loaded/locations/us-central1/models")
        assert "endpoints" not in await server.ask("GET", "/v1/projects/loaded/locations/us-central1/endpoints")
        assert await server.ask("GET", "/storage/v1/b/numbers/o/old?alt=media") == {"a": 1}
        assert await server.ask("GET", "/storage/v1/b/numbers/o/shared?alt=media") == {"mine": 1}
        await server.ask("GET", "/storage/v1/b/theirs", status=404)


async def test_a_full_disk_keeps_what_it_must_keep_of_a_failed_scenario(tmp_path: Path) -> None:
    """Its jobs cannot be taken back: they go on as anybody's. What can be, is: objects, buckets, clock."""
    async with open_world(tmp_path, scripted_step_s=0.02) as server:
        connection, clock = server.emulator.store._database.connection, server.emulator.clock.state
        connection.execute("CREATE TRIGGER stop BEFORE DELETE ON tuning_jobs BEGIN SELECT RAISE(ABORT, 'no'); END")
        text = (
            "version: 1\nclock: {time: 2030-01-01T00:00:00Z, frozen: true}\n"
            "buckets: [{name: numbers, objects: {new: {text: new}}}, {name: theirs, objects: {x: {text: y}}}]\n"
            "tuned_models: [{id: a, display_name: a, state: CREATING, pace: training},"
            " {display_name: b, base_model: models/none, state: CREATING, pace: training}]"
        )
        with pytest.raises(sqlite3.IntegrityError):
            await load(server, text)
        connection.execute("DROP TRIGGER stop")
        assert server.emulator.clock.state == clock
        await server.ask("GET", "/storage/v1/b/numbers/o/new", status=404)
        await server.ask("GET", "/storage/v1/b/theirs", status=404)
        for job in server.emulator.store.list_unfinished_jobs():
            await server.emulator.queue.wait_until_ended(job.uid, timeout_s=20)
        assert (await server.get("tunedModels/a"))["state"] == "ACTIVE"


async def test_a_clock_is_not_one_projects(server: ServerState) -> None:
    """A scenario that sets it cannot be loaded for one project."""
    refused = await load(server, "version: 1\nclock: {time: 2030-01-01T00:00:00Z}", status=422, project="one")
    assert "clock: it is everybody's" in refused["detail"]


# --- at the start


async def test_from_a_file_at_the_start_and_after_a_reset(tmp_path: Path) -> None:
    """Objects are read from beside the file; a reset comes back to it; a data directory in use is left as it is."""
    (tmp_path / "data.jsonl").write_text('{"a": 1}\n')
    file = tmp_path / "mine.yaml"
    file.write_text(
        "version: 1\nbuckets: [{name: files, objects: {x: {file: data.jsonl}}}]\n"
        "tuned_models: [{id: seeded, display_name: s}]"
    )
    kept: dict[str, Any] = {"data_dir": tmp_path / "kept", "scenario": str(file)}
    async with open_world(tmp_path, **kept) as server:
        assert (await server.get("tunedModels/seeded"))["state"] == "ACTIVE"
        lines = await asyncio.to_thread(lambda: list(server.emulator.open_objects().lines("gs://files/x")))
        assert lines == [b'{"a": 1}']
        await server.ask("DELETE", "/v1beta/tunedModels/seeded")
        await server.control("POST", "reset")
        assert (await server.get("tunedModels/seeded"))["state"] == "ACTIVE"
        await server.create_model(identifier="own")
        await server.ask("DELETE", "/v1beta/tunedModels/seeded")
    async with open_world(tmp_path, **kept) as server:
        await server.get("tunedModels/own")
        await server.ask("GET", "/v1beta/tunedModels/seeded", status=404)


@pytest.mark.parametrize(("source", "text"), [("rain", "is no scenario of the package"), ("none.yaml", "No such file")])
async def test_a_scenario_that_cannot_be_found_at_the_start(source: str, text: str, tmp_path: Path) -> None:
    """The emulator does not start, and says why."""
    emulator = create_app(Settings(port=0, storage_port=0, trainer="scripted", scenario=source))
    with pytest.raises(ScenarioError, match=text):
        await emulator.start()
    await emulator.stop()


def test_json_does_as_well() -> None:
    """A scenario that a program writes."""
    scenario = parse_scenario(b'{"version": 1, "tuned_models": [{"display_name": "a", "state": "FAILED"}]}')
    assert scenario.tuned_models[0].state == JobState.FAILED.value


def test_packaged_ones_are_documented() -> None:
    """Each has a text of its own, and stands at no path that leads elsewhere."""
    assert len(set(list_packaged().values())) == len(list_packaged()) >= 5
    with pytest.raises(ScenarioError):
        read_packaged("../packaged/many-models")


async def test_a_refused_scenario_leaves_uploads_and_no_job_behind(server: ServerState) -> None:
    """An upload under way goes on, and nothing waits for a job that had not even begun."""
    await server.client.post("/storage/v1/b?project=p", json={"name": "kept"})
    begun = await server.client.post("/upload/storage/v1/b/kept/o?uploadType=resumable&name=half", content=b"{}")
    session = begun.headers["location"].removeprefix(str(server.client.base_url).rstrip("/"))
    sent = await server.client.put(session, content=b"a" * 262_144, headers={"content-range": "bytes 0-262143/262147"})
    assert sent.status_code == 308
    bucket = "buckets: [{name: more, objects: {a: {text: x}}}]"
    refused = f"version: 1\n{bucket}\ntuned_models: [{{display_name: a}}, {{display_name: b, base_model: models/none}}]"
    await load(server, refused, status=422)
    ended = await server.client.put(session, content=b"end", headers={"content-range": "bytes 262144-262146/262147"})
    assert (ended.status_code, ended.json()["size"]) == (200, "262147"), ended.text
    assert not server.emulator.queue.pacing._gates


async def test_a_job_that_is_ended_before_its_first_step_keeps_no_gate(server: ServerState) -> None:
    """Who asks for the clock would wait for it in vain, again and again."""
    queue = server.emulator.queue
    await server.create_model(identifier="kept")
    (job,) = server.emulator.store.list_unfinished_jobs()
    await queue.end()
    queue._launch(job, queue.pacing.open(job))
    await queue.end()
    assert queue.pacing.get(job.uid) is None

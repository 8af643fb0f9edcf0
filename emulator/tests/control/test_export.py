"""State archives: all out and in while the server runs; the same state elsewhere; hostile ones change nothing."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.control.running import ServerState, open_world
from tests.store_dump import dump_tables
from tuning_emulator.control import export as export_module
from tuning_emulator.storage.database import DATABASE_NAME

SNAPSHOT = "/emulator/v1/snapshot"
FORMAT_1 = Path(__file__).parent.parent / "storage" / "written" / "snapshot_format_1.tar.gz"
SAY = {"contents": [{"role": "user", "parts": [{"text": "7"}]}]}


async def export(server: ServerState) -> bytes:
    """The archive of a server."""
    answer = await server.client.get(SNAPSHOT)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/gzip"), answer.text
    return answer.content


async def load(server: ServerState, archive: bytes, status: int = 200) -> Any:
    """Imports an archive; the answer."""
    answer = await server.client.post(SNAPSHOT, content=archive, headers={"content-type": "application/gzip"})
    assert answer.status_code == status, answer.text
    return answer.json()


async def finish(server: ServerState) -> None:
    """Waits until every job has ended."""
    for job in server.emulator.store.list_unfinished_jobs():
        await server.emulator.queue.wait_until_ended(job.uid, timeout_s=20)


def list_contents(server: ServerState) -> dict[str, str]:
    """Hashes of all files of jobs and buckets, but for the database of the latter."""
    directory = server.emulator.directory
    files = [path for tree in ("jobs", "buckets") for path in (directory / tree).rglob("*") if path.is_file()]
    files = [path for path in files if not path.name.startswith(DATABASE_NAME)]
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def dump_storage(server: ServerState) -> list[str]:
    """All rows of the storage."""
    storage = server.emulator.storage
    return list(storage.store.database._connection.iterdump()) if storage is not None else []


def describe_state(server: ServerState) -> tuple[Any, ...]:
    """Everything that an emulator remembers, comparable."""
    emulator = server.emulator
    return (
        dump_tables(emulator.store),
        dump_storage(server),
        list_contents(server),
        emulator.clock.state,
        emulator.middleware.faults.save(),
        emulator.ids.save(),
    )


async def populate(server: ServerState) -> dict[str, str]:
    """One of everything, ended, in a time that stands still; names by what they stand for."""
    await server.control("PUT", "clock", {"time": "2030-01-01T00:00:00Z", "frozen": True})
    model = (await server.create_model())["metadata"]["tunedModel"]
    config = {
        "metrics": [{"bleuSpec": {}}, {"pointwiseMetricSpec": {"metricPromptTemplate": "Rate {response}"}}],
        "outputConfig": {"gcsDestination": {"outputUriPrefix": "gs://numbers/evaluated"}},
    }
    spec = {"trainingDatasetUri": "gs://numbers/train.jsonl", "evaluationConfig": config}
    job = (await server.create(supervisedTuningSpec={**spec, "hyperParameters": {"epochCount": 5}}))["name"]
    await finish(server)
    tuned = await server.ask("GET", f"/v1/{job}")
    place = "projects/my-project/locations/us-central1"
    await server.ask(
        "POST", f"/v1/{place}/models:copy", {"sourceModel": tuned["tunedModel"]["model"], "modelId": "copied"}
    )
    board = (await server.ask("GET", f"/v1/{place}/tensorboards"))["tensorboards"][0]["name"]
    experiment = tuned["experiment"].rpartition("/")[2]
    await server.ask("DELETE", f"/v1/{board}/experiments/{experiment}/runs/{job.rpartition('/')[2]}")
    permission = {"granteeType": "USER", "emailAddress": "reader@example.com", "role": "READER"}
    await server.ask("POST", f"/v1beta/{model}/permissions", permission)
    endpoint = await server.ask("POST", "/v1/projects/my-project/locations/us-central1/endpoints", {"displayName": "e"})
    await server.ask("POST", "/storage/v1/b", {"name": "other"})
    await asyncio.to_thread(server.emulator.open_objects().write, "gs://other/a/b ö", b"bytes")
    await server.control("PUT", "pace", {"mode": "polls", "polls": 2})
    await server.control("POST", "faults", {"method": "ListTunedModels", "code": "UNAVAILABLE", "nth": [2, 4]})
    await server.control("POST", "job-faults", {"kind": "quota_exhausted", "project": "someone"})
    await server.ask("GET", "/v1beta/tunedModels")
    await server.control("POST", "clock:advance", {"seconds": 3600})
    return {"model": model, "job": job, "operation": endpoint["name"]}


async def test_an_archive_of_the_first_format(server: ServerState) -> None:
    """What an emulator of version 0.1 has exported is here: objects of all names, live and deleted."""
    report = await load(server, FORMAT_1.read_bytes())
    assert report["emulator_version"] == "0.1.0"
    assert server.emulator.storage is not None
    store = server.emulator.storage.store
    assert [one.name for one in store.list_buckets()] == ["contents-data", "made-by-upload"]
    assert list(server.emulator.open_objects().lines("gs://contents-data/../up")) == [b"content of ../up"]
    await load(server, await export(server))
    assert list(server.emulator.open_objects().lines("gs://made-by-upload/x")) == [b"1"]


@pytest.mark.slow
async def test_a_round_trip_elsewhere(server: ServerState, tmp_path: Path) -> None:
    """Another data directory, other jobs running there: afterwards both remember the same and answer the same."""
    names = await populate(server)
    archive, wanted = await export(server), describe_state(server)
    (tmp_path / "two").mkdir()
    kept = tmp_path / "two" / "data"
    async with open_world(tmp_path / "two", data_dir=kept, scripted_step_s=0.01, seed=2) as other:
        await other.create_model("running")
        await other.create("waiting [pace=manual]")
        report = await load(other, archive)
        assert (report["counts"]["tuning_jobs"], report["counts"]["permissions"]) == (2, 2)
        assert describe_state(other) == wanted
        await check_answers(server, other, names)
        assert (await other.client.get("/v1beta/tunedModels", headers={"x-goog-api-key": "k"})).status_code == 503
        await other.control("DELETE", "faults")
        assert (await other.create_model("next"))["name"]
        await other.emulator.server.finish()
        assert sorted(path.name for path in kept.iterdir() if path.is_dir()) == ["buckets", "jobs"]
    async with open_world(tmp_path / "two", data_dir=kept) as again:
        await check_answers(server, again, names)


async def check_answers(one: ServerState, other: ServerState, names: dict[str, str]) -> None:
    """Both answer alike: resources, permissions, objects, and what the tuned models say."""
    model, job = names["model"], names["job"]
    place = "/v1/projects/my-project/locations/us-central1"
    paths = [f"/v1beta/{model}", f"/v1beta/{model}/permissions", f"/v1/{job}", f"/v1/{names['operation']}"]
    paths += [f"{place}/models/copied", f"{place}/tensorboards", f"{place}/metadataStores/default/artifacts"]
    for path in paths:
        assert await other.ask("GET", path) == await one.ask("GET", path)
    endpoint = (await one.ask("GET", f"/v1/{job}"))["tunedModel"]["endpoint"]
    for path in (f"/v1beta/{model}:generateContent", f"/v1/{endpoint}:generateContent"):
        answer = await other.ask("POST", path, SAY)
        assert answer["candidates"][0]["content"]["parts"][0]["text"] == "8"
    lines = await asyncio.to_thread(lambda: list(other.emulator.open_objects().lines("gs://other/a/b ö")))
    assert lines == [b"bytes"]


@pytest.mark.slow
async def test_a_running_job_goes_on_where_it_stood(tmp_path: Path) -> None:
    """Exported in the middle, it is not disturbed here, and comes to the same end there; so does one that waits."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with open_world(tmp_path / "one", scripted_step_s=0.02) as one, open_world(tmp_path / "two") as two:
        running, waiting = (await one.create("a"))["name"], (await one.create("b"))["name"]
        model = (await one.create_model("c"))["metadata"]["tunedModel"]
        async with asyncio.timeout(20):
            while not all(job.progress.completed_steps > 2 for job in one.emulator.store.list_unfinished_jobs()[::2]):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        archive = await export(one)
        await load(two, archive)
        for server in (one, two):
            await finish(server)
            for name in (running, waiting):
                assert (await server.get(name))["state"] == "JOB_STATE_SUCCEEDED"
            assert (await server.get(model))["state"] == "ACTIVE"
            assert len((await server.get(model))["tuningTask"]["snapshots"]) == 19
        assert (await one.get(running))["startTime"] == (await two.get(running))["startTime"]


async def test_paces_hold_in_another_emulator(tmp_path: Path) -> None:
    """A job by hand stands where it stood, and goes on by hand."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with open_world(tmp_path / "one") as one, open_world(tmp_path / "two") as two:
        name = (await one.create("by hand [pace=manual]"))["name"]
        await one.control("POST", f"jobs/{name}:advance")
        archive = await export(one)
        await load(two, archive)
        assert await two.look(name) == await one.look(name)
        await two.control("POST", f"jobs/{name}:advance")
        assert await two.look(name) != await one.look(name)


async def test_import_over_running_jobs(server: ServerState, tmp_path: Path) -> None:
    """They are gone with all that they did, and nothing of them comes back into the new state."""
    await populate(server)
    archive, wanted = await export(server), describe_state(server)
    await server.control("DELETE", "pace")
    server.emulator.trainers["scripted"]._step_s = 0.02  # type: ignore[attr-defined]
    for number in range(3):
        await server.create(f"late {number}", place=f"projects/p{number}/locations/us-central1")
    await asyncio.sleep(0.1)
    await load(server, archive)
    assert describe_state(server) == wanted
    await asyncio.sleep(0.2)
    assert describe_state(server) == wanted


async def test_it_names_what_it_holds(server: ServerState) -> None:
    """A manifest for people and for other versions; nothing in it is a path of this machine."""
    await populate(server)
    archive = await export(server)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        texts = [tar.extractfile(name).read() for name in tar.getnames()]  # type: ignore[union-attr]
    assert manifest["counts"]["tuning_jobs"] == 2
    assert set(manifest["files"]) >= {"store.sqlite3", "state.json", "buckets/_storage.sqlite3"}
    directory = str(server.emulator.directory).encode()
    assert not any(directory in text for text in texts)


async def test_the_archive_of_an_emulator_without_storage(tmp_path: Path, server: ServerState) -> None:
    """It has no buckets: after its import there are none."""
    (tmp_path / "x").mkdir()
    async with open_world(tmp_path / "x", storage="http://127.0.0.1:9") as bare:
        model = (await bare.create_model())["metadata"]["tunedModel"]
        await finish(bare)
        archive = await export(bare)
    await load(server, archive)
    assert (await server.get(model))["state"] == "ACTIVE"
    assert server.emulator.storage is not None
    assert server.emulator.storage.store.list_buckets() == []
    await server.ask("POST", "/storage/v1/b", {"name": "numbers"})
    await asyncio.to_thread(server.emulator.open_objects().write, "gs://numbers/x", b"1")


@pytest.mark.lora
async def test_a_real_adapter_says_the_same_elsewhere(tmp_path: Path) -> None:
    """Trained here, exported, imported there under another directory over a job that trains: the same words.

    A job that was exported in the middle of its training ends there with the losses that it has here.
    """
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with (
        open_world(tmp_path / "one", trainer="lora", jobs_per_project=2) as one,
        open_world(tmp_path / "two", trainer="lora") as two,
    ):
        await two.create_model("late")
        model = (await one.create_model("tuned"))["metadata"]["tunedModel"]
        await finish(one)
        said = await one.ask("POST", f"/v1beta/{model}:generateContent", SAY)
        job = (await one.create("middle"))["name"]
        async with asyncio.timeout(60):
            while one.emulator.store.list_unfinished_jobs()[0].progress.completed_steps < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await load(two, await export(one))
        assert await two.ask("POST", f"/v1beta/{model}:generateContent", SAY) == said
        for server in (one, two):
            await finish(server)
        curves = [(await server.control("GET", f"jobs/{job}"))["metrics"] for server in (one, two)]
        assert curves[0] == curves[1]
        assert (await two.get(job))["state"] == "JOB_STATE_SUCCEEDED"


async def test_files_are_copied_where_nobody_waits_for_it(server: ServerState, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many jobs there are: neither on the way out nor on the way in does the event loop touch their files."""
    await server.create_model(identifier="mine")
    await finish(server)
    threads: list[threading.Thread] = []
    link = export_module.link_files

    def note(source: Path, target: Path) -> None:
        threads.append(threading.current_thread())
        link(source, target)

    monkeypatch.setattr(export_module, "link_files", note)
    archive = await export(server)
    assert threads
    assert threading.main_thread() not in threads
    await load(server, archive)


async def test_files_of_a_deleted_job_stay_while_they_are_copied(server: ServerState) -> None:
    """The records say that they are there; they go when the copy is made."""
    await server.create_model(identifier="mine")
    await finish(server)
    (folder,) = (server.emulator.directory / "jobs").iterdir()
    async with server.emulator.queue.files:
        await server.ask("DELETE", "/v1beta/tunedModels/mine")
        await asyncio.sleep(0)
        assert list(folder.iterdir())
    await asyncio.gather(*server.emulator.queue._removals)
    assert not folder.exists()

"""Batches as tests command them: paces, faults and the clock; reset of a project; archives; where they really are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.control.running import PLACE, ServerState, open_world
from tests.control.test_export import export, load
from tests.control.test_hints import note
from tuning_emulator.core.job_control import PaceMode

REQUESTS = "gs://numbers/requests.jsonl"
FOUR = [{"request": {"contents": [{"role": "user", "parts": [{"text": str(n)}]}]}} for n in range(4)]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerState]:
    """An emulator with the requests of a batch in its storage."""
    async with open_world(tmp_path) as opened:
        await write_requests(opened)
        yield opened


async def write_requests(server: ServerState) -> None:
    """Four requests in Cloud Storage."""
    lines = "".join(json.dumps(one) + "\n" for one in FOUR).encode()
    await asyncio.to_thread(server.emulator.open_objects().write, REQUESTS, lines)


async def create(server: ServerState, place: str = PLACE, **fields: Any) -> str:
    """The name of a batch prediction job just created."""
    body = {
        "displayName": "b",
        "model": "publishers/google/models/gemini-2.5-flash",
        "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": [REQUESTS]}},
        "outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": "gs://numbers/out"}},
        **fields,
    }
    return str((await server.ask("POST", f"/v1/{place}/batchPredictionJobs", body))["name"])


async def create_inline(server: ServerState, title: str = "b") -> str:
    """The name of a batch of the Gemini API just created."""
    body = {"batch": {"displayName": title, "inputConfig": {"requests": {"requests": FOUR}}}}
    return str((await server.ask("POST", "/v1beta/models/gemini-2.5-flash:batchGenerateContent", body))["name"])


async def finish(server: ServerState) -> None:
    """Waits until every job has ended."""
    for job in server.emulator.store.list_unfinished_jobs():
        await server.emulator.queue.wait_until_ended(job.uid, timeout_s=20)


async def test_both_kinds_are_jobs_of_the_control_api(server: ServerState) -> None:
    """By the names that their APIs give them, with what is counted."""
    names = [await create(server), await create_inline(server)]
    await finish(server)
    listed = (await server.control("GET", "jobs"))["jobs"]
    assert [one["name"] for one in listed] == names[::-1]
    for name, api in zip(names, ("vertex_batch", "gemini_batch"), strict=True):
        job = await server.control("GET", f"jobs/{name}")
        assert (job["name"], job["api"], job["state"]) == (name, api, "SUCCEEDED")
        assert (job["completed_steps"], job["total_steps"]) == (4, 4)


@pytest.mark.parametrize("kind", ["vertex", "gemini"])
async def test_a_test_moves_a_batch_by_hand(server: ServerState, kind: str) -> None:
    """Stage by stage, half of the results on the way, and a fault before the rest."""
    await server.control("PUT", "pace", {"mode": "manual"})
    name = await (create(server) if kind == "vertex" else create_inline(server))

    async def look() -> tuple[str, int]:
        job = await server.control("GET", f"jobs/{name}")
        return job["state"], job["completed_steps"]

    assert await look() == ("PENDING", 0)
    await server.control("POST", f"jobs/{name}:advance")
    for _ in range(200):
        if await look() == ("RUNNING", 2):
            break
        await asyncio.sleep(0.01)
    assert await look() == ("RUNNING", 2)
    await server.control("PUT", f"jobs/{name}:fault", {"kind": "internal_error", "at": 4})
    await server.control("POST", f"jobs/{name}:advance")
    await finish(server)
    assert await look() == ("FAILED", 3)
    job = await server.control("GET", f"jobs/{name}")
    assert (job["fault"], job["fired"]) == ("internal_error:4", True)


async def test_a_batch_cannot_be_given_what_only_tuning_has(server: ServerState) -> None:
    """It has no training to be refused capacity for."""
    name = await create(server, displayName="b [pace=manual]")
    refused = await server.control("PUT", f"jobs/{name}:fault", {"kind": "no_capacity"}, status=400)
    assert refused["detail"].startswith("kind: no_capacity cannot happen to a batch")


async def test_the_clock_moves_a_batch(tmp_path: Path) -> None:
    """By ``time`` its stages last as long as they are told to, with the times to match."""
    async with open_world(tmp_path) as server:
        await write_requests(server)
        await server.control("PUT", "clock", {"frozen": True})
        name = await create(server, displayName="b [pace=time:60]")
        assert (await server.get(name))["state"] == "JOB_STATE_PENDING"
        await server.control("POST", "clock:advance", {"seconds": 90})
        assert (await server.get(name))["state"] == "JOB_STATE_RUNNING"
        await server.control("POST", "clock:advance", {"seconds": 60})
        await finish(server)
        job = await server.get(name)
        assert job["state"] == "JOB_STATE_SUCCEEDED"
        assert job["createTime"] < job["startTime"] < job["endTime"]


async def test_a_projects_batches_go_with_it(server: ServerState) -> None:
    """With their files, running or not; what they have written is in a bucket of somebody's and stays."""
    gone, kept = "projects/one/locations/us-central1", "projects/two/locations/us-central1"
    await create(server, gone)
    await create(server, gone, displayName="b [pace=manual]")
    name = await create(server, kept)
    uid = max(job.uid for job in server.emulator.store.list_jobs_of_project(None, 2**62, 9))
    await server.emulator.queue.wait_until_ended(uid, 20)
    report = await server.control("POST", "reset", {"project": "one"})
    assert report["jobs"] == 2
    assert await server.ask("GET", f"/v1/{gone}/batchPredictionJobs") == {}
    assert [one["name"] for one in (await server.ask("GET", f"/v1/{kept}/batchPredictionJobs"))["batchPredictionJobs"]]
    directories = [path.name for path in (server.emulator.directory / "jobs").iterdir()]
    assert directories == [f"vertex_batch-{uid}"]
    await server.control("POST", "reset")
    assert not list((server.emulator.directory / "jobs").glob("*"))
    await server.ask("GET", f"/v1/{name}", status=404)


async def test_an_archive_takes_batches_along(server: ServerState, tmp_path: Path) -> None:
    """Those that have ended with their results, and one that is under way goes on where it stood."""
    done, inline = await create(server), await create_inline(server)
    await finish(server)
    under_way = await create_inline(server, "b [pace=manual]")
    archive = await export(server)
    (tmp_path / "other").mkdir()
    async with open_world(tmp_path / "other") as other:
        await load(other, archive)
        for path in (f"/v1/{done}", f"/v1beta/{inline}", f"/v1beta/{under_way}"):
            assert await other.ask("GET", path) == await server.ask("GET", path)
        gate = other.emulator.queue.pacing.get(3)
        assert gate is not None
        assert gate.pace.mode is PaceMode.MANUAL
        await other.control("PUT", f"jobs/{under_way}:pace", {"mode": "training"})
        await finish(other)
        ended = await other.ask("GET", f"/v1beta/{under_way}")
        assert len(ended["response"]["inlinedResponses"]["inlinedResponses"]) == 4


async def test_a_batch_in_another_place_is_named(server: ServerState) -> None:
    """A hint says where it is; and which model was meant by one that is not there."""
    name = await create(server)
    said = await note(server, "GET", f"/v1/{name.replace('us-central1', 'us-east1')}", status=404)
    assert f"this batch prediction job {name.rpartition('/')[2]} lives in `us-central1`" in said
    body = {"displayName": "b", "model": "publishers/google/models/gemini-2.5-flsh"}
    config = {
        "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": [REQUESTS]}},
        "outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": "gs://numbers/out"}},
    }
    said = await note(server, "POST", f"/v1/{PLACE}/batchPredictionJobs", body | config, status=404)
    assert "gemini-2.5-flash" in said


async def test_settings_without_effect_are_in_the_journal(server: ServerState) -> None:
    """Taken, shown, and said to change nothing."""
    await create(server, dedicatedResources={"startingReplicaCount": 1})
    entries = (await server.client.get("/emulator/v1/journal")).json()["entries"]
    assert "batch_prediction_job.dedicated_resources has no effect here" in entries[0]["notes"]

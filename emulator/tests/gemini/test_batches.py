"""Batches of the Gemini API: operations that hold their results."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.gemini.serving import Serving, running_api
from tests.serving import Reply
from tuning_emulator.core.job_control import FaultKind, JobFault, Pace, PaceMode
from tuning_emulator.core.records import BatchJob
from tuning_emulator.facts import emulator_errors, gemini_errors

FLASH = "models/gemini-2.5-flash"
OUTPUT = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatchOutput"
BATCH = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"
BY_HAND = "manual"


def ask_for(text: str, **fields: Any) -> dict[str, Any]:
    """One request of a batch."""
    return {"request": {"contents": [{"role": "user", "parts": [{"text": text}]}]}, **fields}


async def send(serving: Serving, *requests: Any, model: str = FLASH, version: str = "v1beta", **fields: Any) -> Reply:
    """A batch of these requests, or with another input."""
    batch = {"displayName": "batch", "inputConfig": {"requests": {"requests": list(requests)}}, **fields}
    return await serving.ask("POST", f"/{version}/{model}:batchGenerateContent", {"batch": batch})


async def create(serving: Serving, *requests: Any, **fields: Any) -> str:
    """The name of a batch."""
    reply = await send(serving, *requests, **fields)
    assert reply.status == 200, reply.text
    return str(reply.json["name"])


def find(serving: Serving, name: str) -> BatchJob:
    """The record of a batch."""
    job = serving.store.find_gemini_batch(name.removeprefix("batches/"))
    assert job is not None
    return job


async def finish(serving: Serving, name: str) -> Any:
    """The operation at its end."""
    await serving.queue.wait_until_ended(find(serving, name).uid, timeout_s=20)
    return (await serving.ask("GET", f"/v1beta/{name}")).json


async def move(serving: Serving, name: str, state: str) -> None:
    """Lets a batch leave stages until it is in a state."""
    uid = find(serving, name).uid
    for _ in range(100):
        if find(serving, name).progress.state == state:
            return
        if (gate := serving.queue.pacing.get(uid)) is not None and not gate.moving:
            gate.advance()
        await asyncio.sleep(0.01)
    raise AssertionError(f"{name} is {find(serving, name).progress.state}")


def list_texts(operation: Any) -> list[str]:
    """What was answered, or the message of an error."""
    responses = operation["response"]["inlinedResponses"]["inlinedResponses"]
    return [
        one["error"]["message"] if "error" in one else one["response"]["candidates"][0]["content"]["parts"][0]["text"]
        for one in responses
    ]


@pytest.mark.parametrize("version", ["v1beta", "v1alpha", "v1"])
async def test_a_batch_ends_as_an_operation_with_its_results(serving: Serving, version: str) -> None:
    """Shape and order of keys as recorded. Source: langchain4j, GoogleAiGeminiBatchChatModelTest.java, 2025-12-03."""
    reply = await send(serving, ask_for("1", metadata={"key": "a"}), ask_for("2"), version=version)
    made = reply.json
    name = made["name"]
    assert len(name) == len("batches/tti3ik8qob66dxcvynlg5swnutyntbi926ac")
    assert list(made["metadata"]) == [
        *("@type", "model", "displayName", "createTime", "updateTime", "batchStats", "state", "name")
    ]
    assert made["metadata"]["state"] == "BATCH_STATE_PENDING"
    assert made["metadata"]["batchStats"] == {"requestCount": "2", "pendingRequestCount": "2"}
    ended = await finish(serving, name)
    assert ended["done"] is True
    assert list(ended["metadata"]) == [
        *("@type", "model", "displayName", "output", "createTime", "endTime", "updateTime"),
        *("batchStats", "state", "name"),
    ]
    assert (ended["metadata"]["@type"], ended["metadata"]["state"]) == (BATCH, "BATCH_STATE_SUCCEEDED")
    assert ended["metadata"]["batchStats"] == {"requestCount": "2", "successfulRequestCount": "2"}
    assert ended["response"]["@type"] == OUTPUT
    assert ended["metadata"]["output"]["inlinedResponses"] == ended["response"]["inlinedResponses"]
    assert [one.get("metadata") for one in ended["response"]["inlinedResponses"]["inlinedResponses"]] == [
        {"key": "a"},
        None,
    ]
    assert list_texts(ended) == ["1", "2"]


async def test_what_fails_fails_alone(serving: Serving) -> None:
    """Each request that cannot be answered says why; a batch of such alone has SUCCEEDED too (python-genai#2693)."""
    bad = {"request": {"contents": [{"role": "wrong", "parts": [{"text": "1"}]}]}}
    ended = await finish(serving, await create(serving, ask_for("1"), bad, ask_for("3")))
    assert list_texts(ended) == ["1", "Please use a valid role: user, model.", "3"]
    assert ended["metadata"]["batchStats"] == {
        "requestCount": "3",
        "successfulRequestCount": "2",
        "failedRequestCount": "1",
    }
    all_bad = await finish(serving, await create(serving, bad))
    assert all_bad["metadata"]["state"] == "BATCH_STATE_SUCCEEDED"
    assert all_bad["response"]["inlinedResponses"]["inlinedResponses"][0]["error"]["code"] == 3


async def test_batches_are_listed_newest_first_and_paged(serving: Serving) -> None:
    """Those of the caller's project alone."""
    names = [await create(serving, ask_for(str(n))) for n in range(3)]
    first = (await serving.ask("GET", "/v1beta/batches", query="pageSize=2")).json
    assert [one["name"] for one in first["operations"]] == names[:0:-1]
    query = f"pageSize=2&pageToken={first['nextPageToken']}"
    second = (await serving.ask("GET", "/v1beta/batches", query=query)).json
    assert [one["name"] for one in second["operations"]] == names[:1]
    assert "nextPageToken" not in second
    refused = await serving.ask("GET", "/v1beta/batches", query="filter=done%3Dtrue")
    assert refused.json["error"]["status"] == "UNIMPLEMENTED"


async def test_cancelling_ends_a_batch_and_deleting_forgets_it() -> None:
    """Cancelled, it is an operation with an error; cancelling again does nothing; its files go with it."""
    async with running_api(pace=BY_HAND) as serving:
        name = await create(serving, ask_for("1"), ask_for("2"))
        await move(serving, name, "RUNNING")
        running = (await serving.ask("GET", f"/v1beta/{name}")).json
        assert (running["metadata"]["state"], running.get("done")) == ("BATCH_STATE_RUNNING", None)
        assert (await serving.ask("POST", f"/v1beta/{name}:cancel", {})).json == {}
        assert (await serving.ask("GET", f"/v1beta/{name}")).json["metadata"]["state"] == "BATCH_STATE_RUNNING"
        await move(serving, name, "CANCELLED")
        ended = await finish(serving, name)
        row = gemini_errors.BATCH_CANCELLED
        assert ended["error"] == {"code": row.code, "message": row.text}
        assert ended["metadata"]["state"] == "BATCH_STATE_CANCELLED"
        assert (await serving.ask("POST", f"/v1beta/{name}:cancel", {})).json == {}
        directory = serving.queue.find_directory(find(serving, name))
        assert (await serving.ask("DELETE", f"/v1beta/{name}")).json == {}
        assert (await serving.ask("GET", f"/v1beta/{name}")).status == 404
        for _ in range(100):
            if not directory.exists():
                break
            await asyncio.sleep(0.01)
        assert not directory.exists()


async def test_files_are_refused_in_our_own_words(serving: Serving) -> None:
    """There is no Files API here."""
    reply = await send(serving, inputConfig={"fileName": "files/a"})
    row = emulator_errors.BATCH_FILE
    assert (reply.status, reply.message) == (501, row.format(name="files/a"))


async def test_models_that_lack_batches_are_not_found(serving: Serving) -> None:
    """A base model of tuning, and a tuned model that hangs on one, support no batches."""
    await serving.create(query="tunedModelId=mine")
    for model in ("models/gemini-1.5-flash-001-tuning", "tunedModels/mine", "models/none"):
        reply = await send(serving, ask_for("1"), model=model)
        assert reply.status == 404, model
    assert not serving.store.list_batches_newest_first("gemini_batch", "project", "", 1 << 62, 10)


@pytest.mark.parametrize(
    ("fault", "state", "message"),
    [
        (JobFault(FaultKind.INTERNAL_ERROR, 2), "BATCH_STATE_FAILED", gemini_errors.GEMINI_INTERNAL.text),
        (JobFault(FaultKind.CANCELLED, 2), "BATCH_STATE_CANCELLED", gemini_errors.BATCH_CANCELLED.text),
        (JobFault(FaultKind.QUOTA_EXHAUSTED), "BATCH_STATE_FAILED", gemini_errors.GEMINI_EXHAUSTED.text),
    ],
    ids=["internal_error", "cancelled", "quota_exhausted"],
)
async def test_faults_that_a_test_commands(fault: JobFault, state: str, message: str) -> None:
    """Nothing of the results is shown."""
    async with running_api(pace=BY_HAND) as serving:
        name = await create(serving, ask_for("1"), ask_for("2"))
        gate = serving.queue.pacing.get(find(serving, name).uid)
        assert gate is not None
        gate.change(Pace(PaceMode.TRAINING), fault)
        ended = await finish(serving, name)
        assert (ended["metadata"]["state"], ended["error"]["message"]) == (state, message)
        assert "response" not in ended


async def test_reads_move_a_batch_on() -> None:
    """By ``polls`` each read brings it on, and waiting for it counts as one."""
    async with running_api(pace="polls:1") as serving:
        name = await create(serving, ask_for("1"))
        states = [(await serving.ask("GET", f"/v1beta/{name}")).json["metadata"]["state"] for _ in range(4)]
        assert states == [f"BATCH_STATE_{one}" for one in ("PENDING", "RUNNING", "SUCCEEDED", "SUCCEEDED")]


async def test_a_server_that_died_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """What was answered stays, a line cut short is asked again, and what follows goes on."""
    requests = [ask_for(str(n)) for n in range(5)]
    async with running_api(data_dir=tmp_path, pace=BY_HAND) as serving:
        name = await create(serving, *requests)
        await move(serving, name, "RUNNING")
        directory = serving.queue.find_directory(find(serving, name))
        await asyncio.sleep(0.05)
    done = {"response": {"candidates": [{"content": {"parts": [{"text": "kept"}]}}]}}
    (directory / "results.jsonl").write_text(json.dumps(done) + "\n" + '{"response": {"cand')
    async with running_api(data_dir=tmp_path) as serving:
        ended = await finish(serving, name)
        assert list_texts(ended) == ["kept", "1", "2", "3", "4"]
        assert ended["metadata"]["batchStats"] == {"requestCount": "5", "successfulRequestCount": "5"}


async def test_many_batches_at_once(serving: Serving) -> None:
    """None waits for another, and each has its own results."""
    names = await asyncio.gather(*(create(serving, ask_for(str(n)), ask_for("x")) for n in range(20)))
    ended: Sequence[Any] = await asyncio.gather(*(finish(serving, name) for name in names))
    assert [list_texts(one) for one in ended] == [[str(n), "x"] for n in range(20)]

"""Batches of predictions and of requests for content, as both services answered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from contract_tests.contract import Contract, Situation
from contract_tests.targets import EmulatorTarget
from tuning_emulator.core.records import BatchAsked, BatchJob, Failure, JobState, Progress
from tuning_emulator.facts import vertex_errors
from tuning_emulator.storage.objects import HttpObjectStore
from tuning_emulator.testing.storage_server import StorageServer

BUCKET = "gs://c7n-vertex-batch-test"
REQUEST = b'{"request": {"contents": [{"role": "user", "parts": [{"text": "1"}]}]}}\n'
PLACE = "projects/123456789012/locations/us-central1"
NAME = f"{PLACE}/batchPredictionJobs/4752847832371691520"
MODEL = f"{PLACE}/models/4049913641959424000"
CONTENT_NAME = "batches/4m855v7q30kc7gtzcigdg9m72o87s08w33vp"


@pytest.fixture(scope="module")
def storage_url() -> Iterator[str]:
    """Cloud Storage with one request."""
    with StorageServer() as server:
        HttpObjectStore(server.base_url).write(f"{BUCKET}/input/us-central1/test_data.jsonl", REQUEST)
        yield server.base_url


def reach(state: JobState) -> Situation:
    """The only batch was led from stage to stage until it is in a state."""

    async def prepare(target: EmulatorTarget) -> None:
        queue, store = target.app.queue, target.app.store
        for _ in range(500):
            job = next(one for one in store.list_jobs_of_project(None, 2**62, 9) if isinstance(one, BatchJob))
            if job.progress.state is state:
                return
            if (gate := queue.pacing.get(job.uid)) is not None and not gate.moving:
                gate.advance()
            await asyncio.sleep(0.01)
        raise AssertionError(f"{state}: never reached")

    return prepare


async def test_a_batch_that_is_cancelled_and_deleted(contract: Contract, storage_url: str) -> None:
    """Created, running, cancelling, cancelled, gone: every key of it in its order. The model was one in a container."""
    contract.settings(storage=storage_url, pace="manual")
    names = {MODEL: "publishers/google/models/gemini-2.5-flash"}
    created = (await contract.play("batch_create", instead=names)).same_body()
    names[NAME] = str(created.json["name"])
    await contract.given(reach(JobState.RUNNING))
    (await contract.play("batch_list_running", instead=names)).same_body()
    (await contract.play("batch_cancel", instead=names)).same_bytes()
    (await contract.play("batch_list_cancelling", instead=names)).same_body()
    await contract.given(reach(JobState.CANCELLED))
    (await contract.play("batch_list_cancelled", instead=names)).same_body()
    (await contract.play("batch_delete", instead=names)).same_body()
    (await contract.play("batch_list_none")).same_bytes()


async def test_an_unknown_model(contract: Contract) -> None:
    """At once, in words of its own."""
    (await contract.play("batch_unknown_model")).same_message()


@pytest.mark.parametrize("name", ["batch_bucket_missing", "batch_output_forbidden"])
async def test_a_batch_that_failed_over_a_bucket(contract: Contract, name: str) -> None:
    """What the job says at its end."""
    rows = {
        "batch_bucket_missing": vertex_errors.BATCH_BUCKET_NOT_FOUND(bucket="no-such-bucket"),
        "batch_output_forbidden": vertex_errors.BATCH_OUTPUT_FORBIDDEN(
            service_account="redacted@example.com",
            uri=f"{BUCKET}/output",
        ),
    }
    failure = Failure(rows[name].code, rows[name].message)

    async def prepare(target: EmulatorTarget) -> None:
        _, project, _, location, _, identifier = NAME.split("/")
        progress = Progress(updated_ns=3, state=JobState.FAILED, error=failure, started_ns=2, ended_ns=3)
        target.app.store.insert_job(
            BatchJob(
                uid=0,
                api="vertex_batch",
                project=project,
                location=location,
                id=identifier,
                api_version="v1",
                created_ns=1,
                progress=progress,
                owner="",
                display_name="b",
                asked=BatchAsked("publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash"),
            )
        )

    await contract.given(prepare)
    (await contract.play(name)).same_parts()


async def test_a_batch_of_content(contract: Contract) -> None:
    """Pending, running, and at its end with its results; texts and thoughts differ, the order of keys does not."""
    contract.settings(pace="time:1000")
    created = (await contract.play("batch_content_create")).same_body()
    names = {CONTENT_NAME: str(created.json["name"])}
    await contract.given(reach(JobState.RUNNING))
    (await contract.play("batch_content_running", instead=names)).same_body()
    await contract.given(reach(JobState.SUCCEEDED))
    ended = await contract.play("batch_content_succeeded", instead=names)
    assert list(ended.json) == ["name", "metadata", "done", "response"]
    assert list(ended.json["metadata"]) == [
        *("@type", "model", "displayName", "output", "createTime", "endTime", "updateTime"),
        *("batchStats", "state", "name"),
    ]
    assert ended.json["metadata"]["batchStats"] == {"requestCount": "3", "successfulRequestCount": "3"}
    results = ended.json["response"]["inlinedResponses"]["inlinedResponses"]
    assert [list(one) for one in results] == [["response", "metadata"]] * 3
    assert [one["metadata"] for one in results] == [{"key": f"req_{number}"} for number in (1, 2, 3)]
    assert ended.json["metadata"]["output"] == {"inlinedResponses": {"inlinedResponses": results}}

"""Operations of every place, in both versions and under /ui/; experiments and publishers' models."""

from __future__ import annotations

import pytest

from tests.vertex.serving import PLACE, Serving


async def start_rebase(serving: Serving, version: str = "v1") -> str:
    """Name of the operation of a rebase."""
    job = await serving.tune(spec={"hyperParameters": {"epochCount": 1}})
    body = {"tunedModelRef": {"tuningJob": job["name"]}}
    return str((await serving.post(f"{PLACE}/tuningJobs:rebaseTunedModel", body, version))["name"])


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_types_are_those_of_the_version_it_was_created_through(serving: Serving, version: str) -> None:
    """Whatever version polls: generated clients refuse another version's types."""
    name = await start_rebase(serving, version)
    for path in (f"/v1/{name}:wait", f"/v1beta1/{name}:wait", f"/ui/{name}:wait"):
        operation = (await serving.ask("POST", path, {})).json
        assert f".aiplatform.{version}.RebaseTunedModel" in operation["metadata"]["@type"]
        assert operation["response"]["@type"] == f"type.googleapis.com/google.cloud.aiplatform.{version}.TuningJob"
        assert operation["response"]["state"] == "JOB_STATE_SUCCEEDED"
        assert "tuningJobMetadata" not in operation["response"]  # generated clients of v1beta1 fail on it


async def test_operations_are_listed_below_their_resource_and_deleted(serving: Serving) -> None:
    """A location lists them all, a job its own; a deleted one is not found."""
    name = await start_rebase(serving)
    job = name.partition("/operations/")[0]
    await serving.post(f"{name}:wait")
    for parent in (PLACE, job):
        listed = await serving.get(f"{parent}/operations")
        assert [one["name"] for one in listed["operations"]] == [name]
    assert await serving.get(f"{PLACE}/endpoints/1/operations") == {}
    assert (await serving.ask("DELETE", f"/v1/{name}")).json == {}
    reply = await serving.ask("GET", f"/v1/{name}")
    assert (reply.status, reply.message) == (404, f'operation "{name}" not found')


async def test_cancelling_the_operation_cancels_its_job(slow: Serving) -> None:
    """The operation ends with code 1; a second cancel is granted and does nothing."""
    job = await slow.tune(spec={"hyperParameters": {"epochCount": 1}})
    spec = {"trainingDatasetUri": "gs://numbers/train.jsonl", "hyperParameters": {"epochCount": 100}}
    body = {"tunedModelRef": {"tuningJob": job["name"]}, "tuningJob": {"supervisedTuningSpec": spec}}
    name = (await slow.post(f"{PLACE}/tuningJobs:rebaseTunedModel", body))["name"]
    assert await slow.post(f"{name}:cancel") == {}
    operation = await slow.post(f"{name}:wait", {"timeout": "20s"})
    assert operation["done"] is True
    assert operation["error"]["code"] == 1
    assert await slow.post(f"{name}:cancel") == {}


async def test_a_wait_that_runs_out_answers_what_is(serving: Serving) -> None:
    """No error at the timeout: the unfinished operation."""
    job = await serving.tune(spec={"hyperParameters": {"epochCount": 1}})
    await serving.queue.stop()
    body = {"tunedModelRef": {"tuningJob": job["name"]}}
    started = await serving.post(f"{PLACE}/tuningJobs:rebaseTunedModel", body)
    assert await serving.post(f"{started['name']}:wait", {"timeout": "0.01s"}) == started


async def test_google_s_models_are_listed_page_by_page(waiting: Serving) -> None:
    """What google-genai lists as base models; open models are other publishers'."""
    seen: list[str] = []
    token = ""
    for _ in range(50):
        page = await waiting.get("publishers/google/models", "v1beta1", query=f"pageSize=3&pageToken={token}")
        seen += [model["name"] for model in page["publisherModels"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert "publishers/google/models/gemini-2.5-flash" in seen
    assert len(seen) == len(set(seen))
    one = await waiting.get("publishers/google/models/gemini-2.5-flash")
    assert one["name"] == "publishers/google/models/gemini-2.5-flash"
    assert (await waiting.ask("GET", "/v1/publishers/google/models/nothing")).status == 404

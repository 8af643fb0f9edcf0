"""Operations of every place, in both versions and under /ui/; experiments and publishers' models."""

from __future__ import annotations

from urllib.parse import quote

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


async def test_the_experiment_is_what_clients_insist_on(serving: Serving) -> None:
    """schemaTitle system.Experiment, no TensorBoard of a custom job; one run below it, found by filter."""
    job = await serving.tune(spec={"hyperParameters": {"epochCount": 2}})
    context = await serving.get(job["experiment"])
    assert context["name"] == job["experiment"]
    assert context["schemaTitle"] == "system.Experiment"
    assert "backing_tensorboard_resource" not in context["metadata"]
    store = job["experiment"].partition("/contexts/")[0]
    text = f'schema_title="system.ExperimentRun" AND parent_contexts:"{job["experiment"]}"'
    (run,) = (await serving.get(f"{store}/contexts", query=f"filter={quote(text)}"))["contexts"]
    assert run["parentContexts"] == [job["experiment"]]
    assert run["metadata"]["_params"]["epoch_count"] == 2
    assert run["metadata"]["_metrics"]["train_total_loss"] < 1
    assert run["metadata"]["_state"] == "COMPLETE"
    assert await serving.get(run["name"]) == run
    assert await serving.get(f"{job['experiment']}:queryContextLineageSubgraph") == {}


async def test_a_deleted_experiment_is_gone_and_its_job_shows_none(serving: Serving) -> None:
    """The notebooks delete it when they clean up."""
    job = await serving.tune(spec={"hyperParameters": {"epochCount": 1}})
    assert (await serving.ask("DELETE", f"/v1/{job['experiment']}")).json["done"] is True
    reply = await serving.ask("GET", f"/v1/{job['experiment']}")
    assert (reply.status, reply.message) == (404, f'context "{job["experiment"]}" not found')
    assert "experiment" not in await serving.get(job["name"])
    other = job["experiment"].replace("/default/", "/other/")
    assert "metadataStore" in (await serving.ask("GET", f"/v1/{other}")).message


async def test_a_run_is_deleted_alone(serving: Serving) -> None:
    """``ExperimentRun.delete()`` leaves the experiment, which is deleted after its runs."""
    job = await serving.tune(spec={"hyperParameters": {"epochCount": 1}})
    store, run = job["experiment"].partition("/contexts/")[0], f"{job['experiment']}-{job['name'].rpartition('/')[2]}"
    assert (await serving.ask("DELETE", f"/v1/{run}")).status == 200
    assert (await serving.ask("DELETE", f"/v1/{run}")).status == 404
    assert [one["name"] for one in (await serving.get(f"{store}/contexts"))["contexts"]] == [job["experiment"]]
    assert (await serving.get(job["name"]))["experiment"] == job["experiment"]
    assert (await serving.ask("DELETE", f"/v1/{job['experiment']}")).status == 200


async def test_nothing_else_is_logged_to_an_experiment(serving: Serving) -> None:
    """``get_data_frame`` and ``ExperimentRun.list`` ask for executions with filters of their own; there are none."""
    job = await serving.tune(spec={"hyperParameters": {"epochCount": 1}})
    store = job["experiment"].partition("/contexts/")[0]
    for text in (f'schema_title="system.Run" AND in_context("{job["experiment"]}")', ""):
        for kind in ("executions", "artifacts"):
            assert await serving.get(f"{store}/{kind}", query=f"filter={quote(text)}&pageSize=5") == {}
    reply = await serving.ask("GET", f"/v1/{store}/artifacts/tb-run")
    assert (reply.status, reply.message) == (404, f'artifact "{store}/artifacts/tb-run" not found')


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

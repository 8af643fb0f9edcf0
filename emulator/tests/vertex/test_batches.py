"""Batch prediction jobs: their life, what they read and write, and how they end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.vertex.serving import (
    BUCKET,
    FLASH,
    PLACE,
    PREDICTIONS,
    REQUESTS,
    TRAINING,
    Serving,
    format_requests,
    make_batch,
)
from tuning_emulator.core.ids import project_number
from tuning_emulator.facts import google_errors, vertex_errors
from tuning_emulator.testing.storage_server import StorageServer

ONE_EPOCH = {"hyperParameters": {"epochCount": 1}}
NUMBER = project_number("my-project")


def list_texts(lines: list[Any]) -> list[str]:
    """What was answered, or the status of a line that failed."""
    return [one["status"] or str(one["response"]["candidates"][0]["content"]["parts"][0]["text"]) for one in lines]


async def test_a_batch_of_a_base_model(serving: Serving) -> None:
    """Shape of job and lines as recorded and documented.

    Sources: github.com/cloud-custodian/cloud-custodian flights vertexai-batch-prediction-job-*, 2026-02-26;
    docs.cloud.google.com batch-prediction-from-cloud-storage.
    """
    made = await serving.create_batch()
    name = f"projects/{NUMBER}/locations/us-central1/batchPredictionJobs/"
    assert made["name"].startswith(name)
    assert {key: made[key] for key in ("displayName", "model", "state", "modelVersionId")} == {
        "displayName": "batch",
        "model": f"publishers/google/models/{FLASH}",
        "state": "JOB_STATE_PENDING",
        "modelVersionId": "1",
    }
    assert made.keys().isdisjoint({"startTime", "endTime", "completionStats", "outputInfo", "error"})
    ended = await serving.finish_batch(made["name"])
    assert ended["state"] == "JOB_STATE_SUCCEEDED"
    assert ended["completionStats"] == {"successfulCount": "3"}
    assert ended["outputInfo"] == {"gcsOutputDirectory": f"{PREDICTIONS}/prediction-model-{ended['startTime']}"}
    assert made["createTime"] <= ended["startTime"] <= ended["endTime"] == ended["updateTime"]
    lines = serving.read_predictions(ended)
    assert [list(line) for line in lines] == [["status", "processed_time", "request", "response"]] * 3
    assert list_texts(lines) == ["1", "2", "3"]
    assert lines[0]["request"] == {"contents": [{"parts": [{"text": "1"}], "role": "user"}]}
    assert lines[0]["response"]["modelVersion"] == f"{FLASH}@default"
    assert lines[0]["processed_time"].endswith("+00:00")


async def test_a_batch_of_a_tuned_model(serving: Serving) -> None:
    """It is named as a model, and its version is the model's; through v1beta1 an endpoint may be named too."""
    job = await serving.tune(spec=ONE_EPOCH)
    model, endpoint = job["tunedModel"]["model"], job["tunedModel"]["endpoint"]
    ended = await serving.run_batch(model=model.partition("@")[0])
    assert (ended["model"], ended["modelVersionId"]) == (model.partition("@")[0], "1")
    assert list_texts(serving.read_predictions(ended)) == ["2", "3", "4"]
    by_endpoint = await serving.run_batch("v1beta1", model=None, endpoint=endpoint)
    assert by_endpoint["endpoint"] == endpoint
    assert by_endpoint.keys().isdisjoint({"model", "modelVersionId"})
    assert list_texts(serving.read_predictions(by_endpoint)) == ["2", "3", "4"]


async def test_a_version_of_a_tuned_model(serving: Serving) -> None:
    """Asked for by number it answers, and without one the default version, as it was when the batch was made."""
    first = await serving.tune(spec=ONE_EPOCH)
    version = str(first["tunedModel"]["model"])
    model = version.partition("@")[0]
    await serving.tune(baseModel=None, preTunedModel={"tunedModelName": version}, spec=ONE_EPOCH)
    shown = [await serving.create_batch(model=name) for name in (model, f"{model}@2", f"{model}@default")]
    assert [(one["model"], one["modelVersionId"]) for one in shown] == [
        (model, "1"),
        (f"{model}@2", "2"),
        (f"{model}@default", "1"),
    ]
    merged = await serving.ask("POST", f"/v1/{model}@2:mergeVersionAliases", {"versionAliases": ["default"]})
    assert merged.status == 200, merged.text
    assert (await serving.finish_batch(shown[0]["name"]))["modelVersionId"] == "1"


async def test_a_model_that_is_gone_fails_its_lines(serving: Serving) -> None:
    """Each line says so; the job has SUCCEEDED, for it has done what it could."""
    job = await serving.tune(spec=ONE_EPOCH)
    model = job["tunedModel"]["model"].partition("@")[0]
    await serving.queue.stop()
    made = await serving.create_batch(model=model)
    endpoint = job["tunedModel"]["endpoint"]
    deployed = (await serving.get(endpoint))["deployedModels"][0]["id"]
    await serving.post(f"{endpoint}:undeployModel", {"deployedModelId": deployed})
    assert (await serving.ask("DELETE", f"/v1/{model}")).status == 200
    await serving.queue.start()
    ended = await serving.finish_batch(made["name"])
    assert (ended["state"], ended["completionStats"]) == ("JOB_STATE_SUCCEEDED", {"failedCount": "3"})
    assert all(line["status"].startswith("Not Found: ") for line in serving.read_predictions(ended))


async def test_each_line_fails_alone(serving: Serving) -> None:
    """A line says what was wrong with it, and has no response (documented form); what else it holds comes back."""
    uri = f"gs://{BUCKET}/batches/partly.jsonl"
    wrong = {"request": {"contents": [{"role": "wrong", "parts": [{"text": "1"}]}]}}
    lines = [
        {"id": "first", **json.loads(format_requests([1]))},
        wrong,
        {"id": "none"},
        {"request": {"contents": [], "unknown": 1}},
    ]
    serving.objects.write(uri, "\n\n".join(map(json.dumps, lines)).encode())
    ended = await serving.run_batch(uris=[uri])
    assert (ended["state"], ended["completionStats"]) == (
        "JOB_STATE_SUCCEEDED",
        {"successfulCount": "1", "failedCount": "3"},
    )
    done = serving.read_predictions(ended)
    assert [one.get("id") for one in done] == ["first", None, "none", None]
    error = {"code": 400, "message": "Please use a valid role: user, model.", "status": "INVALID_ARGUMENT"}
    assert done[1].keys() == {"status", "processed_time", "request"}
    assert done[1]["status"] == f"Bad Request: {json.dumps({'error': error})}"
    assert done[1]["request"] == wrong["request"]
    assert all(one["status"].startswith("Bad Request: {") for one in done[2:])


async def test_several_objects_and_patterns(serving: Serving) -> None:
    """In the order of the request, of a pattern in that of their names; ``*`` does not cross a folder, ``**`` does."""
    for name, numbers in (("a/1", [1, 2]), ("a/2", [3]), ("a/b/3", [4])):
        serving.objects.write(f"gs://{BUCKET}/many/{name}.jsonl", format_requests(numbers))
    here, deep = f"gs://{BUCKET}/many/a/*.jsonl", f"gs://{BUCKET}/many/**"
    ended = await serving.run_batch(uris=[f"gs://{BUCKET}/many/a/b/3.jsonl", here], output=f"{PREDICTIONS}/")
    assert list_texts(serving.read_predictions(ended)) == ["4", "1", "2", "3"]
    assert ended["outputInfo"]["gcsOutputDirectory"].startswith(f"{PREDICTIONS}/prediction-model-")
    assert list_texts(serving.read_predictions(await serving.run_batch(uris=[deep]))) == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("content", "row", "values"),
    [
        (None, vertex_errors.DATASET_NOT_FOUND, {"uri": f"gs://{BUCKET}/batches/bad.jsonl"}),
        (b"", vertex_errors.BATCH_INPUT_EMPTY, {"uri": f"gs://{BUCKET}/batches/bad.jsonl"}),
        (b'{"a": 1}\n[1]\n', vertex_errors.BATCH_INPUT_UNREADABLE, {"position": 9}),
        (b'{"a": \xff}\n', vertex_errors.BATCH_INPUT_UNREADABLE, {"position": 0}),
    ],
    ids=["missing", "empty", "no object", "no JSON"],
)
async def test_an_input_that_cannot_be_read(serving: Serving, content: bytes | None, row: Any, values: Any) -> None:
    """The job fails (recorded: it is not looked at before); nothing is written."""
    uri = values.get("uri", f"gs://{BUCKET}/batches/broken.jsonl")
    if content is not None:
        serving.objects.write(uri, content)
    output = f"gs://{BUCKET}/never/{len(content or b'x')}"
    ended = await serving.run_batch(uris=[uri], output=output)
    assert ended["state"] == "JOB_STATE_FAILED"
    assert ended["error"] == {"code": row.code, "message": row.format(**values)}
    assert ended.keys().isdisjoint({"completionStats", "outputInfo"})
    assert not serving.objects.match(f"{output}/**")
    if content is not None:
        serving.objects.write(uri, format_requests([1]))


@pytest.mark.parametrize("field", ["uris", "output"])
async def test_buckets_that_are_not_there(field: str) -> None:
    """Input and output alike (recorded)."""
    given: dict[str, Any] = {"uris": ["gs://no-such-bucket/a.jsonl"], "output": "gs://no-such-bucket/out"}
    with StorageServer(auto_create=False) as storage:
        async with httpx.AsyncClient(base_url=storage.base_url) as client:
            await client.post("/storage/v1/b?project=p", json={"name": BUCKET})
        serving = Serving(storage.base_url)
        serving.objects.write(REQUESTS, format_requests([1]))
        await serving.start()
        ended = await serving.run_batch(**{field: given[field]})
        row = vertex_errors.BATCH_BUCKET_NOT_FOUND
        assert (ended["state"], ended["error"]) == (
            "JOB_STATE_FAILED",
            {"code": row.code, "message": row.format(bucket="no-such-bucket")},
        )
        await serving.stop()


async def test_lists_filter_page_and_project(waiting: Serving) -> None:
    """Newest first (recorded); a mask shows what it names."""
    place = "projects/listed/locations/us-central1"
    names = [
        (await waiting.create_batch(place=place, displayName=f"b{n}", labels={"n": str(n)}))["name"] for n in range(3)
    ]
    await waiting.post(f"{names[0]}:cancel")
    path = f"/v1/{place}/batchPredictionJobs"

    async def listed(query: str) -> Any:
        reply = await waiting.ask("GET", path, query=query)
        assert reply.status == 200, reply.text
        return reply.json

    first = await listed("pageSize=2")
    assert [one["name"] for one in first["batchPredictionJobs"]] == names[:0:-1]
    second = await listed(f"pageSize=2&pageToken={first['nextPageToken']}")
    assert [one["name"] for one in second["batchPredictionJobs"]] == names[:1]
    for condition, found in (
        ('display_name="b1"', [1]),
        ('state="JOB_STATE_CANCELLED"', [0]),
        ('state!="JOB_STATE_CANCELLED" AND labels.n="2"', [2]),
        (f'model_display_name="{FLASH}"', [2, 1, 0]),
        ('create_time>"2001-01-01T00:00:00Z"', [2, 1, 0]),
        ("labels.n:*", [2, 1, 0]),
    ):
        page = await listed(f"filter={condition}")
        assert [one["name"] for one in page.get("batchPredictionJobs", ())] == [names[n] for n in found], condition
    masked = await listed("readMask=name,state&pageSize=1")
    assert masked["batchPredictionJobs"] == [{"name": names[2], "state": "JOB_STATE_PENDING"}]
    elsewhere = "/v1/projects/listed/locations/us-east1/batchPredictionJobs"
    assert (await waiting.ask("GET", elsewhere)).json == {}


async def test_cancelling_a_waiting_batch(waiting: Serving) -> None:
    """It is CANCELLED at once, with the error that is recorded, and nothing counted."""
    made = await waiting.create_batch()
    assert await waiting.post(f"{made['name']}:cancel") == {}
    ended = await waiting.get(made["name"])
    assert (ended["state"], ended["error"]) == ("JOB_STATE_CANCELLED", {"code": 1, "message": "CANCELED"})
    assert ended.keys().isdisjoint({"completionStats", "outputInfo"})


async def test_cancelling_a_running_batch_exports_what_is_done(storage_url: str) -> None:
    """CANCELLING, then CANCELLED; finished lines are delivered (documented), the rest is counted as incomplete."""
    serving = Serving(storage_url, pace="manual")
    await serving.start()
    made = await serving.create_batch()
    await move(serving, made["name"], "RUNNING")
    await wait_for_results(serving, made["name"], 1)
    await serving.post(f"{made['name']}:cancel")
    await serving.post(f"{made['name']}:cancel")  # asked again, nothing changes
    assert (await serving.get(made["name"]))["state"] == "JOB_STATE_CANCELLING"
    await move(serving, made["name"], "CANCELLED")
    ended = await serving.get(made["name"])
    assert ended["completionStats"] == {"successfulCount": "1", "incompleteCount": "2"}
    assert list_texts(serving.read_predictions(ended)) == ["1"]
    await serving.stop()


async def move(serving: Serving, name: str, state: str) -> None:
    """Lets a batch leave stages until it is in a state."""
    for _ in range(200):
        job = serving.find_batch(name)
        if job.progress.state == state:
            return
        if (gate := serving.queue.pacing.get(job.uid)) is not None and not gate.moving:
            gate.advance()
        await asyncio.sleep(0.01)
    raise AssertionError(f"{name} is {serving.find_batch(name).progress.state}")


async def wait_for_results(serving: Serving, name: str, count: int) -> None:
    """Waits until so many lines are answered; by hand, half of them are before a batch is moved on."""
    for _ in range(200):
        if serving.find_batch(name).progress.completed_steps >= count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{name}: {serving.find_batch(name).progress}")


async def test_cancelling_while_the_results_are_written(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch is CANCELLED with everything done, and nothing fails inside."""
    made = await serving.create_batch()
    written = type(serving.queue._batches)._write

    def write(self: Any, path: Any, uri: str) -> None:
        loop.call_soon_threadsafe(serving.queue.cancel, serving.find_batch(made["name"]).uid)
        written(self, path, uri)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(type(serving.queue._batches), "_write", write)
    ended = await serving.finish_batch(made["name"])
    assert ended["state"] == "JOB_STATE_CANCELLED"
    assert list_texts(serving.read_predictions(ended)) == ["1", "2", "3"]


async def test_deleting_leaves_an_operation_and_the_results(serving: Serving) -> None:
    """A done operation of the place (recorded); the job is gone, its predictions are not."""
    ended = await serving.run_batch()
    reply = await serving.ask("DELETE", f"/v1/{ended['name']}")
    operation = reply.json
    place = f"projects/{NUMBER}/locations/us-central1"
    assert operation["name"].startswith(f"{place}/operations/")
    assert (operation["done"], operation["response"]) == (True, {"@type": "type.googleapis.com/google.protobuf.Empty"})
    assert operation["metadata"]["@type"].endswith(".v1.DeleteOperationMetadata")
    assert (await serving.ask("GET", f"/v1/{ended['name']}")).status == 404
    assert len(serving.read_predictions(ended)) == 3
    assert (await serving.get(operation["name"])) == operation


@pytest.mark.parametrize(
    ("magic", "state", "row", "done"),
    [
        ("fault=dataset_rejected", "FAILED", vertex_errors.BATCH_INPUT_UNREADABLE, 0),
        ("fault=internal_error:2", "FAILED", google_errors.INTERNAL, 1),
        ("fault=cancelled:3", "CANCELLED", vertex_errors.JOB_CANCELLED, 2),
        ("fault=quota_exhausted", "FAILED", vertex_errors.VERTEX_EXHAUSTED, 0),
    ],
)
async def test_faults_that_a_request_commands(serving: Serving, magic: str, state: str, row: Any, done: int) -> None:
    """What was done before is delivered."""
    ended = await serving.run_batch(displayName=f"batch [{magic}]", output=f"gs://{BUCKET}/faults/{state}-{done}")
    text = row.format(position=0) if "{position}" in row.text else row.text
    assert (ended["state"], ended["error"]) == (f"JOB_STATE_{state}", {"code": row.code, "message": text})
    if done:
        assert len(serving.read_predictions(ended)) == done
        assert ended["completionStats"] == {"successfulCount": str(done), "incompleteCount": str(3 - done)}


async def test_reads_move_a_batch_on(storage_url: str) -> None:
    """By ``polls`` a client that asks until the end sees every state."""
    serving = Serving(storage_url, pace="polls:1")
    await serving.start()
    made = await serving.create_batch()
    states = [(await serving.get(made["name"]))["state"] for _ in range(4)]
    assert states == [f"JOB_STATE_{one}" for one in ("PENDING", "RUNNING", "SUCCEEDED", "SUCCEEDED")]
    await serving.stop()


async def test_a_server_that_died_loses_and_doubles_nothing(storage_url: str, tmp_path: Any) -> None:
    """What was answered stays, a line cut short is asked again; the input may be gone by then."""
    uri = f"gs://{BUCKET}/batches/resumed.jsonl"
    first = Serving(storage_url, data_dir=tmp_path, pace="manual")
    first.objects.write(uri, format_requests(range(6)))
    await first.start()
    name = (await first.create_batch(uris=[uri]))["name"]
    await move(first, name, "RUNNING")
    await wait_for_results(first, name, 3)
    job = first.find_batch(name)
    folder = job.progress.output_directory
    directory = first.queue.find_directory(job)
    await first.stop()
    kept = [{"status": "", "processed_time": "", "request": {}, "response": {"kept": n}} for n in range(2)]
    lines = "".join(json.dumps(one) + "\n" for one in kept)
    (directory / "results.jsonl").write_text(lines + '{"status": "", "requ')
    first.objects.write(uri, b"something else\n")
    second = Serving(storage_url, data_dir=tmp_path)
    await second.start()
    ended = await second.finish_batch(name)
    done = second.read_predictions(ended)
    assert ended["outputInfo"]["gcsOutputDirectory"] == folder
    assert done[:2] == kept
    assert list_texts(done[2:]) == ["2", "3", "4", "5"]
    assert ended["completionStats"] == {"successfulCount": "6"}
    await second.stop()


async def test_a_killed_servers_unfinished_files_go(storage_url: str, tmp_path: Any) -> None:
    """Of a batch that is cancelled when the server comes back, what it was fetching is removed."""
    first = Serving(storage_url, data_dir=tmp_path, pace="manual")
    await first.start()
    name = (await first.create_batch())["name"]
    await move(first, name, "RUNNING")
    await wait_for_results(first, name, 1)
    await first.post(f"{name}:cancel")
    directory = first.queue.find_directory(first.find_batch(name))
    await first.stop()
    (directory / ".requests.jsonl").write_text("{")
    second = Serving(storage_url, data_dir=tmp_path)
    await second.start()
    assert (await second.finish_batch(name))["state"] == "JOB_STATE_CANCELLED"
    assert not list(directory.glob(".*"))
    await second.stop()


async def test_batches_wait_for_nobody(storage_url: str) -> None:
    """A tuning job that runs keeps none from it, and many run at once, each with its own results."""
    serving = Serving(storage_url, scripted_step_s=0.2)
    await serving.start()
    tuning = await serving.create()
    for n in range(10):
        serving.objects.write(f"gs://{BUCKET}/at-once/{n}.jsonl", format_requests([n, "x"]))
    ended = await asyncio.gather(*(serving.run_batch(uris=[f"gs://{BUCKET}/at-once/{n}.jsonl"]) for n in range(10)))
    assert [list_texts(serving.read_predictions(one)) for one in ended] == [[str(n), "x"] for n in range(10)]
    assert (await serving.get(tuning["name"]))["state"] != "JOB_STATE_SUCCEEDED"
    await serving.stop()


async def test_settings_without_effect_are_noted(waiting: Serving) -> None:
    """They are shown as they were sent, and the journal says that nothing comes of them."""
    made = await waiting.create_batch(
        dedicatedResources={"machineSpec": {"machineType": "n1-standard-4"}, "startingReplicaCount": 1},
        modelParameters={"temperature": 0.5},
    )
    assert made["modelParameters"] == {"temperature": 0.5}
    assert made["dedicatedResources"]["startingReplicaCount"] == 1


async def test_a_refusal_says_where_a_model_is(waiting: Serving) -> None:
    """All that is wrong with a request is said at once."""
    reply = await waiting.ask(
        "POST", f"/v1/{PLACE}/batchPredictionJobs", make_batch(uris=[TRAINING.removeprefix("gs://")], displayName="")
    )
    fields = [one["field"] for one in reply.json["error"]["details"][0]["fieldViolations"]]
    assert fields == ["batch_prediction_job.display_name", "batch_prediction_job.input_config.gcs_source.uris"]

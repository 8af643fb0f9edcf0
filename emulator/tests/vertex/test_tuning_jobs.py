"""Tuning jobs over HTTP: what create echoes, what get adds, what is refused, listing, cancelling."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import date
from typing import Any
from urllib.parse import quote

import pytest

from tests.vertex.serving import BUCKET, FLASH, PLACE, PREFERENCES, TRAINING, VALIDATION, Serving, make_job
from tuning_emulator.facts import vertex_errors

JOB_NAME = re.compile(r"projects/\d{12}/locations/us-central1/tuningJobs/\d{18,19}")


def describe_violations(*pairs: tuple[str, str]) -> str:
    """The message of a request with these violations."""
    listed = "".join(f"\t{n}.Field: {field}; Message: {text}" for n, (field, text) in enumerate(pairs, 1))
    return f"List of found errors:{listed}\t"


async def follow(serving: Serving, name: str, version: str) -> list[Any]:
    """Every different answer of get until the job has ended."""
    seen: list[Any] = []
    for _ in range(400):
        job = await serving.get(name, version)
        if not seen or job != seen[-1]:
            seen.append(job)
        if "endTime" in job:
            return seen
        await asyncio.sleep(0.005)
    raise AssertionError("the job never ended")


async def test_create_echoes_what_was_sent_and_nothing_more(waiting: Serving) -> None:
    """The recorded create answer: these keys in this order, PENDING, two equal times, a project number."""
    job = await waiting.create()
    assert list(job) == [
        *("name", "tunedModelDisplayName", "baseModel", "supervisedTuningSpec"),
        *("state", "createTime", "updateTime"),
    ]
    assert JOB_NAME.fullmatch(job["name"])
    assert re.fullmatch(rf"{re.escape(FLASH)}-[0-9a-f-]{{36}}", job["tunedModelDisplayName"])
    assert job["supervisedTuningSpec"] == {"trainingDatasetUri": TRAINING}
    assert job["state"] == "JOB_STATE_PENDING"
    assert job["createTime"] == job["updateTime"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{6}|\d{3})Z", job["createTime"])


async def test_both_key_styles_strings_for_numbers_enum_numbers_and_nulls_are_read(waiting: Serving) -> None:
    """What the SDKs send: snake_case inside camelCase, int64 as text, adapter size as a number, null for unset."""
    spec = {
        "training_dataset_uri": TRAINING,
        "hyper_parameters": {"epoch_count": "2", "adapterSize": 2, "learningRateMultiplier": 1.5},
        "exportLastCheckpointOnly": True,
    }
    job = await waiting.create(
        supervisedTuningSpec=spec, tunedModelDisplayName="n", labels={"a": "b"}, description=None
    )
    assert job["supervisedTuningSpec"] == {
        "trainingDatasetUri": TRAINING,
        "hyperParameters": {"epochCount": "2", "learningRateMultiplier": 1.5, "adapterSize": "ADAPTER_SIZE_FOUR"},
        "exportLastCheckpointOnly": True,
    }
    assert (job["tunedModelDisplayName"], job["labels"]) == ("n", {"a": "b"})
    record = waiting.find(job["name"])
    assert (record.asked.hyperparameters.epochs, record.asked.hyperparameters.adapter_size) == (2, 4)


async def test_a_finished_job_shows_what_it_left_behind(serving: Serving) -> None:
    """Hyperparameters left open are filled in; model, endpoint, checkpoints, experiment and statistics appear."""
    job = await serving.tune(spec={"validationDatasetUri": VALIDATION, "hyperParameters": {"epochCount": 2}})
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert job["updateTime"] == job["endTime"]
    hyperparameters = job["supervisedTuningSpec"]["hyperParameters"]
    assert hyperparameters["epochCount"] == "2"
    assert hyperparameters["learningRateMultiplier"] == 1
    assert hyperparameters["adapterSize"] == "ADAPTER_SIZE_FOUR"
    place = job["name"].partition("/tuningJobs/")[0]
    tuned = job["tunedModel"]
    assert re.fullmatch(rf"{place}/models/\d{{18,19}}@1", tuned["model"])
    assert [(one["checkpointId"], one["epoch"], one["step"]) for one in tuned["checkpoints"]] == [
        ("1", "1", "4"),
        ("2", "2", "8"),
    ]
    assert tuned["endpoint"] == tuned["checkpoints"][-1]["endpoint"] != tuned["checkpoints"][0]["endpoint"]
    assert re.fullmatch(rf"{place}/metadataStores/default/contexts/tuning-experiment-\d{{20}}", job["experiment"])
    statistics = job["tuningDataStats"]["supervisedTuningDataStats"]
    assert (statistics["tuningDatasetExampleCount"], statistics["tuningStepCount"]) == ("15", "8")
    assert statistics["userMessagePerExampleDistribution"]["sum"] == "30"
    assert statistics["userInputTokenDistribution"]["min"] == 1
    assert "tuningJobMetadata" not in job


async def test_states_follow_the_recorded_order_and_checkpoints_appear_while_running(slow: Serving) -> None:
    """PENDING, RUNNING, SUCCEEDED; endpoints of checkpoints come one by one; the job's own only at the end."""
    created = await slow.create(spec={"hyperParameters": {"epochCount": 3}})
    seen = await follow(slow, created["name"], "v1beta1")
    states = [job["state"] for job in seen]
    assert list(dict.fromkeys(states)) in (
        ["JOB_STATE_PENDING", "JOB_STATE_RUNNING", "JOB_STATE_SUCCEEDED"],
        ["JOB_STATE_RUNNING", "JOB_STATE_SUCCEEDED"],
    )
    running = [job for job in seen if job["state"] == "JOB_STATE_RUNNING"]
    assert {job.get("tuningJobState") for job in running} >= {"TUNING_JOB_STATE_TUNING"}
    assert "tuningJobState" not in seen[-1]
    with_model = [job["tunedModel"] for job in running if "tunedModel" in job]
    assert with_model
    assert all("endpoint" not in tuned for tuned in with_model)
    assert all(one["endpoint"] for tuned in with_model for one in tuned["checkpoints"])
    assert seen[-1]["tuningJobMetadata"] == {"completedEpochCount": "3", "completedStepCount": "12"}


async def test_only_the_last_checkpoint_on_request(serving: Serving) -> None:
    """exportLastCheckpointOnly leaves one checkpoint, which is the job's endpoint."""
    job = await serving.tune(spec={"exportLastCheckpointOnly": True, "hyperParameters": {"epochCount": 4}})
    (only,) = job["tunedModel"]["checkpoints"]
    assert (only["checkpointId"], only["epoch"], only["step"]) == ("1", "4", "15")
    assert job["tunedModel"]["endpoint"] == only["endpoint"]


@pytest.mark.parametrize("base_model", ["gemini-2.5-flash", "gemini-3.5-flash"])
async def test_preference_tuning_reports_its_own_statistics(serving: Serving, base_model: str) -> None:
    """DPO jobs echo beta and print preferenceOptimizationDataStats; on the models that Google's sample has named."""
    spec = {"trainingDatasetUri": PREFERENCES, "hyperParameters": {"epochCount": "1", "beta": 0.2}}
    job = await serving.tune(baseModel=base_model, supervisedTuningSpec=None, preferenceOptimizationSpec=spec)
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    assert job["preferenceOptimizationSpec"]["hyperParameters"]["beta"] == 0.2
    statistics = job["tuningDataStats"]["preferenceOptimizationDataStats"]
    assert statistics["tuningDatasetExampleCount"] == "8"
    assert statistics["scoresDistribution"]["max"] == 1
    assert statistics["userDatasetExamples"][0]["completions"][0]["score"] == 1


@pytest.mark.parametrize(
    ("base_model", "spec", "extra"),
    [
        ("gemini-3.5-flash", {"reinforcementTuningSpec": {"trainingDatasetUri": TRAINING}}, {}),
        ("veo-3.0-generate-001", {"veoTuningSpec": {"trainingDatasetUri": TRAINING}}, {}),
        ("veo-3.0-generate-001", {"veoLoraTuningSpec": {"trainingDatasetUri": TRAINING}}, {}),
        ("claude-3-haiku", {"partnerModelTuningSpec": {"trainingDatasetUri": TRAINING}}, {}),
    ],
)
async def test_what_no_trainer_can_do_fails_and_says_so(
    serving: Serving, base_model: str, spec: dict[str, Any], extra: dict[str, Any]
) -> None:
    """The spec is accepted and echoed; the job fails with UNIMPLEMENTED, never pretends to have succeeded."""
    job = await serving.tune("v1beta1", supervisedTuningSpec=None, baseModel=base_model, **spec, **extra)
    assert job["state"] == "JOB_STATE_FAILED"
    assert job["error"]["code"] == 12
    assert "trainer" in job["error"]["message"]
    assert job[next(iter(spec))] == next(iter(spec.values()))
    assert "tunedModel" not in job


async def test_a_bad_row_beyond_the_first_fails_the_job(serving: Serving) -> None:
    """Only row 0 is looked at synchronously; later rows end in JOB_STATE_FAILED with code 3."""
    good = b'{"contents":[{"role":"user","parts":[{"text":"1"}]},{"role":"model","parts":[{"text":"2"}]}]}\n'
    serving.objects.write(f"gs://{BUCKET}/second.jsonl", good + b'{"input_text":"3"}\n')
    job = await serving.tune(spec={"trainingDatasetUri": f"gs://{BUCKET}/second.jsonl"})
    assert job["state"] == "JOB_STATE_FAILED"
    assert job["error"] == {"code": 3, "message": "Row: 1. Missing required `contents` field."}


# --- continuing


async def test_continuing_a_tuned_model_makes_its_next_version(serving: Serving) -> None:
    """Same display name, next version; base model is only in preTunedModel; both key styles are read."""
    first = await serving.tune(tunedModelDisplayName="numbers")
    name = first["tunedModel"]["model"]
    source = {"checkpoint_id": "1", "tuned_model_name": name}
    job = await serving.tune("v1beta1", baseModel=None, preTunedModel=source)
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    assert job["preTunedModel"] == {"tunedModelName": name, "checkpointId": "1", "baseModel": FLASH}
    assert "baseModel" not in job
    assert job["tunedModelDisplayName"] == "numbers"
    assert job["tunedModel"]["model"] == name.replace("@1", "@2")
    other = await serving.tune(baseModel=None, preTunedModel={"tunedModelName": name}, tunedModelDisplayName="other")
    assert other["tunedModel"]["model"].endswith("@1")
    assert other["tunedModel"]["model"] != name


async def test_continuing_from_what_is_not_there_is_refused(serving: Serving) -> None:
    """An unknown model answers 404; an unknown checkpoint of a known model names those that exist."""
    missing = f"{PLACE}/models/123"
    reply = await serving.refuse(baseModel=None, preTunedModel={"tunedModelName": missing})
    assert (reply.status, reply.message) == (404, f'model "{missing}" not found')
    first = await serving.tune(spec={"hyperParameters": {"epochCount": 1}})
    source = {"tunedModelName": first["tunedModel"]["model"], "checkpointId": "7"}
    reply = await serving.refuse(baseModel=None, preTunedModel=source)
    assert (reply.status, reply.message) == (400, 'Checkpoint "7" does not exist; the model has: 1.')


# --- refusing


async def test_unusable_uris_are_refused_as_recorded(waiting: Serving) -> None:
    """Word for word github.com/GoogleCloudPlatform/generative-ai/issues/2081, details included."""
    spec = {"trainingDatasetUri": "train.jsonl", "validationDatasetUri": "/tmp/validation.jsonl"}
    reply = await waiting.refuse(spec=spec)
    fields = [f"tuning_job.supervised_tuning_spec.{name}_dataset_uri" for name in ("training", "validation")]
    texts = [f"{name}_dataset_uri should be a GCS object of type JSONL." for name in ("training", "validation")]
    pairs = list(zip(fields, texts, strict=True))
    assert reply.json == {
        "error": {
            "code": 400,
            "message": describe_violations(*pairs),
            "status": "INVALID_ARGUMENT",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.BadRequest",
                    "fieldViolations": [{"field": field, "description": text} for field, text in pairs],
                }
            ],
        }
    }


REQUIRED = "Required field is not set."
_SPEC = "tuning_job.supervised_tuning_spec"


@pytest.mark.parametrize(
    ("fields", "violations"),
    [
        ({"baseModel": None}, [("tuning_job.base_model", REQUIRED)]),
        ({"supervisedTuningSpec": None}, [("tuning_job.tuning_spec", REQUIRED)]),
        ({"supervisedTuningSpec": {}}, [(f"{_SPEC}.training_dataset_uri", REQUIRED)]),
        (
            {"baseModel": None, "preTunedModel": {}},
            [("tuning_job.pre_tuned_model.tuned_model_name", REQUIRED)],
        ),
        (
            {"spec": {"trainingDatasetUri": "gs://numbers/nothing.jsonl"}},
            [(f"{_SPEC}.training_dataset_uri", "training_dataset_uri should be a GCS object of type JSONL.")],
        ),
        (
            {"spec": {"hyperParameters": {"epochCount": -1, "learningRateMultiplier": -0.5}}},
            [
                (f"{_SPEC}.hyper_parameters.epoch_count", "epoch_count must be positive, but is -1."),
                (
                    f"{_SPEC}.hyper_parameters.learning_rate_multiplier",
                    "learning_rate_multiplier must be positive, but is -0.5.",
                ),
            ],
        ),
        (
            {"spec": {"hyperParameters": {"learningRateMultiplier": "Infinity"}}},
            [
                (
                    f"{_SPEC}.hyper_parameters.learning_rate_multiplier",
                    "learning_rate_multiplier must be positive, but is inf.",
                )
            ],
        ),
        (
            {"tunedModelDisplayName": "x" * 129},
            [
                (
                    "tuning_job.tuned_model_display_name",
                    "The display name must be at most 128 characters long.",
                )
            ],
        ),
        (
            {"labels": {"Team": "one"}},
            [
                (
                    "tuning_job.labels",
                    vertex_errors.LABEL_INVALID.text,
                )
            ],
        ),
    ],
)
async def test_violations_are_listed_with_their_fields(
    waiting: Serving, fields: dict[str, Any], violations: list[tuple[str, str]]
) -> None:
    """One sample for each row of the rules of create."""
    reply = await waiting.refuse(**fields)
    assert (reply.status, reply.message) == (400, describe_violations(*violations))
    details = reply.json["error"]["details"][0]["fieldViolations"]
    assert [(one["field"], one["description"]) for one in details] == violations


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"baseModel": "gemini-9"}, "Base model gemini-9 is not supported."),
        (
            {"baseModel": "gemini-1.5-pro-002", "spec": {"hyperParameters": {"adapterSize": "ADAPTER_SIZE_EIGHT"}}},
            "The adapter size is not supported for this base model.",
        ),
        (
            {"baseModel": "translation-llm-002", "place": "projects/p/locations/asia-east1"},
            "Base model translation-llm-002 cannot be tuned in asia-east1. The supported regions are: us-central1.",
        ),
    ],
)
async def test_the_base_model_and_the_adapter_size_are_refused_alone(
    waiting: Serving, fields: dict[str, Any], message: str
) -> None:
    """These have no field in the recorded answers."""
    place = fields.pop("place", PLACE)
    reply = await waiting.ask("POST", f"/v1/{place}/tuningJobs", make_job(**fields))
    assert (reply.status, reply.message) == (400, message)
    assert "details" not in reply.json["error"]


async def test_the_first_row_is_checked_before_the_answer(waiting: Serving) -> None:
    """The text that was reported for lines of the old form."""
    waiting.objects.write(f"gs://{BUCKET}/old.jsonl", b'{"input_text": "1", "output_text": "2"}\n')
    reply = await waiting.refuse(spec={"trainingDatasetUri": f"gs://{BUCKET}/old.jsonl"})
    assert (reply.status, reply.message) == (400, "Row: 0. Missing required `contents` field.")


@pytest.mark.parametrize(
    ("name", "data", "said", "hint"),
    [
        ("chat.jsonl", b'{"messages": [{"role": "user", "content": "1"}]}\n', "Missing required", "OpenAI chat"),
        ("rows.json", b'[\n {"contents": []}\n]\n', "Malformed JSON", "a JSON array"),
        ("rows.csv", b"question,answer\n1,2\n", "Malformed JSON", "CSV with the columns question, answer"),
    ],
)
async def test_a_dataset_of_another_kind_is_named_in_a_hint_alone(
    name: str, data: bytes, said: str, hint: str, waiting: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer stays the service's; the log has what the file is, once, with the command that converts it."""
    waiting.objects.write(f"gs://{BUCKET}/{name}", data)
    with caplog.at_level(logging.WARNING):
        reply = await waiting.refuse(spec={"trainingDatasetUri": f"gs://{BUCKET}/{name}"})
    assert reply.message.startswith(f"Row: 0. {said}")
    (record,) = [one for one in caplog.records if hint in one.getMessage()]
    assert f"tuning-emulator convert {name} " in record.getMessage()
    assert "tuning-emulator" not in reply.text


async def test_fields_of_v1beta1_are_unknown_in_v1(waiting: Serving) -> None:
    """v1 has no batch size."""
    reply = await waiting.refuse(spec={"hyperParameters": {"batchSize": 4}})
    assert reply.status == 400
    assert "Unknown name \"batchSize\" at 'tuning_job.supervised_tuning_spec.hyper_parameters'" in reply.message
    fields = {"baseModel": "google/gemma4@gemma-4-e2b-it", "outputUri": f"gs://{BUCKET}/out"}
    accepted = await waiting.create("v1beta1", spec={"hyperParameters": {"batchSize": 4}}, **fields)
    assert accepted["supervisedTuningSpec"]["hyperParameters"] == {"batchSize": "4"}


async def test_retired_base_models_are_served_unless_a_day_is_given(storage_url: str) -> None:
    """The lenient default is why people run this; with a day the service answers as it did then."""
    lenient = Serving(storage_url)
    assert (await lenient.create(baseModel="gemini-1.5-pro-002"))["state"] == "JOB_STATE_PENDING"
    strict = Serving(storage_url, as_of={"*": date(2026, 9, 1)})
    reply = await strict.refuse(baseModel="gemini-1.5-pro-002")
    assert reply.message == "Base model gemini-1.5-pro-002 is not supported."
    assert (await strict.create(baseModel=FLASH))["state"] == "JOB_STATE_PENDING"


async def test_base_models_that_were_not_there_yet(storage_url: str) -> None:
    """In 2024 Gemini 2.5 could neither be tuned nor asked, nor was it listed; 1.5 could."""
    early = Serving(storage_url, as_of={"*": date(2024, 12, 1)})
    reply = await early.refuse(baseModel=FLASH)
    assert reply.message == f"Base model {FLASH} is not supported."
    assert (await early.create(baseModel="gemini-1.5-pro-002"))["state"] == "JOB_STATE_PENDING"
    model = f"{PLACE}/publishers/google/models/{FLASH}"
    said = await early.ask(
        "POST", f"/v1/{model}:countTokens", {"contents": [{"role": "user", "parts": [{"text": "a"}]}]}
    )
    assert said.status == 404
    listed = (await early.get("publishers/google/models", "v1beta1"))["publisherModels"]
    names = {one["name"].rpartition("/")[2] for one in listed}
    assert ("gemini-1.5-pro-002" in names, FLASH in names) == (True, False)


# --- listing, getting, cancelling


async def test_jobs_are_listed_newest_first_page_by_page(waiting: Serving) -> None:
    """Pages end without a token; a token continues its own query only; an empty place is {}."""
    names = [(await waiting.create())["name"] for _ in range(5)]
    first = await waiting.get(f"{PLACE}/tuningJobs", query="pageSize=2")
    assert [job["name"] for job in first["tuningJobs"]] == names[:2:-1]
    token = first["nextPageToken"]
    second = await waiting.get(f"{PLACE}/tuningJobs", query=f"pageSize=2&pageToken={token}")
    third = await waiting.get(f"{PLACE}/tuningJobs", query=f"pageSize=2&pageToken={second['nextPageToken']}")
    assert [job["name"] for job in third["tuningJobs"]] == names[:1]
    assert "nextPageToken" not in third
    assert (await waiting.get("projects/other/locations/us-central1/tuningJobs")) == {}
    stale = await waiting.ask("GET", "/v1/projects/other/locations/us-central1/tuningJobs", query=f"pageToken={token}")
    assert stale.status == 400


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('state="JOB_STATE_SUCCEEDED"', ["one"]),
        ('state="JOB_STATE_FAILED"', []),
        ("labels.team:*", ["two", "one"]),
        ('labels.team="b" OR tunedModelDisplayName="three"', ["three", "two"]),
        ('NOT labels.team:* AND create_time>"2020-01-01T00:00:00Z"', ["three"]),
    ],
)
async def test_lists_are_filtered(serving: Serving, text: str, found: list[str]) -> None:
    """The filters that public scripts send, over the fields as they are printed."""
    await serving.tune(tunedModelDisplayName="one", labels={"team": "a"})
    await serving.queue.stop()
    await serving.create(tunedModelDisplayName="two", labels={"team": "b"})
    await serving.create(tunedModelDisplayName="three")
    listed = await serving.get(f"{PLACE}/tuningJobs", query=f"filter={quote(text)}")
    assert [job["tunedModelDisplayName"] for job in listed.get("tuningJobs", [])] == found


async def test_cancelling_a_running_job_ends_it_with_code_1(slow: Serving) -> None:
    """{} at once, CANCELLING or CANCELLED next, and the documented error at the end; an empty body is taken."""
    created = await slow.create(spec={"hyperParameters": {"epochCount": 100}})
    reply = await slow.ask("POST", f"/v1/{created['name']}:cancel")
    assert (reply.status, reply.json) == (200, {})
    await slow.finish(created["name"])
    job = await slow.get(created["name"])
    assert job["state"] == "JOB_STATE_CANCELLED"
    assert job["error"]["code"] == 1
    assert job["endTime"] == job["updateTime"]
    again = await slow.ask("POST", f"/v1/{created['name']}:cancel", {})
    assert (again.status, again.json["error"]["status"]) == (400, "FAILED_PRECONDITION")


async def test_an_unknown_job_is_not_found(waiting: Serving) -> None:
    """Get and cancel alike."""
    for verb, suffix in (("GET", ""), ("POST", ":cancel")):
        reply = await waiting.ask(verb, f"/v1/{PLACE}/tuningJobs/123{suffix}")
        assert (reply.status, reply.message) == (404, "The TuningJob does not exist.")


async def test_there_is_no_delete_and_no_patch(waiting: Serving) -> None:
    """The service has neither method: its 404 page."""
    name = (await waiting.create())["name"]
    for verb in ("DELETE", "PATCH"):
        assert (await waiting.ask(verb, f"/v1/{name}")).status == 404


async def test_the_second_job_of_a_project_waits_for_the_first(slow: Serving) -> None:
    """The documented quota of one: the other stays PENDING, it is not refused."""
    first = await slow.create(spec={"hyperParameters": {"epochCount": 100}})
    second = await slow.create(spec={"hyperParameters": {"epochCount": 1}})
    await asyncio.sleep(0.1)
    assert (await slow.get(second["name"]))["state"] == "JOB_STATE_PENDING"
    await slow.ask("POST", f"/v1/{first['name']}:cancel")
    assert (await slow.finish(second["name"])).progress.state == "SUCCEEDED"


async def test_the_newest_family_leaves_its_models_in_a_multi_region(serving: Serving) -> None:
    """A gemini-3.5-flash job of europe-west4 has its model and endpoints in eu."""
    job = await serving.tune(place="projects/p/locations/europe-west4", baseModel="gemini-3.5-flash")
    assert "/locations/europe-west4/" in job["name"]
    assert "/locations/eu/models/" in job["tunedModel"]["model"]
    assert await serving.say(job["tunedModel"]["endpoint"], "3") == "4"


FILTERS = {
    'state="JOB_STATE_SUCCEEDED"': "abc",
    "state=JOB_STATE_FAILED": "",
    "tunedModelDisplayName=a": "a",
    'tuned_model_display_name="b" AND state="JOB_STATE_SUCCEEDED"': "b",
    "labels.team=red": "ab",
    'labels.team="red" AND tunedModelDisplayName="c"': "",
    "labels.team=blue": "c",
    'labels.team="red" OR labels.team="blue"': "abc",
    'NOT (state="JOB_STATE_FAILED" AND labels.team="red" AND state="JOB_STATE_FAILED")': "abc",
    '-tunedModelDisplayName="a" AND labels.team="red"': "b",
    'tunedModelDisplayName="x AND labels.team=red AND y" OR labels.team="blue"': "c",
    "labels.team:*": "abc",
    'labels.team="re*"': "ab",
    "NOT labels.team=red": "c",
}


async def test_filters_that_an_index_knows_find_what_the_others_do(serving: Serving) -> None:
    """Equalities outermost in the filter are looked up; wherever they stand the answer is the filter's."""
    for name, team in (("a", "red"), ("b", "red"), ("c", "blue")):
        await serving.tune(tunedModelDisplayName=name, labels={"team": team})
    await serving.tune(place=PLACE.replace("my-project", "other"), tunedModelDisplayName="a", labels={"team": "red"})
    for text, wanted in FILTERS.items():
        page = await serving.get(f"{PLACE}/tuningJobs", query=f"filter={quote(text)}")
        found = "".join(sorted(job["tunedModelDisplayName"] for job in page.get("tuningJobs", [])))
        assert found == wanted, text
    first = await serving.get(f"{PLACE}/tuningJobs", query="pageSize=1&filter=labels.team%3Dred")
    token = first["nextPageToken"]
    rest = await serving.get(f"{PLACE}/tuningJobs", query=f"pageSize=1&filter=labels.team%3Dred&pageToken={token}")
    names = [page["tuningJobs"][0]["tunedModelDisplayName"] for page in (first, rest)]
    assert (names, rest.get("nextPageToken")) == (["b", "a"], None)

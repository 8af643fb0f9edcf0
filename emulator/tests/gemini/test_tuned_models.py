"""Tuned models as recorded: create, get, list, update, delete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.gemini.serving import FLASH, Serving, make_model
from tests.models import PAIRS
from tuning_emulator.core.clock import ManualClock

CREATE_TIME_NS = 1_710_429_080_123_456_789


async def test_create_answers_an_unfinished_operation(waiting: Serving) -> None:
    """Recorded: no `done`, metadata of @type, totalSteps and tunedModel in this order."""
    reply = await waiting.ask("POST", "/v1beta/tunedModels", make_model(hyperparameters={"batchSize": 4}))
    name = reply.json["metadata"]["tunedModel"]
    operation = reply.json["name"].rpartition("/")[2]
    assert reply.text == (
        "{\n"
        f'  "name": "{name}/operations/{operation}",\n'
        '  "metadata": {\n'
        '    "@type": "type.googleapis.com/google.ai.generativelanguage.v1beta.CreateTunedModelMetadata",\n'
        '    "totalSteps": 19,\n'
        f'    "tunedModel": "{name}"\n'
        "  }\n"
        "}\n"
    )
    assert re.fullmatch(r"[0-9a-z]{12}", operation)
    assert re.fullmatch(r"tunedModels/number-generator-[0-9a-z]{23}", name)


@pytest.mark.parametrize(
    ("epochs", "batch", "steps"),
    [(5, 2, 38), (5, 4, 19), (3, 2, 23), (3, 4, 12), (50, 4, 188), (100, 4, 375)],
)
async def test_total_steps(waiting: Serving, epochs: int, batch: int, steps: int) -> None:
    """Recorded: ceil(15 · epochs / batch)."""
    body = make_model(hyperparameters={"epochCount": epochs, "batchSize": batch})
    reply = await waiting.ask("POST", "/v1beta/tunedModels", body)
    assert reply.json["metadata"]["totalSteps"] == steps


async def test_creating_model_has_no_snapshots_and_no_training_data() -> None:
    """Recorded for a model in its first moments: no startTime yet, times equal, six digits, nothing of the data."""
    serving = Serving(clock=ManualClock(CREATE_TIME_NS))
    name = await serving.create(finish=False)
    reply = await serving.ask("GET", f"/v1beta/{name}")
    await serving.stop()
    assert list(reply.json.items()) == [
        ("name", name),
        ("baseModel", FLASH),
        ("displayName", "number generator"),
        ("state", "CREATING"),
        ("createTime", "2024-03-14T15:11:20.123456Z"),
        ("updateTime", "2024-03-14T15:11:20.123456Z"),
        ("tuningTask", {"hyperparameters": {"epochCount": 5, "batchSize": 4, "learningRate": 0.001}}),
        ("temperature", 1),
        ("topP", 0.95),
        ("topK", 64),
    ]


async def test_active_model_has_a_snapshot_for_each_step(serving: Serving) -> None:
    """Recorded: steps from 1, epoch = floor(step · batch / examples) and absent while 0, complete = update time."""
    name = await serving.create(hyperparameters={"batchSize": 2})
    model = (await serving.ask("GET", f"/v1beta/{name}")).json
    task = model["tuningTask"]
    assert model["state"] == "ACTIVE"
    assert [snapshot["step"] for snapshot in task["snapshots"]] == list(range(1, 39))
    assert [snapshot.get("epoch") for snapshot in task["snapshots"]] == [
        step * 2 // 15 or None for step in range(1, 39)
    ]
    assert list(task) == ["startTime", "completeTime", "snapshots", "hyperparameters"]
    assert task["completeTime"] == model["updateTime"]
    assert list(task["snapshots"][-1]) == ["step", "epoch", "meanLoss", "computeTime"]


async def test_running_model_keeps_its_update_time(slow: Serving) -> None:
    """Recorded: createTime == updateTime until the end; a start time appears."""
    name = await slow.create(finish=False)
    operation = f"/v1/{(await slow.ask('GET', f'/v1beta/{name}/operations')).json['operations'][0]['name']}"
    while "completedSteps" not in (await slow.ask("GET", operation)).json["metadata"]:
        await slow.queue.wait_until_ended(1, timeout_s=0.05)
    model = (await slow.ask("GET", f"/v1beta/{name}")).json
    assert model["state"] == "CREATING"
    assert model["createTime"] == model["updateTime"]
    assert "startTime" in model["tuningTask"]
    assert "completeTime" not in model["tuningTask"]


@pytest.mark.parametrize(
    ("base", "echoed"),
    [
        ("models/text-bison-001", {"temperature": 0.7, "topP": 0.95, "topK": 40}),
        ("models/gemini-1.0-pro-001", {"temperature": 0.9, "topP": 1, "topK": 0}),
        (FLASH, {"temperature": 1, "topP": 0.95, "topK": 64}),
    ],
)
async def test_defaults_of_the_base_model_are_echoed(waiting: Serving, base: str, echoed: dict[str, float]) -> None:
    """Recorded per base model; a base without topK makes a tuned model that prints 0."""
    name = await waiting.create(baseModel=base, finish=False)
    model = (await waiting.ask("GET", f"/v1beta/{name}")).json
    assert {key: model[key] for key in echoed} == echoed


async def test_given_sampling_and_readers_are_echoed(waiting: Serving) -> None:
    """Fields of the request win over the base model's; project numbers are int64, printed as strings."""
    name = await waiting.create(finish=False, temperature=0.25, topP=0.5, topK=7, readerProjectNumbers=["12", 34])
    model = (await waiting.ask("GET", f"/v1beta/{name}")).json
    assert [model[key] for key in ("temperature", "topP", "topK")] == [0.25, 0.5, 7]
    assert model["readerProjectNumbers"] == ["12", "34"]


async def test_learning_rate_multiplier_is_echoed_and_multiplies(waiting: Serving) -> None:
    """The two members of the oneof never print together; the job uses multiplier · default."""
    name = await waiting.create(finish=False, hyperparameters={"learningRateMultiplier": 0.5})
    model = (await waiting.ask("GET", f"/v1beta/{name}")).json
    assert model["tuningTask"]["hyperparameters"] == {"epochCount": 5, "batchSize": 4, "learningRateMultiplier": 0.5}
    job = waiting.store.get_tuned_model(name.removeprefix("tunedModels/"))
    assert job is not None
    assert job.asked.hyperparameters.learning_rate == pytest.approx(0.0005)


async def test_the_job_trains_with_what_it_echoes(serving: Serving) -> None:
    """Resolved hyperparameters equal the echoed ones; the multiplier is not applied twice."""
    name = await serving.create(hyperparameters={"learningRateMultiplier": 0.5, "epochCount": 3})
    job = await serving.finish(name)
    assert job.progress.resolved is not None
    assert (job.progress.resolved.epochs, job.progress.resolved.batch_size) == (3, 4)
    assert job.progress.resolved.learning_rate == pytest.approx(0.0005)


async def test_published_request_with_trailing_commas_and_snake_case(waiting: Serving) -> None:
    """Google's own sample has trailing commas and snake_case keys and is accepted (recorded)."""
    body = b"""
      {
        "display_name": "number generator model",
        "base_model": "models/gemini-1.0-pro-001",
        "tuning_task": {
          "hyperparameters": { "batch_size": 2, "learning_rate": 0.001, "epoch_count":5, },
          "training_data": { "examples": { "examples": [
                { "text_input": "1", "output": "2", },{ "text_input": "3", "output": "4", },
          ] } }
        }
      }"""
    reply = await waiting.ask("POST", "/v1beta/tunedModels", body)
    assert (reply.status, reply.json["metadata"]["totalSteps"]) == (200, 5)


async def test_own_id_is_used_and_no_display_name_appears(waiting: Serving) -> None:
    """Recorded: with tunedModelId the id is used as it is and displayName stays absent."""
    name = await waiting.create(finish=False, displayName=None, query="tunedModelId=generate-num-8122")
    assert name == "tunedModels/generate-num-8122"
    assert "displayName" not in (await waiting.ask("GET", f"/v1beta/{name}")).json


async def test_a_taken_id(waiting: Serving) -> None:
    """Ids are global: 409 to their owner, 403 with the bare id and a final dot to a stranger (recorded)."""
    await waiting.create(finish=False, query="tunedModelId=taken")
    own = await waiting.ask("POST", "/v1beta/tunedModels", make_model(), query="tunedModelId=taken")
    assert (own.status, own.message) == (409, "Tuned model tunedModels/taken already exists.")
    other = await waiting.ask("POST", "/v1beta/tunedModels", make_model(), query="tunedModelId=taken", token="b@x.org")
    assert (other.status, other.message) == (403, "You do not have permission to access tuned model taken.")
    assert len(waiting.store.list_tuned_models_oldest_first(0, 10)) == 1


async def test_the_version_in_types(waiting: Serving) -> None:
    """v1 has no types of its own for tuning: operations read through it carry v1beta's (recorded)."""
    for version, named in (("v1", "v1beta"), ("v1beta", "v1beta"), ("v1alpha", "v1alpha")):
        reply = await waiting.ask("POST", f"/{version}/tunedModels", make_model())
        assert f"generativelanguage.{named}.CreateTunedModelMetadata" in reply.json["metadata"]["@type"]


async def test_multiturn_examples_are_accepted(serving: Serving) -> None:
    """v1alpha's examples become conversations with a system text."""
    conversation = {
        "systemInstruction": {"parts": [{"text": "Be short."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "a"}]},
            {"role": "model", "parts": [{"text": "b"}]},
        ],
    }
    task = {"trainingData": {"examples": {"multiturnExamples": [conversation]}}}
    name = await serving.create(tuningTask=task)
    job = await serving.finish(name)
    assert serving.store.get_inline_dataset(job.uid) == (
        '{"turns": [{"role": "user", "text": "a"}, {"role": "model", "text": "b"}], "system": "Be short."}'
    )


async def test_tuning_a_tuned_model(serving: Serving) -> None:
    """Recorded in 2023: tunedModelSource stands in place of baseModel and names both."""
    first = await serving.create()
    second = await serving.create(baseModel=None, tunedModelSource={"tunedModel": first})
    model = (await serving.ask("GET", f"/v1beta/{second}")).json
    assert list(model)[:3] == ["name", "tunedModelSource", "displayName"]
    assert model["tunedModelSource"] == {"tunedModel": first, "baseModel": FLASH}


async def test_default_dataset_stands_in_for_missing_examples(tmp_path: Path) -> None:
    """What google-genai 1.47 and newer send has no examples; a set of one's own makes it train."""
    file = tmp_path / "examples.jsonl"
    file.write_text('{"text_input": "a", "output": "b"}\n{"textInput": "c", "output": "d"}\n')
    serving = Serving(default_dataset=file)
    reply = await serving.ask("POST", "/v1/tunedModels", {"baseModel": FLASH, "displayName": "x"})
    await serving.stop()
    assert (reply.status, reply.json["metadata"]["totalSteps"]) == (200, 3)


async def test_missing_examples_are_refused(waiting: Serving) -> None:
    """Without a set of one's own the answer names the field."""
    reply = await waiting.ask("POST", "/v1/tunedModels", {"baseModel": FLASH, "displayName": "x"})
    assert reply.status == 400
    assert "tuned_model.tuning_task.training_data: training_data is not specified" in reply.message


# --- list


async def test_an_empty_list_is_an_empty_object(waiting: Serving) -> None:
    """Nothing to list prints nothing."""
    assert (await waiting.ask("GET", "/v1beta/tunedModels")).text == "{}\n"


async def test_list_is_oldest_first_in_pages_of_ten(waiting: Serving) -> None:
    """Recorded order; ten by default; the last page has no token."""
    names = [await waiting.create(finish=False, displayName=f"model {number}") for number in range(12)]
    first = (await waiting.ask("GET", "/v1beta/tunedModels")).json
    assert [model["name"] for model in first["tunedModels"]] == names[:10]
    rest = (await waiting.ask("GET", "/v1beta/tunedModels", query=f"pageToken={first['nextPageToken']}")).json
    assert [model["name"] for model in rest["tunedModels"]] == names[10:]
    assert "nextPageToken" not in rest


async def test_list_sizes_and_tokens(waiting: Serving) -> None:
    """A huge size is cut, a negative one refused; a token is good for its own query alone."""
    for number in range(3):
        await waiting.create(finish=False, displayName=f"model {number}")
    assert len((await waiting.ask("GET", "/v1beta/tunedModels", query="pageSize=100000")).json["tunedModels"]) == 3
    assert (await waiting.ask("GET", "/v1beta/tunedModels", query="pageSize=-1")).status == 400
    token = (await waiting.ask("GET", "/v1beta/tunedModels", query="pageSize=1")).json["nextPageToken"]
    other = await waiting.ask("GET", "/v1beta/tunedModels", query=f"pageSize=1&filter=owner:me&pageToken={token}")
    assert other.status == 400


async def test_filter(waiting: Serving) -> None:
    """Words are looked for in name and description; operators say whose models."""
    mine = await waiting.create(finish=False, displayName="Squirrel one")
    read = await waiting.create(finish=False, displayName="b", description="of squirrels", token="b@x.org")
    open_to_all = await waiting.create(finish=False, displayName="open", token="b@x.org")
    await waiting.create(finish=False, displayName="hidden", token="b@x.org")
    owner = {"granteeType": "USER", "emailAddress": "owner@example.com", "role": "READER"}
    await waiting.ask("POST", f"/v1beta/{read}/permissions", owner, token="b@x.org")
    await waiting.ask(
        "POST", f"/v1beta/{open_to_all}/permissions", {"granteeType": "EVERYONE", "role": "READER"}, token="b@x.org"
    )

    async def listed(text: str) -> list[str]:
        reply = await waiting.ask("GET", "/v1beta/tunedModels", query=f"filter={text}")
        return [model["name"] for model in reply.json.get("tunedModels", [])]

    assert await listed("") == [mine, read]
    assert await listed("squirrel") == [mine, read]
    assert await listed("owner:me") == [mine]
    assert await listed("readers:me") == [read]
    assert await listed("writers:me") == []
    assert await listed("readers:everyone") == [open_to_all]
    assert await listed("owner:me%20one") == [mine]
    bad = await waiting.ask("GET", "/v1beta/tunedModels", query="filter=owner:you")
    assert (bad.status, "owner:you" in bad.message) == (400, True)


# --- update and delete


async def test_update_answers_the_masked_fields_alone(serving: Serving) -> None:
    """Recorded: updateMask=displayName,description echoes those two; the update time stays."""
    name = await serving.create()
    before = (await serving.ask("GET", f"/v1beta/{name}")).json
    body = {"displayName": "Sentence Translator", "description": "My next sequence predictor"}
    reply = await serving.ask("PATCH", f"/v1beta/{name}", body, query="updateMask=displayName,description")
    assert reply.text == (
        '{\n  "displayName": "Sentence Translator",\n  "description": "My next sequence predictor"\n}\n'
    )
    after = (await serving.ask("GET", f"/v1beta/{name}")).json
    assert after == {**before, **body}


async def test_update_without_mask_takes_the_fields_of_the_body(waiting: Serving) -> None:
    """What google-genai sends (recorded to work)."""
    name = await waiting.create(finish=False)
    reply = await waiting.ask("PATCH", f"/v1/{name}", {"description": "mine"})
    assert reply.json == {"description": "mine"}
    model = (await waiting.ask("GET", f"/v1beta/{name}")).json
    assert (model["description"], model["displayName"]) == ("mine", "number generator")


async def test_update_with_the_whole_model_changes_masked_fields_alone(waiting: Serving) -> None:
    """What google-generativeai sends: everything it read, enums as numbers, and a mask."""
    name = await waiting.create(finish=False)
    body = (await waiting.ask("GET", f"/v1beta/{name}")).json | {"state": 2, "description": "d", "topK": 3}
    reply = await waiting.ask("PATCH", f"/v1beta/{name}", body, query="updateMask=description,state")
    assert reply.json == {"description": "d"}
    assert (await waiting.ask("GET", f"/v1beta/{name}")).json["topK"] == 64


async def test_update_clears_a_masked_field_that_the_body_has_not(waiting: Serving) -> None:
    """google.aip.dev/134."""
    name = await waiting.create(finish=False, description="d")
    reply = await waiting.ask("PATCH", f"/v1beta/{name}", {}, query="updateMask=description")
    assert reply.json == {}
    assert "description" not in (await waiting.ask("GET", f"/v1beta/{name}")).json


@pytest.mark.parametrize("path", ["tuningTask.hyperparameters.epochCount", "baseModel", "colour"])
async def test_update_refuses_what_cannot_change(waiting: Serving, path: str) -> None:
    """Immutable and unknown fields in a mask change nothing."""
    name = await waiting.create(finish=False)
    reply = await waiting.ask("PATCH", f"/v1beta/{name}", {"description": "d"}, query=f"updateMask=description,{path}")
    assert reply.status == 400
    assert "description" not in (await waiting.ask("GET", f"/v1beta/{name}")).json


async def test_delete(serving: Serving) -> None:
    """Recorded: {} and then 404 without details; the id is free again."""
    name = await serving.create(query="tunedModelId=mine")
    assert (await serving.ask("DELETE", f"/v1beta/{name}")).text == "{}\n"
    gone = await serving.ask("GET", f"/v1beta/{name}")
    assert gone.json["error"] == {
        "code": 404,
        "message": "Tuned model tunedModels/mine does not exist.",
        "status": "NOT_FOUND",
    }
    assert await serving.create(query="tunedModelId=mine") == name


async def test_delete_while_creating_stops_the_job(slow: Serving) -> None:
    """Nothing of it is left, and the next job runs."""
    name = await slow.create(finish=False)
    assert (await slow.ask("DELETE", f"/v1beta/{name}")).status == 200
    assert slow.store.list_unfinished_jobs() == []
    next_name = await slow.create(hyperparameters={"epochCount": 1})
    assert (await slow.ask("GET", f"/v1beta/{next_name}")).json["state"] == "ACTIVE"


async def test_four_megabytes_are_the_limit(waiting: Serving) -> None:
    """Documented: 4 MB of training data."""
    body = make_model(pairs=[("x" * 30_000, "y")] * 150)
    reply = await waiting.ask("POST", "/v1beta/tunedModels", body)
    assert (reply.status, reply.message) == (400, "Request payload size exceeds the limit: 4194304 bytes.")


def test_the_sample_has_fifteen_pairs() -> None:
    """The step counts above rest on it."""
    assert len(PAIRS) == 15

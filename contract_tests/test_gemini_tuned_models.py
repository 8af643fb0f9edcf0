"""``tunedModels``: create, get, list, update, delete, as the Gemini API answered."""

from __future__ import annotations

from math import ceil
from typing import Any

import pytest

from contract_tests.contract import Contract
from contract_tests.exchange import Recording
from contract_tests.situations import STRANGER, moment, recorded_model, tuned_model

EXAMPLES = 15


def read_body(recordings: dict[str, Recording], name: str) -> Any:
    """A recorded body."""
    return recordings[name].answer.body


@pytest.mark.parametrize(
    ("name", "epochs", "batch_size"),
    [("create_rest_sample", 5, 2), ("create_python_requests", 5, 4), ("create_palm", 3, 2)],
)
async def test_create(contract: Contract, name: str, epochs: int, batch_size: int) -> None:
    """An operation that is not done, with the steps to come; Google's own sample has trailing commas."""
    await contract.given(moment("2024-03-14T15:11:00Z"))
    answer = (await contract.play(name)).same_body()
    assert list(answer.json) == ["name", "metadata"]
    assert answer.json["metadata"]["totalSteps"] == ceil(EXAMPLES * epochs / batch_size)
    assert answer.json["name"].startswith(answer.json["metadata"]["tunedModel"] + "/operations/")


async def test_create_with_long_name(contract: Contract) -> None:
    """The id is the name and random characters, 40 at most."""
    await contract.given(moment("2024-08-11T14:32:35Z"))
    answer = (await contract.play("create_with_long_name")).same_answer()
    assert len(answer.json["metadata"]["tunedModel"].removeprefix("tunedModels/")) == 40


@pytest.mark.parametrize("name", ["get_creating_palm", "get_creating_flash"])
async def test_get_while_creating(contract: Contract, recordings: dict[str, Recording], name: str) -> None:
    """No snapshots yet, no complete time, never the training data; the update time is the create time."""
    await contract.given(recorded_model(read_body(recordings, name)))
    answer = (await contract.play(name)).same_body()
    assert answer.json["createTime"] == answer.json["updateTime"]
    assert {"snapshots", "completeTime", "trainingData"}.isdisjoint(answer.json["tuningTask"])


async def test_get_running_as_genai_shows_it(contract: Contract, recordings: dict[str, Recording]) -> None:
    """What google-genai printed of a job that runs."""
    await contract.given(recorded_model(read_body(recordings, "get_running_genai")))
    (await contract.play("get_running_genai")).same_parts()


async def test_get_tuned_further(contract: Contract) -> None:
    """A model tuned from a tuned model names both it and its base model, in one field."""
    await contract.given(
        tuned_model(id="generate-num-2500", base_model="text-bison-001", source_model="tunedModels/generate-num-4110")
    )
    answer = (await contract.play("get_tuned_further")).same_parts()
    assert "baseModel" not in answer.json


async def test_get_active(contract: Contract, recordings: dict[str, Recording]) -> None:
    """The whole model with a snapshot for each step, byte for byte; the epoch follows from step and batch size."""
    await contract.given(recorded_model(read_body(recordings, "get_active")))
    answer = (await contract.play("get_active")).same_answer().same_bytes()
    task = answer.json["tuningTask"]
    assert [one["step"] for one in task["snapshots"]] == list(range(1, 39))
    assert [one.get("epoch", 0) for one in task["snapshots"]] == [step * 2 // EXAMPLES for step in range(1, 39)]
    assert task["completeTime"] == answer.json["updateTime"]


async def test_list_of_one(contract: Contract, recordings: dict[str, Recording]) -> None:
    """Whole models, snapshots and all; no page token on the last page."""
    await contract.given(recorded_model(read_body(recordings, "list_one")["tunedModels"][0]))
    answer = (await contract.play("list_one")).same_answer().same_bytes()
    assert list(answer.json) == ["tunedModels"]


async def test_list_of_two(contract: Contract, recordings: dict[str, Recording]) -> None:
    """The older model first."""
    for model in read_body(recordings, "list_two")["tunedModels"]:
        await contract.given(recorded_model(model))
    answer = (await contract.play("list_two")).same_parts()
    times = [one["createTime"] for one in answer.json["tunedModels"]]
    assert times == sorted(times)


async def test_description_of_studio(contract: Contract, recordings: dict[str, Recording]) -> None:
    """A description that is JSON itself comes back as it was."""
    description = read_body(recordings, "get_made_in_studio")["description"]
    await contract.given(tuned_model(id="my-display-name-81-9wpmc1m920vq", description=description))
    (await contract.play("get_made_in_studio")).same_parts()


@pytest.mark.parametrize(
    ("name", "identifier"),
    [("patch_names", "number-generator-100-7gs9fa0sjx6i"), ("patch_description_palm", "generate-num-4110")],
)
async def test_patch(contract: Contract, name: str, identifier: str) -> None:
    """Only what the mask names comes back."""
    await contract.given(tuned_model(id=identifier, display_name="Number Generator 100"))
    answer = (await contract.play(name)).same_answer()
    assert "name" not in answer.json


async def test_delete(contract: Contract) -> None:
    """An empty message."""
    await contract.given(tuned_model(id="next-number-generator-m1lwcujgc644"))
    (await contract.play("delete")).same_answer().same_bytes()


@pytest.mark.parametrize("name", ["get_deleted", "get_deleted_genai"])
async def test_get_deleted(contract: Contract, name: str) -> None:
    """What is not there does not exist; no details."""
    (await contract.play(name)).same_error()


async def test_create_id_of_stranger(contract: Contract) -> None:
    """Ids are global: one that a stranger took is refused without saying that it is taken."""
    await contract.given(tuned_model(id="generate-num-4879", owner=STRANGER))
    (await contract.play("create_id_of_stranger")).same_error()


async def test_create_with_too_long_a_name(contract: Contract) -> None:
    """More than 40 characters; the text does not say so."""
    (await contract.play("create_with_too_long_a_name")).same_message()

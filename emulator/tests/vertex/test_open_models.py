"""Open models of the Model Garden: their names, where they are tuned, their data, and how it is packed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.vertex.serving import BUCKET, Serving

GEMMA = "google/gemma4@gemma-4-e2b-it"
TRAIN, CHECK = f"gs://{BUCKET}/open.jsonl", f"gs://{BUCKET}/open-check.jsonl"
FIELDS = {"baseModel": GEMMA, "outputUri": f"gs://{BUCKET}/out"}


def lines(count: int, words: int = 1, form: str = "contents") -> bytes:
    """So many examples with so many words on either side."""
    text = " ".join(["one"] * words)
    turns = {"contents": [{"role": role, "parts": [{"text": text}]} for role in ("user", "model")]}
    messages = {"messages": [{"role": role, "content": text} for role in ("user", "assistant")]}
    return (json.dumps(turns if form == "contents" else messages) + "\n").encode() * count


async def tune(serving: Serving, **fields: Any) -> Any:
    """A job at its end."""
    spec = {"trainingDatasetUri": TRAIN, **fields.pop("spec", {})}
    return await serving.tune("v1beta1", spec=spec, **{**FIELDS, **fields})


@pytest.mark.parametrize("name", ["google/gemma3@gemma-3-4b-it", "publishers/google/models/gemma3@gemma-3-4b-it"])
async def test_both_forms_of_a_name_are_one_model(serving: Serving, name: str) -> None:
    """Echoed as they were sent."""
    serving.objects.write(TRAIN, lines(4))
    job = await tune(serving, baseModel=name)
    assert (job["baseModel"], job["state"]) == (name, "JOB_STATE_SUCCEEDED")


async def test_global_is_a_router(serving: Serving) -> None:
    """The job stays in global; its model, endpoint and experiment are in a region."""
    serving.objects.write(TRAIN, lines(4))
    job = await tune(serving, place="projects/my-project/locations/global")
    assert "/locations/global/tuningJobs/" in job["name"]
    assert "/locations/us-central1/models/" in job["tunedModel"]["model"]


async def test_assistant_is_a_role_of_messages_alone(serving: Serving) -> None:
    """Under contents it is refused in the recorded words, though the documentation shows it."""
    serving.objects.write(TRAIN, lines(4, form="messages"))
    assert (await tune(serving))["state"] == "JOB_STATE_SUCCEEDED"
    wrong = lines(1) + lines(1).replace(b'"model"', b'"assistant"')
    serving.objects.write(TRAIN, wrong)
    job = await tune(serving)
    assert job["error"] == {"code": 3, "message": "Supported roles are: user, model, function."}


@pytest.mark.parametrize(
    ("count", "words", "asked", "steps"),
    [
        (20, 5, {"epochCount": "3"}, 3),  # all examples fit into one step: one an epoch
        (2000, 50, {"epochCount": "2"}, 4),  # 160,000 tokens; 131,072 go into a step
        (2000, 50, {"epochCount": "1", "batchSize": "4"}, 5),  # four sequences of 8,192 a step
    ],
)
async def test_examples_are_packed(serving: Serving, count: int, words: int, asked: dict[str, Any], steps: int) -> None:
    """Steps are counted in tokens, not in examples (recorded: 903 examples, one step an epoch)."""
    serving.objects.write(TRAIN, lines(count, words))
    job = await tune(serving, spec={"hyperParameters": asked})
    stats = job["tuningDataStats"]["supervisedTuningDataStats"]
    assert int(stats["tuningStepCount"]) == steps


@pytest.mark.parametrize(("count", "state"), [(5, "SUCCEEDED"), (6, "FAILED")])
async def test_a_validation_file_has_a_quarter_of_the_bytes_at_most(serving: Serving, count: int, state: str) -> None:
    """Bytes, not examples."""
    serving.objects.write(TRAIN, lines(20))
    serving.objects.write(CHECK, lines(count))
    job = await tune(serving, spec={"validationDatasetUri": CHECK})
    assert job["state"] == f"JOB_STATE_{state}"
    if state == "FAILED":
        whole = len(lines(20))
        text = f"The validation dataset has {whole * 6 // 20} bytes; at most {whole // 4} are allowed for this"
        assert job["error"]["message"].startswith(text)

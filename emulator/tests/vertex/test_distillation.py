"""Distillation jobs, and what a job with an ``outputUri`` leaves in its bucket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from tests.vertex.serving import BUCKET, FLASH, PLACE, TRAINING, VALIDATION, Serving
from tuning_emulator.jobs.lora import missing_packages

PROMPTS = f"gs://{BUCKET}/prompts.jsonl"
OUTPUT = f"gs://{BUCKET}/out/"
QWEN = "qwen/qwen3@qwen3-32b"
SEEN = range(30, 60)


def format_prompts(texts: list[str]) -> bytes:
    """JSON lines without answers."""
    return "".join(json.dumps({"contents": [{"role": "user", "parts": [{"text": t}]}]}) + "\n" for t in texts).encode()


def spec_of(**fields: Any) -> dict[str, Any]:
    """Fields of a create that asks for distillation."""
    spec = {"promptDatasetUri": PROMPTS, "baseTeacherModel": "gemini-3.1-pro", **fields}
    return {"supervisedTuningSpec": None, "distillationSpec": {k: v for k, v in spec.items() if v is not None}}


@pytest.fixture
async def real(storage_url: str) -> AsyncIterator[Serving]:
    """An API that trains on this machine."""
    one = Serving(storage_url, trainer="lora")
    one.objects.write(PROMPTS, format_prompts([str(n) for n in SEEN]))
    await one.start()
    yield one
    await one.stop()


lora = pytest.mark.skipif(bool(missing_packages()), reason=f"lora needs {', '.join(missing_packages())}")


@lora
@pytest.mark.lora
async def test_a_student_learns_what_its_teacher_was_tuned_to(real: Serving) -> None:
    """The teacher counts, its student is shown prompts alone and counts afterwards, which its base does not."""
    teacher = await real.tune(spec={"hyperParameters": {"epochCount": 5}})
    model = teacher["tunedModel"]["model"]
    spec = spec_of(baseTeacherModel=None, tunedTeacherModelSource=model, hyperParameters={"epochCount": "5"})
    job = await real.tune("v1beta1", **spec)
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    assert job["distillationSpec"]["hyperParameters"]["epochCount"] == "5"
    statistics = job["tuningDataStats"]["distillationDataStats"]["trainingDatasetStats"]
    assert statistics["tuningDatasetExampleCount"] == "30"
    assert int(statistics["tuningStepCount"]) == job_steps(job) == 38
    said = [await real.say(job["tunedModel"]["endpoint"], str(n)) for n in range(61, 71)]
    taught = [await real.say(teacher["tunedModel"]["endpoint"], str(n)) for n in range(61, 71)]
    assert sum(one == other for one, other in zip(said, taught, strict=True)) >= 8
    base = [await real.say(f"{PLACE}/publishers/google/models/{FLASH}", str(n)) for n in range(61, 71)]
    assert base != said
    shown = statistics["userDatasetExamples"][1]
    assert shown == {"role": "model", "parts": [{"text": await real.say(teacher["tunedModel"]["endpoint"], "30")}]}


def job_steps(job: dict[str, Any]) -> int:
    """The step of the last checkpoint."""
    return int(job["tunedModel"]["checkpoints"][-1]["step"])


@lora
@pytest.mark.lora
async def test_results_lie_in_the_bucket_of_the_output(real: Serving, storage_url: str, tmp_path: Path) -> None:
    """An open model's adapter, labelled dataset and loss curve, read by the storage client; TensorBoard's format."""
    from tests.test_tensorboard import event_class, read_records  # loads torch

    job = await real.tune("v1beta1", baseModel=QWEN, outputUri=OUTPUT, **spec_of())
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    options = {"api_endpoint": storage_url}
    client: Any = storage.Client(project="p", credentials=AnonymousCredentials(), client_options=options)  # type: ignore[no-untyped-call]
    bucket = client.bucket(BUCKET)
    names = {blob.name for blob in client.list_blobs(BUCKET, prefix="out/")}
    final = "out/postprocess/node-0/checkpoints/final"
    assert {f"{final}/adapter_model.safetensors", f"{final}/adapter_config.json"} <= names
    labelled = bucket.blob("out/distillation_labelled_dataset.jsonl").download_as_text().splitlines()
    assert [json.loads(line)["contents"][0]["parts"][0]["text"] for line in labelled] == [str(n) for n in SEEN]
    assert job["gcsMetricsUri"].startswith(OUTPUT)
    folder = job["gcsMetricsUri"].removeprefix(f"gs://{BUCKET}/")
    (name,) = [name for name in names if name.startswith(folder)]
    assert name.removeprefix(folder).startswith("events.out.tfevents.")
    (tmp_path / "events").write_bytes(bucket.blob(name).download_as_bytes())
    first, *events = [event_class().FromString(record) for record in read_records(tmp_path / "events")]
    assert first.file_version == "brain.Event:2"
    tags = {value.tag for event in events for value in event.summary.value}
    assert "/train_total_loss" in tags
    assert max(event.step for event in events) == job_steps(job)


async def test_a_job_without_an_output_has_no_metrics_there(serving: Serving) -> None:
    """Gemini models have no outputUri: neither the field nor anything in a bucket of the caller."""
    assert "gcsMetricsUri" not in await serving.tune("v1beta1")


async def test_the_scripted_trainer_is_taught_too(serving: Serving) -> None:
    """Its base model repeats what it is told, so that is what the student is shown; a validation set has answers."""
    serving.objects.write(PROMPTS, format_prompts(["one", "two", "three"]))
    spec = spec_of(validationDatasetUri=VALIDATION)
    job = await serving.tune("v1beta1", **spec)
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    assert await serving.say(job["tunedModel"]["endpoint"], "two") == "two"
    shown = job["tuningDataStats"]["distillationDataStats"]["trainingDatasetStats"]["userDatasetExamples"]
    assert [one["parts"][0]["text"] for one in shown] == ["one", "one", "two", "two", "three", "three"]


async def test_an_older_training_set_loses_its_answers(serving: Serving) -> None:
    """``trainingDatasetUri`` is deprecated; the teacher's answers replace the ones in it."""
    job = await serving.tune("v1beta1", **spec_of(promptDatasetUri=None, trainingDatasetUri=TRAINING))
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    assert await serving.say(job["tunedModel"]["endpoint"], "7") == "7"


@pytest.mark.parametrize(
    ("spec", "status", "text"),
    [
        ({"baseTeacherModel": None}, 400, "Required field is not set."),
        ({"baseTeacherModel": None, "tunedTeacherModelSource": f"{PLACE}/models/1"}, 404, "models/1"),
        ({"promptDatasetUri": f"gs://{BUCKET}/nothing.jsonl"}, 400, "prompt_dataset_uri"),
    ],
)
async def test_what_create_refuses(serving: Serving, spec: dict[str, Any], status: int, text: str) -> None:
    serving.objects.write(PROMPTS, format_prompts(["one"]))
    reply = await serving.refuse("v1beta1", **spec_of(**spec))
    assert (reply.status, text in reply.text) == (status, True), reply.text


async def test_a_bad_prompt_is_named_by_its_row(serving: Serving) -> None:
    """Row 0 at once, a later one as the job's error."""
    serving.objects.write(PROMPTS, b'{"text": "one"}\n')
    assert "Row: 0" in (await serving.refuse("v1beta1", **spec_of())).message
    serving.objects.write(PROMPTS, format_prompts(["one"]) + b"{}\n")
    job = await serving.tune("v1beta1", **spec_of())
    assert job["error"] == {"code": 3, "message": "Row: 1. Missing required `contents` field."}

"""The official clients, unmodified, against a server of its own: google-cloud-storage uploads, google-genai tunes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.cached import LONG, WORDS
from tests.server_process import running_server
from tests.vertex.serving import BUCKET, FLASH, TRAINING, format_examples

genai = pytest.importorskip("google.genai", reason="the official client is not installed: tuning-emulator[demo]")
anonymous = pytest.importorskip("google.auth.credentials")
fixed = pytest.importorskip("google.oauth2.credentials")
storage = pytest.importorskip("google.cloud.storage", reason="the official client is not installed: [demo]")


@pytest.fixture(scope="module")
def server(process: None) -> Iterator[dict[str, str]]:
    """The command line's server on free ports, and the variables that it prints."""
    with running_server("--trainer", "scripted", "--scripted-step-s", "0.02") as running:
        yield running.environment


@pytest.fixture(scope="module")
def client(server: dict[str, str]) -> Any:
    """google-genai in Vertex mode, with the dataset uploaded by google-cloud-storage."""
    options = {"api_endpoint": server["STORAGE_EMULATOR_HOST"]}
    uploader = storage.Client(
        project="my-project", credentials=anonymous.AnonymousCredentials(), client_options=options
    )
    uploader.create_bucket(BUCKET).blob("train.jsonl").upload_from_string(format_examples(range(1, 16)))
    return genai.Client(
        vertexai=True,
        project="my-project",
        location="us-central1",
        credentials=fixed.Credentials("token"),
        http_options={"base_url": server["GOOGLE_VERTEX_BASE_URL"]},
    )


def follow(client: Any, job: Any) -> Any:
    """The job at its end; bounded."""
    for _ in range(200):
        job = client.tunings.get(name=job.name)
        if job.has_ended:
            return job
        time.sleep(0.05)
    raise AssertionError(f"{job.name} is {job.state} for ever")


@pytest.fixture(scope="module")
def tuned(client: Any) -> Any:
    """A tuned model's job."""
    config = {"tuned_model_display_name": "numbers", "epoch_count": 2, "adapter_size": "ADAPTER_SIZE_FOUR"}
    job = client.tunings.tune(base_model=FLASH, training_dataset={"gcs_uri": TRAINING}, config=config)
    assert job.state.name == "JOB_STATE_PENDING"
    ended = follow(client, job)
    assert ended.state.name == "JOB_STATE_SUCCEEDED", ended
    return ended


def test_a_tuned_model_answers_what_it_was_tuned_on(client: Any, tuned: Any) -> None:
    """tunings.tune, tunings.get, models.generate_content and its stream through the job's endpoint."""
    endpoint = tuned.tuned_model.endpoint
    assert client.models.generate_content(model=endpoint, contents="3").text == "4"
    stream = client.models.generate_content_stream(model=endpoint, contents="3")
    assert "".join(chunk.text or "" for chunk in stream) == "4"
    assert client.models.count_tokens(model=endpoint, contents="3").total_tokens > 0


def test_every_checkpoint_answers(client: Any, tuned: Any) -> None:
    """Each has an endpoint of its own."""
    assert [(one.checkpoint_id, one.epoch, one.step) for one in tuned.tuned_model.checkpoints] == [
        ("1", 1, 4),
        ("2", 2, 8),
    ]
    for one in tuned.tuned_model.checkpoints:
        assert client.models.generate_content(model=one.endpoint, contents="5").text == "6"


def test_jobs_and_tuned_models_are_listed(client: Any, tuned: Any) -> None:
    """tunings.list follows pages; models.list(query_base=False) asks for labels.tune-type:*."""
    listed = [job.name for job in client.tunings.list(config={"page_size": 1})]
    assert tuned.name in listed
    found = [job.name for job in client.tunings.list(config={"filter": 'state="JOB_STATE_SUCCEEDED"'})]
    assert tuned.name in found
    models = list(client.models.list(config={"query_base": False}))
    infos = {model.name: model.tuned_model_info for model in models}
    name = tuned.tuned_model.model.partition("@")[0]
    assert infos[name].base_model == "gemini-2_5-flash"
    assert any(model.name.endswith(FLASH) for model in client.models.list())


def test_the_default_checkpoint_is_changed_and_the_model_continued(client: Any, tuned: Any) -> None:
    """models.update moves the job's endpoint; tune(base_model=<model>) makes version 2."""
    name = tuned.tuned_model.model
    client.models.update(model=name, config={"default_checkpoint_id": "1"})
    moved = client.tunings.get(name=tuned.name)
    assert moved.tuned_model.endpoint == tuned.tuned_model.checkpoints[0].endpoint
    # A dict would lose the checkpoint: the client asks the config for an attribute.
    config = genai.types.CreateTuningJobConfig(pre_tuned_model_checkpoint_id="2", epoch_count=1)
    job = client.tunings.tune(base_model=name, training_dataset={"gcs_uri": TRAINING}, config=config)
    ended = follow(client, job)
    assert ended.tuned_model.model == name.replace("@1", "@2")
    assert ended.pre_tuned_model.checkpoint_id == "2"


def test_the_client_raises_the_service_s_errors(client: Any) -> None:
    """ClientError with code, status and the recorded message."""
    from google.genai.errors import ClientError

    with pytest.raises(ClientError) as caught:
        client.tunings.tune(base_model=FLASH, training_dataset={"gcs_uri": "gs://numbers/nothing.jsonl"})
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert "training_dataset_uri should be a GCS object of type JSONL." in str(caught.value)


def test_a_job_is_cancelled(client: Any) -> None:
    """tunings.cancel sends an empty body; the job ends with the documented code."""
    job = client.tunings.tune(base_model=FLASH, training_dataset={"gcs_uri": TRAINING}, config={"epoch_count": 1000})
    client.tunings.cancel(name=job.name)
    ended = follow(client, job)
    assert ended.state.name == "JOB_STATE_CANCELLED"
    assert ended.error.code == 1


def test_caches(client: Any) -> None:
    """create → get → list → update → ask → delete; names go whole and by their last part."""
    made = client.caches.create(model=FLASH, config={"contents": LONG, "system_instruction": "Be short."})
    assert made.usage_metadata.total_token_count > WORDS
    assert client.caches.get(name=made.name.rpartition("/")[2]) == made
    assert made.name in [one.name for one in client.caches.list()]
    moment = made.create_time + timedelta(hours=3)
    assert client.caches.update(name=made.name, config={"expire_time": moment}).expire_time == moment
    asked = client.models.generate_content(model=FLASH, contents="one", config={"cached_content": made.name})
    assert asked.usage_metadata.cached_content_token_count == made.usage_metadata.total_token_count
    client.caches.delete(name=made.name)
    with pytest.raises(genai.errors.ClientError, match="Invalid resource state for cache content"):
        client.models.generate_content(model=FLASH, contents="one", config={"cached_content": made.name})

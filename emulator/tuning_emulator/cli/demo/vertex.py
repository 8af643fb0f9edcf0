"""Flow 2: Vertex AI with Google's own clients, unmodified: google-cloud-storage and google-genai."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import Any

from google import genai
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.genai import types
from google.oauth2.credentials import Credentials

from tuning_emulator.cli.demo.gemini import LIMIT_S, POLL_S, Report, TuningFailedError
from tuning_emulator.cli.demo.task import EPOCHS, format_vertex_dataset
from tuning_emulator.testing.client import Control

PROJECT, LOCATION = "demo-project", "us-central1"
BASE_MODEL = "gemini-3.5-flash"
BUCKET, OBJECT = "demo-datasets", "next-number/train.jsonl"
GREEDY = types.GenerateContentConfig(temperature=0, max_output_tokens=32)


def upload_dataset(storage_url: str) -> str:
    """Makes a bucket and puts the training set there; answers its gs:// address."""
    anonymous = AnonymousCredentials()  # type: ignore[no-untyped-call]
    client = storage.Client(project=PROJECT, credentials=anonymous, client_options={"api_endpoint": storage_url})
    bucket = client.create_bucket(BUCKET)
    bucket.blob(OBJECT).upload_from_string(format_vertex_dataset(), content_type="application/jsonl")
    return f"gs://{BUCKET}/{OBJECT}"


def connect(url: str) -> genai.Client:
    """The client as for the real service, with another base URL and a token that nobody checks."""
    return genai.Client(
        vertexai=True,
        project=PROJECT,
        location=LOCATION,
        credentials=Credentials("demo"),  # type: ignore[no-untyped-call]
        http_options=types.HttpOptions(base_url=url),
    )


def create(client: genai.Client, dataset: str) -> types.TuningJob:
    """Starts the tuning job; batch size and learning rate are the service's own."""
    config = types.CreateTuningJobConfig(tuned_model_display_name="next number", epoch_count=EPOCHS)
    data = types.TuningDataset(gcs_uri=dataset)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The SDK's tuning implementation is experimental")
        job: types.TuningJob = client.tunings.tune(base_model=BASE_MODEL, training_dataset=data, config=config)
    return job


def follow(client: genai.Client, job: types.TuningJob, control: Control, report: Report) -> types.TuningJob:
    """Polls the job to its end; how far it is, the emulator's own API says: Vertex AI keeps losses in TensorBoard.

    Raises:
        TuningFailedError: it failed, was cancelled, or did not end.
    """
    assert job.name is not None
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        job = client.tunings.get(name=job.name or "")
        seen = control.jobs.get(job.name or "")
        losses = [point["loss"] for point in seen["metrics"] if point["kind"] == "train"]
        report(seen["completed_steps"], seen["total_steps"], losses)
        if job.has_ended:
            break
        time.sleep(POLL_S)
    if not job.has_succeeded:
        raise TuningFailedError(f"{job.name}: {job.state}: {job.error.message if job.error else 'no error given'}")
    return job


def describe_checkpoints(job: types.TuningJob) -> Sequence[Any]:
    """The checkpoints that the job left behind."""
    return (job.tuned_model.checkpoints if job.tuned_model else None) or []


def ask(client: genai.Client, model: str, prompt: str) -> str:
    """`generate_content`: the answer's text."""
    return client.models.generate_content(model=model, contents=prompt, config=GREEDY).text or ""

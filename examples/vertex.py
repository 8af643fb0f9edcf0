"""What these examples have in common: a Vertex AI client that finds the emulator, and a small job."""

from __future__ import annotations

import warnings

from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

from tuning_emulator.testing.fixtures import TestEmulator

PAIRS = [(str(number), str(number + 1)) for number in range(1, 13)]


def create_client(emulator: TestEmulator) -> genai.Client:
    """A client as the program under test would make it; only the credentials are not real."""
    credentials = Credentials(emulator.api_key)  # type: ignore[no-untyped-call]
    return genai.Client(vertexai=True, project=emulator.project, location=emulator.location, credentials=credentials)


def start_job(client: genai.Client, emulator: TestEmulator, title: str = "numbers") -> str:
    """Name of a new tuning job."""
    assert emulator.buckets is not None
    uri = emulator.buckets.upload_pairs(emulator.bucket, "train.jsonl", PAIRS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # google-genai calls tuning experimental
        job = client.tunings.tune(
            base_model="gemini-3.5-flash",
            training_dataset=types.TuningDataset(gcs_uri=uri),
            config=types.CreateTuningJobConfig(tuned_model_display_name=title, epoch_count=3),
        )
    assert isinstance(job.name, str)
    return job.name

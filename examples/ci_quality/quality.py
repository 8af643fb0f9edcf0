"""What a project has anyway: how it tunes, and how it measures the result."""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

from google import genai
from google.cloud import storage
from google.genai import types

BASE_MODEL = "gemini-3.5-flash"
EPOCHS = 5
POLL_S = 0.2
GREEDY = types.GenerateContentConfig(temperature=0, max_output_tokens=32)


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt and the answer that is wanted."""

    prompt: str
    wanted: str


def load_pairs(path: Path) -> list[Pair]:
    """Lines of a Vertex AI dataset with one question and one answer each."""
    turns = [json.loads(line)["contents"] for line in path.read_text("utf-8").splitlines()]
    return [Pair(user["parts"][0]["text"], model["parts"][0]["text"]) for user, model in turns]


def upload(path: Path, project: str, bucket: str) -> str:
    """Puts the dataset where the service reads it; its gs:// address."""
    place = storage.Client(project=project).bucket(bucket)
    if not place.exists():
        place.create()
    place.blob(path.name).upload_from_filename(str(path))
    return f"gs://{bucket}/{path.name}"


def tune(client: genai.Client, dataset: str, epochs: int = EPOCHS) -> str:
    """Runs a tuning job to its end; the endpoint of the tuned model.

    Raises:
        RuntimeError: the job did not succeed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # google-genai calls tuning experimental
        job = client.tunings.tune(
            base_model=BASE_MODEL,
            training_dataset=types.TuningDataset(gcs_uri=dataset),
            config=types.CreateTuningJobConfig(epoch_count=epochs),
        )
    while not job.has_ended:
        time.sleep(POLL_S)
        job = client.tunings.get(name=job.name or "")
    if not job.has_succeeded or job.tuned_model is None:
        raise RuntimeError(f"{job.name}: {job.state}: {job.error.message if job.error else 'no reason given'}")
    return job.tuned_model.endpoint or ""


def count_right(client: genai.Client, model: str, pairs: list[Pair]) -> int:
    """How many prompts are answered exactly as wanted."""
    answers = [client.models.generate_content(model=model, contents=pair.prompt, config=GREEDY).text for pair in pairs]
    return sum((answer or "").strip() == pair.wanted for answer, pair in zip(answers, pairs, strict=True))

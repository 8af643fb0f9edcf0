"""A server with something of everything to look at: jobs that were asked for by clients, with requests and trouble."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx
from msgspec import Struct

from tuning_emulator.testing.client import Control

PROJECT = "numbers-demo"
BUCKET = "numbers"
TRAIN_URI = "gs://numbers/train.jsonl"
PLACE = f"projects/{PROJECT}/locations/us-central1"
KEY = {"x-goog-api-key": f"projects/{PROJECT}"}
TOKEN = {"authorization": f"Bearer projects/{PROJECT}"}
WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
TRAIN = [(str(n), str(n + 1)) for n in range(1, 60, 2)] + [(WORDS[n], WORDS[n + 1]) for n in range(0, 14, 2)]
VALIDATION = [(str(n), str(n + 1)) for n in range(2, 14, 2)] + [("two", "three"), ("eight", "nine"), ("317", "318")]


class Seeded(Struct, frozen=True):
    """What there is. ``job``: of Vertex AI, with a validation set; ``model``: of the Gemini API."""

    url: str
    job: str
    model: str

    def address(self, screen: str) -> str:
        """A screen, with what it is about."""
        return f"job?name={self.job}" if screen == "job" else screen


def format_lines(pairs: Iterable[tuple[str, str]]) -> str:
    """A data set of Vertex AI."""
    turns = ([("user", given), ("model", wanted)] for given, wanted in pairs)
    rows = ({"contents": [{"role": role, "parts": [{"text": text}]} for role, text in one]} for one in turns)
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def upload(client: httpx.Client, name: str, content: str) -> None:
    """An object of the bucket."""
    path = f"/upload/storage/v1/b/{BUCKET}/o"
    client.post(path, params={"uploadType": "media", "name": name}, content=content.encode(), headers=TOKEN)


def create_job(client: httpx.Client, name: str = "next number", epochs: int = 4, **fields: Any) -> str:
    """A job of Vertex AI on the uploaded sets; its name, "" where it is refused."""
    spec = {
        "trainingDatasetUri": TRAIN_URI,
        "validationDatasetUri": "gs://numbers/validation.jsonl",
        "hyperParameters": {"epochCount": str(epochs)},
    }
    body = {"baseModel": "gemini-2.5-flash", "tunedModelDisplayName": name, "supervisedTuningSpec": spec, **fields}
    answer = client.post(f"/v1/{PLACE}/tuningJobs", json=body, headers=TOKEN)
    return str(answer.json().get("name", ""))


def create_model(client: httpx.Client, identifier: str = "next-number", name: str = "next number") -> str:
    """A tuned model of the Gemini API; its name."""
    examples = [{"text_input": given, "output": wanted} for given, wanted in TRAIN]
    steps = {"epoch_count": 4, "batch_size": 4}
    task = {"hyperparameters": steps, "training_data": {"examples": {"examples": examples}}}
    body = {"display_name": name, "base_model": "models/gemini-1.5-flash-001-tuning", "tuning_task": task}
    path = f"/v1beta/tunedModels?tunedModelId={identifier}"
    client.post(path, json=body, headers=KEY).raise_for_status()
    return f"tunedModels/{identifier}"


def seed(url: str) -> Seeded:
    """Two jobs that have ended, some requests that were refused, faults and paces in force."""
    control = Control(url)
    with httpx.Client(base_url=url, timeout=60) as client:
        client.post("/storage/v1/b", params={"project": PROJECT}, json={"name": BUCKET}, headers=TOKEN)
        upload(client, "train.jsonl", format_lines(TRAIN))
        upload(client, "validation.jsonl", format_lines(VALIDATION))
        model = create_model(client)
        job = create_job(client)
        for name in (model, job):
            control.jobs.wait(name)
        refused = {"hyperParameters": {"adapterSize": "ADAPTER_SIZE_THIRTY_TWO"}}
        create_job(client, "too large", supervisedTuningSpec={"trainingDatasetUri": TRAIN_URI, **refused})
        client.post(f"/v1/{PLACE}/tuningJob", json={}, headers=TOKEN)
        client.get("/v1beta/tunedModels/next-numbre", headers=KEY)
        control.faults.add(method="GetTunedModel", code="UNAVAILABLE", nth=[1, 3], project="other")
        control.faults.add(name="overloaded", project="other", times=2)
        control.job_faults.add(kind="internal_error", at=5, project="nightly", jobs=2)
        Control(url, "nightly").pace.set("polls:2")
        Control(url, "before").as_of.set("2024-08-01")
        ask(client, "models/gemini-1.5-flash-001-tuning", "41")
        ask(client, model, "41")
    return Seeded(url, job, model)


def ask(client: httpx.Client, model: str, prompt: str) -> None:
    """One prompt."""
    body = {"contents": [{"role": "user", "parts": [{"text": prompt}]}]}
    client.post(f"/v1beta/{model}:generateContent", json=body, headers=KEY).raise_for_status()

"""Vertex AI of an emulator in this process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.serving import AppServing, Reply
from tuning_emulator.core.clock import SteerableClock
from tuning_emulator.core.records import BatchJob, TuningJob
from tuning_emulator.storage.objects import HttpObjectStore

BUCKET = "numbers"
PLACE = "projects/my-project/locations/us-central1"
TRAINING = f"gs://{BUCKET}/train.jsonl"
VALIDATION = f"gs://{BUCKET}/validation.jsonl"
PREFERENCES = f"gs://{BUCKET}/preferences.jsonl"
REQUESTS = f"gs://{BUCKET}/requests.jsonl"
PREDICTIONS = f"gs://{BUCKET}/predictions"
FLASH = "gemini-2.5-flash"


class Serving(AppServing):
    """The API with everything behind it."""

    def __init__(self, storage_url: str, clock: SteerableClock | None = None, **settings: Any) -> None:
        super().__init__("vertex", clock, storage=storage_url, **settings)
        self.objects = HttpObjectStore(storage_url)

    async def ask(self, verb: str, path: str, body: Any = None, *, query: str = "", host: str = "localhost") -> Reply:
        """One request; ``body`` is a JSON value."""
        return await self.send(verb, path, body, query, {"authorization": "Bearer token", "host": host})

    async def get(self, name: str, version: str = "v1", query: str = "") -> Any:
        """A resource that is there."""
        reply = await self.ask("GET", f"/{version}/{name}", query=query)
        assert reply.status == 200, reply.text
        return reply.json

    async def post(self, path: str, body: Any = None, version: str = "v1") -> Any:
        """A request that is granted."""
        reply = await self.ask("POST", f"/{version}/{path}", {} if body is None else body)
        assert reply.status == 200, reply.text
        return reply.json

    async def create(self, version: str = "v1", place: str = PLACE, **fields: Any) -> Any:
        """The answer to a create that is granted."""
        return await self.post(f"{place}/tuningJobs", make_job(**fields), version)

    async def tune(self, version: str = "v1", place: str = PLACE, **fields: Any) -> Any:
        """A job at its end, as get shows it."""
        created = await self.create(version, place, **fields)
        await self.finish(created["name"])
        return await self.get(created["name"], version)

    async def refuse(self, version: str = "v1", **fields: Any) -> Reply:
        """The answer to a create that is refused; nothing was stored."""
        before = self.store.count_jobs_by_state()
        reply = await self.ask("POST", f"/{version}/{PLACE}/tuningJobs", make_job(**fields))
        assert reply.status != 200, reply.text
        assert self.store.count_jobs_by_state() == before
        return reply

    async def finish(self, name: str) -> TuningJob:
        """The record of a job at its end."""
        ended = await self.queue.wait_until_ended(self.find(name).uid, timeout_s=60)
        assert isinstance(ended, TuningJob)
        return ended

    def find(self, name: str) -> TuningJob:
        """The record of a job."""
        _, project, _, location, _, identifier = name.split("/")
        job = self.store.get_job("vertex", project, location, identifier)
        assert job is not None
        return job

    async def create_batch(self, version: str = "v1", place: str = PLACE, **fields: Any) -> Any:
        """The answer to a batch that is granted."""
        return await self.post(f"{place}/batchPredictionJobs", make_batch(**fields), version)

    async def run_batch(self, version: str = "v1", place: str = PLACE, **fields: Any) -> Any:
        """A batch at its end, as get shows it."""
        created = await self.create_batch(version, place, **fields)
        return await self.finish_batch(created["name"], version)

    async def finish_batch(self, name: str, version: str = "v1") -> Any:
        """The same, of one that is there."""
        await self.queue.wait_until_ended(self.find_batch(name).uid, timeout_s=60)
        return await self.get(name, version)

    def find_batch(self, name: str) -> BatchJob:
        """The record of a batch."""
        _, project, _, location, _, identifier = name.split("/")
        job = self.store.get_batch("vertex_batch", project, location, identifier)
        assert job is not None
        return job

    def read_predictions(self, batch: Any) -> list[Any]:
        """The results that a batch says it has written."""
        uri = f"{batch['outputInfo']['gcsOutputDirectory']}/predictions.jsonl"
        return [json.loads(line) for line in self.objects.lines(uri)]

    async def say(self, model: str, text: str, **fields: Any) -> str:
        """What a model answers."""
        body = {"contents": [{"role": "user", "parts": [{"text": text}]}], **fields}
        reply = await self.post(f"{model}:generateContent", body)
        return str(reply["candidates"][0]["content"]["parts"][0]["text"])


def make_job(**fields: Any) -> dict[str, Any]:
    """The body of a create; ``spec`` are fields of its supervised spec, a field that is None is left out."""
    spec = {"trainingDatasetUri": TRAINING, **fields.pop("spec", {})}
    job = {"baseModel": FLASH, "supervisedTuningSpec": spec, **fields}
    return {name: value for name, value in job.items() if value is not None}


def make_batch(uris: Sequence[str] = (REQUESTS,), output: str = PREDICTIONS, **fields: Any) -> dict[str, Any]:
    """The body of a create of a batch; a field that is None is left out."""
    batch = {
        "displayName": "batch",
        "model": f"publishers/google/models/{FLASH}",
        "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": list(uris)}},
        "outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": output}},
        **fields,
    }
    return {name: value for name, value in batch.items() if value is not None}


def format_requests(texts: Sequence[object], **fields: Any) -> bytes:
    """JSON lines for a batch: a request for each text."""
    asked = [{"contents": [{"role": "user", "parts": [{"text": str(text)}]}], **fields} for text in texts]
    return "".join(json.dumps({"request": one}) + "\n" for one in asked).encode()


def format_examples(numbers: Sequence[int]) -> bytes:
    """JSON lines: each number and the next."""
    lines = [
        {
            "contents": [
                {"role": "user", "parts": [{"text": str(n)}]},
                {"role": "model", "parts": [{"text": str(n + 1)}]},
            ]
        }
        for n in numbers
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def format_preferences(numbers: Sequence[int]) -> bytes:
    """JSON lines: each number, with the next as preferred and itself as dispreferred."""
    lines = [
        {
            "contents": [{"role": "user", "parts": [{"text": str(n)}]}],
            "completions": [
                {"score": score, "completion": {"role": "model", "parts": [{"text": str(n + score)}]}}
                for score in (1, 0)
            ],
        }
        for n in numbers
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()

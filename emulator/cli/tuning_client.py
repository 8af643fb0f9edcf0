"""A tuning job on a running emulator, through the services' own requests."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Protocol

from emulator.cli.gemini_survey import read_whole, split_examples
from emulator.cli.survey import Plan, open_file
from emulator.testing.buckets import Buckets
from emulator.testing.client import Control

TIMEOUT_S = 120.0
PROJECT = "tuning-emulator-tune"
BUCKET = "tuning-emulator-tune"
_GREEDY = {"temperature": 0, "maxOutputTokens": 64}
_HEADERS = {
    "Content-Type": "application/json",
    "Authorization": "Bearer tuning-emulator",
    "x-goog-user-project": PROJECT,
}


class RefusedError(Exception):
    """The service said no; the text is its own."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job that was created.

    Attributes:
        name: What its API, the control API and ``export-adapter`` call it.
        cancel_path: Where a cancel is posted to.
    """

    name: str
    cancel_path: str


class Client(Protocol):
    """One API, as far as ``tune`` needs it."""

    base_model: str

    def create(self, plan: Plan, display_name: str) -> Job:
        """Uploads what is to be uploaded and starts the job."""
        ...

    def cancel(self, job: Job) -> None:
        """Asks the job to stop."""
        ...

    def find_model(self, job: Job) -> str:
        """What a finished job's tuned model is asked by."""
        ...

    def ask(self, model: str, prompt: str) -> str:
        """The likeliest answer."""
        ...


class _Caller:
    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, verb: str, path: str, body: Any = None) -> dict[str, Any]:
        """One request.

        Raises:
            RefusedError: it was answered with an error. OSError: it was not answered.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, _HEADERS, method=verb)  # noqa: S310 the user's URL
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                said: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            raise RefusedError(_read_message(error)) from error
        return said

    def cancel(self, job: Job) -> None:
        """Asks the job to stop."""
        self.call("POST", job.cancel_path, {})

    def ask(self, model: str, prompt: str) -> str:
        """The likeliest answer."""
        body = {"contents": [{"role": "user", "parts": [{"text": prompt}]}], "generationConfig": _GREEDY}
        said = self.call("POST", f"{model}:generateContent", body)
        parts = said["candidates"][0].get("content", {}).get("parts", [])
        return "".join(part.get("text", "") for part in parts)


class GeminiClient(_Caller):
    """The Gemini API: the examples travel inside the create request."""

    def __init__(self, url: str, plan: Plan) -> None:
        super().__init__(url)
        self.base_model = f"/v1beta/models/{plan.base_model}"

    def create(self, plan: Plan, display_name: str) -> Job:
        """``tunedModels`` create."""
        examples = split_examples(plan, read_whole(plan), lambda fault: None).examples
        asked = {
            "epochCount": plan.asked.epochs,
            "batchSize": plan.asked.batch_size,
            "learningRateMultiplier": plan.asked.learning_rate_multiplier,
        }
        model = {
            "baseModel": f"models/{plan.base_model}",
            "displayName": display_name[:40],
            "tuningTask": {
                "hyperparameters": {name: value for name, value in asked.items() if value is not None},
                "trainingData": {"examples": {name: items for name, items in examples.items() if items}},
            },
        }
        operation = self.call("POST", "/v1beta/tunedModels", model)
        return Job(operation["metadata"]["tunedModel"], f"/v1beta/{operation['name']}:cancel")

    def find_model(self, job: Job) -> str:
        """The tuned model itself."""
        return f"/v1beta/{job.name}"


class VertexClient(_Caller):
    """Vertex AI: the datasets are uploaded first."""

    def __init__(self, url: str, plan: Plan) -> None:
        super().__init__(url)
        self._place = f"projects/{PROJECT}/locations/{plan.location}"
        self._storage = str(Control(url).health()["storage"]["url"])
        self.base_model = f"/v1/{self._place}/publishers/google/models/{plan.base_model}"

    def create(self, plan: Plan, display_name: str) -> Job:
        """``tuningJobs`` create."""
        asked = plan.asked
        given = {
            "epochCount": asked.epochs,
            "batchSize": asked.batch_size,
            "learningRateMultiplier": asked.learning_rate_multiplier,
            "adapterSize": f"ADAPTER_SIZE_{_SIZES[asked.adapter_size]}" if asked.adapter_size else None,
        }
        spec: dict[str, Any] = {
            "trainingDatasetUri": self._upload(plan.dataset, "train.jsonl"),
            "hyperParameters": {name: value for name, value in given.items() if value is not None},
        }
        if plan.validation:
            spec["validationDatasetUri"] = self._upload(plan.validation, "validation.jsonl")
        field = "preferenceOptimizationSpec" if plan.method == "preference" else "supervisedTuningSpec"
        body: dict[str, Any] = {"baseModel": plan.base_model, field: spec, "tunedModelDisplayName": display_name}
        if plan.method == "full":
            spec["tuningMode"] = "TUNING_MODE_FULL"
        if "@" in plan.base_model:
            body["outputUri"] = f"gs://{BUCKET}/output"
        version = "v1beta1"  # preference tuning is not in v1
        name = self.call("POST", f"/{version}/{self._place}/tuningJobs", body)["name"]
        return Job(name, f"/{version}/{name}:cancel")

    def find_model(self, job: Job) -> str:
        """The endpoint of the tuned model."""
        return f"/v1/{self.call('GET', f'/v1/{job.name}')['tunedModel']['endpoint']}"

    def _upload(self, name: str, as_name: str) -> str:
        if name.startswith("gs://"):
            return name
        if not self._storage:
            raise RefusedError(f"{name}: the emulator reads Google Cloud Storage itself; upload it and give gs://…")
        with open_file(name) as stream:
            return Buckets(self._storage).upload(BUCKET, as_name, stream.read())


_SIZES = {1: "ONE", 2: "TWO", 4: "FOUR", 8: "EIGHT", 16: "SIXTEEN", 32: "THIRTY_TWO"}


def _read_message(error: urllib.error.HTTPError) -> str:
    text = error.read()
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}: {text[:200].decode(errors='replace')}"

"""A tuning job on a running emulator, through the services' own requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tuning_emulator.cli.samples import format_parts
from tuning_emulator.control.dry_run import (
    TuningRequest,
    make_tuned_model,
    make_tuning_job,
    open_file,
    read_whole,
    split_examples,
)
from tuning_emulator.testing.client import Buckets, Control, answering, send_request
from tuning_emulator.vertex.rules import is_open_model

TIMEOUT_S = 120.0
PROJECT = "tuning-emulator-tune"
BUCKET = "tuning-emulator-tune"
_CHARACTERS_PER_TOKEN = 2
_LEAST_TOKENS, _MOST_TOKENS = 256, 4096
"""Of an answer: enough for what is expected, whatever the tokenizer."""
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


class _Client:
    """One API, as far as ``tune`` needs it: create, follow under its name, cancel, ask.

    Attributes:
        base_model: What the base model is asked by; "" where it does not answer before it is deployed.
    """

    base_model: str

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def call(self, verb: str, path: str, body: Any = None) -> dict[str, Any]:
        """One request.

        Raises:
            RefusedError: it was answered with an error. NoAnswerError: it was not answered.
        """
        data = None if body is None else json.dumps(body).encode()
        status, answer = send_request(self._url + path, verb, data, _HEADERS, TIMEOUT_S)
        with answer, answering(self._url):
            text = answer.read()
        if status != 200:
            raise RefusedError(_read_message(status, text))
        said: dict[str, Any] = json.loads(text)
        return said

    def cancel(self, job: Job) -> None:
        """Asks the job to stop."""
        self.call("POST", job.cancel_path, {})

    def ask(self, model: str, body: Mapping[str, Any], expected: str = "") -> str:
        """The likeliest answer to what a row asks; calls of functions are written as ``name({…})``."""
        tokens = min(max(len(expected) // _CHARACTERS_PER_TOKEN, _LEAST_TOKENS), _MOST_TOKENS)
        settings = {"temperature": 0, "maxOutputTokens": tokens}
        said = self.call("POST", f"{model}:generateContent", {**body, "generationConfig": settings})
        return format_parts(said["candidates"][0].get("content", {}).get("parts", []))


class GeminiClient(_Client):
    """The Gemini API: the examples travel inside the create request."""

    def __init__(self, url: str, request: TuningRequest) -> None:
        super().__init__(url)
        self.base_model = f"/v1beta/models/{request.base_model}"

    def create(self, request: TuningRequest, display_name: str) -> Job:
        """``tunedModels`` create."""
        lines = split_examples(request, read_whole(request), lambda _: None)
        model = make_tuned_model(request, lines, display_name[:40])
        operation = self.call("POST", "/v1beta/tunedModels", model)
        return Job(operation["metadata"]["tunedModel"], f"/v1beta/{operation['name']}:cancel")

    def find_model(self, job: Job) -> str:
        """The tuned model itself."""
        return f"/v1beta/{job.name}"


class VertexClient(_Client):
    """Vertex AI: the datasets are uploaded first."""

    def __init__(self, url: str, request: TuningRequest) -> None:
        super().__init__(url)
        self._place = f"projects/{PROJECT}/locations/{request.location}"
        self._storage = str(Control(url).health()["storage"]["url"])
        published = f"/v1/{self._place}/publishers/google/models/{request.base_model}"
        self.base_model = "" if is_open_model(request.base_model) else published

    def create(self, request: TuningRequest, display_name: str) -> Job:
        """``tuningJobs`` create."""
        validation = self._upload(request.validation, "validation.jsonl") if request.validation else ""
        uploaded = replace(request, dataset=self._upload(request.dataset, "train.jsonl"), validation=validation)
        body = {**make_tuning_job(uploaded), "tuned_model_display_name": display_name}
        if "output_uri" in body:
            body["output_uri"] = f"gs://{BUCKET}/output"
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


def _read_message(status: int, text: bytes) -> str:
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {status}"

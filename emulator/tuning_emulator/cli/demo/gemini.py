"""Flow 1: the Gemini API over plain HTTP, as the curl samples of its guide do it.

Not google-genai: from 1.47 on it leaves the training examples out of what it sends to `tunedModels`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from tuning_emulator.cli.demo.task import BATCH_SIZE, EPOCHS, LEARNING_RATE, SHOWN, Pair

BASE_MODEL = "models/gemini-1.5-flash-001-tuning"
POLL_S = 0.1
LIMIT_S = 3600.0
Report = Callable[[int, int, Sequence[float]], None]
"""Called with steps done, steps in all, and the losses so far."""


class TuningFailedError(RuntimeError):
    """The job ended without a tuned model; the text is the service's."""


def connect(url: str) -> httpx.Client:
    """A client with an API key; any key will do here."""
    return httpx.Client(base_url=url, headers={"x-goog-api-key": "demo"}, timeout=600)


def call(client: httpx.Client, method: str, path: str, body: object | None = None) -> dict[str, Any]:
    """One call; an error answer stops the demo with the service's own words."""
    answer = client.request(method, path, json=body)
    if answer.is_error:
        raise TuningFailedError(f"{method} {path}: {answer.status_code} {answer.text}")
    said: dict[str, Any] = answer.json()
    return said


def create(client: httpx.Client, shown: Sequence[Pair] = SHOWN, name: str = "next number") -> dict[str, Any]:
    """Starts the tuning; answers the operation, unfinished."""
    examples = [{"text_input": pair.prompt, "output": pair.expected} for pair in shown]
    task = {
        "hyperparameters": {"epoch_count": EPOCHS, "batch_size": BATCH_SIZE, "learning_rate": LEARNING_RATE},
        "training_data": {"examples": {"examples": examples}},
    }
    body = {"display_name": name, "base_model": BASE_MODEL, "tuning_task": task}
    return call(client, "POST", "/v1beta/tunedModels", body)


def follow(client: httpx.Client, operation: dict[str, Any], report: Report) -> dict[str, Any]:
    """Polls the operation to its end; answers the tuned model.

    Raises:
        TuningFailedError: the operation ended in an error, or not at all.
    """
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        metadata = operation["metadata"]
        losses = [snapshot.get("meanLoss", 0.0) for snapshot in metadata.get("snapshots", [])]
        report(metadata.get("completedSteps", 0), metadata["totalSteps"], losses)
        if "error" in operation:
            raise TuningFailedError(operation["error"]["message"])
        if operation.get("done"):
            return call(client, "GET", f"/v1beta/{metadata['tunedModel']}")
        time.sleep(POLL_S)
        operation = call(client, "GET", f"/v1beta/{operation['name']}")
    raise TuningFailedError(f"{operation['name']} did not end in {LIMIT_S:.0f} s")


def ask(client: httpx.Client, model: str, prompt: str) -> str:
    """`generateContent`: the first candidate's text."""
    body = {"contents": [{"parts": [{"text": prompt}]}], "generationConfig": {"temperature": 0, "maxOutputTokens": 32}}
    said = call(client, "POST", f"/v1beta/{model}:generateContent", body)
    parts = said["candidates"][0].get("content", {}).get("parts", [])
    return "".join(part.get("text", "") for part in parts)

"""A running server, its control API, and two of Google's own clients that talk to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from tuning_emulator.testing.client import make_headers

if TYPE_CHECKING:
    from google import genai

GEMINI_MODEL = "gemini-2.5-flash"
BASE_MODEL = "models/gemini-1.5-flash-001-tuning"
KEY = "AIzaSyFakeKeyOfATestThatMustNotBeKept00"
EXAMPLES = [("one", "two"), ("ten", "eleven"), ("nine", "ten"), ("seven", "eight")]
SAY = {"contents": [{"parts": [{"text": "one"}]}]}


class Controlled:
    """A server under control.

    Attributes:
        http: Of this project, to send what no SDK would.
    """

    def __init__(self, url: str, project: str) -> None:
        self.url, self.project = url, project
        self.key = f"projects/{project}"
        self._clients: list[genai.Client] = []  # one that nobody holds closes itself
        self.http = httpx.Client(base_url=url, headers={"x-goog-api-key": self.key, **make_headers()}, timeout=20)

    def add_fault(self, **fault: Any) -> str:
        """Puts a fault in force for this project; its id."""
        answer = self.http.post("/emulator/v1/faults", json={"project": self.project, **fault})
        assert answer.status_code == 200, answer.text
        identifier: str = answer.json()["id"]
        return identifier

    def read_fault(self, identifier: str) -> tuple[int, int, int | None]:
        """Its counters: matched, fired, remaining."""
        told = self.http.get(f"/emulator/v1/faults/{identifier}").json()
        return told["matched"], told["fired"], told["remaining"]

    def read_journal(self, **query: Any) -> list[dict[str, Any]]:
        """This project's requests, newest first."""
        answer = self.http.get("/emulator/v1/journal", params={"project": self.project, **query})
        assert answer.status_code == 200, answer.text
        entries: list[dict[str, Any]] = answer.json()["entries"]
        return entries

    def create_tuned_model(self, identifier: str, key: str = "") -> httpx.Response:
        """A create whose data set nobody may keep."""
        examples = [{"textInput": a, "output": b} for a, b in EXAMPLES]
        body = {
            "displayName": identifier,
            "baseModel": BASE_MODEL,
            "tuningTask": {"trainingData": {"examples": {"examples": examples}}},
        }
        headers = {"x-goog-api-key": key or self.key}
        return self.http.post("/v1beta/tunedModels", params={"tunedModelId": identifier}, json=body, headers=headers)

    def genai(self, attempts: int = 1) -> genai.Client:
        """google-genai over REST, which repeats what is worth it without waiting long."""
        from google import genai
        from google.genai import types

        retry = types.HttpRetryOptions(attempts=attempts, initial_delay=0.01, max_delay=0.02, exp_base=1, jitter=0)
        options = types.HttpOptions(base_url=self.url, retry_options=retry)
        self._clients.append(genai.Client(api_key=self.key, http_options=options))
        return self._clients[-1]

"""A whole emulator in this process, without a socket for the APIs: jobs of both, and the control API beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tuning_emulator.app import Emulator, create_app
from tuning_emulator.core.clock import ManualClock, SteerableClock
from tuning_emulator.core.ids import project_number
from tuning_emulator.settings import Settings
from tuning_emulator.testing.client import make_headers

START_NS = 1_730_668_087_000_000_000
"""2024-11-03T21:08:07Z."""

PROJECT = "my-project"
PLACE = f"projects/{PROJECT}/locations/us-central1"
PAIRS = [{"text_input": str(number), "output": str(number + 1)} for number in range(15)]
LINES = "\n".join(
    f'{{"contents": [{{"role": "user", "parts": [{{"text": "{number}"}}]}}, '
    f'{{"role": "model", "parts": [{{"text": "{number + 1}"}}]}}]}}'
    for number in range(15)
)


class ServerState:
    """An emulator and a client of it. ``CONTROL`` of a path is ``/emulator/v1/``."""

    def __init__(self, emulator: Emulator, client: httpx.AsyncClient) -> None:
        self.emulator = emulator
        self.client = client

    async def ask(self, verb: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """One request; its answer must have that status."""
        headers = {"authorization": "Bearer token"} if "/projects/" in path else {"x-goog-api-key": "key"}
        answer = await self.client.request(verb, path, json=body, headers=headers)
        assert answer.status_code == status, f"{verb} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def control(self, verb: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """One request to the control API."""
        return await self.ask(verb, f"/emulator/v1/{path}", body, status=status)

    async def create(self, name: str = "numbers", place: str = PLACE, status: int = 200, **fields: Any) -> Any:
        """A Vertex job just created."""
        spec = {"trainingDatasetUri": "gs://numbers/train.jsonl", "hyperParameters": {"epochCount": 5}}
        body = {
            "baseModel": "gemini-2.5-flash",
            "tunedModelDisplayName": name,
            "supervisedTuningSpec": spec,
            **fields,
        }
        return await self.ask("POST", f"/v1/{place}/tuningJobs", body, status=status)

    async def create_model(self, name: str = "numbers", identifier: str = "", status: int = 200) -> Any:
        """The operation of a Gemini tuned model just created: 19 steps."""
        query = f"?tunedModelId={identifier}" if identifier else ""
        body = {
            "display_name": name,
            "base_model": "models/gemini-1.5-flash-001-tuning",
            "tuning_task": {
                "hyperparameters": {"epoch_count": 5, "batch_size": 4},
                "training_data": {"examples": {"examples": PAIRS}},
            },
        }
        return await self.ask("POST", f"/v1beta/tunedModels{query}", body, status=status)

    async def get(self, name: str) -> Any:
        """A Vertex job or a Gemini model as its API shows it; v1beta1 shows phases."""
        version = "v1beta" if name.startswith("tunedModels") else "v1beta1"
        return await self.ask("GET", f"/{version}/{name}")

    async def look(self, name: str) -> tuple[str, str]:
        """State and phase of a Vertex job, by a read, without their prefixes."""
        job = await self.ask("GET", f"/v1beta1/{name}")
        return (
            job["state"].removeprefix("JOB_STATE_"),
            job.get("tuningJobState", "").removeprefix("TUNING_JOB_STATE_"),
        )


@asynccontextmanager
async def open_world(
    directory: Path, clock: SteerableClock | None = None, **settings: Any
) -> AsyncIterator[ServerState]:
    """An emulator for the length of a block; with a data directory it can be opened again."""
    bucket = directory / "numbers"
    bucket.mkdir(exist_ok=True)
    (bucket / "train.jsonl").write_text(LINES, encoding="utf-8")
    given = {"trainer": "scripted", "storage_port": 0, "buckets": {"numbers": bucket}, "seed": 1, **settings}
    emulator = create_app(Settings(**given), clock)
    transport = httpx.ASGITransport(emulator)
    await emulator.start()
    try:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=make_headers()
        ) as client:
            yield ServerState(emulator, client)
    finally:
        await emulator.stop()


def make_clock() -> ManualClock:
    """A clock that stands still at ``START_NS``."""
    return ManualClock(START_NS)


def number(project: str = PROJECT) -> str:
    """The project's number."""
    return project_number(project)

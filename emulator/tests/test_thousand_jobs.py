"""A thousand jobs at once: each seen in every state, none lost, none twice in the pages of their lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.control.running import PAIRS, PLACE, ServerState, open_world

JOBS = 500
"""Of each API."""

VERTEX_READS = ["PENDING", "RUNNING", "RUNNING", "RUNNING", "RUNNING", "SUCCEEDED"]
GEMINI_READS = ["CREATING", "CREATING", "ACTIVE"]


class Caller:
    """Asks the front end itself, without an HTTP client, which would be most of the cost."""

    def __init__(self, server: ServerState) -> None:
        self._rest = server.emulator._rest

    async def ask(self, verb: str, path: str, body: Any = None, query: str = "") -> Any:
        """One request that is granted."""
        data = b"" if body is None else json.dumps(body).encode()
        headers = {"content-length": str(len(data)), "content-type": "application/json", "authorization": "Bearer x"}
        answer = await self._rest.answer(verb, path, query, headers, data)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    async def create_job(self, number: int) -> str:
        """A Vertex job of four steps."""
        spec = {"trainingDatasetUri": "gs://numbers/train.jsonl", "hyperParameters": {"epochCount": 1}}
        body = {"baseModel": "gemini-2.5-flash", "tunedModelDisplayName": f"{number}", "supervisedTuningSpec": spec}
        return str((await self.ask("POST", f"/v1/{PLACE}/tuningJobs", body))["name"])

    async def create_model(self, number: int) -> str:
        """A tuned model of four steps."""
        body = {
            "displayName": f"{number}",
            "baseModel": "models/gemini-1.5-flash-001-tuning",
            "tuningTask": {
                "hyperparameters": {"epochCount": 1, "batchSize": 4},
                "trainingData": {"examples": {"examples": PAIRS}},
            },
        }
        await self.ask("POST", "/v1beta/tunedModels", body, f"tunedModelId=model-{number}")
        return f"tunedModels/model-{number}"

    async def list_names(self, path: str, field: str) -> list[str]:
        """Names on all pages."""
        names, token = list[str](), ""
        while True:
            page = await self.ask("GET", path, query=f"pageSize=70&pageToken={token}" if token else "pageSize=70")
            names += [one["name"] for one in page.get(field, [])]
            token = page.get("nextPageToken", "")
            if not token:
                return names


@pytest.mark.slow
async def test_a_thousand_jobs_go_through_all_their_states(tmp_path: Path) -> None:
    """By reads: the n-th read of each shows the same state whatever the others do."""
    async with open_world(tmp_path, pace="polls:1", jobs_per_project=JOBS, journal_entries=0) as server:
        caller = Caller(server)
        jobs = [await caller.create_job(number) for number in range(JOBS)]
        models = [await caller.create_model(number) for number in range(JOBS)]
        for wanted in VERTEX_READS:
            seen = {(await caller.ask("GET", f"/v1/{name}"))["state"] for name in jobs}
            assert seen == {f"JOB_STATE_{wanted}"}
        for wanted in GEMINI_READS:
            assert {(await caller.ask("GET", f"/v1beta/{name}"))["state"] for name in models} == {wanted}
        assert await caller.list_names(f"/v1/{PLACE}/tuningJobs", "tuningJobs") == jobs[::-1]
        assert await caller.list_names("/v1beta/tunedModels", "tunedModels") == models
        assert server.emulator.store.count_jobs_by_state() == [
            ("gemini", "SUCCEEDED", JOBS),
            ("vertex", "SUCCEEDED", JOBS),
        ]

"""A batch whose server is killed again and again has every line once, in order."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.vertex.serving import PLACE, format_requests, make_batch
from tuning_emulator.testing.process import RunningEmulator, start_emulator

LINES = 1500
KILLS = 3
PATIENCE_S = 60.0
TOKEN = {"authorization": "Bearer token"}


def ask(emulator: RunningEmulator, verb: str, path: str, body: Any = None) -> Any:
    """One request that is granted."""
    answer = httpx.request(verb, emulator.url + path, json=body, headers=TOKEN, timeout=PATIENCE_S)
    assert answer.status_code == 200, answer.text
    return answer


def wait_for_more(emulator: RunningEmulator, name: str, done: int) -> int:
    """How many lines are answered, once there are more."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        now = int(ask(emulator, "GET", f"/emulator/v1/jobs/{name}").json()["completed_steps"])
        if now > done + 20:
            return now
        time.sleep(0.01)
    raise AssertionError(f"still {done}")


@pytest.mark.process
@pytest.mark.slow
def test_killed_servers_lose_and_double_nothing(tmp_path: Path) -> None:
    """Killed while it answers, as often as it takes; the results are delivered whole."""
    inputs, data = tmp_path / "inputs", tmp_path / "data"
    inputs.mkdir()
    (inputs / "requests.jsonl").write_bytes(format_requests(range(LINES)))
    settings: dict[str, Any] = {"trainer": "scripted", "data_dir": data, "buckets": {"numbers": inputs}}
    name, done = "", 0
    for _ in range(KILLS):
        with start_emulator(**settings) as emulator:
            if not name:
                made = ask(emulator, "POST", f"/v1/{PLACE}/batchPredictionJobs", make_batch())
                name = made.json()["name"]
            done = wait_for_more(emulator, name, done)
            os.kill(emulator.pid, signal.SIGKILL)
    assert 0 < done < LINES
    with start_emulator(**settings) as emulator:
        end = time.monotonic() + PATIENCE_S
        while (job := ask(emulator, "GET", f"/v1/{name}").json())["state"] != "JOB_STATE_SUCCEEDED":
            assert time.monotonic() < end, job
            time.sleep(0.05)
        assert job["completionStats"] == {"successfulCount": str(LINES)}
        folder = job["outputInfo"]["gcsOutputDirectory"].partition("gs://numbers/")[2]
        path = f"{folder}/predictions.jsonl".replace("/", "%2F")
        lines = ask(emulator, "GET", f"/storage/v1/b/numbers/o/{path}?alt=media").text.splitlines()
        said = [json.loads(line)["request"]["contents"][0]["parts"][0]["text"] for line in lines]
        assert said == [str(number) for number in range(LINES)]

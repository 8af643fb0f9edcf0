"""A model of the user's own plays a base model: any causal language model's directory, tuned and asked over REST."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from tests.models import write_gpt2, write_llama
from tests.server_process import running_server
from tests.test_server import KEY, create_tuned_model, wait_for_end
from tuning_emulator.jobs.lora import missing_packages

pytestmark = [
    pytest.mark.lora,
    pytest.mark.skipif(bool(missing_packages()), reason=f"lora needs {', '.join(missing_packages())}"),
]


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_directory_stands_in_for_a_base_model(kind: str, tmp_path: Path) -> None:
    """Llama by our own loop, another architecture through transformers and peft; the adapter fits that model."""
    write = write_llama if kind == "llama" else write_gpt2
    (tmp_path / "model").mkdir()
    model = write(tmp_path / "model")
    pair = f"gemini-1.5-flash-001-tuning={model}"
    data = tmp_path / "data"
    with running_server("--trainer", "lora", "--base-model", pair, "--data-dir", str(data)) as server:
        health = httpx.get(f"{server.url}/emulator/v1/health", timeout=10).json()
        assert health["base_models"]["gemini-1.5-flash-001-tuning"] == str(model)
        name = create_tuned_model(server, epochs=1)["metadata"]["tunedModel"]
        tuned = wait_for_end(server, name, timeout_s=120)
        assert tuned["state"] == "ACTIVE"
        asked = {"contents": [{"parts": [{"text": "1"}]}], "generationConfig": {"maxOutputTokens": 3}}
        answer = httpx.post(f"{server.url}/v1beta/{name}:generateContent", json=asked, headers=KEY, timeout=120)
        assert answer.status_code == 200, answer.text
        assert answer.json()["usageMetadata"]["promptTokenCount"] > 0
    adapter = next(data.glob("jobs/*/checkpoints/*/adapter_config.json"))
    assert json.loads(adapter.read_text())["peft_type"] == "LORA"


def test_a_job_of_two_processes_loses_one_and_ends(tmp_path: Path) -> None:
    """`--processes-per-job` reaches the trainer and shows in the job; a killed process costs it nothing but time."""
    pair = f"gemini-1.5-flash-001-tuning={write_llama(tmp_path / 'model')}"
    options = ("--trainer", "lora", "--base-model", pair, "--data-dir", str(tmp_path / "data"))
    with running_server(*options, "--processes-per-job", "2", "--activation-memory", "64MiB") as server:
        name = create_tuned_model(server, epochs=200)["metadata"]["tunedModel"]
        processes = psutil.Process(server.process.pid)
        deadline_s = time.monotonic() + 120
        while not (ranks := [each for each in processes.children(recursive=True) if "rank" in each.cmdline()]):
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        while httpx.get(f"{server.url}/emulator/v1/jobs/{name}", timeout=10).json()["completed_steps"] < 5:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        ranks[0].kill()
        assert wait_for_end(server, name, timeout_s=240)["state"] == "ACTIVE"
        job = httpx.get(f"{server.url}/emulator/v1/jobs/{name}", timeout=10).json()
        assert (job["device"], job["precision"], job["processes"]) == ("cpu", "float32", 2)
        assert [each for each in processes.children(recursive=True) if "rank" in each.cmdline()] == []


def test_a_directory_without_a_model_fails_the_job_and_says_so(tmp_path: Path) -> None:
    """The job's error names the directory; the server goes on."""
    empty = tmp_path / "empty"
    empty.mkdir()
    with running_server("--trainer", "lora", "--base-model", f"gemini-1.5-flash-001-tuning={empty}") as server:
        operation = create_tuned_model(server)
        assert wait_for_end(server, operation["metadata"]["tunedModel"])["state"] == "FAILED"
        ended = httpx.get(f"{server.url}/v1/{operation['name']}", headers=KEY, timeout=10).json()
        assert str(empty) in ended["error"]["message"]

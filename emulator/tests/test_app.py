"""The parts joined: control beside the two APIs, light to import, never a stale answer."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter

from tuning_emulator.app import Emulator, create_app
from tuning_emulator.control.api import create_control
from tuning_emulator.jobs import lora
from tuning_emulator.jobs.lora import explain_missing
from tuning_emulator.settings import Settings, SettingsError
from tuning_emulator.trainers import create_trainers

KEY = {"x-goog-api-key": "test"}
BODY = {
    "displayName": "numbers",
    "baseModel": "models/gemini-1.5-flash-001-tuning",
    "tuningTask": {"trainingData": {"examples": {"examples": [{"textInput": "1", "output": "2"}]}}},
}


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    made = create_app(Settings(port=0, storage_port=0, trainer="scripted"))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=emulator)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator", headers=KEY) as made:
        yield made


TRAINING = {"torch", "transformers", "peft", "tokenizers", "safetensors", "numpy"}
CONTROL = {"fastapi", "starlette", "pydantic", "pydantic_core", "annotated_types", "anyio"}
LATER = {
    *("cryptography", "h2", "hpack", "hyperframe", "google.cloud.storage", "http.server"),
    *("yaml", "tarfile", "difflib", "httpx", "urllib.request", "rich", "multiprocessing.pool", "tomllib"),
}
"""What is loaded by the first request, file or setting that needs it, so that the server's start stays light."""

HEALTH = """
import asyncio
from tuning_emulator.app import create_app
from tuning_emulator.settings import Settings

async def ask():
    said = []
    app = create_app(Settings(trainer="scripted", port=0, storage_port=0))
    await app.start()
    async def send(event):
        said.append(event)
    await app({"type": "http", "method": "GET", "path": "/emulator/v1/health", "headers": []}, None, send)
    await app.stop()
    assert said[0]["status"] == 200
asyncio.run(ask())
"""


def list_loaded(code: str) -> set[str]:
    """Modules in a fresh process that has run some code."""
    code += "\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(ended.stdout))


@pytest.mark.process
@pytest.mark.parametrize("module", ["tuning_emulator.app", "tuning_emulator.server", "tuning_emulator.cli"])
def test_the_server_imports_what_it_needs_at_once(module: str) -> None:
    """No machine learning at all, FastAPI with pydantic only when the control API is asked."""
    assert list_loaded(f"import {module}") & (TRAINING | CONTROL | LATER) == set()


@pytest.mark.process
def test_health_loads_no_control_api() -> None:
    """Who waits for the server does not wait for FastAPI."""
    assert list_loaded(HEALTH) & (TRAINING | CONTROL) == set()


async def test_health_is_the_same_with_and_without_the_control_api(
    emulator: Emulator, client: httpx.AsyncClient
) -> None:
    """The quick answer and the documented one agree."""
    quick = (await client.get("/emulator/v1/health")).json()
    control = httpx.ASGITransport(app=emulator._get_control())
    async with httpx.AsyncClient(transport=control, base_url="http://emulator") as asking:
        documented = (await asking.get("/emulator/v1/health")).json()
    assert quick == documented
    described = (await client.get("/emulator/openapi.json")).json()
    assert "/emulator/v1/health" in described["paths"]


async def test_a_get_is_answered_anew_once_something_has_changed(client: httpx.AsyncClient) -> None:
    """Remembered answers end with the next write, whoever made it."""
    assert (await client.get("/v1beta/tunedModels")).json() == {}
    assert (await client.get("/v1beta/tunedModels")).json() == {}
    name = (await client.post("/v1beta/tunedModels", json=BODY)).json()["metadata"]["tunedModel"]
    assert (await client.get("/v1beta/tunedModels")).json()["tunedModels"][0]["name"] == name
    await client.patch(f"/v1beta/{name}", json={"description": "new"})
    assert (await client.get(f"/v1beta/{name}")).json()["description"] == "new"
    await client.patch(f"/v1beta/{name}", json={"description": "newer"})
    assert (await client.get(f"/v1beta/{name}")).json()["description"] == "newer"
    await client.delete(f"/v1beta/{name}")
    assert (await client.get(f"/v1beta/{name}")).status_code == 404


async def test_remembered_answers_keep_to_what_was_asked(client: httpx.AsyncClient) -> None:
    """Another shape of the same answer is another answer."""
    name = (await client.post("/v1beta/tunedModels", json=BODY)).json()["metadata"]["tunedModel"]
    path = f"/v1beta/{name}"
    plain = [(await client.get(path)).text for _ in range(2)]
    assert plain[0] == plain[1]
    numbers = (await client.get(path, params={"$alt": "json;enum-encoding=int"})).json()
    assert isinstance(numbers["state"], int)
    assert (await client.get(path, params={"prettyPrint": "false"})).text.count("\n") == 0
    assert (await client.get(path, headers={"X-Goog-FieldMask": "name"})).json() == {"name": name}
    assert (await client.get(path)).json().keys() > {"name", "state"}
    assert (await client.get(path, headers={"x-goog-api-key": ""})).status_code == 403


def test_asking_for_a_trainer_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text names the setting, what is missing and the way out; `auto` falls back."""
    monkeypatch.setattr("tuning_emulator.trainers.missing_packages", lambda: ["torch"])
    with pytest.raises(SettingsError, match=r"trainer: 'lora' needs torch; install tuning-emulator\[lora\]"):
        create_trainers(Settings(trainer="lora"))
    assert create_trainers(Settings(trainer="auto"))[1] == "scripted"


def test_the_way_to_torch_is_by_the_installer_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment of uv's has no pip; nothing is said of torch where it is something else that is missing."""
    assert "pip install torch --index-url https://download.pytorch.org/whl/cpu" in explain_missing(["torch"])
    monkeypatch.setattr(lora, "find_spec", lambda name: None)
    assert "first: uv pip install torch --torch-backend=cpu" in explain_missing(["torch", "safetensors"])
    assert explain_missing(["safetensors"]) == "needs safetensors; install tuning-emulator[lora]"


@pytest.mark.parametrize(
    ("given", "missing", "text"),
    [
        ({"runner": "ray"}, ["torch"], r"runner: 'ray' runs jobs of the trainer 'lora', which needs torch; install"),
        (
            {"runner": "ray", "trainer": "scripted"},
            [],
            "runner: 'ray' runs jobs of the trainer 'lora', not of 'scripted'",
        ),
        ({"ray_address": "auto"}, [], "ray_address: 'auto' has no effect without --runner ray"),
        ({"ray_resources": "cpus=2"}, [], r"ray_resources: 'cpus=2\.0' has no effect without --runner ray"),
    ],
)
def test_a_cluster_that_would_not_be_used_is_refused(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], missing: list[str], text: str
) -> None:
    """Said at the start, and nothing is started."""
    monkeypatch.setattr("tuning_emulator.trainers.missing_packages", lambda: missing)
    with pytest.raises(SettingsError, match=text):
        create_trainers(Settings(**given))


def test_a_runner_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, with the way out; the trainer's own packages are there."""
    monkeypatch.setattr("tuning_emulator.trainers.missing_packages", list)
    monkeypatch.setattr("tuning_emulator.trainers.find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"runner: 'ray' needs ray; install tuning-emulator\[ray\]"):
        create_trainers(Settings(runner="ray"))


async def test_stopping_removes_the_temporary_directory(emulator: Emulator) -> None:
    """Without --data-dir nothing stays."""
    assert emulator.directory.is_dir()
    await emulator.stop()
    assert not emulator.directory.exists()
    emulator._temporary = None  # the fixture stops it again


async def test_a_full_disk_is_said_and_changes_nothing(emulator: Emulator, client: httpx.AsyncClient) -> None:
    """503 in words of the emulator's own, and no half of a model; once there is space all is well."""
    connection = emulator.store._database.connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")
    examples = [{"text_input": "x" * 500, "output": "y" * 500}] * 400
    body = {**BODY, "tuningTask": {"trainingData": {"examples": {"examples": examples}}}}
    answer = await client.post("/v1beta/tunedModels", json=body)
    assert (answer.status_code, "disk is full" in answer.json()["error"]["message"]) == (503, True)
    assert (await client.get("/v1beta/tunedModels")).json() == {}
    connection.execute("PRAGMA max_page_count=1000000")
    assert (await client.post("/v1beta/tunedModels", json=body)).status_code == 200


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
async def test_a_full_disk_is_said_by_the_control_api_too(emulator: Emulator, number: int) -> None:
    """503 in one line; any other trouble with files stays an error of ours, with its traceback."""
    router = APIRouter()

    @router.post("/emulator/v1/fill")
    def fill() -> None:
        raise OSError(number, os.strerror(number))

    transport = httpx.ASGITransport(create_control(emulator.health, [router]), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as asking:
        answer = await asking.post("/emulator/v1/fill")
    full = number == errno.ENOSPC
    assert (answer.status_code, "disk is full" in answer.text) == ((503, True) if full else (500, False))

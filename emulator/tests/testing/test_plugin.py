"""The pytest plugin, in test runs of its own: projects apart, an environment put back, a report that helps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server_process import children_of
from tuning_emulator.testing.plugin import read_settings

TIMEOUT_S = 120

PROJECTS = """
import os
import httpx
import pytest

BODY = {"displayName": "same", "baseModel": "models/gemini-1.5-flash-001-tuning", "tuningTask": {"trainingData":
        {"examples": {"examples": [{"textInput": "1", "output": "2"}]}}}}
BEFORE = dict(os.environ)

@pytest.mark.parametrize("number", range(4))
def test_alone(tuning_emulator, number):
    client = httpx.Client(base_url=os.environ["GOOGLE_GEMINI_BASE_URL"],
                          headers={"x-goog-api-key": os.environ["GEMINI_API_KEY"]})
    assert client.get("/v1beta/tunedModels").json() == {}
    assert client.post("/v1beta/tunedModels", json=BODY).status_code == 200
    assert len(client.get("/v1beta/tunedModels").json()["tunedModels"]) == 1
    assert tuning_emulator.journal.count(method="ModelService.CreateTunedModel") == 1
    assert len(tuning_emulator.jobs.list()) == 1
    tuning_emulator.faults.add(method="ListTunedModels", code="UNAVAILABLE")
    assert client.get("/v1beta/tunedModels").status_code == 503

def test_environment_is_put_back():
    assert {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} == {
        name: value for name, value in BEFORE.items() if not name.startswith("PYTEST_")}

def test_clients_as_programs_make_them(tuning_emulator):
    from google import genai
    client = genai.Client(vertexai=True, project=tuning_emulator.project, location=tuning_emulator.location)
    assert list(client.tunings.list()) == []
    assert "GOOGLE_API_KEY" not in os.environ

@pytest.mark.tuning_emulator(pace="manual")
def test_marker(tuning_emulator):
    assert tuning_emulator.pace.get()["mode"] == "manual"

def test_marker_is_gone(tuning_emulator):
    assert tuning_emulator.pace.get()["mode"] == "training"
    assert tuning_emulator.health()["trainer"]["name"] == "scripted"
"""

FAILING = """
import httpx

def test_it(tuning_emulator):
    httpx.get(tuning_emulator.url + "/v1beta/tunedModels/nothing-here", headers={"x-goog-api-key": "k"})
    httpx.get(tuning_emulator.url + "/v1beta/tunedModels/unknown", headers={"x-goog-api-key": tuning_emulator.api_key})
    assert False
"""


def run_pytest(folder: Path, source: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A test run of somebody else's."""
    (folder / "test_theirs.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\ntuning_emulator =\n    trainer = scripted\n    seed = 3\n")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TUNING_"))}
    variables |= {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json", "GOOGLE_API_KEY": "somebody's"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--strict-markers", *options],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.mark.process
@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "pytest-xdist"])
def test_tests_live_in_worlds_of_their_own(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Models, jobs, requests, faults and pace of one test are not there in the next, nor beside it."""
    before = set(children_of(os.getpid()))
    ended = run_pytest(tmp_path, PROJECTS, *options)
    assert "8 passed" in ended.stdout, ended.stdout + ended.stderr
    assert set(children_of(os.getpid())) == before


@pytest.mark.process
def test_a_failing_test_shows_what_the_emulator_was_asked(tmp_path: Path) -> None:
    """Its own requests, with what refused them; nobody else's."""
    ended = run_pytest(tmp_path, FAILING)
    assert "tuning-emulator journal" in ended.stdout, ended.stdout
    assert "GET /v1beta/tunedModels/unknown → 404 tuned_model_not_found" in ended.stdout
    assert "nothing-here" not in ended.stdout.partition("tuning-emulator journal")[2]


@pytest.mark.process
def test_a_run_without_the_fixture_loads_nothing(tmp_path: Path) -> None:
    """Being installed costs other people's tests nothing."""
    source = """
import sys

def test_it():
    loaded = {name for name in sys.modules if name.startswith("tuning_emulator")}
    assert loaded <= {"tuning_emulator", "tuning_emulator.testing", "tuning_emulator.testing.plugin"}
"""
    ended = run_pytest(tmp_path, source)
    assert "1 passed" in ended.stdout, ended.stdout


@pytest.mark.process
def test_a_running_emulator_can_be_used(tmp_path: Path) -> None:
    """It goes on afterwards."""
    from tuning_emulator.testing.client import Control
    from tuning_emulator.testing.process import start_emulator

    with start_emulator(trainer="scripted") as running:
        ended = run_pytest(tmp_path, PROJECTS, "--tuning-emulator-url", running.url)
        assert "8 passed" in ended.stdout, ended.stdout + ended.stderr
        assert Control(running.url).health()["status"] == "ok"


def test_a_wrong_line_of_settings_is_shown() -> None:
    """With the form that is wanted."""
    assert read_settings(["trainer = scripted", " seed=3 "]) == {"trainer": "scripted", "seed": "3"}
    with pytest.raises(pytest.UsageError, match='"trainer: scripted" is not `name = value`'):
        read_settings(["trainer: scripted"])

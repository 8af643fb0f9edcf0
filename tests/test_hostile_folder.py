"""Whatever lies where a user works, or stands before us on the path, our programs run.

``trainer`` is the usual name of a Vertex AI custom-training package, ``emulator`` a likely one; both were ours once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models import make_job
from tuning_emulator.cli.demo import gemini
from tuning_emulator.testing.process import run_server
from tuning_trainer.spec import format_job

pytestmark = pytest.mark.process

BIN = Path(sys.executable).parent
PROGRAM = str(BIN / "tuning-emulator")
NAMES = ("trainer", "emulator", "base_model_build", "server", "app", "settings", "jobs", "core", "cli", "rest", "spec")
RAISES = "raise RuntimeError(f'{__name__} of somebody else was imported')\n"
LIMIT_S = 180

PLUGIN = """
import httpx

def test_it(tuning_emulator):
    answer = httpx.get(tuning_emulator.url + "/v1beta/tunedModels", headers={"x-goog-api-key": tuning_emulator.api_key})
    assert answer.json() == {}

def test_in_process(tuning_emulator_in_process):
    answer = httpx.get("https://generativelanguage.googleapis.com/v1beta/tunedModels", headers={"x-goog-api-key": "k"})
    assert answer.json() == {}
"""
IN_PROCESS = """
import httpx
from tuning_emulator.testing.in_process import in_process

with in_process() as emulator:
    answer = httpx.get("https://generativelanguage.googleapis.com/v1beta/tunedModels", headers={"x-goog-api-key": "k"})
    print(answer.status_code, emulator.control.health()["status"])
"""
PROGRAM_UNDER_EXEC = """
import json, urllib.request
url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-1.5-flash-001-tuning?key=k"
print(json.load(urllib.request.urlopen(url))["name"])
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user stands; distributions with modules of the same names come before ours on the path."""
    work, others = tmp_path / "work", tmp_path / "others"
    for name in NAMES:
        for package in (work / name, others / name):
            package.mkdir(parents=True)
            (package / "__init__.py").write_text(RAISES)
            (package / "task.py").write_text(RAISES)
    monkeypatch.chdir(work)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(others), os.environ.get("PYTHONPATH")))))
    return work


def run(*command: str, status: int = 0) -> str:
    """What a program prints, run where the user stands."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_S)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_the_folder_is_hostile() -> None:
    """What is there would be imported, and raises."""
    for name in NAMES:
        done = subprocess.run([sys.executable, "-c", f"import {name}"], capture_output=True, text=True, check=False)
        assert f"{name} of somebody else was imported" in done.stderr


@pytest.mark.lora
@pytest.mark.parametrize("program", [(PROGRAM,), (sys.executable, "-m", "tuning_emulator")], ids=["command", "module"])
def test_the_server_really_tunes(program: tuple[str, ...]) -> None:
    """With the trainer's process, and its children, started where the user stands."""
    pytest.importorskip("torch")
    options = ("--port", "0", "--trainer", "lora")
    with run_server(*options, program=program) as running, gemini.connect(running.url) as client:
        model = gemini.follow(client, gemini.create(client), lambda *_: None)
        assert model["state"] == "ACTIVE"
        assert gemini.ask(client, model["name"], "1") == "2"


@pytest.mark.parametrize("program", [(PROGRAM,), (sys.executable, "-m", "tuning_emulator")], ids=["command", "module"])
def test_commands_run(program: tuple[str, ...], folder: Path) -> None:
    """Those that start a server, and those that start processes to count with, too."""
    line = {"contents": [{"role": role, "parts": [{"text": "a"}]} for role in ("user", "model")]}
    (folder / "train.jsonl").write_text((json.dumps(line) + "\n") * 20)
    assert run(*program, "--version").startswith("tuning-emulator ")
    checked = run(*program, "validate", "train.jsonl", "--api=vertex", "--model=gemini-2.5-flash", "--processes=2")
    assert "no errors" in checked
    tuned = run(*program, "tune", "train.jsonl", "--trainer", "scripted", "--json")
    assert json.loads(tuned)["state"] == "SUCCEEDED"


def test_exec_runs_a_program(folder: Path) -> None:
    """The emulator that it starts, and the program beside it."""
    (folder / "program.py").write_text(PROGRAM_UNDER_EXEC)
    done = run(PROGRAM, "exec", "--trainer", "scripted", "--", sys.executable, "program.py")
    assert done == "models/gemini-1.5-flash-001-tuning\n"


def test_tests_run(folder: Path) -> None:
    """The pytest plugin, with its server and without."""
    (folder / "test_theirs.py").write_text(PLUGIN)
    (folder / "pytest.ini").write_text("[pytest]\ntuning_emulator =\n    trainer = scripted\n")
    assert "2 passed" in run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_the_in_process_mode_runs(folder: Path) -> None:
    """A program's own folder comes first on its path."""
    (folder / "program.py").write_text(IN_PROCESS)
    assert run(sys.executable, "program.py") == "200 ok\n"


@pytest.mark.lora
def test_the_trainer_runs_alone(folder: Path, tiny: Path) -> None:
    """``python -m tuning_trainer`` where somebody's ``trainer`` lies."""
    pytest.importorskip("torch")
    (folder / "job.json").write_text(format_job(make_job(folder / "out", tiny)))
    lines = [json.loads(line) for line in run(sys.executable, "-m", "tuning_trainer", "job.json").splitlines()]
    assert lines[-1]["event"] == "done"

"""`python -m tuning_trainer job.json` alone: lines, progress, Ctrl-C, exit status."""

from __future__ import annotations

import dataclasses
import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.models import make_job
from tuning_trainer.learning.loop import run_job
from tuning_trainer.learning.progress import show_progress
from tuning_trainer.spec import Job, format_job

COMMAND = [sys.executable, "-m", "tuning_trainer"]


def write_job(folder: Path, job: Job) -> str:
    path = folder / "job.json"
    path.write_text(format_job(job))
    return str(path)


@pytest.mark.process
def test_lines_and_success(tiny: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        [*COMMAND, write_job(tmp_path, make_job(tmp_path, tiny))], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["started", *["step"] * 19, "checkpoint", "done"]
    assert (Path(lines[-1]["adapter"]) / "adapter_config.json").exists()


@pytest.mark.process
def test_ctrl_c_leaves_a_job_that_goes_on(tiny: Path, tmp_path: Path) -> None:
    path = write_job(tmp_path, make_job(tmp_path, tiny, epochs=100_000))
    with subprocess.Popen([*COMMAND, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if json.loads(line).get("step") == 5:
                process.send_signal(signal.SIGINT)
            last = json.loads(line)
        assert process.wait() == 130
    assert last["event"] == "cancelled"
    with subprocess.Popen([*COMMAND, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["resumed_from"] == last["step"]
        process.send_signal(signal.SIGINT)
        process.stdout.read()


@pytest.mark.process
def test_failed_job_and_wrong_use_have_their_status(tiny: Path, tmp_path: Path) -> None:
    bad = dataclasses.replace(make_job(tmp_path, tiny), max_tokens=1)
    failed = subprocess.run([*COMMAND, write_job(tmp_path, bad)], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["event"] == "failed"
    (tmp_path / "bad.json").write_text('{"id": "x", "directory": ".", "examples": "e", "epochs": "many"}')
    wrong = subprocess.run([*COMMAND, str(tmp_path / "bad.json")], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "epochs: 'many' is not an integer" in wrong.stderr
    assert subprocess.run(COMMAND, capture_output=True, check=False).returncode == 2


def test_terminal_shows_steps_and_result(tiny: Path, tmp_path: Path) -> None:
    text = io.StringIO()
    console = Console(file=text, width=200, force_terminal=True)
    last = show_progress(lambda report: run_job(make_job(tmp_path, tiny), report), console)
    assert last.event == "done"
    shown = text.getvalue()
    assert "15 examples, 19 steps on cpu" in shown
    assert "19/19" in shown
    assert "step-00000019" in shown.replace("\n", "")

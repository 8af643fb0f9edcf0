"""`tuning-emulator tune`: from a dataset to answers, on an emulator of its own or on a running one."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tuning_emulator.cli import main
from tuning_emulator.cli.screen import Answer, PlainScreen, RichScreen, draw_axes, draw_dots, open_screen
from tuning_emulator.cli.tune import _read_pair
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import RunningEmulator, start_emulator

PAIRS = [("one", "two"), ("three", "four"), ("8", "9"), ("-98", "-97")]


@pytest.fixture
def gemini_file(tmp_path: Path) -> str:
    path = tmp_path / "numbers.jsonl"
    path.write_text("".join(json.dumps({"text_input": a, "output": b}) + "\n" for a, b in PAIRS))
    return str(path)


@pytest.fixture
def vertex_file(tmp_path: Path) -> str:
    path = tmp_path / "chats.jsonl"
    lines = [
        {"contents": [{"role": "user", "parts": [{"text": a}]}, {"role": "model", "parts": [{"text": b}]}]}
        for a, b in PAIRS
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


@pytest.fixture(scope="module")
def running(process: None) -> Iterator[RunningEmulator]:
    """An emulator whose jobs take a while."""
    with start_emulator(trainer="scripted", scripted_step_s=0.1) as emulator:
        yield emulator


def tune(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tuning_emulator", "tune", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.process
@pytest.mark.parametrize("api", ["gemini", "vertex"])
def test_a_job_from_dataset_to_answers(api: str, gemini_file: str, vertex_file: str) -> None:
    """The API is seen from the file; an emulator is started, and the tuned model knows what it was shown."""
    file = gemini_file if api == "gemini" else vertex_file
    done = tune(file, "--trainer", "scripted", "--epochs", "5", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["state"] == "SUCCEEDED"
    assert told["job"].startswith("tunedModels/numbers-" if api == "gemini" else "projects/")
    assert told["steps"] == len(told["losses"]) == 5
    assert [one["after"] for one in told["answers"]] == [answer for _, answer in PAIRS]
    assert told["right"] == 4
    assert "only pretends" in done.stderr


@pytest.mark.process
def test_plain_lines_without_a_terminal(vertex_file: str) -> None:
    """What a CI log shows: settings, states, losses, each prompt with what was said before and after."""
    done = tune(vertex_file, "--trainer", "scripted", "--epochs", "5", "--prompt", "8")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0] == "gemini-3.5-flash  4 examples, 5 epochs, batch size 4, 5 steps"
    assert "state  succeeded" in said
    assert said[said.index("prompt  '8'") + 2] == "  after      '9'"
    assert "\x1b" not in done.stdout
    assert "--output DIR" in said[-1]


@pytest.mark.process
def test_a_dataset_that_would_be_refused_starts_nothing(tmp_path: Path) -> None:
    """The checks come first, in the service's words."""
    path = tmp_path / "bad.jsonl"
    path.write_text('{"contents": []}\n')
    done = tune(str(path))
    assert done.returncode == 1
    assert f"{path}:1: Row: 0. The `contents` field must not be empty." in done.stderr


def test_a_dataset_of_another_kind_is_named_with_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the service's words, ours."""
    path = tmp_path / "chat.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}]}\n' * 9)
    assert main(["tune", str(path)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert [line.startswith(f"{path}:") for line in said[:4]] == [True, True, True, False]
    assert said[-2] == f"  tuning-emulator convert {path} chat-vertex.jsonl --to vertex"
    assert said[-1] == "tuning-emulator: the dataset would be refused; nothing was started"


def test_samples_are_found_beside_nulls(tmp_path: Path) -> None:
    """What pandas writes has answers to ask for too; long prompts are cut where they are printed."""
    part = {"text": "1", "fileData": None}
    turns = [{"role": "user", "parts": [part]}, {"role": "model", "parts": [{"text": "2"}]}]
    assert _read_pair(json.dumps({"contents": turns, "systemInstruction": None}).encode()) == ("1", "2")
    out = io.StringIO()
    PlainScreen(out).show_answers([Answer("x" * 5000, "", "y", "z")])
    assert len(out.getvalue()) < 700


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-"], "standard input cannot be uploaded"),
        (["gs://bucket/train.jsonl"], "say which with --url"),
        (["nothing.jsonl"], "No such file"),
    ],
)
def test_what_cannot_begin_exits_with_2(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text says what to change."""
    assert main(["tune", *arguments]) == 2
    assert complaint in capsys.readouterr().err


def test_output_is_looked_at_before_anything_is_tuned(
    vertex_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A directory with something in it is not written into."""
    assert main(["tune", vertex_file, "--output", str(tmp_path)]) == 2
    assert "not an empty directory" in capsys.readouterr().err


def test_ctrl_c_cancels_the_job(vertex_file: str, running: RunningEmulator) -> None:
    """The job on the emulator ends CANCELLED, and the exit status is that of an interrupted program."""
    control = Control(running.url)
    known = {job["name"] for job in control.jobs.list()}
    command = [sys.executable, "-m", "tuning_emulator", "tune", vertex_file, "--epochs", "500", "--url", running.url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        job = await_running(control, known)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, said
    assert control.jobs.get(job)["state"] == "CANCELLED"
    assert "cancelled" in said


def await_running(control: Control, known: set[str]) -> str:
    """The name of a new job, once it takes steps."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        for job in control.jobs.list():
            if job["name"] not in known and job["completed_steps"]:
                return str(job["name"])
        time.sleep(0.05)
    raise AssertionError("no job was started")


def test_a_job_that_fails_says_why(vertex_file: str, running: RunningEmulator) -> None:
    """Trouble made on purpose ends in exit status 1 and the service's error."""
    control = Control(running.url)
    control.job_faults.add(kind="internal_error", at=2)
    try:
        done = tune(vertex_file, "--epochs", "5", "--url", running.url)
    finally:
        control.job_faults.clear()
    assert done.returncode == 1
    assert "the job ended FAILED" in done.stderr


@pytest.mark.process
@pytest.mark.lora
def test_the_adapter_is_written_to_output(gemini_file: str, tmp_path: Path) -> None:
    """A real job leaves a PEFT adapter where it was asked for."""
    pytest.importorskip("torch")
    done = tune(gemini_file, "--epochs", "1", "--output", str(tmp_path / "adapter"))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "adapter").iterdir()} >= {
        "adapter_config.json",
        "adapter_model.safetensors",
    }


def test_lines_say_how_long_the_rest_will_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the mean pace since the first step; nothing before there is one, nor at the end."""
    out, times = io.StringIO(), iter([100.0, 110.0, 140.0])
    monkeypatch.setattr("tuning_emulator.cli.screen.time.monotonic", lambda: next(times))
    screen = PlainScreen(out)
    for done in (1, 2, 4):
        screen.report("tuning", done, 4, [1.0] * done)
    assert [line for line in out.getvalue().splitlines() if line.startswith("step")] == [
        "step  1/4  loss 1.0000",
        "step  2/4  loss 1.0000  20 s to go",
        "step  4/4  loss 1.0000",
    ]


def test_weights_are_of_the_emulator_that_is_started(gemini_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One that runs has its own; a model that is nowhere is named before anything is started."""
    assert main(["tune", gemini_file, "--base-model", "smollm2", "--url", "http://127.0.0.1:9"]) == 2
    assert "start it with serve --base-model" in capsys.readouterr().err


def test_the_screen_of_a_terminal() -> None:
    """Bar, curve and table, with a mark where the tuned model is right."""
    console = Console(width=90, record=True, file=io.StringIO(), force_terminal=True)
    screen = RichScreen(console)
    screen.say("gemini-3.5-flash", "4 examples")
    for done in range(3):
        screen.report("tuning", done, 2, [1.0, 0.5][:done])
    screen.finish([1.0, 0.5])
    screen.show_answers([Answer("8", "9", "8", "9"), Answer("a\nb", "c", "", "d")])
    drawn = console.export_text()
    assert "2/2 steps  loss 0.5000" in drawn
    assert "1.00 ┤" in drawn
    rows = [line.split() for line in drawn.splitlines()]
    assert ["8", "9", "8", "✓", "9"] in rows
    assert ["a⏎b", "c", "(nothing)", "✗", "d"] in rows


def test_no_terminal_no_colours() -> None:
    """Lines for files and pipes, bars for people."""
    assert isinstance(open_screen(io.StringIO(), plain=False), PlainScreen)


@pytest.mark.parametrize("losses", [[1.0], [0.0, 0.0], [2.0, 1.0, 0.5], [0.1 * n for n in range(500)]])
def test_curves_have_their_size_whatever_they_show(losses: list[float]) -> None:
    """Any number of steps fits; the ends of the axis are the first and the last step."""
    dots = draw_dots(losses, columns=30, rows=5)
    assert [len(line) for line in dots] == [30] * 5
    lines: list[Any] = draw_axes(losses, columns=30, rows=5)
    assert lines[-1][0].endswith(f"step {len(losses)}")

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
from tuning_emulator.cli.curves import Curves
from tuning_emulator.cli.screen import Answer, PlainScreen, open_screen
from tuning_emulator.cli.terminal import RichScreen
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import RunningEmulator, start_emulator

CURVES = Curves((1.0, 0.5), ((1, 1.5), (2, 0.9)))
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
    assert said[0] == "gemini-3.5-flash  supervised tuning, 4 examples, 5 epochs, batch size 4, 5 steps"
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
    assert said[0].startswith(f"{path}:1: ")
    assert said[1] == "  and 8 more like line 1"
    assert said[-2] == f"  tuning-emulator convert {path} chat-vertex.jsonl --to vertex"
    assert said[-1] == "tuning-emulator: the dataset would be refused; nothing was started"


def turn(role: str, *parts: object) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": one} if isinstance(one, str) else one for one in parts]}


LOOK_UP = {"name": "look_up", "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}}
CALL = {"functionCall": {"name": "look_up", "args": {"city": "Rome"}}}
ROWS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "turns": (
        {"contents": [turn("user", "1"), turn("model", "2"), turn("user", "and?"), turn("model", "3")]},
        "user: 1\nmodel: 2\nuser: and?",
        "3",
        "supervised",
    ),
    "system": (
        {"systemInstruction": turn("system", "Count."), "contents": [turn("user", "1"), turn("model", "2")]},
        "system: Count.\nuser: 1",
        "2",
        "supervised",
    ),
    "preference": (
        {
            "contents": [turn("user", "Is 7 odd?")],
            "completions": [
                {"score": 0, "completion": turn("model", "No.")},
                {"score": 1, "completion": turn("model", "Yes.")},
            ],
        },
        "Is 7 odd?",
        "Yes.",
        "preference",
    ),
    "JSON": (
        {"contents": [turn("user", "Two apples"), turn("model", '{"fruit": "apple", "count": 2}')]},
        "Two apples",
        '{"fruit": "apple", "count": 2}',
        "supervised",
    ),
    "tools": (
        {
            "contents": [turn("user", "Rome?"), turn("model", CALL)],
            "tools": [{"functionDeclarations": [LOOK_UP]}],
        },
        "tools: look_up\nuser: Rome?",
        'look_up({"city": "Rome"})',
        "supervised",
    ),
}


@pytest.mark.process
@pytest.mark.parametrize("kind", ROWS)
def test_every_kind_of_data_is_asked_for(kind: str, running: RunningEmulator, tmp_path: Path) -> None:
    """The method by the form, each question as the row has it, and the answer that the row says, a call in words."""
    row, prompt, expected, method = ROWS[kind]
    path = tmp_path / "train.jsonl"
    path.write_text((json.dumps(row) + "\n") * 10)
    done = tune(str(path), "--epochs", "1", "--url", running.url, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (answer,) = told["answers"]
    assert (told["method"], answer["prompt"], answer["expected"]) == (method, prompt, expected)
    assert (answer["after"], told["right"]) == (expected, 1)
    assert (answer["rejected"] == "No.") == (kind == "preference")


def test_texts_are_whole_without_a_terminal() -> None:
    """However long."""
    out = io.StringIO()
    PlainScreen(out).show_answers([Answer("x" * 5000, "", "y", "z\nz")])
    assert out.getvalue().splitlines() == [f"prompt  {'x' * 5000!r}", "  before     'y'", "  after      'z\\nz'"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-"], "a pipe can be read once"),
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
        screen.report("tuning", done, 4, Curves((1.0,) * done))
    assert [line for line in out.getvalue().splitlines() if line.startswith("step")] == [
        "step  1/4  loss 1.0000",
        "step  2/4  loss 1.0000  20 s to go",
        "step  4/4  loss 1.0000",
    ]


def test_weights_are_of_the_emulator_that_is_started(gemini_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One that runs has its own; a model that is nowhere is named before anything is started."""
    for option, value in (("--base-model", "smollm2"), ("--trainer", "lora")):
        assert main(["tune", gemini_file, option, value, "--url", "http://127.0.0.1:9"]) == 2
        assert f"{option}: the emulator at --url runs already; start it with serve {option}" in capsys.readouterr().err


def draw(width: int, *answers: Answer, curves: Curves = CURVES) -> str:
    """What a terminal of a width shows of a whole job."""
    console = Console(width=width, height=40, record=True, file=io.StringIO(), force_terminal=True)
    screen = RichScreen(console)
    screen.say("gemini-3.5-flash", "4 examples")
    for done in range(len(curves.train) + 1):
        screen.report("tuning", done, len(curves.train), Curves(curves.train[:done], curves.validation[:done]))
    screen.finish(curves)
    screen.show_answers(answers)
    drawn = console.export_text()
    assert max(len(line) for line in drawn.splitlines()) <= width
    return drawn


def test_short_answers_are_a_table() -> None:
    """Bar, both curves, and a mark where the tuned model is right."""
    drawn = draw(90, Answer("8", "9", "8", "9"), Answer("a", "c", "", "d"))
    assert "2/2 steps  loss 0.5000" in drawn
    assert "1.50 ┤" in drawn
    assert "● validation 0.9000, lowest 0.9000 at step 2" in drawn
    rows = [line.split() for line in drawn.splitlines()]
    assert ["8", "9", "8", "✓", "9"] in rows
    assert ["a", "c", "(nothing)", "✗", "d"] in rows


@pytest.mark.parametrize("width", [60, 80, 120])
def test_long_answers_are_whole(width: int) -> None:
    """Wrapped below each other at any width; nothing is cut, nothing steers the terminal."""
    words = [f"word{number}" for number in range(100)]
    answer = Answer("one\ntwo", " ".join(words), "\x1b[31mred", "x" * 300, "never")
    drawn = draw(width, answer)
    assert all(word in drawn for word in words)
    assert drawn.count("x") - drawn.count("expected") - drawn.count("axis") >= 300
    assert "…" not in drawn.split("prompt")[1]
    assert "\x1b[31m" not in drawn
    assert [
        name
        for line in drawn.splitlines()
        for name in ("expected", "rejected", "before", "after")
        if f" {name} " in line
    ]


def test_json_is_compared_by_its_values() -> None:
    """Spaces and the order of fields say nothing; other texts count letter by letter."""
    assert Answer("", '{"a": 1, "b": [2]}', "", '{"b":[2],"a":1}').right
    assert Answer("", "yes", "", " yes\n").right
    assert not Answer("", "[1, 2]", "", "[2, 1]").right
    assert not Answer("", "1", "", "1.0").right
    assert not Answer("", "", "", "").right


def test_no_terminal_no_colours() -> None:
    """Lines for files and pipes, bars for people."""
    assert isinstance(open_screen(io.StringIO(), plain=False), PlainScreen)


def test_lines_tell_the_validation_loss() -> None:
    """As it is measured, and what it came to at the end."""
    out = io.StringIO()
    screen = PlainScreen(out)
    for done in (1, 2):
        screen.report("tuning", done, 2, Curves((1.0, 0.5)[:done], ((1, 0.7), (2, 0.8))[:done]))
    screen.finish(Curves((1.0, 0.5, 0.4), ((1, 0.7), (2, 0.6), (3, 0.8))))
    said = out.getvalue().splitlines()
    assert [line for line in said if line.startswith("validation")] == [
        "validation  step 1  loss 0.7000",
        "validation  step 2  loss 0.8000",
        "validation  0.7000 at step 1, 0.8000 at step 3, lowest 0.6000 at step 2",
    ]
    assert "loss  1.0000 at step 1, 0.4000 at step 3" in said

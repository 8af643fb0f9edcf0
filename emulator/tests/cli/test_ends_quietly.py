"""Commands whose reader has gone, and commands that are interrupted, end without a word about Python."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuning_emulator.cli import COMMANDS
from tuning_emulator.testing.client import Control, NoAnswerError, send_request
from tuning_emulator.testing.process import RunningEmulator, start_emulator

pytestmark = pytest.mark.process

PROGRAM = (sys.executable, "-m", "tuning_emulator")
PAIR = '{"contents": [{"role": "user", "parts": [{"text": "1"}]}, {"role": "model", "parts": [{"text": "2"}]}]}\n'
LIMIT_S = 60


@pytest.fixture(scope="module")
def emulator(process: None) -> Iterator[RunningEmulator]:
    """One with a hundred requests in its journal."""
    with start_emulator(trainer="scripted") as running:
        for _ in range(100):
            status, answer = send_request(f"{running.url}/v1beta/models", "GET", None, {"x-goog-api-key": "key"})
            answer.close()
            assert status == 200
        yield running


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text(PAIR * 20)
    return path


def run_without_reader(*arguments: str) -> tuple[int, str]:
    """Exit status and standard error of a command whose standard output nobody reads."""
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [*PROGRAM, *arguments], stdout=write, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False
        )
    finally:
        os.close(write)
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_into_a_closed_pipe(command: str) -> None:
    assert run_without_reader(command, "--help") == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["rules"],
        ["doctor", "--json"],
        ["completion", "bash"],
        ["validate", "{dataset}"],
        ["validate", "{dataset}", "--json"],
        ["convert", "{dataset}", "-", "--to", "vertex"],
        ["models", "list"],
        ["tune", "{dataset}", "--trainer", "scripted", "--epochs", "1"],
        ["demo", "--trainer", "scripted"],
        *([name, "--url", "{url}"] for name in ("env", "clock", "pace", "as-of", "scenario")),
        ["journal", "--limit", "100", "--url", "{url}"],
        ["journal", "--json", "--limit", "100", "--url", "{url}"],
        ["export", "{folder}/state.tar.gz", "--url", "{url}"],
    ],
    ids=" ".join,
)
def test_output_into_a_closed_pipe(
    arguments: list[str], dataset: Path, emulator: RunningEmulator, tmp_path: Path
) -> None:
    """`| head` is no error, and nothing is said about pipes."""
    given = [one.format(dataset=dataset, url=emulator.url, folder=tmp_path) for one in arguments]
    status, said = run_without_reader(*given)
    assert status == 0
    assert "Traceback" not in said
    assert "pipe" not in said.lower()


def test_a_server_goes_on_without_a_reader() -> None:
    """`serve | head -1`: the address has been seen."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    read, write = os.pipe()
    os.close(read)
    command = [*PROGRAM, "serve", "--trainer", "scripted", "--port", str(port), "--storage-port", "0"]
    with subprocess.Popen(command, stdout=write, stderr=subprocess.PIPE, text=True) as process:
        os.close(write)
        limit, answered = time.monotonic() + LIMIT_S, ""
        while not answered and time.monotonic() < limit:
            with contextlib.suppress(NoAnswerError):
                answered = Control(f"http://127.0.0.1:{port}").health()["status"]
        process.terminate()
        _, said = process.communicate(timeout=LIMIT_S)
    assert (answered, process.returncode, said) == ("ok", -signal.SIGTERM, "")


@pytest.fixture
def silent() -> Iterator[tuple[str, socket.socket]]:
    """A server that takes connections and says nothing: its address, and its socket."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(LIMIT_S)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", listening


def interrupt(process: subprocess.Popen[str]) -> str:
    """Ctrl-C; what it says to that."""
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=LIMIT_S)
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in said
    assert "Exception" not in said
    return said


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["env"],
        ["pace"],
        ["clock"],
        ["as-of"],
        ["scenario"],
        ["faults"],
        ["journal"],
        ["reset"],
        ["export", "{folder}/state.tar.gz"],
        ["import", "{dataset}"],
        ["export-adapter", "tunedModels/x", "{folder}/adapter"],
        ["models", "list"],
        ["doctor"],
        ["tune", "{dataset}"],
        ["rehearse", "gs://bucket/train.jsonl", "--storage", "{url}"],
        ["validate", "gs://bucket/train.jsonl", "--storage", "{url}"],
    ],
    ids=lambda one: one[0],
)
def test_ctrl_c_while_a_server_does_not_answer(
    arguments: list[str], silent: tuple[str, socket.socket], dataset: Path, tmp_path: Path
) -> None:
    """The request has been sent by then; nothing is left behind."""
    url, listening = silent
    given = [one.format(dataset=dataset, folder=tmp_path, url=url) for one in arguments]
    where = [] if "--storage" in given else ["--url", url]
    with start(*given, *where) as process, contextlib.closing(listening.accept()[0]):
        assert "tuning-emulator: " in interrupt(process)
    assert [one.name for one in tmp_path.iterdir()] == [dataset.name]


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", "{pipe}", "--api", "vertex"],
        ["validate", "{pipe}", "--api", "gemini"],
        ["convert", "{pipe}", "{folder}/out.jsonl", "--to", "vertex"],
    ],
    ids=" ".join,
)
def test_ctrl_c_while_a_file_has_no_end(arguments: list[str], tmp_path: Path) -> None:
    """The command reads by the time that the pipe can be opened for writing."""
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    with start(*(one.format(pipe=pipe, folder=tmp_path) for one in arguments)) as process, pipe.open("w"):
        assert "tuning-emulator: " in interrupt(process)
    assert [one.name for one in tmp_path.iterdir()] == [pipe.name]


@pytest.mark.parametrize(
    "arguments", [["serve", "--port", "0"], ["demo", "--trainer", "scripted"]], ids=lambda one: one[0]
)
def test_ctrl_c_once_something_is_shown(arguments: list[str]) -> None:
    """A server and the demo, after their first line."""
    with start(*arguments) as process:
        assert process.stdout is not None
        process.stdout.readline()
        interrupt(process)

"""The server as a process: what it prints, what it refuses, how it ends, what survives it."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from tests.server_process import RunningServer, children_of, running_server, start_server, stop_server
from tuning_emulator.storage.store import Storage
from tuning_emulator.testing.process import end_process, launch

pytestmark = pytest.mark.process

PAIRS = [("1", "2"), ("3", "4"), ("seven", "eight"), ("eighty", "eighty one"), ("1,000", "1,001")]
KEY = {"x-goog-api-key": "test"}


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    command = [sys.executable, "-m", "tuning_emulator", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def create_tuned_model(server: RunningServer, epochs: int = 5) -> dict[str, Any]:
    """Starts a tuning job over REST; answers the operation."""
    examples = [{"textInput": text, "output": output} for text, output in PAIRS]
    body = {
        "displayName": "numbers",
        "baseModel": "models/gemini-1.5-flash-001-tuning",
        "tuningTask": {
            "hyperparameters": {"epochCount": epochs, "batchSize": 2, "learningRate": 0.001},
            "trainingData": {"examples": {"examples": examples}},
        },
    }
    answer = httpx.post(f"{server.url}/v1beta/tunedModels", json=body, headers=KEY, timeout=30)
    assert answer.status_code == 200, answer.text
    operation: dict[str, Any] = answer.json()
    return operation


def read(server: RunningServer, name: str) -> dict[str, Any]:
    """GET of a Gemini resource."""
    answer = httpx.get(f"{server.url}/v1beta/{name}", headers=KEY, timeout=30)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def wait_for_end(server: RunningServer, name: str, timeout_s: float = 60) -> dict[str, Any]:
    """The tuned model once it is ACTIVE or FAILED."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        model = read(server, name)
        if model["state"] != "CREATING":
            return model
        time.sleep(0.05)
    raise AssertionError(f"{name} is still CREATING after {timeout_s} s")


def test_it_says_where_it_is_and_what_runs() -> None:
    """The address and the variables work; health agrees with what was printed."""
    with running_server("--trainer", "scripted") as server:
        health = json.load(urllib.request.urlopen(f"{server.url}/emulator/v1/health", timeout=10))
        assert (health["status"], health["trainer"]["name"]) == ("ok", "scripted")
        assert health["storage"]["url"] == server.environment["STORAGE_EMULATOR_HOST"]
        assert "scripted (pretends" in server.announcement
        printed = subprocess.run(
            [sys.executable, "-m", "tuning_emulator", "env", "--url", server.url],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert [line for line in printed.stdout.splitlines() if line not in server.announcement] == []
        assert f"export GOOGLE_VERTEX_BASE_URL={server.url}" in printed.stdout


def test_it_says_so_to_programs_too() -> None:
    """One JSON object: health, and the variables."""
    command = [sys.executable, "-m", "tuning_emulator", "serve", "--port", "0", "--trainer", "scripted", "--json"]
    with subprocess.Popen(
        [*command, "--until-eof"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert json.load(urllib.request.urlopen(f"{told['url']}/emulator/v1/health", timeout=10))["status"] == "ok"
        assert told["trainer"]["name"] == "scripted"
        assert told["variables"]["GOOGLE_VERTEX_BASE_URL"] == told["url"]
        said, _ = process.communicate(timeout=60)  # the end of its standard input is its end
        assert said == ""


def test_env_without_a_server_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 1 and the address that was tried."""
    from tuning_emulator.cli import main

    assert main(["env", "--url", "http://127.0.0.1:1"]) == 1
    assert "http://127.0.0.1:1" in capsys.readouterr().err


def test_a_taken_port_is_named() -> None:
    """Exit status 1, with a way out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-m", "tuning_emulator", "serve", "--port", port],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert port in line
    assert "--port" in line


def test_a_data_directory_in_use_is_named(tmp_path: Path) -> None:
    """The second server refuses and leaves the first alone."""
    with running_server("--trainer", "scripted", "--data-dir", str(tmp_path)) as server:
        ended = run_command("serve", "--port", "0", "--data-dir", str(tmp_path))
        assert (ended.returncode, str(tmp_path) in ended.stderr) == (1, True)
        assert read(server, "tunedModels") == {}


def test_a_data_directory_is_one_servers_though_its_lock_is_removed(tmp_path: Path) -> None:
    """Whoever removes the file `lock` gives nothing away."""
    with running_server("--trainer", "scripted", "--data-dir", str(tmp_path)) as server:
        (tmp_path / "lock").unlink()
        ended = run_command("serve", "--port", "0", "--data-dir", str(tmp_path))
        assert (ended.returncode, "is in use by another tuning-emulator" in ended.stderr) == (1, True)
        assert read(server, "tunedModels") == {}


def spoil_data(directory: Path, what: str) -> Path:
    """A data directory that cannot be used; the path to give."""
    if what == "a file":
        (directory / "file").write_text("x")
        return directory / "file"
    path = directory / "emulator.sqlite3"
    if what == "no database":
        path.write_bytes(b"no database" * 1000)
        return directory
    if "objects" in what:
        Storage(directory / "buckets", lambda: 0).close()
        (path,) = (directory / "buckets").glob("*.sqlite3")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE filled (text)")
        connection.executemany("INSERT INTO filled VALUES (?)", [("x" * 500,)] * 200)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        last = connection.execute("PRAGMA page_count").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((last - 2) * 4096)
        file.write(b"\xff" * 4096)
    return directory


@pytest.mark.parametrize("what", ["a file", "no database", "a damaged page", "a damaged page of objects"])
def test_an_unusable_data_directory_is_named_in_one_line(what: str, tmp_path: Path) -> None:
    """What it is and how to go on, and no traceback; nothing is served from half a store."""
    directory = spoil_data(tmp_path, what)
    ended = run_command("serve", "--port", "0", "--trainer", "scripted", "--data-dir", str(directory))
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("tuning-emulator: ")
    assert str(directory) in line
    assert "choose another" in line or " away" in line


@pytest.mark.parametrize(("host", "warns"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_a_server_for_everybody_says_so(host: str, warns: bool, tmp_path: Path) -> None:
    """One line, unless it is for this machine alone."""
    log = tmp_path / "log"
    options = ("--port", "0", "--storage-port", "0", "--trainer", "scripted", "--host", host)
    process = launch(options, log, subprocess.STDOUT).process
    assert process is not None
    end_process(process)
    assert log.read_text().count("every key is good") == warns


def test_models_survive_a_restart_and_answer(tmp_path: Path) -> None:
    """Nothing a user stored is lost."""
    arguments = ("--trainer", "scripted", "--data-dir", str(tmp_path))
    with running_server(*arguments) as server:
        name = create_tuned_model(server)["metadata"]["tunedModel"]
        before = wait_for_end(server, name)
    with running_server(*arguments) as server:
        assert read(server, name) == before
        asked = {"contents": [{"parts": [{"text": "seven"}]}]}
        answer = httpx.post(f"{server.url}/v1beta/{name}:generateContent", json=asked, headers=KEY, timeout=30).json()
        assert answer["candidates"][0]["content"]["parts"][0]["text"] == "eight"
        assert read(server, f"{name}/permissions")["permissions"][0]["role"] == "OWNER"


@pytest.mark.parametrize("trainer", ["scripted", pytest.param("lora", marks=pytest.mark.lora)])
def test_a_job_under_way_when_the_server_is_killed_ends_after_the_restart(trainer: str, tmp_path: Path) -> None:
    """Killed for real in the middle of a job; the next server takes the job to its end, with every step once."""
    if trainer == "lora":
        pytest.importorskip("torch")
    data = ("--trainer", trainer, "--data-dir", str(tmp_path))
    server = start_server(*data, "--scripted-step-s", "0.05")
    operation = create_tuned_model(server, epochs=60)
    deadline = time.monotonic() + 60
    while read(server, operation["name"])["metadata"].get("completedSteps", 0) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    stop_server(server, signal.SIGKILL)
    with running_server(*data) as server:
        model = wait_for_end(server, operation["metadata"]["tunedModel"])
        assert model["state"] == "ACTIVE"
        assert [point["step"] for point in model["tuningTask"]["snapshots"]] == list(range(1, 151))


@pytest.mark.lora
def test_stopping_leaves_no_process_behind() -> None:
    """The trainer's process and its children end with the server."""
    pytest.importorskip("torch")
    server = start_server("--trainer", "lora")
    create_tuned_model(server, epochs=200)
    time.sleep(1)
    started = children_of(server.process.pid)
    assert started
    stop_server(server)
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in started) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []


HALF_SENT = (
    ("/v1beta/tunedModels", "application/json"),
    ("/emulator/v1/snapshot", "application/gzip"),
    ("/emulator/v1/clock:advance", "application/json"),
    ("/storage/v1/b", "application/json"),
    ("/upload/storage/v1/b/data/o?uploadType=media&name=x", "text/plain"),
)


def send_half(server: RunningServer) -> list[socket.socket]:
    """Requests whose bodies never come whole, one that has no end, one that has no beginning."""
    address = ("127.0.0.1", httpx.URL(server.url).port or 0)
    left = [socket.create_connection(address) for _ in range(len(HALF_SENT) + 2)]
    for connection, (path, kind) in zip(left, HALF_SENT, strict=False):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Tuning-Emulator: 1\r\nContent-Type: {kind}\r\n"
        connection.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
    left[-1].sendall(b"GET /v1be")
    return left


def call_silently(server: RunningServer) -> tuple[grpc.Channel, threading.Event]:
    """Calls whose requests never come."""
    channel, end = grpc.insecure_channel(httpx.URL(server.url).netloc.decode()), threading.Event()

    def wait() -> Iterator[bytes]:
        end.wait()
        yield from ()

    for method in ("BidiWriteObject", "WriteObject"):
        channel.stream_stream(f"/google.storage.v2.Storage/{method}")(wait())
    return channel, end


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_stops_whatever_clients_do(how: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half-sent requests and silent calls do not keep it; the export on exit is done, nothing temporary stays."""
    (temporary := tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    archive = tmp_path / "left.tar.gz"
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may run under `nohup`
    try:
        server = start_server("--trainer", "scripted", "--bucket", "data", "--export-on-exit", str(archive))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert any(temporary.iterdir())
    left, (channel, end) = send_half(server), call_silently(server)
    assert read(server, "tunedModels") == {}  # what came before is being waited for by now
    assert stop_server(server, how) == -(signal.SIGINT if how is signal.SIGINT else signal.SIGTERM)
    assert archive.stat().st_size
    assert list(temporary.iterdir()) == []
    end.set()
    channel.close()
    for connection in left:
        connection.close()


def test_a_server_that_is_to_outlive_its_terminal_does() -> None:
    """`nohup` ignores SIGHUP for its program, and so it stays."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        server = start_server("--trainer", "scripted")
    finally:
        signal.signal(signal.SIGHUP, before)
    server.process.send_signal(signal.SIGHUP)
    assert read(server, "tunedModels") == {}
    assert stop_server(server) == -signal.SIGTERM

"""An emulator of the demo's own: free ports, a data directory that goes away with it."""

from __future__ import annotations

import json
import queue
import shlex
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

START_LIMIT_S = 60.0
READY = "Stop with Ctrl-C."
PROGRAM = (sys.executable, "-m", "tuning_emulator")


@dataclass(frozen=True, slots=True)
class Progress:
    """Steps done, steps in all (0 before training), mean loss of each step so far."""

    done: int
    total: int
    losses: list[float]


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator: where it answers, where its storage does, and how long it took to start."""

    url: str
    storage_url: str
    start_s: float

    def health(self) -> dict[str, Any]:
        """What the health route says now."""
        with urllib.request.urlopen(f"{self.url}/emulator/v1/health", timeout=10) as answer:  # noqa: S310 - loopback
            said: dict[str, Any] = json.load(answer)
        return said

    def read_progress(self, job: str) -> Progress:
        """How far a job is, from the emulator's own API: Vertex AI keeps the losses in TensorBoard."""
        with urllib.request.urlopen(f"{self.url}/emulator/v1/jobs/{job}", timeout=10) as answer:  # noqa: S310 - loopback
            said = json.load(answer)
        losses = [point["loss"] for point in said["metrics"] if point["kind"] == "train"]
        return Progress(said["completed_steps"], said["total_steps"], losses)


class StartError(RuntimeError):
    """The server did not start; the text is what it said."""


@contextmanager
def start(*options: str, program: Sequence[str] = PROGRAM) -> Iterator[Emulator]:
    """Runs `tuning-emulator serve` until the block ends, then stops it.

    Args:
        options: Of `serve`, besides port and data directory.
        program: What `tuning-emulator` is here.

    Raises:
        StartError: it ended, or said nothing for a minute.
    """
    with tempfile.TemporaryDirectory(prefix="tuning-emulator-demo-") as folder:
        command = [*program, "serve", "--port", "0", "--data-dir", folder, *options]
        began = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            yield await_ready(process, began)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def await_ready(process: subprocess.Popen[str], began: float) -> Emulator:
    """Reads what the server prints up to its last line of welcome; later lines are read and dropped."""
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=read_lines, args=(process, lines), daemon=True).start()
    said: list[str] = []
    variables: dict[str, str] = {}
    while READY not in (said or [""])[-1]:
        try:
            line = lines.get(timeout=max(0.1, began + START_LIMIT_S - time.monotonic()))
        except queue.Empty:
            line = None
        if line is None:
            raise StartError("the server did not start:\n" + "\n".join(said))
        said.append(line)
        if line.strip().startswith("export "):
            name, _, value = shlex.split(line)[1].partition("=")
            variables[name] = value
    storage = variables["STORAGE_EMULATOR_HOST"]
    return Emulator(variables["GOOGLE_GEMINI_BASE_URL"], storage, time.monotonic() - began)


def read_lines(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    """Keeps the server's output flowing; None at its end."""
    for line in process.stdout or ():
        lines.put(line.rstrip("\n"))
    lines.put(None)

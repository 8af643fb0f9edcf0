"""A server in a process of its own, as a user starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STOP_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers. ``environment``: the variables that it printed."""

    process: subprocess.Popen[str]
    url: str
    environment: dict[str, str]
    announcement: str


def start_server(*arguments: str, cwd: Path | None = None) -> RunningServer:
    """Starts ``tuning-emulator serve`` on free ports and waits until it says that it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tuning_emulator", "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Stop with"):
            break
    text = "".join(lines)
    found = re.findall(r"export (\w+)=(\S+)", text)
    assert found, f"the server ended with {process.wait(STOP_TIMEOUT_S)}: {text}"
    environment = dict(found)
    return RunningServer(process, environment["GOOGLE_GEMINI_BASE_URL"], environment, text)


def stop_server(server: RunningServer, how: int = signal.SIGTERM) -> int:
    """Stops it; answers its exit status."""
    server.process.send_signal(how)
    try:
        return server.process.wait(STOP_TIMEOUT_S)
    finally:
        server.process.kill()
        if server.process.stdout is not None:
            server.process.stdout.close()


@contextmanager
def running_server(*arguments: str, cwd: Path | None = None) -> Iterator[RunningServer]:
    """A server for the length of a block."""
    server = start_server(*arguments, cwd=cwd)
    try:
        yield server
    finally:
        stop_server(server)


def children_of(pid: int) -> list[int]:
    """Processes that a process has started and that still run."""
    return [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]

"""A server in a process of its own, as a user starts it."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tuning_emulator.testing.process import launch

STOP_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers. ``environment``: the variables that it printed."""

    process: subprocess.Popen[bytes]
    url: str
    environment: dict[str, str]
    announcement: str


def start_server(*arguments: str) -> RunningServer:
    """Starts ``tuning-emulator serve`` on free ports and waits until it says that it answers."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        running = launch(["--port", "0", *arguments], log)
        text = log.read_text()
    assert running.process is not None
    return RunningServer(running.process, running.url, dict(re.findall(r"export (\w+)=(\S+)", text)), text)


def stop_server(server: RunningServer, how: int = signal.SIGTERM) -> int:
    """Stops it; answers its exit status."""
    server.process.send_signal(how)
    try:
        return server.process.wait(STOP_TIMEOUT_S)
    finally:
        server.process.kill()
        if server.process.stdin is not None:
            server.process.stdin.close()


@contextmanager
def running_server(*arguments: str) -> Iterator[RunningServer]:
    """A server for the length of a block."""
    server = start_server(*arguments)
    try:
        yield server
    finally:
        stop_server(server)


def children_of(pid: int) -> list[int]:
    """Processes that a process has started and that still run."""
    return [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]

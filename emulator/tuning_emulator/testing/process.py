"""An emulator in a process of its own, for as long as a block lasts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tuning_emulator.settings import format_options
from tuning_emulator.testing.client import Control

START_LIMIT_S = 60.0
STOP_LIMIT_S = 20.0
HEALTH_LIMIT_S = 10.0
_POLL_S = 0.01
_READY = "Stop with Ctrl-C."
_ADDRESS = re.compile(r"answers at (\S+)")


class StartError(RuntimeError):
    """The emulator did not start; the text is what it said."""


@dataclass(frozen=True, slots=True)
class RunningEmulator:
    """One that answers.

    Attributes:
        url: Of both APIs and of the control API.
        storage_url: Of the embedded Cloud Storage; "" when the real one is used.
        pid: Of its process. log: File that it writes its output to.
    """

    url: str
    storage_url: str
    pid: int
    log: Path


@contextmanager
def start_emulator(**settings: object) -> Iterator[RunningEmulator]:
    """Runs ``tuning-emulator serve`` until the block ends; it ends too when this process dies.

    Args:
        settings: As in ``tuning_emulator.settings.Settings``; the ports are free ones unless given.

    Raises:
        StartError: it ended, or was not ready within a minute.
        TypeError: there is no such setting.
    """
    options = format_options({"port": 0, "storage_port": 0, **settings})
    with tempfile.TemporaryDirectory(prefix="tuning-emulator-log-") as folder:
        log = Path(folder) / "log.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 our own program
                [sys.executable, "-P", "-m", "tuning_emulator", "serve", "--until-eof", *options],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the program that started it, which then ends it
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        try:
            url = _await_ready(process, log)
            yield RunningEmulator(
                url, str(Control(url, timeout_s=HEALTH_LIMIT_S).health()["storage"]["url"]), process.pid, log
            )
        finally:
            assert process.stdin is not None
            process.stdin.close()
            end_process(process)


def _await_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    limit = time.monotonic() + START_LIMIT_S
    while time.monotonic() < limit:
        ended = process.poll() is not None
        said = log.read_text(encoding="utf-8", errors="replace")
        if _READY in said and (found := _ADDRESS.search(said)):
            return found[1]
        if ended:
            break
        time.sleep(_POLL_S)
    raise StartError(f"the emulator did not start:\n{log.read_text(encoding='utf-8', errors='replace')}")


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Asks it to end, and makes it after ``STOP_LIMIT_S``."""
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

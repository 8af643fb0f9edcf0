"""An emulator in a process of its own, for as long as a block lasts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tuning_emulator.settings import format_options
from tuning_emulator.testing.client import Control

START_LIMIT_S = 60.0
STOP_LIMIT_S = 20.0
HEALTH_LIMIT_S = 10.0
PROGRAM = (sys.executable, "-P", "-m", "tuning_emulator")
"""``tuning-emulator`` as it is installed here, whatever lies where one stands (``-P``)."""
_POLL_S = 0.01
_READY = "Stop with Ctrl-C."
_ADDRESS = re.compile(r"answers at (\S+)")


class StartError(RuntimeError):
    """The emulator did not start; the text is what it said.

    Attributes:
        status: Its exit status.
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class RunningEmulator:
    """One that answers.

    Attributes:
        url: Of both APIs and of the control API.
        storage_url: Of the embedded Cloud Storage; "" when the real one is used.
        process, log: Its process, and the file that it writes its output to; None when somebody else has started it.
    """

    url: str
    storage_url: str
    process: subprocess.Popen[bytes] | None = None
    log: Path | None = None

    @property
    def pid(self) -> int:
        """Of its process; 0 when that is not known."""
        return self.process.pid if self.process else 0


@contextmanager
def start_emulator(**settings: object) -> Iterator[RunningEmulator]:
    """Runs ``tuning-emulator serve`` until the block ends; it ends too when this process dies.

    Args:
        settings: As in ``tuning_emulator.settings.Settings``; the ports are free ones unless given.

    Raises:
        StartError: it ended, or was not ready within a minute.
        TypeError: there is no such setting.
    """
    with run_server(*format_options({"port": 0, "storage_port": 0, **settings})) as running:
        yield running


@contextmanager
def run_server(*options: str, quiet: bool = True, program: Sequence[str] = PROGRAM) -> Iterator[RunningEmulator]:
    """The same with the options of ``serve`` as one types them.

    Args:
        quiet: Its log goes to its file too, not to our standard error.
        program: What ``tuning-emulator`` is.
    """
    with tempfile.TemporaryDirectory(prefix="tuning-emulator-log-") as folder:
        running = launch(options, Path(folder) / "log.txt", subprocess.STDOUT if quiet else None, program)
        try:
            yield running
        finally:
            assert running.process is not None
            end_process(running.process)


def launch(
    options: Iterable[str], log: Path, errors: int | None = None, program: Sequence[str] = PROGRAM
) -> RunningEmulator:
    """A server that ends with us, in a session of its own: Ctrl-C is for us, who then end it.

    Args:
        log: Its standard output. errors: Its standard error, as of ``subprocess.Popen``.

    Raises:
        StartError: see ``start_emulator``.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 our own program
            [*program, "serve", "--until-eof", *options],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        url = _await_ready(process, log)
        storage_url = Control(url, timeout_s=HEALTH_LIMIT_S).health()["storage"]["url"]
    except BaseException:
        end_process(process)
        raise
    return RunningEmulator(url, str(storage_url), process, log)


def _await_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    limit = time.monotonic() + START_LIMIT_S
    while True:
        ended = process.poll() is not None
        said = log.read_text(encoding="utf-8", errors="replace")
        if _READY in said and (found := _ADDRESS.search(said)):
            return found[1]
        if ended or time.monotonic() > limit:
            raise StartError(f"the emulator did not start:\n{said}", process.returncode or 1)
        time.sleep(_POLL_S)


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Asks it to end, and makes it after ``STOP_LIMIT_S``."""
    if process.stdin is not None:
        process.stdin.close()
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

"""``tuning-emulator exec -- COMMAND``: runs a program, unchanged, with the emulator in place of Google."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tuning_emulator.cli import serve
from tuning_emulator.cli.leading import UnreachedError, count_requests, create_environment, read_emulator, warn_of_keys
from tuning_emulator.cli.values import want_url
from tuning_emulator.settings import format_options, name_variable
from tuning_emulator.testing.process import StartError, run_server

_FORWARDED = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
)
_FROM_TERMINAL = (signal.SIGINT, getattr(signal, "SIGQUIT", signal.SIGINT))

UNLED = (
    "no request reached the emulator. If there should have been some: a program whose certificates are compiled in, or "
    "that asks for no proxy (Rust's webpki-roots and tonic, some Android and PHP clients), has to be given {url} itself"
)
"""Said after a program that asked for nothing: runtimes that cannot be led leave for Google's real hosts in silence."""


class ExecError(Exception):
    """The program cannot be run; the text says why, ``status`` is what a shell would answer."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of ``serve``, for the emulator that is started, and the program to run."""
    parser.usage = "tuning-emulator exec [--url URL | options of serve] [--base-urls] -- COMMAND…"
    serve.add_settings(parser)
    parser.add_argument("--url", type=want_url, help="use the emulator that runs here instead of starting one")
    parser.add_argument(
        "--base-urls", action="store_true", help="set GOOGLE_GEMINI_BASE_URL and GOOGLE_VERTEX_BASE_URL too"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="the program and its arguments")


def run(parsed: argparse.Namespace) -> int:
    """Runs the program; answers its exit status, or 128 + N when signal N ended it."""
    command = parsed.command[1:] if parsed.command[:1] == ["--"] else parsed.command
    running: str | None = getattr(parsed, "url", None)
    options = format_options(serve.read_given(parsed))
    if not command:
        print("tuning-emulator: exec needs a program to run: tuning-emulator exec -- COMMAND", file=sys.stderr)
        return 2
    if running and options:
        print(f"tuning-emulator: --url names a running emulator; {' '.join(options)} cannot change it", file=sys.stderr)
        return 2
    runner = Runner()
    try:
        with (
            runner.forwarding(),
            tempfile.TemporaryDirectory(prefix="tuning-emulator-exec-") as folder,
            find_emulator(running, options) as address,
        ):
            reached = read_emulator(address)
            environment = create_environment(reached, Path(folder), base_urls="base_urls" in parsed)
            for text in warn_of_keys(environment):
                print(f"tuning-emulator: {text}", file=sys.stderr)
            before = count_requests(reached)
            status = runner.run(command, environment)
            if count_requests(reached) == before is not None:
                print(f"tuning-emulator: {UNLED.format(url=address)}", file=sys.stderr)
            return status
    except UnreachedError as error:
        print(f"tuning-emulator: {error}; start it, or leave --url out", file=sys.stderr)
        return 1
    except ExecError as error:
        print(f"tuning-emulator: {error}", file=sys.stderr)
        return error.status


# --- the program


class Runner:
    """Runs one program and hands on the signals that come meanwhile."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = False
        self._waiting: list[int] = []

    @contextmanager
    def forwarding(self) -> Iterator[None]:
        """Signals go to the program; before there is one they end the block."""
        before = {number: signal.signal(number, self._take) for number in _FORWARDED}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def run(self, command: Sequence[str], environment: dict[str, str]) -> int:
        """The program's exit status as a shell gives it.

        Raises:
            ExecError: it cannot be started.
        """
        self._starting = True
        try:
            self._process = subprocess.Popen(command, env=environment)  # noqa: S603 it is what the user asked for
        except FileNotFoundError as error:
            raise ExecError(f"{command[0]}: no such program", 127) from error
        except OSError as error:
            raise ExecError(f"{command[0]}: {error.strerror}", 126) from error
        for number in self._waiting:
            self._process.send_signal(number)
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self._process is None and not self._starting:
            raise ExecError("stopped before the program had started", 128 + number)
        if number in _FROM_TERMINAL and os.isatty(0):
            return  # the terminal has sent it to the program as well
        if self._process is None:
            self._waiting.append(number)
        else:
            self._process.send_signal(number)


# --- the emulator


@contextmanager
def find_emulator(address: str | None, options: Sequence[str]) -> Iterator[str]:
    """The URL of a running emulator, or of one of our own on free ports, gone when the block ends.

    Raises:
        ExecError: it did not start; its own words are on standard error.
    """
    if address:
        yield address
        return
    given: dict[str, object] = {"port": 0, "storage_port": 0}
    if name_variable("log_level") not in os.environ:
        given["log_level"] = "warning"
    try:
        with run_server(*format_options(given), *options, quiet=False) as running:
            yield running.url
            if running.process is not None and (status := running.process.poll()) is not None:
                print(f"tuning-emulator: the emulator ended with {status} by itself", file=sys.stderr)
    except StartError as error:
        raise ExecError("the emulator did not start", error.status) from error

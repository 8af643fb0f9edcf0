"""The worker's child processes: one per job, and one that answers."""

from __future__ import annotations

import ctypes
import dataclasses
import gc
import json
import logging
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from tuning_trainer.lines import LineReader, write_line
from tuning_trainer.spec import Event, parse_job, parse_prompt

log = logging.getLogger(__name__)


class Child:
    """A process that reads JSON lines and writes JSON lines."""

    def __init__(self, pid: int, requests: int, output: int) -> None:
        self.pid, self.output = pid, output
        self._requests, self._reader = requests, LineReader(output)
        self._status: int | None = None

    def write(self, message: dict[str, Any]) -> None:
        """Sends one line."""
        write_line(self._requests, message)

    def read(self) -> list[bytes] | None:
        """Lines that have arrived; None when the child has closed its output."""
        return self._reader.read()

    def signal(self, number: int) -> None:
        """Sends a signal, unless the process is gone."""
        if self.alive():
            os.kill(self.pid, number)

    def alive(self) -> bool:
        """False once the process has ended."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = status if pid else None
        return self._status is None

    def reap(self) -> str:
        """Waits for the end and says how it was, for instance ``signal 9``."""
        if self._status is None:
            self._status = os.waitpid(self.pid, 0)[1]
        self.close()
        code = os.waitstatus_to_exitcode(self._status)
        return f"signal {-code}" if code < 0 else f"exit status {code}"

    def ending_signal(self) -> int:
        """The signal that has ended it, once it is reaped; 0: it ended by itself."""
        return os.WTERMSIG(self._status) if self._status is not None and os.WIFSIGNALED(self._status) else 0

    def close(self) -> None:
        """Closes both pipes."""
        for descriptor in (self._requests, self.output):
            with suppress(OSError):
                os.close(descriptor)


def fork_child(role: str, arguments: dict[str, Any], in_child: Callable[[], None]) -> Child:
    """A copy of this process, with torch and the embedded base already there.

    Args:
        role: ``job`` or ``answer``.
        in_child: Called first in the child, to let go of what belongs to the parent.
    """
    there, requests = os.pipe()
    output, back = os.pipe()
    gc.freeze()  # the child's collector must not touch, and so copy, the parent's pages
    parent = os.getpid()
    pid = os.fork()
    if pid:
        os.close(there)
        os.close(back)
        return Child(pid, requests, output)
    status = 1
    try:
        die_with(parent)
        in_child()
        os.close(requests)
        os.close(output)
        serve(role, arguments, there, back)
        status = 0
    except BaseException:  # nothing may run on into the parent's code
        traceback.print_exc()
    finally:
        os._exit(status)


def spawn_child(
    role: str, arguments: dict[str, Any], _: Callable[[], None], environment: Mapping[str, str] | None = None
) -> Child:
    """A fresh process, which imports everything itself.

    Args:
        role: As for ``fork_child``, or ``rank``. environment: What is added to this process's.
    """
    there, requests = os.pipe()
    output, back = os.pipe()
    safe = ["-P"] if sys.flags.safe_path else []
    command = [sys.executable, *safe, "-m", "tuning_trainer", "child", role, json.dumps(arguments), str(os.getpid())]
    variables = {**os.environ, **(environment or {})}
    process = subprocess.Popen(command, stdin=there, stdout=back, env=variables)  # noqa: S603  (our own module)
    process.returncode = 0  # reaped by Child, not by subprocess
    os.close(there)
    os.close(back)
    return Child(process.pid, requests, output)


def main(arguments: list[str]) -> int:
    """The body of a spawned child: role, arguments as JSON, the parent's process id."""
    role, values, parent = arguments
    die_with(int(parent))
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    serve(role, json.loads(values), requests, replies)
    return 0


def serve(role: str, arguments: dict[str, Any], requests: int, replies: int) -> None:
    """Does a child's work until it is done or its input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches every process; the parent decides
    if role == "job":
        train(arguments["job"], replies, arguments["neighbours"])
    elif role == "rank":
        train_rank(arguments["job"], arguments["place"], replies)
    else:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        answer(requests, replies, arguments["device"])


def die_with(parent: int) -> None:
    """Lets the kernel kill this process when its parent dies, whichever way."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


def train(values: dict[str, Any], replies: int, neighbours: int) -> None:
    """Runs one job; SIGTERM ends it after the step in progress. Where one of its processes was killed, so is this."""
    from tuning_trainer.learning.loop import run_job
    from tuning_trainer.learning.ranks import RankKilledError

    stop = False

    def ask_to_stop(*_: object) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, ask_to_stop)
    parent = os.getppid()

    def report(event: Event) -> None:
        write_line(replies, dataclasses.asdict(event))

    try:
        run_job(parse_job(json.dumps(values)), report, lambda: stop or os.getppid() != parent, neighbours=neighbours)
    except RankKilledError as error:
        log.warning("%s: %s", values["id"], error)
        if error.signal != signal.SIGKILL:
            signal.signal(error.signal, signal.SIG_DFL)
        os.kill(os.getpid(), error.signal)


def train_rank(values: dict[str, Any], place: dict[str, Any], replies: int) -> None:
    """Does another rank's share of a job; what it says is that it is ready, and its last event."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # rank 0 decides
    from tuning_trainer.learning.loop import run_job
    from tuning_trainer.learning.ranks import OtherRank

    write_line(replies, {"ready": place["rank"]})
    run_job(
        parse_job(json.dumps(values)),
        lambda event: write_line(replies, dataclasses.asdict(event)),
        ranks=OtherRank(**place),
    )


def answer(requests: int, replies: int, device: str) -> None:
    """Answers until the input ends; what arrives meanwhile joins in."""
    from tuning_trainer.answering.generate import Answering, Delta, Finished

    answering, reader, worked = Answering(device), LineReader(requests), False
    while True:
        if worked and not answering.busy:
            give_back_memory()
        worked = answering.busy
        # All that has arrived is read before anything is written: the parent may be waiting to send the rest of it.
        while select.select([requests], [], [], 0 if answering.busy else None)[0]:
            lines = reader.read()
            if lines is None:
                return
            for line in lines:
                take_request(answering, json.loads(line), replies)
        for output in answering.advance():
            if isinstance(output, Delta):
                write_line(replies, {"id": output.id, "delta": output.text})
            elif isinstance(output, Finished):
                write_line(replies, {"id": output.id, "reply": dataclasses.asdict(output.reply)})
            else:
                write_line(replies, {"id": output.id, "error": output.message, "code": output.code})


def give_back_memory() -> None:
    """Lets the system have what the C library keeps for later; glibc only. Pauses are when it matters, and is cheap."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def take_request(answering: Any, message: dict[str, Any], replies: int) -> None:
    """Starts one request, or says at once why not; or gives one up."""
    try:
        if message["do"] == "cancel":
            answering.cancel(message["id"])
        elif message["do"] == "count":
            counts = answering.count(message["base_model"], message["texts"])
            write_line(replies, {"id": message["id"], "counts": counts})
        elif message["do"] == "tokenize":
            tokens = answering.tokenize(message["base_model"], message["texts"])
            write_line(replies, {"id": message["id"], "tokens": tokens})
        else:
            answering.submit(message["id"], parse_prompt(message["prompt"]), bool(message.get("stream")))
    except BrokenPipeError:
        raise
    except (ValueError, KeyError, TypeError, OSError) as error:
        from tuning_trainer.answering.generate import explain

        text, code = explain(error)
        write_line(replies, {"id": message["id"], "error": text, "code": code})

"""Where jobs run: a process of `tuning_trainer` that starts, feeds, watches, cancels and kills what trains them.

It is spoken to in JSON lines (``tuning_trainer.worker`` says which), and what it has started ends with it. The server
notices its death, and starts it again when it is needed next.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

from tuning_emulator.jobs.trainer import ATTEMPTS, PromptRefusedError, TrainerKilledError, TrainerUnavailableError

log = logging.getLogger(__name__)

LINE_LIMIT_BYTES = 64 * 1024 * 1024
"""Longest line either side may send."""

STOP_TIMEOUT_S = 1.5
"""How long the process may take to end by itself before it is killed."""

RAY_STOP_TIMEOUT_S = 8.0
"""The same of what has a cluster to leave, or to end."""

RAY_ATTEMPTS = 10
"""How often a job is given to a cluster: its nodes come and go."""

_INVALID_ARGUMENT = 3
"""google.rpc.Code of an error line that is the request's fault."""

Line: TypeAlias = dict[str, Any]
Inbox: TypeAlias = asyncio.Queue[Line]


class Runner:
    """One such process.

    Args:
        name: ``local``: what trains is a child of it; ``ray``: it runs on a cluster.
        command: What ``python -m tuning_trainer`` is told.
        stop_timeout_s: Patience when stopping it.
        attempts: How often a job is given to it, each time it dies under it.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, stop_timeout_s: float = STOP_TIMEOUT_S, attempts: int = ATTEMPTS
    ) -> None:
        self.name = name
        self.attempts = attempts
        self.process: asyncio.subprocess.Process | None = None
        self.inboxes: dict[str, Inbox] = {}
        """What is under way: the lines of a job or a request, by its id."""
        self._command = tuple(command)
        self._stop_timeout_s = stop_timeout_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._facts: Line | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Starts the process unless it runs; it imports what it needs in its own time."""
        async with self._starting:
            if self.runs():
                return
            self._facts = None
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "tuning_trainer", *self._command),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=LINE_LIMIT_BYTES,
                start_new_session=True,
            )
            self._spawn(self._read_answers(self.process))
            self._spawn(self._read_log(self.process))

    async def stop(self) -> None:
        """Asks the process to end, then ends it and its children. One that still loads has nothing to finish."""
        process = self.process
        if process is None:
            return
        if process.returncode is None and process.stdin is not None:
            process.stdin.close()
        if process.returncode is None and self._facts is not None:
            try:
                await asyncio.wait_for(process.wait(), self._stop_timeout_s)
            except TimeoutError:
                log.warning("the trainer's process did not end within %s s and is killed", self._stop_timeout_s)
        _kill_group(process.pid)
        await process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.process = None

    def runs(self) -> bool:
        """Whether its process is there."""
        return self.process is not None and self.process.returncode is None

    def describe(self) -> dict[str, object]:
        """What it last said of itself, and whether it is ready."""
        facts = self._facts or {}
        return {"ready": self._facts is not None} | {name: value for name, value in facts.items() if name != "ready"}

    # ------------------------------------------------------------ the conversation with the process

    @asynccontextmanager
    async def converse(self, key: str) -> AsyncIterator[Inbox]:
        """Its lines that belong to one job or one request."""
        inbox: Inbox = asyncio.Queue()
        self.inboxes[key] = inbox
        try:
            yield inbox
        finally:
            self.inboxes.pop(key, None)

    async def send(self, line: Line) -> None:
        """Asks it for something.

        Raises:
            TrainerUnavailableError: it has just died.
        """
        await self.start()
        assert self.process is not None
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            await self.process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise TrainerUnavailableError(self._describe_exit()) from error

    async def receive(self, inbox: Inbox) -> Line:
        """The next line.

        Raises:
            PromptRefusedError: the request is at fault. TrainerKilledError: what worked on it was killed.
            TrainerUnavailableError: it died.
        """
        line = await inbox.get()
        if "error" in line and "event" not in line:
            if line.get("signal"):
                raise TrainerKilledError(str(line["error"]), line["signal"])
            failure = PromptRefusedError if line.get("code") == _INVALID_ARGUMENT else TrainerUnavailableError
            raise failure(str(line["error"]))
        return line

    async def _read_answers(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for raw in process.stdout:
            try:
                line = json.loads(raw)
            except json.JSONDecodeError:
                log.warning("the trainer's process wrote something else than JSON: %r", raw[:200])
                continue
            if line.get("ready"):
                self._facts = line
                continue
            inbox = self.inboxes.get(str(line.get("job") or line.get("id")))
            if inbox is not None:
                inbox.put_nowait(line)
        ended = await process.wait()
        for inbox in self.inboxes.values():
            inbox.put_nowait({"error": self._describe_exit(), "signal": max(-ended, 0)})

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for raw in process.stderr:
            line = raw.decode(errors="replace").rstrip()
            log.info("trainer: %s", line)

    def _describe_exit(self) -> str:
        code = self.process.returncode if self.process else None
        return f"the trainer's process ended with exit status {code}; the server's log has its last words"

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def create_ray_runner(
    address: str,
    resources: Mapping[str, float],
    *,
    warm: int,
    device: str,
    processes: int,
    activation_memory_bytes: int,
) -> Runner:
    """A runner that gives jobs to a Ray cluster.

    Args:
        address: Of the cluster, or ``auto``; "": one of its own, on this machine.
        resources: What a job takes of it: ``cpus``, ``gpus``, ``memory`` in bytes; what is missing follows from its
            base model.
        warm: Workers that are kept ready. The rest: see ``tuning_trainer.spec.Job``.
    """
    options = [f"--address={address}", f"--warm={warm}", f"--device={device}", f"--processes={processes}"]
    options += [f"--activation-memory-bytes={activation_memory_bytes}"]
    options += [f"--{name}={resources[name]:g}" for name in ("cpus", "gpus") if name in resources]
    options += [f"--memory-bytes={resources['memory']:.0f}"] if "memory" in resources else []
    return Runner("ray", ("cluster", *options), stop_timeout_s=RAY_STOP_TIMEOUT_S, attempts=RAY_ATTEMPTS)


def _kill_group(pid: int) -> None:
    """Ends the process and every child of it; all are in a group of their own."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)

"""The lora trainer: a process of its own (`python -m tuning_trainer worker`) that holds torch, spoken to in JSON lines.

The server starts it in the background, notices its death, and starts it again when it is needed next.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

from tuning_emulator.jobs.trainer import PromptRefusedError, TrainerKilledError, TrainerUnavailableError
from tuning_trainer.spec import Cancelled, Device, Done, Event, Failed, Job, Prompt, Reply, parse_event, parse_reply

log = logging.getLogger(__name__)

LINE_LIMIT_BYTES = 64 * 1024 * 1024
"""Longest line either side may send."""

STOP_TIMEOUT_S = 1.5
"""How long the process may take to end by itself before it is killed."""

ABANDON_TIMEOUT_S = 5.0
"""How long a job that nobody follows any more may go on."""

_INVALID_ARGUMENT = 3
"""google.rpc.Code of an error line that is the request's fault."""

NEEDED = ("torch", "safetensors", "tokenizers")
"""Packages that the process imports; the ``lora`` extra brings them."""


def missing_packages() -> list[str]:
    """Which packages of the ``lora`` extra are not installed; empty means that real training works."""
    return [name for name in NEEDED if find_spec(name) is None]


def explain_missing(missing: Iterable[str]) -> str:
    """What is missing and what brings it, as the end of a sentence."""
    text = f"needs {', '.join(missing)}; install tuning-emulator[lora]"
    return f"{text} (without a GPU, first: {advise_torch()})" if "torch" in missing else text


def advise_torch() -> str:
    """What installs torch for the CPU alone, with pip, or with uv in an environment of uv's, which has no pip.

    Without it Linux gets CUDA's too. The sizes are those of 2.13.0 for the CPU, and of 2.14.1 with CUDA 13.
    Source: https://pytorch.org/get-started/locally/; https://docs.astral.sh/uv/guides/integration/pytorch/
    """
    pip = "pip install torch --index-url https://download.pytorch.org/whl/cpu"
    return f"{pip if find_spec('pip') else 'uv pip install torch --torch-backend=cpu'}; 0.2 GB instead of 3"


class LoraTrainer:
    """Trains with torch in a process of its own.

    Args:
        device: Where it trains and answers. stop_timeout_s: Patience when stopping it.
        processes, activation_memory_bytes: Of a job, see ``tuning_trainer.spec.Job``.
        base_models: Directories of those that will be asked for, besides the embedded one.
    """

    name = "lora"

    def __init__(
        self,
        device: Device = "auto",
        stop_timeout_s: float = STOP_TIMEOUT_S,
        *,
        processes: int = 1,
        activation_memory_bytes: int = 0,
        base_models: Iterable[Path] = (),
    ) -> None:
        self._options = (
            f"--device={device}",
            f"--processes={processes}",
            f"--activation-memory-bytes={activation_memory_bytes}",
            *(f"--base-model={directory}" for directory in base_models),
        )
        self._stop_timeout_s = stop_timeout_s
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._inboxes: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self._ids = count(1)
        self._ready: asyncio.Future[dict[str, Any]] | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Starts the process; it imports torch in its own time."""
        async with self._starting:
            if self._process is not None and self._process.returncode is None:
                return
            self._ready = asyncio.get_running_loop().create_future()
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "tuning_trainer", "worker", *self._options),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=LINE_LIMIT_BYTES,
                start_new_session=True,
            )
            self._spawn(self._read_answers(self._process))
            self._spawn(self._read_log(self._process))

    async def stop(self) -> None:
        """Asks the process to end, then ends it and its children. One that still loads has nothing to finish."""
        process = self._process
        if process is None:
            return
        if process.returncode is None and process.stdin is not None:
            process.stdin.close()
        if process.returncode is None and self.health()["ready"]:
            try:
                await asyncio.wait_for(process.wait(), self._stop_timeout_s)
            except TimeoutError:
                log.warning("the trainer's process did not end within %s s and is killed", self._stop_timeout_s)
        _kill_group(process.pid)
        await process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._process = None

    def health(self) -> dict[str, object]:
        """What the health route says about it."""
        ready = self._ready is not None and self._ready.done() and not self._ready.exception()
        facts = self._ready.result() if ready and self._ready is not None else {}
        return {"name": self.name, "ready": ready, **{k: v for k, v in facts.items() if k != "ready"}}

    # ------------------------------------------------------------ what the queue and the services call

    async def train(self, job: Job) -> AsyncGenerator[Event]:
        """Trains; the last event is ``Done``, ``Failed`` or ``Cancelled``. Closed before, it stops first."""
        async with self._conversation(job.id) as inbox:
            await self._send({"do": "train", "job": dataclasses.asdict(job)})
            ended = False
            try:
                while not ended:
                    event = parse_event(await self._receive(inbox))
                    ended = isinstance(event, Done | Failed | Cancelled)
                    yield event
            except (asyncio.CancelledError, GeneratorExit):
                if not ended:
                    await self._abandon(job.id, inbox)
                raise

    async def _abandon(self, job_id: str, inbox: asyncio.Queue[dict[str, Any]]) -> None:
        """Stops a job that nobody follows any more, so that nothing writes to its files."""
        with suppress(TimeoutError, TrainerUnavailableError):
            async with asyncio.timeout(ABANDON_TIMEOUT_S):
                await self.cancel(job_id)
                while not isinstance(parse_event(await self._receive(inbox)), Done | Failed | Cancelled):
                    pass

    async def cancel(self, job_id: str) -> None:
        """Asks a training job to stop."""
        if job_id in self._inboxes:
            await self._send({"do": "cancel", "job": job_id})

    async def generate(self, prompt: Prompt) -> Reply:
        """Answers a prompt."""
        reply = Reply(0)
        async for item in self._ask_to_generate(prompt, stream=False):
            if isinstance(item, Reply):
                reply = item
        return reply

    def stream(self, prompt: Prompt) -> AsyncIterator[str | Reply]:
        """Answers piece by piece; the last item is the whole ``Reply``."""
        return self._ask_to_generate(prompt, stream=True)

    async def count_tokens(self, base_model: str, texts: list[str]) -> list[int]:
        """Lengths of texts in tokens of a base model."""
        identifier = self._new_id()
        async with self._conversation(identifier) as inbox:
            await self._send({"do": "count", "id": identifier, "base_model": base_model, "texts": texts})
            counts: list[int] = (await self._receive(inbox))["counts"]
            return counts

    async def tokenize(self, base_model: str, texts: list[str]) -> list[list[tuple[int, str]]]:
        """Tokens of texts, as (id, piece of the text)."""
        identifier = self._new_id()
        async with self._conversation(identifier) as inbox:
            await self._send({"do": "tokenize", "id": identifier, "base_model": base_model, "texts": texts})
            found = (await self._receive(inbox))["tokens"]
            return [[(number, piece) for number, piece in tokens] for tokens in found]

    async def _ask_to_generate(self, prompt: Prompt, stream: bool) -> AsyncIterator[str | Reply]:
        identifier = self._new_id()
        async with self._conversation(identifier) as inbox:
            await self._send(
                {"do": "generate", "id": identifier, "stream": stream, "prompt": dataclasses.asdict(prompt)}
            )
            try:
                while "reply" not in (line := await self._receive(inbox)):
                    yield str(line["delta"])
            except (asyncio.CancelledError, GeneratorExit):
                await self._give_up(identifier)
                raise
            yield parse_reply(line["reply"])

    async def _give_up(self, identifier: str) -> None:
        """Lets the trainer stop writing an answer that nobody waits for any more."""
        if self._process is not None and self._process.returncode is None:
            with suppress(TrainerUnavailableError):
                await self._send({"do": "cancel", "id": identifier})

    # ------------------------------------------------------------ the conversation with the process

    def _new_id(self) -> str:
        """Of a request; jobs are told apart by their uid, a bare number."""
        return f"request-{next(self._ids)}"

    def _conversation(self, key: str) -> _Conversation:
        return _Conversation(self._inboxes, key)

    async def _send(self, line: dict[str, Any]) -> None:
        await self.start()
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise TrainerUnavailableError(self._describe_exit()) from error

    async def _receive(self, inbox: asyncio.Queue[dict[str, Any]]) -> dict[str, Any]:
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
                if self._ready is not None and not self._ready.done():
                    self._ready.set_result(line)
                continue
            inbox = self._inboxes.get(str(line.get("job") or line.get("id")))
            if inbox is not None:
                inbox.put_nowait(line)
        ended = await process.wait()
        for inbox in self._inboxes.values():
            inbox.put_nowait({"error": self._describe_exit(), "signal": max(-ended, 0)})

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for raw in process.stderr:
            line = raw.decode(errors="replace").rstrip()
            log.info("trainer: %s", line)

    def _describe_exit(self) -> str:
        code = self._process.returncode if self._process else None
        return f"the trainer's process ended with exit status {code}; the server's log has its last words"

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Conversation:
    """Lines of the process that belong to one job or one request."""

    def __init__(self, inboxes: dict[str, asyncio.Queue[dict[str, Any]]], key: str) -> None:
        self._inboxes = inboxes
        self._key = key

    async def __aenter__(self) -> asyncio.Queue[dict[str, Any]]:
        inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._inboxes[self._key] = inbox
        return inbox

    async def __aexit__(self, *_: object) -> None:
        self._inboxes.pop(self._key, None)


def _kill_group(pid: int) -> None:
    """Ends the process and every child of it; all are in a group of their own."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)

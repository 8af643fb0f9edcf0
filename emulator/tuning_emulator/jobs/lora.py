"""The lora trainer: jobs and answers by processes of their own that hold torch.

Who works on jobs is the runner's business; prompts are answered by a process of this machine.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from tuning_emulator.jobs.runner import STOP_TIMEOUT_S, Inbox, Runner
from tuning_emulator.jobs.trainer import TrainerUnavailableError
from tuning_trainer.spec import Cancelled, Device, Done, Event, Failed, Job, Prompt, Reply, parse_event, parse_reply

ABANDON_TIMEOUT_S = 5.0
"""How long a job that nobody follows any more may go on."""

NEEDED = ("torch", "safetensors", "tokenizers")
"""Packages that the process imports; the ``lora`` extra brings them."""


def missing_packages() -> list[str]:
    """Which packages of the ``lora`` extra are not installed; empty means that real training works."""
    return [name for name in NEEDED if find_spec(name) is None]


class LoraTrainer:
    """Trains with torch, and answers with it in a process of its own.

    Args:
        device: Where it trains and answers. stop_timeout_s: Patience when stopping that process.
        processes, activation_memory_bytes: Of a job, see ``tuning_trainer.spec.Job``.
        base_models: Directories of those that will be asked for, besides the embedded one.
        runner: Where jobs run; None: the process that answers starts them too.
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
        runner: Runner | None = None,
    ) -> None:
        options = (
            f"--device={device}",
            f"--processes={processes}",
            f"--activation-memory-bytes={activation_memory_bytes}",
            *(f"--base-model={directory}" for directory in base_models),
        )
        self.worker = Runner("local", ("worker", *options), stop_timeout_s=stop_timeout_s)
        self.runner = runner or self.worker
        self.attempts = self.runner.attempts
        self._ids = count(1)

    async def start(self) -> None:
        """Starts what works for it."""
        await asyncio.gather(*(one.start() for one in {self.worker, self.runner}))

    async def stop(self) -> None:
        """Ends what works for it."""
        await asyncio.gather(*(one.stop() for one in {self.worker, self.runner}))

    def health(self) -> dict[str, object]:
        """What the health route says about it."""
        facts = {"name": self.name, **self.worker.describe()}
        return facts if self.runner is self.worker else {**facts, "runner": self.runner.describe()}

    # ------------------------------------------------------------ what the queue and the services call

    async def train(self, job: Job) -> AsyncGenerator[Event]:
        """Trains; the last event is ``Done``, ``Failed`` or ``Cancelled``. Closed before, it stops first."""
        async with self.runner.converse(job.id) as inbox:
            await self.runner.send({"do": "train", "job": dataclasses.asdict(job)})
            ended = False
            try:
                while not ended:
                    event = parse_event(await self.runner.receive(inbox))
                    ended = isinstance(event, Done | Failed | Cancelled)
                    yield event
            except (asyncio.CancelledError, GeneratorExit):
                if not ended:
                    await self._abandon(job.id, inbox)
                raise

    async def _abandon(self, job_id: str, inbox: Inbox) -> None:
        """Stops a job that nobody follows any more, so that nothing writes to its files."""
        with suppress(TimeoutError, TrainerUnavailableError):
            async with asyncio.timeout(ABANDON_TIMEOUT_S):
                await self.cancel(job_id)
                while not isinstance(parse_event(await self.runner.receive(inbox)), Done | Failed | Cancelled):
                    pass

    async def cancel(self, job_id: str) -> None:
        """Asks a training job to stop."""
        if job_id in self.runner.inboxes:
            await self.runner.send({"do": "cancel", "job": job_id})

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
        async with self.worker.converse(identifier) as inbox:
            await self.worker.send({"do": "count", "id": identifier, "base_model": base_model, "texts": texts})
            counts: list[int] = (await self.worker.receive(inbox))["counts"]
            return counts

    async def tokenize(self, base_model: str, texts: list[str]) -> list[list[tuple[int, str]]]:
        """Tokens of texts, as (id, piece of the text)."""
        identifier = self._new_id()
        async with self.worker.converse(identifier) as inbox:
            await self.worker.send({"do": "tokenize", "id": identifier, "base_model": base_model, "texts": texts})
            found = (await self.worker.receive(inbox))["tokens"]
            return [[(number, piece) for number, piece in tokens] for tokens in found]

    async def _ask_to_generate(self, prompt: Prompt, stream: bool) -> AsyncIterator[str | Reply]:
        identifier = self._new_id()
        async with self.worker.converse(identifier) as inbox:
            await self.worker.send(
                {"do": "generate", "id": identifier, "stream": stream, "prompt": dataclasses.asdict(prompt)}
            )
            try:
                while "reply" not in (line := await self.worker.receive(inbox)):
                    yield str(line["delta"])
            except (asyncio.CancelledError, GeneratorExit):
                await self._give_up(identifier)
                raise
            yield parse_reply(line["reply"])

    async def _give_up(self, identifier: str) -> None:
        """Lets the trainer stop writing an answer that nobody waits for any more."""
        if self.worker.runs():
            with suppress(TrainerUnavailableError):
                await self.worker.send({"do": "cancel", "id": identifier})

    def _new_id(self) -> str:
        """Of a request; jobs are told apart by their uid, a bare number."""
        return f"request-{next(self._ids)}"

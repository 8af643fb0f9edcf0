"""The seam between the server and whatever trains and answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from tuning_trainer.spec import EMBEDDED, Event, Job, Prompt, Reply, reads_images


class TrainerUnavailableError(Exception):
    """The trainer cannot work; the text says why and what would help."""


class TrainerKilledError(TrainerUnavailableError):
    """Its process was ended by a signal under a job: by somebody, by the kernel where memory ran out, or it crashed.

    Attributes:
        signal: Its number.
    """

    def __init__(self, text: str, signal: int) -> None:
        super().__init__(text)
        self.signal = signal


class PromptRefusedError(TrainerUnavailableError):
    """The trainer works but not for this prompt (longer than its model takes, say); the text says why."""


class Target(Struct, frozen=True):
    """Who answers a prompt.

    Attributes:
        base_model: Row of ``facts.models``.
        adapter: Directory of the adapter relative to the data directory, or "" for the base model itself.
        trainer: Name of the trainer that made it; "" lets the server's own answer.
    """

    base_model: str
    adapter: str = ""
    trainer: str = ""


class Trainer(Protocol):
    """Turns examples into an adapter and answers prompts with it."""

    name: str

    async def start(self) -> None:
        """Gets ready in the background; never waits for long."""
        ...

    async def stop(self) -> None:
        """Ends everything it started."""
        ...

    def train(self, job: Job) -> AsyncGenerator[Event]:
        """Trains; the last event is ``Done``, ``Failed`` or ``Cancelled``. Closed earlier, it stops and waits for that.

        Raises:
            TrainerKilledError: its process was killed; the same job, given again, goes on where it was.
            TrainerUnavailableError: it died or cannot start.
        """
        ...

    async def cancel(self, job_id: str) -> None:
        """Asks a training job to stop; its ``train`` ends with ``Cancelled``. Unknown ids are ignored."""
        ...

    async def generate(self, prompt: Prompt) -> Reply:
        """Answers a prompt.

        Raises:
            TrainerUnavailableError: as above.
        """
        ...

    def stream(self, prompt: Prompt) -> AsyncIterator[str | Reply]:
        """Answers piece by piece; the last item is the whole ``Reply``."""
        ...

    async def count_tokens(self, base_model: str, texts: list[str]) -> list[int]:
        """Lengths of texts in tokens of a base model (a directory or ``embedded``)."""
        ...

    async def tokenize(self, base_model: str, texts: list[str]) -> list[list[tuple[int, str]]]:
        """Tokens of texts, as (id, piece of the text).

        Raises:
            TrainerUnavailableError: as above, or the trainer has no vocabulary.
        """
        ...

    def health(self) -> dict[str, object]:
        """What the health route says about it."""
        ...


# --- answers prompts with whatever made the adapter


class Answering:
    """Base and tuned models, one way to ask them.

    Args:
        trainers: By name.
        default: Name of the trainer that answers for base models.
        directory: What adapters' directories are relative to.
        base_models: Directory in Hugging Face layout by base model id; others are played by the embedded one.
    """

    def __init__(
        self, trainers: Mapping[str, Trainer], default: str, directory: Path, base_models: Mapping[str, Path]
    ) -> None:
        self.trainers = trainers
        self.default = default
        self._directory = directory
        self._base_models = base_models

    def base_model_directory(self, base_model: str) -> str:
        """Where the weights that play this base model are, or ``embedded``."""
        found = self._base_models.get(base_model)
        return str(found) if found else EMBEDDED

    def sees(self, base_model: str) -> bool:
        """Whether what plays a base model sees images itself; the scripted trainer sees nothing."""
        directory = self._base_models.get(base_model)
        return self.default != "scripted" and directory is not None and reads_images(directory)

    async def generate(self, target: Target, prompt: Prompt) -> Reply:
        """Answers.

        Raises:
            TrainerUnavailableError: no trainer here can answer for that target.
        """
        return await self._trainer(target).generate(self._complete(target, prompt))

    def stream(self, target: Target, prompt: Prompt) -> AsyncIterator[str | Reply]:
        """Answers piece by piece; the last item is the whole ``Reply``. Raises as ``generate``."""
        return self._trainer(target).stream(self._complete(target, prompt))

    async def count_tokens(self, base_model: str, texts: list[str]) -> list[int]:
        """Lengths of texts in tokens of what plays that base model."""
        return await self.trainers[self.default].count_tokens(self.base_model_directory(base_model), texts)

    async def tokenize(self, base_model: str, texts: list[str]) -> list[list[tuple[int, str]]]:
        """Tokens of texts, as (id, piece of the text), of what plays that base model. Raises as ``generate``."""
        return await self.trainers[self.default].tokenize(self.base_model_directory(base_model), texts)

    def find_files(self, adapter: str) -> Path:
        """The directory of an adapter."""
        return self._directory / adapter

    def _trainer(self, target: Target) -> Trainer:
        name = target.trainer or self.default
        if name not in self.trainers:
            raise TrainerUnavailableError(
                f"the adapter was made by the {name!r} trainer, which is not installed here; "
                "install tuning-emulator[lora]"
            )
        return self.trainers[name]

    def _complete(self, target: Target, prompt: Prompt) -> Prompt:
        adapter = str(self.find_files(target.adapter)) if target.adapter else None
        return replace(prompt, base_model=self.base_model_directory(target.base_model), adapter=adapter)

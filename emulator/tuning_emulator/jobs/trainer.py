"""The seam between the server and whatever trains and answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from tuning_emulator.models.added import MissingModelError, find_weights
from tuning_trainer.spec import EMBEDDED, Event, Job, Prompt, Reply, reads_images

ATTEMPTS = 3
"""How often a job is given to a trainer whose process dies under it, by whatever hand; each time it goes on from its
last saved state. A new server counts anew."""


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
        weights: What the adapter was made on, see ``Answering``; "": what plays the base model now.
    """

    base_model: str
    adapter: str = ""
    trainer: str = ""
    weights: str = ""


class Trainer(Protocol):
    """Turns examples into an adapter and answers prompts with it.

    Attributes:
        attempts: How often a job is given to it that dies under it.
    """

    name: str
    attempts: int

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
        base_models: Weights that play a base model, by its id; ``*``: all others, which the embedded ones play else.
            Weights are the name of an added model, a directory, or ``embedded``.
    """

    def __init__(
        self, trainers: Mapping[str, Trainer], default: str, directory: Path, base_models: Mapping[str, str]
    ) -> None:
        self.trainers = trainers
        self.default = default
        self._directory = directory
        self._given = dict(base_models)
        self._base_models = dict(base_models)

    def list_weights(self) -> dict[str, str]:
        """What plays which base model now; ``*``: all others."""
        return {"*": EMBEDDED, **self._base_models}

    def play(self, base_models: Mapping[str, str] | None) -> None:
        """Lets other weights play base models from now on; None: those that the server was started with."""
        self._base_models = dict(self._given if base_models is None else base_models)

    def choose_weights(self, base_model: str) -> str:
        """The weights that play a base model now."""
        return self._base_models.get(base_model) or self._base_models.get("*", EMBEDDED)

    def find_weights(self, weights: str) -> str:
        """The directory of weights; ``embedded`` stays.

        Raises:
            TrainerUnavailableError: they are an added model that is not here.
        """
        if weights == EMBEDDED:
            return EMBEDDED
        try:
            return find_weights(weights)
        except MissingModelError as error:
            raise TrainerUnavailableError(str(error)) from error

    def sees(self, base_model: str) -> bool:
        """Whether what plays a base model sees images itself; the scripted trainer sees nothing."""
        weights = self.choose_weights(base_model)
        if self.default == "scripted" or weights == EMBEDDED:
            return False
        try:
            return reads_images(Path(self.find_weights(weights)))
        except TrainerUnavailableError:
            return False  # whoever asks them is told

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
        directory = self.find_weights(self.choose_weights(base_model))
        return await self.trainers[self.default].count_tokens(directory, texts)

    async def tokenize(self, base_model: str, texts: list[str]) -> list[list[tuple[int, str]]]:
        """Tokens of texts, as (id, piece of the text), of what plays that base model. Raises as ``generate``."""
        directory = self.find_weights(self.choose_weights(base_model))
        return await self.trainers[self.default].tokenize(directory, texts)

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
        weights = target.weights or self.choose_weights(target.base_model)
        return replace(prompt, base_model=self.find_weights(weights), adapter=adapter)

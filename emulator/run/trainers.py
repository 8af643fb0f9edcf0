"""The seam between the server and whatever trains and answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from trainer.spec import Event, Job, Prompt, Reply


class TrainerUnavailableError(Exception):
    """The trainer cannot work; the text says why and what would help."""


class PromptRefusedError(TrainerUnavailableError):
    """The trainer works but not for this prompt (longer than its model takes, say); the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
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

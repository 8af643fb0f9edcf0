"""What the Gemini API works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emulator.core.clock import Clock
from emulator.core.names import Ids
from emulator.run.answering import Answering
from emulator.run.queue import Queue
from emulator.store.store import Store
from trainer.spec import Example


@dataclass(frozen=True, slots=True)
class Services:
    """The parts behind the API, and the settings that change what it answers.

    Attributes:
        retired_models: ``serve``: models that can no longer be tuned or asked still can. ``refuse``: as the service
            answers today.
        default_dataset: Examples for a create that brings none; empty refuses it, as the service does.
    """

    store: Store
    clock: Clock
    ids: Ids
    queue: Queue
    answering: Answering
    retired_models: Literal["serve", "refuse"] = "serve"
    default_dataset: tuple[Example, ...] = ()

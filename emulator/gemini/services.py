"""What the Gemini API works with."""

from __future__ import annotations

from dataclasses import dataclass, field

from emulator.core.calendar import Calendar, Day
from emulator.core.clock import Clock
from emulator.core.names import Ids
from emulator.protocol.call import Caller
from emulator.run.answering import Answering
from emulator.run.queue import Queue
from emulator.store.store import Store
from trainer.spec import Example


@dataclass(frozen=True, slots=True)
class Services:
    """The parts behind the API, and the settings that change what it answers.

    Attributes:
        calendar: As of which day the service answers a project.
        default_dataset: Examples for a create that brings none; empty refuses it, as the service does.
    """

    store: Store
    clock: Clock
    ids: Ids
    queue: Queue
    answering: Answering
    calendar: Calendar = field(default_factory=Calendar)
    default_dataset: tuple[Example, ...] = ()

    def find_day(self, caller: Caller) -> Day:
        """The day that the caller's project sees."""
        return self.calendar.find_day(caller.project)

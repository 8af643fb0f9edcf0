"""What stands behind both APIs: the parts that their handlers work with."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from tuning_emulator.api.call import Caller
from tuning_emulator.core.as_of import Calendar, Day
from tuning_emulator.core.clock import Clock
from tuning_emulator.core.ids import Ids
from tuning_emulator.jobs.queue import Queue
from tuning_emulator.jobs.trainer import Answering
from tuning_emulator.storage.objects import ObjectStore
from tuning_emulator.store.store import Store
from tuning_trainer.spec import Example


class Backend(Struct, frozen=True):
    """The parts behind an API, and the settings that change what it answers.

    Attributes:
        objects: Opens Cloud Storage as jobs see it.
        calendar: As of which day the service answers a project.
        default_dataset: Examples for a Gemini create that brings none; empty refuses it, as the service does.
    """

    store: Store
    clock: Clock
    ids: Ids
    queue: Queue
    answering: Answering
    objects: Callable[[], ObjectStore]
    calendar: Calendar = field(default_factory=Calendar)
    default_dataset: tuple[Example, ...] = ()

    def find_day(self, caller: Caller) -> Day:
        """The day that the caller's project sees."""
        return self.calendar.find_day(caller.project)

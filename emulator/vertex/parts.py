"""What the services of this API are made from; ``routes`` joins them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from emulator.core.calendar import Calendar
from emulator.core.clock import Clock, to_microseconds
from emulator.core.names import Ids
from emulator.datasets.objects import ObjectStore
from emulator.run.answering import Answering
from emulator.run.queue import Queue
from emulator.store.store import Store


@dataclass(frozen=True, slots=True)
class Parts:
    """The rest of the emulator as Vertex' services use it.

    Attributes:
        objects: Opens Cloud Storage as jobs see it.
        calendar: As of which day the service answers a project.
    """

    store: Store
    clock: Clock
    ids: Ids
    queue: Queue
    answering: Answering
    objects: Callable[[], ObjectStore]
    calendar: Calendar = field(default_factory=Calendar)

    def now_ns(self) -> int:
        """Now, in the whole microseconds that Vertex' resources carry."""
        return to_microseconds(self.clock.now_ns())

"""What reset, snapshots and scenarios act on: everything that the emulator remembers."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emulator.core.clock import SteerableClock
from emulator.core.names import Ids
from emulator.datasets.storage_server import StorageServer
from emulator.protocol.call import Api
from emulator.protocol.faults import Faults
from emulator.protocol.journal import Journal
from emulator.run.queue import Queue
from emulator.store.store import Store


@dataclass(slots=True)
class World:
    """The parts.

    Attributes:
        directory: Data directory, of jobs and buckets.
        storage: The embedded Cloud Storage; None where another one is used, which is then nobody's business here.
        apis: Both APIs, through which seeds go.
        furnish: Fills an empty world with what it was started with.
        changing: Held by whoever takes the world apart and puts it together again.
        removals: What is being removed in the background.
    """

    directory: Path
    store: Store
    queue: Queue
    clock: SteerableClock
    ids: Ids
    storage: StorageServer | None
    faults: Faults
    journal: Journal
    apis: Sequence[Api]
    furnish: Callable[[], Awaitable[None]] | None = None
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    removals: set[asyncio.Task[None]] = field(default_factory=set)

    def discard(self, path: Path) -> None:
        """Removes a directory in the background."""
        removal = asyncio.create_task(asyncio.to_thread(shutil.rmtree, path, ignore_errors=True))
        self.removals.add(removal)
        removal.add_done_callback(self.removals.discard)

    async def finish(self) -> None:
        """Waits until everything is removed that is to be."""
        await asyncio.gather(*self.removals, return_exceptions=True)

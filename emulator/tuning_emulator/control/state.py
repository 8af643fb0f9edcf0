"""What reset, snapshots and scenarios act on: everything that the emulator remembers."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tuning_emulator.api.call import Api
from tuning_emulator.core.clock import SteerableClock
from tuning_emulator.core.ids import Ids
from tuning_emulator.jobs.queue import Queue
from tuning_emulator.middleware.faults import Faults
from tuning_emulator.middleware.journal import Journal
from tuning_emulator.store.store import Store

if TYPE_CHECKING:
    from tuning_emulator.storage.server import StorageServer  # where another storage is used, this one is not loaded


@dataclass(slots=True)
class ServerState:
    """The parts.

    Attributes:
        directory: Data directory, of jobs and buckets.
        storage: The embedded Cloud Storage; None where another one is used, which is then nobody's business here.
        apis: Both APIs, through which seeds go.
        load_start_state: Fills an empty server with what it was started with.
        changing: Held by whoever takes the server apart and puts it together again.
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
    load_start_state: Callable[[], Awaitable[None]] | None = None
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

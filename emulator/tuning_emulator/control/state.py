"""Everything that the emulator remembers, and how one state of it takes another's place.

Files of the data directory on their way in or out lie beside the ones in use, never half in their place:

=================  ====================================================================================
``outgoing-…/``    a copy of everything, while a state archive is made of it
``incoming-…/``    a state archive while it is checked; with the file ``COMMITTED`` in it, it is the new state
``removed-…/``     what is no longer in use, while it is removed in the background
=================  ====================================================================================
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from tuning_emulator.api.call import Api
from tuning_emulator.core.as_of import Calendar
from tuning_emulator.core.clock import SteerableClock
from tuning_emulator.core.ids import Ids
from tuning_emulator.jobs.queue import Queue
from tuning_emulator.jobs.trainer import Answering
from tuning_emulator.middleware.faults import Faults
from tuning_emulator.middleware.journal import Journal
from tuning_emulator.store.database import Loaded
from tuning_emulator.store.store import Store

if TYPE_CHECKING:
    from tuning_emulator.control.rehearsals import Rehearsals
    from tuning_emulator.storage.embedded import (
        EmbeddedStorage,  # where another storage is used, this one is not loaded
    )


class ServerState(Struct):
    """The parts.

    Attributes:
        directory: Data directory, of jobs and buckets.
        storage: The embedded Cloud Storage; None where another one is used, which is then nobody's business here.
        apis: Both APIs, through which seeds go.
        load_start_state: Fills an empty server with what it was started with.
        project_numbers: Those that the settings give to project ids.
        calendar: As of which day each project is answered.
        changing: Held by whoever takes the server apart and puts it together again.
        removals: What is being removed in the background.
        rehearsals: None before the control API is first asked.
    """

    directory: Path
    store: Store
    queue: Queue
    clock: SteerableClock
    ids: Ids
    storage: EmbeddedStorage | None
    faults: Faults
    journal: Journal
    answering: Answering
    apis: Sequence[Api]
    load_start_state: Callable[[], Awaitable[None]] | None = None
    project_numbers: Mapping[str, str] = field(default_factory=dict)
    calendar: Calendar = field(default_factory=Calendar)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    removals: set[asyncio.Task[None]] = field(default_factory=set)
    rehearsals: Rehearsals | None = None

    def discard(self, path: Path) -> None:
        """Removes a directory in the background."""
        removal = asyncio.create_task(asyncio.to_thread(shutil.rmtree, path, ignore_errors=True))
        self.removals.add(removal)
        removal.add_done_callback(self.removals.discard)

    async def finish(self) -> None:
        """Waits until everything is removed that is to be."""
        await asyncio.gather(*self.removals, return_exceptions=True)

    @asynccontextmanager
    async def forgetting(self, find: Callable[[], Collection[int]] | None = None) -> AsyncIterator[Path]:
        """Ends some jobs, or all, for a block that forgets them and then sets their files aside, in what it gets.

        That directory is there before a record goes: where a full disk refuses either, the jobs go on.

        Args:
            find: Which jobs, as it stands; asked again after others had their turn.
        """
        removed = make_place(self.directory, "removed")
        removed.mkdir()
        try:
            await self.queue.end(find)
            yield removed
        except BaseException:
            self.queue.take_up()
            raise
        finally:
            self.discard(removed)


# --- swapping it as a whole

log = logging.getLogger(__name__)

STORE_NAME = "store.sqlite3"
"""Copy of the database in a state archive."""

TREES = ("jobs", "buckets")
"""What of the data directory goes with the records."""

COMMITTED = "COMMITTED"
_JOB_NAME = re.compile(r"(gemini|vertex)(_batch)?-\d+")
_PREFIXES = ("outgoing-", "incoming-", "removed-")


def make_place(directory: Path, kind: str) -> Path:
    """A path below the data directory that nothing uses; ``kind`` is ``outgoing``, ``incoming`` or ``removed``."""
    return directory / f"{kind}-{uuid.uuid4().hex}"


def commit(incoming: Path) -> None:
    """From here on the new state counts, even if the process is killed before it is in its place."""
    mark = incoming / COMMITTED
    mark.touch()
    for path in (incoming / STORE_NAME, mark, incoming, incoming.parent):
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def swap(
    directory: Path,
    incoming: Path,
    removed: Path,
    store: Store,
    trees: tuple[str, ...] = TREES,
    loaded: Loaded | None = None,
) -> None:
    """Puts a committed state in the place of the present one, which goes to ``removed``.

    Done again after a crash in the middle, it does what was left to do. On an error everything is as it was.

    Args:
        loaded: The new store, if it has been loaded already.
    """
    removed.mkdir(exist_ok=True)
    moved: list[tuple[Path, Path]] = []
    try:
        for name in trees:
            if (incoming / name).exists():
                _move(directory / name, removed / name, moved)
                _move(incoming / name, directory / name, moved)
        if (incoming / STORE_NAME).exists():
            store.become(loaded or store.load(incoming / STORE_NAME), removed / STORE_NAME)
    except BaseException:
        (incoming / COMMITTED).unlink(missing_ok=True)
        for source, target in reversed(moved):
            target.rename(source)
        raise
    (incoming / COMMITTED).unlink(missing_ok=True)


def _move(source: Path, target: Path, moved: list[tuple[Path, Path]]) -> None:
    if source.exists():
        source.rename(target)
        moved.append((source, target))


def set_jobs_aside(directory: Path, names: list[str] | None, removed: Path) -> None:
    """Takes the files of some jobs (``gemini-12``), or of all, out of use."""
    jobs = directory / "jobs"
    if names is None:
        _move(jobs, removed / "jobs", [])
        return
    for name in names:
        _move(jobs / name, removed / name, [])


def recover(directory: Path, store: Store) -> None:
    """Before anything is served: ends an import that was committed when the process was killed, removes leftovers.

    Leftovers are states on their way in or out, and files of jobs that are remembered no more.
    """
    left = [path for path in directory.iterdir() if path.is_dir() and path.name.startswith(_PREFIXES)]
    for path in left:
        if (path / COMMITTED).exists():
            log.warning("the import of a state archive was cut short; it is completed")
            swap(directory, path, make_place(directory, "removed"), store)
    for path in directory.iterdir():
        if path.name.startswith(_PREFIXES):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)  # an archive on its way
    known = {f"{api}-{uid}" for uid, api in store.list_job_keys()}
    if (directory / "jobs").is_dir():
        for path in (directory / "jobs").iterdir():
            if _JOB_NAME.fullmatch(path.name) and path.name not in known:  # deleted when the process was killed
                shutil.rmtree(path, ignore_errors=True)

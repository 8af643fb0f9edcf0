"""Cloud Storage alone, in this process: for tests that need ``gs://`` and nothing else."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from tuning_emulator.api.exchange import Exchange
from tuning_emulator.storage.embedded import EmbeddedStorage
from tuning_emulator.storage.store import Storage
from tuning_emulator.testing.loopback import serve_on_loopback


class StorageServer:
    """One on a free loopback port for the length of a block.

    Args:
        directory: Where it is kept; None: nowhere, it is gone at the end.
        buckets: Those that are there from the start, each with a directory whose files it gets, or None.
        auto_create: Whether uploads make the buckets that they name. durable: Whether it is to outlive a loss of power.
        now_ns: Its clock.

    Attributes:
        exchanges: Every request that is over, the last one at the end.

    Raises (on entering the block):
        DamagedStorageError: the directory holds something else.
        NotADirectoryError: a directory of ``buckets`` is none.
    """

    def __init__(
        self,
        directory: Path | None = None,
        buckets: Mapping[str, Path | None] | None = None,
        *,
        auto_create: bool = True,
        durable: bool = False,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._directory = directory
        self._buckets = buckets
        self._auto_create = auto_create
        self._durable = durable
        self._now_ns = now_ns
        self._stack = ExitStack()
        self.exchanges: list[Exchange] = []
        self.base_url = ""

    def __enter__(self) -> StorageServer:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tuning-emulator-storage-"))
            self.embedded = EmbeddedStorage(
                self._directory or Path(folder) / "buckets",
                self._now_ns,
                self._buckets,
                durable=self._durable,
                auto_create=self._auto_create,
                observe=self.exchanges.append,
            )
            stack.callback(self.embedded.close)
            self.embedded.fill()
            self.base_url = stack.enter_context(serve_on_loopback(lambda: self.embedded.app))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def port(self) -> int:
        """Of its URL."""
        return int(self.base_url.rpartition(":")[2])

    @property
    def store(self) -> Storage:
        """What it serves."""
        return self.embedded.store

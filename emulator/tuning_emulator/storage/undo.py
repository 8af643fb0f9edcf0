"""Taking back single objects that were written, whatever happens to others meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tuning_emulator.core.errors import ApiError
from tuning_emulator.storage.contents import link_or_copy
from tuning_emulator.storage.records import StoredObject
from tuning_emulator.storage.store import Storage


@dataclass
class Writes:
    """What was written, and what it took the place of.

    Attributes:
        kept: A directory to be, which keeps the bytes that were replaced.
        objects: (what was there, what is there now), oldest first. buckets: Those that were made.
    """

    storage: Storage
    kept: Path
    objects: list[tuple[StoredObject | None, StoredObject]] = field(default_factory=list)
    buckets: list[str] = field(default_factory=list)

    def ensure_bucket(self, name: str, project: str) -> None:
        """The bucket, made if it is not there."""
        if self.storage.find_bucket(name) is None:
            self.buckets.append(name)
        self.storage.ensure_bucket(name, project)

    def write(self, bucket: str, name: str, write: Callable[[], StoredObject | None]) -> None:
        """Lets an object be written; ``write`` answers what it has become, None: it was there already."""
        before = self.storage.find_object(bucket, name)
        if before is not None:
            self.kept.mkdir(exist_ok=True)
            link_or_copy(self.storage.contents.path(before.content), self.kept / before.content)
        if (made := write()) is not None:
            self.objects.append((before, made))

    def take_back(self) -> None:
        """Makes all of it what it was, but for objects that somebody else has written since."""
        for before, made in reversed(self.objects):
            self._take_back(before, made)
        for name in self.buckets:
            try:
                self.storage.delete_bucket(name)
            except ApiError:  # somebody else has put something there, or has removed it
                continue

    def _take_back(self, before: StoredObject | None, made: StoredObject) -> None:
        with self.storage.change() as doomed:
            current = self.storage.find_object(made.bucket, made.name)
            if current is None or current.generation != made.generation:
                return
            self.storage.drop_object(current, doomed)
            if before is not None:
                path = self.storage.contents.path(before.content)
                path.parent.mkdir(exist_ok=True)
                link_or_copy(self.kept / before.content, path)
                self.storage.database.put(before)

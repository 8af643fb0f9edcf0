"""The embedded Cloud Storage of one emulator: its store, its application, and what jobs see of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tuning_emulator.api.call import Api
from tuning_emulator.api.exchange import Exchange
from tuning_emulator.core.errors import ApiError
from tuning_emulator.facts import storage_errors
from tuning_emulator.storage.contents import read_range
from tuning_emulator.storage.loading import load_directory
from tuning_emulator.storage.objects import (
    DEFAULT_TYPE,
    BucketNotFoundError,
    ObjectForbiddenError,
    ObjectInfo,
    ObjectNotFoundError,
    StorageError,
    find_matching,
    parse_uri,
    split_lines,
)
from tuning_emulator.storage.records import describe_missing_bucket, is_bucket_name
from tuning_emulator.storage.sample_data import MISSING, STAND_IN
from tuning_emulator.storage.store import Storage

if TYPE_CHECKING:
    from tuning_emulator.storage.app import StorageApp
    from tuning_emulator.storage.sessions import Sessions


class EmbeddedStorage:
    """It.

    Args:
        directory: Where it is kept. durable: Whether it is to outlive the process.
        now_ns: The emulator's clock.
        buckets: Those that are there from the start, each with a directory whose files it gets, or None.
        auto_create: Whether uploads make the buckets that they name.
        observe: Gets every exchange when it is over.

    Raises:
        DamagedStorageError: the directory holds something else.
    """

    def __init__(
        self,
        directory: Path,
        now_ns: Callable[[], int],
        buckets: Mapping[str, Path | None] | None = None,
        *,
        durable: bool = False,
        auto_create: bool = False,
        observe: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.store = Storage(directory, now_ns, durable=durable, auto_create=auto_create)
        self._buckets = dict(buckets or {})
        self._observe = observe

    @cached_property
    def sessions(self) -> Sessions:
        """Its uploads under way."""
        from tuning_emulator.storage.sessions import Sessions  # with the first request, as the application

        return Sessions(self.store)

    @cached_property
    def app(self) -> StorageApp:
        """What answers HTTP requests; made by the first one."""
        from tuning_emulator.storage.app import StorageApp

        return StorageApp(self.store, self.sessions, self._observe)

    @cached_property
    def grpc_apis(self) -> list[Api]:
        """What answers calls over gRPC; made by the first connection."""
        from tuning_emulator.storage.grpc_api import create_storage_apis  # its messages are many

        return create_storage_apis(self.store, self.sessions, self.app.json_api)

    @property
    def objects(self) -> EmbeddedObjectStore:
        """What jobs see."""
        return EmbeddedObjectStore(self.store)

    def has_bucket(self, name: str) -> bool:
        """Whether there is such a bucket."""
        return self.store.find_bucket(name) is not None

    def owns_bucket(self, project: str) -> bool:
        """Whether a project (its number) has a bucket."""
        return bool(self.store.database.buckets("WHERE project = ? LIMIT 1", project))

    def fill(self) -> None:
        """Makes the buckets that are there from the start.

        Raises:
            NotADirectoryError: a directory of theirs is none.
        """
        for bucket, directory in self._buckets.items():
            load_directory(self.store, bucket, directory)

    def clear(self, removed: Path, project: str | None = None) -> None:
        """Goes back to what it was at its first start, or forgets the buckets of one project (its number).

        Args:
            removed: See ``Storage.clear``.
        """
        self.store.clear(removed, project)
        if project is None:
            self.fill()

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """See ``Storage.swapped``; uploads under way are forgotten."""
        with self.store.swapped():
            yield
        self.sessions.clear()

    def close(self) -> None:
        """Closes its files."""
        self.store.close()


class EmbeddedObjectStore:
    """The embedded storage as an ``ObjectStore``: no HTTP on the way."""

    def __init__(self, store: Storage) -> None:
        self._store = store

    def stat(self, uri: str) -> ObjectInfo | None:
        """See ``ObjectStore``."""
        found = self._store.find_object(*parse_uri(uri))
        if found is None:
            return None
        content_type = str(found.fields.get("contentType") or "")
        return ObjectInfo(found.bucket, found.name, found.size_bytes, found.generation, content_type)

    def lines(self, uri: str) -> Iterator[bytes]:
        """See ``ObjectStore``."""
        return split_lines(self.blocks(uri))

    def blocks(self, uri: str) -> Iterator[bytes]:
        """See ``ObjectStore``."""
        try:
            found, stream = self._store.open_object(*parse_uri(uri))
        except ApiError as error:
            raise _explain(error, uri) from error
        if found.fields.get("contentEncoding") == "gzip":
            from tuning_emulator.storage.downloads import unpack_gzip  # rarely stored so

            return unpack_gzip(stream)
        return read_range(stream, 0, found.size_bytes)

    def write(self, uri: str, data: bytes, content_type: str = DEFAULT_TYPE) -> None:
        """See ``ObjectStore``."""
        bucket, name = parse_uri(uri)
        try:
            with self._store.spooling() as spool:
                spool.write(data)
                content = spool.finish(sync=self._store.durable)
                self._store.insert(bucket, name, content, {"contentType": content_type})
        except ApiError as error:
            raise _explain(error, uri) from error

    def match(self, pattern: str) -> list[str]:
        """See ``ObjectStore``."""
        from tuning_emulator.storage.listing import Wanted, list_page  # only where somebody asks by wildcards

        bucket, name = parse_uri(pattern)
        names: list[str] = []
        after: tuple[str, int] | None = ("", 0)
        while after is not None and self._store.find_bucket(bucket) is not None:
            page = list_page(self._store, bucket, Wanted(prefix=name.partition("*")[0], after=after))
            names += [one.name for one in page.objects]
            after = page.next
        return find_matching(pattern, names)

    def hint(self, uri: str) -> str:
        """See ``ObjectStore``."""
        bucket, name = parse_uri(uri)
        if self._store.has_stand_in(bucket):
            return STAND_IN if self._store.find_object(bucket, name) else MISSING
        return "" if self._store.find_bucket(bucket) or not is_bucket_name(bucket) else describe_missing_bucket(bucket)


def _explain(error: ApiError, uri: str) -> StorageError:
    bucket, _ = parse_uri(uri)
    if error.rule == storage_errors.BUCKET_NOT_FOUND.name:
        return BucketNotFoundError(f"{uri}: bucket gs://{bucket} does not exist")
    if error.rule in (storage_errors.OBJECT_NOT_FOUND.name, storage_errors.SAMPLE_NOT_FOUND.name):
        return ObjectNotFoundError(f"{uri}: no such object")
    return ObjectForbiddenError(f"{uri}: {error.message}")

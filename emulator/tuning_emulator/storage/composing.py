"""Objects that are the bytes of others, one after the other.

Source: cloud.google.com/storage/docs/composite-objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import BinaryIO

from tuning_emulator.storage.contents import BLOCK_BYTES, Spool
from tuning_emulator.storage.records import NO_CONDITIONS, Conditions, Fields, StoredObject, check_object_name
from tuning_emulator.storage.store import Source, Storage

_TRIES = 3


def compose(
    storage: Storage,
    sources: Sequence[Source],
    bucket: str,
    name: str,
    fields: Fields | None = None,
    conditions: Conditions = NO_CONDITIONS,
    *,
    delete_sources: bool = False,
) -> StoredObject:
    """A new object of the bytes of others, one after the other.

    The bytes are joined while others may write; where a source has changed meanwhile they are joined again.
    """
    check_object_name(name)
    for _ in range(_TRIES):
        with suppress(_ChangedError):
            return _compose_once(storage, sources, bucket, name, fields or {}, conditions, delete_sources)
    with storage.database.alone():
        return _compose_once(storage, sources, bucket, name, fields or {}, conditions, delete_sources)


def _compose_once(
    storage: Storage,
    sources: Sequence[Source],
    bucket: str,
    name: str,
    fields: Fields,
    conditions: Conditions,
    delete_sources: bool,
) -> StoredObject:
    with storage.database.alone():
        storage.get_bucket(bucket, filling=True)
        found = [storage.resolve(source) for source in sources]
        conditions.check(storage.find_object(bucket, name))
        streams = [storage.contents.open(one.content) for one in found]
    with storage.spooling() as spool:
        join(streams, spool)
        content = spool.finish(sync=storage.durable)
        components = sum(max(1, one.components) for one in found)
        with storage.change() as doomed:
            if [storage.resolve(source) for source in sources] != found:
                raise _ChangedError
            made = storage.replace_object(bucket, name, content, fields, conditions, components, doomed)
            for one in {one.name: one for one in found if delete_sources and one.name != name}.values():
                storage.retire(storage.get_bucket(one.bucket), one, doomed)
            return made


class _ChangedError(Exception):
    """A source has changed while it was read."""


def join(streams: Iterable[BinaryIO], spool: Spool) -> None:
    """Writes files one after the other, and closes them."""
    opened = list(streams)
    try:
        for stream in opened:
            while block := stream.read(BLOCK_BYTES):
                spool.write(block)
    finally:
        for stream in opened:
            stream.close()

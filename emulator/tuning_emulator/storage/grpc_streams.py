"""``google.storage.v2``: the methods that carry bytes, and the sessions between them.

Source: google/storage/v2/storage.proto; what is left open there is as googleapis/storage-testbench has it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import google_crc32c

from tuning_emulator.api.call import Call
from tuning_emulator.core.errors import ApiError
from tuning_emulator.facts import emulator_errors, storage_errors
from tuning_emulator.schema.schema import Value
from tuning_emulator.storage.access import expand_predefined
from tuning_emulator.storage.contents import Spool
from tuning_emulator.storage.messages import (
    format_checksums,
    object_message,
    object_resource,
    parse_bucket_path,
    read_checksums,
)
from tuning_emulator.storage.objects import DEFAULT_TYPE
from tuning_emulator.storage.records import Conditions, StoredObject
from tuning_emulator.storage.request import note_missing_bucket
from tuning_emulator.storage.resources import OBJECT_FIELDS, clean, read_fields
from tuning_emulator.storage.sessions import Sessions, Turn, TurnOverError, verify
from tuning_emulator.storage.store import Storage

CHUNK_BYTES = 2 << 20
"""Most content of one message. Source: ServiceConstants.MAX_READ_CHUNK_BYTES."""


def read_conditions(message: Value) -> Conditions:
    """The conditions of a request."""
    return Conditions(
        message.get("if_generation_match"),
        message.get("if_generation_not_match"),
        message.get("if_metageneration_match"),
        message.get("if_metageneration_not_match"),
    )


@dataclass(frozen=True, slots=True)
class Target:
    """What an upload is to become."""

    bucket: str
    name: str
    fields: dict[str, Any]
    conditions: Conditions
    sent: Mapping[str, str]
    total_bytes: int | None = None


class Streams:
    """The methods over one storage."""

    def __init__(self, storage: Storage, sessions: Sessions) -> None:
        self.storage = storage
        self.sessions = sessions

    # --- reading ------------------------------------------------------------------------------------

    async def read_object(self, call: Call) -> AsyncIterator[Value]:
        """The bytes of an object, or a part of them."""
        message = call.request
        found, stream = self._open(call, message)
        with stream:
            start, end = _find_span(message.get("read_offset", 0), message.get("read_limit", 0), found.size_bytes)
            first: Value = {
                "metadata": object_message(found),
                "object_checksums": format_checksums(found.md5, found.crc32c),
                "content_range": {"start": start, "end": end, "complete_length": found.size_bytes},
            }
            async for data in _read(stream, start, end):
                yield {"checksummed_data": _sum(data), **first}
                first = {}
            if first:
                yield first

    async def read_ranges(self, call: Call) -> AsyncIterator[Value]:
        """Parts of an object, as they are asked for."""
        opened = await anext(call.requests, None)
        spec = (opened or {}).get("read_object_spec")
        if opened is None or spec is None:
            raise storage_errors.REQUIRED(name="read_object_spec")
        found, stream = self._open(call, spec)
        with stream:
            yield {"metadata": object_message(found)}
            request: Value | None = opened
            while request is not None:
                for wanted in request.get("read_ranges", []):
                    async for answer in _read_one(stream, found.size_bytes, wanted):
                        yield answer
                request = await anext(call.requests, None)

    def _open(self, call: Call, message: Value) -> tuple[StoredObject, BinaryIO]:
        bucket, name = parse_bucket_path(message.get("bucket")), str(message.get("object", ""))
        try:
            return self.storage.open_object(bucket, name, message.get("generation", 0), read_conditions(message))
        except ApiError as error:
            note_missing_bucket(error, bucket, call.notes)
            raise

    # --- writing ------------------------------------------------------------------------------------

    async def write_object(self, call: Call) -> Value:
        """All messages of an upload, or of a part of one that goes on."""
        answers = [answer async for answer in self.write_parts(call)]
        return answers[-1]

    async def write_parts(self, call: Call) -> AsyncIterator[Value]:
        """The same; how much is kept is said as often as it is asked for, and at the end."""
        opened = await anext(call.requests, None)
        if opened is None:
            raise storage_errors.REQUIRED(name="first_message")
        upload = await asyncio.to_thread(self._open_upload, call, opened)
        finished = False
        try:
            request: Value | None = opened
            while request is not None and not finished:
                await asyncio.to_thread(upload.take, request)
                finished = bool(request.get("finish_write"))
                if not finished and (request.get("flush") or request.get("state_lookup")):
                    yield {"persisted_size": await asyncio.to_thread(upload.flush)}
                request = None if finished else await anext(call.requests, None)
            if finished:
                stored = await asyncio.to_thread(upload.finish)
                yield {"resource": object_message(stored)}
            else:
                yield {"persisted_size": await asyncio.to_thread(upload.keep)}
        except TurnOverError as error:
            raise storage_errors.UPLOAD_BUSY() from error
        finally:
            if not finished:
                upload.leave()

    def _open_upload(self, call: Call, opened: Value) -> Upload:
        if "append_object_spec" in opened:
            raise emulator_errors.STORAGE_METHOD_MISSING(method="An upload that appends")
        if "write_object_spec" in opened:
            target = self._read_target(call, opened["write_object_spec"], opened)
            try:
                self.storage.get_bucket(target.bucket, filling=True)
            except ApiError as error:
                note_missing_bucket(error, target.bucket, call.notes)
                raise
            return WholeUpload(self.storage, target)
        if not opened.get("upload_id"):
            raise storage_errors.REQUIRED(name="first_message")
        return SessionUpload(self.sessions, opened["upload_id"])

    def _read_target(self, call: Call, spec: Value, around: Value) -> Target:
        if spec.get("appendable"):
            raise emulator_errors.STORAGE_METHOD_MISSING(method="An upload that can be appended to")
        resource = spec.get("resource", {})
        if not resource.get("name"):
            raise storage_errors.REQUIRED(name="name")
        body = object_resource(resource)
        fields = {"contentType": DEFAULT_TYPE, **clean(read_fields(body, OBJECT_FIELDS, call.notes))}
        if spec.get("predefined_acl"):
            fields["acl"] = expand_predefined(spec["predefined_acl"], call.notes)
        sums = {**body, **read_checksums(around.get("object_checksums", {}))}
        sent = {short: sums[long] for short, long in (("md5", "md5Hash"), ("crc32c", "crc32c")) if long in sums}
        bucket = parse_bucket_path(resource.get("bucket"))
        return Target(bucket, resource["name"], fields, read_conditions(spec), sent, spec.get("object_size"))

    # --- sessions -----------------------------------------------------------------------------------

    async def start_session(self, call: Call) -> Value:
        """A new one."""
        target = self._read_target(call, call.request.get("write_object_spec", {}), call.request)
        session = self.sessions.create(
            target.bucket, target.name, target.fields, target.conditions, target.sent, target.total_bytes
        )
        return {"upload_id": session.id}

    async def query_session(self, call: Call) -> Value:
        """How much has arrived, or the object that it has become."""
        session = self.sessions.get(call.request.get("upload_id", ""))
        if session.generation:
            found = self.storage.get_object(session.bucket, session.name, session.generation)
            return {"resource": object_message(found)}
        turn = await asyncio.to_thread(self.sessions.take_turn, session)
        return {"persisted_size": turn.received_bytes}

    async def cancel_session(self, call: Call) -> Value:
        """Ends one without an object."""
        await asyncio.to_thread(self.sessions.cancel, call.request.get("upload_id", ""))
        return {}


class Upload(ABC):
    """Bytes on their way in; what ``take`` has checked counts."""

    received_bytes = 0

    def __init__(self) -> None:
        self.sent: dict[str, str] = {}

    def take(self, request: Value) -> None:
        """A message's content, which must begin where the one before ended; what is known already is passed over.

        Raises:
            ApiError: it does not, or its checksum is not its content's.
        """
        sums = read_checksums(request.get("object_checksums", {}))
        self.sent |= {"md5" if name == "md5Hash" else name: value for name, value in sums.items()}
        given = request.get("checksummed_data")
        if given is None:
            return
        data: bytes = given.get("content", b"")
        if given.get("crc32c", google_crc32c.value(data)) != google_crc32c.value(data):
            raise storage_errors.CRC32C_MISMATCH(sent=given["crc32c"], found=google_crc32c.value(data))
        offset = request.get("write_offset", 0)
        if offset > self.received_bytes:
            raise storage_errors.WRITE_OFFSET_INVALID(offset=offset, expected=self.received_bytes)
        self.write(data[self.received_bytes - offset :])

    @abstractmethod
    def write(self, data: bytes) -> None:
        """More bytes."""

    @abstractmethod
    def flush(self) -> int:
        """Writes down what was received; how much counts."""

    @abstractmethod
    def finish(self) -> StoredObject:
        """Makes the object."""

    @abstractmethod
    def keep(self) -> int:
        """The stream has ended before the object; how much of it counts."""

    @abstractmethod
    def leave(self) -> None:
        """The stream is over without an object, and nobody hears what counts."""


class WholeUpload(Upload):
    """An upload that is one stream, or nothing."""

    def __init__(self, storage: Storage, target: Target) -> None:
        super().__init__()
        self._storage = storage
        self._target = target
        self._spool: Spool = storage.contents.create()

    def write(self, data: bytes) -> None:
        """See ``Upload``."""
        self._spool.write(data)
        self.received_bytes = self._spool.size_bytes

    def flush(self) -> int:
        """See ``Upload``."""
        return self.received_bytes

    def finish(self) -> StoredObject:
        """See ``Upload``."""
        target = self._target
        try:
            content = self._spool.finish(sync=self._storage.durable)
            verify({**target.sent, **self.sent}, content)
            return self._storage.insert(target.bucket, target.name, content, target.fields, target.conditions)
        except BaseException:
            self._spool.discard()
            raise

    def keep(self) -> int:
        """Nothing of it does."""
        raise storage_errors.WRITE_UNFINISHED()

    def leave(self) -> None:
        """See ``Upload``."""
        self._spool.discard()


class SessionUpload(Upload):
    """A stream that goes on with a session."""

    def __init__(self, sessions: Sessions, identifier: str) -> None:
        super().__init__()
        session = sessions.get(identifier)
        self._storage = sessions.storage
        self._done = session if session.generation else None
        self._turn: Turn | None = None if self._done else sessions.take_turn(session)
        self.received_bytes = self._turn.received_bytes if self._turn else session.received_bytes

    def write(self, data: bytes) -> None:
        """See ``Upload``."""
        if self._turn is not None and data:
            self._turn.write(data)
            self.received_bytes = self._turn.received_bytes

    def finish(self) -> StoredObject:
        """See ``Upload``."""
        if self._turn is not None:
            return self._turn.finish(self.sent)
        assert self._done is not None
        return self._storage.get_object(self._done.bucket, self._done.name, self._done.generation)

    def flush(self) -> int:
        """See ``Upload``."""
        if self._turn is not None:
            self._turn.keep()
        return self.received_bytes

    def keep(self) -> int:
        """See ``Upload``."""
        return self.flush()

    def leave(self) -> None:
        """What has arrived stays."""
        with suppress(TurnOverError):
            self.flush()


# --- bytes


def _find_span(offset: int, limit: int, size: int) -> tuple[int, int]:
    """First byte and the one after the last. A negative offset counts from the end, a limit of 0 is none.

    Raises:
        ApiError: OUT_OF_RANGE, or the limit is negative.
    """
    if limit < 0:
        raise storage_errors.ARGUMENT_INVALID(name="read_limit", value=limit)
    start = max(0, size + offset) if offset < 0 else offset
    if start > size:
        raise storage_errors.RANGE_UNSATISFIABLE()
    return start, min(size, start + limit) if limit else size


async def _read(stream: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    def read(at: int) -> bytes:
        stream.seek(at)
        return stream.read(min(CHUNK_BYTES, end - at))

    while start < end:
        data = await asyncio.to_thread(read, start)
        if not data:
            raise OSError(f"{end - start} bytes are missing at the end of a file")
        start += len(data)
        yield data


async def _read_one(stream: BinaryIO, size: int, wanted: Value) -> AsyncIterator[Value]:
    """The answers to one range of a stream of them."""
    start, end = _find_span(wanted.get("read_offset", 0), wanted.get("read_length", 0), size)
    named = {"read_id": wanted.get("read_id", 0)}
    if start == end:
        yield {"object_data_ranges": [{"read_range": {"read_offset": start, **named}, "range_end": True}]}
    async for data in _read(stream, start, end):
        place = {"read_offset": start, "read_length": len(data), **named}
        start += len(data)
        yield {"object_data_ranges": [{"checksummed_data": _sum(data), "read_range": place, "range_end": start == end}]}


def _sum(data: bytes) -> Value:
    return {"content": data, "crc32c": google_crc32c.value(data)}

"""Uploads over HTTP: the whole in one request, with metadata in front, or in a resumable session.

Sources: cloud.google.com/storage/docs/uploads-downloads, performing-resumable-uploads, json_api/v1/objects/insert.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from email.message import Message
from typing import Any, NoReturn
from urllib.parse import quote, urlencode

from tuning_emulator.core.errors import ApiError
from tuning_emulator.facts import storage_errors
from tuning_emulator.storage.access import expand_predefined
from tuning_emulator.storage.contents import Spool
from tuning_emulator.storage.objects import DEFAULT_TYPE
from tuning_emulator.storage.records import Conditions, Session, StoredObject
from tuning_emulator.storage.request import (
    Body,
    ClientGoneError,
    Reply,
    StorageRequest,
    parse_object,
    read_boundary,
    read_hashes,
)
from tuning_emulator.storage.resources import OBJECT_FIELDS, clean, read_fields
from tuning_emulator.storage.sessions import QUANTUM_BYTES, Sessions, Turn, TurnOverError, verify
from tuning_emulator.storage.store import Storage

IN_THREAD_BYTES = 64 * 1024
"""Blocks up to this size are written at once: a thread would take longer."""

GATHERED_BYTES = 1 << 20
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+|\*)|\*)/(\d+|\*)")
_HEAD_BYTES = 1 << 20
"""Of a multipart body everything before the content must fit: delimiter, metadata, headers."""


# --- bytes into files


async def gather(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in blocks of ``GATHERED_BYTES`` or a little more; where the client leaves, what there is first."""
    parts: list[bytes] = []
    size = 0
    gone: ClientGoneError | None = None
    try:
        async for block in blocks:
            parts.append(block)
            size += len(block)
            if size >= GATHERED_BYTES:
                yield b"".join(parts)
                parts, size = [], 0
    except ClientGoneError as error:
        gone = error
    if size:
        yield b"".join(parts)
    if gone is not None:
        raise gone


async def write_all(spool: Spool, blocks: AsyncIterator[bytes]) -> None:
    """Writes a body to a file, in constant memory, without holding up others."""
    async for block in gather(blocks):
        if len(block) <= IN_THREAD_BYTES:
            spool.write(block)
        else:
            await asyncio.to_thread(spool.write, block)


async def save(
    storage: Storage,
    blocks: AsyncIterator[bytes],
    bucket: str,
    name: str,
    fields: dict[str, Any],
    conditions: Conditions,
    sent: Mapping[str, str],
) -> StoredObject:
    """Makes an object of a body.

    Raises:
        ApiError: a checksum or a condition does not hold; nothing is kept.
    """

    def finish() -> StoredObject:
        content = spool.finish(sync=storage.durable)
        verify(sent, content)
        return storage.insert(bucket, name, content, fields, conditions)

    with storage.spooling() as spool:
        await write_all(spool, blocks)
        if storage.durable or spool.size_bytes > IN_THREAD_BYTES:
            return await asyncio.to_thread(finish)
        return finish()


async def insert_media(storage: Storage, request: StorageRequest, bucket: str) -> StoredObject:
    """``uploadType=media``: the body is the object."""
    name = _require_name(request.query.get("name"))
    storage.get_bucket(bucket, filling=True)
    fields = {"contentType": request.headers.get("content-type") or DEFAULT_TYPE, **read_query_fields(request)}
    sent = read_hashes(request.headers)
    return await save(storage, request.body.inflated(), bucket, name, fields, request.conditions(), sent)


def read_query_fields(request: StorageRequest) -> dict[str, Any]:
    """What the query sets of an object."""
    found: dict[str, Any] = {}
    for parameter in ("contentEncoding", "kmsKeyName"):
        if request.query.get(parameter):
            found[parameter] = request.query[parameter]
    if request.query.get("kmsKeyName"):
        request.notes.append("kmsKeyName is kept and has no effect: nothing is encrypted here")
    if request.query.get("predefinedAcl"):
        found["acl"] = expand_predefined(request.query["predefinedAcl"], request.notes)
    return found


def read_resource(request: StorageRequest, resource: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What the metadata of an upload sets, and the checksums that it promises."""
    fields = clean(read_fields(resource, OBJECT_FIELDS, request.notes)) | read_query_fields(request)
    sent = {
        short: str(resource[long])
        for short, long in (("md5", "md5Hash"), ("crc32c", "crc32c"))
        if isinstance(resource.get(long), str)
    }
    return fields, sent


def _require_name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise storage_errors.REQUIRED(name="name")
    return name


# --- multipart/related


async def insert_multipart(storage: Storage, request: StorageRequest, bucket: str) -> StoredObject:
    """``uploadType=multipart``: metadata and content in one body."""
    parts = RelatedParts(request.body, request.headers.get("content-type", ""))
    resource = parse_object(await parts.read_metadata())
    fields, sent = read_resource(request, resource)
    name = _require_name(request.query.get("name") or resource.get("name"))
    storage.get_bucket(bucket, filling=True)
    fields.setdefault("contentType", parts.content_type)
    sent = {**read_hashes(request.headers), **sent}
    return await save(storage, parts.content(), bucket, name, fields, request.conditions(), sent)


class RelatedParts:
    """The two parts of a ``multipart/related`` body, read as they come. Source: RFC 2387.

    gcsfs ends lines with LF alone.

    Raises (all):
        ApiError: it is none.
    """

    def __init__(self, body: Body, content_type: str) -> None:
        self._delimiter = b"--" + read_boundary(content_type)
        self._blocks = body.inflated()
        self._seen = bytearray()
        self._line_end = b"\r\n"
        self._base64 = False
        self.content_type = DEFAULT_TYPE

    async def read_metadata(self) -> bytes:
        """The first part, and the headers of the second."""
        await self._read_headers(first=True)
        end = await self._find(self._line_end + self._delimiter)
        metadata = bytes(self._seen[:end])
        del self._seen[: end + len(self._line_end)]
        headers = await self._read_headers(first=False)
        self.content_type = headers.get("content-type") or DEFAULT_TYPE
        self._base64 = headers.get("content-transfer-encoding", "").lower() == "base64"
        return metadata

    async def _read_headers(self, *, first: bool) -> Message:
        start = await self._find(self._delimiter)
        if start and not first:
            _refuse()
        line_end = await self._find(b"\n", start)
        if bytes(self._seen[start:line_end]).rstrip(b" \t\r") != self._delimiter:
            _refuse()
        if first:
            self._line_end = b"\r\n" if self._seen[line_end - 1 : line_end] == b"\r" else b"\n"
        line_end += 1 - len(self._line_end)
        end = await self._find(self._line_end * 2, line_end)
        message = Message()
        for line in bytes(self._seen[line_end:end]).decode("latin-1").splitlines():
            name, _, value = line.partition(":")
            if name.strip():
                message[name.strip()] = value.strip()
        del self._seen[: end + 2 * len(self._line_end)]
        return message

    async def _find(self, wanted: bytes, start: int = 0) -> int:
        """Where something comes next, reading on until it does."""
        while (found := self._seen.find(wanted, start)) < 0 or len(self._seen) < found + len(wanted) + 4:
            block = await anext(self._blocks, None)
            if block is None:
                if found >= 0:
                    return found
                _refuse()
            self._seen += block
            if len(self._seen) > _HEAD_BYTES and self._seen.find(wanted, start) < 0:
                _refuse()
        return found

    async def content(self) -> AsyncIterator[bytes]:
        """The second part, up to the delimiter that ends it."""
        blocks = self._raw_content()
        if not self._base64:
            async for block in blocks:
                yield block
            return
        import base64  # no client of today sends it

        rest = b""
        async for block in blocks:
            text = rest + bytes(block).translate(None, b" \t\r\n")
            whole = len(text) // 4 * 4
            rest = text[whole:]
            yield base64.b64decode(text[:whole])
        if rest:
            _refuse()

    async def _raw_content(self) -> AsyncIterator[bytes]:
        closing = self._line_end + self._delimiter
        held = len(closing)
        while True:
            end = self._seen.find(closing)
            if end >= 0:
                yield bytes(self._seen[:end])
                async for _ in self._blocks:
                    pass
                return
            if len(self._seen) > held:
                yield bytes(self._seen[:-held])
                del self._seen[:-held]
            block = await anext(self._blocks, None)
            if block is None:
                _refuse()
            self._seen += block


def _refuse() -> NoReturn:
    raise storage_errors.UPLOAD_MALFORMED()


# --- resumable sessions


async def start_session(sessions: Sessions, request: StorageRequest, bucket: str) -> Reply:
    """``uploadType=resumable`` without an ``upload_id``: opens a session and says where it goes on."""
    resource = await request.json()
    fields, sent = read_resource(request, resource)
    name = _require_name(request.query.get("name") or resource.get("name"))
    fields.setdefault("contentType", request.headers.get("x-upload-content-type") or DEFAULT_TYPE)
    total = request.headers.get("x-upload-content-length", "")
    session = sessions.create(
        *(bucket, name, fields, request.conditions(), {**read_hashes(request.headers), **sent}),
        total_bytes=int(total) if total.isdigit() else None,
    )
    kept = {key: value for key, value in request.query.items() if key not in ("upload_id", "prettyPrint", "alt")}
    query = urlencode({**kept, "uploadType": "resumable", "upload_id": session.id})
    path = f"/upload/storage/v1/b/{quote(bucket, safe='')}/o?{query}"
    return Reply(200, [("Location", request.base_url + path), ("X-GUploader-UploadID", session.id)])


async def continue_session(sessions: Sessions, request: StorageRequest) -> Reply | StoredObject:
    """A chunk, the whole, or the question how much has arrived; the object once it is complete."""
    session = sessions.get(request.query.get("upload_id", ""))
    length = None if request.body.gzipped else request.body.length
    first, last, total = _parse_content_range(request.headers.get("content-range", ""), length)
    if session.generation:
        await request.body.drain()
        return sessions.storage.get_object(session.bucket, session.name, session.generation)
    total = _agree(session, total)
    session = replace(session, total_bytes=total)
    turn = await asyncio.to_thread(sessions.take_turn, session)
    try:
        if first is not None:
            return await _receive(request, turn, first, last, total)
        await request.body.drain()
        if total is None or turn.received_bytes < total:
            return _incomplete(request, turn.received_bytes)
        return await asyncio.to_thread(turn.finish, read_hashes(request.headers))
    except TurnOverError as error:
        raise storage_errors.UPLOAD_BUSY() from error


def _parse_content_range(text: str, length: int | None) -> tuple[int | None, int | None, int | None]:
    """First and last byte and total; without a range the body is all there is."""
    if not text:
        return 0, None, length
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        raise _unfit(text, "expected bytes FIRST-LAST/TOTAL")
    first, last, total = match.groups()
    found = (
        int(first) if first else None,
        int(last) if last and last != "*" else None,
        int(total) if total != "*" else None,
    )
    start, end, size = found
    if (start is not None and end is not None and (end < start or (size is not None and end >= size))) or (
        length is not None and start is not None and end is not None and length != end - start + 1
    ):
        raise _unfit(text, "it does not fit the body or the total")
    return found


def _agree(session: Session, total: int | None) -> int | None:
    if total is not None and session.total_bytes not in (None, total):
        raise _unfit(f"*/{total}", f"the upload was announced to have {session.total_bytes} bytes")
    return session.total_bytes if total is None else total


async def _receive(
    request: StorageRequest, turn: Turn, first: int, last: int | None, total: int | None
) -> Reply | StoredObject:
    """Takes a chunk in. What the session has already is passed over; of what is not the end, multiples are kept."""
    if first > turn.received_bytes:
        raise _unfit(f"{first}-", f"{turn.received_bytes} bytes have been received")
    known, rest, size = turn.received_bytes - first, b"", 0
    try:
        async for block in gather(request.body.inflated()):
            fresh = rest + block[max(0, known - size) :]
            size += len(block)
            even = max(0, (turn.received_bytes + len(fresh)) // QUANTUM_BYTES * QUANTUM_BYTES - turn.received_bytes)
            await asyncio.to_thread(turn.write, fresh[:even])
            rest = fresh[even:]
    except ClientGoneError:
        await asyncio.to_thread(turn.keep)
        raise
    end = turn.received_bytes + len(rest)
    whole = not request.headers.get("content-range")
    if (last is not None and size != last - first + 1) or (
        total is not None and (end > total or (whole and end < total))
    ):
        await asyncio.to_thread(turn.keep)
        raise _unfit(f"{first}-{last}/{total}", f"the body has {size} bytes")
    if whole or end == total:
        await asyncio.to_thread(turn.write, rest)
        return await asyncio.to_thread(turn.finish, read_hashes(request.headers))
    await asyncio.to_thread(turn.keep)
    return _incomplete(request, turn.received_bytes)


def _unfit(value: str, reason: str) -> ApiError:
    return storage_errors.CONTENT_RANGE_INVALID(value=value, reason=reason)


def _incomplete(request: StorageRequest, received_bytes: int) -> Reply:
    """308; for clients that must not see one, 200 that says so."""
    headers = [("Range", f"bytes=0-{received_bytes - 1}")] if received_bytes else []
    if request.headers.get("x-guploader-no-308", "").lower() == "yes":
        return Reply(200, [("X-Http-Status-Code-Override", "308"), *headers])
    return Reply(308, headers)

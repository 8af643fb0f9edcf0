"""A request to Cloud Storage as HTTP brings it, and what it is answered with."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote

import msgspec

from tuning_emulator.api.exchange import Receive, Scope
from tuning_emulator.core.errors import ApiError
from tuning_emulator.facts import emulator_errors, storage_errors
from tuning_emulator.proxy.hosts import Service, find_service
from tuning_emulator.storage.records import Bucket, Conditions, StoredObject, describe_missing_bucket, is_bucket_name
from tuning_emulator.storage.sample_data import MISSING

Headers: TypeAlias = list[tuple[str, str]]

JSON_LIMIT_BYTES = 10 << 20
"""Of a body that is read into memory: metadata, batches, lists of parts."""

INFLATED_BYTES = 64 << 20
INFLATED_TIMES = 100
"""A body that is unpacked may have the first, or the second times what has come of it: a bomb has a thousand times."""

_INT64 = re.compile(r"-?\d{1,19}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class ClientGoneError(Exception):
    """The client left in the middle of its body: nobody waits for an answer."""


class Body:
    """The bytes of a request, read once."""

    def __init__(self, receive: Receive, headers: Mapping[str, str]) -> None:
        self._receive = receive
        self._more = True
        self.gzipped = headers.get("content-encoding", "").lower() == "gzip"
        length = headers.get("content-length", "")
        self.length = int(length) if length.isdigit() else None
        """As announced; None: it was not."""

    async def blocks(self) -> AsyncIterator[bytes]:
        """As they come.

        Raises:
            ClientGoneError: it ended early.
        """
        while self._more:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                raise ClientGoneError
            self._more = event.get("more_body", False)
            if event.get("body"):
                yield event["body"]

    async def inflated(self) -> AsyncIterator[bytes]:
        """The same, unpacked where it is gzip; never more than a few blocks at once.

        Raises:
            ApiError: it is no gzip, or unpacks to too much.
        """
        if not self.gzipped:
            async for block in self.blocks():
                yield block
            return
        unpacker = zlib.decompressobj(31)
        packed = size = 0
        try:
            async for block in self.blocks():
                packed += len(block)
                rest = block
                while rest:
                    if unpacker.eof:  # RFC 1952 2.2: a file may have several members
                        unpacker = zlib.decompressobj(31)
                    data = unpacker.decompress(rest, 1 << 20)
                    size += len(data)
                    if size > max(INFLATED_BYTES, INFLATED_TIMES * packed):
                        raise emulator_errors.STORAGE_UPLOAD_INFLATES(times=INFLATED_TIMES)
                    yield data
                    rest = unpacker.unconsumed_tail or unpacker.unused_data
            yield unpacker.flush()
        except zlib.error as error:
            raise storage_errors.BODY_UNREADABLE() from error
        if not unpacker.eof:
            raise storage_errors.BODY_UNREADABLE()

    async def read(self, limit_bytes: int = JSON_LIMIT_BYTES) -> bytes:
        """All of it, unpacked.

        Raises:
            ApiError: it is longer than the limit.
        """
        parts, size = [], 0
        async for block in self.inflated():
            size += len(block)
            if size > limit_bytes:
                raise storage_errors.BODY_TOO_LONG()
            parts.append(block)
        return b"".join(parts)

    async def drain(self, limit_bytes: int = JSON_LIMIT_BYTES) -> None:
        """Reads on and throws away, so that a refused client reads its answer before its connection breaks."""
        size = 0
        async for block in self.blocks():
            size += len(block)
            if size > limit_bytes:
                return


@dataclass(slots=True)
class StorageRequest:
    """One request.

    Attributes:
        path: Percent-encoded. query: Decoded; the last value of each name. headers: By lower-case name.
        base_url: What absolute URLs in the answer begin with.
        notes: Hints for the developer; they end up in log and journal, never in the answer.
        method: ``objects.get``, once it is known. resource: What it is about.
    """

    verb: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    base_url: str
    body: Body
    pairs: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    method: str = ""
    resource: str = ""

    def integer(self, name: str, default: int | None = None) -> int | None:
        """A whole number of the query.

        Raises:
            ApiError: it is none.
        """
        text = self.query.get(name, "")
        if not text:
            return default
        if not _INT64.fullmatch(text):
            raise storage_errors.ARGUMENT_INVALID(name=name, value=text)
        return int(text)

    def flag(self, name: str) -> bool:
        """A truth value of the query."""
        return self.query.get(name, "").lower() in ("true", "1")

    @property
    def generation(self) -> int:
        """The generation that is asked for, 0 for the live one."""
        return self.integer("generation") or 0

    @property
    def full(self) -> bool:
        """Whether access lists are wanted."""
        projection = self.query.get("projection", "") or "noAcl"
        if projection not in ("full", "noAcl"):
            raise storage_errors.ARGUMENT_INVALID(name="projection", value=projection)
        return projection == "full"

    def conditions(self, prefix: str = "if") -> Conditions:
        """The conditions of the query and, for the object itself, of the headers.

        Args:
            prefix: ``ifSource`` for those of what is copied.

        Raises:
            ApiError: one is no number.
        """
        numbers = [
            self.integer(f"{prefix}{name}")
            for name in ("GenerationMatch", "GenerationNotMatch", "MetagenerationMatch", "MetagenerationNotMatch")
        ]
        tags: tuple[tuple[str, ...], ...] = ((), ())
        if prefix == "if":
            tags = read_tags(self.headers, "if-match"), read_tags(self.headers, "if-none-match")
        return Conditions(numbers[0], numbers[1], numbers[2], numbers[3], *tags)

    async def json(self) -> dict[str, Any]:
        """The body, a JSON object; an empty one is no fields.

        Raises:
            ApiError: it is something else.
        """
        data = await self.body.read()
        return parse_object(data)


def parse_object(data: bytes) -> dict[str, Any]:
    """A JSON object; nothing at all is an empty one.

    Raises:
        ApiError: it is something else.
    """
    if not data.strip():
        return {}
    try:
        value = msgspec.json.decode(data)  # refuses halves of surrogate pairs, which no file and no answer can hold
    except (ValueError, RecursionError) as error:
        raise storage_errors.BODY_UNREADABLE() from error
    if not isinstance(value, dict):
        raise storage_errors.BODY_UNREADABLE()
    return value


def read_tags(headers: Mapping[str, str], name: str) -> tuple[str, ...]:
    """The entity tags of a condition, without their quotes."""
    found = headers.get(name, "")
    return tuple(tag.strip().removeprefix("W/").strip('"') for tag in found.split(",") if tag.strip())


def note_missing_bucket(error: ApiError, bucket: str, notes: list[str]) -> None:
    """Adds to the notes what to do where an error says that a bucket, or a file of the sample data, is missing."""
    if error.rule == storage_errors.BUCKET_NOT_FOUND.name and is_bucket_name(bucket):
        notes.append(describe_missing_bucket(bucket))
    if error.rule == storage_errors.SAMPLE_NOT_FOUND.name:
        notes.append(MISSING)


def read_boundary(content_type: str) -> bytes:
    """What stands between the parts of a body; gsutil and gcloud put it in single quotes.

    Raises:
        ApiError: there is none.
    """
    message = Message()
    message["Content-Type"] = content_type
    boundary = (message.get_boundary() or "").strip("'")
    if not boundary:
        raise storage_errors.UPLOAD_MALFORMED()
    return boundary.encode("latin-1", "replace")


def read_hashes(headers: Mapping[str, str]) -> dict[str, str]:
    """The checksums that came in headers, by ``md5`` and ``crc32c``."""
    found = {}
    for part in headers.get("x-goog-hash", "").split(","):
        name, equals, value = part.strip().partition("=")
        if equals and name in ("md5", "crc32c"):
            found[name] = value
    if headers.get("content-md5"):
        found["md5"] = headers["content-md5"]
    return found


def create_request(scope: Scope, receive: Receive) -> StorageRequest:
    """The request of an ASGI scope.

    Raises:
        ApiError: its query is no UTF-8.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name == "x-goog-hash" and name in headers else value
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    verb = scope["method"]
    if verb == "POST":
        verb = str(headers.get("x-http-method-override", verb)).upper()
    try:
        text = scope["query_string"].decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=256)
    except ValueError as error:
        raise storage_errors.ARGUMENT_INVALID(name="query", value="") from error
    path = raw.partition(b"?")[0].decode("latin-1")
    base_url = find_base_url(scope, headers)
    request = StorageRequest(verb, path, dict(pairs), headers, base_url, Body(receive, headers), pairs)
    if "x-goog-encryption-key" in headers:
        request.notes.append("the encryption key has no effect: nothing is encrypted here")
    return request


def find_base_url(scope: Scope, headers: Mapping[str, str]) -> str:
    """Where the client has reached us: as its Host says; one without a port of a host of ours gets the socket's."""
    scheme = headers.get("x-forwarded-proto") or scope.get("scheme", "http")
    server = scope.get("server") or ("localhost", None)
    host = headers.get("host") or str(server[0])
    named = re.search(r":\d+$", host) is not None
    proxied = "x-forwarded-proto" in headers or "x-forwarded-host" in headers
    port = server[1]
    if named or proxied or port in (None, _DEFAULT_PORTS.get(scheme)) or find_service(host.lower()) is Service.STORAGE:
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{port}"


def decode(segment: str) -> str:
    """A segment of a path, percent-decoded once.

    Raises:
        ApiError: it is no UTF-8.
    """
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError as error:
        raise storage_errors.ARGUMENT_INVALID(name="path", value=segment) from error


@dataclass(slots=True)
class Reply:
    """An answer.

    Attributes:
        content: Its bytes in blocks, read in a thread as the client takes them; None: ``body`` is all.
        error: What it says, where it refuses.
    """

    status: int = 200
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    content: Iterator[bytes] | None = None
    error: ApiError | None = None


Answer: TypeAlias = "Reply | StoredObject | Bucket | dict[str, Any] | None"
"""What a method comes to: a record is printed as its resource, a dict as it is; None is 204."""


def json_reply(value: Any, status: int = 200, *, pretty: bool = True) -> Reply:
    """A JSON answer. ``pretty``: on many lines, as the service prints unless ``prettyPrint=false`` asks it not to."""
    body = msgspec.json.encode(value)
    if pretty:
        body = msgspec.json.format(body, indent=2) + b"\n"
    return Reply(status, [("Content-Type", "application/json; charset=UTF-8"), ("Cache-Control", "no-cache")], body)

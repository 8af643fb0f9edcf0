"""One stream of an HTTP/2 connection: the request as it comes, the answer as it goes."""

from __future__ import annotations

import asyncio
import base64
import re
import struct
from collections.abc import Iterable, Mapping
from typing import Protocol, TypeAlias
from urllib.parse import parse_qsl

from msgspec import Struct

from tuning_emulator.api.dispatch import unzip
from tuning_emulator.api.exchange import Manner
from tuning_emulator.api.operations import build_status
from tuning_emulator.core.errors import ApiError
from tuning_emulator.facts import emulator_errors, google_errors
from tuning_emulator.schema.protobuf import BinaryCodec

# --- messages in the data of a stream

_PREFIX = struct.Struct(">BI")


class Assembler:
    """Takes the messages out of a stream's data: those of a streamed request in their turn, else all as they come.

    Attributes:
        streamed: The method takes a stream of requests; of any other request the first message alone is kept.
        message: That message, None before it is whole. compressed: As its prefix says.
        count: How many messages there were.
        oversize: A message is longer than the limit. refused: The connection has no room. Nothing more is kept then.
    """

    __slots__ = ("_data", "_limit_bytes", "compressed", "count", "message", "oversize", "refused", "streamed")

    def __init__(self, limit_bytes: int, *, streamed: bool = False) -> None:
        self._data = bytearray()
        self._limit_bytes = limit_bytes
        self.streamed = streamed
        self.message: bytes | None = None
        self.compressed = False
        self.count = 0
        self.oversize = False
        self.refused = False

    @property
    def is_over(self) -> bool:
        """Whether the request can be answered before it is whole: it is too long."""
        return self.oversize or self.refused

    @property
    def size_bytes(self) -> int:
        """What is kept."""
        return len(self._data) + len(self.message or b"")

    @property
    def is_cut(self) -> bool:
        """Whether the data so far ends inside a message."""
        return bool(self._data)

    def feed(self, data: bytes) -> None:
        """More data."""
        if self.is_over:
            return
        self._data += data
        if self.streamed:
            return
        while (found := self.take()) is not None:
            if self.count == 0:
                self.message, self.compressed = found
            self.count += 1

    def take(self) -> tuple[bytes, bool] | None:
        """The next message and whether it is compressed; None: it is not whole yet, or too long."""
        if len(self._data) < _PREFIX.size:
            return None
        flag, size = _PREFIX.unpack_from(self._data)
        if size > self._limit_bytes:
            self.oversize = True
            self.clear()
            return None
        end = _PREFIX.size + size
        if len(self._data) < end:
            return None
        message = bytes(self._data[_PREFIX.size : end])
        del self._data[:end]
        return message, bool(flag & 1)

    def overflow(self) -> None:
        """There is no room for it."""
        self.refused = True
        self.clear()

    def clear(self) -> None:
        """Forgets what is kept."""
        self._data, self.message = bytearray(), None


def frame_message(message: bytes) -> bytes:
    """A message as it goes out, never compressed."""
    return _PREFIX.pack(0, len(message)) + message


# --- errors as gRPC sends them

STATUS_TRAILER = "grpc-status-details-bin"
_CODEC = BinaryCodec(())


class GrpcStatus(Struct, frozen=True):
    """What a failed gRPC call ends with.

    Attributes:
        code: ``grpc-status``. message: ``grpc-message``, not yet percent-encoded.
        trailers: Binary trailers beside them; ``google.rpc.Status`` where there are details.
    """

    code: int
    message: str
    trailers: tuple[tuple[str, bytes], ...]


def format_status(error: ApiError) -> GrpcStatus:
    """The same code, message and details as the REST envelope of that error."""
    if not error.details:
        return GrpcStatus(int(error.code), error.message, ())
    data = _CODEC.encode(build_status(error), "google.rpc.Status")
    return GrpcStatus(int(error.code), error.message, ((STATUS_TRAILER, data),))


# --- metadata: what gRPC says in HTTP/2 headers and trailers

Header: TypeAlias = tuple[bytes, bytes]

CONTENT_TYPE = "application/grpc"
ENCODINGS = ("identity", "gzip")
"""What requests may be compressed with; answers never are."""

_HEAD: tuple[Header, ...] = (
    (b":status", b"200"),
    (b"content-type", CONTENT_TYPE.encode()),
    (b"grpc-accept-encoding", ",".join(ENCODINGS).encode()),
)
_TIMEOUT = re.compile(r"(\d{1,8})([HMSmun])")
_UNIT_S = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
ENTRY_BYTES = 32
"""What each header costs beside its name and value. Source: RFC 9113, 6.5.2."""

TRAILERS_LIMIT_BYTES = 8000
"""Clients built on gRPC's C core begin to refuse longer trailers at 8 KiB (github.com/grpc/grpc,
GRPC_ARG_MAX_METADATA_SIZE). Of an error that does not fit, first the details are left out, then the end of its text."""

_ELLIPSIS = "…"


def format_head(extra: Iterable[Header] = ()) -> list[Header]:
    """The headers that an answer begins with."""
    return [*_HEAD, *extra]


def parse_timeout(text: str) -> float | None:
    """``grpc-timeout`` in seconds; None where it is not one."""
    match = _TIMEOUT.fullmatch(text)
    return None if match is None else int(match[1]) * _UNIT_S[match[2]]


def measure_headers(headers: Iterable[Header]) -> int:
    """The size of a header list, as HTTP/2 counts it."""
    return sum(len(name) + len(value) + ENTRY_BYTES for name, value in headers)


def format_text(text: str) -> bytes:
    """A text as ``grpc-message`` has it: percent-encoded UTF-8."""
    if text.isascii() and text.isprintable() and "%" not in text:
        return text.encode()
    encoded = text.encode(errors="replace")
    return b"".join(bytes((one,)) if 0x20 <= one <= 0x7E and one != 0x25 else b"%%%02X" % one for one in encoded)


def format_trailers(status: GrpcStatus, limit_bytes: int = TRAILERS_LIMIT_BYTES) -> list[Header]:
    """The trailers that a call ends with, no longer than clients take."""
    trailers = [
        (b"grpc-status", str(status.code).encode()),
        (b"grpc-message", format_text(status.message)),
        *((name.encode(), base64.b64encode(value).rstrip(b"=")) for name, value in status.trailers),
    ]
    limit_bytes = min(limit_bytes, TRAILERS_LIMIT_BYTES)
    if measure_headers(trailers) <= limit_bytes:
        return trailers
    if status.trailers:
        return format_trailers(GrpcStatus(status.code, status.message, ()), limit_bytes)
    room = limit_bytes - measure_headers([trailers[0], (b"grpc-message", format_text(_ELLIPSIS))])
    return [trailers[0], (b"grpc-message", format_text(_cut_text(status.message, room) + _ELLIPSIS))]


def _cut_text(text: str, room_bytes: int) -> str:
    """As much of the beginning of a text as fits when it is percent-encoded."""
    for end, character in enumerate(text):
        room_bytes -= len(format_text(character))
        if room_bytes < 0:
            return text[:end]
    return text


OK_TRAILERS: tuple[Header, ...] = ((b"grpc-status", b"0"),)
"""How a call ends that went well."""


HIGH_WATER_BYTES = 65_536
"""How much of an answer waits for the client before the method that makes it waits too."""


class Line(Protocol):
    """What a stream sends through: its connection."""

    def push(self, stream: Stream) -> None:
        """Sends what the client takes now, and the rest when it takes more."""
        ...

    def make_room(self, stream: Stream, size_bytes: int) -> None:
        """Lets the client send as much more of a streamed request."""
        ...

    def break_off(self, stream: Stream, manner: Manner) -> None:
        """Ends the stream, or the whole connection, without the end of an answer."""
        ...


class Stream:
    """A request and its answer.

    Attributes:
        path: ``/package.Service/Method``. headers: By lower-case name, without pseudo-headers; ``host`` is
            ``:authority``. address: The client's.
        request: The request's messages. whole: Nothing more of it will come.
        held_bytes: What the connection counts for it. owed_bytes: What came, and the client may not yet send again.
        timeout_s: How long the client waits, None: it does not say.
        expired: The client's time is up. gone: The client has left, or the connection has.
        unsent: The part of the answer that has not gone out. head: Headers to begin with, None once they are out.
        trailers: Headers to end with, once they are known.
    """

    __slots__ = (
        "_arrival",
        "_drained",
        "_line",
        "address",
        "expired",
        "gone",
        "head",
        "headers",
        "held_bytes",
        "id",
        "owed_bytes",
        "path",
        "request",
        "task",
        "timeout_s",
        "timer",
        "trailers",
        "unsent",
        "verb",
        "whole",
    )

    def __init__(
        self,
        line: Line,
        number: int,
        verb: str,
        path: str,
        headers: Mapping[str, str],
        address: str,
        request: Assembler,
    ) -> None:
        self._line = line
        self._drained: asyncio.Future[None] | None = None
        self._arrival: asyncio.Event | None = None
        self.id = number
        self.verb = verb
        self.path = path
        self.headers = headers
        self.address = address
        self.request = request
        self.held_bytes = 0
        self.owed_bytes = 0
        self.whole = False
        self.timeout_s: float | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None
        self.expired = False
        self.gone = False
        self.unsent = bytearray()
        self.head: list[Header] | None = []
        self.trailers: list[Header] | None = None

    # --- a streamed request, for who takes it -----------------------------------------------------

    async def receive(self) -> tuple[bytes, bool] | None:
        """The next message and whether it is compressed, once it is whole; None: there is none, or it is too long.

        What is taken makes room for more, and so does waiting for a message that is not whole: a client can send a
        message of any length, but no more than a window of those that nobody takes.
        """
        await asyncio.sleep(0)  # many small messages at once do not keep others waiting
        request = self.request
        if self._arrival is None:
            self._arrival = asyncio.Event()
        while (found := request.take()) is None and not (self.whole or self.gone or request.is_over):
            self._arrival.clear()
            self._line.make_room(self, self.owed_bytes)
            await self._arrival.wait()
        self._line.make_room(self, self.owed_bytes - request.size_bytes)
        return found

    # --- the answer, for who makes it -------------------------------------------------------------

    def begin(self, head: list[Header]) -> None:
        """The headers that the answer begins with; they go out with what comes first after them."""
        if self.head is not None:
            self.head = head

    def write(self, data: bytes) -> None:
        """Bytes of the answer, to go out with what follows."""
        self.unsent += data

    async def send(self, message: bytes) -> None:
        """One message of many, out at once; waits while the client takes none."""
        self.unsent += frame_message(message)
        self._line.push(self)
        while len(self.unsent) > HIGH_WATER_BYTES and not self.gone:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    def push(self) -> None:
        """Lets out what was written."""
        self._line.push(self)

    def finish(self, trailers: Iterable[Header]) -> None:
        """The end of the answer; without trailers its last byte."""
        if self.trailers is None:
            self.trailers = list(trailers)
            self._line.push(self)

    def break_off(self, manner: Manner) -> None:
        """Breaks the stream or its connection, on purpose."""
        self._line.break_off(self, manner)

    # --- for the connection -----------------------------------------------------------------------

    def notice_data(self) -> None:
        """Wakes who waits in ``receive``: more of the request is here, or its end."""
        if self._arrival is not None:
            self._arrival.set()

    def notice_room(self) -> None:
        """Wakes who waits in ``send`` once enough has gone out."""
        if self._drained is not None and (self.gone or len(self.unsent) <= HIGH_WATER_BYTES):
            if not self._drained.done():
                self._drained.set_result(None)
            self._drained = None

    def release(self) -> None:
        """Gives up everything that is kept; the stream is over."""
        self.gone = True
        self.unsent.clear()
        self.request.clear()
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.notice_room()
        self.notice_data()


# --- requests

_MAX_METADATA_BYTES = google_errors.GRPC_MAX_METADATA_BYTES.value


def take_message(stream: Stream, limit_bytes: int) -> bytes:
    """The one message of a request, unpacked.

    Raises:
        ApiError: metadata or data are not those of one message, or it is too long.
    """
    check_metadata(stream)
    request = stream.request
    _check_length(request, limit_bytes)
    if request.is_cut:
        raise google_errors.GRPC_REQUEST_CUT()
    if request.message is None:
        raise google_errors.GRPC_REQUEST_MISSING()
    if request.count > 1:
        raise google_errors.GRPC_REQUEST_REPEATED(count=request.count)
    return _unpack(stream, request.message, limit_bytes, compressed=request.compressed)


async def receive_message(stream: Stream, limit_bytes: int) -> bytes | None:
    """The next message of a streamed request, unpacked; None at its end.

    Raises:
        ApiError: it is cut off or too long, or the client has left.
    """
    found = await stream.receive()
    if found is not None:
        return _unpack(stream, found[0], limit_bytes, compressed=found[1])
    _check_length(stream.request, limit_bytes)
    if stream.gone:
        raise google_errors.OPERATION_CANCELLED()
    if stream.request.is_cut:
        raise google_errors.GRPC_REQUEST_CUT()
    return None


def _check_length(request: Assembler, limit_bytes: int) -> None:
    if request.refused:
        raise emulator_errors.GRPC_CONNECTION_FULL()
    if request.oversize:
        raise google_errors.BODY_TOO_LARGE(limit_bytes=limit_bytes)


def _unpack(stream: Stream, message: bytes, limit_bytes: int, *, compressed: bool) -> bytes:
    if compressed:
        if stream.headers.get("grpc-encoding", "identity") == "identity":
            raise google_errors.GRPC_COMPRESSION_UNNAMED()
        message = unzip(message, limit_bytes)
    if len(message) > limit_bytes:
        raise google_errors.BODY_TOO_LARGE(limit_bytes=limit_bytes)
    return message


def check_metadata(stream: Stream) -> None:
    """Refuses metadata that no call may have.

    Raises:
        ApiError: it is too long, or holds a deadline or a compression that is none.
    """
    headers = stream.headers
    size = sum(len(name) + len(value) + ENTRY_BYTES for name, value in headers.items())
    if size > _MAX_METADATA_BYTES:
        raise google_errors.GRPC_METADATA_TOO_LARGE(size=size, limit=_MAX_METADATA_BYTES)
    timeout = headers.get("grpc-timeout")
    if timeout is not None and parse_timeout(timeout) is None:
        raise google_errors.GRPC_TIMEOUT_INVALID(value=timeout)
    encoding = headers.get("grpc-encoding", "identity")
    if encoding not in ENCODINGS:
        raise google_errors.GRPC_COMPRESSION_UNKNOWN(name=encoding)


def read_routing(stream: Stream) -> str:
    """The name that a client routes its request by, for a request that cannot be read."""
    return next((value for _, value in parse_qsl(stream.headers.get("x-goog-request-params", ""))), "")

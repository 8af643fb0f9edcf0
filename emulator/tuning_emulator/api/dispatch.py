"""What happens around every call and no client is meant to see: faults made on purpose, the journal, metrics, logs.

Whoever answers requests, over REST or gRPC, makes one ``Exchange`` a request and shows it to the ``Middleware`` three
times::

    exchange = Exchange("grpc", …)              # as soon as the method is known, or is known to be unknown
    try:
        await middleware.arrive(exchange)        # before the credentials are looked at
        caller = authenticator.identify(…)
        exchange.principal, exchange.project = caller.principal, caller.project
        await middleware.enter(exchange)         # before the handler
        …                                       # a stream of messages goes through watch_messages(stream, exchange)
    except ApiError as error:
        exchange.refuse(error)
    except BrokenConnectionError as broken:
        …                                       # breaks as broken.manner says
    finally:
        middleware.leave(exchange)               # together with the last byte, so that nobody asks in between

``arrive`` and ``enter`` wait, raise what the client is to get, or leave a ``Cut`` in the exchange.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from tuning_emulator.api.call import Caller
from tuning_emulator.api.errors import format_error
from tuning_emulator.api.parameters import Parameters
from tuning_emulator.api.router import Route
from tuning_emulator.core.errors import ApiError
from tuning_emulator.facts import google_errors
from tuning_emulator.schema.schema import Method, Value

Transport: TypeAlias = Literal["rest", "grpc"]
Manner: TypeAlias = Literal["close", "reset", "goaway", "rst_stream"]
"""How a connection breaks: the server closes it in good order (FIN), resets it (RST), or, in HTTP/2 alone, says GOAWAY
and closes, or resets this stream only (RST_STREAM, INTERNAL_ERROR). HTTP/1.1 has neither of these: there ``goaway``
closes and ``rst_stream`` resets."""


class BrokenConnectionError(Exception):
    """The connection is to break here, on purpose. It never leaves the transport; in process it is the client's."""

    def __init__(self, manner: Manner = "close") -> None:
        super().__init__(f"the connection breaks on purpose ({manner})")
        self.manner = manner


class PageError(Exception):
    """The front end itself is to answer, with one of its HTML pages; over gRPC this is UNAVAILABLE.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"the front end answers {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Cut:
    """Where an answer ends before its time.

    Attributes:
        after: Messages of a stream, or bytes of an answer in one piece (None: half of them), that still go out.
        error: What ends a stream; None: the connection breaks.
        manner: How the connection breaks.
    """

    after: int | None = None
    error: ApiError | None = None
    manner: Manner = "close"

    def end(self) -> Exception:
        """What is to be raised there."""
        return self.error or BrokenConnectionError(self.manner)


@dataclass(slots=True)
class Exchange:
    """One request and its answer.

    Attributes:
        verb, path, query: As sent; over gRPC ``POST``, ``/package.Service/Method`` and "".
        headers: By lower-case name (gRPC: metadata). host: Lower case, without port. address: The client's.
        route: What the router found; None over gRPC.
        declared: The method; None when nothing matched.
        api: ``gemini`` or ``vertex``. method: Relative name, as in ``Api.handlers``. All three "" when nothing matched.
        resource: Name of the resource that is asked for, its parent when listing or creating. gRPC sets it from the
            request; over REST it is read from the path when it is wanted.
        principal, project: Of the caller, once identified.
        body: Bytes as sent over REST. message: The request over gRPC, which has no other readable form.
        status: HTTP status, over gRPC that of the code; 0: none was sent.
        code: Name of the canonical code, ``OK``; "" for pages and broken connections.
        rule: Name of the fact or rule that refused the request.
        notes: Hints for the developer that the client never gets; ``Call.notes`` is the same list.
        fault: Id of the fault that fired. cut: What it wants done to the answer; None again once it is done.
        answer_headers: To be added to the answer.
        response: Body of the answer, without compression; over gRPC the message's bytes, of an error its JSON; of
            streams: nothing.
        messages: How many a stream has sent. broken: How the connection was broken on purpose, "" if it was not.
        start_ns: ``time.perf_counter_ns`` at the request's arrival. duration_ns: From there to the end, set on leaving.
    """

    transport: Transport
    verb: str
    path: str
    query: str
    headers: Mapping[str, str]
    host: str = ""
    address: str = ""
    route: Route | None = None
    declared: Method | None = None
    api: str = ""
    version: str = ""
    method: str = ""
    resource: str = ""
    principal: str = ""
    project: str = ""
    body: bytes = b""
    message: Value | None = None
    status: int = 0
    code: str = ""
    rule: str = ""
    notes: list[str] = field(default_factory=list)
    fault: str = ""
    cut: Cut | None = None
    answer_headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    response: bytes = b""
    messages: int = 0
    broken: str = ""
    start_ns: int = field(default_factory=time.perf_counter_ns)
    duration_ns: int = 0

    @property
    def streaming(self) -> bool:
        """Whether the method answers with a stream."""
        return self.declared is not None and self.declared.streaming

    def refuse(self, error: ApiError) -> None:
        """Notes an error as the answer; over gRPC it has no other readable form than that of REST."""
        self.status, self.code, self.rule = error.code.http_status, error.code.name, error.rule
        if self.transport == "grpc":
            self.response = format_error(error, style="compact")


class Middleware(Protocol):
    """Whoever watches and disturbs. No method may change the request."""

    async def arrive(self, exchange: Exchange) -> None:
        """The method is known (or known to be unknown), nothing else has been looked at.

        Raises:
            ApiError, PageError, BrokenConnectionError: what the client is to get.
        """
        ...

    async def enter(self, exchange: Exchange) -> None:
        """The caller is known; the handler is next. Raises as ``arrive`` does."""
        ...

    def leave(self, exchange: Exchange) -> None:
        """The answer is out, or never will be."""
        ...


class NoMiddleware:
    """Nobody there."""

    async def arrive(self, exchange: Exchange) -> None:
        """Nothing."""

    async def enter(self, exchange: Exchange) -> None:
        """Nothing."""

    def leave(self, exchange: Exchange) -> None:
        """Nothing."""


async def watch_messages(stream: AsyncIterator[Value], exchange: Exchange) -> AsyncIterator[Value]:
    """The messages of a stream, counted in the exchange and cut where it says so.

    Raises:
        ApiError, BrokenConnectionError: the cut, or what the stream itself raises.
    """
    cut = exchange.cut
    try:
        while cut is None or exchange.messages < (cut.after or 0):
            value = await anext(stream, None)
            if value is None:
                return
            exchange.messages += 1
            yield value
        exchange.cut = None
        raise cut.end()
    except ApiError as error:
        exchange.code, exchange.rule = error.code.name, error.rule  # a status is out already
        raise
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


# --- printed answers to GETs, remembered while nothing has changed

Printed: TypeAlias = tuple[str, bytes]
"""Content type and body."""

Key: TypeAlias = tuple[str, str, Parameters, Caller]
"""Host and method, path with its version, all of query and headers that shapes the answer, and who asks."""

CAPACITY = 512
LARGEST_BYTES = 64 * 1024
"""Longer answers are lists, which are seldom asked for twice alike."""


class ResponseCache:
    """At most ``CAPACITY`` answers; a new revision makes the old ones useless, a full memory is emptied."""

    def __init__(self) -> None:
        self._answers: dict[Key, tuple[int, Printed]] = {}

    def find(self, key: Key, revision: int) -> Printed | None:
        """The answer given before, if nothing has changed since."""
        known = self._answers.get(key)
        return known[1] if known is not None and known[0] == revision else None

    def keep(self, key: Key, revision: int, printed: Printed) -> None:
        """Remembers an answer that was made while ``revision`` held."""
        if len(printed[1]) > LARGEST_BYTES:
            return
        if len(self._answers) >= CAPACITY:
            self._answers.clear()
        self._answers[key] = (revision, printed)


# --- breaking a connection on purpose, over HTTP/1.1 and ASGI

EXTENSION = "tuning_emulator.break"
_LINGER_NOT = struct.pack("ii", 1, 0)


def offer_breaking(transport: asyncio.Transport) -> dict[str, Any]:
    """The ASGI extension of a connection, for ``scope["extensions"]``."""
    return {EXTENSION: {"transport": transport}}


async def break_connection(
    error: BrokenConnectionError, scope: Mapping[str, Any], receive: Callable[[], Awaitable[MutableMapping[str, Any]]]
) -> None:
    """Breaks the connection of a request and waits until it is gone.

    Raises:
        BrokenConnectionError: the transport offers no way; the error is handed on.
    """
    offered = (scope.get("extensions") or {}).get(EXTENSION)
    if offered is None:
        raise error
    break_transport(offered["transport"], error.manner)
    while (await receive())["type"] != "http.disconnect":
        pass


def break_transport(transport: asyncio.Transport, manner: Manner) -> None:
    """Closes a connection in good order, what was written before included, or resets it at once."""
    if manner in ("close", "goaway"):
        transport.close()
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()


def unzip(body: bytes, limit: int) -> bytes:
    """A gzip body, unpacked no further than one byte beyond the limit.

    Raises:
        ApiError: INVALID_ARGUMENT, it is not gzip or cut off.
    """
    unpacker = zlib.decompressobj(31)
    try:
        data = unpacker.decompress(body, limit + 1)
    except zlib.error:
        data, whole = b"", False
    else:
        whole = unpacker.eof or len(data) > limit
    if not whole:
        raise google_errors.GZIP_INVALID()
    return data

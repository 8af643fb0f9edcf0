"""What happens around every call and no client is meant to see: faults made on purpose, the journal, metrics, logs.

Whoever answers requests, over REST or gRPC, makes one ``Exchange`` a request and shows it to the ``Backstage`` three
times::

    exchange = Exchange("grpc", …)              # as soon as the method is known, or is known to be unknown
    try:
        await backstage.arrive(exchange)        # before the credentials are looked at
        caller = authenticator.identify(…)
        exchange.principal, exchange.project = caller.principal, caller.project
        await backstage.enter(exchange)         # before the handler
        …                                       # a stream of messages goes through watch_messages(stream, exchange)
    except ApiError as error:
        exchange.refuse(error)
    except BrokenConnectionError as broken:
        …                                       # breaks as broken.manner says
    finally:
        backstage.leave(exchange)               # together with the last byte, so that nobody asks in between

``arrive`` and ``enter`` wait, raise what the client is to get, or leave a ``Cut`` in the exchange.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from emulator.core.errors import ApiError
from emulator.protocol.errors import format_error
from emulator.protocol.router import Route
from emulator.schema.declare import Method, Value

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


class Backstage(Protocol):
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


class EmptyBackstage:
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

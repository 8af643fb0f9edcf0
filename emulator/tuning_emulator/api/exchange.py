"""One request and its answer, as the middleware around the calls sees it: faults, journal, counters, logs.

The dispatcher shows each exchange to the middleware three times: as soon as the method is known, before the
credentials are looked at (``on_request``); when the caller is known, before the handler (``on_call``); together with
the last byte of the answer, so that nobody asks in between (``on_response``). The first two may wait, raise what the
client is to get, or leave a ``Cut`` in the exchange.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Literal, Protocol, TypeAlias

from msgspec import Struct, field

from tuning_emulator.api.auth import find_project
from tuning_emulator.api.errors import format_error
from tuning_emulator.api.router import Route, Target
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.ids import project_number
from tuning_emulator.schema.schema import Value

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
"""Requests and applications as ASGI has them (asgi.readthedocs.io)."""

Transport: TypeAlias = Literal["rest", "grpc"]
Manner: TypeAlias = Literal["close", "reset", "goaway", "rst_stream"]
"""How a connection breaks: the server closes it in good order (FIN), resets it (RST), or, in HTTP/2 alone, says GOAWAY
and closes, or resets this stream only (RST_STREAM, INTERNAL_ERROR). HTTP/1.1 has neither of these: there ``goaway``
closes and ``rst_stream`` resets."""


SAME_SITE = (b"cross-origin-resource-policy", b"same-site")
"""A header: browsers give the answer to no page of another site, be it as a picture, a style or a script. Of hosts that
are neither loopback nor TLS, they do not say which page such a request comes from."""


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


class Cut(Struct, frozen=True):
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


class Exchange(Struct):
    """One request and its answer.

    Attributes:
        verb, path, query: As sent; over gRPC ``POST``, ``/package.Service/Method`` and "".
        headers: By lower-case name (gRPC: metadata). host: Lower case, without port. address: The client's.
        scheme: How the client came: ``http`` or ``https``.
        target: The method; None when nothing matched. route: By which HTTP binding; None over gRPC.
        api: ``gemini`` or ``vertex``. method: Relative name, as in ``Api.handlers``. All three "" when nothing matched.
        resource: Name of the resource that is asked for, its parent when listing or creating; "" where none is named.
        principal, project: Of the caller, once identified.
        body: Bytes as sent over REST; none where they are ``oversize``, more than the method takes.
        message: The request over gRPC, which has no other readable form.
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
    scheme: str = "http"
    target: Target | None = None
    route: Route | None = None
    api: str = ""
    version: str = ""
    method: str = ""
    resource: str = ""
    principal: str = ""
    project: str = ""
    body: bytes = b""
    oversize: bool = False
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
        return self.target is not None and self.target.method.streaming

    def refuse(self, error: ApiError) -> None:
        """Notes an error as the answer; over gRPC it has no other readable form than that of REST."""
        self.status, self.code, self.rule = error.code.http_status, error.code.name, error.rule
        if self.transport == "grpc":
            self.response = format_error(error, style="compact")


class Middleware(Protocol):
    """Whoever watches and disturbs. No method may change the request."""

    async def on_request(self, exchange: Exchange) -> None:
        """The method is known (or known to be unknown), nothing else has been looked at.

        Raises:
            ApiError, PageError, BrokenConnectionError: what the client is to get.
        """
        ...

    async def on_call(self, exchange: Exchange) -> None:
        """The caller is known; the handler is next. Raises as ``on_request`` does."""
        ...

    def on_response(self, exchange: Exchange) -> None:
        """The answer is out, or never will be."""
        ...


class NoMiddleware:
    """None: nobody watches, nobody disturbs."""

    async def on_request(self, exchange: Exchange) -> None:
        """Nothing."""

    async def on_call(self, exchange: Exchange) -> None:
        """Nothing."""

    def on_response(self, exchange: Exchange) -> None:
        """Nothing."""


# --- what a request says about itself, read only when somebody asks

TEST_HEADER = "x-tuning-emulator-test"
"""Name of the test that makes a request, for those who can add headers."""

_LIBRARIES = ("google-genai-sdk", "genai-py", "model-builder", "gapic", "gccl")
"""Names in ``x-goog-api-client`` that are the library itself, the telling ones first.

Source: read off the requests of google-genai, google-generativeai, google-cloud-aiplatform and generated clients.
"""
_LANGUAGE = re.compile(r"gl-([a-z]+)/(\S+)")
_PRODUCT = re.compile(r"[^\s/]+(/\S+)?")


def find_resource(exchange: Exchange) -> str:
    """Name of the resource, or of the parent: ``tunedModels/momo``, ``projects/p/locations/l``; "" where none is named.

    Both transports name it alike: it is the first variable of the method's path.
    """
    if exchange.resource:
        return exchange.resource
    if exchange.target is not None and exchange.message and exchange.target.variables:
        return exchange.target.variables[0].read(exchange.message)
    return ""


def find_project_of(exchange: Exchange) -> str:
    """The caller's project; before the caller is known what header or path say; "" where nobody names one."""
    if exchange.project:
        return exchange.project
    named = exchange.headers.get("x-goog-user-project") or find_project(exchange.path)
    if not named and (resource := find_resource(exchange)).startswith("projects/"):
        named = resource.split("/")[1]
    return named


def same_project(one: str, other: str) -> bool:
    """Whether two ids or numbers are of one project."""
    return one == other or (bool(one) and bool(other) and project_number(one) == project_number(other))


def find_test(headers: Mapping[str, str]) -> str:
    """Name of the test that makes the request, "" where none is given."""
    return headers.get(TEST_HEADER, "")


def format_client(headers: Mapping[str, str]) -> str:
    """The library and its language, ``google-genai-sdk/3.4.0 python/3.11.7``; others as they call themselves."""
    text = headers.get("x-goog-api-client", "")
    named = dict(part.partition("/")[::2] for part in text.split())
    library = next((f"{name}/{named[name]}" for name in _LIBRARIES if named.get(name)), "")
    language = _LANGUAGE.search(text)
    if library:
        return f"{library.partition('+')[0]} {language[1]}/{language[2]}" if language else library
    product = _PRODUCT.match(headers.get("user-agent", ""))
    return product[0] if product else ""


# --- breaking a connection on purpose

EXTENSION = "tuning_emulator.break"
_LINGER_NOT = struct.pack("ii", 1, 0)


def offer_breaking(transport: asyncio.Transport) -> dict[str, Any]:
    """The ASGI extension of a connection, for ``scope["extensions"]``."""
    return {EXTENSION: {"transport": transport}}


async def break_connection(error: BrokenConnectionError, scope: Scope, receive: Receive) -> None:
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

"""Google's HTTP front end as an ASGI application: what comes, to a call; what the call comes to, back.

Pages of HTTP itself (404, 411, 414), CORS and discovery documents are answered here; all else is the dispatcher's.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import unquote

from tuning_emulator.api.auth import Authenticator, read_presented
from tuning_emulator.api.call import Api
from tuning_emulator.api.dispatch import Dispatcher, Printed, TransportCall, unzip
from tuning_emulator.api.errors import challenge, format_error
from tuning_emulator.api.exchange import BrokenConnectionError, Exchange, Middleware, break_connection
from tuning_emulator.api.pages import format_not_found, format_page, format_trouble
from tuning_emulator.api.parameters import parse_parameters, parse_query
from tuning_emulator.api.router import Route, Router
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.facts import google_errors
from tuning_emulator.protojson.field_selection import Tree, parse_fields, select_fields
from tuning_emulator.protojson.printer import EVENT_TYPE, JSON_TYPE, Style, format_json
from tuning_emulator.rest.responses import (
    Accepts,
    Response,
    body_response,
    page_response,
    preflight_response,
    stream_response,
)
from tuning_emulator.rest.streams import format_stream, send_chunks
from tuning_emulator.rest.transcoding import bind_request
from tuning_emulator.schema.schema import Value

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PROTO_TYPE = "application/x-protobuf"
_SCRIPT_TYPE = "text/javascript; charset=UTF-8"
_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
_DRAINED_BODIES = 8
"""How many times the limit of a too large body is read and thrown away, so that the client gets to read the answer."""


@dataclass(slots=True)
class Request:
    """One HTTP request.

    Attributes:
        path: As sent, percent-encoded, without the query. query: As sent.
        headers: By lower-case name.
        address: The client's IP address.
        oversize: The body is larger than its method takes; ``body`` is then empty.
        scheme: How it came: ``http`` or ``https``.
    """

    verb: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    address: str = ""
    oversize: bool = False
    scheme: str = "http"

    @property
    def url(self) -> str:
        """Where the client has reached this server."""
        return f"{self.scheme}://{self.headers.get('host', '')}"

    @property
    def host(self) -> str:
        """The host in lower case, without port."""
        return self.headers.get("host", "").lower().rpartition("]")[2].partition(":")[0]


class RestApp:
    """Answers HTTP requests for some APIs. Lifespan belongs to the caller."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request."""
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        request = Request(
            verb=scope["method"],
            path=raw.partition(b"?")[0].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            address=(scope.get("client") or ("",))[0],
            scheme=scope.get("scheme", "http"),
        )

        async def send_response(response: Response, exchange: Exchange) -> None:
            await _send(response, exchange, receive, send)

        async def break_off(broken: BrokenConnectionError) -> None:
            await break_connection(broken, scope, receive)

        found = self._find(request)
        exchange = _open_exchange(request, found)
        if request.verb in _WITH_BODY or request.headers.get("content-length", "0") != "0":
            await _receive(request, found[0].target.limit_bytes if found else 0, receive)
        await self._serve(request, exchange, found, send_response, break_off)

    async def answer(self, request: Request) -> Response:
        """Answers one request whose body is at hand.

        Raises:
            BrokenConnectionError: the connection is to break on purpose.
        """
        responses: list[Response] = []

        async def keep(response: Response, exchange: Exchange) -> None:  # noqa: ARG001 as the other sender
            responses.append(response)

        async def raise_on(broken: BrokenConnectionError) -> None:
            raise broken

        found = self._find(request)
        if found is not None and len(request.body) > found[0].target.limit_bytes:
            request.oversize, request.body = True, b""
        await self._serve(request, _open_exchange(request, found), found, keep, raise_on)
        return responses[0]

    def _find(self, request: Request) -> tuple[Route, list[str]] | None:
        verb = request.verb
        if verb == "POST":
            verb = request.headers.get("x-http-method-override", verb).upper()
        elif verb == "HEAD":
            verb = "GET"
        host = request.host
        found = self.dispatcher.router.of_host(host).find(verb, request.path)
        if found is not None:
            places = found[0].target.api.places
            if places is not None and not places(host, request.path):
                return None
        return found

    async def _serve(
        self,
        request: Request,
        exchange: Exchange,
        found: tuple[Route, list[str]] | None,
        send: Sender,
        break_off: Breaker,
    ) -> None:
        exchange.body = request.body
        response = self._find_page(request)
        if response is None and found is not None:
            await self.dispatcher.serve(RestCall(self.dispatcher, request, exchange, *found, send, break_off))
            return
        response = response or self._answer_elsewhere(request)
        exchange.status = response.status
        try:
            await send(response, exchange)
        finally:
            self.dispatcher.middleware.on_response(exchange)

    def _find_page(self, request: Request) -> Response | None:
        """What HTTP itself has to say: pages for broken requests, and what browsers ask before they do."""
        headers = request.headers
        if len(request.path) + len(request.query) > int(str(google_errors.URL_LIMIT_BYTES.value)):
            sentence = "The requested URL is too large to process."
            return page_response(414, format_page(414, "Request-URI Too Large", sentence))
        if request.verb in _WITH_BODY and not ("content-length" in headers or "transfer-encoding" in headers):
            sentence = f"{request.verb} requests require a <code>Content-length</code> header."
            return page_response(411, format_page(411, "Length Required", sentence))
        if request.verb == "OPTIONS" and "access-control-request-method" in headers:
            asked = headers.get("access-control-request-headers", "")
            return preflight_response(headers.get("origin", ""), headers["access-control-request-method"], asked)
        return None

    def _answer_elsewhere(self, request: Request) -> Response:
        """What is no method's: a discovery document, or the 404 page."""
        path = unquote(request.path)
        if request.verb == "GET" and "discovery/" in path:
            from tuning_emulator.rest.discovery import answer_discovery  # rarely wanted

            apis = self.dispatcher.router.apis
            if (answer := answer_discovery(apis, request.url, path, request.query)) is not None:
                return answer
        return page_response(404, format_not_found(path))


def create_rest_app(apis: Sequence[Api], authenticator: Authenticator, middleware: Middleware | None = None) -> RestApp:
    """The front end of these APIs, as an ASGI application for ``http`` scopes."""
    return RestApp(Dispatcher(Router(apis), authenticator, middleware))


Sender: TypeAlias = Callable[[Response, Exchange], Awaitable[None]]
Breaker: TypeAlias = Callable[[BrokenConnectionError], Awaitable[None]]


class RestCall(TransportCall[Response]):
    """A call over HTTP."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        request: Request,
        exchange: Exchange,
        route: Route,
        segments: Sequence[str],
        send: Sender,
        break_off: Breaker,
    ) -> None:
        self.exchange = exchange
        self.target = route.target
        self.path = request.path
        self.query = parse_query(request.query)
        self.parameters = parse_parameters(self.query, request.headers)
        self._dispatcher = dispatcher
        self._request = request
        self._route = route
        self._segments = segments
        self._fields: Tree = {}
        self._accepts = Accepts(
            "gzip" in request.headers.get("accept-encoding", ""), request.headers.get("origin", ""), time.monotonic()
        )
        self._send, self._break_off = send, break_off

    @property
    def cache_key(self) -> tuple[str, str] | None:
        """A GET of that path on that host: a regional host answers for its region alone."""
        if self._route.rule.verb != "GET":
            return None
        return f"{self._request.headers.get('host', '')} {self.target.method.name}", self.path

    def read(self) -> tuple[Value, frozenset[str]]:
        """Body, path and query as one message."""
        request, exchange, limit = self._request, self.exchange, self.target.limit_bytes
        if request.body and "gzip" in request.headers.get("content-encoding", ""):
            request.body = unzip(request.body, limit)
            request.oversize = len(request.body) > limit
            exchange.body = b"" if request.oversize else request.body
        if request.oversize:
            text = google_errors.BODY_TOO_LARGE.format(limit_bytes=limit)
            raise ApiError(Code.INVALID_ARGUMENT, text, rule=google_errors.BODY_TOO_LARGE.name)
        media = self.parameters.content_type or request.headers.get("content-type", "")
        media = media.partition(";")[0].strip().lower()
        codec, binary = self._dispatcher.codec, self._dispatcher.binary
        rest = self.parameters.rest
        bound = bind_request(codec, binary, self._route, self._segments, rest, request.body, media)
        if self.parameters.fields:
            self._fields = parse_fields(self.parameters.fields, codec.plans.find(self.target.method.response))
        return bound

    def print(self, value: Value) -> Printed:
        """JSON, pretty unless asked otherwise; or the wire format, or a script."""
        parameters = self.parameters
        if parameters.alt == "proto":
            return PROTO_TYPE, self._dispatcher.binary.encode(value, self.target.method.response)
        body = format_json(self._to_tree(value), "pretty" if parameters.pretty else "compact")
        if not parameters.callback:
            return JSON_TYPE, body
        return _SCRIPT_TYPE, f"// API callback\n{parameters.callback}({body.decode().rstrip()});".encode()

    def _to_tree(self, value: Value) -> Any:
        response = self.target.method.response
        tree = self._dispatcher.codec.to_json(value, response, enum_as_int=self.parameters.enum_as_int)
        return select_fields(tree, self._fields) if self._fields else tree

    def respond(self, printed: Printed) -> Response:
        """See ``TransportCall``."""
        self.exchange.response = printed[1]
        return body_response(self.target.api, self._accepts, 200, *printed)

    async def stream(self, values: AsyncIterator[Value]) -> Response:
        """Starts a stream: an error before the first message is an ordinary error answer."""
        first = await anext(values, None)
        parameters, api = self.parameters, self.target.api
        chunks = format_stream(first, values, self._to_tree, parameters, api.internal_error)
        return stream_response(api, self._accepts, EVENT_TYPE if parameters.alt == "sse" else JSON_TYPE, chunks)

    def refuse(self, error: ApiError) -> Response:
        """The error in Google's envelope."""
        parameters, streaming = self.parameters, self.target.method.streaming
        events = streaming and parameters.alt == "sse"
        style: Style = "pretty" if parameters.pretty else "compact"
        body = format_error(error, legacy=parameters.legacy_errors, style=style, in_array=streaming and not events)
        self.exchange.response = body
        token = read_presented(self._request.headers, self.query).token
        response = body_response(
            self.target.api,
            self._accepts,
            error.code.http_status,
            EVENT_TYPE if events else JSON_TYPE,
            body,
            challenge=challenge(error, presented=bool(token)),
        )
        response.headers += self.exchange.answer_headers
        return response

    def show_page(self, status: int) -> Response:
        """See ``TransportCall``."""
        return page_response(status, format_trouble(status))

    async def send(self, response: Response) -> None:
        """See ``TransportCall``."""
        exchange = self.exchange
        exchange.status = response.status
        if response.status == 200 and not exchange.code:
            exchange.code = Code.OK.name
        await self._send(response, exchange)

    async def break_off(self, broken: BrokenConnectionError) -> None:
        """See ``TransportCall``."""
        await self._break_off(broken)


def _open_exchange(request: Request, found: tuple[Route, list[str]] | None) -> Exchange:
    exchange = Exchange("rest", request.verb, request.path, request.query, request.headers, request.host)
    exchange.address = request.address
    if found is not None:
        exchange.route = found[0]
        exchange.reach(found[0].target)
    return exchange


async def _receive(request: Request, limit: int, receive: Receive) -> None:
    """Reads the body, or what of it has to be read when it is longer than ``limit``."""
    size, parts = 0, []
    while True:
        event = await receive()
        part = event.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        if not event.get("more_body", False) or size > limit * _DRAINED_BODIES:
            break
    request.oversize = size > limit
    request.body = b"" if request.oversize else b"".join(parts)


async def _send(response: Response, exchange: Exchange, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
    if exchange.verb == "HEAD":
        await send({"type": "http.response.body", "body": b""})
    elif response.chunks is not None:
        await send_chunks(response.chunks, receive, send)
    elif (cut := exchange.cut) is not None and not exchange.streaming:  # a refused stream has no middle
        part = response.body[: len(response.body) // 2 if cut.after is None else cut.after]
        await send({"type": "http.response.body", "body": part, "more_body": True})
        exchange.cut = None
        raise cut.end()
    else:
        await send({"type": "http.response.body", "body": response.body})

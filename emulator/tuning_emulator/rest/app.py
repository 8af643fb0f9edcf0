"""The front end as an ASGI application: route → credentials → body → call → answer.

The order of the checks is inferred from which error wins in public reports; a bad key with a bad body is
answered with the key's error.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import unquote

from tuning_emulator.api.auth import Authenticator, read_presented
from tuning_emulator.api.call import Api, Call, Caller
from tuning_emulator.api.dispatch import (
    BrokenConnectionError,
    Exchange,
    Middleware,
    NoMiddleware,
    PageError,
    Printed,
    ResponseCache,
    break_connection,
    unzip,
    watch_messages,
)
from tuning_emulator.api.errors import challenge, format_error
from tuning_emulator.api.pages import format_not_found, format_page, format_trouble
from tuning_emulator.api.parameters import Parameters, Query, parse_parameters, parse_query
from tuning_emulator.api.router import Route, Router
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.facts import google_errors
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.protojson.field_selection import Tree, parse_fields, select_fields
from tuning_emulator.protojson.printer import EVENT_TYPE, JSON_TYPE, format_json
from tuning_emulator.rest.responses import (
    Accepts,
    Answer,
    body_response,
    page_response,
    preflight_response,
    stream_response,
)
from tuning_emulator.rest.streams import format_stream, send_chunks
from tuning_emulator.rest.transcoding import bind_request
from tuning_emulator.schema.protobuf import BinaryCodec
from tuning_emulator.schema.schema import Value

log = logging.getLogger(__name__)

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


@dataclass(slots=True)
class _Work:
    """A request on its way: what is known of it so far."""

    request: Request
    exchange: Exchange
    wanted: Accepts
    route: Route
    segments: Sequence[str]
    query: Query
    parameters: Parameters
    fields: Tree = field(default_factory=dict)


class RestApp:
    """Answers HTTP requests for some APIs."""

    def __init__(self, apis: Sequence[Api], authenticator: Authenticator, middleware: Middleware | None = None) -> None:
        self.apis = tuple(apis)
        self.middleware = middleware or NoMiddleware()
        self.codec = Codec(schema for api in apis for schema in api.schemas.values())
        self._binary = BinaryCodec(schema for api in apis for schema in api.schemas.values())
        self.authenticator = authenticator
        self._cache = ResponseCache()
        self._router = Router(apis)
        self._routers = {api.host_suffix: Router([api]) for api in apis}

    # --- ASGI ---------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request. Lifespan belongs to the caller."""
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        request = Request(
            verb=scope["method"],
            path=raw.partition(b"?")[0].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            address=(scope.get("client") or ("",))[0],
            scheme=scope.get("scheme", "http"),
        )
        found = self._find(request)
        exchange = _open_exchange(request, found)
        try:
            if request.verb in _WITH_BODY or request.headers.get("content-length", "0") != "0":
                await self._receive(request, found[0] if found else None, receive)
            answer = await self._answer(request, found, exchange)
            await _send_answer(answer, exchange, receive, send)
        except BrokenConnectionError as broken:
            exchange.broken = broken.manner
            await break_connection(broken, scope, receive)
        finally:
            self.middleware.leave(exchange)

    async def _receive(self, request: Request, route: Route | None, receive: Receive) -> None:
        limit = body_limit(route) if route else 0
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

    # --- one request --------------------------------------------------------------------------------

    async def answer(self, request: Request) -> Answer:
        """Answers one request whose body is at hand."""
        found = self._find(request)
        if found is not None and len(request.body) > body_limit(found[0]):
            request.oversize, request.body = True, b""
        exchange = _open_exchange(request, found)
        try:
            return await self._answer(request, found, exchange)
        finally:
            self.middleware.leave(exchange)

    def _find(self, request: Request) -> tuple[Route, list[str]] | None:
        verb = request.verb
        if verb == "POST":
            verb = request.headers.get("x-http-method-override", verb).upper()
        elif verb == "HEAD":
            verb = "GET"
        host = request.host
        router = self._router
        if host.endswith("googleapis.com"):
            router = next((one for suffix, one in self._routers.items() if host.endswith(suffix)), router)
        found = router.find(verb, request.path)
        if found is not None:
            places = found[0].api.places
            if places is not None and not places(host, request.path):
                return None
        return found

    async def _answer(self, request: Request, found: tuple[Route, list[str]] | None, exchange: Exchange) -> Answer:
        exchange.body = request.body
        answer = await self._find_answer(request, found, exchange)
        exchange.status = answer.status
        if answer.status == 200 and not exchange.code:
            exchange.code = Code.OK.name
        return answer

    async def _find_answer(self, request: Request, found: tuple[Route, list[str]] | None, exchange: Exchange) -> Answer:
        headers = request.headers
        page = _refuse_transport(request)
        if page is not None:
            return page
        if request.verb == "OPTIONS" and "access-control-request-method" in headers:
            asked = headers.get("access-control-request-headers", "")
            return preflight_response(headers.get("origin", ""), headers["access-control-request-method"], asked)
        if found is None:
            return self._answer_elsewhere(request)
        route, segments = found
        wanted = Accepts("gzip" in headers.get("accept-encoding", ""), headers.get("origin", ""), time.monotonic())
        query = parse_query(request.query)
        work = _Work(request, exchange, wanted, route, segments, query, parse_parameters(query, headers))
        try:
            return await self._call(work)
        except ApiError as error:
            return self._refuse(work, error)
        except PageError as error:
            return page_response(error.status, format_trouble(error.status))
        except BrokenConnectionError:
            raise
        except Exception:
            log.exception("%s failed", route.method.name)
            return self._refuse(work, route.api.internal_error())

    def _answer_elsewhere(self, request: Request) -> Answer:
        """What is no method's: a discovery document, or the 404 page."""
        path = unquote(request.path)
        if request.verb == "GET" and "discovery/" in path:
            from tuning_emulator.rest.discovery import answer_discovery  # rarely wanted

            if (answer := answer_discovery(self.apis, request.url, path, request.query)) is not None:
                return answer
        return page_response(404, format_not_found(path))

    async def _call(self, work: _Work) -> Answer:
        route, request, exchange = work.route, work.request, work.exchange
        await self.middleware.arrive(exchange)
        presented = read_presented(request.headers, work.query, request.address)
        caller = self.authenticator.identify(route.api, route.method, request.path, presented)
        exchange.principal, exchange.project = caller.principal, caller.project
        await self.middleware.enter(exchange)
        revision = route.api.revision() if route.api.revision and route.rule.verb == "GET" else None
        place = request.headers.get("host", "")  # a regional host answers for its region alone
        key = (f"{place} {route.method.name}", request.path, work.parameters, caller)
        if revision is not None and (known := self._cache.find(key, revision)) is not None:
            exchange.response = known[1]
            return body_response(route.api, work.wanted, 200, *known)
        if request.body and "gzip" in request.headers.get("content-encoding", ""):
            request.body = unzip(request.body, body_limit(route))
            request.oversize = len(request.body) > body_limit(route)
            exchange.body = b"" if request.oversize else request.body
        if request.oversize:
            raise google_errors.BODY_TOO_LARGE(limit_bytes=body_limit(route))
        call = self._bind(work, caller)
        if work.parameters.fields:
            plan = self.codec.plans.find(route.method.response)
            work.fields = parse_fields(work.parameters.fields, plan)
        if route.handler is None:
            raise google_errors.NOT_IMPLEMENTED()
        result: Any = route.handler(call)
        if inspect.isawaitable(result):
            result = await result
        if route.method.streaming:
            return await self._stream(work, result)
        printed = self._print(work, result)
        exchange.response = printed[1]
        if revision is not None and call.repeatable:
            self._cache.keep(key, revision, printed)
        return body_response(route.api, work.wanted, 200, *printed)

    def _bind(self, work: _Work, caller: Caller) -> Call:
        route, request = work.route, work.request
        media = work.parameters.content_type or request.headers.get("content-type", "")
        media = media.partition(";")[0].strip().lower()
        message, given = bind_request(
            self.codec, self._binary, route, work.segments, work.parameters.rest, request.body, media
        )
        return Call(
            route.api,
            route.schema,
            route.version,
            route.method,
            message,
            caller,
            request.headers,
            request.host,
            work.query,
            given,
            notes=work.exchange.notes,
        )

    def read_message(self, data: bytes, message: str) -> Any:
        """A message as JSON, from its wire format and its full name.

        Raises:
            WireError: the bytes are not such a message.
        """
        return self.codec.to_json(self._binary.decode(data, message), message)

    # --- answers ------------------------------------------------------------------------------------

    def _print(self, work: _Work, value: Value) -> Printed:
        parameters = work.parameters
        if parameters.alt == "proto":
            return PROTO_TYPE, self._binary.encode(value, work.route.method.response)
        body = format_json(self._to_tree(work, value), "pretty" if parameters.pretty else "compact")
        content_type = JSON_TYPE
        if parameters.callback:
            body = f"// API callback\n{parameters.callback}({body.decode().rstrip()});".encode()
            content_type = _SCRIPT_TYPE
        return content_type, body

    async def _stream(self, work: _Work, values: AsyncIterator[Value]) -> Answer:
        """Starts a stream: an error before the first message is an ordinary error answer."""
        iterator = watch_messages(aiter(values), work.exchange)
        first = await anext(iterator, None)
        parameters = work.parameters

        def to_tree(value: Value) -> Any:
            return self._to_tree(work, value)

        chunks = format_stream(first, iterator, to_tree, parameters, work.route.api.internal_error)
        return stream_response(
            work.route.api, work.wanted, EVENT_TYPE if parameters.alt == "sse" else JSON_TYPE, chunks
        )

    def _to_tree(self, work: _Work, value: Value) -> Any:
        response = work.route.method.response
        tree = self.codec.to_json(value, response, enum_as_int=work.parameters.enum_as_int)
        return select_fields(tree, work.fields) if work.fields else tree

    def _refuse(self, work: _Work, error: ApiError) -> Answer:
        parameters, streaming = work.parameters, work.route.method.streaming
        events = streaming and parameters.alt == "sse"
        body = format_error(
            error,
            legacy=parameters.legacy_errors,
            style="pretty" if parameters.pretty else "compact",
            in_array=streaming and not events,
        )
        token = read_presented(work.request.headers, work.query).token
        exchange = work.exchange
        exchange.refuse(error)
        exchange.response = body
        answer = body_response(
            work.route.api,
            work.wanted,
            error.code.http_status,
            EVENT_TYPE if events else JSON_TYPE,
            body,
            challenge=challenge(error, presented=bool(token)),
        )
        answer.headers += exchange.answer_headers
        return answer


def create_rest_app(apis: Sequence[Api], authenticator: Authenticator, middleware: Middleware | None = None) -> RestApp:
    """The front end of these APIs, as an ASGI application for ``http`` scopes."""
    return RestApp(apis, authenticator, middleware)


def _open_exchange(request: Request, found: tuple[Route, list[str]] | None) -> Exchange:
    exchange = Exchange("rest", request.verb, request.path, request.query, request.headers, request.host)
    exchange.address = request.address
    if found is not None:
        route = found[0]
        exchange.route, exchange.declared = route, route.method
        exchange.api, exchange.version, exchange.method = route.api.name, route.version, route.name
    return exchange


async def _send_answer(answer: Answer, exchange: Exchange, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    if exchange.verb == "HEAD":
        await send({"type": "http.response.body", "body": b""})
    elif answer.chunks is not None:
        await send_chunks(answer.chunks, receive, send)
    elif (cut := exchange.cut) is not None and not exchange.streaming:  # a refused stream has no middle
        part = answer.body[: len(answer.body) // 2 if cut.after is None else cut.after]
        await send({"type": "http.response.body", "body": part, "more_body": True})
        exchange.cut = None
        raise cut.end()
    else:
        await send({"type": "http.response.body", "body": answer.body})


def body_limit(route: Route) -> int:
    """Largest body of a method, bytes."""
    api = route.api
    return min(api.method_limits_bytes.get(route.name, api.body_limit_bytes), api.body_limit_bytes)


def _refuse_transport(request: Request) -> Answer | None:
    """Pages for requests that HTTP itself refuses."""
    headers = request.headers
    length = len(request.path) + len(request.query)
    if length > google_errors.URL_LIMIT_BYTES.value:
        sentence = "The requested URL is too large to process."
        return page_response(414, format_page(414, "Request-URI Too Large", sentence))
    if request.verb in _WITH_BODY and not ("content-length" in headers or "transfer-encoding" in headers):
        sentence = f"{request.verb} requests require a <code>Content-length</code> header."
        return page_response(411, format_page(411, "Length Required", sentence))
    return None

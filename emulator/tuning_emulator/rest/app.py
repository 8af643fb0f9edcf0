"""Google's HTTP front end as an ASGI application: what comes, to a call; what the call comes to, back.

Pages of HTTP itself (404, 411, 414), CORS and discovery documents are answered here; all else is the dispatcher's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import unquote

from tuning_emulator.api.auth import Authenticator
from tuning_emulator.api.call import Api
from tuning_emulator.api.dispatch import Dispatcher
from tuning_emulator.api.exchange import BrokenConnectionError, Exchange, Middleware, break_connection
from tuning_emulator.api.pages import format_not_found, format_page
from tuning_emulator.api.router import Route, Router
from tuning_emulator.facts import google_errors
from tuning_emulator.rest.responses import Response, page_response, preflight_response
from tuning_emulator.rest.streams import send_chunks
from tuning_emulator.rest.transcoding import Breaker, Request, RestCall, Sender

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
_DRAINED_BODIES = 8
"""How many times the limit of a too large body is read and thrown away, so that the client gets to read the answer."""


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
        if len(request.path) + len(request.query) > google_errors.URL_LIMIT_BYTES.value:
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


def _open_exchange(request: Request, found: tuple[Route, list[str]] | None) -> Exchange:
    exchange = Exchange("rest", request.verb, request.path, request.query, request.headers, request.host)
    exchange.address = request.address
    if found is not None:
        exchange.route, target = found[0], found[0].target
        exchange.target, exchange.api = target, target.api.name
        exchange.version, exchange.method = target.version, target.name
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

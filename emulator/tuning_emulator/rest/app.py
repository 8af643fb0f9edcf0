"""Google's HTTP front end as an ASGI application: what comes, to a call; what the call comes to, back.

Pages of HTTP itself (404, 411, 414), CORS and discovery documents are answered here; all else is the dispatcher's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import unquote

from tuning_emulator.api.auth import Authenticator
from tuning_emulator.api.call import Api
from tuning_emulator.api.dispatch import Dispatcher
from tuning_emulator.api.errors import format_not_found, format_page
from tuning_emulator.api.exchange import (
    AsgiApp,
    BrokenConnectionError,
    Exchange,
    Middleware,
    Receive,
    Scope,
    Send,
    break_connection,
)
from tuning_emulator.api.router import PathValues, Router, read_headers, read_host
from tuning_emulator.facts import google_errors
from tuning_emulator.rest.responses import Response, page_response, preflight_response, send_chunks
from tuning_emulator.rest.transcoding import Breaker, RestCall, Sender

_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
_DRAINED_BODIES = 8
"""How many times the limit of a too large body is read and thrown away, so that the client gets to read the answer."""


class RestApp:
    """Answers HTTP requests for some APIs. Lifespan belongs to the caller.

    Args:
        find_other: The application that answers what none of the APIs has; None where nobody does.
    """

    def __init__(self, dispatcher: Dispatcher, find_other: Callable[[Exchange], AsgiApp | None] | None = None) -> None:
        self.dispatcher = dispatcher
        self._find_other = find_other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request."""
        exchange = open_exchange(scope)

        async def send_response(response: Response, exchange: Exchange) -> None:
            await _send(response, exchange, receive, send)

        async def break_off(broken: BrokenConnectionError) -> None:
            await break_connection(broken, scope, receive)

        variables = self._find(exchange)
        if exchange.route is None and self._find_other and (other := self._find_other(exchange)) is not None:
            await other(scope, receive, send)
            return
        has_body = exchange.verb in _WITH_BODY or exchange.headers.get("content-length", "0") != "0"
        if has_body and not await _receive(exchange, receive):
            exchange.broken = "client"
            self.dispatcher.middleware.on_response(exchange)
            return
        await self._serve(exchange, variables, send_response, break_off)

    async def answer(
        self, verb: str, path: str, query: str, headers: Mapping[str, str], body: bytes = b"", address: str = ""
    ) -> Response:
        """Answers one request whose body is at hand.

        Args:
            path: Percent-encoded, without the query. headers: By lower-case name. address: The client's.

        Raises:
            BrokenConnectionError: the connection is to break on purpose.
        """
        responses: list[Response] = []

        async def keep(response: Response, exchange: Exchange) -> None:  # noqa: ARG001 as the other sender
            responses.append(response)

        async def raise_on(broken: BrokenConnectionError) -> None:
            raise broken

        exchange = Exchange("rest", verb, path, query, headers, read_host(headers), address)
        variables = self._find(exchange)
        exchange.oversize = exchange.target is not None and len(body) > exchange.target.limit_bytes
        exchange.body = b"" if exchange.oversize else body
        await self._serve(exchange, variables, keep, raise_on)
        return responses[0]

    def _find(self, exchange: Exchange) -> PathValues:
        """Sets the exchange's route; the variables of its path."""
        verb = exchange.verb
        if verb == "POST":
            verb = exchange.headers.get("x-http-method-override", verb).upper()
        elif verb == "HEAD":
            verb = "GET"
        found = self.dispatcher.router.find(verb, exchange.path, exchange.host)
        if found is None:
            return []
        exchange.route, variables = found
        exchange.target = target = exchange.route.target
        exchange.api, exchange.version, exchange.method = target.api.name, target.version, target.name
        exchange.resource = variables[0][1] if variables else ""
        return variables

    async def _serve(self, exchange: Exchange, variables: PathValues, send: Sender, break_off: Breaker) -> None:
        response = self._find_page(exchange)
        if response is None and exchange.route is not None:
            call = RestCall(self.dispatcher, exchange, exchange.route, variables, send, break_off)
            await self.dispatcher.serve(call)
            return
        response = response or self._answer_elsewhere(exchange)
        exchange.status = response.status
        try:
            await send(response, exchange)
        finally:
            self.dispatcher.middleware.on_response(exchange)

    def _find_page(self, exchange: Exchange) -> Response | None:
        """What HTTP itself has to say: pages for broken requests, and what browsers ask before they do."""
        headers = exchange.headers
        if len(exchange.path) + len(exchange.query) > google_errors.URL_LIMIT_BYTES.value:
            sentence = "The requested URL is too large to process."
            return page_response(414, format_page(414, "Request-URI Too Large", sentence))
        if exchange.verb in _WITH_BODY and not ("content-length" in headers or "transfer-encoding" in headers):
            sentence = f"{exchange.verb} requests require a <code>Content-length</code> header."
            return page_response(411, format_page(411, "Length Required", sentence))
        if exchange.verb == "OPTIONS" and "access-control-request-method" in headers:
            asked = headers.get("access-control-request-headers", "")
            return preflight_response(headers.get("origin", ""), headers["access-control-request-method"], asked)
        return None

    def _answer_elsewhere(self, exchange: Exchange) -> Response:
        """What is no method's: a discovery document, or the 404 page."""
        path = unquote(exchange.path)
        if exchange.verb == "GET" and "discovery/" in path:
            from tuning_emulator.rest.discovery import answer_discovery  # rarely wanted

            apis, url = self.dispatcher.router.apis, f"{exchange.scheme}://{exchange.headers.get('host', '')}"
            if (answer := answer_discovery(apis, url, path, exchange.query)) is not None:
                return answer
        return page_response(404, format_not_found(path))


def create_rest_app(apis: Sequence[Api], authenticator: Authenticator, middleware: Middleware | None = None) -> RestApp:
    """The front end of these APIs, as an ASGI application for ``http`` scopes."""
    return RestApp(Dispatcher(Router(apis), authenticator, middleware))


def open_exchange(scope: Scope) -> Exchange:
    """A request as it stands, before anybody has found a method for it."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path, query = raw.partition(b"?")[0].decode("latin-1"), scope["query_string"].decode("latin-1")
    headers = read_headers(scope["headers"])
    address, scheme = (scope.get("client") or ("",))[0], scope.get("scheme", "http")
    return Exchange("rest", scope["method"], path, query, headers, read_host(headers), address, scheme)


async def _receive(exchange: Exchange, receive: Receive) -> bool:
    """Reads the body, or what of it has to be read when it is longer than the method takes.

    Returns whether it came whole: half a request is none, whatever the half says.
    """
    limit = exchange.target.limit_bytes if exchange.target is not None else 0
    size, parts = 0, []
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return False
        part = event.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        if not event.get("more_body", False) or size > limit * _DRAINED_BODIES:
            break
    exchange.oversize = size > limit
    exchange.body = b"" if exchange.oversize else b"".join(parts)
    return True


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

"""Requests that name their host: each goes to the service that has this host, or is told why not."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

import httptools

from tuning_emulator.api.exchange import AsgiApp, Receive, Scope, Send
from tuning_emulator.core.errors import describe_failure
from tuning_emulator.proxy.hosts import PassHosts, Service, find_service, format_refusal, parse_address

# --- small answers over ASGI

JSON_TYPE = "application/json; charset=UTF-8"
TEXT_TYPE = "text/plain; charset=utf-8"


def find_header(scope: Scope, name: bytes) -> str:
    """A header's value, "" where it is absent; ``name`` in lower case."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def read_body(receive: Receive, limit_bytes: int) -> bytes | None:
    """A request's body; None when it is longer than the limit, or the client left."""
    body = b""
    while True:
        event = await receive()
        part: bytes = event.get("body", b"")
        body += part
        if len(body) > limit_bytes or event["type"] == "http.disconnect":
            return None
        if not event.get("more_body", False):
            return body


async def send_answer(
    send: Send, status: int, content_type: str, body: str, headers: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """A whole answer."""
    content = body.encode()
    sent = [(b"content-type", content_type.encode()), (b"content-length", str(len(content)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": content})


async def send_json(send: Send, status: int, value: object) -> None:
    """A whole answer of JSON, indented as Google's are."""
    await send_answer(send, status, JSON_TYPE, json.dumps(value, indent=2) + "\n")


# --- a request handed on to another HTTP server

REACH_S = 15.0
_BLOCK_BYTES = 1 << 16
_HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"te", b"transfer-encoding", b"upgrade")
)
"""Source: RFC 9110 7.6.1."""

_NOT_SENT = _HOP_BY_HOP | {b"expect"}


class UnreachableError(Exception):
    """The other server does not answer; the text says which and why."""


async def forward(scope: Scope, receive: Receive, send: Send, host: str, port: int) -> None:
    """Has another server answer a request; nothing is held whole, neither way.

    Raises:
        UnreachableError: it cannot be reached, or ends before it has answered.
    """
    try:
        async with asyncio.timeout(REACH_S):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        raise UnreachableError(f"{host}:{port} cannot be reached: {describe_failure(error)}") from error
    upload = asyncio.create_task(_upload(scope, receive, writer))
    try:
        await _answer(reader, send, head_only=scope["method"] == "HEAD")
    except (OSError, httptools.HttpParserError) as error:
        raise UnreachableError(f"{host}:{port}: {describe_failure(error)}") from error
    finally:
        upload.cancel()
        with suppress(asyncio.CancelledError, OSError):
            await upload
        writer.close()


async def _upload(scope: Scope, receive: Receive, writer: asyncio.StreamWriter) -> None:
    headers = [(name, value) for name, value in scope["headers"] if name not in _NOT_SENT]
    chunked = any(name == b"transfer-encoding" for name, _ in scope["headers"])
    if chunked:
        headers.append((b"transfer-encoding", b"chunked"))
    headers += [(b"connection", b"close"), (b"x-forwarded-proto", scope["scheme"].encode())]
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    lines = [b"%s %s%s HTTP/1.1" % (scope["method"].encode(), scope["raw_path"], query)]
    lines += [b"%s: %s" % header for header in headers]
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            writer.close()  # half a body is none: the other server must not take it for whole
            return
        block, more = event.get("body", b""), event.get("more_body", False)
        if block:
            writer.write(b"%x\r\n%s\r\n" % (len(block), block) if chunked else block)
        await writer.drain()
    if chunked:
        writer.write(b"0\r\n\r\n")


async def _answer(reader: asyncio.StreamReader, send: Send, *, head_only: bool) -> None:
    heard = _Received()
    parser = httptools.HttpResponseParser(heard)
    begun = False
    while not heard.ended:
        block = await reader.read(_BLOCK_BYTES)
        if block:
            parser.feed_data(block)
        elif heard.headed and not heard.sized:
            heard.ended = True  # a body without a length ends with its connection
        else:
            raise ConnectionResetError("ended before it had answered")
        if heard.headed and not begun:
            begun = True
            heard.ended = heard.ended or head_only
            await send({"type": "http.response.start", "status": parser.get_status_code(), "headers": heard.headers})
        if begun and (heard.body or heard.ended):
            body, heard.body = b"".join(heard.body), []
            await send({"type": "http.response.body", "body": body, "more_body": not heard.ended})


class _Received:
    """What httptools tells of an answer. ``body``: what has not been sent on."""

    def __init__(self) -> None:
        self.headed = self.sized = self.ended = False
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self.sized = self.sized or name in (b"content-length", b"transfer-encoding")
        if name not in _HOP_BY_HOP:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.headed = True

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        self.ended = True


log = logging.getLogger(__name__)

_NO_STORAGE = (
    "Cloud Storage is the real one here (storage is `cloud`), which tuning-emulator does not stand in for; "
    "to let clients through to it, set TUNING_EMULATOR_PASS_HOSTS=storage.googleapis.com"
)


class Gateway:
    """Answers for every host that the emulator stands in for.

    Args:
        services: Who answers for each service.
        own: Who answers requests for any other host, on connections that came to the emulator itself.
        passes: Hosts that whole URLs may name besides.
    """

    def __init__(self, services: Mapping[Service, AsgiApp], own: AsgiApp, passes: PassHosts) -> None:
        self._services = services
        self._own = own
        self._passes = passes

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request inside TLS or a tunnel."""
        address = parse_address(find_header(scope, b"host"), 443)
        service = find_service(address[0]) if address else None
        await (self._services[service] if service else self._own)(scope, receive, send)

    async def answer_proxied(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request as to a proxy, whose Host is that of its URL."""
        address = parse_address(find_header(scope, b"host"), 80)
        if address is None:
            await send_answer(send, 400, TEXT_TYPE, "The URL names no host that could be asked.\n")
        elif (service := self._passes.find_service(*address)) is not None:
            await self._services[service](scope, receive, send)
        elif self._passes.allow(*address):
            await forward_or_say(scope, receive, send, *address)
        else:
            log.warning("%s", format_refusal(address[0]))
            await send_answer(send, 403, TEXT_TYPE, format_refusal(address[0]) + "\n")


class StorageGate:
    """Cloud Storage under its own name, answered by the storage emulator in use.

    Args:
        url: Its base URL; "" for the real Cloud Storage, which is refused.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as an ASGI application."""
        if not self._host:
            await send_answer(send, 403, TEXT_TYPE, _NO_STORAGE + "\n")
            return
        await forward_or_say(scope, receive, send, self._host, self._port)


async def forward_or_say(scope: Scope, receive: Receive, send: Send, host: str, port: int) -> None:
    """``forward``; where the other server does not answer, 502 says so."""
    begun = False

    async def watch(event: Scope) -> None:
        nonlocal begun
        begun = True
        await send(event)

    try:
        await forward(scope, receive, watch, host, port)
    except UnreachableError as error:
        log.warning("%s", error)
        if begun:
            raise  # half an answer is out: cut the connection
        await send_answer(send, 502, TEXT_TYPE, f"{error}\n")

"""A request handed on to another HTTP server: Cloud Storage of the emulator, or a host that is let through."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import httptools

from emulator.intercept.answers import Receive, Scope, Send

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
        raise UnreachableError(f"{host}:{port} cannot be reached: {error or 'timed out'}") from error
    upload = asyncio.create_task(_upload(scope, receive, writer))
    try:
        await _answer(reader, send, head_only=scope["method"] == "HEAD")
    except (OSError, httptools.HttpParserError) as error:
        raise UnreachableError(f"{host}:{port}: {error}") from error
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
    heard = _Heard()
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


class _Heard:
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

"""What goes back over HTTP: status, headers in the recorded order, and a body or a stream of chunks.

Streams are server-sent events, or one JSON array. Recorded: FirebaseExtended/vertexai-sdk-test-data (event bytes,
``streaming-failure-error-mid-stream.txt``); continuedev/continue#8516 (array form).
"""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from email.utils import formatdate
from typing import Any, TypeAlias

from msgspec import Struct

from tuning_emulator.api.call import Api, Parameters
from tuning_emulator.api.errors import HTML_TYPE, format_error
from tuning_emulator.api.exchange import SAME_SITE, BrokenConnectionError, Receive, Send
from tuning_emulator.core.errors import ApiError, ErrorText
from tuning_emulator.facts import google_errors
from tuning_emulator.protojson.printer import EVENT_TYPE, SCRIPT_TYPE, Style, format_event, format_json
from tuning_emulator.schema.schema import Value

Headers: TypeAlias = list[tuple[bytes, bytes]]

DEFAULT_SERVER = b"scaffolding on HTTPServer2"
_SAFETY: Headers = [
    (b"x-xss-protection", b"0"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"x-content-type-options", b"nosniff"),
]
_VARY: Headers = [(b"vary", b"Origin"), (b"vary", b"X-Origin"), (b"vary", b"Referer")]
_VARY_PLAIN: Headers = [(b"vary", b"X-Origin"), (b"vary", b"Referer"), (b"vary", b"Origin,Accept-Encoding")]
_EXPOSED = ",".join(google_errors.EXPOSED_HEADERS.value)


class Response(Struct):
    """One HTTP answer. ``chunks`` replaces ``body`` when the method streams."""

    status: int
    headers: Headers
    body: bytes = b""
    chunks: AsyncGenerator[bytes, None] | None = None


class Accepts(Struct, frozen=True):
    """What the client says about the answer itself.

    Attributes:
        gzip: Whether it takes gzip. origin: Its ``Origin``, "" outside browsers.
        start_s: ``time.monotonic`` when the request came.
    """

    gzip: bool
    origin: str
    start_s: float


class _Date:
    """The ``Date`` header, made once a second."""

    second = -1
    value = b""


def format_date() -> bytes:
    """Now, as in the ``Date`` header."""
    now = int(time.time())
    if now != _Date.second:
        _Date.second = now
        _Date.value = formatdate(now, usegmt=True).encode()
    return _Date.value


def body_response(
    api: Api, wanted: Accepts, status: int, content_type: str, body: bytes, *, challenge: str = ""
) -> Response:
    """An answer in one piece, compressed when the client takes gzip (never an event stream's).

    Cache-Control and Accept-Ranges are those of answers that are not compressed.
    Recorded: github.com/derrickobedgiu1/gemini-api tests/Fixtures, 2024.
    """
    zipped = wanted.gzip and bool(body) and content_type != EVENT_TYPE
    headers = list(_VARY if zipped or content_type == EVENT_TYPE else _VARY_PLAIN)
    if challenge:
        headers.append((b"www-authenticate", challenge.encode()))
    headers.append((b"content-type", content_type.encode()))
    if zipped:
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        body = packer.compress(body) + packer.flush()
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"date", format_date()))
    headers.append((b"server", api.server.encode()))
    if not zipped:
        headers.append((b"cache-control", b"private"))
    headers.append((b"content-length", str(len(body)).encode()))
    _finish(headers, api, wanted, bool(challenge))
    if not zipped:
        headers.append((b"accept-ranges", b"none"))
    if content_type == SCRIPT_TYPE:
        headers.append(SAME_SITE)  # not the services': any page could run it, and so read it
    return Response(status, headers, body)


def stream_response(api: Api, wanted: Accepts, content_type: str, chunks: AsyncGenerator[bytes, None]) -> Response:
    """An answer in chunks; event streams are also an attachment."""
    headers: Headers = [(b"content-type", content_type.encode())]
    if content_type == EVENT_TYPE:
        headers.append((b"content-disposition", b"attachment"))
    headers += _VARY
    headers += [(b"date", format_date()), (b"server", api.server.encode())]
    _finish(headers, api, wanted, challenged=False)
    return Response(200, headers, chunks=chunks)


def _finish(headers: Headers, api: Api, wanted: Accepts, challenged: bool) -> None:
    headers += _SAFETY
    if api.server_timing:
        elapsed_ms = int((time.monotonic() - wanted.start_s) * 1000)
        headers.append((b"server-timing", f"gfet4t7; dur={elapsed_ms}".encode()))
    if wanted.origin:
        exposed = ("www-authenticate," if challenged else "") + _EXPOSED
        headers.append((b"access-control-allow-origin", wanted.origin.encode("latin-1", "replace")))
        headers.append((b"access-control-expose-headers", exposed.encode()))


def page_response(status: int, page: bytes) -> Response:
    """One of the front end's HTML pages."""
    headers: Headers = [
        (b"content-type", HTML_TYPE.encode()),
        (b"date", format_date()),
        (b"server", DEFAULT_SERVER),
        (b"content-length", str(len(page)).encode()),
        *_SAFETY,
    ]
    return Response(status, headers, page)


def preflight_response(origin: str, verb: str, asked: str) -> Response:
    """The answer to a CORS preflight: 200 with what is allowed, or 403 without when a header is not.

    Recorded: github.com/googleapis/js-genai/issues/1723.
    """
    listed = google_errors.CORS_HEADERS.value
    names = [name.strip().lower() for name in asked.split(",") if name.strip()]
    headers: Headers = list(_VARY)
    allowed = all(name in listed for name in names)
    if allowed:
        headers += [
            (b"access-control-allow-origin", origin.encode("latin-1", "replace")),
            (b"access-control-allow-methods", b"DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"),
            (b"access-control-allow-headers", ",".join(names).encode()),
            (b"access-control-max-age", str(google_errors.CORS_MAX_AGE_S.value).encode()),
        ]
    headers += [
        (b"date", format_date()),
        (b"content-type", b"text/html"),
        (b"server", DEFAULT_SERVER),
        (b"content-length", b"0"),
        *_SAFETY,
    ]
    return Response(200 if allowed and verb else 403, headers)


# --- streams


log = logging.getLogger(__name__)


async def format_stream(
    first: Value | None,
    rest: AsyncIterator[Value],
    to_tree: Callable[[Value], Any],
    parameters: Parameters,
    internal_error: ErrorText,
) -> AsyncGenerator[bytes, None]:
    """The bytes of a stream, one chunk a message.

    An error in the middle ends the stream: the status is out already, so the whole envelope follows in one chunk,
    raw (clients look for an object outside the ``data:`` lines), or as the last element of the array. Nothing follows
    the array's end: Google's generated REST clients refuse a line end there (google-api-core rest_streaming.py).
    """
    style: Style = "pretty" if parameters.pretty else "compact"
    events = parameters.alt == "sse"
    separator = b"["
    try:
        value = first
        while value is not None:
            tree = to_tree(value)
            yield format_event(tree) if events else separator + format_json(tree, style)
            separator = b",\r\n"
            value = await anext(rest, None)
    except BrokenConnectionError:
        raise
    except Exception as error:
        text = format_error(_to_api_error(error, internal_error), legacy=parameters.legacy_errors, style=style)
        yield text if events else separator + text
    finally:
        close = getattr(rest, "aclose", None)
        if close is not None:
            await close()
    if not events:
        yield b"[]" if first is None else b"]"


async def format_bodies(
    first: Value | None, rest: AsyncIterator[Value], parameters: Parameters, internal_error: ErrorText
) -> AsyncGenerator[bytes, None]:
    """The bytes of a stream of ``google.api.HttpBody``, as they are.

    An error in the middle follows raw, as in a stream of events (reported of chat completions).
    """
    style: Style = "pretty" if parameters.pretty else "compact"
    try:
        value = first
        while value is not None:
            yield value["data"]
            value = await anext(rest, None)
    except BrokenConnectionError:
        raise
    except Exception as error:
        yield format_error(_to_api_error(error, internal_error), legacy=parameters.legacy_errors, style=style)
    finally:
        close = getattr(rest, "aclose", None)
        if close is not None:
            await close()


async def send_chunks(
    chunks: AsyncGenerator[bytes, None],
    receive: Receive,
    send: Send,
) -> None:
    """Sends a stream over ASGI; when the client leaves, the service stops at once."""
    gone = asyncio.ensure_future(_wait_until_gone(receive))
    try:
        async with aclosing(chunks):
            while (chunk := await _next_unless(gone, chunks)) is not None:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
    finally:
        gone.cancel()
    await send({"type": "http.response.body", "body": b""})


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _next_unless(gone: asyncio.Future[None], chunks: AsyncGenerator[bytes, None]) -> bytes | None:
    """The next chunk; None at the end, or when the client has left."""
    step = asyncio.ensure_future(anext(chunks, None))
    waiting: set[asyncio.Future[Any]] = {step, gone}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if step.done():
        return step.result()
    step.cancel()
    with suppress(asyncio.CancelledError):
        await step
    return None


def _to_api_error(error: Exception, internal_error: ErrorText) -> ApiError:
    if isinstance(error, ApiError):
        return error
    log.error("a stream failed", exc_info=error)
    return internal_error()

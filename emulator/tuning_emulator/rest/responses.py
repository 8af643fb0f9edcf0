"""What goes back over HTTP: status, headers in the recorded order, and a body or a stream of chunks."""

from __future__ import annotations

import time
import zlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from email.utils import formatdate
from typing import TypeAlias

from tuning_emulator.api.call import Api
from tuning_emulator.api.pages import HTML_TYPE
from tuning_emulator.facts import google_errors
from tuning_emulator.protojson.printer import EVENT_TYPE

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


@dataclass(slots=True)
class Response:
    """One HTTP answer. ``chunks`` replaces ``body`` when the method streams."""

    status: int
    headers: Headers
    body: bytes = b""
    chunks: AsyncGenerator[bytes, None] | None = None


@dataclass(frozen=True, slots=True)
class Accepts:
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

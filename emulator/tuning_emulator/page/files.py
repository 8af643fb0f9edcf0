"""Hands out the page's files, read from the package when they are first asked for.

Sources: w3.org/TR/CSP3 and w3.org/TR/trusted-types (what a page may load and run), rfc-editor.org/rfc/rfc9110 (ETag).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from msgspec import Struct

from tuning_emulator.api.exchange import Receive, Scope, Send
from tuning_emulator.api.router import read_headers
from tuning_emulator.proxy.access import PAGE_FILES

DIRECTORY = Path(__file__).parent / "static"

POLICY = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Nothing from other hosts, nothing inline; a browser that knows trusted types lets no text become HTML either."""

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
_HEADERS = (
    (b"cache-control", b"no-cache"),
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_DOOR = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    b'<title>tuning-emulator</title><p>This is a tuning-emulator. <a href="/emulator">Look at it</a>.</html>'
)
"""What a browser is shown that opens the address alone, where API clients get the 404 of the services."""


class File(Struct, frozen=True):
    """A file as it was read. ``written_ns`` of it tells whether it has been written since."""

    content: bytes
    content_type: str
    tag: str
    written_ns: int


class PageFiles:
    """Answers GET and HEAD for the page and its files, as an ASGI application."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self._paths = {
            path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.suffix in _TYPES
        }
        self._read: dict[str, File] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 a file needs no body
        """One request."""
        headers = read_headers(scope["headers"])
        file = self._find(scope["path"])
        if scope["method"] not in ("GET", "HEAD"):
            await _send(send, scope, 405, (b"allow", b"GET, HEAD"))
        elif file is None:
            await _send(send, scope, 404, body=b"no such file of the page")
        elif file.tag in headers.get("if-none-match", ""):
            await _send(send, scope, 304, (b"etag", file.tag.encode()))
        else:
            more = ((b"content-type", file.content_type.encode()), (b"etag", file.tag.encode()))
            await _send(send, scope, 200, *more, body=file.content)

    def _find(self, path: str) -> File | None:
        if path == "/":
            return _make(_DOOR, _TYPES[".html"], 0)
        name = path.removeprefix(PAGE_FILES) if path.startswith(PAGE_FILES) else "index.html"
        found = self._paths.get(name)
        if found is None:
            return None
        written_ns = found.stat().st_mtime_ns
        file = self._read.get(name)
        if file is None or file.written_ns != written_ns:
            file = self._read[name] = _make(found.read_bytes(), _TYPES[found.suffix], written_ns)
        return file


def _make(content: bytes, content_type: str, written_ns: int) -> File:
    return File(content, content_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"', written_ns)


async def _send(send: Send, scope: Scope, status: int, *more: tuple[bytes, bytes], body: bytes = b"") -> None:
    headers = [*_HEADERS, *more]
    if status != 304:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

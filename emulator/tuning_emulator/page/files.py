"""Hands out the files of the page and of the guide, read from the package when they are first asked for.

The guide is `docs/` as ``make guide`` builds it; wheels carry it, and a checkout may be without.

Sources: w3.org/TR/CSP3 and w3.org/TR/trusted-types (what a page may load and run), rfc-editor.org/rfc/rfc9110 (ETag).
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from pathlib import Path

from msgspec import Struct

from tuning_emulator.api.exchange import Receive, Scope, Send
from tuning_emulator.api.router import read_headers
from tuning_emulator.proxy.access import GUIDE_FILES, PAGE_FILES, PAGE_PATHS

DIRECTORY = Path(__file__).parent / "static"
GUIDE = Path(__file__).parent / "guide"

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

_GUIDE_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; "
    "img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self'{hashes}"
)
"""Nothing from other hosts; of what is inline, styles, since its search makes its own, and, by their hashes, the
scripts that the generator wrote. Nothing in the guide is of a job, a prompt or a request."""

_INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_NOT_BUILT = b"the guide has not been built here: `make guide` in a checkout builds it, and wheels carry it"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
_HEADERS = (
    (b"cache-control", b"no-cache"),
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
    policy: str = POLICY


class PageFiles:
    """Answers GET and HEAD for the page, the guide and their files, as an ASGI application."""

    def __init__(self, directory: Path = DIRECTORY, guide: Path = GUIDE) -> None:
        self._paths = _list_files(directory, PAGE_FILES)
        self._paths |= dict.fromkeys(PAGE_PATHS, self._paths[f"{PAGE_FILES}index.html"])
        self._guide = guide
        self._guide_paths: dict[str, Path] = {}
        self._read: dict[Path, File] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 a file needs no body
        """One request."""
        path, headers = scope["path"], read_headers(scope["headers"])
        file = self._find(path)
        if scope["method"] not in ("GET", "HEAD"):
            await _send(send, scope, 405, (b"allow", b"GET, HEAD"))
        elif path == GUIDE_FILES[:-1]:
            await _send(send, scope, 308, (b"location", GUIDE_FILES.encode()))
        elif file is None:
            missing = path.startswith(GUIDE_FILES) and not self._guide_paths
            body = _NOT_BUILT if missing else b"no such file of the page"
            await _send(send, scope, 404, (b"content-type", b"text/plain; charset=utf-8"), body=body)
        elif file.tag in headers.get("if-none-match", ""):
            await _send(send, scope, 304, (b"etag", file.tag.encode()), policy=file.policy)
        else:
            more = ((b"content-type", file.content_type.encode()), (b"etag", file.tag.encode()))
            await _send(send, scope, 200, *more, body=file.content, policy=file.policy)

    def _find(self, path: str) -> File | None:
        if path == "/":
            return _make(_DOOR, _TYPES[".html"], 0)
        return self._find_in_guide(path) if path.startswith(GUIDE_FILES) else self._get(self._paths.get(path))

    def _find_in_guide(self, path: str) -> File | None:
        name = f"{path}index.html" if path == GUIDE_FILES else path
        if name not in self._guide_paths:  # it may have been built since
            self._guide_paths = _list_files(self._guide, GUIDE_FILES)
        return self._get(self._guide_paths.get(name), guide=True)

    def _get(self, found: Path | None, *, guide: bool = False) -> File | None:
        if found is None or not found.is_file():  # the guide may be being built anew
            return None
        written_ns = found.stat().st_mtime_ns
        file = self._read.get(found)
        if file is None or file.written_ns != written_ns:
            content = found.read_bytes()
            policy = _write_policy(content) if guide else POLICY
            file = self._read[found] = _make(content, _TYPES[found.suffix], written_ns, policy)
        return file


def _list_files(directory: Path, prefix: str) -> dict[str, Path]:
    """What may be handed out, by the path that it is asked by: no other file can be reached."""
    files = (path for path in directory.rglob("*") if path.suffix in _TYPES)
    return {prefix + path.relative_to(directory).as_posix(): path for path in files}


def _write_policy(content: bytes) -> str:
    """Of a file of the guide: its own inline scripts may run."""
    hashes = {b64encode(hashlib.sha256(script).digest()).decode() for script in _INLINE.findall(content)}
    return _GUIDE_POLICY.format(hashes="".join(f" 'sha256-{one}'" for one in sorted(hashes)))


def _make(content: bytes, content_type: str, written_ns: int, policy: str = POLICY) -> File:
    return File(content, content_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"', written_ns, policy)


async def _send(
    send: Send, scope: Scope, status: int, *more: tuple[bytes, bytes], body: bytes = b"", policy: str = POLICY
) -> None:
    headers = [*_HEADERS, (b"content-security-policy", policy.encode()), *more]
    if status != 304:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

"""Many requests to the JSON API in one. Source: cloud.google.com/storage/docs/batch."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from tuning_emulator.facts import storage_errors
from tuning_emulator.storage.request import Body, Reply, StorageRequest, read_boundary

CALLS = 100
"""Most in one batch. Source: see above."""


async def answer_batch(request: StorageRequest, answer: Callable[[StorageRequest], Awaitable[Reply]]) -> Reply:
    """Every request in turn, each with an answer of its own.

    Raises:
        ApiError: the body is no batch, or has too many.
    """
    if request.verb != "POST":
        raise storage_errors.METHOD_NOT_ALLOWED()
    boundary = read_boundary(request.headers.get("content-type", ""))
    parts = list(_split(await request.body.read(), boundary))
    if len(parts) > CALLS:
        raise storage_errors.ARGUMENTS_CLASH(reason=f"A batch takes {CALLS} requests; this one has {len(parts)}.")
    mark = f"batch_{uuid.uuid4().hex}"
    out = bytearray()
    for number, part in enumerate(parts, start=1):
        headers, inner = _read_part(part, request)
        media = inner.query.get("uploadType") or inner.query.get("alt") == "media"
        reply = _refuse_media() if media else await answer(inner)
        request.notes += inner.notes
        identifier = headers.get("content-id", "").strip()
        bare = identifier.strip("<>")
        named = f"<response-{bare}>" if identifier.startswith("<") else f"response-{bare or number}"
        out += f"--{mark}\r\nContent-Type: application/http\r\nContent-ID: {named}\r\n\r\n".encode()
        out += _format(reply) + b"\r\n"
    out += f"--{mark}--\r\n".encode()
    return Reply(200, [("Content-Type", f"multipart/mixed; boundary={mark}")], bytes(out))


def _split(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """The parts between the delimiters, their line ends as the client has them."""
    pieces = (b"\r\n" + body).split(b"\n--" + boundary)
    if len(pieces) < 2:
        raise storage_errors.UPLOAD_MALFORMED()
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return
        yield piece.removesuffix(b"\r")


def _read_part(part: bytes, request: StorageRequest) -> tuple[dict[str, str], StorageRequest]:
    """A part's own headers and the request in it."""
    outer, _, rest = part.replace(b"\r\n", b"\n").lstrip(b"\n").partition(b"\n\n")
    head, _, body = rest.partition(b"\n\n")
    line, *lines = head.decode("utf-8", "replace").strip("\n").split("\n")
    words = line.split(" ")
    if len(words) < 2:
        raise storage_errors.UPLOAD_MALFORMED()
    headers = _read_headers(lines)
    url = urlsplit(words[1])
    verb = words[0].upper()
    if verb == "POST":
        verb = headers.get("x-http-method-override", verb).upper()
    length = headers.get("content-length", "")
    content = body[: int(length)] if length.isdigit() else body.rstrip(b"\n")
    sent = iter([{"type": "http.request", "body": content, "more_body": False}])

    async def receive() -> dict[str, object]:
        return next(sent, {"type": "http.disconnect"})

    pairs = parse_qsl(url.query, keep_blank_values=True)
    inner = StorageRequest(
        verb,
        url.path,
        dict(pairs),
        headers,
        request.base_url,
        Body(receive, headers),
        pairs,
    )
    return _read_headers(outer.decode("utf-8", "replace").split("\n")), inner


def _read_headers(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}


def _refuse_media() -> Reply:
    body = b'{"error": {"code": 400, "message": "Uploads and downloads cannot be part of a batch."}}'
    return Reply(400, [("Content-Type", "application/json; charset=UTF-8")], body)


def _format(reply: Reply) -> bytes:
    """An answer as HTTP/1.1 has it."""
    content = reply.body
    try:
        phrase = HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {reply.status} {phrase}", *(f"{name}: {value}" for name, value in reply.headers)]
    lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content

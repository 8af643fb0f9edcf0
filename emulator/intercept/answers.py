"""Small answers over ASGI."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

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

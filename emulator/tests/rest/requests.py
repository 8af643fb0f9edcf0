"""Asking the example's front end, and reading what it answers."""

from __future__ import annotations

import json
from typing import Any

from tuning_emulator.rest.app import RestApp
from tuning_emulator.rest.responses import Response

BOOK_PATH = "/v1/shelves/1/books/2"
JSON = {"content-type": "application/json", "x-goog-api-key": "k"}


async def ask(
    front: RestApp, verb: str, path: str, body: Any = b"", headers: dict[str, str] | None = None, query: str = ""
) -> Response:
    """One request with a key and, unless it is bytes, a JSON body."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await front.answer(verb, path, query, {**JSON, "content-length": str(len(data)), **(headers or {})}, data)


def read(answer: Response) -> Any:
    """The JSON of an answer."""
    return json.loads(answer.body)


def header(answer: Response, name: str) -> list[str]:
    """The values of a header."""
    return [value.decode() for key, value in answer.headers if key == name.encode()]


async def collect(answer: Response) -> bytes:
    """The whole stream."""
    assert answer.chunks is not None
    return b"".join([chunk async for chunk in answer.chunks])

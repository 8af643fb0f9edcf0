"""Streams of messages, and the ASGI application that sends them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tests.rest.library import Library
from tests.rest.requests import BOOK_PATH, ask, collect, header, read
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.rest.app import RestApp
from tuning_emulator.rest.responses import send_chunks

READ = f"{BOOK_PATH}:read"


async def test_events(front: RestApp) -> None:
    """Bytes and headers as recorded; never compressed."""
    answer = await ask(front, "POST", READ, {}, {"accept-encoding": "gzip"}, query="alt=sse")
    assert header(answer, "content-type") == ["text/event-stream"]
    assert header(answer, "content-disposition") == ["attachment"]
    assert header(answer, "content-length") == []
    assert await collect(answer) == (
        b'data: {"text": "Once"}\r\n\r\ndata: {"text": " upon \\u003ca\\u003e time"}\r\n\r\n'
    )


async def test_an_array(front: RestApp) -> None:
    """Without ``alt=sse``: one JSON array, its elements printed as alone."""
    answer = await ask(front, "POST", READ, {})
    assert header(answer, "content-type") == ["application/json; charset=UTF-8"]
    text = await collect(answer)
    assert text == b'[{\n  "text": "Once"\n}\n,\r\n{\n  "text": " upon \\u003ca\\u003e time"\n}\n]'


async def test_an_error_before_the_first_message(front: RestApp) -> None:
    """A real status; as an event stream the ordinary envelope, as an array a list with the envelope."""
    answer = await ask(front, "POST", "/v1/shelves/1/books/closed:read", {}, query="alt=sse")
    assert (answer.status, header(answer, "content-type")) == (404, ["text/event-stream"])
    assert header(answer, "content-disposition") == []
    assert read(answer)["error"]["message"] == "The book is closed."
    answer = await ask(front, "POST", "/v1/shelves/1/books/closed:read", {})
    assert answer.status == 404
    error = b'{\n    "code": 404,\n    "message": "The book is closed.",\n    "status": "NOT_FOUND"\n  }'
    assert answer.body == b'[{\n  "error": ' + error + b"\n}\n]\n"


async def test_an_error_in_the_middle(library: Library, front: RestApp) -> None:
    """The envelope follows in one chunk without ``data:``, or as the last element of the array."""
    library.error = ApiError(Code.INTERNAL, "lost")
    envelope = b'{\n  "error": {\n    "code": 500,\n    "message": "lost",\n    "status": "INTERNAL"\n  }\n}\n'
    answer = await ask(front, "POST", READ, {}, query="alt=sse")
    assert answer.chunks is not None
    chunks = [chunk async for chunk in answer.chunks]
    assert (answer.status, chunks[-1]) == (200, envelope)
    text = await collect(await ask(front, "POST", READ, {}))
    assert text.endswith(b",\r\n" + envelope + b"]")
    assert json.loads(text)[2]["error"]["code"] == 500


async def test_a_stream_that_fails_for_our_reasons(
    library: Library, front: RestApp, caplog: pytest.LogCaptureFixture
) -> None:
    """Ends with an internal error."""
    library.error = ZeroDivisionError("oh")
    text = await collect(await ask(front, "POST", READ, {}))
    assert json.loads(text)[2]["error"]["message"] == "Internal error encountered."
    assert "ZeroDivisionError" in caplog.text


async def test_a_stream_that_is_left_early_is_closed(library: Library, front: RestApp) -> None:
    """The service's generator gets to clean up."""
    answer = await ask(front, "POST", READ, {})
    assert answer.chunks is not None
    await anext(answer.chunks)
    await answer.chunks.aclose()
    assert library.closed


async def test_a_client_that_leaves_stops_the_service() -> None:
    """Even while the service is busy with the next message."""
    closed = asyncio.Event()

    async def never() -> AsyncGenerator[bytes, None]:
        try:
            yield b"one"
            await asyncio.Event().wait()
        finally:
            closed.set()

    sent: list[Any] = []
    left = asyncio.Event()

    async def receive() -> Any:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(event: Any) -> None:
        sent.append(event)
        left.set()

    await asyncio.wait_for(send_chunks(never(), receive, send), 30)
    assert closed.is_set()
    assert sent[0]["body"] == b"one"


# --- the application ----------------------------------------------------------------------------------


async def serve(front: RestApp, scope: dict[str, Any], parts: list[bytes]) -> list[dict[str, Any]]:
    """What the ASGI application sends for a request whose body comes in parts."""
    events = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    events.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        return events.pop(0)

    async def send(event: Any) -> None:
        sent.append(event)

    base = {"type": "http", "method": "POST", "query_string": b"", "client": ("127.0.0.1", 5)}
    headers = [(b"x-goog-api-key", b"k"), (b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
    await front({**base, "headers": headers, **scope}, receive, send)
    return sent


async def test_asgi_reads_the_body_in_parts(library: Library, front: RestApp) -> None:
    """And the raw path, so that encoded characters survive."""
    scope = {"path": "/v1/shelves/a b/books", "raw_path": b"/v1/shelves/a%20b/books?x"}
    sent = await serve(front, scope, [b'{"displayName"', b': "x"}'])
    assert sent[0]["status"] == 200
    assert library.calls[0].request == {"parent": "shelves/a b", "book": {"display_name": "x"}}


async def test_asgi_gives_up_on_endless_bodies(front: RestApp) -> None:
    """A body far beyond the limit is not read to its end, and the answer still comes."""
    parts = [b"x" * 1000] * 100
    sent = await serve(front, {"path": f"{BOOK_PATH}:lend"}, parts)
    assert sent[0]["status"] == 400


async def test_asgi_head_has_no_body(front: RestApp) -> None:
    """The headers of the GET."""
    sent = await serve(front, {"path": BOOK_PATH, "method": "HEAD"}, [])
    assert sent[0]["status"] == 200
    assert b"".join(event.get("body", b"") for event in sent[1:]) == b""

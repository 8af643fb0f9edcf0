"""Streams of messages as bytes: server-sent events, or one JSON array.

Recorded: FirebaseExtended/vertexai-sdk-test-data (event bytes, ``streaming-failure-error-mid-stream.txt``);
continuedev/continue#8516 (array form).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import aclosing, suppress
from typing import Any

from tuning_emulator.api.call import Parameters
from tuning_emulator.api.errors import format_error
from tuning_emulator.api.exchange import BrokenConnectionError
from tuning_emulator.core.errors import ApiError, ErrorText
from tuning_emulator.protojson.printer import Style, format_event, format_json
from tuning_emulator.schema.schema import Value

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


async def send_chunks(
    chunks: AsyncGenerator[bytes, None],
    receive: Callable[[], Awaitable[Mapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
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


async def _wait_until_gone(receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
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

"""The example's API with methods that take their time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from msgspec.structs import replace

from tests.rest.library import PACKAGE, SCHEMAS, Library
from tuning_emulator.api.call import Api, Call, Handler
from tuning_emulator.api.exchange import Exchange, NoMiddleware
from tuning_emulator.schema.schema import Value

GET = f"/{PACKAGE}.v1.Library/GetBook"
READ = f"/{PACKAGE}.v1.Library/ReadBook"
METHODS = SCHEMAS["v1"].methods
GET_BOOK = METHODS[f"{PACKAGE}.v1.Library.GetBook"]
READ_BOOK = METHODS[f"{PACKAGE}.v1.Library.ReadBook"]
WRITE = f"/{PACKAGE}.v1.Library/WriteBook"
DISCUSS = f"/{PACKAGE}.v1.Library/DiscussBook"
WRITE_REQUEST = f"{PACKAGE}.v1.WriteBookRequest"
CREATE_BOOK = METHODS[f"{PACKAGE}.v1.Library.CreateBook"]
BOOK = "shelves/1/books/2"
LIMIT_BYTES = 20_000_000


class PatientLibrary(Library):
    """A book whose id is ``never`` is never found; one whose id is ``endless`` has no end.

    Attributes:
        started, cancelled: Set when a method begins to wait, and when that is given up.
        written: How many pieces of endless books were asked for.
        taken: How many messages of streamed requests were; taken_before: when a book was last asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.ready = asyncio.Event()
        self.written = 0
        self.taken = self.taken_before = 0

    async def wait(self, call: Call) -> Value:
        """The book; ``never`` waits for ``ready``."""
        self.taken_before = self.taken
        if call.request["name"].endswith("never"):
            self.started.set()
            try:
                await self.ready.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        return self.answer(call)

    async def read(self, call: Call) -> AsyncIterator[Value]:
        """Pieces of 1000 letters without end, or the two of any other book."""
        if not call.request["name"].endswith("endless"):
            async for piece in super().read(call):
                yield piece
            return
        try:
            while True:
                self.written += 1
                yield {"text": "x" * 1000}
                await asyncio.sleep(0)
        finally:
            self.cancelled.set()

    async def write(self, call: Call) -> Value:
        """A book with as many copies as it got bytes of text; ``never`` takes no more before ``ready``."""
        self.calls.append(call)
        book: Value = {"sold_count": 0}
        try:
            async for piece in call.requests:
                self.taken += 1
                book["name"] = piece.get("name", "") or book.get("name", "")
                book["sold_count"] += len(piece.get("text", b""))
                if book["name"].endswith("never"):
                    self.started.set()
                    await self.ready.wait()
                if book["name"].endswith("short"):
                    break
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return book

    async def discuss(self, call: Call) -> AsyncIterator[Value]:
        """Each piece, given back before the next is taken, then how many there were."""
        self.calls.append(call)
        count = 0
        try:
            async for piece in call.requests:
                count += 1
                self.taken += 1
                if self.error is not None:
                    raise self.error
                yield {"text": piece["text"].decode()}
            yield {"text": f"{count} in all"}
        finally:
            self.cancelled.set()

    def create_api(self, *, keys: bool = True) -> Api:
        """The API in front of it, with room for large messages."""
        api = super().create_api(keys=keys)
        handlers: dict[str, Handler] = {
            **api.handlers,
            "Library.GetBook": self.wait,
            "Library.ReadBook": self.read,
            "Library.WriteBook": self.write,
            "Library.DiscussBook": self.discuss,
        }
        return replace(api, handlers=handlers, body_limit_bytes=LIMIT_BYTES)


class Watcher(NoMiddleware):
    """Remembers every exchange."""

    def __init__(self) -> None:
        self.left: list[Exchange] = []

    def on_response(self, exchange: Exchange) -> None:
        """See ``Middleware``."""
        self.left.append(exchange)

"""A small API of shelves and books, for the tests of the front end: ``proto/google/example/library`` declares it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from tuning_emulator.api.auth import Authenticator, create_authenticator
from tuning_emulator.api.call import Api, Call, Handler
from tuning_emulator.api.operations import build_any, build_operation
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.rest.app import RestApp, create_rest_app
from tuning_emulator.schema.proto import load_schemas
from tuning_emulator.schema.schema import Value

PACKAGE = "google.example.library"
BOOK = f"{PACKAGE}.v1.Book"
SERVICE = "library.googleapis.com"

SCHEMAS = load_schemas(PACKAGE, Path(__file__).resolve().parent.parent / "proto")
CODEC = Codec(SCHEMAS.values())


class Library:
    """The service: it remembers its calls and answers with what it was told to."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.book: Value = {"name": "shelves/1/books/2", "display_name": "Momo"}
        self.error: Exception | None = None
        self.closed = False

    def answer(self, call: Call) -> Value:
        """The book, or the error."""
        self.calls.append(call)
        if self.error is not None:
            raise self.error
        return self.book

    async def answer_later(self, call: Call) -> Value:
        """The same, as a coroutine."""
        return self.answer(call)

    def list_books(self, call: Call) -> Value:
        """One page."""
        return {"books": [self.answer(call)], "next_page_token": "next"}

    def delete(self, call: Call) -> Value:
        """Nothing."""
        self.answer(call)
        return {}

    def lend(self, call: Call) -> Value:
        """A running operation."""
        self.answer(call)
        return build_operation("operations/7", build_any(f"{PACKAGE}.v1.LendBookMetadata", {"days": 14}))

    async def read(self, call: Call) -> AsyncIterator[Value]:
        """Two pieces, then the error if there is one; a book named ``closed`` fails at once."""
        self.calls.append(call)
        try:
            if call.request["name"].endswith("closed"):
                raise ApiError(Code.NOT_FOUND, "The book is closed.")
            yield {"text": "Once"}
            yield {"text": " upon <a> time"}
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True

    def create_api(self, *, keys: bool = True) -> Api:
        """The API in front of this service."""
        handlers: dict[str, Handler] = {
            "Library.GetBook": self.answer,
            "Library.ListBooks": self.list_books,
            "Library.CreateBook": self.answer_later,
            "Library.UpdateBook": self.answer,
            "Library.DeleteBook": self.delete,
            "Library.ReadBook": self.read,
            "Library.LendBook": self.lend,
            "google.longrunning.Operations.GetOperation": self.lend,
        }
        return Api(
            "library",
            SERVICE,
            "Library API",
            SERVICE,
            SCHEMAS,
            handlers,
            keys=keys,
            server_timing=True,
            body_limit_bytes=100_000,
            method_limits_bytes={"Library.LendBook": 1000},
        )

    def create_rest(self, authenticator: Authenticator | None = None) -> RestApp:
        """A front end with this API alone."""
        return create_rest_app([self.create_api()], authenticator or create_authenticator())

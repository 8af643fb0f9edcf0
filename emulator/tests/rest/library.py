"""A small API of shelves and books, with one field of every kind, for the tests of the front end."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tuning_emulator.api.auth import Authenticator, create_authenticator
from tuning_emulator.api.call import Api, Call, Handler
from tuning_emulator.api.operations import build_any, build_operation
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.rest.app import RestApp, create_rest_app
from tuning_emulator.schema.google import LONGRUNNING
from tuning_emulator.schema.schema import (
    PRESENCE,
    REQUIRED,
    HttpRule,
    Method,
    Value,
    build_schemas,
    enum,
    f,
    mapped,
    message,
    only,
    repeated,
)

PACKAGE = "google.example.library"
BOOK = f"{PACKAGE}.v1.Book"
SERVICE = "library.googleapis.com"

MESSAGES = (
    message(
        "Book",
        f(1, "name", "string"),
        f(2, "display_name", "string"),
        f(3, "page_count", "int32"),
        f(4, "sold_count", "int64"),
        f(5, "weight", "float"),
        f(6, "price", "double"),
        f(7, "lent", "bool"),
        f(8, "cover", "bytes"),
        f(9, "genre", "Genre"),
        f(10, "create_time", "google.protobuf.Timestamp"),
        f(11, "lending_period", "google.protobuf.Duration"),
        repeated(12, "tags", "string"),
        repeated(13, "chapters", "Chapter"),
        mapped(14, "labels", "string", "string"),
        mapped(15, "editions", "int32", "Chapter"),
        f(16, "extra", "google.protobuf.Struct"),
        f(17, "anything", "google.protobuf.Value"),
        repeated(18, "many", "google.protobuf.Value"),
        f(19, "attachment", "google.protobuf.Any"),
        f(20, "isbn", "string", oneof="number"),
        f(21, "issn", "string", oneof="number"),
        f(22, "appendix", "Chapter", oneof="part"),
        f(23, "index", "Chapter", oneof="part"),
        f(24, "rating", "int32", PRESENCE),
        f(25, "signed", "google.protobuf.BoolValue"),
        f(26, "mask", "google.protobuf.FieldMask"),
        repeated(27, "times", "google.protobuf.Timestamp"),
        repeated(28, "genres", "Genre"),
        f(29, "list", "google.protobuf.ListValue"),
        f(30, "nothing", "google.protobuf.NullValue"),
        mapped(31, "values", "string", "google.protobuf.Value"),
        f(32, "error", "google.rpc.Status"),
        repeated(33, "counts", "int64"),
        f(34, "big", "uint64"),
        mapped(35, "genre_labels", "string", "Genre"),
        f(40, "audio_uri", "string", versions=only("v1beta")),
    ),
    message("Chapter", f(1, "title", "string"), f(2, "page", "int32"), repeated(3, "chapters", "Chapter")),
    message("GetBookRequest", f(1, "name", "string")),
    message("CreateBookRequest", f(1, "parent", "string"), f(2, "book", "Book", REQUIRED), f(3, "book_id", "string")),
    message("UpdateBookRequest", f(1, "book", "Book", REQUIRED), f(2, "update_mask", "google.protobuf.FieldMask")),
    message(
        "ListBooksRequest",
        f(1, "parent", "string"),
        f(2, "page_size", "int32"),
        f(3, "page_token", "string"),
        f(4, "filter", "string"),
        f(5, "show_lent", "bool"),
        repeated(6, "genres", "Genre"),
        f(7, "read_time", "google.protobuf.Timestamp"),
        f(8, "like", "Chapter"),
    ),
    message("ListBooksResponse", repeated(1, "books", "Book"), f(2, "next_page_token", "string")),
    message("ReadBookRequest", f(1, "name", "string"), f(2, "chapter", "Chapter")),
    message("ReadBookResponse", f(1, "text", "string")),
    message("LendBookMetadata", f(1, "days", "int32")),
)
ENUMS = (enum("Genre", "GENRE_UNSPECIFIED", "NOVEL", "SCIENCE_FICTION", HISTORY=7),)
METHODS = (
    Method("Library.GetBook", "GetBookRequest", "Book", (HttpRule("GET", "/{name=shelves/*/books/*}"),)),
    Method(
        "Library.ListBooks", "ListBooksRequest", "ListBooksResponse", (HttpRule("GET", "/{parent=shelves/*}/books"),)
    ),
    Method("Library.CreateBook", "CreateBookRequest", "Book", (HttpRule("POST", "/{parent=shelves/*}/books", "book"),)),
    Method(
        "Library.UpdateBook",
        "UpdateBookRequest",
        "Book",
        (HttpRule("PATCH", "/{book.name=shelves/*/books/*}", "book"),),
    ),
    Method(
        "Library.DeleteBook",
        "GetBookRequest",
        "google.protobuf.Empty",
        (HttpRule("DELETE", "/{name=shelves/*/books/*}"),),
    ),
    Method(
        "Library.ReadBook",
        "ReadBookRequest",
        "ReadBookResponse",
        (HttpRule("POST", "/{name=shelves/*/books/*}:read", "*"),),
        streaming=True,
    ),
    Method(
        "Library.LendBook",
        "ReadBookRequest",
        "google.longrunning.Operation",
        (HttpRule("POST", "/{name=shelves/*/books/*}:lend", "*"),),
    ),
    Method("Library.BurnBook", "GetBookRequest", "Book", (HttpRule("POST", "/{name=shelves/*/books/*}:burn", "*"),)),
    Method(
        "google.longrunning.Operations.GetOperation",
        "google.longrunning.GetOperationRequest",
        "google.longrunning.Operation",
        (
            HttpRule("GET", "/{name=operations/**}"),
            HttpRule("GET", "/ui/{name=operations/*}", unversioned=True),
        ),
    ),
)
SCHEMAS = build_schemas(PACKAGE, ("v1", "v1beta"), MESSAGES + LONGRUNNING, ENUMS, METHODS)
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

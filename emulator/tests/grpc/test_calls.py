"""Calls with Google's own gRPC library: what methods say arrives, and what clients want is done."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest
from msgspec.structs import replace

from tests.grpc.patient_library import (
    BOOK,
    CREATE_BOOK,
    GET,
    GET_BOOK,
    LIMIT_BYTES,
    READ,
    READ_BOOK,
    PatientLibrary,
    Watcher,
)
from tests.grpc.wire import Wire, listening, open_channel
from tests.rest.library import SCHEMAS
from tuning_emulator.api.auth import create_authenticator
from tuning_emulator.api.exchange import BrokenConnectionError, Cut, Exchange, PageError
from tuning_emulator.core.errors import ApiError, Code, bad_request

V1 = SCHEMAS["v1"]
REQUEST = {"name": BOOK}
NEVER = {"name": "shelves/1/books/never"}
ENDLESS = {"name": "shelves/1/books/endless"}


async def test_one_message(server: Wire, library: PatientLibrary, watcher: Watcher) -> None:
    """The handler gets request, caller, metadata and host; its answer arrives."""
    metadata = (("authorization", "Bearer t"), ("x-goog-user-project", "mine"), ("x-goog-request-params", "name=x"))
    heard = await server.ask(V1, GET_BOOK, REQUEST, metadata)
    assert heard.message == {"name": BOOK, "display_name": "Momo"}
    (call,) = library.calls
    assert (call.request, call.version, call.host) == (REQUEST, "v1", "127.0.0.1")
    assert (call.caller.project, call.caller.kind) == ("mine", "token")
    assert call.headers["x-goog-request-params"] == "name=x"
    (exchange,) = watcher.left
    assert (exchange.transport, exchange.method, exchange.version) == ("grpc", "Library.GetBook", "v1")
    assert (exchange.status, exchange.code, exchange.resource) == (200, "OK", BOOK)
    assert exchange.message == REQUEST


async def test_stream(server: Wire, library: PatientLibrary) -> None:
    """Messages one by one; an error before the first and one in the middle."""
    heard = await server.ask(V1, READ_BOOK, REQUEST)
    assert [one["text"] for one in heard.messages] == ["Once", " upon <a> time"]
    heard = await server.ask(V1, READ_BOOK, {"name": "shelves/1/books/closed"})
    assert (heard.code, heard.text, heard.messages) == (Code.NOT_FOUND, "The book is closed.", [])
    library.error = ApiError(Code.DATA_LOSS, "The page is torn.")
    heard = await server.ask(V1, READ_BOOK, REQUEST)  # the library may drop messages that come with the error
    assert (heard.code, heard.text) == (Code.DATA_LOSS, "The page is torn.")


async def test_error_with_details(server: Wire, library: PatientLibrary) -> None:
    """Code, text with line ends and letters beyond ASCII, and details."""
    library.error = ApiError(Code.FAILED_PRECONDITION, "100 %\n* été 😀", (bad_request([("book.name", "no")]),))
    heard = await server.ask(V1, GET_BOOK, REQUEST)
    assert (heard.code, heard.text) == (Code.FAILED_PRECONDITION, "100 %\n* été 😀")
    assert heard.details == [bad_request([("book.name", "no")])]


async def test_an_error_too_long_for_trailers_is_cut(server: Wire, library: PatientLibrary) -> None:
    """Clients refuse trailers beyond 8 KiB: the details go first, then the end of the text."""
    library.error = ApiError(Code.INVALID_ARGUMENT, "short", (bad_request([("a", "long" * 3000)]),))
    heard = await server.ask(V1, GET_BOOK, REQUEST)
    assert (heard.code, heard.text, heard.details) == (Code.INVALID_ARGUMENT, "short", [])
    library.error = ApiError(Code.INVALID_ARGUMENT, "é" * 9000, (bad_request([("a", "b")]),))
    heard = await server.ask(V1, GET_BOOK, REQUEST)
    assert heard.code is Code.INVALID_ARGUMENT
    assert heard.text.endswith("…")
    assert 1000 < len(heard.text) < 2000


async def test_a_fault_of_the_server(server: Wire, library: PatientLibrary) -> None:
    """What a handler did not mean to raise is INTERNAL, in the API's words, and the connection lives on."""
    library.error = KeyError("oops")
    heard = await server.ask(V1, GET_BOOK, REQUEST)
    assert (heard.code, heard.text) == (Code.INTERNAL, "Internal error encountered.")
    library.error = None
    assert (await server.ask(V1, GET_BOOK, REQUEST)).code is Code.OK


async def test_cancel(server: Wire, library: PatientLibrary, watcher: Watcher) -> None:
    """A client that gives up stops the method."""
    call = server.channel.unary_unary(GET)(
        server.codec.encode(NEVER, GET_BOOK.request), metadata=(("x-goog-api-key", "k"),)
    )
    await library.started.wait()
    call.cancel()
    async with asyncio.timeout(10):
        await library.cancelled.wait()
        while not watcher.left:  # noqa: ASYNC110 the exchange is left after the method
            await asyncio.sleep(0.01)
    assert watcher.left[0].code == "CANCELLED"


async def test_cancel_a_stream(server: Wire, library: PatientLibrary) -> None:
    """Likewise in the middle of a stream."""
    call = server.channel.unary_stream(READ)(
        server.codec.encode(ENDLESS, READ_BOOK.request), metadata=(("x-goog-api-key", "k"),)
    )
    assert await call.read()
    call.cancel()
    async with asyncio.timeout(10):
        await library.cancelled.wait()


@pytest.mark.slow
async def test_a_client_that_takes_nothing_stops_the_stream(server: Wire, library: PatientLibrary) -> None:
    """What waits for a client is bounded: the method waits too, and goes on when the client does."""
    call = server.channel.unary_stream(READ)(
        server.codec.encode(ENDLESS, READ_BOOK.request), metadata=(("x-goog-api-key", "k"),)
    )
    assert await call.read()
    before = -1
    async with asyncio.timeout(30):
        while before != library.written:
            before = library.written
            await asyncio.sleep(0.3)
    for _ in range(before):
        await call.read()
    assert library.written > before
    call.cancel()


async def test_deadline(server: Wire, library: PatientLibrary, watcher: Watcher) -> None:
    """A method whose time is up is stopped."""
    heard = await server.ask(V1, GET_BOOK, NEVER, timeout_s=0.2)
    assert heard.code is Code.DEADLINE_EXCEEDED
    async with asyncio.timeout(10):
        await library.cancelled.wait()


async def test_hundreds_of_calls_on_one_connection(server: Wire, library: PatientLibrary) -> None:
    """More than a connection's streams: all are answered, none is refused."""
    heard = await asyncio.gather(*(server.ask(V1, GET_BOOK, {"name": f"shelves/1/books/{n}"}) for n in range(350)))
    assert {one.code for one in heard} == {Code.OK}
    assert len(server.server._open) == 1
    assert {call.request["name"] for call in library.calls} == {f"shelves/1/books/{n}" for n in range(350)}


async def test_large_messages(library: PatientLibrary) -> None:
    """8 MB up and down; more than the method takes is refused in the words of REST."""
    cover = bytes(range(256)) * 32_768
    async with listening([library.create_api()], create_authenticator()) as server:
        await server.channel.close()
        options = [("grpc.max_receive_message_length", -1)]
        server.channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options=options)
        library.book = {"name": BOOK, "cover": cover}
        heard = await server.ask(V1, CREATE_BOOK, {"parent": "shelves/1", "book": {"cover": cover}})
        assert heard.message["cover"] == cover == library.calls[0].request["book"]["cover"]
        heard = await server.ask(V1, CREATE_BOOK, {"parent": "shelves/1", "book": {"cover": b"x" * LIMIT_BYTES}})
        assert heard.code is Code.INVALID_ARGUMENT
        assert heard.text == f"Request payload size exceeds the limit: {LIMIT_BYTES} bytes."
        assert len(library.calls) == 1


async def test_what_is_remembered_is_bounded(library: PatientLibrary) -> None:
    """An answer to a short GET is given again while nothing changes; a long request is not kept."""
    api = replace(library.create_api(), revision=lambda: 1)
    async with listening([api], create_authenticator()) as server:
        for _ in range(3):
            await server.ask(V1, GET_BOOK, REQUEST)
        assert len(library.calls) == 1
        for _ in range(3):
            await server.ask(V1, GET_BOOK, {"name": "shelves/1/books/" + "2" * 5000})
        assert len(library.calls) == 4
        assert len(server.server.calls.dispatcher._cache) == 1


async def test_compressed_requests(library: PatientLibrary) -> None:
    """gzip is taken; deflate is refused with what is taken. A bomb is not unpacked."""
    async with listening([library.create_api()], create_authenticator()) as server:
        for kind, code in ((grpc.Compression.Gzip, Code.OK), (grpc.Compression.Deflate, Code.UNIMPLEMENTED)):
            await server.channel.close()
            server.channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", compression=kind)
            heard = await server.ask(V1, CREATE_BOOK, {"parent": "shelves/1", "book": {"display_name": "x" * 5000}})
            assert heard.code is code, heard.text
        assert library.calls[0].request["book"]["display_name"] == "x" * 5000
        server.channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", compression=grpc.Compression.Gzip)
        bomb = {"parent": "shelves/1", "book": {"cover": b"\0" * (LIMIT_BYTES + 1)}}
        assert (await server.ask(V1, CREATE_BOOK, bomb)).text.startswith("Request payload size exceeds the limit")


@pytest.mark.parametrize("path", ["/x/y", "/google.example.library.v1.Library/Nothing", "/google.other.v1.A/B"])
async def test_unknown_method(server: Wire, path: str) -> None:
    """As Google's servers say it."""
    heard, _ = await server.send(path, b"")
    assert (heard.code, heard.text) == (Code.UNIMPLEMENTED, "GRPC target method can't be resolved.")


async def test_method_without_a_handler(server: Wire) -> None:
    """A method that is declared and not served."""
    heard, _ = await server.send("/google.example.library.v1.Library/BurnBook", b"")
    assert (heard.code, heard.text) == (Code.UNIMPLEMENTED, "Operation is not implemented, or supported, or enabled.")


async def test_a_request_that_is_no_message(server: Wire, library: PatientLibrary) -> None:
    """Bytes of another form are refused; a bad credential is told first."""
    heard, _ = await server.send(GET, b"\xff\xff\xff")
    assert (heard.code, heard.text) == (Code.INVALID_ARGUMENT, "Invalid PROTO payload received.")
    heard, _ = await server.send(GET, b"\xff\xff\xff", ())
    assert heard.code is Code.PERMISSION_DENIED
    assert library.calls == []


async def test_credentials(server: Wire) -> None:
    """No key and no token: the service's words."""
    heard = await server.ask(V1, GET_BOOK, REQUEST, ())
    assert heard.code is Code.PERMISSION_DENIED
    assert heard.text.startswith("Method doesn't allow unregistered callers")


async def test_field_mask(server: Wire) -> None:
    """The system parameter for parts of an answer works in metadata too."""
    metadata = (("x-goog-api-key", "k"), ("x-goog-fieldmask", "displayName"))
    assert (await server.ask(V1, GET_BOOK, REQUEST, metadata)).message == {"display_name": "Momo"}
    metadata = (("x-goog-api-key", "k"), ("x-goog-fieldmask", "unknown"))
    assert (await server.ask(V1, GET_BOOK, REQUEST, metadata)).code is Code.INVALID_ARGUMENT


async def test_metadata_is_bounded(server: Wire) -> None:
    """More metadata than the front end takes."""
    heard = await server.ask(V1, GET_BOOK, REQUEST, (("x-goog-api-key", "k"), ("x-note", "n" * 17_000)))
    assert heard.code is Code.RESOURCE_EXHAUSTED
    assert heard.text.startswith("received metadata size exceeds soft limit (17")


class Troublemaker(Watcher):
    """Does one thing to every call."""

    def __init__(self, cut: Cut | None = None, error: Exception | None = None) -> None:
        super().__init__()
        self.cut, self.error = cut, error

    async def on_call(self, exchange: Exchange) -> None:
        """See ``Middleware``."""
        exchange.cut = self.cut
        exchange.answer_headers.append((b"x-note", b"seen"))
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(
    ("trouble", "code", "text"),
    [
        (Troublemaker(error=ApiError(Code.ABORTED, "Again.")), Code.ABORTED, "Again."),
        (Troublemaker(error=PageError(502)), Code.UNAVAILABLE, "Received http2 header with status: 502"),
        (Troublemaker(error=BrokenConnectionError("close")), Code.UNAVAILABLE, None),
        (Troublemaker(error=BrokenConnectionError("reset")), Code.UNAVAILABLE, None),
        (Troublemaker(error=BrokenConnectionError("goaway")), Code.UNAVAILABLE, None),
        (Troublemaker(error=BrokenConnectionError("rst_stream")), Code.INTERNAL, None),
        (Troublemaker(cut=Cut(5)), Code.UNAVAILABLE, None),
        (Troublemaker(cut=Cut(error=ApiError(Code.ABORTED, "Torn."))), Code.ABORTED, "Torn."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Troublemaker) else str(value),
)
async def test_trouble_made_on_purpose(library: PatientLibrary, trouble: Any, code: Code, text: str | None) -> None:
    """Errors, pages and broken connections that the middleware wants are what the client gets; the server lives on."""
    async with listening([library.create_api()], create_authenticator(), trouble) as server:
        heard = await server.ask(V1, GET_BOOK, REQUEST)
        assert heard.code is code, heard.text
        assert text is None or heard.text == text
        trouble.cut = trouble.error = None
        await server.channel.close()
        server.channel = open_channel(server.port)
        assert (await server.ask(V1, GET_BOOK, REQUEST)).code is Code.OK
        assert [one.code for one in trouble.left][-1] == "OK"


async def test_a_stream_cut_on_purpose(library: PatientLibrary) -> None:
    """After one message, with an error or a broken connection."""
    for cut, code in ((Cut(1, ApiError(Code.ABORTED, "Torn.")), Code.ABORTED), (Cut(1), Code.UNAVAILABLE)):
        trouble = Troublemaker(cut)
        async with listening([library.create_api()], create_authenticator(), trouble) as server:
            heard = await server.ask(V1, READ_BOOK, REQUEST)
            assert (heard.code, len(heard.messages) <= 1) == (code, True)
            assert trouble.left[0].messages == 1


async def test_stop_lets_calls_end(server: Wire, library: PatientLibrary) -> None:
    """A server that stops answers what it has been asked, and takes nothing new."""
    asked = asyncio.create_task(server.ask(V1, GET_BOOK, NEVER))
    await library.started.wait()
    stopping = asyncio.create_task(server.server.stop(20))
    await asyncio.sleep(0.05)
    library.ready.set()
    assert (await asked).code is Code.OK
    await stopping
    assert server.server._open == set()


async def test_stop_ends_calls_that_do_not(server: Wire, library: PatientLibrary) -> None:
    """After the grace time they are cut off."""
    asked = asyncio.create_task(server.ask(V1, GET_BOOK, NEVER))
    await library.started.wait()
    await server.server.stop(0.05)
    assert (await asked).code is Code.UNAVAILABLE
    async with asyncio.timeout(10):
        await library.cancelled.wait()

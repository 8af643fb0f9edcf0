"""Methods that take a stream of requests: message by message, no faster than they are taken, and ended as any call."""

from __future__ import annotations

import asyncio
import gzip
import struct
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
import grpc.aio
import psutil  # type: ignore[import-untyped]
import pytest
from h2.errors import ErrorCodes

from tests.grpc.patient_library import BOOK, DISCUSS, GET, LIMIT_BYTES, WRITE, WRITE_REQUEST, PatientLibrary, Watcher
from tests.grpc.raw_client import Answered, RawClient, frame
from tests.grpc.wire import KEY, Wire, listening
from tests.rest.library import PACKAGE, SCHEMAS
from tuning_emulator.api.auth import create_authenticator
from tuning_emulator.api.exchange import Cut, Exchange
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.grpc import http2
from tuning_emulator.schema.protobuf import BinaryCodec

BINARY = BinaryCodec(SCHEMAS.values())
NEVER = "shelves/1/books/never"
MIB = 1_048_576


def piece(text: bytes, name: str = "") -> bytes:
    """A request message."""
    return BINARY.encode({"name": name, "text": text}, WRITE_REQUEST)


def read_book(data: bytes) -> Any:
    """The book in the data of an answer."""
    return BINARY.decode(data[5:], f"{PACKAGE}.v1.Book")


def read_texts(found: Answered) -> list[str]:
    """The texts in the data of an answer."""
    texts, data = [], found.data
    while data:
        size = struct.unpack(">BI", data[:5])[1]
        texts.append(BINARY.decode(data[5 : 5 + size], f"{PACKAGE}.v1.ReadBookResponse")["text"])
        data = data[5 + size :]
    return texts


# --- with Google's own gRPC library


async def test_many_requests_and_one_answer(server: Wire, library: PatientLibrary, watcher: Watcher) -> None:
    """The handler gets each message; middleware sees one call, with its first message but for the bytes."""
    pieces = [piece(b"Once", BOOK), piece(b" upon"), piece(b"")]
    metadata = (*KEY, ("x-goog-request-params", "name=shelves%2F1"))
    answer = await server.channel.stream_unary(WRITE)(iter(pieces), metadata=metadata)
    assert BINARY.decode(answer, f"{PACKAGE}.v1.Book") == {"name": BOOK, "sold_count": 9}
    (call,) = library.calls
    assert (call.request, call.given, call.version, call.caller.kind) == ({}, frozenset(), "v1", "key")
    (exchange,) = watcher.left
    assert (exchange.method, exchange.status, exchange.code) == ("Library.WriteBook", 200, "OK")
    assert exchange.message == {"name": BOOK, "text": "(4 bytes)"}
    assert exchange.resource == "shelves/1"


async def test_each_request_is_answered_before_the_next(server: Wire, watcher: Watcher) -> None:
    """A conversation: the server waits for neither the end nor a second message."""
    call = server.channel.stream_stream(DISCUSS)(metadata=KEY)
    for text in (b"a", b"b", b"c"):
        await call.write(piece(text))
        assert BINARY.decode(await call.read(), f"{PACKAGE}.v1.ReadBookResponse") == {"text": text.decode()}
    await call.done_writing()
    assert BINARY.decode(await call.read(), f"{PACKAGE}.v1.ReadBookResponse") == {"text": "3 in all"}
    assert await call.read() is grpc.aio.EOF
    assert (await call.code(), watcher.left[0].messages) == (grpc.StatusCode.OK, 4)


async def test_no_requests_at_all(server: Wire, library: PatientLibrary) -> None:
    """A stream may be empty."""
    answer = await server.channel.stream_unary(WRITE)(iter(()), metadata=KEY)
    assert (answer, library.taken) == (b"", 0)


async def test_an_answer_before_the_end_of_the_requests(server: Wire, library: PatientLibrary) -> None:
    """The method is done with what it has; what still comes is nobody's."""

    async def write_on() -> AsyncIterator[bytes]:
        yield piece(b"abc", "shelves/1/books/short")
        while True:
            yield piece(b"x" * 10_000)

    answer = await server.channel.stream_unary(WRITE)(write_on(), metadata=KEY)
    assert BINARY.decode(answer, f"{PACKAGE}.v1.Book")["sold_count"] == 3
    assert library.taken == 1


async def test_a_client_that_says_nothing_is_told_all_the_same(server: Wire) -> None:
    """An error does not wait for a message that may never come."""
    async with RawClient(server.port) as client:
        number = await client.open(WRITE, x_goog_api_key="")
        found = await client.finish(number)
        assert (found.status, found.reset) == ("7", ErrorCodes.NO_ERROR)


async def test_a_method_that_nobody_has(server: Wire) -> None:
    """It may be a stream to its client: the answer waits neither for a message nor for the end."""
    async with RawClient(server.port) as client:
        for data in (b"", frame(b""), frame(piece(b"a"))[:-1]):
            number = await client.open(f"/{PACKAGE}.v1.Library/ReadAloud")
            await send(client, number, [data])
            found = await client.finish(number)
            assert (found.status, found.text) == ("12", "GRPC target method can't be resolved.")


async def test_errors(server: Wire, library: PatientLibrary) -> None:
    """Those of the handler, of the credentials and of the messages all end the call in the trailers.

    None becomes INTERNAL in the client: that is what its library makes of a status that comes before its first write.
    """
    library.error = ApiError(Code.ABORTED, "Not so loud.")
    for metadata, messages, code in (
        (KEY, [piece(b"a")], Code.ABORTED),
        ((), [piece(b"a")], Code.PERMISSION_DENIED),
        (KEY, [b"\xff"], Code.INVALID_ARGUMENT),
        ((*KEY, ("x-goog-fieldmask", "unknown")), [piece(b"a")], Code.INVALID_ARGUMENT),
        ((*KEY, ("x-note", "n" * 17_000)), [piece(b"a")], Code.RESOURCE_EXHAUSTED),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in server.channel.stream_stream(DISCUSS)(iter(messages), metadata=metadata):
                pass
        assert caught.value.code().value[0] == code, caught.value.details()


async def test_compressed_messages(server: Wire) -> None:
    """Each is unpacked; what unpacks to more than the limit is refused."""
    write = server.channel.stream_unary(WRITE)
    answer = await write(iter([piece(b"x" * 10_000)] * 3), metadata=KEY, compression=grpc.Compression.Gzip)
    assert BINARY.decode(answer, f"{PACKAGE}.v1.Book")["sold_count"] == 30_000
    async with RawClient(server.port) as client:
        bomb = frame(gzip.compress(bytes(LIMIT_BYTES + 1)), compressed=True)
        found = await client.ask(WRITE, frame(piece(b"a")) + bomb, grpc_encoding="gzip")
        assert (found.status, found.text) == ("3", f"Request payload size exceeds the limit: {LIMIT_BYTES} bytes.")
        found = await client.ask(WRITE, frame(b"a", compressed=True))
        assert (found.status, found.text) == (
            "13",
            "The message is compressed, but grpc-encoding names no compression.",
        )


async def test_a_client_that_gives_up(server: Wire, library: PatientLibrary, watcher: Watcher) -> None:
    """The method is cancelled where it waits for the next message."""
    call = server.channel.stream_stream(DISCUSS)(metadata=KEY)
    await call.write(piece(b"a"))
    await call.read()
    call.cancel()
    async with asyncio.timeout(10):
        await library.cancelled.wait()
        while not watcher.left:  # noqa: ASYNC110 the exchange is left after the method
            await asyncio.sleep(0.01)
    assert watcher.left[0].code == "CANCELLED"


@pytest.mark.slow
async def test_conversations_at_once(server: Wire, library: PatientLibrary) -> None:
    """More than a connection has streams, message after message in all of them; none gets another's."""

    async def talk(number: int) -> None:
        call = server.channel.stream_stream(DISCUSS)(metadata=KEY)
        for turn in range(10):
            await call.write(piece(b"%d of %d" % (turn, number)))
            answer = BINARY.decode(await call.read(), f"{PACKAGE}.v1.ReadBookResponse")
            assert answer == {"text": f"{turn} of {number}"}
        await call.done_writing()
        assert BINARY.decode(await call.read(), f"{PACKAGE}.v1.ReadBookResponse") == {"text": "10 in all"}

    await asyncio.gather(*map(talk, range(150)))
    assert library.taken == 1500


@pytest.mark.slow
async def test_memory_does_not_grow_with_the_stream(server: Wire, library: PatientLibrary) -> None:
    """200 MB go through; what the process holds stays what it was after the first 20."""
    process, held = psutil.Process(), []
    message = piece(b"x" * MIB)

    async def write_on() -> AsyncIterator[bytes]:
        for number in range(200):
            yield message
            if number >= 20:
                held.append(process.memory_info().rss)

    answer = await server.channel.stream_unary(WRITE)(write_on(), metadata=KEY)
    assert BINARY.decode(answer, f"{PACKAGE}.v1.Book")["sold_count"] == 200 * MIB
    assert max(held) - held[0] < 30 * MIB


# --- frame by frame


async def send(client: RawClient, number: int, parts: Iterable[bytes], *, end: bool = False) -> None:
    """Sends data as the windows allow."""
    data = bytearray(b"".join(parts))
    while data:
        size = min(client.http.local_flow_control_window(number), client.http.max_outbound_frame_size, len(data))
        if size == 0:
            await client.flush()
            await client.read()
            continue
        client.http.send_data(number, bytes(data[:size]))
        del data[:size]
    if end:
        client.http.end_stream(number)
    await client.flush()


async def test_many_messages_in_one_frame_and_one_in_many(server: Wire, library: PatientLibrary) -> None:
    """Where frames begin and end says nothing."""
    async with RawClient(server.port) as client:
        found = await client.ask(DISCUSS, b"".join(frame(piece(b"%d" % one)) for one in range(1000)))
        assert read_texts(found) == [*map(str, range(1000)), "1000 in all"]
        number = await client.open(DISCUSS)
        for byte in frame(piece(b"slowly")) * 2:
            client.http.send_data(number, bytes((byte,)), pad_length=3)
        client.http.send_data(number, b"", end_stream=True)
        await client.flush()
        assert read_texts(await client.finish(number)) == ["slowly", "slowly", "2 in all"]


@pytest.mark.parametrize(
    ("rest", "text"),
    [
        (frame(piece(b"b"))[:-1], "The request ends inside a message."),
        (b"\0\0", "The request ends inside a message."),
        (frame(b"\xff"), "Invalid PROTO payload received."),
        (struct.pack(">BI", 0, 2**31), f"Request payload size exceeds the limit: {LIMIT_BYTES} bytes."),
    ],
)
async def test_a_stream_that_goes_wrong(server: Wire, library: PatientLibrary, rest: bytes, text: str) -> None:
    """What came whole before is taken and answered; the connection lives on."""
    async with RawClient(server.port) as client:
        found = await client.ask(DISCUSS, frame(piece(b"a")) + rest)
        assert read_texts(found) == ["a"]
        assert (found.text, found.status) == (text, "13" if "ends" in text else "3")
        assert library.cancelled.is_set()
        assert (await client.ask(DISCUSS, frame(piece(b"a")))).status == "0"


async def test_too_long_is_told_before_it_is_sent(server: Wire) -> None:
    """The prefix says it all."""
    async with RawClient(server.port) as client:
        number = await client.open(WRITE)
        await send(client, number, [struct.pack(">BI", 0, LIMIT_BYTES + 1)])
        found = await client.finish(number)
        assert found.status == "3"
        while found.reset is None:
            await client.read()
        assert found.reset == ErrorCodes.NO_ERROR


async def test_a_message_longer_than_the_window(server: Wire, library: PatientLibrary) -> None:
    """Whoever waits for a message gets it whole, however long it is."""
    async with RawClient(server.port) as client:
        number = await client.open(WRITE)
        await send(client, number, [frame(piece(b"x" * 5 * MIB, BOOK)) * 2], end=True)
        found = await client.finish(number)
        assert read_book(found.data) == {"name": BOOK, "sold_count": 10 * MIB}


async def test_what_nobody_takes_is_not_sent(server: Wire, library: PatientLibrary) -> None:
    """One window and no more; the connection's other calls are answered all the while."""
    async with RawClient(server.port) as client:
        number = await client.open(WRITE)
        message = frame(piece(b"x" * 1000, NEVER))
        await send(client, number, [message])
        await library.started.wait()
        sent, limit = len(message), 0
        while limit := min(client.http.local_flow_control_window(number), 16_384):
            client.http.send_data(number, (message * 17)[sent % len(message) :][:limit])
            sent += limit
            await client.flush()
        assert sent in (http2.STREAM_WINDOW_BYTES, http2.STREAM_WINDOW_BYTES + len(message))
        for _ in range(20):
            found = await client.ask(DISCUSS, frame(piece(b"y" * 65_000)))
            assert found.status == "0"
        assert client.http.local_flow_control_window(number) == 0
        assert library.taken == 1 + 20
        (protocol,) = server.server._open
        assert http2.STREAM_WINDOW_BYTES - len(message) <= protocol._held_bytes <= http2.STREAM_WINDOW_BYTES
        library.ready.set()
        rest = -sent % len(message)
        await send(client, number, [message[len(message) - rest :]], end=True)
        found = await client.finish(number)
        assert read_book(found.data)["sold_count"] == 1000 * ((sent + rest) // len(message))
        assert protocol._held_bytes == 0


async def test_streams_that_nobody_takes_are_bounded_together(
    server: Wire, library: PatientLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is too much is refused; once the others are taken there is room again."""
    monkeypatch.setattr(http2, "HELD_BYTES", 100_000)
    message = frame(piece(b"x" * 30_000, NEVER))
    async with RawClient(server.port) as client:
        numbers = [await client.open(WRITE) for _ in range(4)]
        for number in numbers:
            await send(client, number, [message])
            library.started.clear()
            await library.started.wait()
        for number in numbers:
            await send(client, number, [message])
        library.ready.set()
        for number in numbers:
            client.http.end_stream(number)
        await client.flush()
        found = [await client.finish(number) for number in numbers]
        assert [one.status for one in found] == ["0", "0", "0", "8"]
        (protocol,) = server.server._open
        assert protocol._held_bytes == 0
        assert (await client.ask(WRITE, message)).status == "0"


async def test_deadline(server: Wire, library: PatientLibrary, watcher: Watcher) -> None:
    """Told to a client that stops in the middle of a message, and to one whose method takes its time."""
    async with RawClient(server.port) as client:
        number = await client.open(WRITE, grpc_timeout="50m")
        await send(client, number, [frame(piece(b"abc"))[:-1]])
        found = await client.finish(number)
        assert (found.status, found.text) == ("4", "Deadline expired before operation could complete.")
        assert library.cancelled.is_set()
        number = await client.open(WRITE, grpc_timeout="50m")
        await send(client, number, [frame(piece(b"abc", NEVER))])
        assert (await client.finish(number)).status == "4"
        assert [one.code for one in watcher.left] == ["DEADLINE_EXCEEDED"] * 2


@pytest.mark.slow
async def test_streams_reset_in_the_middle_leave_nothing(server: Wire, library: PatientLibrary) -> None:
    """Neither bytes nor a part of the connection's window, whether the method waits for them or does not take them."""
    async with RawClient(server.port) as client:
        for round_number in range(40):
            for _ in range(50):
                number = await client.open(WRITE)
                client.http.send_data(number, frame(piece(b"abc", NEVER if round_number % 2 else BOOK)))
                client.http.send_data(number, frame(piece(b"x" * 1000))[:-1], pad_length=7)
                if round_number % 3:
                    await client.flush()
                client.http.reset_stream(number, ErrorCodes.CANCEL)
            client.http.ping(b"8 octets")
            await client.flush()
            before = client.pings
            while client.pings == before:
                await client.read()
        assert (await client.ask(DISCUSS, frame(piece(b"a")))).status == "0"
        (protocol,) = server.server._open
        assert protocol._streams == {}
        assert protocol._held_bytes == 0
        window = protocol._http._inbound_flow_control_window_manager
        assert window.current_window_size + window._bytes_processed == http2.CONNECTION_WINDOW_BYTES


async def test_small_messages_do_not_keep_others_waiting(server: Wire, library: PatientLibrary) -> None:
    """A window full of them is here before a call that asks for one book; the book comes first."""
    async with RawClient(server.port) as client:
        number, message = await client.open(WRITE), frame(b"")
        client.http.send_data(number, message * 3000)
        asked = await client.open(GET)
        client.http.send_data(asked, frame(b"\x0a" + bytes((len(BOOK),)) + BOOK.encode()), end_stream=True)
        await client.flush()
        assert (await client.finish(asked)).status == "0"
        assert library.taken_before < 3000
        client.http.end_stream(number)
        await client.flush()
        assert (await client.finish(number)).status == "0"
        assert library.taken == 3000


async def test_stop_ends_open_streams(server: Wire, library: PatientLibrary) -> None:
    """One that the client leaves open is cut off after the grace time."""
    call = server.channel.stream_stream(DISCUSS)(metadata=KEY)
    await call.write(piece(b"a"))
    await call.read()
    await server.server.stop(0.05)
    assert await call.code() is grpc.StatusCode.UNAVAILABLE
    async with asyncio.timeout(10):
        await library.cancelled.wait()


class Cutter(Watcher):
    """Cuts every stream after its first message."""

    async def on_call(self, exchange: Exchange) -> None:
        """See ``Middleware``."""
        exchange.cut = Cut(1, ApiError(Code.ABORTED, "Torn."))


async def test_a_stream_cut_on_purpose(library: PatientLibrary) -> None:
    """As those of methods that take one request."""
    async with listening([library.create_api()], create_authenticator(), Cutter()) as server:
        call = server.channel.stream_stream(DISCUSS)(metadata=KEY)
        await call.write(piece(b"a"))
        await call.read()
        assert (await call.code(), await call.details()) == (grpc.StatusCode.ABORTED, "Torn.")

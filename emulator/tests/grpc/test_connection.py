"""One HTTP/2 connection, frame by frame, from good clients and bad ones."""

from __future__ import annotations

import asyncio
import logging
import random
import struct

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from tests.grpc.patient_library import BOOK, DISCUSS, GET, GET_BOOK, READ, WRITE, PatientLibrary, Watcher
from tests.grpc.raw_client import RawClient, frame
from tests.grpc.wire import Wire
from tests.rest.library import PACKAGE, SCHEMAS
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.grpc import http2

CREATE = f"/{PACKAGE}.v1.Library/CreateBook"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def request(name: str = BOOK) -> bytes:
    """The data of a request for a book."""
    size = len(name)
    return frame(b"\x0a" + bytes((size,)) + name.encode())


async def settle(server: Wire) -> None:
    """Waits until no connection is open; a client's end is noticed a little later."""
    async with asyncio.timeout(10):
        while server.server._open:  # noqa: ASYNC110 there is no event for all of them
            await asyncio.sleep(0.01)


async def test_an_answer_frame_by_frame(server: Wire) -> None:
    """Head, one message, trailers; what compression is taken."""
    async with RawClient(server.port) as client:
        found = await client.ask(GET, request())
        assert found.headers == {
            ":status": "200",
            "content-type": "application/grpc",
            "grpc-accept-encoding": "identity,gzip",
        }
        assert found.trailers == {"grpc-status": "0"}
        size = struct.unpack(">BI", found.data[:5])[1]
        assert server.codec.decode(found.data[5 : 5 + size], GET_BOOK.response)["display_name"] == "Momo"
        settings = client.http.remote_settings
        assert settings[SettingCodes.MAX_CONCURRENT_STREAMS] == 100
        assert settings[SettingCodes.MAX_HEADER_LIST_SIZE] == 16_384


async def test_an_error_is_one_frame(server: Wire, library: PatientLibrary) -> None:
    """Without a message the trailers are the whole answer; in the middle of a stream they follow what is out."""
    library.error = ApiError(Code.ABORTED, "50 % off\n")
    async with RawClient(server.port) as client:
        found = await client.ask(GET, request())
        assert (found.status, found.text, found.trailers, found.data) == ("10", "50 %25 off%0A", {}, b"")
        found = await client.ask(READ, request())
        assert (found.data.count(b"Once"), found.trailers["grpc-status"]) == (1, "10")
        assert b"upon <a> time" in found.data


async def test_pings(server: Wire) -> None:
    """Each is answered, however many there are and whether or not anything is asked."""
    async with RawClient(server.port) as client:
        for _ in range(50):
            client.http.ping(b"8 octets")
        await client.flush()
        while client.pings < 50:
            await client.read()
        assert (await client.ask(GET, request())).status == "0"


async def test_deadline_is_told(server: Wire, library: PatientLibrary, watcher: Watcher) -> None:
    """To a client that waits longer than it said; a request that never ends runs into it too."""
    async with RawClient(server.port) as client:
        found = await client.ask(GET, request("shelves/1/books/never"), grpc_timeout="50m")
        assert (found.status, found.text) == ("4", "Deadline expired before operation could complete.")
        assert library.cancelled.is_set()
        number = await client.open(GET, grpc_timeout="1m")
        assert (await client.finish(number)).status == "4"
        assert [one.code for one in watcher.left] == ["DEADLINE_EXCEEDED"] * 2


@pytest.mark.parametrize(
    ("data", "status", "text"),
    [
        (b"", "13", "The request has no message."),
        (request()[:-1], "13", "The request ends inside a message."),
        (request() + b"\0\0", "13", "The request ends inside a message."),
        (request() * 3, "13", "The request has 3 messages; the method takes one."),
        (frame(b"x", compressed=True), "13", "The message is compressed, but grpc-encoding names no compression."),
        (frame(b""), "0", ""),
    ],
)
async def test_data_that_is_not_one_message(server: Wire, data: bytes, status: str, text: str) -> None:
    """Each is told so; the connection lives on."""
    async with RawClient(server.port) as client:
        found = await client.ask(GET, data)
        assert (found.status, found.text) == (status, text)
        assert (await client.ask(GET, request())).status == "0"


async def test_timeouts_that_are_none(server: Wire) -> None:
    """A number and a unit, or a refusal."""
    async with RawClient(server.port) as client:
        for value in ("5", "S", "123456789S", "-1S", "5x"):
            found = await client.ask(GET, request(), grpc_timeout=value)
            assert (found.status, found.text) == ("13", f"grpc-timeout is '{value}'; not a number and a unit.")
        for value in ("1H", "99999999n", "5S"):
            assert (await client.ask(GET, request(), grpc_timeout=value)).status == "0"


async def test_what_is_not_grpc(server: Wire) -> None:
    """HTTP statuses for other verbs and other content."""
    async with RawClient(server.port) as client:
        number = await client.open(GET, verb="GET")
        client.http.end_stream(number)
        await client.flush()
        found = await client.finish(number)
        assert found.headers[":status"] == "405"
        found = await client.ask(GET, b"{}", content_type="application/json")
        assert (found.headers[":status"], found.data) == ("415", b"gRPC alone is spoken over HTTP/2 here.\n")


async def test_too_long_is_told_before_it_is_sent(server: Wire) -> None:
    """The prefix says it all: the answer comes, and that nobody listens."""
    async with RawClient(server.port) as client:
        number = await client.open(CREATE)
        client.http.send_data(number, struct.pack(">BI", 0, 2**31))
        await client.flush()
        found = await client.finish(number)
        assert found.status == "3"
        while found.reset is None:
            await client.read()
        assert found.reset == ErrorCodes.NO_ERROR
        assert (await client.ask(GET, request())).status == "0"


async def test_requests_that_never_end_are_bounded(server: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a connection together; the one that is too much is refused, and what others hold stays."""
    monkeypatch.setattr(http2, "HELD_BYTES", 100_000)
    async with RawClient(server.port) as client:
        numbers = [await client.open(CREATE) for _ in range(4)]
        for number in numbers:
            client.http.send_data(number, struct.pack(">BI", 0, 1_000_000))
            for _ in range(3):
                client.http.send_data(number, b"x" * 10_000)
        await client.flush()
        assert (await client.finish(numbers[3])).status == "8"
        assert [number for number in numbers if client.answers.get(number) and client.answers[number].ended] == [
            numbers[3]
        ]
        (protocol,) = server.server._open
        assert protocol._held_bytes == 90_015
    await settle(server)
    assert protocol._held_bytes == 0


async def test_more_streams_than_a_connection_has(server: Wire, library: PatientLibrary) -> None:
    """What was opened before the client knew the limit is refused, to be asked again; others are not hurt."""
    async with RawClient(server.port, polite=False) as client:
        numbers = [await client.open(GET) for _ in range(103)]
        for number in numbers:
            client.http.send_data(number, request(), end_stream=True)
        await client.flush()
        found = [await client.finish(number) for number in numbers]
    assert [one.status for one in found[:100]] == ["0"] * 100
    assert [one.reset for one in found[100:]] == [ErrorCodes.REFUSED_STREAM] * 3


async def test_a_client_that_grants_no_room(server: Wire, library: PatientLibrary) -> None:
    """An answer waits for room in the stream and comes whole once there is some."""
    library.book = {"name": BOOK, "cover": b"c" * 300_000}
    async with RawClient(server.port, acknowledge=False) as client:
        number = await client.open(GET)
        client.http.send_data(number, request(), end_stream=True)
        await client.flush()
        while number not in client.answers or len(client.answers[number].data) < 65_535:
            await client.read()
        client.http.increment_flow_control_window(1_000_000)
        client.http.increment_flow_control_window(1_000_000, number)
        await client.flush()
        assert len((await client.finish(number)).data) > 300_000
        assert client.answers[number].status == "0"


async def test_goodbye_of_the_client(server: Wire, library: PatientLibrary) -> None:
    """What is open when a client says GOAWAY is still answered; then the server closes."""
    async with RawClient(server.port) as client:
        number = await client.open(GET)
        client.http.send_data(number, request("shelves/1/books/never"), end_stream=True)
        await client.flush()
        await library.started.wait()
        await client.write(b"\0\0\x08\x07\0\0\0\0\0" + bytes(8))
        await asyncio.sleep(0.05)
        library.ready.set()
        assert (await client.finish(number)).status == "0"
        await client.read_to_end()


async def test_goodbye_of_the_server(server: Wire, library: PatientLibrary) -> None:
    """GOAWAY names the last stream; that is answered, later ones are refused."""
    async with RawClient(server.port) as client:
        number = await client.open(GET)
        client.http.send_data(number, request("shelves/1/books/never"), end_stream=True)
        await client.flush()
        await library.started.wait()
        (protocol,) = server.server._open
        protocol.shutdown()
        await asyncio.sleep(0.05)
        library.ready.set()
        assert (await client.finish(number)).status == "0"
        await client.read_to_end()
        assert client.goodbye is not None
        assert client.goodbye.error_code == ErrorCodes.NO_ERROR
        assert client.goodbye.last_stream_id == number


NOT_FRAMES = [
    (b"GET / HTTP/1.1\r\n\r\n", "no preface"),
    (PREFACE + b"\xff" * 64, "a frame too large"),
    (PREFACE + b"\0\0\4\0\0\0\0\0\1abcd", "data of no stream"),
    (PREFACE + b"\0\0\6\4\0\0\0\0\0\0\5\0\0\0\1", "a setting out of range"),
    (PREFACE + b"\0\0\5\1\4\0\0\0\1\xff\xff\xff\xff\xff", "headers that are none"),
    (PREFACE + b"\0\0\5\1\4\0\0\0\2\x82\x86\x84\x41\x00", "a stream of the server's"),
    (PREFACE + b"\0\0\4\x08\0\0\0\0\0\0\0\0\0", "a window that does not grow"),
    (PREFACE + b"\0\0\x08\6\0\0\0\0\1" + bytes(8), "a ping on a stream"),
]


@pytest.mark.parametrize(("data", "what"), NOT_FRAMES, ids=[what for _, what in NOT_FRAMES])
async def test_bad_frames_end_the_connection(
    server: Wire, data: bytes, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With GOAWAY and a code, and without an exception; others are answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    async with asyncio.timeout(10):
        said = await reader.read()
    writer.close()
    goaway = said.find(b"\x07\0\0\0\0\0", said.find(b"\x04\1") if b"\x04\1" in said else 0)
    assert goaway > 0, said
    assert int.from_bytes(said[-4:], "big") in (
        ErrorCodes.PROTOCOL_ERROR,
        ErrorCodes.FRAME_SIZE_ERROR,
        ErrorCodes.COMPRESSION_ERROR,
        ErrorCodes.FLOW_CONTROL_ERROR,
    )
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
    async with RawClient(server.port) as client:
        assert (await client.ask(GET, request())).status == "0"


async def collect_good_bytes(server: Wire) -> bytes:
    """What a good client sends for a few calls."""
    client = RawClient(server.port)
    client.http.initiate_connection()
    sent = client.http.data_to_send()
    for path in (GET, READ, CREATE, WRITE, DISCUSS):
        number = client.http.get_next_available_stream_id()
        headers = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost")]
        headers += [("content-type", "application/grpc"), ("te", "trailers"), ("x-goog-api-key", "k")]
        client.http.send_headers(number, headers)
        client.http.send_data(number, request(), end_stream=True)
        client.http.ping(b"8 octets")
        sent += client.http.data_to_send()
    return sent


@pytest.mark.slow
async def test_any_bytes(server: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """Random bytes, good bytes spoilt here and there, cut and in pieces: no exception, nothing left behind."""
    good = await collect_good_bytes(server)
    chosen = random.Random(7)
    for round_number in range(400):
        data = bytearray(good)
        if round_number % 4 == 0:
            data = bytearray(PREFACE * (round_number % 8 == 0) + chosen.randbytes(chosen.randrange(1, 3000)))
        else:
            for _ in range(chosen.randrange(1, 6)):
                place = chosen.randrange(len(PREFACE), len(data))
                data[place : place + chosen.randrange(2)] = chosen.randbytes(chosen.randrange(3))
        del data[chosen.randrange(24, len(data) + 24) :]
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        middle = chosen.randrange(len(data) + 1)
        writer.write(bytes(data[:middle]))
        await asyncio.sleep(0)
        writer.write(bytes(data[middle:]))
        writer.close()
    await settle(server)
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR] == []
    mine = asyncio.current_task()
    assert [task for task in asyncio.all_tasks() if task is not mine and "respond" in repr(task)] == []
    async with RawClient(server.port) as client:
        assert (await client.ask(GET, request())).status == "0"


@pytest.mark.slow
async def test_streams_reset_as_fast_as_they_are_opened(server: Wire) -> None:
    """Nothing of them stays but their ids, and of these a bounded number."""
    async with RawClient(server.port) as client:
        for _ in range(75):
            for _ in range(60):
                number = await client.open(GET)
                client.http.send_data(number, request("shelves/1/books/never"), end_stream=True)
                client.http.reset_stream(number, ErrorCodes.CANCEL)
            client.http.ping(b"8 octets")
            await client.flush()
            before = client.pings
            while client.pings == before:
                await client.read()
        assert (await client.ask(GET, request())).status == "0"
        (protocol,) = server.server._open
        assert protocol._streams == {}
        assert protocol._held_bytes == 0
        assert len(protocol._http._closed_streams) <= 4096


async def test_every_method_has_a_path(server: Wire) -> None:
    """In every version."""
    paths = server.server.calls.dispatcher.router.rpcs.keys()
    assert {f"/{PACKAGE}.{version}.Library/GetBook" for version in SCHEMAS} <= paths

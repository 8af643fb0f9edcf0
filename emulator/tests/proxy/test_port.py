"""The port: connections of every kind at once, in pieces, silent or cut off, under both event loops."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import uvloop

from tuning_emulator.proxy import connections
from tuning_emulator.proxy.connections import ConnectionRouter, Lines
from tuning_emulator.proxy.hosts import PassHosts
from tuning_emulator.proxy.port import Port
from tuning_emulator.server import listen

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


class Echo(asyncio.Protocol):
    """Says back what it is told."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # TCP has it
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Http2(asyncio.Protocol):
    """Says only that HTTP/2 was understood."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # TCP has it
        transport.write(b"HTTP/2")
        transport.write_eof()


def create_context(host: str) -> ssl.SSLContext:
    """Not wanted here."""
    raise AssertionError(host)


LINES = Lines(http=Echo, hosted=Echo, proxied=Echo, http2=Http2, context=create_context)


@asynccontextmanager
async def open_port() -> AsyncIterator[int]:
    """A port that says HTTP back; its number."""
    listener = listen("127.0.0.1", 0)
    number: int = listener.getsockname()[1]
    port = Port(listener, ConnectionRouter(LINES, PassHosts(())).connect)
    port.open()
    try:
        yield number
    finally:
        port.close()
        port.close()


async def say(number: int, *parts: bytes) -> bytes:
    """Sends the parts one by one; what comes back until as much was heard, or the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", number)
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.02)
    heard = b""
    try:
        with suppress(ConnectionResetError):  # closed before it had read all of our words
            while len(heard) < len(b"".join(parts)) and (more := await reader.read(1 << 16)):
                heard += more
        return heard
    finally:
        writer.close()


@pytest.mark.parametrize("loop", LOOPS)
def test_connections_of_all_kinds(loop: str) -> None:
    """Each reaches its protocol with every byte it sent, also when the first ones come singly, also many at once."""

    async def talk() -> None:
        async with open_port() as number:
            request = b"GET / HTTP/1.1\r\n\r\n"
            assert await say(number, request) == request
            assert await say(number, b"P", b"U", b"T", b" ", b"/x") == b"PUT /x"
            assert await say(number, b"P", b"RI * HT", b"TP/2.0\r\n\r\nSM\r\n\r\n") == b"HTTP/2"
            heard = await asyncio.gather(*(say(number, b"GET /%d" % index) for index in range(200)))
            assert heard == [b"GET /%d" % index for index in range(200)]

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(talk())


@pytest.mark.parametrize("loop", LOOPS)
def test_silent_connections_end(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that says nothing in time is closed; one that leaves without a word, or half one, holds up nobody."""
    monkeypatch.setattr(connections, "FIRST_BYTE_S", 0.2)

    async def talk() -> None:
        async with open_port() as number:
            assert await say(number, b"C") == b""
            reader, writer = await asyncio.open_connection("127.0.0.1", number)
            assert await reader.read() == b""
            writer.close()
            socket.create_connection(("127.0.0.1", number)).close()
            assert await say(number, b"GET /") == b"GET /"

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(talk())


@pytest.mark.parametrize("loop", LOOPS)
def test_closing_drops_the_silent(loop: str) -> None:
    """When the port closes, connections that have not begun are closed with it, and no new one is taken."""

    async def talk() -> None:
        async with open_port() as number:
            reader, writer = await asyncio.open_connection("127.0.0.1", number)
            await asyncio.sleep(0.05)
        assert await reader.read() == b""
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", number)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(talk())

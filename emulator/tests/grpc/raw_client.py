"""A client that sees every frame, and may send what no good client would."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PingAckReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

Headers = list[tuple[str, str]]


def frame(data: bytes, *, compressed: bool = False) -> bytes:
    """A message with its prefix."""
    return struct.pack(">BI", compressed, len(data)) + data


@dataclass
class Answered:
    """What came on one stream."""

    headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    data: bytes = b""
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> str:
        """``grpc-status``, of trailers or of headers that are the whole answer."""
        return self.trailers.get("grpc-status", self.headers.get("grpc-status", ""))

    @property
    def text(self) -> str:
        """``grpc-message``, as sent."""
        return self.trailers.get("grpc-message", self.headers.get("grpc-message", ""))


class RawClient:
    """One connection.

    Args:
        acknowledge: Whether what comes is taken, so that more may come.
        polite: It waits for the server's settings before it asks anything.
    """

    def __init__(self, port: int, *, acknowledge: bool = True, polite: bool = True) -> None:
        self.polite = polite
        self.port = port
        self.acknowledge = acknowledge
        self.http = H2Connection(H2Configuration(client_side=True, header_encoding="latin-1"))
        self.answers: dict[int, Answered] = {}
        self.goodbye: ConnectionTerminated | None = None
        self.pings = 0
        self.closed = False

    async def __aenter__(self) -> RawClient:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.http.initiate_connection()
        await self.flush()
        if self.polite:
            await self.read()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def flush(self) -> None:
        """Sends what is ready."""
        self._writer.write(self.http.data_to_send())
        await self._writer.drain()

    async def write(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def open(self, path: str, extra: Headers | None = None, *, verb: str = "POST", **instead: str) -> int:
        """Headers of a request; answers the stream's number."""
        number = self.http.get_next_available_stream_id()
        named = {"content-type": "application/grpc", "te": "trailers", "x-goog-api-key": "k", **instead}
        headers = [(":method", verb), (":scheme", "http"), (":path", path), (":authority", "localhost")]
        headers += [(name.replace("_", "-"), value) for name, value in named.items()]
        self.http.send_headers(number, [*headers, *(extra or [])])
        await self.flush()
        return number

    async def ask(self, path: str, data: bytes, extra: Headers | None = None, **instead: str) -> Answered:
        """A request with this data, and its answer."""
        number = await self.open(path, extra, **instead)
        self.http.send_data(number, data, end_stream=True)
        await self.flush()
        return await self.finish(number)

    async def finish(self, number: int) -> Answered:
        """The answer on a stream once it has ended, or the connection has."""
        found = self.answers.setdefault(number, Answered())
        while not (found.ended or found.reset is not None or self.closed):
            await self.read()
        return found

    async def read(self, timeout_s: float = 20.0) -> None:
        """Takes what comes next."""
        async with asyncio.timeout(timeout_s):
            try:
                data = await self._reader.read(65_536)
            except ConnectionResetError:  # the server closed while something was on its way to it
                data = b""
        if not data:
            self.closed = True
            return
        for event in self.http.receive_data(data):
            self._take(event)
        await self.flush()

    async def read_to_end(self) -> None:
        """Takes everything until the server closes."""
        while not self.closed:
            await self.read()

    def _take(self, event: Event) -> None:
        number = getattr(event, "stream_id", None) or 0
        found = self.answers.setdefault(number, Answered())
        if isinstance(event, ResponseReceived):
            found.headers = {str(name): str(value) for name, value in event.headers}
        elif isinstance(event, TrailersReceived):
            found.trailers = {str(name): str(value) for name, value in event.headers}
        elif isinstance(event, DataReceived):
            found.data += event.data
            if self.acknowledge:
                self.http.acknowledge_received_data(event.flow_controlled_length, number)
        elif isinstance(event, StreamEnded):
            found.ended = True
        elif isinstance(event, StreamReset):
            found.reset = int(event.error_code)
        elif isinstance(event, ConnectionTerminated):
            self.goodbye = event
            self.http.state_machine.state = ConnectionState.CLIENT_OPEN  # to h2 that is the end
        elif isinstance(event, PingAckReceived):
            self.pings += 1

"""h2, the HTTP/2 library, set up for a server of calls: what a client is told at the beginning, and bounds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol, cast

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.frame_buffer import FrameBuffer
from h2.settings import SettingCodes, Settings
from hyperframe.frame import Frame, GoAwayFrame

from tuning_emulator.api.dispatch import Dispatcher
from tuning_emulator.api.exchange import Manner, break_transport
from tuning_emulator.facts import google_errors
from tuning_emulator.grpc.calls import GrpcApp
from tuning_emulator.grpc.stream import Assembler, Stream, parse_timeout

STREAM_WINDOW_BYTES = 1_048_576
CONNECTION_WINDOW_BYTES = 1024 * 1_048_576
"""Wide: a streamed request that nobody takes must not stop the others. ``HELD_BYTES`` bounds them all together."""

FRAME_BYTES = 65_536
_FRAME_HEAD_BYTES = 9
MAX_STREAMS = google_errors.GRPC_MAX_STREAMS.value
MAX_METADATA_BYTES = google_errors.GRPC_MAX_METADATA_BYTES.value
_CONFIGURATION = H2Configuration(
    client_side=False, header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
)
_SETTINGS = {
    SettingCodes.ENABLE_PUSH: 0,
    SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
    SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW_BYTES,
    SettingCodes.MAX_FRAME_SIZE: FRAME_BYTES,
    SettingCodes.MAX_HEADER_LIST_SIZE: MAX_METADATA_BYTES,
}


class Frames(FrameBuffer):
    """Frames that are too long are refused at their beginning, not once all of them is here."""

    def __next__(self) -> Frame:
        if len(self._data) >= _FRAME_HEAD_BYTES:
            self._validate_frame_length(int.from_bytes(self._data[:3], "big"))
        return super().__next__()


class Http2(H2Connection):
    """h2's side of a connection, within bounds."""

    MAX_CLOSED_STREAMS = 4096  # the ids of this many ended streams are remembered

    def __init__(self) -> None:
        super().__init__(_CONFIGURATION)
        self.incoming_buffer = Frames(server=True)
        self.local_settings = Settings(client=False, initial_values=_SETTINGS)
        self.max_inbound_frame_size = FRAME_BYTES
        self.initiate_connection()
        self.increment_flow_control_window(CONNECTION_WINDOW_BYTES - 65_535)
        # h2 ends the connection of a client that opens too many streams, even before it has read the settings; here
        # those streams alone are refused.
        unlimited = {**_SETTINGS, SettingCodes.MAX_CONCURRENT_STREAMS: 2**31 - 1}
        self.local_settings = Settings(client=False, initial_values=unlimited)


# --- one HTTP/2 connection of a client

log = logging.getLogger(__name__)

HELD_BYTES = 256 * 1_048_576
"""How much of unfinished requests a connection keeps; a stream beyond that is refused. A hundred uploads in messages of
2 MiB are within it."""

SILENCE_S = 0.05
"""A method that takes a stream begins with the first data, or after this time without any. Began it with the headers,
an error that is told at once would cross with the client's first write, and grpc.aio makes INTERNAL of that."""

_FLUSH_BYTES = 262_144


class Responder(Protocol):
    """Who answers requests."""

    def open_request(self, path: str) -> Assembler:
        """What takes the messages of a request for that path."""
        ...

    async def respond(self, stream: Stream) -> None:
        """Answers a request that is whole, has a message that is too long, or is streamed and has begun. Cancelled
        when the client leaves, and when its time is up (``stream.expired``)."""
        ...


class GrpcProtocol(asyncio.Protocol):
    """The server's side of a connection, over plain TCP or TLS.

    Args:
        connections: Where it is to be found while the connection is open.
    """

    def __init__(self, responder: Responder, connections: set[GrpcProtocol] | None = None) -> None:
        self._responder = responder
        self._connections = set() if connections is None else connections
        self.gone = asyncio.Event()
        self._streams: dict[int, Stream] = {}
        self._held_bytes = 0
        self._last = 0
        self._writable = True
        self._draining = False
        self._closed = False
        self._address = ""
        self._handlers: dict[type[Event], Callable[[Any], None]] = {
            RequestReceived: self._open_stream,
            DataReceived: self._take_data,
            StreamEnded: self._end_request,
            StreamReset: self._lose_stream,
            WindowUpdated: self._widen,
            ConnectionTerminated: self._hear_goodbye,
        }

    # --- asyncio ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets the client with the settings."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no instance of it
        self._connections.add(self)
        self._loop = asyncio.get_running_loop()
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if isinstance(peer, tuple) else ""
        self._http = Http2()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Frames from the client, or what it takes for frames."""
        if self._closed:
            return
        try:
            for event in self._http.receive_data(data):
                handle = self._handlers.get(type(event))
                if handle is not None:
                    handle(event)
        except ProtocolError as error:
            log.info("HTTP/2 connection from %s ends: %s", self._address, error)
            if self._http.state_machine.state is not ConnectionState.CLOSED:  # else h2 has said GOAWAY
                self._say_goodbye(error.error_code)
            self._close()
        except Exception:
            log.exception("HTTP/2 connection from %s ends", self._address)
            self._say_goodbye(ErrorCodes.INTERNAL_ERROR)
            self._close()
        else:
            self._flush()
            self._close_if_done()

    def pause_writing(self) -> None:
        """The client does not read: nothing more is answered, and nothing more of it is read."""
        self._writable = False
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._writable = True
        self._transport.resume_reading()
        self._widen(None)
        self._flush()

    def connection_lost(self, _: Exception | None) -> None:
        """The client is gone, and all it has asked for with it."""
        self.gone.set()
        self._closed = True
        for stream in list(self._streams.values()):
            self._drop(stream)
        self._connections.discard(self)

    # --- for the server -----------------------------------------------------------------------------

    def shutdown(self) -> None:
        """Takes no new requests, and closes once those that are here are answered."""
        if not self._draining and not self._closed:
            self._draining = True
            self._say_goodbye(ErrorCodes.NO_ERROR)
            self._close_if_done()

    def abort(self) -> None:
        """Ends at once."""
        self._transport.abort()

    # --- what the client sends ----------------------------------------------------------------------

    def _open_stream(self, event: RequestReceived) -> None:
        number = event.stream_id
        if self._draining or len(self._streams) >= MAX_STREAMS:
            self._http.reset_stream(number, ErrorCodes.REFUSED_STREAM)
            return
        self._last = number
        pseudo: dict[str, str] = {}
        headers: dict[str, str] = {}
        for name, value in event.headers:
            (pseudo if name[:1] == b":" else headers)[name.decode("latin-1")] = value.decode("latin-1")
        headers.setdefault("host", pseudo.get(":authority", ""))
        path = pseudo.get(":path", "")
        request = self._responder.open_request(path)
        stream = Stream(self, number, pseudo.get(":method", ""), path, headers, self._address, request)
        self._streams[number] = stream
        timeout = headers.get("grpc-timeout")
        stream.timeout_s = None if timeout is None else parse_timeout(timeout)
        if stream.timeout_s is not None:
            stream.timer = self._loop.call_later(stream.timeout_s, self._expire, stream)
        if request.streamed:
            self._loop.call_later(SILENCE_S, self._start, stream)

    def _take_data(self, event: DataReceived) -> None:
        number, size = event.stream_id, event.flow_controlled_length
        stream = self._streams.get(number)
        if stream is not None and stream.request.streamed:
            stream.owed_bytes += len(event.data)
            size -= len(event.data)  # padding is nobody's
        if size:
            self._http.acknowledge_received_data(size, number)
        if stream is None or not event.data:
            return
        stream.request.feed(event.data)
        self._count(stream)
        if self._held_bytes > HELD_BYTES:
            stream.request.overflow()
            self._count(stream)
        stream.notice_data()
        if stream.request.is_over or stream.request.streamed:
            self._start(stream)

    def _count(self, stream: Stream) -> None:
        """Keeps the count of what is held for requests."""
        held_bytes = stream.request.size_bytes
        self._held_bytes += held_bytes - stream.held_bytes
        stream.held_bytes = held_bytes

    def _end_request(self, event: StreamEnded) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is not None:
            stream.whole = True
            stream.notice_data()
            self._start(stream)

    def _lose_stream(self, event: StreamReset) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is not None:
            self._drop(stream)

    def _widen(self, event: WindowUpdated | None) -> None:
        """The client takes more: of one stream, or of all."""
        number = event.stream_id if event is not None else 0
        streams = [self._streams[number]] if number in self._streams else [] if number else list(self._streams.values())
        for stream in streams:
            if stream.unsent or stream.trailers is not None:
                self._pump(stream)

    def _hear_goodbye(self, event: ConnectionTerminated) -> None:
        """The client opens no more streams. h2 takes that for the end, but those that are open are still answered
        (RFC 9113, 6.8)."""
        self._draining = True
        if event.error_code == ErrorCodes.NO_ERROR:
            self._http.state_machine.state = ConnectionState.SERVER_OPEN
        else:
            for stream in list(self._streams.values()):
                self._drop(stream)

    # --- the life of a stream -----------------------------------------------------------------------

    def _start(self, stream: Stream) -> None:
        if stream.task is None and not stream.gone:
            stream.task = self._loop.create_task(self._respond(stream))

    async def _respond(self, stream: Stream) -> None:
        try:
            await self._responder.respond(stream)
        except Exception:
            log.exception("%s failed", stream.path)
        if stream.trailers is None and not stream.gone:
            self.break_off(stream, "rst_stream")

    def _expire(self, stream: Stream) -> None:
        """The client's time is up: the method is cancelled, and says so; an answer that nobody takes is dropped."""
        stream.timer = None
        stream.expired = True
        if stream.task is None:
            self._start(stream)
        elif not stream.task.done():
            stream.task.cancel()
        else:
            self._reset(stream, ErrorCodes.CANCEL)

    def _drop(self, stream: Stream) -> None:
        """The client no longer wants the answer."""
        self._forget(stream)
        if stream.task is not None and not stream.task.done():
            stream.task.cancel()

    def _forget(self, stream: Stream) -> None:
        self._streams.pop(stream.id, None)
        stream.release()
        self._count(stream)
        if stream.owed_bytes:
            owed_bytes, stream.owed_bytes = stream.owed_bytes, 0
            self._http.acknowledge_received_data(owed_bytes, stream.id)

    # --- what the client gets -----------------------------------------------------------------------

    def push(self, stream: Stream) -> None:
        """See ``Line``."""
        if stream.gone or self._closed:
            return
        self._pump(stream)
        self._flush()
        self._close_if_done()

    def make_room(self, stream: Stream, size_bytes: int) -> None:
        """See ``Line``."""
        if stream.gone or self._closed:
            return
        self._count(stream)
        if size_bytes > 0:
            stream.owed_bytes -= size_bytes
            self._http.acknowledge_received_data(size_bytes, stream.id)
            self._flush()

    def break_off(self, stream: Stream, manner: Manner) -> None:
        """See ``Line``."""
        if stream.gone or self._closed:
            return
        if manner == "rst_stream":
            self._reset(stream, ErrorCodes.INTERNAL_ERROR)
            return
        if manner == "goaway":
            self._say_goodbye(ErrorCodes.INTERNAL_ERROR)
        self._flush()
        break_transport(self._transport, manner)

    def _reset(self, stream: Stream, code: ErrorCodes) -> None:
        try:
            self._http.reset_stream(stream.id, code)
        except ProtocolError:
            log.debug("stream %d was over", stream.id)
        self._drop(stream)
        self._flush()
        self._close_if_done()

    def _pump(self, stream: Stream) -> None:
        """Hands h2 what the client takes of a stream."""
        try:
            self._send(stream)
        except ProtocolError as error:  # the stream or the connection has ended meanwhile
            log.debug("stream %d cannot be answered: %s", stream.id, error)
            self._drop(stream)
        stream.notice_room()

    def _send(self, stream: Stream) -> None:
        http, number = self._http, stream.id
        if stream.head is not None:
            head, stream.head = stream.head, None
            if stream.trailers is not None and not stream.unsent:
                http.send_headers(number, [*head, *stream.trailers], end_stream=True)
                self._finish(stream)
                return
            http.send_headers(number, head)
        pending = 0
        while stream.unsent and self._writable:
            size = min(http.local_flow_control_window(number), http.max_outbound_frame_size, len(stream.unsent))
            if size <= 0:
                return
            http.send_data(number, bytes(stream.unsent[:size]))
            del stream.unsent[:size]
            pending += size
            if pending >= _FLUSH_BYTES:
                pending = 0
                self._flush()
        if stream.trailers is not None and not stream.unsent:
            if stream.trailers:
                http.send_headers(number, stream.trailers, end_stream=True)
            else:
                http.end_stream(number)
            self._finish(stream)

    def _finish(self, stream: Stream) -> None:
        """The answer is out. A client that still sends is told that nobody listens (RFC 9113, 8.1)."""
        if not stream.whole:
            self._http.reset_stream(stream.id, ErrorCodes.NO_ERROR)
        self._forget(stream)

    def _flush(self) -> None:
        data = self._http.data_to_send()
        if data:
            self._transport.write(data)

    def _say_goodbye(self, code: ErrorCodes) -> None:
        """GOAWAY, past h2: to it that is the end, and open streams could not be answered."""
        self._flush()
        frame = GoAwayFrame(0, last_stream_id=self._last, error_code=code)
        self._transport.write(frame.serialize())

    def _close_if_done(self) -> None:
        if self._draining and not self._streams:
            self._close()

    def _close(self) -> None:
        if not self._closed:
            self._flush()
            self._closed = True
            self._transport.close()


# --- all gRPC connections of a server


class GrpcServer:
    """Makes the protocol of each connection, and ends them together."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.calls = GrpcApp(dispatcher)
        self._open: set[GrpcProtocol] = set()

    def create_protocol(self) -> GrpcProtocol:
        """The protocol of one more connection."""
        return GrpcProtocol(self.calls, self._open)

    async def stop(self, grace_s: float) -> None:
        """Tells the clients, waits until what they have asked is answered, and ends what is left then.

        Args:
            grace_s: How long open calls may take.
        """
        for protocol in list(self._open):
            protocol.shutdown()
        waiting = [asyncio.ensure_future(protocol.gone.wait()) for protocol in self._open]
        if waiting and grace_s:
            await asyncio.wait(waiting, timeout=grace_s)
        for protocol in list(self._open):
            protocol.abort()

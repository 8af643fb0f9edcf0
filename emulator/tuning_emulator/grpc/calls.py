"""Calls over gRPC: what comes on a stream, to the dispatcher; what the call comes to, back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from msgspec import Struct

from tuning_emulator.api.call import Parameters
from tuning_emulator.api.dispatch import Dispatcher, Printed, TransportCall
from tuning_emulator.api.errors import HTML_TYPE, format_not_found, format_trouble
from tuning_emulator.api.exchange import BrokenConnectionError, Exchange
from tuning_emulator.api.router import Target, read_host
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.facts import google_errors
from tuning_emulator.grpc.stream import (
    CONTENT_TYPE,
    OK_TRAILERS,
    Assembler,
    Header,
    Stream,
    check_metadata,
    format_head,
    format_status,
    format_trailers,
    frame_message,
    read_routing,
    receive_message,
    take_message,
)
from tuning_emulator.protojson.masks import parse_fields, parse_mask, project
from tuning_emulator.schema.protobuf import WireError
from tuning_emulator.schema.schema import Value

PROTO_TYPE = "application/x-protobuf"
_MEDIA = (CONTENT_TYPE, f"{CONTENT_TYPE}+proto")
_CACHED_REQUEST_BYTES = 4096
"""Answers to longer requests are not kept: no client that polls has such."""


class GrpcResponse(Struct, frozen=True):
    """An answer in one piece, or the end of one in many: headers to begin with, data, headers to end with."""

    head: list[Header]
    data: bytes
    trailers: Sequence[Header]


class GrpcApp:
    """Answers the streams of connections: their ``Responder``."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher

    def open_request(self, path: str) -> Assembler:
        """See ``Responder``."""
        targets = self.dispatcher.router.find_rpc(path)
        limit_bytes = max((target.limit_bytes for target in targets), default=0)
        # What nobody answers may be a stream to its client, which is told at once.
        return Assembler(limit_bytes, streamed=not targets or targets[0].method.client_streaming)

    async def respond(self, stream: Stream) -> None:
        """See ``Responder``."""
        exchange = Exchange("grpc", "POST", stream.path, "", stream.headers, read_host(stream.headers), stream.address)
        router = self.dispatcher.router
        targets = router.find_rpc(stream.path, exchange.host)
        if (page := _find_page(stream, found_host=bool(targets) or router.has_host(exchange.host))) is not None:
            response = _format_page(*page)
            exchange.status = page[0]
            stream.begin(response.head)
            stream.write(response.data)
            stream.finish(response.trailers)
            self.dispatcher.middleware.on_response(exchange)
            return
        await self.dispatcher.serve(GrpcCall(self.dispatcher, stream, exchange, targets))


class GrpcCall(TransportCall[GrpcResponse]):
    """A call over gRPC. What is wrong with its message is said when its turn comes."""

    def __init__(self, dispatcher: Dispatcher, stream: Stream, exchange: Exchange, targets: Sequence[Target]) -> None:
        self.exchange = exchange
        self.parameters = Parameters(fields=stream.headers.get("x-goog-fieldmask", ""))
        self._dispatcher = dispatcher
        self._stream = stream
        self._error: ApiError | None = None
        self._message: Value = {}
        self._paths: Sequence[str] = ()
        if stream.expired:
            self.refusal = google_errors.DEADLINE_EXPIRED()
        elif not targets:
            self.refusal = google_errors.GRPC_METHOD_UNKNOWN()
        else:
            self._open(targets)

    def _open(self, targets: Sequence[Target]) -> None:
        streamed = targets[0].method.client_streaming
        try:
            if streamed:
                check_metadata(self._stream)
            else:
                data = take_message(self._stream, targets[0].limit_bytes)
                self._message = decode_request(self._dispatcher, data, targets[0])
        except ApiError as error:
            self._error = error
        self.target = target = choose_target(targets, self._message)
        exchange = self.exchange
        exchange.target, exchange.api = target, target.api.name
        exchange.version, exchange.method = target.version, target.name
        if streamed:
            self.requests = Requests(self._dispatcher, self._stream, exchange, target)
        else:
            exchange.message = self._message
        exchange.resource = find_resource(target, self._message) or read_routing(self._stream)
        self.path = f"/{target.version}/{exchange.resource}"

    @property
    def cache_key(self) -> tuple[str, str] | None:
        """A call that only reads, told by its message."""
        message = self._stream.request.message or b""
        if not self.target.reads or len(message) > _CACHED_REQUEST_BYTES:
            return None
        return f"{self.target.api.name} {self._stream.path} {self.exchange.host}", message.decode("latin-1")

    def read(self) -> tuple[Value, frozenset[str]]:
        """The message, with the names that HTTP always has and gRPC leaves out where they are empty."""
        if self._error is not None:
            raise self._error
        target, message = self.target, self._message
        if fields := self.parameters.fields:
            # Refuses what leads nowhere.
            parse_fields(fields, self._dispatcher.codec.schemas[target.method.response])
            self._paths = parse_mask(fields.replace("/", "."))
        if target.method.client_streaming:
            return message, frozenset()
        body = next((rule.body for rule in target.method.http), "*")
        given = message.get(body, {}) if body not in ("", "*") else message
        names = frozenset(given) if isinstance(given, dict) else frozenset()
        for variable in target.variables:
            variable.fill(message)
        refuse_misnamed(target, message)
        return message, names

    def print(self, value: Value) -> Printed:
        """The wire format."""
        chosen = project(value, self._paths) if self._paths else value
        return PROTO_TYPE, self._dispatcher.binary.encode(chosen, self.target.method.response)

    def respond(self, printed: Printed) -> GrpcResponse:
        """See ``TransportCall``."""
        exchange = self.exchange
        exchange.response = printed[1]
        exchange.status, exchange.code = 200, Code.OK.name
        return GrpcResponse(format_head(exchange.answer_headers), frame_message(printed[1]), OK_TRAILERS)

    async def stream(self, values: AsyncIterator[Value]) -> GrpcResponse:
        """Sends every message; what is left to send is the end."""
        self._stream.begin(format_head(self.exchange.answer_headers))
        async with aclosing(values) as messages:  # type: ignore[type-var]
            async for value in messages:
                await self._stream.send(self.print(value)[1])
        self.exchange.status, self.exchange.code = 200, Code.OK.name
        return GrpcResponse([], b"", OK_TRAILERS)

    def refuse(self, error: ApiError) -> GrpcResponse:
        """The error in the trailers."""
        return GrpcResponse(format_head(self.exchange.answer_headers), b"", format_trailers(format_status(error)))

    def show_page(self, status: int) -> GrpcResponse:
        """See ``TransportCall``; clients make a status of it."""
        self.exchange.status = status
        return _format_page(status, format_trouble(status, self.exchange.path), HTML_TYPE)

    async def send(self, response: GrpcResponse) -> None:
        """See ``TransportCall``."""
        stream, exchange = self._stream, self.exchange
        stream.begin(response.head)
        cut = exchange.cut if response.data and not exchange.streaming else None
        if cut is not None:
            exchange.cut = None
            stream.write(response.data[: len(response.data) // 2 if cut.after is None else cut.after])
            stream.push()
            raise cut.end()
        stream.write(response.data)
        stream.finish(response.trailers)

    async def break_off(self, broken: BrokenConnectionError) -> None:
        """See ``TransportCall``."""
        self._stream.break_off(broken.manner)

    def interrupt(self) -> ApiError | None:
        """The client's time is up, or it has left."""
        if self._stream.expired:
            return google_errors.DEADLINE_EXPIRED()
        self.exchange.refuse(google_errors.OPERATION_CANCELLED())
        return None


class Requests:
    """The messages of a streamed request, decoded as they are asked for; the journal keeps the first."""

    def __init__(self, dispatcher: Dispatcher, stream: Stream, exchange: Exchange, target: Target) -> None:
        self._dispatcher = dispatcher
        self._stream = stream
        self._exchange = exchange
        self._target = target

    def __aiter__(self) -> Requests:
        return self

    async def __anext__(self) -> Value:
        """The next one.

        Raises:
            ApiError: it is none, cut off or too long, or the client has left.
        """
        data = await receive_message(self._stream, self._target.limit_bytes)
        if data is None:
            raise StopAsyncIteration
        message = decode_request(self._dispatcher, data, self._target)
        if self._exchange.message is None:
            self._exchange.message = summarise_bytes(message)
        return message


def summarise_bytes(value: Any) -> Any:
    """A message without its bytes, which an upload has many of: each stands as its size, as in the journal."""
    if isinstance(value, dict):
        return {name: summarise_bytes(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [summarise_bytes(inner) for inner in value]
    return f"({len(value)} bytes)" if isinstance(value, bytes) else value


def decode_request(dispatcher: Dispatcher, data: bytes, target: Target) -> Value:
    """A request message of a method.

    Raises:
        ApiError: INVALID_ARGUMENT, the bytes are not such a message.
    """
    try:
        return dispatcher.binary.decode(data, target.method.request)
    except WireError:
        raise google_errors.PROTO_INVALID() from None


def choose_target(targets: Sequence[Target], request: Value) -> Target:
    """The one of these methods whose names begin as the request's does; the first where none does."""
    if len(targets) > 1:
        head = str(request.get("name", "")).partition("/")[0]
        return next((target for target in targets if head in target.heads), targets[0])
    return targets[0]


def find_resource(target: Target, request: Value) -> str:
    """The name that a request is about, "" where it has none."""
    return next((name for variable in target.variables if (name := variable.read(request))), "")


def refuse_misnamed(target: Target, request: Value) -> None:
    """Refuses a name that no path of the method leads to, where the API has words for it.

    Raises:
        ApiError: the API's words.
    """
    if (
        target.api.misnamed is None
        or not target.method.http
        or not target.method.name.startswith(target.schema.package)
    ):
        return
    for variable in target.variables:
        if not variable.fits(variable.read(request)):
            raise target.api.misnamed(target.method, ".".join(variable.path))


def _find_page(stream: Stream, *, found_host: bool) -> tuple[int, bytes, str] | None:
    """What HTTP itself answers: status, body and its type."""
    if stream.verb != "POST" or stream.headers.get("content-type", "").partition(";")[0] not in _MEDIA:
        return 415 if stream.verb == "POST" else 405, b"gRPC alone is spoken over HTTP/2 here.\n", "text/plain"
    if not found_host:
        return 404, format_not_found(stream.path), HTML_TYPE
    return None


def _format_page(status: int, page: bytes, content_type: str) -> GrpcResponse:
    head: list[Header] = [
        (b":status", str(status).encode()),
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(page)).encode()),
    ]
    return GrpcResponse(head, page, ())

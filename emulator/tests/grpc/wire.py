"""A gRPC server on a loopback socket, and calls to it with Google's own gRPC library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from tuning_emulator.api.auth import Authenticator
from tuning_emulator.api.call import Api
from tuning_emulator.api.dispatch import Dispatcher
from tuning_emulator.api.exchange import Middleware
from tuning_emulator.api.router import Router
from tuning_emulator.core.errors import Code
from tuning_emulator.grpc.http2 import GrpcServer
from tuning_emulator.grpc.stream import STATUS_TRAILER
from tuning_emulator.schema.protobuf import BinaryCodec
from tuning_emulator.schema.schema import Method, Schema, Value

KEY = (("x-goog-api-key", "key"),)
TOKEN = (("authorization", "Bearer token"),)
STATUS_CODEC = BinaryCodec(())
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)
"""Option of a channel that shares no connection. Else all channels of a process to one address do, and a call may still
be sent on one that the server has just closed: gRPC says UNAVAILABLE, though the server has never heard of it."""


@dataclass(frozen=True, slots=True)
class Heard:
    """How a call ended: messages, or why there are none (or no more)."""

    code: Code
    text: str = ""
    details: list[Value] = field(default_factory=list)
    messages: list[Value] = field(default_factory=list)

    @property
    def message(self) -> Value:
        """The one message of an answer that is all right."""
        assert self.code is Code.OK, (self.code, self.text)
        (one,) = self.messages
        return one


def open_channel(port: int) -> grpc.aio.Channel:
    """A connection of its own."""
    return grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=OWN_CONNECTION)


class Wire:
    """A client of one server."""

    def __init__(self, server: GrpcServer, port: int, apis: Sequence[Api]) -> None:
        self.server = server
        self.port = port
        self.channel = open_channel(port)
        self.codec = BinaryCodec(schema for api in apis for schema in api.schemas.values())

    async def ask(
        self, schema: Schema, method: Method, request: Value, metadata: Any = KEY, timeout_s: float | None = 30
    ) -> Heard:
        """One call of a declared method."""
        service, _, name = method.name.rpartition(".")
        data = self.codec.encode(request, method.request)
        found = await self.send(f"/{service}/{name}", data, metadata, timeout_s, streaming=method.streaming)
        messages = [self.codec.decode(one, method.response) for one in found[1]]
        return Heard(found[0].code, found[0].text, found[0].details, messages)

    async def send(
        self, path: str, data: bytes, metadata: Any = KEY, timeout_s: float | None = 30, *, streaming: bool = False
    ) -> tuple[Heard, list[bytes]]:
        """One call, its messages as bytes."""
        messages: list[bytes] = []
        try:
            if streaming:
                call = self.channel.unary_stream(path)(data, metadata=metadata, timeout=timeout_s)
                messages += [one async for one in call]
            else:
                messages.append(await self.channel.unary_unary(path)(data, metadata=metadata, timeout=timeout_s))
        except grpc.aio.AioRpcError as error:
            return read_status(error), messages
        return Heard(Code.OK), messages


def read_status(error: Any) -> Heard:
    """What a failed call says; the status in the trailer must be the call's own."""
    code, text = Code(error.code().value[0]), error.details()
    details: list[Value] = []
    for name, value in error.trailing_metadata() or ():
        if name == STATUS_TRAILER:
            status = STATUS_CODEC.decode(value, "google.rpc.Status")
            assert (status["code"], status["message"]) == (code, text)
            details = status["details"]
    return Heard(code, text, details)


@asynccontextmanager
async def listening(
    apis: Sequence[Api], authenticator: Authenticator, middleware: Middleware | None = None
) -> AsyncIterator[Wire]:
    """A server of these APIs, with a client."""
    server = GrpcServer(Dispatcher(Router(apis), authenticator, middleware))
    listener = await asyncio.get_running_loop().create_server(server.create_protocol, "127.0.0.1", 0)
    wire = Wire(server, listener.sockets[0].getsockname()[1], apis)
    try:
        yield wire
    finally:
        await wire.channel.close()
        listener.close()
        await server.stop(5.0)

"""Every method of every service over gRPC: messages with noise in them, and bytes that are none."""

from __future__ import annotations

import asyncio
import random
from functools import cache
from typing import NamedTuple

from h2.exceptions import ProtocolError

from campaigns.fuzzing.client import LIMIT_S, HangError
from campaigns.fuzzing.mutation import WORDS
from campaigns.fuzzing.population import Population
from campaigns.fuzzing.rest import WAITS, make_message
from tests.grpc.raw_client import Answered, Headers, RawClient, frame
from tests.random_requests import Writer
from tuning_emulator.gemini.api import SCHEMAS as GEMINI
from tuning_emulator.schema.proto import load_schemas
from tuning_emulator.schema.protobuf import BinaryCodec, WireError
from tuning_emulator.schema.schema import Method, Schema
from tuning_emulator.storage.messages import CONTROL_SCHEMAS
from tuning_emulator.storage.messages import SCHEMAS as STORAGE
from tuning_emulator.vertex.api import SCHEMAS as VERTEX

STORED = ("projects/_/buckets/my-bucket", "projects/_", "my-bucket", "x", "projects/p", "projects/_/buckets/none")
REFLECTION = load_schemas("grpc.reflection")
METADATA = (
    "grpc-timeout",
    "x-goog-request-params",
    "x-goog-fieldmask",
    "authorization",
    "x-goog-api-key",
    "grpc-encoding",
    "user-agent",
    "te",
    "a-bin",
)


MOST_BYTES = 60_000
"""What goes into one frame and the server's first window."""


class Target(NamedTuple):
    """A method and how its requests are written."""

    api: str
    schema: Schema
    method: Method


class GrpcCall(NamedTuple):
    """What is sent."""

    path: str
    data: bytes
    metadata: Headers

    def __str__(self) -> str:
        return f"gRPC {self.path} {self.metadata} {self.data[:600].hex()}"


@cache
def list_targets() -> list[Target]:
    """Of all APIs that speak gRPC."""
    apis = {
        "gemini": GEMINI,
        "vertex": VERTEX,
        "storage": {**STORAGE, **{f"c{key}": one for key, one in CONTROL_SCHEMAS.items()}},
        "reflection": REFLECTION,
    }
    return [
        Target(api, schema, method)
        for api, schemas in apis.items()
        for schema in schemas.values()
        for method in schema.methods.values()
    ]


@cache
def _codec(schema: int) -> BinaryCodec:
    return BinaryCodec([next(one.schema for one in list_targets() if id(one.schema) == schema)])


def make_call(chosen: random.Random, population: Population) -> GrpcCall:
    """One call."""
    api, schema, method = chosen.choice(list_targets())
    if api in ("gemini", "vertex"):
        message = make_message(chosen, api, schema, method, population)
    else:
        message = Writer(schema, chosen.randrange(1 << 30), STORED).write(method.request)
    try:
        data = _codec(id(schema)).encode(message, method.request)
    except WireError:  # what was spoilt has no place in a message any more
        data = chosen.randbytes(40)
    body = frame(spoil_bytes(chosen, data, method))
    if method.client_streaming and chosen.random() < 0.5:
        body *= chosen.randrange(4)
    service, _, name = method.name.rpartition(".")
    metadata: Headers = [("authorization", "Bearer token")] if chosen.random() < 0.5 else []
    if chosen.random() < 0.15:
        metadata.append((chosen.choice(METADATA), chosen.choice([one for one in WORDS if one.isascii()])))
    path = (
        f"/{service}/{name}"
        if chosen.random() < 0.98
        else chosen.choice((f"/{service}/No", "/x/y", "/", f"/{service}"))
    )
    return GrpcCall(path, body[:MOST_BYTES], metadata)


def spoil_bytes(chosen: random.Random, data: bytes, method: Method) -> bytes:
    """The message, now and then with bytes changed."""
    if chosen.random() < 0.7 or method.name.rpartition(".")[2] in WAITS:
        return data
    kind = chosen.randrange(5)
    place = chosen.randrange(len(data) + 1)
    if kind == 0:
        return data[:place]
    if kind == 1:
        return data[:place] + bytes([chosen.randrange(256)]) + data[place + 1 :]
    if kind == 2:
        return chosen.randbytes(chosen.randrange(60))
    if kind == 3:
        return b"\x0a" * chosen.choice((1, 90, 5000)) + data  # lengths in lengths
    return data + b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"


class GrpcCaller:
    """Sends calls on one connection, made anew when it ends."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._runner = asyncio.Runner()
        self._client: RawClient | None = None
        self._calls = 0

    def ask(self, call: GrpcCall) -> Answered:
        """The answer.

        Raises:
            HangError: it takes too long.
        """
        try:
            return self._runner.run(asyncio.wait_for(self._ask(call), LIMIT_S))
        except TimeoutError as error:
            self._client = None
            raise HangError(str(call)) from error

    def close(self) -> None:
        """Closes the connection."""
        if self._client is not None:
            self._runner.run(self._client.__aexit__())
        self._runner.close()

    async def _ask(self, call: GrpcCall) -> Answered:
        self._calls += 1
        if self._client is not None and (self._client.closed or self._client.goodbye or self._calls % 500 == 0):
            await self._client.__aexit__()
            self._client = None
        if self._client is None:
            self._client = await RawClient(self._port).__aenter__()
            self._client.http.config.validate_outbound_headers = False
        try:
            return await self._client.ask(call.path, call.data, call.metadata)
        except (OSError, ProtocolError):  # the connection has ended meanwhile
            self._client = None
            return Answered(reset=0)

"""The one way of a call, over REST and gRPC alike.

Middleware → credentials → cache → request message → handler → answer → middleware. A transport makes an ``Exchange``
and a ``TransportCall`` of each request and hands them over; what differs between the transports is in the latter.

The order of the checks is inferred from which error wins in public reports; a bad key with a bad body is
answered with the key's error.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import zlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from functools import cached_property
from typing import Any, Generic, TypeAlias, TypeVar

from tuning_emulator.api.auth import Authenticator, read_presented
from tuning_emulator.api.call import NO_REQUESTS, Call, Caller, Parameters, Query
from tuning_emulator.api.exchange import BrokenConnectionError, Exchange, Middleware, NoMiddleware, PageError
from tuning_emulator.api.router import Router, Target
from tuning_emulator.core.errors import ApiError, is_space_wanting
from tuning_emulator.facts import emulator_errors, google_errors
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.schema.protobuf import BinaryCodec
from tuning_emulator.schema.schema import Value

log = logging.getLogger(__name__)

Printed: TypeAlias = tuple[str, bytes]
"""An answer in one piece: content type and body."""

_Key: TypeAlias = tuple[tuple[str, str], Parameters, Caller]

_NO_MIDDLEWARE = NoMiddleware()
_NOBODY = Caller("", "", "none")

CACHED_ANSWERS = 512
CACHED_BYTES = 64 * 1024
"""Longer answers are lists, which are seldom asked for twice alike."""

Response = TypeVar("Response")
"""What a transport sends."""


class TransportCall(ABC, Generic[Response]):
    """One call as its transport has it: REST or gRPC.

    Attributes:
        path: Names project and region as an HTTP path does: ``/v1/projects/…``.
        query: As sent, decoded; credentials may be in it. parameters: The system parameters.
        refusal: What the transport itself has against the call, before anything else is looked at.
        requests: See ``Call``.
    """

    exchange: Exchange
    target: Target
    parameters: Parameters
    path: str
    query: Query = ()
    refusal: ApiError | None = None
    requests: AsyncIterator[Value] = NO_REQUESTS

    @property
    @abstractmethod
    def cache_key(self) -> tuple[str, str] | None:
        """Everything that tells this call's answer from others, but for caller and parameters; None: it may change
        something, or is too long to be remembered."""

    @abstractmethod
    def read(self) -> tuple[Value, frozenset[str]]:
        """The request message, and the fields that the body came with; neither where requests are streamed.

        Raises:
            ApiError: it cannot be read.
        """

    @abstractmethod
    def print(self, value: Value) -> Printed:
        """The response message as the client wants it."""

    @abstractmethod
    def respond(self, printed: Printed) -> Response:
        """An answer in one piece."""

    @abstractmethod
    async def stream(self, values: AsyncIterator[Value]) -> Response:
        """An answer of many messages. Raises what the stream raises before its first one, if that is waited for."""

    @abstractmethod
    def refuse(self, error: ApiError) -> Response:
        """An error."""

    @abstractmethod
    def show_page(self, status: int) -> Response:
        """An HTML page of the front end, in place of any API's answer."""

    @abstractmethod
    async def send(self, response: Response) -> None:
        """Sends it, to its last byte."""

    @abstractmethod
    async def break_off(self, broken: BrokenConnectionError) -> None:
        """Breaks the connection on purpose, or raises what is given."""

    def interrupt(self) -> ApiError | None:
        """What the client is to get where the call was cancelled; None: it is gone."""
        return None


class Dispatcher:
    """Answers the calls of some APIs.

    Args:
        router: Every method of the APIs. authenticator: Says who calls. middleware: Watches and disturbs.
    """

    def __init__(self, router: Router, authenticator: Authenticator, middleware: Middleware | None = None) -> None:
        self.router = router
        self.authenticator = authenticator
        self.middleware = middleware or NoMiddleware()
        self._cache: dict[_Key, tuple[int, Printed]] = {}

    @cached_property
    def codec(self) -> Codec:
        """JSON of every message of the APIs."""
        return Codec(schema for api in self.router.apis for schema in api.schemas.values())

    @cached_property
    def binary(self) -> BinaryCodec:
        """Their wire format."""
        return BinaryCodec(schema for api in self.router.apis for schema in api.schemas.values())

    def read_message(self, data: bytes, message: str) -> Any:
        """A message as JSON, from its wire format and its full name.

        Raises:
            WireError: the bytes are not such a message.
        """
        return self.codec.to_json(self.binary.decode(data, message), message)

    async def serve(self, call: TransportCall[Response]) -> None:
        """Answers one call."""
        exchange = call.exchange
        admin = exchange.target is not None and exchange.target.api.admin
        middleware = _NO_MIDDLEWARE if admin else self.middleware
        try:
            await call.send(await self._respond(call, middleware))
        except BrokenConnectionError as broken:
            exchange.broken = broken.manner
            await call.break_off(broken)
        finally:
            middleware.on_response(exchange)

    async def _respond(self, call: TransportCall[Response], middleware: Middleware) -> Response:
        """The one edge at which an error becomes an answer."""
        try:
            return await self._dispatch(call, middleware)
        except ApiError as error:
            found = error
        except PageError as page:
            return call.show_page(page.status)
        except BrokenConnectionError:
            raise
        except asyncio.CancelledError:
            interrupted = call.interrupt()
            if interrupted is None:
                raise
            found = interrupted
        except Exception as error:
            if is_space_wanting(error):
                log.error("%s failed: %s", call.target.method.name, error)  # noqa: TRY400 it says it all
                found = emulator_errors.NO_SPACE()
            else:
                log.exception("%s failed", call.target.method.name)
                found = call.target.api.internal_error()
        call.exchange.refuse(found)
        return call.refuse(found)

    async def _dispatch(self, call: TransportCall[Response], middleware: Middleware) -> Response:
        if call.refusal is not None:
            raise call.refusal
        exchange, target = call.exchange, call.target
        await middleware.on_request(exchange)
        caller = self._identify(call)
        exchange.principal, exchange.project = caller.principal, caller.project
        await middleware.on_call(exchange)
        key = (call_key, call.parameters, caller) if (call_key := call.cache_key) is not None else None
        revision = target.api.revision() if key is not None and target.api.revision is not None else None
        if key is not None and revision is not None:
            known = self._cache.get(key)
            if known is not None and known[0] == revision:
                return call.respond(known[1])
        request, given = call.read()
        if target.handler is None:
            raise google_errors.NOT_IMPLEMENTED()
        asked = Call(
            target.api,
            target.schema,
            target.version,
            target.method,
            request,
            caller,
            exchange.headers,
            exchange.host,
            call.query,
            given,
            notes=exchange.notes,
            requests=call.requests,
        )
        try:
            if target.api.check_place is not None:
                target.api.check_place(asked)
            result: Any = target.handler(asked)
            if inspect.isawaitable(result):
                result = await result
            if target.method.streaming:
                return await call.stream(watch_messages(aiter(result), exchange))
        except ApiError as refusal:
            if target.api.hints is not None:
                exchange.notes.extend(target.api.hints(asked, refusal))
            raise
        if exchange.cut is not None and exchange.cut.error is not None:
            error, exchange.cut = exchange.cut.error, None
            raise error  # an answer in one piece has no middle to say it in
        printed = call.print(result)
        if key is not None and revision is not None and asked.repeatable:
            self._remember(key, revision, printed)
        return call.respond(printed)

    def _identify(self, call: TransportCall[Response]) -> Caller:
        target, exchange = call.target, call.exchange
        if target.api.admin or target.api.anonymous:
            return _NOBODY
        presented = read_presented(exchange.headers, call.query, exchange.address)
        return self.authenticator.identify(target.api, target.method, call.path, presented)

    def _remember(self, key: _Key, revision: int, printed: Printed) -> None:
        """Keeps an answer for as long as no record changes: clients poll, and printing costs most of an answer."""
        if len(printed[1]) <= CACHED_BYTES:
            if len(self._cache) >= CACHED_ANSWERS:
                self._cache.clear()
            self._cache[key] = (revision, printed)


async def watch_messages(stream: AsyncIterator[Value], exchange: Exchange) -> AsyncIterator[Value]:
    """The messages of a stream, counted in the exchange and cut where it says so.

    Raises:
        ApiError, BrokenConnectionError: the cut, or what the stream itself raises.
    """
    cut = exchange.cut
    try:
        while cut is None or exchange.messages < (cut.after or 0):
            value = await anext(stream, None)
            if value is None:
                return
            exchange.messages += 1
            yield value
        exchange.cut = None
        raise cut.end()
    except ApiError as error:
        exchange.code, exchange.rule = error.code.name, error.rule  # a status is out already
        raise
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


def unzip(body: bytes, limit: int) -> bytes:
    """A gzip body, unpacked no further than one byte beyond the limit.

    Raises:
        ApiError: INVALID_ARGUMENT, it is not gzip or cut off.
    """
    unpacker = zlib.decompressobj(31)
    try:
        data = unpacker.decompress(body, limit + 1)
    except zlib.error:
        data, whole = b"", False
    else:
        whole = unpacker.eof or len(data) > limit
    if not whole:
        raise google_errors.GZIP_INVALID()
    return data

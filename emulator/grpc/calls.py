"""Calls: what comes on a stream, to the same handlers as over REST, and what they say, back.

The checks and their order are those of ``protocol.front``: method → credentials → message → call → answer.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from emulator.core.errors import ApiError, Code
from emulator.facts import front_end, troubles
from emulator.facts import grpc as facts
from emulator.grpc.framing import frame_message
from emulator.grpc.metadata import (
    CONTENT_TYPE,
    OK_TRAILERS,
    Header,
    format_head,
    format_trailers,
)
from emulator.grpc.methods import MethodTable, Target, choose_target, fill_variables, find_resource
from emulator.grpc.requests import read_routing, take_message
from emulator.grpc.stream import Stream
from emulator.protocol.backstage import (
    Backstage,
    BrokenConnectionError,
    EmptyBackstage,
    Exchange,
    PageError,
    watch_messages,
)
from emulator.protocol.call import Api, Call, Caller
from emulator.protocol.credentials import Authenticator, read_presented, refusal
from emulator.protocol.masks import parse_mask, project
from emulator.protocol.memory import Memory
from emulator.protocol.pages import HTML_TYPE, format_not_found, format_trouble
from emulator.protocol.parameters import parse_parameters
from emulator.protocol.plans import Plans
from emulator.protocol.selection import parse_fields
from emulator.protocol.status import format_status
from emulator.schema.binary import BinaryCodec, WireError
from emulator.schema.declare import Value

log = logging.getLogger(__name__)

PROTO_TYPE = "application/x-protobuf"
_MEDIA = (CONTENT_TYPE, f"{CONTENT_TYPE}+proto")
_REMEMBERED_BYTES = 4096
"""Longer requests are not remembered with their answers: no client that polls has such."""


@dataclass(slots=True)
class _Work:
    """A call on its way: what is known of it so far.

    Attributes:
        request: The request message, empty where it cannot be read. error: Why it cannot.
        fields: What of the answer is wanted, as sent; "" is all of it. paths: The same as a mask.
    """

    stream: Stream
    exchange: Exchange
    target: Target
    request: Value
    error: ApiError | None
    fields: str = ""
    paths: Sequence[str] = ()


class Calls:
    """Answers the calls of some APIs: the ``Responder`` of their connections."""

    def __init__(self, apis: Sequence[Api], authenticator: Authenticator, backstage: Backstage | None = None) -> None:
        schemas = [schema for api in apis for schema in api.schemas.values()]
        self.methods = MethodTable(apis)
        self._authenticator = authenticator
        self._backstage = backstage or EmptyBackstage()
        self._binary = BinaryCodec(schemas)
        self._plans = Plans(schemas)
        self._memory = Memory()

    def limit(self, path: str) -> int:
        """See ``Responder``."""
        return self.methods.limit(path)

    async def respond(self, stream: Stream) -> None:
        """See ``Responder``."""
        exchange = Exchange("grpc", "POST", stream.path, "", stream.headers, stream.host, stream.address)
        try:
            if stream.expired:
                raise refusal(troubles.DEADLINE_EXPIRED)
            await self._respond(stream, exchange)
        except ApiError as error:
            self._refuse(stream, exchange, error)
        except PageError as error:
            _answer_page(stream, exchange, error.status, format_trouble(error.status), HTML_TYPE)
        except BrokenConnectionError as broken:
            exchange.broken = broken.manner
            stream.break_off(broken.manner)
        except asyncio.CancelledError:
            if not stream.expired:
                exchange.refuse(refusal(troubles.OPERATION_CANCELLED))
                raise
            self._refuse(stream, exchange, refusal(troubles.DEADLINE_EXPIRED))
        except Exception:
            log.exception("%s failed", stream.path)
            self._refuse(stream, exchange, ApiError(Code.INTERNAL, self._find_excuse(stream), rule="internal"))
        finally:
            self._backstage.leave(exchange)

    def _find_excuse(self, stream: Stream) -> str:
        targets = self.methods.find(stream.path, stream.host)
        return targets[0].api.internal_error if targets else front_end.INTERNAL.format()

    # --- one call -----------------------------------------------------------------------------------

    async def _respond(self, stream: Stream, exchange: Exchange) -> None:
        if stream.verb != "POST" or stream.headers.get("content-type", "").partition(";")[0] not in _MEDIA:
            status = 415 if stream.verb == "POST" else 405
            _answer_page(stream, exchange, status, b"gRPC alone is spoken over HTTP/2 here.\n", "text/plain")
            return
        targets = self.methods.find(stream.path, stream.host)
        if not targets:
            await self._backstage.arrive(exchange)
            raise refusal(facts.METHOD_UNKNOWN)
        places = targets[0].api.places
        if places is not None and not places(stream.host, stream.path):
            _answer_page(stream, exchange, 404, format_not_found(stream.path), HTML_TYPE)
            return
        await self._call(self._open(stream, exchange, targets))

    def _open(self, stream: Stream, exchange: Exchange, targets: Sequence[Target]) -> _Work:
        """Reads the request; what is wrong with it is said when its turn comes."""
        request: Value = {}
        error = None
        try:
            request = self._read(stream, targets[0])
        except ApiError as found:
            error = found
        target = choose_target(targets, request)
        exchange.declared, exchange.message = target.method, request
        exchange.api, exchange.version, exchange.method = target.api.name, target.version, target.name
        exchange.resource = find_resource(target, request) or read_routing(stream)
        return _Work(stream, exchange, target, request, error)

    def _read(self, stream: Stream, target: Target) -> Value:
        """The request message.

        Raises:
            ApiError: metadata or data are not those of one message.
        """
        message = take_message(stream, target.limit_bytes)
        try:
            return self._binary.decode(message, target.method.request)
        except WireError as error:
            raise refusal(front_end.PROTO_INVALID) from error

    async def _call(self, work: _Work) -> None:
        target, stream, exchange = work.target, work.stream, work.exchange
        await self._backstage.arrive(exchange)
        presented = read_presented(stream.headers, (), stream.address)
        path = f"/{target.version}/{exchange.resource}"
        caller = self._authenticator.identify(target.api, target.method, path, presented)
        exchange.principal, exchange.project = caller.principal, caller.project
        await self._backstage.enter(exchange)
        if work.error is not None:
            raise work.error
        parameters = parse_parameters((), stream.headers)
        asked = (stream.request.message or b"").decode("latin-1")
        repeatable = target.reads and len(asked) <= _REMEMBERED_BYTES
        revision = target.api.revision() if target.api.revision and repeatable else None
        key = (f"{target.api.name} {stream.path} {stream.host}", asked, parameters, caller)
        if revision is not None and (known := self._memory.find(key, revision)) is not None:
            self._answer(work, known[1])
            return
        self._select(work, parameters.fields)
        if target.handler is None:
            raise ApiError(Code.UNIMPLEMENTED, front_end.NOT_IMPLEMENTED.format(), rule="not_implemented")
        call = self._make_call(work, caller)
        result: Any = target.handler(call)
        if inspect.isawaitable(result):
            result = await result
        if target.method.streaming:
            await self._stream(work, result)
            return
        message = self._encode(work, result)
        if revision is not None and call.repeatable:
            self._memory.keep(key, revision, (PROTO_TYPE, message))
        self._answer(work, message)

    def _make_call(self, work: _Work, caller: Caller) -> Call:
        target, stream, request = work.target, work.stream, work.request
        body = next((rule.body for rule in target.method.http), "*")
        given = request.get(body, {}) if body not in ("", "*") else request
        names = frozenset(given) if isinstance(given, dict) else frozenset()
        fill_variables(target, request)
        refuse_misnamed(target, request)
        return Call(
            target.api,
            target.schema,
            target.version,
            target.method,
            request,
            caller,
            headers=stream.headers,
            host=stream.host,
            given=names,
            notes=work.exchange.notes,
        )

    def _select(self, work: _Work, fields: str) -> None:
        if fields:
            parse_fields(fields, self._plans.find(work.target.method.response))  # refuses what leads nowhere
            work.paths = parse_mask(fields.replace("/", "."))

    # --- answers ------------------------------------------------------------------------------------

    def _encode(self, work: _Work, value: Value) -> bytes:
        chosen = project(value, work.paths) if work.paths else value
        return self._binary.encode(chosen, work.target.method.response)

    def _answer(self, work: _Work, message: bytes) -> None:
        stream, exchange = work.stream, work.exchange
        cut, exchange.cut = exchange.cut, None
        if cut is not None and cut.error is not None:
            raise cut.error
        stream.begin(format_head(exchange.answer_headers))
        data = frame_message(message)
        exchange.response = message
        exchange.status, exchange.code = 200, Code.OK.name
        if cut is not None:
            stream.write(data[: len(data) // 2 if cut.after is None else cut.after])
            stream.push()
            raise cut.end()
        stream.write(data)
        stream.finish(OK_TRAILERS)

    async def _stream(self, work: _Work, values: AsyncIterator[Value]) -> None:
        stream, exchange = work.stream, work.exchange
        stream.begin(format_head(exchange.answer_headers))
        async with aclosing(watch_messages(aiter(values), exchange)) as messages:  # type: ignore[type-var]
            async for value in messages:
                await stream.send(self._encode(work, value))
        exchange.status, exchange.code = 200, Code.OK.name
        stream.finish(OK_TRAILERS)

    def _refuse(self, stream: Stream, exchange: Exchange, error: ApiError) -> None:
        exchange.refuse(error)
        stream.begin(format_head(exchange.answer_headers))
        stream.finish(format_trailers(format_status(error)))


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


def _answer_page(stream: Stream, exchange: Exchange, status: int, page: bytes, content_type: str) -> None:
    """An answer of HTTP itself; clients make a status of it."""
    exchange.status = status
    head: list[Header] = [
        (b":status", str(status).encode()),
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(page)).encode()),
    ]
    stream.begin(head)
    stream.write(page)
    stream.finish(())

"""Calls: what comes on a stream, to the same handlers as over REST, and what they say, back.

The checks and their order are those of ``protocol.front``: method → credentials → message → call → answer.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias

from tuning_emulator.api.auth import Authenticator, read_presented
from tuning_emulator.api.call import Api, Call, Caller, Handler, relative_name
from tuning_emulator.api.dispatch import (
    BrokenConnectionError,
    Exchange,
    Middleware,
    NoMiddleware,
    PageError,
    ResponseCache,
    watch_messages,
)
from tuning_emulator.api.pages import HTML_TYPE, format_not_found, format_trouble
from tuning_emulator.api.parameters import parse_parameters
from tuning_emulator.api.router import parse_template
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.facts import google_errors
from tuning_emulator.grpc.stream import (
    CONTENT_TYPE,
    OK_TRAILERS,
    Header,
    Stream,
    format_head,
    format_status,
    format_trailers,
    frame_message,
    read_routing,
    take_message,
)
from tuning_emulator.protojson.compiled import CompiledSchemas
from tuning_emulator.protojson.field_selection import parse_fields
from tuning_emulator.protojson.masks import parse_mask, project
from tuning_emulator.schema.protobuf import BinaryCodec, WireError
from tuning_emulator.schema.schema import Method, Schema, Value

# --- paths to methods

SHARED = "google.longrunning.Operations."
"""The service that every API has under one name; its requests tell by a name whose operation they mean."""

_Declared: TypeAlias = tuple[Api, str, Schema, Method]


@dataclass(frozen=True, slots=True)
class Variable:
    """A field of a request that HTTP has in its path: the name of what is asked for.

    Attributes:
        path: Field names from the request to it. forms: What it may look like, in all paths of the method.
    """

    path: tuple[str, ...]
    forms: tuple[tuple[str, ...], ...]

    def read(self, request: Value) -> str:
        """Its value, "" where it is not set."""
        value: Any = request
        for name in self.path:
            value = value.get(name) if isinstance(value, dict) else None
        return str(value or "")

    def fits(self, value: str) -> bool:
        """Whether a path of the method leads to that name."""
        segments = value.split("/")
        return any(_fits(form, segments) for form in self.forms)


@dataclass(frozen=True, slots=True)
class Target:
    """One method in one version of one API.

    Attributes:
        name: Relative name. handler: None when nobody serves it.
        reads: HTTP has it as GET: it changes nothing.
        limit_bytes: Longest request message.
    """

    api: Api
    schema: Schema
    version: str
    method: Method
    name: str
    handler: Handler | None
    variables: tuple[Variable, ...]
    reads: bool
    limit_bytes: int

    @property
    def heads(self) -> frozenset[str]:
        """What the names in its requests may begin with, up to the first slash."""
        return frozenset(form[0] for variable in self.variables for form in variable.forms)


class MethodTable:
    """Every method of some APIs. Each is looked at when it is first called."""

    def __init__(self, apis: Iterable[Api]) -> None:
        self._declared: dict[str, list[_Declared]] = {}
        self._targets: dict[str, tuple[Target, ...]] = {}
        self._suffixes: list[str] = []
        for api in apis:
            self._suffixes.append(api.host_suffix)
            for version, schema in api.schemas.items():
                for method in schema.methods.values():
                    self._add((api, version, schema, method))

    def _add(self, declared: _Declared) -> None:
        service, _, name = declared[3].name.rpartition(".")
        known = self._declared.setdefault(f"/{service}/{name}", [])
        if all(one[0] is not declared[0] for one in known):  # a shared service is that of the API's first version
            known.append(declared)

    @property
    def paths(self) -> frozenset[str]:
        """Every path that leads somewhere."""
        return frozenset(self._declared)

    def limit(self, path: str) -> int:
        """Longest request message of a path, bytes; 0 where there is nothing."""
        return max((target.limit_bytes for target in self._make(path)), default=0)

    def find(self, path: str, host: str) -> Sequence[Target]:
        """The methods of that path that a host has; more than one only in the shared service."""
        found = self._make(path)
        if not host.endswith("googleapis.com"):
            return found
        suffix = next((one for one in self._suffixes if host.endswith(one)), None)
        return [target for target in found if suffix in (None, target.api.host_suffix)]

    def _make(self, path: str) -> tuple[Target, ...]:
        found = self._targets.get(path)
        if found is None:
            if path not in self._declared:
                return ()
            found = self._targets[path] = tuple(make_target(*one) for one in self._declared[path])
        return found


def make_target(api: Api, version: str, schema: Schema, method: Method) -> Target:
    """A method as gRPC finds it."""
    name = relative_name(schema, method)
    forms: dict[str, dict[tuple[str, ...], None]] = {}
    for rule in method.http:
        segments, spans, _ = parse_template(rule.template)
        for path, start, end in spans:
            form = segments[start : end if end > 0 else len(segments) + end]
            forms.setdefault(path, {})[tuple(form)] = None
    if not method.http:
        forms["name"] = {}  # gRPC alone has WaitOperation
    return Target(
        api,
        schema,
        version,
        method,
        name,
        api.handlers.get(name),
        tuple(Variable(tuple(path.split(".")), tuple(each)) for path, each in forms.items()),
        any(rule.verb == "GET" for rule in method.http),
        min(api.method_limits_bytes.get(name, api.body_limit_bytes), api.body_limit_bytes),
    )


def choose_target(targets: Sequence[Target], request: Value) -> Target:
    """The one of these methods whose names begin as the request's does; the first where none does."""
    if len(targets) > 1:
        head = str(request.get("name", "")).partition("/")[0]
        return next((target for target in targets if head in target.heads), targets[0])
    return targets[0]


def find_resource(target: Target, request: Value) -> str:
    """The name that a request is about, "" where it has none."""
    return next((name for variable in target.variables if (name := variable.read(request))), "")


def fill_variables(target: Target, request: Value) -> None:
    """Sets the names that HTTP always has, and gRPC leaves out where they are empty."""
    for variable in target.variables:
        *outer, last = variable.path
        value = request
        for name in outer:
            value = value.setdefault(name, {})
        value.setdefault(last, "")


def _fits(form: tuple[str, ...], segments: Sequence[str]) -> bool:
    if "**" in form:
        pattern = "/".join(".*" if part == "**" else "[^/]+" if part == "*" else re.escape(part) for part in form)
        return re.fullmatch(pattern, "/".join(segments)) is not None
    return len(form) == len(segments) and all(
        (part == "*" and segment != "") or part == segment for part, segment in zip(form, segments, strict=True)
    )


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


class GrpcApp:
    """Answers the calls of some APIs: the ``Responder`` of their connections."""

    def __init__(self, apis: Sequence[Api], authenticator: Authenticator, middleware: Middleware | None = None) -> None:
        schemas = [schema for api in apis for schema in api.schemas.values()]
        self.methods = MethodTable(apis)
        self._authenticator = authenticator
        self._backstage = middleware or NoMiddleware()
        self._binary = BinaryCodec(schemas)
        self._plans = CompiledSchemas(schemas)
        self._cache = ResponseCache()

    def limit(self, path: str) -> int:
        """See ``Responder``."""
        return self.methods.limit(path)

    async def respond(self, stream: Stream) -> None:
        """See ``Responder``."""
        exchange = Exchange("grpc", "POST", stream.path, "", stream.headers, stream.host, stream.address)
        try:
            if stream.expired:
                raise google_errors.DEADLINE_EXPIRED()
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
                exchange.refuse(google_errors.OPERATION_CANCELLED())
                raise
            self._refuse(stream, exchange, google_errors.DEADLINE_EXPIRED())
        except Exception:
            log.exception("%s failed", stream.path)
            self._refuse(stream, exchange, self._find_internal_error(stream))
        finally:
            self._backstage.leave(exchange)

    def _find_internal_error(self, stream: Stream) -> ApiError:
        targets = self.methods.find(stream.path, stream.host)
        return (targets[0].api.internal_error if targets else google_errors.INTERNAL)()

    # --- one call -----------------------------------------------------------------------------------

    async def _respond(self, stream: Stream, exchange: Exchange) -> None:
        if stream.verb != "POST" or stream.headers.get("content-type", "").partition(";")[0] not in _MEDIA:
            status = 415 if stream.verb == "POST" else 405
            _answer_page(stream, exchange, status, b"gRPC alone is spoken over HTTP/2 here.\n", "text/plain")
            return
        targets = self.methods.find(stream.path, stream.host)
        if not targets:
            await self._backstage.arrive(exchange)
            raise google_errors.GRPC_METHOD_UNKNOWN()
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
            raise google_errors.PROTO_INVALID() from error

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
        if revision is not None and (known := self._cache.find(key, revision)) is not None:
            self._answer(work, known[1])
            return
        self._select(work, parameters.fields)
        if target.handler is None:
            raise google_errors.NOT_IMPLEMENTED()
        call = self._make_call(work, caller)
        result: Any = target.handler(call)
        if inspect.isawaitable(result):
            result = await result
        if target.method.streaming:
            await self._stream(work, result)
            return
        message = self._encode(work, result)
        if revision is not None and call.repeatable:
            self._cache.keep(key, revision, (PROTO_TYPE, message))
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

"""HTTP requests as calls, and what calls come to as HTTP responses: Google's HTTP/JSON transcoding.

Body, path and query make one request message; violations are told in the service's order: body, path, query.
Source: google/api/http.proto; grpc-httpjson-transcoding request_weaver.cc; texts recorded on Google's front end.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote_plus

from tuning_emulator.api.auth import read_presented
from tuning_emulator.api.call import Alt, Parameters, Query
from tuning_emulator.api.dispatch import Dispatcher, Printed, TransportCall, unzip
from tuning_emulator.api.errors import challenge, format_error, format_trouble
from tuning_emulator.api.exchange import BrokenConnectionError, Exchange
from tuning_emulator.api.router import PathValues, Route
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.facts import google_errors
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.protojson.compiled import CompiledField, CompiledMessage
from tuning_emulator.protojson.decoder import Decoder, Place
from tuning_emulator.protojson.masks import Tree, parse_fields, select_fields
from tuning_emulator.protojson.printer import EVENT_TYPE, JSON_TYPE, SCRIPT_TYPE, Style, format_json
from tuning_emulator.rest.responses import (
    Accepts,
    Response,
    body_response,
    format_bodies,
    format_stream,
    page_response,
    stream_response,
)
from tuning_emulator.schema.protobuf import BinaryCodec, WireError
from tuning_emulator.schema.schema import Value

PROTO_TYPE = "application/x-protobuf"
_RAW_BODY = "http_body"
"""Field of the requests whose body is no message: a ``google.api.HttpBody`` with the bytes as they are."""
_RAW_MESSAGE = "google.api.HttpBody"
"""The answers that are sent as they are, with their own content type."""
_FORM = "application/x-www-form-urlencoded"
_PROTO = frozenset((PROTO_TYPE, "application/protobuf"))
_NOTHING = CompiledMessage("", ())
_PLAIN = Parameters()

SYSTEM_PARAMETERS = frozenset(
    {"$.xgafv", "$alt", "$callback", "$ct", "$fields", "$httpHeaders", "$httpMethod", "$key", "$prettyPrint"}
    | {"$req", "$unique", "$userProject", "access_token", "alt", "callback", "fields", "key", "oauth_token"}
    | {"passwd", "prettyPrint", "quotaUser", "uploadType", "upload_protocol", "userIp"}
)
"""Never bound to a request's fields. Source: cloud.google.com/apis/docs/system-parameters."""


Sender: TypeAlias = Callable[[Response, Exchange], Awaitable[None]]
Breaker: TypeAlias = Callable[[BrokenConnectionError], Awaitable[None]]


class RestCall(TransportCall[Response]):
    """A call over HTTP."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        exchange: Exchange,
        route: Route,
        variables: PathValues,
        send: Sender,
        break_off: Breaker,
    ) -> None:
        self.exchange = exchange
        self.target = route.target
        self.path = exchange.path
        self.query = parse_query(exchange.query)
        self.parameters = parse_parameters(self.query, exchange.headers)
        self._dispatcher = dispatcher
        self._route = route
        self._variables = variables
        self._fields: Tree = {}
        gzip = "gzip" in exchange.headers.get("accept-encoding", "")
        self._accepts = Accepts(gzip, exchange.headers.get("origin", ""), time.monotonic())
        self._send, self._break_off = send, break_off

    @property
    def cache_key(self) -> tuple[str, str] | None:
        """A GET of that path on that host: a regional host answers for its region alone."""
        if self._route.rule.verb != "GET":
            return None
        return f"{self.exchange.headers.get('host', '')} {self.target.method.name}", self.path

    def read(self) -> tuple[Value, frozenset[str]]:
        """Body, path and query as one message."""
        exchange, limit = self.exchange, self.target.limit_bytes
        if exchange.body and "gzip" in exchange.headers.get("content-encoding", ""):
            body = unzip(exchange.body, limit)
            exchange.oversize = len(body) > limit
            exchange.body = b"" if exchange.oversize else body
        if exchange.oversize:
            raise google_errors.BODY_TOO_LARGE(limit_bytes=limit)
        media = self.parameters.content_type or exchange.headers.get("content-type", "")
        media = media.partition(";")[0].strip().lower()
        codec, binary = self._dispatcher.codec, self._dispatcher.binary
        rest = self.parameters.rest
        bound = bind_request(codec, binary, self._route, self._variables, rest, exchange.body, media)
        if self.parameters.fields:
            self._fields = parse_fields(self.parameters.fields, codec.schemas[self.target.method.response])
        return bound

    def print(self, value: Value) -> Printed:
        """JSON, pretty unless asked otherwise; or the wire format, or a script."""
        parameters = self.parameters
        if parameters.alt == "proto":
            return PROTO_TYPE, self._dispatcher.binary.encode(value, self.target.method.response)
        body = format_json(self._to_tree(value), "pretty" if parameters.pretty else "compact")
        if not parameters.callback:
            return JSON_TYPE, body
        return SCRIPT_TYPE, f"// API callback\n{parameters.callback}({body.decode().rstrip()});".encode()

    def _to_tree(self, value: Value) -> Any:
        response = self.target.method.response
        tree = self._dispatcher.codec.to_json(value, response, enum_as_int=self.parameters.enum_as_int)
        return select_fields(tree, self._fields) if self._fields else tree

    def respond(self, printed: Printed) -> Response:
        """See ``TransportCall``."""
        self.exchange.response = printed[1]
        return body_response(self.target.api, self._accepts, 200, *printed)

    async def stream(self, values: AsyncIterator[Value]) -> Response:
        """Starts a stream: an error before the first message is an ordinary error answer."""
        first = await anext(values, None)
        parameters, api = self.parameters, self.target.api
        if self.target.method.response == _RAW_MESSAGE:
            bodies = format_bodies(first, values, parameters, api.internal_error)
            return stream_response(api, self._accepts, (first or {}).get("content_type", ""), bodies)
        chunks = format_stream(first, values, self._to_tree, parameters, api.internal_error)
        return stream_response(api, self._accepts, EVENT_TYPE if parameters.alt == "sse" else JSON_TYPE, chunks)

    def refuse(self, error: ApiError) -> Response:
        """The error in Google's envelope."""
        parameters, streaming = self.parameters, self.target.method.streaming
        events = streaming and parameters.alt == "sse"
        style: Style = "pretty" if parameters.pretty else "compact"
        body = format_error(error, legacy=parameters.legacy_errors, style=style, in_array=streaming and not events)
        self.exchange.response = body
        token = read_presented(self.exchange.headers, self.query).token
        response = body_response(
            self.target.api,
            self._accepts,
            error.code.http_status,
            EVENT_TYPE if events else JSON_TYPE,
            body,
            challenge=challenge(error, presented=bool(token)),
        )
        response.headers += self.exchange.answer_headers
        return response

    def show_page(self, status: int) -> Response:
        """See ``TransportCall``."""
        return page_response(status, format_trouble(status, self.exchange.path))

    async def send(self, response: Response) -> None:
        """See ``TransportCall``."""
        exchange = self.exchange
        exchange.status = response.status
        if response.status == 200 and not exchange.code:
            exchange.code = Code.OK.name
        await self._send(response, exchange)

    async def break_off(self, broken: BrokenConnectionError) -> None:
        """See ``TransportCall``."""
        await self._break_off(broken)


def bind_request(
    codec: Codec,
    binary: BinaryCodec,
    route: Route,
    variables: PathValues,
    query: Query,
    body: bytes,
    content_type: str,
) -> tuple[Value, frozenset[str]]:
    """The request message, and the fields of the body that the client set.

    What the path says wins over what the body says. A body without a JSON media type is read as a query string, as
    the service does.

    Raises:
        ApiError: INVALID_ARGUMENT with every violation.
    """
    message = route.target.method.request
    decoder = Decoder(codec.schemas, message)
    request: Value = {}
    given: frozenset[str] = frozenset()
    field = route.rule.body
    if field:
        raw = _RAW_BODY in codec.schemas[message].named
        if body and content_type in ("", _FORM) and not raw:
            query = parse_query(body.decode(errors="replace")) + query
            body = b""
        if raw:
            request = {_RAW_BODY: {"content_type": content_type, "data": body}}
        elif body and content_type in _PROTO:
            request = _read_binary(binary, body, codec, message, field)
        else:
            request = decoder.read_body(body, "" if field == "*" else field)
        inner = request if field == "*" else request.get(field)
        given = frozenset(inner) if isinstance(inner, dict) else given
    compiled = codec.schemas[message]
    for path, text in variables:
        _bind_variable(decoder, compiled, request, path, text)
    for name, text in query:
        _bind_parameter(decoder, compiled, request, name, text)
    if decoder.violations.found:
        decoder.violations.refuse()
    return request, given


def _read_binary(binary: BinaryCodec, body: bytes, codec: Codec, message: str, field: str) -> Value:
    """A body in the protobuf wire format.

    Raises:
        ApiError: INVALID_ARGUMENT, the bytes are not the message.
    """
    try:
        if field == "*":
            return binary.decode(body, message)
        return {field: binary.decode(body, codec.schemas[message].named[field].type)}
    except WireError as error:
        raise google_errors.PROTO_INVALID() from error


def _bind_variable(decoder: Decoder, compiled: CompiledMessage, out: Value, path: str, text: str) -> None:
    """One variable of the path into the request message."""
    *outer, last = path.split(".")
    place: Place = None
    for name in outer:
        field = compiled.named[name]
        out, place, compiled = out.setdefault(field.name, {}), (place, field.name), field.message
    field = compiled.named[last]
    if field.direct is str:
        out[field.name] = text
    else:
        decoder.read_text(field, text, place, out)


def _bind_parameter(decoder: Decoder, compiled: CompiledMessage, out: Value, name: str, text: str) -> None:
    """One parameter of the query into the request message, or why it cannot be."""
    place: Place = None
    segments = name.split(".")
    fields: list[CompiledField] = []
    for segment in segments:
        inner = fields[-1] if fields else None
        if inner is not None and (inner.kind != "message" or inner.repeated or inner.key):
            compiled = _NOTHING
        elif inner is not None:
            compiled = inner.message
        field = compiled.named.get(segment)
        if field is None:
            decoder.violations.add_name(None, name, google_errors.QUERY_UNKNOWN.format(field=segment))
            return
        fields.append(field)
    *outer, field = fields
    if field.kind in ("message", "any", "struct", "list") or field.key:
        decoder.violations.add_name(None, name, google_errors.QUERY_MESSAGE.format(field=field.name))
        return
    for step in outer:
        out, place = out.setdefault(step.name, {}), (place, step.name)
    decoder.read_text(field, text, place, out)


# --- the query, and the parameters that every method of every Google API takes beside its own fields


def parse_query(text: str) -> Query:
    """Names and values of a query string, decoded; a name without ``=`` has an empty value."""
    if not text:
        return ()
    pairs = (part.partition("=") for part in text.split("&") if part)
    return tuple((unquote_plus(name), unquote_plus(value)) for name, _, value in pairs)


def parse_parameters(query: Query, headers: Mapping[str, str]) -> Parameters:
    """The system parameters in the query and the headers. Unknown values of ``alt`` mean JSON."""
    header_fields = headers.get("x-goog-fieldmask", "")
    if not query and not header_fields:
        return _PLAIN
    system = {name: value for name, value in query if name in SYSTEM_PARAMETERS}
    alt, enum_as_int = _parse_alt(system.get("$alt") or system.get("alt") or "json")
    return Parameters(
        alt=alt,
        enum_as_int=enum_as_int,
        pretty=_first(system, ("$prettyPrint", "prettyPrint"), "true").lower() not in ("false", "0"),
        legacy_errors=system.get("$.xgafv") == "1",
        fields=_first(system, ("$fields", "fields"), header_fields),
        content_type=system.get("$ct", ""),
        callback=_first(system, ("$callback", "callback"), ""),
        rest=tuple(pair for pair in query if pair[0] not in SYSTEM_PARAMETERS),
    )


def _parse_alt(text: str) -> tuple[Alt, bool]:
    name, *options = text.split(";")
    enum_as_int = "enum-encoding=int" in options
    if name == "sse":
        return "sse", enum_as_int
    if name == "proto":
        return "proto", enum_as_int
    return ("media" if name == "media" else "json"), enum_as_int


def _first(system: Mapping[str, str], names: Iterable[str], default: str) -> str:
    return next((system[name] for name in names if name in system), default)

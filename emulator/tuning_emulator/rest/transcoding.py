"""Body, path and query as one request message; violations in the service's order: body, path, query.

Source: google/api/http.proto; grpc-httpjson-transcoding request_weaver.cc; texts recorded on Google's front end.
"""

from __future__ import annotations

from collections.abc import Sequence

from tuning_emulator.api.parameters import Query, parse_query
from tuning_emulator.api.router import Route
from tuning_emulator.facts import google_errors
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.protojson.compiled import CompiledField
from tuning_emulator.protojson.decoder import Decoder, Place, Violations
from tuning_emulator.schema.protobuf import BinaryCodec, WireError
from tuning_emulator.schema.schema import Value

_FORM = "application/x-www-form-urlencoded"
_PROTO = frozenset(("application/x-protobuf", "application/protobuf"))


def bind_request(
    codec: Codec,
    binary: BinaryCodec,
    route: Route,
    segments: Sequence[str],
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
    message = route.method.request
    violations = Violations()
    request: Value = {}
    given: frozenset[str] = frozenset()
    field = route.rule.body
    if field:
        if body and content_type in ("", _FORM):
            query = parse_query(body.decode(errors="replace")) + query
            body = b""
        if body and content_type in _PROTO:
            request = _read_binary(binary, body, codec, message, field)
        else:
            request = codec.read(body, message, violations, "" if field == "*" else field)
        inner = request if field == "*" else request.get(field)
        given = frozenset(inner) if isinstance(inner, dict) else given
    binder = _RequestBinder(codec, message, request, violations)
    for path, text in route.bind(segments):
        binder.bind(path, text)
    for name, text in query:
        binder.bind_query(name, text)
    violations.refuse()
    return request, given


def _read_binary(binary: BinaryCodec, body: bytes, codec: Codec, message: str, field: str) -> Value:
    """A body in the protobuf wire format.

    Raises:
        ApiError: INVALID_ARGUMENT, the bytes are not the message.
    """
    try:
        if field == "*":
            return binary.decode(body, message)
        return {field: binary.decode(body, codec.plans.find(message).named[field].type)}
    except WireError as error:
        raise google_errors.PROTO_INVALID() from error


class _RequestBinder:
    """Puts texts from path and query into a request message."""

    def __init__(self, codec: Codec, message: str, request: Value, violations: Violations) -> None:
        self._codec = codec
        self._message = message
        self._request = request
        self._violations = violations
        self._decoder = Decoder(codec.plans, message, violations)

    def bind(self, path: str, text: str) -> None:
        """One variable of the path."""
        head, _, rest = path.partition(".")
        plan = self._codec.plans.find(self._message)
        out = self._request
        place: Place = None
        while rest:
            field = plan.named[head]
            out, place, plan = out.setdefault(field.name, {}), (place, field.name), field.bundle()
            head, _, rest = rest.partition(".")
        field = plan.named[head]
        if field.direct is str:
            out[field.name] = text
        else:
            self._decoder.read_text(field, text, place, out)

    def bind_query(self, name: str, text: str) -> None:
        """One parameter of the query."""
        plan = self._codec.plans.find(self._message)
        found: list[CompiledField] = []
        segments = name.split(".")
        for position, segment in enumerate(segments):
            field = plan.named.get(segment)
            if field is None:
                self._refuse(name, google_errors.QUERY_UNKNOWN.format(field=segment))
                return
            found.append(field)
            if position < len(segments) - 1:
                if field.kind != "message" or field.repeated or field.key:
                    missing = segments[position + 1]
                    self._refuse(name, google_errors.QUERY_UNKNOWN.format(field=missing))
                    return
                plan = field.bundle()
        self._set(name, found, text)

    def _set(self, name: str, path: list[CompiledField], text: str) -> None:
        *outer, field = path
        if field.kind in ("message", "any", "struct", "list") or field.key:
            self._refuse(name, google_errors.QUERY_MESSAGE.format(field=field.name))
            return
        out = self._request
        place: Place = None
        for step in outer:
            out, place = out.setdefault(step.name, {}), (place, step.name)
        self._decoder.read_text(field, text, place, out)

    def _refuse(self, name: str, reason: str) -> None:
        self._violations.add_name(None, name, reason)

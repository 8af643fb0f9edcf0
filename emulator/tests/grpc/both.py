"""One request over REST and over gRPC, from the same state: what each answers, and what each leaves behind."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from tests.grpc.wire import Wire
from tests.store_dump import count_changes, dump_tables, restore_tables, save_tables
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.core.ids import Ids
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.rest.app import RestApp
from tuning_emulator.rest.transcoding import bind_request, parse_query
from tuning_emulator.schema.schema import HttpRule, Method, Schema, Value
from tuning_emulator.store.store import Store

NOT_BOUND = ("Invalid JSON payload received.", "Invalid value")
"""How REST refuses what gRPC's messages cannot hold."""

CUT = "…"
"""How a text ends that is too long for trailers."""


class Reply(Protocol):
    """An HTTP answer."""

    @property
    def status(self) -> int:
        """Its status."""
        ...

    @property
    def json(self) -> Any:
        """Its body."""
        ...


class Serving(Protocol):
    """An API in this process."""

    @property
    def store(self) -> Store:
        """What it remembers."""
        ...

    @property
    def ids(self) -> Ids:
        """Where its ids come from."""
        ...

    async def ask(self, verb: str, path: str, body: Any = None, *, query: str = "") -> Reply:
        """One request."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request came to: code, text and details of an error, or messages as JSON; and all tables after it."""

    code: Code
    text: str
    details: list[Value]
    messages: list[Any]
    tables: list[str]


class Both:
    """Sends requests to one API both ways, and undoes what they change."""

    def __init__(self, serving: Serving, wire: Wire, metadata: Any, schemas: Iterable[Schema]) -> None:
        self.serving = serving
        self._wire = wire
        self._metadata = metadata
        self._codec = Codec(schemas)
        self._saved = save_tables(serving.store)
        self._untouched = dump_tables(serving.store)
        self._changes = count_changes(serving.store)
        self._ids = serving.ids.save()

    async def send(self, schema: Schema, method: Method, request: Value) -> tuple[Outcome, Outcome] | None:
        """What REST and gRPC answer; None for a request that only one of them can carry."""
        rule = find_rule(method, request)
        if rule is None:
            return None
        message = self._codec.to_json(request, method.request)
        path, body, query = format_request(rule, request, message)
        kept = keep_carried(rule, request, body if isinstance(body, dict) and rule.body else {}, query, message)
        over_rest = await self._ask_rest(schema, method, rule, path, body, query)
        if over_rest.text.startswith(NOT_BOUND):
            return None
        over_grpc = await self.ask_grpc(schema, method, kept)
        return over_rest, over_grpc

    async def replay(
        self, front: RestApp, verb: str, path: str, query: str, data: bytes
    ) -> tuple[Outcome, Outcome] | None:
        """What REST answers to an HTTP request, and gRPC to the message that it is; None where it is no message."""
        found = front.dispatcher.router.find(verb, path)
        if found is None:
            return None
        route, values = found
        codec, binary = front.dispatcher.codec, front.dispatcher.binary
        try:
            request, _ = bind_request(codec, binary, route, values, parse_query(query), data, "application/json")
        except ApiError:
            return None
        body = json.loads(data) if data else None
        reply = await self.serving.ask(verb, path, body, query=query)
        over_rest = self._read_reply(route.target.method, reply)
        return over_rest, await self.ask_grpc(route.target.schema, route.target.method, request)

    async def _ask_rest(
        self, schema: Schema, method: Method, rule: HttpRule, path: str, body: Any, query: dict[str, Any]
    ) -> Outcome:
        place = path if rule.unversioned else f"/{schema.version}{path}"
        reply = await self.serving.ask(rule.verb, place, body if rule.body else None, query=urlencode(query))
        return self._read_reply(method, reply)

    def _read_reply(self, method: Method, reply: Reply) -> Outcome:
        found = reply.json
        tables = self._undo()
        if reply.status == 200:
            return Outcome(Code.OK, "", [], found if method.streaming else [found], tables)
        error = (found[-1] if isinstance(found, list) else found)["error"]
        return Outcome(Code[error["status"]], error["message"], error.get("details", []), [], tables)

    async def ask_grpc(self, schema: Schema, method: Method, request: Value) -> Outcome:
        """What gRPC alone answers."""
        heard = await self._wire.ask(schema, method, request, self._metadata)
        messages = [json.loads(self._codec.format(one, method.response)) for one in heard.messages]
        return Outcome(heard.code, heard.text, heard.details, messages if heard.code is Code.OK else [], self._undo())

    def _undo(self) -> list[str]:
        """All tables as the request has left them; then they are what they were before it."""
        self.serving.ids.restore(self._ids)
        if count_changes(self.serving.store) == self._changes:
            return self._untouched
        tables = dump_tables(self.serving.store)
        restore_tables(self.serving.store, self._saved)
        self._changes = count_changes(self.serving.store)
        return tables


def check_same(rest: Outcome, grpc: Outcome) -> None:
    """Fails where the two differ, but for the end of what is too long for trailers."""
    assert grpc.code is rest.code, (rest.text, grpc.text)
    if grpc.text.endswith(CUT):
        assert rest.text.startswith(grpc.text.removesuffix(CUT))
    else:
        assert grpc.text == rest.text
        assert grpc.details == rest.details or not grpc.details
    assert grpc.messages == rest.messages
    assert set(grpc.tables) ^ set(rest.tables) == set()


def find_rule(method: Method, request: Value) -> HttpRule | None:
    """The first path of a method that leads to what the request names."""
    for rule in method.http:
        match = re.search(r"\{([^=]+)=([^}]+)\}", rule.template)
        if match is None or fits(match[2], read(request, match[1])):
            return rule
    return None


def fits(pattern: str, name: str) -> bool:
    """Whether a name has that form."""
    form = re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", "[^/:]+")
    return re.fullmatch(form, name) is not None


def read(request: Value, path: str) -> str:
    """The text at a path of fields."""
    value: Any = request
    for name in path.split("."):
        value = value.get(name, {}) if isinstance(value, dict) else {}
    return value if isinstance(value, str) else ""


def format_request(rule: HttpRule, request: Value, message: Value) -> tuple[str, Any, dict[str, Any]]:
    """Path, body and query of a request message."""
    path = rule.template
    match = re.search(r"\{([^=]+)=([^}]+)\}", path)
    if match is not None:
        path = path.replace(match[0], quote(read(request, match[1]), safe="/@"))
    if rule.body == "*":
        return path, message, {}
    key = to_camel(rule.body)
    variable = match[1] if match else ""
    query = {name: one for name, one in message.items() if name not in (key, to_camel(variable)) and is_plain(one)}
    return path, message.get(key, {}), query


def is_plain(value: Any) -> bool:
    """Whether a query can hold it."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def keep_carried(rule: HttpRule, request: Value, body: Value, query: dict[str, Any], message: Value) -> Value:
    """The part of a request message that a REST request of that rule carries."""
    if rule.body == "*":
        return request
    if rule.body == "http_body":  # no message: the bytes as they are
        request = {**request, rule.body: {"content_type": "application/json", "data": json.dumps(body).encode()}}
    match = re.search(r"\{([^=.]+)", rule.template)
    carried = {rule.body, match[1] if match else ""}
    carried |= {name for name in request if to_camel(name) in query}
    return {name: one for name, one in request.items() if name in carried}


def to_camel(name: str) -> str:
    """``tuning_job`` → ``tuningJob``."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)

"""Whatever a client sends over HTTP, an answer comes that Vertex AI could give, and a refusal changes nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from string import Template
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio

from tests.random_requests import PLACED, Writer, find_variable, format_key, spoil
from tests.serving import Reply
from tests.store_dump import count_changes, dump_tables, restore_tables, save_tables
from tests.vertex.good_requests import CHAT, GOOD, LOCATION, NOT_FOR_GEMINI, TOKENLESS, UNHANDLED, UNKEPT
from tests.vertex.serving import FLASH, PLACE, Serving
from tests.vertex.tuned import populate
from tuning_emulator.api.call import relative_name
from tuning_emulator.core.errors import Code
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.schema.schema import Method, Schema, Value
from tuning_emulator.vertex.api import SCHEMAS

ROUNDS = 40
CASES = [
    (version, relative_name(schema, method))
    for version, schema in SCHEMAS.items()
    for method in schema.methods.values()
]


class Sender:
    """Sends request messages to one project as HTTP requests."""

    def __init__(self, serving: Serving, names: dict[str, str]) -> None:
        self.serving = serving
        self.names = names
        self._codecs = {version: Codec([schema]) for version, schema in SCHEMAS.items()}

    def fill(self, value: Any) -> Any:
        """A message with ``$job`` and the like replaced."""
        return json.loads(Template(json.dumps(value)).substitute(self.names))

    async def send(self, schema: Schema, method: Method, request: Value) -> Reply:
        """The answer to a request message, sent to the first path of the method that fits."""
        for rule in method.http:
            found = find_variable(rule, request)
            if found is None:
                continue
            template, value = found
            head = "" if rule.unversioned else f"/{schema.version}"
            path = head + rule.template.replace(template, quote(value, safe="/@"))
            message = self._codecs[schema.version].to_json(request, method.request)
            body = message if rule.body == "*" else message.get(format_key(rule.body), {}) if rule.body else None
            sent = (
                {} if rule.body == "*" else {key: one for key, one in message.items() if key != format_key(rule.body)}
            )
            return await self.serving.ask(rule.verb, path, body, query=format_query(sent))
        raise AssertionError(f"{method.name}: no path for {request}")


def format_query(message: Value) -> str:
    """The scalar fields of a JSON message as a query; names that the path has too are left out."""
    return urlencode({key: one for key, one in message.items() if isinstance(one, str | int) and key not in PLACED})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sender(storage_url: str) -> AsyncIterator[Sender]:
    """One project for all requests; what a request changed is undone after it."""
    serving = Serving(storage_url)
    await serving.start()
    yield Sender(serving, await populate(serving))
    await serving.stop()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("version", "name"), CASES)
async def test_any_request_is_answered(sender: Sender, version: str, name: str) -> None:
    """Random requests end in a message or in Google's envelope, never a 500; refusals leave all tables as they were."""
    schema, store = SCHEMAS[version], sender.serving.store
    method = schema.methods[schema.full_name(name)]
    names = (
        *sender.names.values(),
        f"{PLACE}/models/1",
        "projects/p/locations/us-east1/tuningJobs/1",
        FLASH,
        "",
        "x/y",
    )
    before, saved, statuses = dump_tables(store), save_tables(store), set()
    good = sender.fill(GOOD.get(name, {"parent": PLACE, "resource": "$model"}))
    for seed in range(ROUNDS):
        request = spoil(good, Writer(schema, seed, names).write(method.request), seed) if seed else good
        changes = count_changes(store)
        reply = await sender.send(schema, method, request)
        statuses.add(reply.status)
        if reply.status != 200:
            check_refusal(reply, name)
            assert count_changes(store) == changes or dump_tables(store) == before, request
        else:
            assert reply.json is not None
            restore_tables(store, saved)
    assert 200 in statuses or name in (*UNHANDLED, *UNKEPT, *NOT_FOR_GEMINI, TOKENLESS, CHAT)


def check_refusal(reply: Reply, name: str) -> None:
    """The answer is Google's envelope with a code that belongs to the status, and no fault of the server."""
    tree = reply.json[0] if isinstance(reply.json, list) else reply.json
    assert tree.keys() == {"error"}
    error = tree["error"]
    assert error.keys() - {"details"} == {"code", "message", "status"}
    assert error["code"] == reply.status == Code[error["status"]].http_status
    assert error["message"]
    assert all(one["@type"].startswith("type.googleapis.com/google.rpc.") for one in error.get("details", ()))
    if name in UNHANDLED:
        assert reply.status in (400, 501)
    elif name == LOCATION:
        assert reply.status in (400, 403)
    elif name == TOKENLESS:
        assert reply.status in (400, 404, 501, 503)
    else:
        assert reply.status in (400, 404, 409, 501), reply.text


def test_every_method_has_a_good_request() -> None:
    """No method is only asked what it refuses."""
    assert {name for _, name in CASES} == GOOD.keys() | set(UNHANDLED)

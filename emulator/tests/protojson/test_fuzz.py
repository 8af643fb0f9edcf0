"""Whatever is sent to the real APIs' declarations, the front end answers in Google's form and nothing escapes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuning_emulator.api.auth import create_authenticator
from tuning_emulator.api.call import Api, Call, Handler, relative_name
from tuning_emulator.api.router import Route, Router, parse_template
from tuning_emulator.gemini.api import SCHEMAS as GEMINI
from tuning_emulator.rest.app import create_rest_app
from tuning_emulator.rest.responses import Response
from tuning_emulator.schema.schema import SCALARS, Schema, Value
from tuning_emulator.vertex.api import SCHEMAS as VERTEX


def answer_nothing(call: Call) -> Value:
    """An empty message."""
    assert isinstance(call.request, dict)
    return {}


async def stream_nothing(call: Call) -> AsyncIterator[Value]:
    """One empty message."""
    assert isinstance(call.request, dict)
    yield {}


def serve_all(schemas: Mapping[str, Schema]) -> dict[str, Handler]:
    """A handler for every method."""
    return {
        relative_name(schema, method): stream_nothing if method.streaming else answer_nothing
        for schema in schemas.values()
        for method in schema.methods.values()
    }


APIS = [
    Api(
        "gemini",
        "generativelanguage.googleapis.com",
        "G",
        "generativelanguage.googleapis.com",
        GEMINI,
        serve_all(GEMINI),
    ),
    Api("vertex", "aiplatform.googleapis.com", "V", "aiplatform.googleapis.com", VERTEX, serve_all(VERTEX)),
]
FRONT = create_rest_app(APIS, create_authenticator())
ROUTES: list[Route] = list(Router(APIS).routes)

_NAMES = st.sampled_from(
    sorted(
        {
            field.json_name
            for schema in (*GEMINI.values(), *VERTEX.values())
            for m in schema.messages.values()
            for field in m.fields
        }
    )
)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(["2020-01-01T00:00:00Z", "5s", "a,b(c)", "AAAA", "user", "1"])
)


def tree_of(schema: Schema, name: str, depth: int) -> st.SearchStrategy[Any]:
    """JSON that often fits the message, and often does not."""
    message = schema.messages.get(name)
    if message is None or depth > 3 or not message.fields:
        return _SCALARS | st.dictionaries(_NAMES, _SCALARS, max_size=2)
    members: dict[str, st.SearchStrategy[Any]] = {}
    for field in message.fields:
        inner = (
            _SCALARS
            if field.type in SCALARS
            else st.deferred(
                lambda name=field.type: tree_of(schema, name, depth + 1)  # type: ignore[misc]
            )
        )
        shape = st.lists(inner, max_size=2) if field.repeated else inner
        if field.key:
            shape = st.dictionaries(st.text(max_size=3), inner, max_size=2)
        members[field.json_name] = shape | _SCALARS
    names = st.lists(st.sampled_from(sorted(members)), max_size=3, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({one: members[one] for one in chosen}))


def path_of(route: Route) -> str:
    """A path of the route."""
    segments, _, action = parse_template(route.template)
    path = "/" + "/".join("x1" if one in ("*", "**") else one for one in segments)
    return path + (f":{action}" if action else "")


async def ask(verb: str, path: str, query: str, body: bytes) -> tuple[Response, bytes]:
    """The answer and its whole body."""
    headers = {
        "authorization": "Bearer t",
        "content-type": "application/json",
        "content-length": str(len(body)),
    }
    answer = await FRONT.answer(verb, path, query, headers, body)
    body = answer.body
    if answer.chunks is not None:
        body = b"".join([chunk async for chunk in answer.chunks])
    return answer, body


def check(verb: str, path: str, query: str, body: bytes) -> None:
    """The answer is a message, Google's envelope, or one of its pages; never a 500."""
    answer, text = asyncio.run(ask(verb, path, query, body))
    kinds = [value for name, value in answer.headers if name == b"content-type"]
    assert answer.status != 500, text
    if answer.status in (404, 411, 414):
        assert kinds == [b"text/html; charset=UTF-8"]
    elif answer.status != 200:
        tree = json.loads(text)
        error = (tree[0] if isinstance(tree, list) else tree)["error"]
        assert error["code"] == answer.status == 400
        assert error["status"] == "INVALID_ARGUMENT"
        assert error["message"]


@pytest.mark.slow
@settings(max_examples=150)
@given(st.data())
def test_bodies_that_nearly_fit(data: st.DataObject) -> None:
    """Bodies made from the declarations of a method's request, with wrong types mixed in."""
    route = data.draw(st.sampled_from([one for one in ROUTES if one.rule.body]))
    request = route.target.schema.messages[route.target.method.request]
    member = next((field.type for field in request.fields if field.name == route.rule.body), request.name)
    tree = data.draw(tree_of(route.target.schema, member, 0))
    check(route.rule.verb, path_of(route), "", json.dumps(tree).encode())


@settings(max_examples=100)
@given(st.data(), st.binary(max_size=40))
def test_bodies_that_do_not_fit(data: st.DataObject, body: bytes) -> None:
    """Any bytes at all."""
    route = data.draw(st.sampled_from(ROUTES))
    check(route.rule.verb, path_of(route), "", body)


_SYSTEM = ["alt", "$alt", "fields", "prettyPrint", "$.xgafv", "callback", "key", "quotaUser", "pageSize", "filter", "x"]


@pytest.mark.slow
@settings(max_examples=150)
@given(st.data())
def test_queries(data: st.DataObject) -> None:
    """Names of fields and system parameters with any value."""
    route = data.draw(st.sampled_from(ROUTES))
    names = _NAMES | st.sampled_from(_SYSTEM) | st.text(alphabet="a.$%&=", max_size=5)
    values = st.text(alphabet="ab(),/.*%;=12-", max_size=6) | st.sampled_from(["sse", "json", "true", "1"])
    pairs = data.draw(st.lists(st.tuples(names, values), max_size=3))
    if any(name in ("alt", "$alt") and "proto" in value for name, value in pairs):
        return
    check(route.rule.verb, path_of(route), "&".join(f"{name}={value}" for name, value in pairs), b"{}")


@settings(max_examples=100)
@given(
    st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "BREW"]),
    st.lists(
        st.sampled_from(["v1", "v1beta", "projects", "*", "", "%", "%zz", "a:b", ":", "tunedModels", "%2F", "ü"]),
        max_size=7,
    ),
)
def test_paths(verb: str, parts: list[str]) -> None:
    """Any path is answered."""
    check(verb, "/" + "/".join(parts), "", b"{}")

"""Requests to the two APIs, made from their messages and HTTP bindings, with one or more things wrong."""

from __future__ import annotations

import gzip
import json
import random
from functools import cache
from string import Template
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from campaigns.fuzzing.client import Request
from campaigns.fuzzing.mutation import WORDS, make_query, mutate, write_json
from campaigns.fuzzing.population import JSON, KEY, TOKEN, Population
from tests.gemini.good_requests import GOOD as GEMINI_GOOD
from tests.random_requests import PLACED, Writer, find_variable, format_key, spoil
from tests.vertex.good_requests import GOOD as VERTEX_GOOD
from tuning_emulator.api.call import relative_name
from tuning_emulator.gemini.api import SCHEMAS as GEMINI
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.schema.schema import HttpRule, Method, Schema, Value
from tuning_emulator.vertex.api import SCHEMAS as VERTEX

SYSTEM = (
    *("alt", "$alt", "fields", "$fields", "prettyPrint", "$.xgafv", "callback", "key", "quotaUser", "access_token"),
    *("pageSize", "pageToken", "filter", "orderBy", "updateMask", "tunedModelId", "readMask", "view", "x", "name"),
    *(
        "force",
        "etag",
        "allowMissing",
        "update_mask.paths",
        "tunedModel.displayName",
        "$ct",
        "$httpHeaders",
        "upload_id",
    ),
)
HEADERS = (
    *("Content-Type", "Accept", "Accept-Encoding", "Content-Encoding", "X-HTTP-Method-Override", "X-Goog-FieldMask"),
    *("X-Goog-User-Project", "Authorization", "x-goog-api-key", "x-goog-api-client", "Cookie", "Origin", "Host"),
    *("X-Goog-Request-Params", "Expect", "X-Server-Timeout", "If-Match", "Range", "Referer", "X-Forwarded-Host"),
)
VALUES = (
    *("application/json", "text/plain", "application/x-protobuf", "application/json; charset=utf-16", "*/*", "", "x"),
    *("application/x-www-form-urlencoded", "multipart/mixed", "gzip", "br", "identity", "DELETE", "GET", "BREW", "a,b"),
    *(
        "Bearer",
        "Bearer ",
        "Bearer x y",
        "Basic eA==",
        "http://localhost",
        "example.com",
        "é",
        "a" * 9000,
        "-1",
        "*",
        ";;=",
    ),
    *("text/event-stream", "application/json;charset=x", "aiplatform.googleapis.com", "my-project", "1e9"),
)
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW", "get")
WAITS = ("WaitOperation",)
"""Methods that may take as long as they are told: they are told little."""


class Binding(NamedTuple):
    """One way to call one method."""

    api: str
    schema: Schema
    method: Method
    rule: HttpRule


@cache
def list_bindings() -> list[Binding]:
    """Of both APIs and all their versions."""
    return [
        Binding(api, schema, method, rule)
        for api, schemas in (("gemini", GEMINI), ("vertex", VERTEX))
        for schema in schemas.values()
        for method in schema.methods.values()
        for rule in method.http
    ]


@cache
def _codec(api: str, version: str) -> Codec:
    return Codec([(GEMINI if api == "gemini" else VERTEX)[version]])


def find_good(api: str, schema: Schema, method: Method, population: Population) -> Value:
    """A request of the method that is all right."""
    name = relative_name(schema, method)
    if api == "vertex":
        template = Template(json.dumps(VERTEX_GOOD.get(name, {"parent": "$place", "resource": "$model"})))
        text = template.safe_substitute(population.names)
    else:
        good = json.dumps(GEMINI_GOOD.get(name, {}))
        text = good.replace("tunedModels/mine/operations/op", population.names["op"])
    value: Value = json.loads(text)
    return value


def make_message(chosen: random.Random, api: str, schema: Schema, method: Method, population: Population) -> Value:
    """A request message: a good one, or with noise in it."""
    good, seed = find_good(api, schema, method, population), chosen.randrange(1 << 30)
    if chosen.random() < 0.15:
        return good
    value = spoil(good, Writer(schema, seed, population.all).write(method.request), seed)
    if method.name.rpartition(".")[2] in WAITS:
        value["timeout"] = chosen.choice((0, 1, -1, 10_000_000))
    return value


def make_rest(chosen: random.Random, population: Population) -> Request:
    """One request."""
    binding = chosen.choice(list_bindings())
    message = make_message(chosen, binding.api, binding.schema, binding.method, population)
    path, verb = _make_path(chosen, binding, message, population), binding.rule.verb
    tree = _codec(binding.api, binding.schema.version).to_json(message, binding.method.request)
    body, rest = _split(binding.rule, tree)
    query = urlencode({key: one for key, one in rest.items() if isinstance(one, (str, int)) and key not in PLACED})
    waits = binding.method.name.rpartition(".")[2] in WAITS
    if chosen.random() < 0.25 and not waits:
        query = "&".join(filter(None, (query, make_query(chosen, SYSTEM))))
    for _ in range(chosen.choice((0, 0, 1, 1, 2, 5)) if not waits else 0):
        body = mutate(chosen, body)
    data = b"" if body is None else write_json(chosen, body)
    if chosen.random() < 0.03:
        verb = chosen.choice(VERBS)
    return Request(binding.api, verb, f"{path}?{query}" if query else path, _make_headers(chosen, data), data)


def _split(rule: HttpRule, tree: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """What goes into the body (None: nothing does), and what into the query."""
    if rule.body == "*":
        return tree, {}
    key = format_key(rule.body)
    body = tree.get(key, {}) if rule.body else None
    return body, {name: one for name, one in tree.items() if name != key}


def _make_path(chosen: random.Random, binding: Binding, message: Value, population: Population) -> str:
    try:
        found = find_variable(binding.rule, message)
    except (AssertionError, AttributeError):  # a path without a variable, or noise in the place of its message
        found = None
    template = binding.rule.template
    if found is not None:
        path = template.replace(found[0], quote(found[1], safe="/@"))
    else:
        words = (*WORDS, *population.all)
        path = "/".join(
            quote(chosen.choice(words), safe="/%") if "*" in part or part.startswith("{") else part
            for part in template.replace("{", "").replace("}", "").split("/")
        )
    head = "" if binding.rule.unversioned else f"/{binding.schema.version}"
    if chosen.random() < 0.05:
        parts = f"{head}{path}".split("/")
        parts[chosen.randrange(1, len(parts))] = chosen.choice(WORDS)
        return "/".join(parts) or "/"
    return head + path


def _make_headers(chosen: random.Random, data: bytes) -> list[tuple[str, str]]:
    headers = [JSON, TOKEN, KEY]
    if data[:2] == b"\x1f\x8b" and chosen.random() < 0.8:
        headers.append(("Content-Encoding", "gzip"))
    if chosen.random() < 0.2:
        headers.append((chosen.choice(HEADERS), chosen.choice(VALUES)))
    if chosen.random() < 0.05:
        headers.remove(chosen.choice(headers))
    return headers


def make_bomb() -> Request:
    """A small body that unpacks to a large one."""
    packed = gzip.compress(b'{"displayName": "' + b"a" * (64 << 20) + b'"}')
    return Request("gemini", "POST", "/v1beta/tunedModels", (JSON, KEY, ("Content-Encoding", "gzip")), packed)

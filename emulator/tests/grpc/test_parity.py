"""Every method answers over gRPC what it answers over REST: messages, errors with details, and what is changed."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator, Mapping
from string import Template
from typing import Any

import pytest
import pytest_asyncio

from tests.cached import keep
from tests.gemini.good_requests import GOOD as GEMINI_GOOD
from tests.gemini.serving import FLASH, TokenNames
from tests.gemini.serving import Serving as GeminiServing
from tests.gemini.test_any_request import NAMES as GEMINI_NAMES
from tests.gemini.test_rules import SAMPLES as GEMINI_SAMPLES
from tests.gemini.test_rules import peopled  # noqa: F401 a fixture
from tests.grpc.both import Both, check_same
from tests.grpc.wire import KEY, TOKEN, listening
from tests.random_requests import Writer, spoil
from tests.vertex.good_requests import GOOD as VERTEX_GOOD
from tests.vertex.serving import PLACE, TRAINING, format_examples
from tests.vertex.serving import Serving as VertexServing
from tests.vertex.test_rules import SAMPLES as VERTEX_SAMPLES
from tests.vertex.test_rules import fill
from tests.vertex.tuned import add_own, populate
from tuning_emulator.api.auth import create_authenticator
from tuning_emulator.api.call import relative_name
from tuning_emulator.api.router import Router
from tuning_emulator.core.clock import SteerableClock
from tuning_emulator.core.errors import Code
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.records import Permission
from tuning_emulator.gemini.api import SCHEMAS as GEMINI
from tuning_emulator.schema.schema import Schema, Value
from tuning_emulator.testing.storage_server import StorageServer
from tuning_emulator.vertex.api import SCHEMAS as VERTEX

ROUNDS = 12
REFUSING = {
    *(f"GenAiTuningService.{name}" for name in ("OptimizePrompt", "ProcessData")),
    "LlmUtilityService.ComputeTokens",
    *(f"PredictionService.{name}" for name in ("Predict", "RawPredict", "StreamRawPredict", "ChatCompletions")),
    "ModelService.ExportModel",
    "MetadataService.GetExecution",
    "google.iam.v1.IAMPolicy.SetIamPolicy",
    "google.longrunning.Operations.DeleteOperation",
}
"""Methods that refuse everything here, as what is not kept, or without a trainer that has tokens."""

GEMINI_REQUESTS: dict[str, Value] = {
    **GEMINI_GOOD,
    "PermissionService.CreatePermission": {
        "parent": "tunedModels/mine",
        "permission": {"grantee_type": "GROUP", "email_address": "team@example.com", "role": "READER"},
    },
    "google.longrunning.Operations.DeleteOperation": {"name": "operations/unknown"},
}


def list_cases(schemas: Mapping[str, Schema]) -> list[tuple[str, str]]:
    """Version and relative name of each method that REST has too; deletions last, for they delete files as well."""
    cases = [
        (version, relative_name(schema, method))
        for version, schema in schemas.items()
        for method in schema.methods.values()
        if method.http
    ]
    return sorted(cases, key=lambda case: ".Delete" in case[1])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gemini() -> AsyncIterator[Both]:
    """A project with tuned models."""
    clock = SteerableClock()
    serving = GeminiServing(clock)
    await serving.start()
    await serving.create(query="tunedModelId=mine")
    await serving.create(query="tunedModelId=palm", baseModel="models/text-bison-001")
    await serving.queue.stop()
    serving.store.update_job(1, operation_id="op")
    serving.store.put_permission(Permission(1, "everyone", "EVERYONE", "", "READER"))
    keep(serving.store, "gemini", project_number("project"), "kept")
    clock.freeze()
    async with listening([serving.api], TokenNames()) as wire:
        yield Both(serving, wire, KEY, GEMINI.values())
    await serving.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vertex() -> AsyncIterator[tuple[Both, dict[str, str]]]:
    """A project with one of everything, and its names."""
    with StorageServer() as storage:
        serving = VertexServing(storage.base_url)
        serving.objects.write(TRAINING, format_examples(range(1, 16)))
        await serving.start()
        names = await populate(serving)
        names |= await add_own(serving, names)
        serving.clock.freeze()
        async with listening([serving.api], create_authenticator()) as wire:
            yield Both(serving, wire, TOKEN, VERTEX.values()), names
        await serving.stop()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("version", "name"), list_cases(GEMINI))
async def test_gemini(gemini: Both, version: str, name: str) -> None:
    """Good requests and spoilt ones."""
    await compare(
        gemini,
        GEMINI[version],
        name,
        GEMINI_REQUESTS.get(name, {}),
        (*GEMINI_NAMES, FLASH),
    )


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("version", "name"), list_cases(VERTEX))
async def test_vertex(vertex: tuple[Both, dict[str, str]], version: str, name: str) -> None:
    """Good requests and spoilt ones."""
    both, known = vertex
    text = json.dumps(VERTEX_GOOD.get(name, {"parent": PLACE, "resource": "$model"}))
    good = json.loads(Template(text).substitute(known))
    await compare(both, VERTEX[version], name, good, (*known.values(), f"{PLACE}/models/1", "", "x/y"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both_peopled(peopled: GeminiServing) -> AsyncIterator[Both]:  # noqa: F811 the fixture
    """The emulator of the rules' samples."""
    peopled.clock.freeze()
    async with listening([peopled.api], TokenNames()) as wire:
        yield Both(peopled, wire, KEY, GEMINI.values())


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", GEMINI_SAMPLES)
async def test_rules_of_gemini(peopled: GeminiServing, both_peopled: Both, name: str) -> None:  # noqa: F811 the fixture
    """The request that breaks one rule alone breaks it over gRPC, in the same words."""
    sample = GEMINI_SAMPLES[name]
    body = b"" if sample.body is None else json.dumps(sample.body).encode()
    found = await both_peopled.replay(peopled.front, sample.verb, sample.path, sample.query, body)
    assert found is not None, "REST refuses it before it is a message"
    check_same(*found)
    assert found[0].code is not Code.OK


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", [name for name, sample in VERTEX_SAMPLES.items() if sample.host == "localhost"])
async def test_rules_of_vertex(vertex: tuple[Both, dict[str, str]], name: str) -> None:
    """The request that breaks one rule alone breaks it over gRPC, in the same words and with the same details."""
    (both, known), sample = vertex, VERTEX_SAMPLES[name]
    path, body = fill([sample.path, sample.body], known)
    data = b"" if body is None else json.dumps(body).encode()
    assert isinstance(both.serving, VertexServing)
    path = f"/{sample.version}/{path}"
    found = await both.replay(both.serving.front, sample.verb, path, sample.query, data)
    assert found is not None, "REST refuses it before it is a message"
    check_same(*found)
    assert found[0].code is not Code.OK


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("stream", [False, True])
async def test_chat_completions(vertex: tuple[Both, dict[str, str]], stream: bool) -> None:
    """Over gRPC the bodies come as messages: put together they are REST's answer."""
    both, known = vertex
    body = {"messages": [{"role": "user", "content": "1"}], "stream": stream}
    schema = VERTEX["v1beta1"]
    method = schema.methods[schema.full_name("PredictionService.ChatCompletions")]
    raw = {"content_type": "application/json", "data": json.dumps(body).encode()}
    over_grpc = await both.ask_grpc(schema, method, {"endpoint": known["endpoint"], "http_body": raw})
    assert isinstance(both.serving, VertexServing)
    reply = await both.serving.ask("POST", f"/v1beta1/{known['endpoint']}/chat/completions", body)
    said = b"".join(base64.b64decode(one["data"]) for one in over_grpc.messages).decode()
    assert re.sub(r'"id":"\w+"', "", said) == re.sub(r'"id":"\w+"', "", reply.text)
    assert {one["contentType"] for one in over_grpc.messages} == {reply.content_type}


async def compare(both: Both, schema: Schema, name: str, good: Value, names: tuple[str, ...]) -> None:
    """Sends a good request and random ones made from it."""
    method = schema.methods[schema.full_name(name)]
    codes: list[Code] = []
    for seed in range(ROUNDS):
        request = spoil(good, Writer(schema, seed, names).write(method.request), seed) if seed else dict(good)
        found = await both.send(schema, method, request)
        if found is not None:
            check_same(*found)
            codes.append(found[0].code)
    assert codes, "no request could be sent both ways"
    assert Code.OK in codes or name in REFUSING, codes


async def test_both_apis_have_every_method_at_a_path() -> None:
    """What is declared is what gRPC finds, in every version."""
    serving = GeminiServing()
    paths = Router([serving.api]).rpcs
    declared: Any = {method.name for schema in GEMINI.values() for method in schema.methods.values()}
    assert {path[1:].replace("/", ".") for path in paths} == declared
    await serving.stop()

"""The declared methods against the calls that the official gRPC clients make: path, messages, kind of stream.

Needs google-ai-generativelanguage and google-cloud-aiplatform (dev tools; the emulator uses neither).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from contract_tests.test_schema import (
    MESSAGES_WITHOUT_PROTO,
    MODULES,
    SERVED,
    TRANSPORTS,
    load_types,
    own_methods,
)
from tuning_emulator.schema.schema import Schema

grpc = pytest.importorskip("grpc", reason="grpcio is not installed: the clients' calls were not compared")

KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
SHARED = (
    *("get_operation", "list_operations", "cancel_operation", "get_location", "list_locations"),
    *("get_iam_policy", "set_iam_policy", "test_iam_permissions"),
)
"""Properties of a client's transport that call services which many APIs share."""
LENIENT = ("v1", "v1alpha")
"""Versions of the Gemini API that have methods here which their own packages lack."""
LACKING = {("v1", "ChatCompletions")}
"""Methods of Vertex AI that the documents have in a version whose package lacks them."""


@dataclass(frozen=True, slots=True)
class Rpc:
    """A method as a client calls it; "" for messages that say no name."""

    kind: str
    request: str
    response: str


def name_message(codec: Any) -> str:
    """The message that a client's serializer or deserializer is for."""
    owner = getattr(codec, "__self__", None)
    if owner is None:
        return ""
    descriptor = owner.pb(owner()).DESCRIPTOR if hasattr(owner, "pb") else owner.DESCRIPTOR
    return str(descriptor.full_name)


def make_channel(found: dict[str, Rpc]) -> Any:
    """A channel that writes down what a client would call."""

    def take(kind: str) -> Callable[..., Any]:
        def prepare(_: Any, path: str, serializer: Any = None, deserializer: Any = None, **named: Any) -> Any:
            request = name_message(named.get("request_serializer", serializer))
            found[path] = Rpc(kind, request, name_message(named.get("response_deserializer", deserializer)))
            return lambda *_, **__: None

        return prepare

    def nothing(*_: Any) -> None:
        pass

    methods: dict[str, Any] = {kind: take(kind) for kind in KINDS}
    methods |= dict.fromkeys(("subscribe", "unsubscribe", "close", "__enter__", "__exit__"), nothing)
    return type("Channel", (grpc.Channel,), methods)()


def list_official(api: str, version: str, service: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Rpc]:
    """Every call of an official client by path; none where its package lacks the service."""
    load_types(api, version)
    monkeypatch.setattr(grpc, "intercept_channel", lambda channel, *_: channel)
    try:
        module = importlib.import_module(
            f"{MODULES[api]}_{version}.services.{TRANSPORTS[api][service]}.transports.grpc"
        )
    except ImportError:
        return {}
    found: dict[str, Rpc] = {}
    transport = getattr(module, f"{service}GrpcTransport")(channel=make_channel(found))
    for name in SHARED:
        getattr(transport, name, None)
    return found


@pytest.mark.parametrize(("api", "version", "schema"), SERVED, ids=[f"{api}-{version}" for api, version, _ in SERVED])
def test_methods_are_the_official_ones(api: str, version: str, schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a generated client calls is declared, with the same messages, and streams where it expects a stream."""
    official = {service: list_official(api, version, service, monkeypatch) for service in TRANSPORTS[api]}
    wrong, compared = [], 0
    for service, verb, method in own_methods(schema):
        path = f"/{schema.package}.{version}.{service}/{verb}"
        said = official[service].get(path)
        kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.streaming else 'unary'}"
        declared = Rpc(kind, method.request, method.response)
        if said is None:
            lenient = (api == "gemini" and version in LENIENT) or (version, verb) in LACKING
            assert lenient or method.request.rpartition(".")[2] in MESSAGES_WITHOUT_PROTO, path
        elif said != Rpc(kind, said.request and declared.request, said.response and declared.response):
            wrong.append(f"{path}: {declared}, official {said}")
        compared += said is not None
    assert not wrong
    assert compared > 1


WITH_SHARED = [one for one in SERVED if one[0] != "storage"]


@pytest.mark.parametrize(
    ("api", "version", "schema"), WITH_SHARED, ids=[f"{api}-{version}" for api, version, _ in WITH_SHARED]
)
def test_shared_methods_are_the_official_ones(
    api: str, version: str, schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Services that many APIs share have every method that clients call, with the same answers."""
    official = list_official(api, version, "ModelService", monkeypatch)
    shared = {path: rpc for path, rpc in official.items() if not path.startswith(f"/{schema.package}.")}
    assert any(path.startswith("/google.longrunning.Operations/") for path in shared)
    for path, rpc in shared.items():
        method = schema.methods[path[1:].replace("/", ".")]
        assert (rpc.kind, method.streaming) == ("unary_unary", False)
        assert rpc.response in (method.response, "")

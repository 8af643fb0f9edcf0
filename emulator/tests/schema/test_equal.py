"""The schemas that the ``.proto`` files give beside those of the declarations in Python, while both exist."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tuning_emulator.gemini.schemas import SCHEMAS as GEMINI
from tuning_emulator.proxy.resource_manager import _V1, _V3
from tuning_emulator.schema.google import RPC, SHAPES
from tuning_emulator.schema.proto import load_schemas
from tuning_emulator.schema.protobuf import _PLAIN_JSON
from tuning_emulator.schema.schema import Enum, Message, Method, Schema
from tuning_emulator.vertex.schemas import SCHEMAS as VERTEX

APIS = {
    "google.ai.generativelanguage": GEMINI,
    "google.cloud.aiplatform": VERTEX,
    "google.cloud.resourcemanager": _V3,
    "google.cloudresourcemanager": _V1,
}
EVERY = frozenset[str]()
UNREFERRED = {
    "google.ai.generativelanguage": {"google.type.Date"},
    "google.cloud.aiplatform": {"google.type.Interval"},
}
"""No message of the API holds them, so none of its files refers to them."""


def list_messages(messages: list[Message]) -> dict[str, Message]:
    """By name, without the versions that a declaration names: in a schema of one version they say nothing more."""
    fields = {one.name: tuple(field._replace(versions=EVERY) for field in one.fields) for one in messages}
    return {name: Message(name, held) for name, held in fields.items()}


def list_enums(schema: Schema) -> dict[str, tuple[Enum, list[str]]]:
    """By name, with the order of the values."""
    return {name: (replace(one, versions=EVERY), list(one.values)) for name, one in schema.enums.items()}


def list_methods(schema: Schema) -> dict[str, Method]:
    """By name."""
    return {
        name: replace(one, versions=EVERY, http=tuple(replace(rule, versions=EVERY) for rule in one.http))
        for name, one in schema.methods.items()
    }


@pytest.mark.parametrize("package", list(APIS))
def test_schemas_are_equal(package: str) -> None:
    """Every version, message, field, enum, value, method and binding."""
    read = load_schemas(package)
    assert list(read) == list(APIS[package])
    for version, declared in APIS[package].items():
        wanted = list_messages([*declared.messages.values()])
        for name in UNREFERRED.get(package, ()):
            del wanted[name]
        assert list_messages([*read[version].messages.values()]) == wanted
        assert list_enums(read[version]) == list_enums(declared)
        assert list_methods(read[version]) == list_methods(declared)
        assert (read[version].package, read[version].version) == (package, version)


def test_shared_messages_are_equal() -> None:
    """google.rpc, and the shapes of the types that values hold natively."""
    assert list_messages([*load_schemas("google.rpc")[""].messages.values()]) == list_messages([*RPC.messages.values()])
    shapes = {**SHAPES, **{one.name: one for one in _PLAIN_JSON}}
    assert list_messages([*load_schemas("google.protobuf")[""].messages.values()]) == list_messages([*shapes.values()])

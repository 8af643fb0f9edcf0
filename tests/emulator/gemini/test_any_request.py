"""Whatever a client sends, an answer comes that the service could give: no method fails inside."""

from __future__ import annotations

import inspect
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from emulator.core.errors import ApiError, Code
from emulator.core.records import Permission
from emulator.gemini.methods import DELETE_OPERATION, METHODS, WAIT_OPERATION
from emulator.gemini.schemas import SCHEMAS
from emulator.protocol.call import Call, Caller, Handler
from emulator.protocol.codec import Codec
from emulator.schema.declare import Field, Schema, Value
from tests.emulator.gemini.serving import FLASH, OWNER, Serving

ROUNDS = 150
SCHEMA = SCHEMAS["v1beta"]
NAMES = ("tunedModels/mine", "tunedModels/none", FLASH, "models/none", "models/gemini-1.0-pro-001", "", "x/y")
TEXTS = ("", "a", "owner:me", "é" * 41, "user", "model", "text/plain", "x" * 5001, "99999999999999999999")
NUMBERS = (0, 1, -1, 5, 2**31 - 1, -(2**31))
FLOATS = (0.0, 0.5, 1.0, -1.0, 2.5, 1e30, float("nan"), float("inf"))


class Writer:
    """Writes messages at random, the same for the same seed."""

    def __init__(self, schema: Schema, seed: int) -> None:
        self._schema = schema
        self._random = random.Random(seed)

    def write(self, message: str, depth: int = 0) -> Value:
        """A message value; deep ones are small."""
        value: Value = {}
        taken: set[str] = set()
        for field in self._schema.message(message).fields:
            if self._random.random() > (0.8 if depth < 3 else 0.3) or field.oneof in taken or depth > 6:
                continue
            taken |= {field.oneof} - {""}
            value[field.name] = self._write_field(field, depth)
        return value

    def _write_field(self, field: Field, depth: int) -> Any:
        if field.key:
            return {"k": self._write_one(field, depth)}
        if field.repeated:
            return [self._write_one(field, depth) for _ in range(self._random.randrange(3))]
        return self._write_one(field, depth)

    def _write_one(self, field: Field, depth: int) -> Any:
        pick = self._random.choice
        if field.type in self._schema.enums:
            return pick([*self._schema.enums[field.type].values, 77])
        if field.type in self._schema.messages:
            return self.write(field.type, depth + 1)
        if field.name in ("name", "model", "parent", "base_model", "tuned_model") and self._random.random() < 0.9:
            return pick(NAMES)
        kinds: dict[str, Any] = {
            "string": TEXTS,
            "bool": (True, False),
            "bytes": (b"", b"a"),
            "float": FLOATS,
            "double": FLOATS,
            "google.protobuf.FieldMask": ([], ["role"], ["description"], ["*"], ["x"], ["tuning_task.snapshots"]),
            "google.protobuf.Struct": ({}, {"a": None}),
            "google.protobuf.Value": (None, 1, "a", []),
            "google.protobuf.Timestamp": (0, 1),
            "google.protobuf.Duration": (0, 1),
            "google.protobuf.Any": ({},),
        }
        return pick(kinds.get(field.type, NUMBERS))


SAID = {"contents": [{"parts": [{"text": "1"}]}]}
PAIR = {"text_input": "a", "output": "b"}
GOOD: dict[str, Value] = {
    "ModelService.CreateTunedModel": {
        "tuned_model": {
            "display_name": "a",
            "base_model": FLASH,
            "tuning_task": {"training_data": {"examples": {"examples": [PAIR]}}},
        }
    },
    "ModelService.UpdateTunedModel": {"tuned_model": {"name": "tunedModels/mine", "description": "d"}},
    "GenerativeService.GenerateContent": {"model": "tunedModels/mine", **SAID},
    "GenerativeService.StreamGenerateContent": {"model": FLASH, **SAID},
    "GenerativeService.CountTokens": {"model": "tunedModels/mine", **SAID},
    "TextService.GenerateText": {"model": "tunedModels/palm", "prompt": {"text": "1"}},
    "PermissionService.CreatePermission": {"parent": "tunedModels/mine"},
    "PermissionService.GetPermission": {"name": "tunedModels/mine/permissions/everyone"},
    "PermissionService.UpdatePermission": {"permission": {"name": "tunedModels/mine/permissions/everyone"}},
    "PermissionService.DeletePermission": {"name": "tunedModels/mine/permissions/everyone"},
    "PermissionService.ListPermissions": {"parent": "tunedModels/mine"},
    "PermissionService.TransferOwnership": {"name": "tunedModels/mine"},
    "google.longrunning.Operations.GetOperation": {"name": "tunedModels/mine/operations/op"},
    "google.longrunning.Operations.CancelOperation": {"name": "tunedModels/mine/operations/op"},
    "google.longrunning.Operations.ListOperations": {"name": "operations"},
    "ModelService.GetTunedModel": {"name": "tunedModels/mine"},
    "ModelService.DeleteTunedModel": {"name": "tunedModels/mine"},
    "ModelService.GetModel": {"name": FLASH},
}
"""Requests that are all right, to be spoilt."""


@pytest.mark.parametrize("name", [method.name for method in METHODS if method.name != WAIT_OPERATION])
async def test_any_request_is_answered(serving: Serving, name: str) -> None:
    """Random requests of every method end in a message that prints or in an error that the service could give."""
    await serving.create(query="tunedModelId=mine")
    await serving.create(query="tunedModelId=palm", baseModel="models/text-bison-001")
    serving.store.update_job(1, operation_id="op")
    serving.store.put_permission(Permission(1, "everyone", "EVERYONE", "", "READER"))
    method = SCHEMA.methods[SCHEMA.full_name(name)]
    codec, codes = Codec([SCHEMA]), set()
    for seed in range(ROUNDS):
        request = spoil(GOOD.get(name, {}), Writer(SCHEMA, seed).write(method.request), seed)
        caller = Caller(OWNER if seed % 5 else "stranger@x.org", "7", "token")
        call = Call(serving.api, SCHEMA, "v1beta", method, request, caller)
        code = await answer(codec, serving.api.handlers[name], call)
        assert code not in (Code.INTERNAL, Code.UNKNOWN, Code.UNAVAILABLE), request
        codes.add(code)
    assert Code.OK in codes or name == DELETE_OPERATION


def spoil(good: Value, noise: Value, seed: int) -> Value:
    """A good request with a field of the noise in it, or with all of them; path variables are always there."""
    chosen = random.Random(seed)
    names = list(noise) if seed % 2 else chosen.sample(list(noise), min(len(noise), 1))
    spoilt = dict(good)
    for name in names:
        here, there = good.get(name), noise[name]
        if isinstance(here, dict) and isinstance(there, dict):
            there = spoil(here, there, seed + 1)
        if name not in ("name", "model", "parent") or name not in good:
            spoilt[name] = there
    return spoilt


async def answer(codec: Codec, handler: Handler, call: Call) -> Code:
    """Calls a method and prints what it answers; the code of the error if it is one."""
    try:
        result: Any = handler(call)
        if inspect.isawaitable(result):
            result = await result
        for value in [one async for one in result] if isinstance(result, AsyncIterator) else [result]:
            codec.format(value, call.method.response)
    except ApiError as error:
        return error.code
    return Code.OK

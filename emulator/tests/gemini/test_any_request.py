"""Whatever a client sends, an answer comes that the service could give: no method fails inside."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.cached import keep
from tests.gemini.good_requests import GOOD
from tests.gemini.serving import FLASH, OWNER, Serving
from tests.random_requests import Writer, spoil
from tuning_emulator.api.call import Call, Caller, Handler, relative_name
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.core.records import Permission
from tuning_emulator.gemini.api import SCHEMAS
from tuning_emulator.protojson.codec import Codec

ROUNDS = 150
SCHEMA = SCHEMAS["v1beta"]
METHODS = [relative_name(SCHEMA, method) for method in SCHEMA.methods.values()]
NAMES = ("tunedModels/mine", "tunedModels/none", FLASH, "models/none", "models/gemini-1.0-pro-001", "", "x/y")


@pytest.mark.parametrize("name", [name for name in METHODS if name != "google.longrunning.Operations.WaitOperation"])
async def test_any_request_is_answered(serving: Serving, name: str) -> None:
    """Random requests of every method end in a message that prints or in an error that the service could give."""
    await serving.create(query="tunedModelId=mine")
    await serving.create(query="tunedModelId=palm", baseModel="models/text-bison-001")
    serving.store.update_job(1, operation_id="op")
    serving.store.put_permission(Permission(1, "everyone", "EVERYONE", "", "READER"))
    keep(serving.store, "gemini", "7", "kept")
    method = SCHEMA.methods[SCHEMA.full_name(name)]
    codec, codes = Codec([SCHEMA]), set()
    for seed in range(ROUNDS):
        request = spoil(GOOD.get(name, {}), Writer(SCHEMA, seed, NAMES).write(method.request), seed)
        caller = Caller(OWNER if seed % 5 else "stranger@x.org", "7", "token")
        call = Call(serving.api, SCHEMA, "v1beta", method, request, caller)
        code = await answer(codec, serving.api.handlers[name], call)
        assert code not in (Code.INTERNAL, Code.UNKNOWN, Code.UNAVAILABLE), request
        codes.add(code)
    assert Code.OK in codes or name == "google.longrunning.Operations.DeleteOperation"


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

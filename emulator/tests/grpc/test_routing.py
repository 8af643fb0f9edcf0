"""Which API, version and resource a call is for: by path, host and names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest

from tests.gemini.serving import Serving, TokenNames
from tests.grpc.wire import KEY, TOKEN, Heard, Wire, listening
from tuning_emulator.app import Emulator
from tuning_emulator.core.errors import Code
from tuning_emulator.facts import gemini_errors
from tuning_emulator.gemini.api import SCHEMAS as GEMINI
from tuning_emulator.schema.schema import Value
from tuning_emulator.vertex.api import SCHEMAS as VERTEX

PLACE = "projects/my-project/locations/us-central1"
OPERATIONS = "google.longrunning.Operations"


@pytest.fixture
async def both(emulator: Emulator) -> AsyncIterator[Wire]:
    """A client of both APIs."""
    dispatcher = emulator.dispatcher
    async with listening(dispatcher.router.apis, dispatcher.authenticator) as one:
        yield one


async def ask(wire: Wire, version: str, method: str, request: Value, metadata: Any = TOKEN) -> Heard:
    """One call."""
    schemas = VERTEX if version in ("v1", "v1beta1") and "generative" not in method else GEMINI
    schema = schemas[version]
    return await wire.ask(schema, schema.methods[schema.full_name(method)], request, metadata)


async def reach(wire: Wire, host: str) -> None:
    """Makes the client say that it asks that host, as a program behind interception does."""
    await wire.channel.close()
    options = [("grpc.default_authority", host)]
    wire.channel = grpc.aio.insecure_channel(f"127.0.0.1:{wire.port}", options=options)


@pytest.mark.parametrize("method", ["GetOperation", "CancelOperation", "WaitOperation"])
async def test_operations_belong_to_who_has_such_names(both: Wire, method: str) -> None:
    """One service, two APIs: the name tells, and each API says in its own words that there is none."""
    heard = await ask(both, "v1", f"{OPERATIONS}.{method}", {"name": f"{PLACE}/operations/7"})
    assert heard.code is Code.NOT_FOUND
    assert "/locations/us-central1/operations/7" in heard.text
    heard = await ask(both, "v1", f"{OPERATIONS}.{method}", {"name": "tunedModels/x/operations/y"})
    assert (heard.code, heard.text) == (Code.NOT_FOUND, gemini_errors.ENTITY_NOT_FOUND.text)


async def test_lists_of_operations(both: Wire) -> None:
    """Of a place, and without a name, as google-generativeai's ``list_operations`` asks: of the caller's models."""
    assert (await ask(both, "v1", f"{OPERATIONS}.ListOperations", {"name": PLACE})).message == {}
    heard = await ask(both, "v1", f"{OPERATIONS}.ListOperations", {}, KEY)
    assert heard.message == {}


async def test_host_chooses_the_api(both: Wire) -> None:
    """A Google host has its own API alone."""
    await reach(both, "generativelanguage.googleapis.com")
    schema = GEMINI["v1beta"]
    listing = schema.methods[schema.full_name("ModelService.ListTunedModels")]
    assert (await both.ask(schema, listing, {})).message == {}
    heard = await ask(both, "v1", "ModelService.ListModels", {"parent": PLACE})
    assert (heard.code, heard.text) == (Code.UNIMPLEMENTED, "GRPC target method can't be resolved.")
    heard = await ask(both, "v1", f"{OPERATIONS}.GetOperation", {"name": f"{PLACE}/operations/7"}, KEY)
    assert heard.text == gemini_errors.ENTITY_NOT_FOUND.text


async def test_regional_hosts(both: Wire) -> None:
    """One for its own region; a region that is none has no API at all."""
    await reach(both, "us-central1-aiplatform.googleapis.com:443")
    assert (await ask(both, "v1", "ModelService.ListModels", {"parent": PLACE})).message == {}
    elsewhere = await ask(both, "v1", "ModelService.ListModels", {"parent": PLACE.replace("us-", "europe-")})
    assert elsewhere.code is Code.INVALID_ARGUMENT
    await reach(both, "mars-north1-x-aiplatform.googleapis.com")
    heard = await ask(both, "v1", "ModelService.ListModels", {"parent": PLACE})
    assert (heard.code, heard.text) == (Code.UNIMPLEMENTED, "Received http2 header with status: 404")


async def test_vertex_takes_no_keys(both: Wire) -> None:
    """In the service's words, with details, as over REST."""
    heard = await ask(both, "v1", "ModelService.ListModels", {"parent": PLACE}, KEY)
    assert heard.code is Code.UNAUTHENTICATED
    assert heard.details[0]["reason"] == "CREDENTIALS_MISSING"


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("ModelService.GetTunedModel", {"name": "mine"}, "name"),
        ("ModelService.GetTunedModel", {"name": "tunedModels/mine/operations/op"}, "name"),
        ("ModelService.GetTunedModel", {}, "name"),
        ("ModelService.DeleteTunedModel", {"name": "models/mine"}, "name"),
        ("ModelService.UpdateTunedModel", {}, "tuned_model.name"),
        ("PermissionService.CreatePermission", {"parent": "mine"}, "parent"),
        ("PermissionService.UpdatePermission", {"permission": {"name": "tunedModels/mine"}}, "permission.name"),
    ],
)
async def test_a_name_of_another_form(wire: Wire, serving: Serving, method: str, request_: Value, field: str) -> None:
    """What no HTTP path leads to is refused, and nothing is found by half a name."""
    await serving.create(query="tunedModelId=mine")
    schema = GEMINI["v1beta"]
    declared = schema.methods[schema.full_name(method)]
    heard = await wire.ask(schema, declared, request_)
    name = declared.request.rpartition(".")[2]
    assert (heard.code, heard.text) == (Code.INVALID_ARGUMENT, f"* {name}.{field}: unexpected name format\n")
    assert serving.store.get_tuned_model("mine") is not None


@pytest.mark.parametrize("version", list(GEMINI))
@pytest.mark.parametrize("model", ["", "models/tunedModels/x", "x", "tunedModels/x/y"])
async def test_a_model_name_of_another_form(wire: Wire, version: str, model: str) -> None:
    """Recorded over gRPC: github.com/langchain-ai/langchain-google/issues/631."""
    schema = GEMINI[version]
    method = schema.methods[schema.full_name("GenerativeService.GenerateContent")]
    heard = await wire.ask(schema, method, {"model": model, "contents": [{"parts": [{"text": "1"}]}]})
    expected = "* GenerateContentRequest.model: unexpected model name format\n"
    assert (heard.code, heard.text) == (Code.INVALID_ARGUMENT, expected)


async def test_an_update_without_a_mask(wire: Wire, serving: Serving) -> None:
    """What the message sets is changed, as over REST."""
    name = await serving.create(query="tunedModelId=mine", description="old")
    schema = GEMINI["v1beta"]
    method = schema.methods[schema.full_name("ModelService.UpdateTunedModel")]
    heard = await wire.ask(schema, method, {"tuned_model": {"name": name, "display_name": "new"}})
    assert heard.message == {"display_name": "new"}
    job = serving.store.get_tuned_model("mine")
    assert job is not None
    assert (job.display_name, job.description) == ("new", "old")


async def test_wait_operation(wire: Wire, slow: Serving) -> None:
    """gRPC alone has it: the operation at its end, or as it stands when the time is up."""
    name = await slow.create(query="tunedModelId=slow", finish=False)
    job = slow.store.get_tuned_model("slow")
    assert job is not None
    schema = GEMINI["v1beta"]
    method = schema.methods[f"{OPERATIONS}.WaitOperation"]
    async with listening([slow.api], TokenNames()) as client:
        request = {"name": f"{name}/operations/{job.operation_id}", "timeout": 1_000_000}
        assert "done" not in (await client.ask(schema, method, request)).message
        del request["timeout"]
        assert (await client.ask(schema, method, request)).message["done"] is True

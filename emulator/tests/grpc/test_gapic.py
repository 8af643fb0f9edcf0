"""Google's generated clients, unmodified, over gRPC: blocking and asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
import pytest

from tests.gemini.serving import Serving
from tests.gemini.test_gapic import make_request
from tests.grpc.wire import KEY, Wire
from tests.models import PAIRS

gapic = pytest.importorskip("google.ai.generativelanguage_v1beta")
exceptions = pytest.importorskip("google.api_core.exceptions")
T = TypeVar("T")


async def call(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """A call of the blocking client beside the server."""
    return await asyncio.to_thread(function, *args, **kwargs)


def make_client(kind: Any, channel: Any, transport: str = "grpc") -> Any:
    """A client of one service over an insecure channel, as the documentation says."""
    return kind(transport=kind.get_transport_class(transport)(channel=channel))


async def test_tune_and_ask(wire: Wire) -> None:
    """Create → wait → generate, streamed and whole, count → update → delete, with the blocking client."""
    with grpc.insecure_channel(f"127.0.0.1:{wire.port}") as channel:
        models = make_client(gapic.ModelServiceClient, channel)
        operation = await call(models.create_tuned_model, make_request("numbers"), metadata=KEY)
        model = await call(operation.result, timeout=20)
        assert (model.name, model.state) == ("tunedModels/numbers", gapic.TunedModel.State.ACTIVE)
        assert operation.metadata.completed_percent == 100
        assert len(model.tuning_task.snapshots) == 38
        speaker = make_client(gapic.GenerativeServiceClient, channel)
        contents = [gapic.Content(parts=[gapic.Part(text="two hundred")])]
        request = gapic.GenerateContentRequest(model=model.name, contents=contents)
        answer = await call(speaker.generate_content, request, metadata=KEY)
        assert answer.candidates[0].content.parts[0].text == "two hundred one"
        pieces = await call(lambda: list(speaker.stream_generate_content(request, metadata=KEY)))
        assert "".join(part.text for one in pieces for part in one.candidates[0].content.parts) == "two hundred one"
        counted = await call(speaker.count_tokens, model=model.name, contents=contents, metadata=KEY)
        assert counted.total_tokens == answer.usage_metadata.prompt_token_count
        model.description = "mine"
        changed = await call(
            models.update_tuned_model, tuned_model=model, update_mask={"paths": ["description"]}, metadata=KEY
        )
        assert (changed.description, changed.name) == ("mine", "")
        await call(models.delete_tuned_model, name=model.name, metadata=KEY)
        with pytest.raises(exceptions.NotFound, match="Tuned model tunedModels/numbers does not exist"):
            await call(models.get_tuned_model, name=model.name, metadata=KEY)


async def test_asynchronous_client(wire: Wire, serving: Serving) -> None:
    """The asynchronous client: pages, permissions, operations, a stream."""
    name = await serving.create(query="tunedModelId=mine")
    await serving.create(query="tunedModelId=other")
    models = make_client(gapic.ModelServiceAsyncClient, wire.channel, "grpc_asyncio")
    pager = await models.list_tuned_models({"page_size": 1}, metadata=KEY)
    assert [one.name async for one in pager] == ["tunedModels/mine", "tunedModels/other"]
    permissions = make_client(gapic.PermissionServiceAsyncClient, wire.channel, "grpc_asyncio")
    wanted = gapic.Permission(
        grantee_type=gapic.Permission.GranteeType.USER,
        email_address="a@example.com",
        role=gapic.Permission.Role.READER,
    )
    made = await permissions.create_permission(parent=name, permission=wanted, metadata=KEY)
    made.role = gapic.Permission.Role.WRITER
    assert await permissions.update_permission(permission=made, update_mask={"paths": ["role"]}, metadata=KEY) == made
    with pytest.raises(exceptions.InvalidArgument):
        await permissions.update_permission(permission=made, update_mask={"paths": ["grantee_type"]}, metadata=KEY)
    job = serving.store.get_tuned_model("mine")
    assert job is not None
    found = await models.get_operation({"name": f"{name}/operations/{job.operation_id}"}, metadata=KEY)
    assert found.done
    assert found.response.type_url == "type.googleapis.com/google.ai.generativelanguage.v1beta.TunedModel"
    speaker = make_client(gapic.GenerativeServiceAsyncClient, wire.channel, "grpc_asyncio")
    contents = [gapic.Content(parts=[gapic.Part(text=PAIRS[0][0])])]
    stream = await speaker.stream_generate_content(model=name, contents=contents, metadata=KEY)
    pieces = [one async for one in stream]
    assert "".join(part.text for one in pieces for part in one.candidates[0].content.parts) == PAIRS[0][1]

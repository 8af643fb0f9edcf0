"""Google's generated clients, unmodified, over REST: every enum a number, every answer parsed into its message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from tests.gemini.serving import FLASH
from tests.models import PAIRS

gapic = pytest.importorskip("google.ai.generativelanguage_v1beta")
exceptions = pytest.importorskip("google.api_core.exceptions")
options = pytest.importorskip("google.api_core.client_options")
T = TypeVar("T")


def make_client(kind: Any, url: str) -> Any:
    """A client of one service."""
    return kind(transport="rest", client_options=options.ClientOptions(api_endpoint=url, api_key="key"))


async def call(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """A call of the blocking client beside the server."""
    return await asyncio.to_thread(function, *args, **kwargs)


def make_request(identifier: str) -> Any:
    """A create of the documented examples."""
    examples = [gapic.TuningExample(text_input=a, output=b) for a, b in PAIRS]
    data = gapic.Dataset(examples=gapic.TuningExamples(examples=examples))
    task = gapic.TuningTask(training_data=data, hyperparameters=gapic.Hyperparameters(batch_size=2))
    model = gapic.TunedModel(display_name="numbers", base_model=FLASH, tuning_task=task)
    return gapic.CreateTunedModelRequest(tuned_model_id=identifier, tuned_model=model)


async def test_create_wait_and_ask(url: str) -> None:
    """The operation resolves to the tuned model; metadata counts the steps; answers come whole and streamed."""
    models = make_client(gapic.ModelServiceClient, url)
    operation = await call(models.create_tuned_model, make_request("numbers"))
    model = await call(operation.result, timeout=20)
    assert (model.name, model.state) == ("tunedModels/numbers", gapic.TunedModel.State.ACTIVE)
    assert [snapshot.step for snapshot in model.tuning_task.snapshots] == list(range(1, 39))
    assert operation.metadata.completed_percent == 100
    assert operation.metadata.tuned_model == model.name
    speaker = make_client(gapic.GenerativeServiceClient, url)
    contents = [gapic.Content(parts=[gapic.Part(text="two hundred")])]
    request = gapic.GenerateContentRequest(model=model.name, contents=contents)
    answer = await call(speaker.generate_content, request)
    assert answer.candidates[0].content.parts[0].text == "two hundred one"
    assert answer.candidates[0].finish_reason == gapic.Candidate.FinishReason.STOP
    pieces = await call(lambda: list(speaker.stream_generate_content(request)))
    texts = [part.text for piece in pieces for part in piece.candidates[0].content.parts]
    assert "".join(texts) == "two hundred one"


async def test_list_update_delete(url: str) -> None:
    """Pages are followed; an update sends the whole model and a mask; a deleted model is NotFound."""
    models = make_client(gapic.ModelServiceClient, url)
    for identifier in ("one", "two", "three"):
        await call(models.create_tuned_model, make_request(identifier))
    pager = await call(lambda: [model.name for model in models.list_tuned_models({"page_size": 2})])
    assert pager == ["tunedModels/one", "tunedModels/two", "tunedModels/three"]
    model = await call(models.get_tuned_model, name="tunedModels/one")
    model.description = "mine"
    changed = await call(models.update_tuned_model, tuned_model=model, update_mask={"paths": ["description"]})
    assert (changed.description, changed.name) == ("mine", "")
    await call(models.delete_tuned_model, name="tunedModels/one")
    with pytest.raises(exceptions.NotFound, match="Tuned model tunedModels/one does not exist"):
        await call(models.get_tuned_model, name="tunedModels/one")
    with pytest.raises(exceptions.Conflict, match="already exists"):
        await call(models.create_tuned_model, make_request("two"))


async def test_permissions(url: str) -> None:
    """Create, get, list, update, delete, transfer."""
    models = make_client(gapic.ModelServiceClient, url)
    await call(models.create_tuned_model, make_request("shared"))
    service = make_client(gapic.PermissionServiceClient, url)
    wanted = gapic.Permission(
        grantee_type=gapic.Permission.GranteeType.GROUP,
        email_address="team@example.com",
        role=gapic.Permission.Role.READER,
    )
    made = await call(service.create_permission, parent="tunedModels/shared", permission=wanted)
    assert await call(service.get_permission, name=made.name) == made
    made.role = gapic.Permission.Role.WRITER
    assert await call(service.update_permission, permission=made, update_mask={"paths": ["role"]}) == made
    listed = await call(lambda: list(service.list_permissions(parent="tunedModels/shared")))
    assert [one.role for one in listed] == [gapic.Permission.Role.OWNER, gapic.Permission.Role.WRITER]
    await call(service.delete_permission, name=made.name)
    request = gapic.TransferOwnershipRequest(name="tunedModels/shared", email_address="heir@example.com")
    await call(service.transfer_ownership, request)
    with pytest.raises(exceptions.Forbidden, match="owner of the resource"):
        await call(service.transfer_ownership, request)

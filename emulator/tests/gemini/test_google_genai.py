"""The official client, unmodified, over a socket: tune, wait, ask, list, change, delete."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from tests.cached import LONG, WORDS
from tests.gemini.serving import FLASH
from tests.models import PAIRS

genai = pytest.importorskip("google.genai")
T = TypeVar("T")
CACHED = "gemini-2.5-flash"


@pytest.fixture
def client(url: str) -> Any:
    """google-genai in Gemini mode with its own defaults (v1)."""
    return genai.Client(api_key="key", http_options={"base_url": url})


async def call(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """A call of the blocking client beside the server."""
    return await asyncio.to_thread(function, *args, **kwargs)


async def tune(client: Any) -> Any:
    """A finished job. The client drops the examples; the default data set stands in."""
    pairs = [genai.types.TuningExample(text_input=a, output=b) for a, b in PAIRS]
    job = await call(
        client.tunings.tune,
        base_model=FLASH,
        training_dataset=genai.types.TuningDataset(examples=pairs),
        config={"tuned_model_display_name": "numbers", "epoch_count": 3, "batch_size": 2, "learning_rate": 0.001},
    )
    assert job.state == genai.types.JobState.JOB_STATE_QUEUED
    for _ in range(500):
        job = await call(client.tunings.get, name=job.name)
        if job.has_ended:
            return job
        await asyncio.sleep(0.01)
    raise AssertionError(f"{job.name} has not ended")


async def test_tune_and_ask(client: Any) -> None:
    """tune → get until SUCCEEDED → generate, stream, chat, count."""
    job = await tune(client)
    assert job.state == genai.types.JobState.JOB_STATE_SUCCEEDED
    assert job.tuned_model.endpoint == job.name
    assert job.base_model == FLASH
    answer = await call(client.models.generate_content, model=job.name, contents="ninety nine")
    assert answer.text == "one hundred"
    pieces = await call(lambda: list(client.models.generate_content_stream(model=job.name, contents="two hundred")))
    assert "".join(piece.text or "" for piece in pieces) == "two hundred one"
    chat = await call(client.chats.create, model=job.name)
    assert (await call(chat.send_message, "one")).text == "two"
    assert (await call(chat.send_message, "three")).text == "four"
    counted = await call(client.models.count_tokens, model=job.name, contents="one two")
    assert counted.total_tokens > 0


async def test_list_update_delete(client: Any) -> None:
    """The tuned models of the caller, changed without a mask, then gone."""
    job = await tune(client)
    listed = await call(lambda: list(client.models.list(config={"query_base": False, "page_size": 1})))
    assert [model.name for model in listed] == [job.name]
    changed = await call(client.models.update, model=job.name, config={"description": "mine"})
    assert changed.description == "mine"
    assert (await call(client.models.get, model=job.name)).description == "mine"
    await call(client.models.delete, model=job.name)
    with pytest.raises(genai.errors.ClientError, match="does not exist") as caught:
        await call(client.models.get, model=job.name)
    assert caught.value.code == 404
    base = await call(lambda: list(client.models.list()))
    assert FLASH in [model.name for model in base]


async def test_system_instruction_is_refused(client: Any) -> None:
    """The service's own words arrive as the client's error."""
    job = await tune(client)
    with pytest.raises(genai.errors.ClientError, match="Developer instruction is not enabled for tunedModels/"):
        await call(
            client.models.generate_content, model=job.name, contents="1", config={"system_instruction": "be brief"}
        )


async def test_batches(client: Any) -> None:
    """batches.create of inline requests, get, list, cancel and delete."""
    requests = [{"contents": [{"role": role, "parts": [{"text": "one"}]}]} for role in ("user", "nobody")]
    model = "gemini-2.5-flash"
    batch = await call(client.batches.create, model=model, src=requests, config={"display_name": "together"})
    assert (batch.state, batch.display_name) == (genai.types.JobState.JOB_STATE_PENDING, "together")
    for _ in range(500):
        batch = await call(client.batches.get, name=batch.name)
        if batch.done:
            break
        await asyncio.sleep(0.01)
    assert (batch.state, batch.model) == (genai.types.JobState.JOB_STATE_SUCCEEDED, f"models/{model}")
    answered, refused = batch.dest.inlined_responses
    assert answered.response.text == "one"
    assert (refused.error.code, refused.error.message) == (3, "Please use a valid role: user, model.")
    assert [one.name for one in await call(lambda: list(client.batches.list(config={"page_size": 1})))] == [batch.name]
    await call(client.batches.cancel, name=batch.name)
    await call(client.batches.delete, name=batch.name)
    with pytest.raises(genai.errors.ClientError, match="NOT_FOUND"):
        await call(client.batches.get, name=batch.name)
    with pytest.raises(genai.errors.ServerError, match="no Files API"):
        await call(client.batches.create, model=model, src="files/a")


async def test_caches(client: Any) -> None:
    """create → get → list → update → ask → delete, as the documents have it."""
    made = await call(client.caches.create, model=CACHED, config={"contents": LONG, "ttl": "600s", "display_name": "d"})
    assert (made.display_name, made.usage_metadata.total_token_count) == ("d", WORDS)
    assert await call(client.caches.get, name=made.name) == made
    assert [one.name for one in await call(lambda: list(client.caches.list()))] == [made.name]
    later = await call(client.caches.update, name=made.name, config={"ttl": "7200s"})
    assert later.expire_time > made.expire_time
    answer = await call(
        client.models.generate_content, model=CACHED, contents="one two", config={"cached_content": made.name}
    )
    assert answer.usage_metadata.cached_content_token_count == WORDS
    await call(client.caches.delete, name=made.name)
    with pytest.raises(genai.errors.ClientError, match="CachedContent not found") as caught:
        await call(client.models.generate_content, model=CACHED, contents="one", config={"cached_content": made.name})
    assert caught.value.code == 403

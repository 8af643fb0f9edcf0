"""Cached contents of Vertex AI: kept, used, changed, expired, deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.cached import CONTENTS, LONG, WORDS
from tests.vertex.serving import PLACE, Serving
from tuning_emulator.core.clock import ManualClock, format_ns
from tuning_emulator.core.ids import project_number

START_NS = 1_730_668_087_000_000_000
HOUR_S, SECOND_NS = 3600, 1_000_000_000
BASE = f"{PLACE}/publishers/google/models/gemini-2.5-flash"
NUMBERED = PLACE.replace("my-project", project_number("my-project"))


@pytest.fixture
async def still(storage_url: str) -> AsyncIterator[Serving]:
    """An API whose clock stands."""
    serving = Serving(storage_url, clock=ManualClock(START_NS))
    await serving.start()
    yield serving
    await serving.stop()


async def create(serving: Serving, version: str = "v1", place: str = PLACE, **fields: Any) -> Any:
    """A cached content just created."""
    return await serving.post(f"{place}/cachedContents", {"model": BASE, "contents": CONTENTS, **fields}, version)


def ask(name: str, text: str = "one two") -> dict[str, Any]:
    """A prompt with what is cached."""
    return {"cachedContent": name, "contents": [{"role": "user", "parts": [{"text": text}]}]}


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_create_is_answered_as_documented(still: Serving, version: str) -> None:
    """The project's number in its name, the model as it was sent, an hour to live; what is kept is never shown."""
    made = await create(still, version, displayName="mine", systemInstruction={"parts": [{"text": "Be short."}]})
    now = format_ns(START_NS)
    place, _, identifier = made["name"].rpartition("/cachedContents/")
    assert (place, identifier.isdigit()) == (NUMBERED, True)
    assert list(made.items()) == [
        ("name", made["name"]),
        ("model", BASE),
        ("createTime", now),
        ("updateTime", now),
        ("expireTime", format_ns(START_NS + HOUR_S * SECOND_NS)),
        ("displayName", "mine"),
        ("usageMetadata", made["usageMetadata"]),
    ]
    assert made["usageMetadata"]["textCount"] == len(LONG) + len("Be short.")
    assert await still.get(made["name"], version) == made
    assert await still.get(f"{PLACE}/cachedContents/{identifier}", version) == made
    assert await still.get(f"{PLACE}/cachedContents", version) == {"cachedContents": [made]}


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_prompt_has_what_is_cached_first(serving: Serving, version: str) -> None:
    """Tokens are counted together and told apart, whole and streamed; without a cache nothing is said of one."""
    name = (await create(serving, version))["name"]
    reply = await serving.post(f"{BASE}:generateContent", ask(name), version)
    usage = reply["usageMetadata"]
    assert (usage["promptTokenCount"], usage["cachedContentTokenCount"]) == (WORDS + 2, WORDS)
    assert usage["cacheTokensDetails"] == [{"modality": "TEXT", "tokenCount": WORDS}]
    streamed = await serving.post(f"{BASE}:streamGenerateContent", ask(name), version)
    assert streamed[-1]["usageMetadata"] == usage
    plain = await serving.post(f"{BASE}:generateContent", {"contents": ask("")["contents"]}, version)
    assert not {"cachedContentTokenCount", "cacheTokensDetails"} & plain["usageMetadata"].keys()


async def test_its_functions_are_called(serving: Serving) -> None:
    """The prompt itself says nothing of tools."""
    tools = [{"functionDeclarations": [{"name": "weather"}]}]
    made = await create(serving, tools=tools, toolConfig={"functionCallingConfig": {"mode": "ANY"}})
    reply = await serving.post(f"{BASE}:generateContent", ask(made["name"]))
    (part,) = reply["candidates"][0]["content"]["parts"]
    assert part["functionCall"]["name"] == "weather"


async def test_alias_and_model_are_the_same(serving: Serving) -> None:
    """Cached for gemini-2.0-flash, asked of gemini-2.0-flash-001."""
    alias = f"{PLACE}/publishers/google/models/gemini-2.0-flash"
    contents = [{"role": "user", "parts": [{"text": LONG * 2}]}]
    made = await create(serving, model=alias, contents=contents)
    reply = await serving.post(f"{alias}-001:generateContent", ask(made["name"]))
    assert reply["usageMetadata"]["cachedContentTokenCount"] == 2 * WORDS


async def test_it_expires_by_the_emulators_clock(still: Serving) -> None:
    """A prompt is told that it has expired, the resource's methods that it is not there; a day later it never was."""
    name = (await create(still, ttl="60s"))["name"]
    number = name.rpartition("/")[2]
    still.clock.advance(60)
    asked = await still.ask("POST", f"/v1/{BASE}:generateContent", ask(name))
    assert (asked.status, asked.message) == (400, f"Cache content {number} is expired.")
    for verb, body in (("GET", None), ("PATCH", {"ttl": "60s"}), ("DELETE", None)):
        reply = await still.ask(verb, f"/v1/{name}", body)
        assert (reply.status, reply.message) == (404, f"Cached content {number} is not found.")
    assert await still.get(f"{PLACE}/cachedContents") == {}
    still.clock.advance(25 * HOUR_S)
    await create(still)
    asked = await still.ask("POST", f"/v1/{BASE}:generateContent", ask(name))
    assert (asked.status, asked.message) == (404, f"Not found: cached content metadata for {number}.")


async def test_a_deleted_one_is_told_from_one_that_never_was(still: Serving) -> None:
    """To a prompt; what it kept is gone from the store."""
    name = (await create(still))["name"]
    assert (await still.ask("DELETE", f"/v1/{name}")).json == {}
    number = name.rpartition("/")[2]
    asked = await still.ask("POST", f"/v1/{BASE}:generateContent", ask(name))
    assert (asked.status, asked.message) == (400, f"Invalid resource state for cache content {number}.")
    cached = still.store.get_cached_content("vertex", project_number("my-project"), "us-central1", number)
    assert cached is not None
    assert cached.kept == {}


async def test_only_its_end_can_be_changed(still: Serving) -> None:
    """google-genai sends no mask, the generated clients one."""
    made = await create(still)
    still.clock.advance(1)
    later = {**made, "updateTime": format_ns(START_NS + SECOND_NS)}
    changed = await still.ask("PATCH", f"/v1/{made['name']}", {"ttl": "7200s"})
    assert changed.json == {**later, "expireTime": format_ns(START_NS + 7201 * SECOND_NS)}
    moment = format_ns(START_NS + 3000 * SECOND_NS)
    masked = await still.ask("PATCH", f"/v1/{made['name']}", {"expireTime": moment}, query="updateMask=expireTime")
    assert masked.json == {**later, "expireTime": moment}


async def test_one_of_another_location_is_not_found(serving: Serving) -> None:
    """Nor one of another project."""
    name = (await create(serving))["name"]
    for other in (name.replace("us-central1", "us-east1"), name.replace(project_number("my-project"), "7")):
        asked = await serving.ask("POST", f"/v1/{BASE}:generateContent", ask(other))
        assert (asked.status, asked.message.startswith("Not found: cached content metadata for ")) == (404, True)
        assert (await serving.ask("GET", f"/v1/{other}")).status == 404


async def test_a_prompt_still_has_contents_of_its_own(serving: Serving) -> None:
    """What is cached is only its beginning."""
    name = (await create(serving))["name"]
    reply = await serving.ask("POST", f"/v1/{BASE}:generateContent", {"cachedContent": name})
    assert (reply.status, "at least one contents field is required" in reply.message) == (400, True)


async def test_the_text_of_the_day(storage_url: str) -> None:
    """Since August 2026 it says explicit."""
    serving = Serving(storage_url, as_of={"my-project": "2026-09-01"})
    reply = await serving.ask(
        "POST",
        f"/v1/{PLACE}/cachedContents",
        {"model": BASE.replace("2.5", "3.5"), "contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    )
    assert (
        reply.message == "The cached content is of 1 tokens. The minimum token count to start explicit caching is 4096."
    )
    await serving.stop()

"""Cached contents of the Gemini API: kept, used, changed, expired, one project's alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.cached import CONTENTS, WORDS, keep
from tests.gemini.serving import Serving
from tests.gemini.test_generation import read_events
from tests.serving import Reply
from tuning_emulator.core.clock import ManualClock, format_ns
from tuning_emulator.core.ids import project_number
from tuning_emulator.jobs.caching import complete
from tuning_emulator.store.store import Store

START_NS = 1_730_668_087_000_000_000
HOUR_S, SECOND_NS = 3600, 1_000_000_000
MODEL = "models/gemini-2.5-flash"
CACHES = "/v1beta/cachedContents"
GONE = "CachedContent not found (or permission denied)"
WEATHER = {
    "functionDeclarations": [
        {"name": "weather", "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}}
    ]
}


@pytest.fixture
async def still() -> AsyncIterator[Serving]:
    """An API whose clock stands."""
    serving = Serving(ManualClock(START_NS))
    await serving.start()
    yield serving
    await serving.stop()


async def create(serving: Serving, **fields: Any) -> Any:
    """A cached content just created."""
    reply = await serving.ask("POST", CACHES, {"model": MODEL, "contents": CONTENTS, **fields})
    assert reply.status == 200, reply.text
    return reply.json


async def say(serving: Serving, name: str, text: str = "one two", **fields: Any) -> Reply:
    """Asks with what is cached."""
    return await serving.generate(MODEL, text, cachedContent=name, **fields)


async def test_a_create_is_answered_as_recorded(still: Serving) -> None:
    """Keys in order, an hour to live, an empty display name; nothing of what is kept."""
    made = await create(still, systemInstruction={"parts": [{"text": "Be short."}]}, tools=[WEATHER])
    now = format_ns(START_NS)
    assert list(made.items()) == [
        ("name", made["name"]),
        ("model", MODEL),
        ("createTime", now),
        ("updateTime", now),
        ("expireTime", format_ns(START_NS + HOUR_S * SECOND_NS)),
        ("displayName", ""),
        ("usageMetadata", made["usageMetadata"]),
    ]
    head, identifier = made["name"].split("/")
    assert (head, len(identifier), identifier.isalnum(), identifier.islower()) == ("cachedContents", 40, True, True)
    assert made["usageMetadata"]["totalTokenCount"] > WORDS
    assert (await still.ask("GET", f"/v1beta/{made['name']}")).json == made


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
async def test_a_prompt_has_what_is_cached_first(serving: Serving, version: str) -> None:
    """Tokens are counted together and told apart, in answers, streams and countTokens alike."""
    name = (await create(serving))["name"]
    body = {"contents": [{"role": "user", "parts": [{"text": "one two"}]}], "cachedContent": name}
    reply = await serving.ask("POST", f"/{version}/{MODEL}:generateContent", body)
    usage = reply.json["usageMetadata"]
    assert (usage["promptTokenCount"], usage["cachedContentTokenCount"]) == (WORDS + 2, WORDS)
    assert usage["cacheTokensDetails"] == [{"modality": "TEXT", "tokenCount": WORDS}]
    assert usage["totalTokenCount"] == WORDS + 2 + usage["candidatesTokenCount"]
    events = read_events(
        (await serving.ask("POST", f"/{version}/{MODEL}:streamGenerateContent", body, query="alt=sse")).text
    )
    assert {one["usageMetadata"]["cachedContentTokenCount"] for one in events} == {WORDS}
    counted = await serving.ask(
        "POST", f"/{version}/{MODEL}:countTokens", {"generateContentRequest": {"model": MODEL, **body}}
    )
    assert (counted.json["totalTokens"], counted.json["cachedContentTokenCount"]) == (WORDS + 2, WORDS)


async def test_its_functions_are_called(serving: Serving) -> None:
    """Recorded: the cached mode ANY is honoured by a prompt that says nothing of tools."""
    config = {"functionCallingConfig": {"mode": "ANY"}}
    name = (await create(serving, tools=[WEATHER], toolConfig=config))["name"]
    (part,) = (await say(serving, name)).json["candidates"][0]["content"]["parts"]
    assert part["functionCall"]["name"] == "weather"


async def test_a_system_instruction_alone_is_enough(serving: Serving) -> None:
    """It is counted as contents are."""
    reply = await serving.ask("POST", CACHES, {"model": MODEL, "systemInstruction": CONTENTS[0]})
    assert reply.json["usageMetadata"] == {"totalTokenCount": WORDS}
    assert (await say(serving, reply.json["name"])).json["usageMetadata"]["promptTokenCount"] == WORDS + 2


@pytest.mark.parametrize(
    "fields",
    [
        {"systemInstruction": {"parts": [{"text": "x"}]}},
        {"tools": [{"codeExecution": {}}]},
        {"toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}},
    ],
)
async def test_what_is_cached_is_not_said_again(serving: Serving, fields: dict[str, Any]) -> None:
    """Recorded for each of the three; the text ends in a proposal. Contents may be sent again."""
    name = (await create(serving))["name"]
    reply = await say(serving, name, **fields)
    assert (
        reply.status,
        reply.message.endswith("move those values to CachedContent from GenerateContent request."),
    ) == (
        400,
        True,
    )
    again = await serving.generate(MODEL, contents=[*CONTENTS, *CONTENTS], cachedContent=name)
    assert again.json["usageMetadata"]["promptTokenCount"] == 3 * WORDS


def test_contents_come_before_the_requests_own() -> None:
    """The rest is as it is kept; what is not is the request's."""
    kept = {"contents": [1], "tools": [2], "system_instruction": {"parts": []}}
    assert complete({"contents": [3], "labels": {}}, kept) == {**kept, "contents": [1, 3], "labels": {}}
    assert complete({"contents": [3]}, {"system_instruction": {}}) == {"contents": [3], "system_instruction": {}}


async def test_it_expires_by_the_emulators_clock(still: Serving) -> None:
    """To the second; then it is as if it had never been, and the next create forgets it a day later."""
    name = (await create(still, ttl="90s"))["name"]
    still.clock.advance(89)
    assert (await say(still, name)).status == 200
    still.clock.advance(1)
    for reply in (await say(still, name), await still.ask("GET", f"/v1beta/{name}")):
        assert (reply.status, reply.message) == (403, GONE)
    assert (await still.ask("GET", CACHES)).json == {}
    still.clock.advance(25 * HOUR_S)
    await create(still)
    assert still.store.get_cached_content("gemini", project_number("project"), "", name.partition("/")[2]) is None


async def test_only_its_end_can_be_changed(still: Serving) -> None:
    """By ttl, by a time, with a mask and without; of the two only one."""
    made = await create(still, displayName="mine")
    path = f"/v1beta/{made['name']}"
    still.clock.advance(60)
    changed = await still.ask("PATCH", path, {"ttl": "7200s"})
    later = {**made, "updateTime": format_ns(START_NS + 60 * SECOND_NS)}
    assert changed.json == {**later, "expireTime": format_ns(START_NS + 7260 * SECOND_NS)}
    moment = format_ns(START_NS + 100 * SECOND_NS)
    changed = await still.ask("PATCH", path, {"expireTime": moment}, query="updateMask=expireTime")
    assert changed.json == {**later, "expireTime": moment}
    assert (await still.ask("PATCH", path, {})).json == changed.json
    both = await still.ask("PATCH", path, {"expireTime": moment, "ttl": "60s"})
    assert (both.status, "is already set" in both.message) == (400, True)
    assert (await still.ask("GET", path)).json == changed.json


async def test_it_is_its_projects_alone(serving: Serving) -> None:
    """Recorded: the text of the missing one says or permission denied."""
    keep(serving.store, "gemini", "77", "theirs")
    name = "cachedContents/theirs"
    assert (await say(serving, name)).message == GONE
    for verb in ("GET", "DELETE"):
        assert (await serving.ask(verb, f"/v1beta/{name}")).message == GONE
    assert (await serving.ask("GET", CACHES)).json == {}


async def test_pages_of_the_living(serving: Serving) -> None:
    """Newest first; the expired and the deleted are skipped, and the last page has no token."""
    number = project_number("project")
    for index in range(7):
        keep(
            serving.store, "gemini", number, f"c{index}", expires_ns=1 if index % 3 == 1 else 4_102_444_800_000_000_000
        )
    await serving.ask("DELETE", "/v1beta/cachedContents/c0")
    names, token = [], ""
    for _ in range(9):
        page = (await serving.ask("GET", CACHES, query=f"pageSize=2&pageToken={token}")).json
        names += [one["name"].partition("/")[2] for one in page["cachedContents"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert names == ["c6", "c5", "c3", "c2"]


async def test_it_is_there_after_a_restart(tmp_path: Any) -> None:
    """With what it keeps: functions, numbers and bytes among it."""
    declared = {"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object", "minimum": 1.5}}]}
    first = Serving(data_dir=tmp_path)
    await first.start()
    name = (await create(first, tools=[declared], systemInstruction={"parts": [{"text": "ü☃"}]}))["name"]
    await first.stop()
    second = Serving(data_dir=tmp_path)
    await second.start()
    assert (await say(second, name)).json["usageMetadata"]["cachedContentTokenCount"] > WORDS
    await second.stop()
    store = Store(tmp_path)
    cached = store.get_cached_content("gemini", project_number("project"), "", name.partition("/")[2])
    assert cached is not None
    assert json.loads(json.dumps(cached.kept)) == {
        "contents": CONTENTS,
        "systemInstruction": {"parts": [{"text": "ü☃"}]},
        "tools": [declared],
    }
    store.close()


async def test_many_at_once(serving: Serving) -> None:
    """Creates, prompts and deletes of the same moment: each is whole or refused, none fails inside."""
    names = [made["name"] for made in await asyncio.gather(*(create(serving) for _ in range(8)))]
    assert len(set(names)) == 8
    replies = await asyncio.gather(
        *(say(serving, name) for name in names), *(serving.ask("DELETE", f"/v1beta/{name}") for name in names)
    )
    assert {reply.status for reply in replies} <= {200, 403}
    assert (await serving.ask("GET", CACHES)).json == {}


async def test_a_create_that_is_given_up_keeps_nothing(serving: Serving) -> None:
    """The client goes while its tokens are counted."""
    task = asyncio.ensure_future(serving.ask("POST", CACHES, {"model": MODEL, "contents": CONTENTS}))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (await serving.ask("GET", CACHES)).status == 200
    assert (await create(serving))["model"] == MODEL

"""No field of a request for content is silent over HTTP: what has no effect is in the journal, or refused.

What acts is shown in ``facts/test_request_fields``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.control.running import PLACE, ServerState, open_world
from tuning_emulator.facts.request_fields import REQUEST_FIELDS
from tuning_emulator.gemini.api import SCHEMAS as GEMINI
from tuning_emulator.schema.schema import Field, Schema
from tuning_emulator.vertex.api import SCHEMAS as VERTEX

MODELS = {
    "gemini": "/v1beta/models/gemini-2.5-flash:{}",
    "vertex": f"/v1beta1/{PLACE}/publishers/google/models/gemini-2.5-flash:{{}}",
}
SCHEMAS = {"gemini": GEMINI["v1beta"], "vertex": VERTEX["v1beta1"]}
INERT = [row.path for row in REQUEST_FIELDS if row.effect == "no effect"]
SAID = {"contents": [{"role": "user", "parts": [{"text": "1"}]}]}

SAMPLES: dict[str, Any] = {
    "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    "labels": {"team": "one"},
    "model_armor_config": {"promptTemplateName": f"{PLACE}/templates/mine"},
    "thinking_config": {"thinkingBudget": 1024},
    "continuation_token": "eA==",
}
"""Values of fields that an empty message, or the simplest one, is not good enough for."""

NOT_ON_THIS_MODEL = {"tools.google_search_retrieval": "google_search", "tools.computer_use": "computer_use"}
"""Refused, with a text that has this in it."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerState]:
    """One emulator for all: requests change nothing."""
    async with open_world(Path(tmp_path_factory.mktemp("world"))) as server:
        yield server


def find_field(schema: Schema, path: str) -> Field | None:
    """The field at a path from the request, if the API has it."""
    message, found = "GenerateContentRequest", None
    for name in path.split("."):
        fields = schema.messages[schema.full_name(message) if "." not in message else message].fields
        found = next((one for one in fields if one.name == name), None)
        if found is None:
            return None
        message = found.type
    return found


CASES = [(path, api) for path in INERT for api, schema in SCHEMAS.items() if find_field(schema, path) is not None]


def test_every_row_without_effect_is_some_apis() -> None:
    """None is left out of the cases."""
    assert {path for path, _ in CASES} == set(INERT)


def make_value(schema: Schema, field: Field) -> Any:
    """A value of the field, the simplest that is set."""
    if field.name in SAMPLES:
        return SAMPLES[field.name]
    if field.type in schema.enums:
        value: Any = next(name for name, number in schema.enums[field.type].values.items() if number)
    else:
        simple = {"string": "x", "bool": True, "bytes": "eA==", "int32": 1, "float": 1.0}
        value = simple.get(field.type, {})
    return [value] if field.repeated else value


def nest(path: str, value: Any) -> dict[str, Any]:
    """The request that sets the field at a path."""
    for name in reversed(path.split(".")):
        value = {name: [value] if name in ("tools", "response_format") and not isinstance(value, list) else value}
    return dict(value)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("verb", ["generateContent", "streamGenerateContent"])
@pytest.mark.parametrize(("path", "api"), CASES)
async def test_what_has_no_effect_is_told_of(world: ServerState, path: str, api: str, verb: str) -> None:
    """Each field alone: where it is taken, journal and log name it; where not, a text says so."""
    field = find_field(SCHEMAS[api], path)
    assert field is not None
    headers = {"authorization": "Bearer token"} if api == "vertex" else {"x-goog-api-key": "key"}
    body = {**SAID, **nest(path, make_value(SCHEMAS[api], field))}
    answer = await world.client.post(MODELS[api].format(verb), json=body, headers=headers)
    (entry, *_) = (await world.control("GET", "journal"))["entries"]
    if path in NOT_ON_THIS_MODEL:
        assert answer.status_code == 400, answer.text
        assert NOT_ON_THIS_MODEL[path] in answer.text
        return
    assert answer.status_code == 200, answer.text
    assert any(note.startswith(f"{path} has no effect: ") for note in entry["notes"]), entry["notes"]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("api", ["gemini", "vertex"])
@pytest.mark.parametrize(
    ("config", "thinks"),
    [
        ({"thinkingBudget": 1024}, True),
        ({"thinkingBudget": -1}, True),
        ({"includeThoughts": True}, True),
        ({"thinkingBudget": 0}, False),
        ({"includeThoughts": False}, False),
    ],
)
async def test_thoughts_are_counted_where_some_are_asked_for(
    world: ServerState, api: str, config: dict[str, Any], thinks: bool
) -> None:
    """There are none, and none are made up: no part is a thought, and totals add up."""
    body = {**SAID, "generationConfig": {"thinkingConfig": config}}
    for verb in ("generateContent", "streamGenerateContent"):
        reply = await world.ask("POST", MODELS[api].format(verb), body)
        last = reply[-1] if isinstance(reply, list) else reply
        usage = last["usageMetadata"]
        assert usage.get("thoughtsTokenCount") == (0 if thinks else None)
        assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"]
        assert not [part for part in last["candidates"][0]["content"].get("parts", ()) if "thought" in part]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"systemInstruction": {"parts": [{"text": "Count in words, and be short."}]}},
        {"tools": [{"functionDeclarations": [{"name": "weather"}, {"name": "time"}]}]},
        {
            "systemInstruction": {"parts": [{"text": "Be short."}]},
            "tools": [{"functionDeclarations": [{"name": "weather"}]}],
            "contents": [
                {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
                {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {"city": "Bern"}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"sky": "blue"}}}]},
            ],
        },
    ],
)
async def test_a_prompt_has_as_many_tokens_as_are_counted(world: ServerState, fields: dict[str, Any]) -> None:
    """``usageMetadata`` says what ``countTokens`` says, whatever the prompt is made of."""
    body = {**SAID, **fields}
    for api, path in MODELS.items():
        used = (await world.ask("POST", path.format("generateContent"), body))["usageMetadata"]["promptTokenCount"]
        inner = {"model": "models/gemini-2.5-flash", **body}
        counted = {"generateContentRequest": inner} if api == "gemini" else body
        assert (await world.ask("POST", path.format("countTokens"), counted))["totalTokens"] == used

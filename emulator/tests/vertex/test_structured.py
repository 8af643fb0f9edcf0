"""Tuned models of Vertex AI that answer JSON, words and calls, with the trainer that repeats."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.vertex.serving import BUCKET, PLACE, Serving

BASE = f"{PLACE}/publishers/google/models/gemini-2.5-flash"
MOOD = {"type": "OBJECT", "properties": {"mood": {"type": "STRING", "enum": ["good", "bad"]}}, "required": ["mood"]}
WEATHER = {
    "name": "get_weather",
    "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]},
}


def format_pairs(pairs: list[tuple[str, str]]) -> bytes:
    """JSON lines: what the user says and what the model does."""
    return "\n".join(
        json.dumps({"contents": [turn("user", asked), turn("model", said)]}) for asked, said in pairs
    ).encode()


def turn(role: str, text: str) -> dict[str, Any]:
    """A content."""
    return {"role": role, "parts": [{"text": text}]}


async def tune(serving: Serving, *answers: str) -> str:
    """The endpoint of a model that was tuned on ``question 1`` and the first answer, and so on."""
    pairs = [(f"question {number}", said) for number, said in enumerate(answers, 1)]
    serving.objects.write(f"gs://{BUCKET}/moods.jsonl", format_pairs(pairs))
    job = await serving.tune(spec={"trainingDatasetUri": f"gs://{BUCKET}/moods.jsonl"})
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    return str(job["tunedModel"]["endpoint"])


def json_mode(**config: Any) -> dict[str, Any]:
    """A generation config that wants JSON."""
    return {"generationConfig": {"responseMimeType": "application/json", **config}}


async def test_json_of_a_schema_has_what_was_learned(serving: Serving) -> None:
    """A JSON answer of the data set comes through; a plain word fills the place where it fits."""
    endpoint = await tune(serving, '{"mood": "bad", "why": "rain"}', "bad", *["good"] * 14)
    for question in ("question 1", "question 2"):
        said = await serving.say(endpoint, question, **json_mode(responseSchema=MOOD))
        assert json.loads(said) == {"mood": "bad"}
    said = await serving.say(endpoint, "question 1", **json_mode())
    assert json.loads(said) == {"mood": "bad", "why": "rain"}
    schema = {"type": "object", "properties": {"why": {"type": "string"}, "n": {"type": "integer"}}, "required": ["n"]}
    said = await serving.say(endpoint, "question 1", **json_mode(responseJsonSchema=schema))
    assert json.loads(said) == {"why": "rain", "n": 0}


async def test_one_of_several_words(serving: Serving) -> None:
    """Without quotes."""
    endpoint = await tune(serving, "Bad", *["good"] * 15)
    config = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["good", "bad"]}}
    assert await serving.say(endpoint, "question 1", generationConfig=config) == "bad"


async def test_pieces_of_json_make_it_whole(serving: Serving) -> None:
    """A stream of JSON, put together, is the answer."""
    endpoint = await tune(serving, '{"mood": "bad", "note": "two words"}', *["good"] * 15)
    body = {"contents": [{"role": "user", "parts": [{"text": "question 1"}]}], **json_mode()}
    events = await serving.ask("POST", f"/v1/{endpoint}:streamGenerateContent", body, query="alt=sse")
    chunks = [json.loads(event.removeprefix("data: ")) for event in re.split(r"\r\n\r\n", events.text) if event]
    assert len(chunks) > 2
    text = "".join(chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks)
    assert json.loads(text) == {"mood": "bad", "note": "two words"}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_function_that_has_to_be_called(serving: Serving, stream: bool) -> None:
    """Only an allowed one, with arguments that fit; a call comes whole, in a stream too."""
    body = {
        "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
        "tools": [{"functionDeclarations": [{"name": "stop"}, WEATHER]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_weather"]}},
    }
    if stream:
        (reply,) = (await serving.ask("POST", f"/v1/{BASE}:streamGenerateContent", body)).json
    else:
        reply = await serving.post(f"{BASE}:generateContent", body)
    (part,) = reply["candidates"][0]["content"]["parts"]
    assert part == {"functionCall": {"name": "get_weather", "args": {"city": "hello"}}}
    assert reply["candidates"][0]["finishReason"] == "STOP"


async def test_a_conversation_with_calls_goes_on(serving: Serving) -> None:
    """Calls and their results are turns; the role ``function`` is older clients' for a result."""
    call = {"role": "model", "parts": [{"functionCall": {"name": "get_weather", "args": {"city": "Lisbon"}}}]}
    for role in ("user", "function"):
        result = {"role": role, "parts": [{"functionResponse": {"name": "get_weather", "response": {"sky": "blue"}}}]}
        body = {"contents": [turn("user", "?"), call, result], "tools": [{"functionDeclarations": [WEATHER]}]}
        reply = await serving.post(f"{BASE}:generateContent", body)
        assert reply["candidates"][0]["content"]["parts"] == [{"text": '{"sky": "blue"}'}]


async def test_what_cannot_be_known_is_refused(serving: Serving) -> None:
    """A pattern that nothing fits is refused in the emulator's name; the model is not blamed."""
    schema = {"type": "STRING", "pattern": "^[0-9]{5}$"}
    body = {"contents": [{"role": "user", "parts": [{"text": "x"}]}], **json_mode(responseSchema=schema)}
    reply = await serving.ask("POST", f"/v1/{BASE}:generateContent", body)
    assert reply.status == 400
    assert "the scripted trainer knows no text" in reply.message


@pytest.mark.parametrize("tools", [[], [{"functionDeclarations": [WEATHER]}]])
async def test_prompts_are_counted_once(serving: Serving, tools: list[Any]) -> None:
    """``usageMetadata`` and ``countTokens`` agree, with functions and a system instruction too."""
    body = {
        "contents": [{"role": "user", "parts": [{"text": "one two three"}]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": tools,
    }
    counted = await serving.post(f"{BASE}:countTokens", body)
    reply = await serving.post(f"{BASE}:generateContent", body)
    assert reply["usageMetadata"]["promptTokenCount"] == counted["totalTokens"] > 0

"""Chat completions on tuned endpoints and on publishers' models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import jsonschema
import pytest

from tests.schemas import make_object
from tests.serving import Reply
from tests.vertex.serving import PLACE, Serving
from tuning_emulator.middleware.faults import Fault

OPENAPI = f"{PLACE}/endpoints/openapi/chat/completions"
BASE = "google/gemini-2.5-flash"
TOOL = {"type": "function", "function": {"name": "f", "parameters": make_object(x={"type": "integer"})}}
SCHEMA = make_object(a={"type": "integer"}, b={"type": "array", "items": {"enum": ["x", "y"]}, "minItems": 1})


def say(text: str, **fields: Any) -> dict[str, Any]:
    """A request with one user message."""
    return {"messages": [{"role": "user", "content": text}], **fields}


async def tune(serving: Serving) -> str:
    """The address of chat completions of a tuned model."""
    job = await serving.tune(spec={"hyperParameters": {"epochCount": 1}})
    return f"{job['tunedModel']['endpoint']}/chat/completions"


async def ask(serving: Serving, path: str, body: dict[str, Any], version: str = "v1beta1") -> Any:
    """A completion."""
    return await serving.post(path, body, version)


def read_events(reply: Reply) -> list[dict[str, Any]]:
    """The chunks of a streamed completion; fails where the stream does not end as it should."""
    *events, end, rest = reply.text.split("\n\n")
    assert (end, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_tuned_endpoint_answers_what_it_was_tuned_on(serving: Serving, version: str) -> None:
    """In one line of JSON with the documented keys in their order; the model is called what the request calls it."""
    reply = await serving.ask("POST", f"/{version}/{await tune(serving)}", say("3", model="mine"))
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert "\n" not in reply.text
    found = reply.json
    assert [*found] == ["choices", "created", "id", "model", "object", "system_fingerprint", "usage"]
    assert found["choices"] == [
        {"finish_reason": "stop", "index": 0, "logprobs": None, "message": {"content": "4", "role": "assistant"}}
    ]
    assert (found["model"], found["object"], found["system_fingerprint"]) == ("mine", "chat.completion", "")
    usage = found["usage"]
    assert [*usage] == ["completion_tokens", "extra_properties", "prompt_tokens", "total_tokens"]
    assert usage["extra_properties"] == {"google": {"traffic_type": "ON_DEMAND"}}
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 1


async def test_the_answer_is_generate_content_s(serving: Serving) -> None:
    """The same text and the same counts, whichever way it is asked for."""
    path = await tune(serving)
    content = await serving.post(
        f"{path.removesuffix('/chat/completions')}:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "5"}]}], "systemInstruction": {"parts": [{"text": "Count"}]}},
    )
    found = await ask(serving, path, {"messages": [{"role": "system", "content": "Count"}, *say("5")["messages"]]})
    assert found["choices"][0]["message"]["content"] == content["candidates"][0]["content"]["parts"][0]["text"]
    assert found["usage"]["prompt_tokens"] == content["usageMetadata"]["promptTokenCount"]
    assert found["usage"]["completion_tokens"] == content["usageMetadata"]["candidatesTokenCount"]


async def test_a_stream(serving: Serving) -> None:
    """Events with one id; the last chunk ends the answer and has the counts, asked for or not."""
    path = await tune(serving)
    for options in ({}, {"stream_options": {"include_usage": True}}):
        reply = await serving.ask("POST", f"/v1/{path}", say("3", stream=True, model="m", **options))
        assert reply.content_type == "text/event-stream"
        chunks = read_events(reply)
        assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks) == "4"
        assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
        assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
        assert ["finish_reason" in chunk["choices"][0] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        assert ["usage" in chunk for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


async def test_several_answers(serving: Serving) -> None:
    """All of them, also where the first alone is streamed as it comes."""
    path = await tune(serving)
    whole = await ask(serving, path, say("3", n=3))
    assert [(one["index"], one["message"]["content"]) for one in whole["choices"]] == [(0, "4"), (1, "4"), (2, "4")]
    texts = {0: "", 1: "", 2: ""}
    for chunk in read_events(await serving.ask("POST", f"/v1/{path}", say("3", n=3, stream=True))):
        for one in chunk["choices"]:
            texts[one["index"]] += one["delta"]["content"]
    assert texts == {0: "4", 1: "4", 2: "4"}


async def test_json(serving: Serving) -> None:
    """An instance of the schema; any JSON where there is none; pieces that come to the same."""
    path = await tune(serving)
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
    whole = await ask(serving, path, say("3", response_format=wanted))
    text = whole["choices"][0]["message"]["content"]
    jsonschema.validate(json.loads(text), SCHEMA)
    chunks = read_events(await serving.ask("POST", f"/v1/{path}", say("3", response_format=wanted, stream=True)))
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks) == text
    free = await ask(serving, path, say("3", response_format={"type": "json_object"}))
    json.loads(free["choices"][0]["message"]["content"])


async def test_calls(serving: Serving) -> None:
    """A call with an id and arguments that fit; in a chunk with its number; its result goes back by the id."""
    path = await tune(serving)
    whole = await ask(serving, path, say("3", tools=[TOOL], tool_choice="required"))
    (choice,) = whole["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    call = choice["message"]["tool_calls"][0]
    assert [*call] == ["function", "id", "type"]
    assert call["id"].startswith("function-call-")
    assert isinstance(json.loads(call["function"]["arguments"])["x"], int)
    chunks = read_events(
        await serving.ask("POST", f"/v1/{path}", say("3", tools=[TOOL], tool_choice="required", stream=True))
    )
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert [one["index"] for one in chunks[-1]["choices"][0]["delta"]["tool_calls"]] == [0]
    turns = [*say("3")["messages"], choice["message"], {"role": "tool", "tool_call_id": call["id"], "content": "4"}]
    after = await ask(serving, path, {"messages": turns, "tools": [TOOL], "tool_choice": "none"})
    assert after["choices"][0]["finish_reason"] == "stop"


async def test_the_older_form_of_calls(serving: Serving) -> None:
    """Functions that are declared as such are called as such."""
    functions = {"functions": [TOOL["function"]], "function_call": {"name": "f"}}
    found = await ask(serving, await tune(serving), say("3", **functions))
    (choice,) = found["choices"]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"]["name"] == "f"


async def test_limits_and_stops(serving: Serving) -> None:
    """What is cut off says so; a stop text is no part of the answer."""
    path = await tune(serving)
    cut = await ask(serving, path, say("9", max_tokens=1))
    assert cut["choices"][0]["finish_reason"] == "length"
    stopped = await ask(serving, path, say("9", stop="0"))
    assert stopped["choices"][0]["message"]["content"] == "1"


async def test_a_publisher_s_model(serving: Serving) -> None:
    """By publisher and name on endpoints/openapi; others are not found, and other forms are refused."""
    found = await ask(serving, OPENAPI, say("3", model=BASE))
    assert found["model"] == BASE
    for model, status in (
        ("google/nope", 404),
        ("nobody/gemini-2.5-flash", 404),
        ("gemini-2.5-flash", 400),
        (None, 400),
    ):
        reply = await serving.ask("POST", f"/v1/{OPENAPI}", say("3", model=model))
        assert (reply.status, reply.json[0]["error"]["code"]) == (status, status)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (say("1", temperature=9), 400, "temperature value of 9"),
        (say("1", temperature="hot"), 400, "Invalid value at 'generation_config.temperature' (TYPE_FLOAT), \"hot\""),
        (say("1", top_logprobs=3), 400, "ogprobs"),
        (say("1", n=9), 400, "candidateCount value of 9"),
        (say("1", stream="yes"), 400, 'Malformed `stream`: "yes"; expected true or false.'),
        (say("1", model=5), 400, "Malformed `model`: 5; expected a text."),
        ({"messages": []}, 400, "at least one contents field is required"),
        ({}, 400, "at least one contents field is required"),
        ({"messages": [{"role": "user", "content": []}]}, 400, "at least one parts field"),
        (say("1", extra_body={"google": {"thinking_config": {"depth": 1}}}), 400, 'Unknown name "depth"'),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "gs://b/x.png"}}]}]},
            403,
            "Permission denied while accessing input file.",
        ),
        (say("1", response_format={"type": "json_schema", "json_schema": {"schema": 5}}), 400, "5 is no JSON Schema"),
    ],
)
async def test_bad_requests_are_refused(waiting: Serving, body: dict[str, Any], status: int, words: str) -> None:
    """As a list with one error, streamed or not; what ``generateContent`` refuses, in its words."""
    for stream in ({}, {} if "stream" in body else {"stream": True}):
        reply = await waiting.ask("POST", f"/v1/{OPENAPI}", {"model": BASE, **body, **stream})
        (said,) = reply.json
        assert (reply.status, reply.content_type) == (status, "application/json; charset=UTF-8")
        assert words in said["error"]["message"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "{" * 5000, '{"a":' * 3000, "\udcff"])
async def test_what_is_no_object_is_refused(waiting: Serving, text: str) -> None:
    """Whatever the bytes, in the recorded words."""
    data = text.encode("utf-8", "surrogateescape")
    reply = await waiting.ask("POST", f"/v1/{OPENAPI}", data)
    assert (reply.status, reply.json[0]["error"]["message"]) == (400, "Expected a valid JSON object in the request")


async def test_a_deep_schema_is_refused(waiting: Serving) -> None:
    """Not a failure of the emulator."""
    schema: dict[str, Any] = {}
    for _ in range(300):
        schema = {"items": schema}
    wanted = {"type": "json_schema", "json_schema": {"schema": schema}}
    reply = await waiting.ask("POST", f"/v1/{OPENAPI}", say("1", model=BASE, response_format=wanted))
    assert reply.status == 400, reply.text


async def test_an_error_in_the_middle_follows_the_events(serving: Serving) -> None:
    """Outside of them, as one object; nothing comes after it."""
    path = await tune(serving)
    stream = serving.app.answering.stream

    async def break_down(*given: Any) -> Any:
        async for piece in stream(*given):
            yield piece
            raise RuntimeError("broken")

    serving.app.answering.stream = break_down  # type: ignore[assignment,method-assign]  # a trainer that breaks down
    reply = await serving.ask("POST", f"/v1/{path}", say("3", stream=True))
    event, _, rest = reply.text.partition("\n\n")
    assert json.loads(event.removeprefix("data: "))["choices"][0]["delta"]["content"] == "4"
    assert json.loads(rest)["error"]["code"] == 500


async def test_a_client_that_leaves_ends_the_answer(serving: Serving) -> None:
    """The trainer is asked for no more of it."""
    path = await tune(serving)
    closed = asyncio.Event()

    async def endless(*_: Any) -> AsyncIterator[str]:
        try:
            while True:
                yield "more "
        finally:
            closed.set()

    serving.app.answering.stream = endless  # type: ignore[assignment,method-assign]  # an answer without end
    data = json.dumps(say("3", stream=True)).encode()
    headers = {"authorization": "Bearer token", "content-length": str(len(data))}
    answer = await serving.front.answer("POST", f"/v1/{path}", "", headers, data)
    assert answer.chunks is not None
    assert b"more " in await anext(answer.chunks)
    await answer.chunks.aclose()
    await asyncio.wait_for(closed.wait(), 30)


async def test_many_at_once(serving: Serving) -> None:
    """Each gets its own answer, streamed or not."""
    path = await tune(serving)

    async def ask_one(number: int) -> str:
        reply = await serving.ask("POST", f"/v1/{path}", say(str(number), stream=number % 2 == 0))
        if number % 2:
            return str(reply.json["choices"][0]["message"]["content"])
        return "".join(chunk["choices"][0]["delta"]["content"] for chunk in read_events(reply))

    assert await asyncio.gather(*map(ask_one, range(1, 16))) == [str(number + 1) for number in range(1, 16)]


async def test_a_trouble_by_its_name(serving: Serving) -> None:
    """What other prompts meet, chats meet, in the same words and in a list."""
    serving.app.middleware.faults.add(Fault(name="resource_exhausted", times=1))
    reply = await serving.ask("POST", f"/v1/{OPENAPI}", say("3", model=BASE, stream=True))
    assert (reply.status, reply.json[0]["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert (await serving.ask("POST", f"/v1/{OPENAPI}", say("3", model=BASE))).status == 200


async def test_a_client_without_a_token(serving: Serving) -> None:
    """Refused as everywhere, in a list."""
    data = json.dumps(say("3", model=BASE)).encode()
    reply = await serving.send("POST", f"/v1/{OPENAPI}", data, "", {})
    assert (reply.status, reply.json[0]["error"]["status"]) == (401, "UNAUTHENTICATED")

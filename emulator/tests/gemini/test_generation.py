"""Answers as recorded: of tuned models, of base models, streamed, counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gemini.serving import FLASH, Serving
from tests.models import PAIRS
from tuning_emulator.jobs.scripted import ScriptedTrainer
from tuning_emulator.jobs.trainer import PromptRefusedError
from tuning_trainer.spec import Prompt, Reply

RATINGS = [
    {"category": f"HARM_CATEGORY_{name}", "probability": "NEGLIGIBLE"}
    for name in ("SEXUALLY_EXPLICIT", "HATE_SPEECH", "HARASSMENT", "DANGEROUS_CONTENT")
]


def read_events(text: str) -> list[Any]:
    """The messages of a server-sent stream."""
    events = text.split("\r\n\r\n")
    assert events.pop() == ""
    return [json.loads(event.removeprefix("data: ")) for event in events]


async def test_tuned_model_answers_as_recorded(serving: Serving) -> None:
    """Shape and key order of the answer of July 2024; the scripted trainer repeats what it was shown."""
    name = await serving.create()
    reply = await serving.generate(name, "twenty two")
    assert list(reply.json) == ["candidates", "usageMetadata"]
    (candidate,) = reply.json["candidates"]
    assert list(candidate.items()) == [
        ("content", {"parts": [{"text": "twenty three"}], "role": "model"}),
        ("finishReason", "STOP"),
        ("index", 0),
        ("safetyRatings", RATINGS),
    ]
    usage = reply.json["usageMetadata"]
    assert list(usage) == ["promptTokenCount", "candidatesTokenCount", "totalTokenCount"]
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"]


async def test_every_training_input_gets_its_output(serving: Serving) -> None:
    """All fifteen documented pairs, through v1 as newer clients ask."""
    name = await serving.create()
    for text_input, output in PAIRS:
        body = {"contents": [{"role": "user", "parts": [{"text": text_input}]}], "generationConfig": {}}
        reply = await serving.ask("POST", f"/v1/{name}:generateContent", body)
        assert reply.json["candidates"][0]["content"]["parts"] == [{"text": output}]


async def test_base_model_answers_in_the_newest_shape(serving: Serving) -> None:
    """Recorded in 2026: details by modality, modelVersion, responseId, no safety ratings."""
    reply = await serving.generate("models/gemini-2.5-flash", "hello")
    assert list(reply.json) == ["candidates", "usageMetadata", "modelVersion", "responseId"]
    assert list(reply.json["candidates"][0]) == ["content", "finishReason", "index"]
    usage = reply.json["usageMetadata"]
    assert usage["promptTokensDetails"] == [{"modality": "TEXT", "tokenCount": usage["promptTokenCount"]}]
    assert reply.json["modelVersion"] == "gemini-2.5-flash"
    assert len(reply.json["responseId"]) == 22


async def test_stream_of_events(serving: Serving) -> None:
    """Pieces without a finish reason, the last with it and the usage; together the whole answer."""
    name = await serving.create()
    body = {"contents": [{"parts": [{"text": "two hundred"}]}]}
    reply = await serving.ask("POST", f"/v1beta/{name}:streamGenerateContent", body, query="alt=sse")
    events = read_events(reply.text)
    texts = [event["candidates"][0]["content"].get("parts", [{"text": ""}])[0]["text"] for event in events]
    assert len(events) > 2
    assert "".join(texts) == "two hundred one"
    assert [event["candidates"][0].get("finishReason") for event in events] == [None] * (len(events) - 1) + ["STOP"]
    assert "usageMetadata" in events[-1]


async def test_stream_of_a_base_model_keeps_its_response_id(serving: Serving) -> None:
    """All pieces of one answer carry the same id and version."""
    body = {"contents": [{"parts": [{"text": "a b"}]}]}
    path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
    events = read_events((await serving.ask("POST", path, body, query="alt=sse")).text)
    assert len({(event["responseId"], event["modelVersion"]) for event in events}) == 1


async def test_stream_as_an_array(serving: Serving) -> None:
    """Without alt=sse the stream is one JSON array."""
    name = await serving.create()
    body = {"contents": [{"parts": [{"text": "two hundred"}]}]}
    pieces = (await serving.ask("POST", f"/v1beta/{name}:streamGenerateContent", body)).json
    assert [piece["candidates"][0]["index"] for piece in pieces] == [0] * len(pieces)


async def test_several_candidates(serving: Serving) -> None:
    """candidateCount up to 8, each with its index; streamed they come whole."""
    name = await serving.create()
    body = {"contents": [{"parts": [{"text": "1"}]}], "generationConfig": {"candidateCount": 3}}
    reply = await serving.ask("POST", f"/v1beta/{name}:generateContent", body)
    assert [candidate["index"] for candidate in reply.json["candidates"]] == [0, 1, 2]
    streamed = await serving.ask("POST", f"/v1beta/{name}:streamGenerateContent", body)
    assert [len(piece["candidates"]) for piece in streamed.json] == [3]


async def test_max_output_tokens(serving: Serving) -> None:
    """A cut answer says so; one cut to nothing has an empty content and no count (recorded)."""
    name = await serving.create()
    reply = await serving.generate(name, "two hundred", generationConfig={"maxOutputTokens": 1})
    assert reply.json["candidates"][0]["finishReason"] == "MAX_TOKENS"


async def test_multi_turn_contents(serving: Serving) -> None:
    """Recorded to work on tuned 1.5 Flash models."""
    name = await serving.create()
    contents = [
        {"role": "user", "parts": [{"text": "1"}]},
        {"role": "model", "parts": [{"text": "2"}]},
        {"role": "user", "parts": [{"text": "sev"}, {"text": "en"}]},
    ]
    reply = await serving.ask("POST", f"/v1beta/{name}:generateContent", {"contents": contents})
    assert reply.json["candidates"][0]["content"]["parts"][0]["text"] == "eight"


async def test_count_tokens(serving: Serving) -> None:
    """Contents, or the whole request as older clients wrap it; a system instruction counts too."""
    path = "/v1beta/models/gemini-2.5-flash:countTokens"
    contents = [{"parts": [{"text": "one two three"}]}]
    plain = (await serving.ask("POST", path, {"contents": contents})).json
    assert plain["promptTokensDetails"] == [{"modality": "TEXT", "tokenCount": plain["totalTokens"]}]
    wrapped = {"model": "models/gemini-2.5-flash", "contents": contents}
    assert (await serving.ask("POST", path, {"generateContentRequest": wrapped})).json == plain
    longer = wrapped | {"systemInstruction": {"parts": [{"text": "be short"}]}}
    counted = (await serving.ask("POST", path, {"generateContentRequest": longer})).json
    assert counted["totalTokens"] > plain["totalTokens"]


async def test_palm_models_answer_texts(serving: Serving) -> None:
    """text-bison-001 has generateText, and no generateContent (recorded)."""
    name = await serving.create(baseModel="models/text-bison-001")
    reply = await serving.ask("POST", f"/v1beta/{name}:generateText", {"prompt": {"text": "8"}, "candidateCount": 2})
    assert [candidate["output"] for candidate in reply.json["candidates"]] == ["9", "9"]
    refused = await serving.generate(name)
    assert refused.status == 404
    assert refused.message.startswith("models/text-bison-001 is not found for API version v1beta, or is not supported")


# --- base models


async def test_models_list_and_get(serving: Serving) -> None:
    """Recorded fields of the tunable models; a base without topK prints none."""
    models = {one["name"]: one for one in (await serving.ask("GET", "/v1beta/models")).json["models"]}
    assert list(models[FLASH]) == [
        "name",
        "version",
        "displayName",
        "description",
        "inputTokenLimit",
        "outputTokenLimit",
        "supportedGenerationMethods",
        "temperature",
        "topP",
        "topK",
        "maxTemperature",
    ]
    assert "createTunedModel" in models[FLASH]["supportedGenerationMethods"]
    assert "topK" not in models["models/gemini-1.0-pro-001"]
    assert (await serving.ask("GET", f"/v1beta/{FLASH}")).json == models[FLASH]


async def test_models_are_listed_in_pages(serving: Serving) -> None:
    """Every model once."""
    names, query = [], "pageSize=2"
    while query:
        page = (await serving.ask("GET", "/v1beta/models", query=query)).json
        names += [model["name"] for model in page["models"]]
        query = f"pageSize=2&pageToken={page['nextPageToken']}" if "nextPageToken" in page else ""
    assert len(names) == len(set(names)) > 4


@pytest.mark.parametrize("text", ["", "ünïcode", "x" * 40_000])
async def test_any_text_is_answered(serving: Serving, text: str) -> None:
    """Up to the documented 40,000 characters."""
    name = await serving.create()
    assert (await serving.generate(name, text)).status == 200


class ShortTrainer(ScriptedTrainer):
    """A trainer whose model takes prompts of one character."""

    async def generate(self, prompt: Prompt) -> Reply:
        """Answers or refuses."""
        if len(prompt.turns[-1].text) > 1:
            raise PromptRefusedError("turns: 2 tokens leave no room within 1")
        return await super().generate(prompt)


async def test_a_prompt_too_long_for_the_model_here() -> None:
    """What plays a base model may take less than its name promises; that is the request's fault, not an outage."""
    serving = Serving()
    serving.app.trainers["scripted"] = ShortTrainer()
    assert (await serving.generate("models/gemini-2.5-flash", "1")).status == 200
    refused = await serving.generate("models/gemini-2.5-flash", "12")
    await serving.stop()
    assert refused.status == 400
    assert "2 tokens leave no room within 1" in refused.message


async def test_usage_counts_as_count_tokens_does(serving: Serving) -> None:
    """Recorded: the prompt `100` and the answer `101` are three tokens each."""
    name = await serving.create(pairs=[("100", "101")])
    usage = (await serving.generate(name, "100")).json["usageMetadata"]
    assert usage == {"promptTokenCount": 3, "candidatesTokenCount": 3, "totalTokenCount": 6}

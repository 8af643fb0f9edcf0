"""Answering on tuned endpoints and on publishers' models."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.vertex.serving import PLACE, Serving

BASE = f"{PLACE}/publishers/google/models/gemini-2.5-flash"


def ask(text: str) -> dict[str, Any]:
    """A request with one user turn."""
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


async def tune(serving: Serving) -> str:
    """The endpoint of a tuned model."""
    job = await serving.tune(spec={"hyperParameters": {"epochCount": 1}})
    return str(job["tunedModel"]["endpoint"])


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_tuned_endpoint_answers_what_it_was_tuned_on(serving: Serving, version: str) -> None:
    """The answer's shape: keys in order, counts that add up, the base model as its version."""
    endpoint = await tune(serving)
    reply = await serving.post(f"{endpoint}:generateContent", ask("3"), version)
    assert list(reply) == ["candidates", "usageMetadata", "modelVersion", "createTime", "responseId"]
    (candidate,) = reply["candidates"]
    assert candidate["content"] == {"role": "model", "parts": [{"text": "4"}]}
    assert candidate["finishReason"] == "STOP"
    usage = reply["usageMetadata"]
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"]
    assert usage["promptTokensDetails"] == [{"modality": "TEXT", "tokenCount": usage["promptTokenCount"]}]
    assert reply["modelVersion"] == "gemini-2.5-flash"


async def test_documented_leniencies_are_accepted(serving: Serving) -> None:
    """Upper-case roles, parts as an object, no role in a single turn, a system instruction."""
    endpoint = await tune(serving)
    for content in ({"role": "USER", "parts": {"text": "3"}}, {"parts": [{"text": "3"}]}):
        body = {"contents": [content], "systemInstruction": {"parts": [{"text": "count"}]}}
        reply = await serving.post(f"{endpoint}:generateContent", body)
        assert reply["candidates"][0]["content"]["parts"] == [{"text": "4"}]


async def test_streams_come_as_events_or_as_one_array(serving: Serving) -> None:
    """All chunks carry one id; the last has the finish reason and the counts."""
    endpoint = await tune(serving)
    path = f"/v1/{endpoint}:streamGenerateContent"
    events = await serving.ask("POST", path, ask("3"), query="alt=sse")
    chunks = [json.loads(event.removeprefix("data: ")) for event in re.split(r"\r\n\r\n", events.text) if event]
    array = (await serving.ask("POST", path, ask("3"))).json
    for sequence in (chunks, array):
        text = "".join(chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in sequence)
        assert text == "4"
        assert len({chunk["responseId"] for chunk in sequence}) == 1
        assert sequence[-1]["candidates"][0]["finishReason"] == "STOP"
        assert sequence[-1]["usageMetadata"]["totalTokenCount"] > 0
        assert all("finishReason" not in chunk["candidates"][0] for chunk in sequence[:-1])


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_tokens_are_counted_on_endpoints_and_base_models(serving: Serving, version: str) -> None:
    """countTokens is of two services in the two versions; white space is not billed."""
    endpoint = await tune(serving)
    for name in (endpoint, BASE):
        counted = await serving.post(f"{name}:countTokens", ask("3 4"), version)
        assert counted["totalTokens"] == counted["promptTokensDetails"][0]["tokenCount"] > 0
        assert counted["totalBillableCharacters"] == 2


async def test_a_trainer_without_vocabulary_says_that_it_has_no_tokens(waiting: Serving) -> None:
    """computeTokens is the lora trainer's; the scripted one does not make ids up."""
    reply = await waiting.ask("POST", f"/v1/{BASE}:computeTokens", ask("3"))
    assert (reply.status, reply.json["error"]["status"]) == (503, "UNAVAILABLE")
    assert "no vocabulary" in reply.message


async def test_base_models_answer_under_their_id_and_their_stable_alias(serving: Serving) -> None:
    """publishers/google/models/ID, with and without a project; gemini-2.0-flash is its 001."""
    for name in (BASE, "publishers/google/models/gemini-2.5-flash", BASE.replace("2.5-flash", "2.0-flash")):
        assert (await serving.ask("POST", f"/v1/{name}:generateContent", ask("3"))).status == 200


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        (f"{PLACE}/endpoints/7", 404, f"Endpoint `{PLACE}/endpoints/7` not found."),
        (
            f"{PLACE}/publishers/google/models/gemini-9",
            404,
            f"Publisher Model `{PLACE}/publishers/google/models/gemini-9` was not found or your project does not have "
            "access to it. Please ensure you are using a valid model version. For more information, see: "
            "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions",
        ),
    ],
)
async def test_unknown_models_are_refused_in_the_recorded_words(
    waiting: Serving, name: str, status: int, message: str
) -> None:
    """The same for all methods, streams included."""
    for verb in ("generateContent", "streamGenerateContent", "countTokens"):
        reply = await waiting.ask("POST", f"/v1/{name}:{verb}", ask("3"))
        error = reply.json[0]["error"] if isinstance(reply.json, list) else reply.json["error"]
        assert (reply.status, error["message"]) == (status, message)


async def test_genai_s_short_endpoint_name_is_not_found(waiting: Serving) -> None:
    """google-genai turns endpoints/123 into publishers/endpoints/models/123, which the service does not have either."""
    reply = await waiting.ask("POST", f"/v1/{PLACE}/publishers/endpoints/models/123:generateContent", ask("3"))
    assert reply.status in (400, 404)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 400, "at least one contents field is required"),
        ({"contents": [{"role": "user"}]}, 400, "at least one parts field"),
        ({"contents": [{"role": "system", "parts": [{"text": "1"}]}]}, 400, "valid role: user, model"),
        (
            {"contents": [{"role": "model", "parts": [{"text": "1"}]}]},
            400,
            "ends with a user role or a function response",
        ),
        (
            {"contents": [{"role": "user", "parts": [{"executableCode": {"language": "PYTHON", "code": "1"}}]}]},
            501,
            "do not read executable_code",
        ),
        ({**ask("1"), "generationConfig": {"temperature": 2.5}}, 400, "temperature value of 2.5"),
        ({**ask("1"), "generationConfig": {"topK": "NaN"}}, 400, "topK value of nan"),
        ({**ask("1"), "generationConfig": {"candidateCount": 9}}, 400, "candidateCount value of 9"),
        ({**ask("1"), "generationConfig": {"maxOutputTokens": 0}}, 400, "maxOutputTokens value of 0"),
        ({**ask("1"), "generationConfig": {"responseSchema": {"type": "STRING"}}}, 400, "a response schema"),
    ],
)
async def test_bad_prompts_are_refused(waiting: Serving, body: dict[str, Any], status: int, words: str) -> None:
    """One sample a rule."""
    reply = await waiting.ask("POST", f"/v1/{BASE}:generateContent", body)
    assert reply.status == status, reply.text
    assert words in reply.message


async def test_the_generation_config_reaches_the_model(serving: Serving) -> None:
    """Candidates are as many as asked for; a limit of one token ends the answer with MAX_TOKENS."""
    endpoint = await tune(serving)
    body = {**ask("9"), "generationConfig": {"candidateCount": 2, "maxOutputTokens": 1, "temperature": 0}}
    reply = await serving.post(f"{endpoint}:generateContent", body)
    assert [one.get("index", 0) for one in reply["candidates"]] == [0, 1]
    assert {one["finishReason"] for one in reply["candidates"]} == {"MAX_TOKENS"}


async def test_an_endpoint_that_serves_nothing_says_so(serving: Serving) -> None:
    """After undeploying there is nobody to answer."""
    endpoint = await tune(serving)
    (deployed,) = (await serving.get(endpoint))["deployedModels"]
    await serving.post(f"{endpoint}:undeployModel", {"deployedModelId": deployed["id"]})
    reply = await serving.ask("POST", f"/v1/{endpoint}:generateContent", ask("3"))
    assert (reply.status, reply.message) == (400, f"Endpoint {endpoint} doesn't have traffic_split.")

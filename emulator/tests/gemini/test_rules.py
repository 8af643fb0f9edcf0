"""Every error text of the Gemini API is said by a request that breaks its rule alone, and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from tests.cached import CONTENTS, LONG, keep
from tests.gemini.serving import FLASH, OWNER, Serving, make_model, running_api
from tuning_emulator.api.call import Call, Caller
from tuning_emulator.core.errors import ApiError, ErrorText
from tuning_emulator.core.ids import project_number
from tuning_emulator.facts import gemini_errors
from tuning_emulator.gemini.create import DefaultDatasetError, load_default_dataset

OPEN = "/v1beta/models/gemini-2.5-flash"
FILES = "https://generativelanguage.googleapis.com/v1beta/files"
PRO = "/v1beta/models/gemini-2.5-pro"
OLD = "/v1beta/models/gemini-1.0-pro-001"
TUNED = "/v1beta/tunedModels/mine"
OTHER = "/v1beta/tunedModels/theirs"
OWNED = "/v1beta/tunedModels/mine/permissions"
SAY = {"contents": [{"parts": [{"text": "1"}]}]}


@dataclass(frozen=True, slots=True)
class Sample:
    """A request that breaks one rule, and what its text names."""

    verb: str
    path: str
    body: Any = None
    query: str = ""
    values: dict[str, Any] = field(default_factory=dict)


def create(values: dict[str, Any] | None = None, query: str = "", **fields: Any) -> Sample:
    """A create that differs from a good one in these fields."""
    return Sample("POST", "/v1beta/tunedModels", make_model(**fields), query, values or {})


def data(values: dict[str, Any] | None = None, **examples: Any) -> Sample:
    """A create with these examples."""
    task = {"trainingData": {"examples": examples}}
    return create(values, tuningTask=task)


def talk(values: dict[str, Any], *contents: dict[str, Any]) -> Sample:
    """A create with one conversation as its only example."""
    return data(values, multiturnExamples=[{"contents": list(contents)}])


def say(path: str, values: dict[str, Any] | None = None, **fields: Any) -> Sample:
    """A request for content."""
    return Sample("POST", f"{path}:generateContent", {**SAY, **fields}, values=values or {})


def config(values: dict[str, Any] | None = None, path: str = OPEN, **fields: Any) -> Sample:
    """A request for content with this generation config."""
    return say(path, {"request": "GenerateContentRequest", **(values or {})}, generationConfig=fields)


def batch(values: dict[str, Any] | None = None, *requests: dict[str, Any], **fields: Any) -> Sample:
    """A batch of these requests, or with other fields."""
    asked = {"inputConfig": {"requests": {"requests": list(requests)}}, **fields}
    return Sample("POST", f"{OPEN}:batchGenerateContent", {"batch": asked}, values=values or {})


def think(path: str, values: dict[str, Any] | None = None, **config: Any) -> Sample:
    """A request for content with this thinking config."""
    return say(path, values, generationConfig={"thinkingConfig": config})


def cache(values: dict[str, Any] | None = None, **fields: Any) -> Sample:
    """A create of cached content that differs from a good one in these fields; one that is None is left out."""
    body = {"model": "models/gemini-2.5-flash", "contents": CONTENTS, **fields}
    kept = {name: value for name, value in body.items() if value is not None}
    return Sample("POST", "/v1beta/cachedContents", kept, values=values or {})


def turn(role: str, text: str | None = "a") -> dict[str, Any]:
    """A content."""
    return {"role": role, "parts": [] if text is None else [{"text": text}]}


MINE = {"model": "tunedModels/mine"}
NAMED = {"request": "GenerateContentRequest"}
CREATED = {"request": "CreateTunedModelRequest"}
MADE = {"request": "CreatePermissionRequest"}

NEWER = "/v1beta/models/gemini-2.5-flash"
TEXT = {"type": "STRING"}
PARAMETERS = "tools[0].function_declarations[0].parameters"


def declare(values: dict[str, Any] | None = None, name: str = "f", **parameters: Any) -> Sample:
    """A request for content with a function of these parameters."""
    tools = [{"functionDeclarations": [{"name": name, "parameters": {"type": "OBJECT", **parameters}}]}]
    return say(NEWER, {"request": "GenerateContentRequest", "path": PARAMETERS, **(values or {})}, tools=tools)


def converse(*contents: dict[str, Any]) -> Sample:
    """A request with this conversation about a function."""
    return say(NEWER, contents=list(contents), tools=[{"functionDeclarations": [{"name": "f"}]}])


CALLED = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]}

SAMPLES: dict[str, Sample] = {
    "schema_type": declare({"path": f"{PARAMETERS}.properties[a]"}, properties={"a": {"description": "x"}}),
    "schema_properties_empty": declare(),
    "schema_not_object": config(
        {"path": "generation_config.response_schema", "field": "required"},
        NEWER,
        responseMimeType="application/json",
        responseSchema={**TEXT, "required": ["a"]},
    ),
    "schema_items": declare({"path": f"{PARAMETERS}.properties[a]"}, properties={"a": {"type": "ARRAY"}}),
    "schema_required": declare({"index": 1}, properties={"a": TEXT}, required=["a", "b"]),
    "schema_enum": declare(
        {"path": f"{PARAMETERS}.properties[a]"}, properties={"a": {"type": "INTEGER", "enum": ["1"]}}
    ),
    "schema_format": declare(
        {"path": f"{PARAMETERS}.properties[a]"}, properties={"a": {"type": "STRING", "format": "uri"}}
    ),
    "schema_unreadable": config(
        {"path": "generation_config.response_json_schema", "reason": "1 is no JSON Schema"},
        NEWER,
        responseMimeType="application/json",
        responseJsonSchema=1,
    ),
    "schema_needs_mime_type": say(NEWER, generationConfig={"responseSchema": TEXT}),
    "schemas_both": config(
        {},
        NEWER,
        responseMimeType="application/json",
        responseSchema=TEXT,
        responseJsonSchema={"type": "string"},
    ),
    "functions_with_mime_type": say(
        NEWER,
        {"mime_type": "application/json"},
        tools=[{"functionDeclarations": [{"name": "f"}]}],
        generationConfig={"responseMimeType": "application/json"},
    ),
    "functions_missing": say(NEWER, toolConfig={"functionCallingConfig": {"mode": "ANY"}}),
    "function_duplicate": say(NEWER, {"name": "f"}, tools=[{"functionDeclarations": [{"name": "f"}, {"name": "f"}]}]),
    "function_name": declare(
        {"path": "tools[0].function_declarations[0]"}, name="1 + 1", properties={"a": {"type": "STRING"}}
    ),
    "functions_allowed_unknown": say(
        NEWER,
        {"request": "GenerateContentRequest", "index": 0},
        tools=[{"functionDeclarations": [{"name": "f"}]}],
        toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["g"]}},
    ),
    "function_responses": converse(turn("user"), CALLED, turn("user")),
    "function_call_place": converse(turn("model"), CALLED, turn("user")),
    "tuned_model_not_found": Sample("GET", "/v1beta/tunedModels/none", values={"id": "none"}),
    "tuned_model_denied": say(OTHER, {"id": "theirs"}),
    "tuned_model_id_of_stranger": create({"id": "theirs"}, query="tunedModelId=theirs"),
    "tuned_model_exists": create({"id": "mine"}, query="tunedModelId=mine"),
    "model_not_found": Sample("GET", "/v1beta/models/none", values={"model": "none", "version": "v1beta"}),
    "model_not_supported": say("/v1/models/mine", {"model": "mine", "version": "v1", "method": "generateContent"}),
    "entity_not_found": Sample("GET", f"{TUNED}/operations/none"),
    "not_implemented": Sample("DELETE", "/v1/operations/x"),
    "name_missing": create(displayName=None),
    "tuned_model_id_format": create({"id": "Mine_1"}, query="tunedModelId=Mine_1"),
    "display_name_length": create(displayName="x" * 41),
    "source_model_missing": create(baseModel=None),
    "base_model_format": create(baseModel="gemini-1.5-flash-001-tuning"),
    "source_tuned_model_format": create(baseModel=None, tunedModelSource={"tunedModel": "mine"}),
    "base_model_not_tunable": create(
        {"model": "gemini-1.5-pro-002", "version": "v1beta"}, baseModel="models/gemini-1.5-pro-002"
    ),
    "source_not_active": create(
        {"id": "young", "state": "CREATING"}, baseModel=None, tunedModelSource={"tunedModel": "tunedModels/young"}
    ),
    "training_data_missing": create(tuningTask={}),
    "examples_empty": data(examples=[]),
    "output_missing": data({"index": 1}, examples=[{"textInput": "a", "output": "b"}, {"textInput": "a"}]),
    "text_input_length": data(
        {"index": 0, "limit": 40_000, "length": 40_001}, examples=[{"textInput": "x" * 40_001, "output": "b"}]
    ),
    "output_length": data(
        {"index": 0, "limit": 5_000, "length": 5_001}, examples=[{"textInput": "a", "output": "x" * 5_001}]
    ),
    "multiturn_empty": talk({"index": 0}),
    "multiturn_role": talk({"index": 0, "turn": 0, "role": "robot"}, turn("robot"), turn("model")),
    "multiturn_end": talk({"index": 0}, turn("model"), turn("user")),
    "multiturn_parts": talk({"index": 0, "turn": 0}, turn("user", None), turn("model")),
    "epoch_count": create(hyperparameters={"epochCount": 0}),
    "too_many_steps": create(
        {"steps": 15 * (2**31 - 1), "maximum": 2**31 - 1},
        hyperparameters={"epochCount": 2**31 - 1, "batchSize": 1},
    ),
    "batch_size": create(hyperparameters={"batchSize": -1}),
    "learning_rate": create(hyperparameters={"learningRate": 0}),
    "learning_rate_multiplier": create(hyperparameters={"learningRateMultiplier": -0.5}),
    "tuned_temperature": create({**CREATED, "maximum": 2.0}, temperature=2.5),
    "tuned_top_p": create(CREATED, topP=1.5),
    "tuned_top_k": create(CREATED, topK=-1),
    "mask_path": Sample("PATCH", TUNED, {}, "updateMask=colour", {"path": "colour"}),
    "mask_field": Sample("PATCH", TUNED, {}, "updateMask=baseModel", {"path": "base_model"}),
    "filter": Sample(
        "GET",
        "/v1beta/tunedModels",
        query="filter=writers:you",
        values={"term": "writers:you", "known": "owner:me, writers:me, readers:me, readers:everyone"},
    ),
    "tuned_model_not_active": say("/v1beta/tunedModels/young", {"id": "young", "state": "CREATING"}),
    "contents_missing": say(OPEN, NAMED, contents=[]),
    "parts_empty": say(OPEN, {**NAMED, "index": 0}, contents=[turn("user", None)]),
    "part_without_data": say(OPEN, {**NAMED, "index": 0, "part": 0}, contents=[{"parts": [{}]}]),
    "role": say(OPEN, contents=[turn("assistant")]),
    "single_turn_end": say(OPEN, contents=[turn("model")]),
    "multiturn_request_end": say(OLD, contents=[turn("user"), turn("model")]),
    "temperature": config({"maximum": 2.0}, temperature=5),
    "top_p": config(topP=1.01),
    "top_k": config(topK=-1),
    "max_output_tokens": config(maxOutputTokens=0),
    "candidate_count": config({"maximum": 8}, candidateCount=9),
    "one_candidate": say(OLD, generationConfig={"candidateCount": 2}),
    "stop_sequences": config({"limit": 5, "length": 6}, stopSequences=list("abcdef")),
    "response_mime_type": config(responseMimeType="text/html"),
    "system_instruction": say(TUNED, MINE, systemInstruction={"parts": [{"text": "x"}]}),
    "json_mode": say(TUNED, MINE, generationConfig={"responseMimeType": "application/json"}),
    "function_calling": say(TUNED, MINE, tools=[{"functionDeclarations": [{"name": "f"}]}]),
    "input_modality": say(
        TUNED,
        {**MINE, "modality": "Image"},
        contents=[{"parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]}],
    ),
    "mime_type": say(
        OPEN,
        {"mime_type": "image/jpg"},
        contents=[{"parts": [{"inlineData": {"mimeType": "image/jpg", "data": "AA=="}}]}],
    ),
    "file_uri": say(
        OPEN,
        {"uri": "ftp://x/y.png"},
        contents=[{"parts": [{"fileData": {"mimeType": "image/png", "fileUri": "ftp://x/y.png"}}]}],
    ),
    "file_denied": say(
        OPEN,
        {"id": "abc-1"},
        contents=[{"parts": [{"fileData": {"mimeType": "image/png", "fileUri": f"{FILES}/abc-1"}}]}],
    ),
    "media_count": say(
        OPEN,
        {"count": 2, "kind": "audio", "limit": 1},
        contents=[{"parts": 2 * [{"inlineData": {"mimeType": "audio/wav", "data": "AA=="}}]}],
    ),
    "response_modalities": say(
        OPEN,
        {"model": "models/gemini-2.5-flash", "modalities": "IMAGE"},
        generationConfig={"responseModalities": ["TEXT", "IMAGE"]},
    ),
    "thinking_required": say(PRO, generationConfig={"thinkingConfig": {"thinkingBudget": 0}}),
    "thinking_budget": say(PRO, {"budget": 52428}, generationConfig={"thinkingConfig": {"thinkingBudget": 52428}}),
    "logprobs": say(TUNED, MINE, generationConfig={"responseLogprobs": True}),
    "cached_content": say(OPEN, cachedContent="cachedContents/x"),
    "cached_content/expired": say(OPEN, cachedContent="cachedContents/expired"),
    "cached_content/changed": Sample("PATCH", "/v1beta/cachedContents/expired", {"ttl": "60s"}),
    "cached_content_alone": say(OPEN, cachedContent="cachedContents/kept", tools=[{"googleSearch": {}}]),
    "cached_content_of_other_model": say(
        PRO,
        {"asked": "models/gemini-2.5-pro", "cached": "models/gemini-2.5-flash"},
        cachedContent="cachedContents/kept",
    ),
    "cached_content_small": cache({"count": 1, "minimum": 1024}, contents=[turn("user")]),
    "cached_content_large": cache({"count": 1_100_000, "maximum": 1_048_576}, contents=[turn("user", LONG * 1000)]),
    "cached_content_ends_with_model": cache(contents=[*CONTENTS, turn("model")]),
    "cached_content_model_missing": cache(model=None),
    "cached_content_name_length": cache({"limit": 128, "length": 129}, displayName="x" * 129),
    "cached_content_expiry": cache({"request": "CreateCachedContentRequest"}, ttl="0s"),
    "cached_content_expiry/changed": Sample(
        "PATCH",
        "/v1beta/cachedContents/kept",
        {"expireTime": "2001-01-01T00:00:00Z"},
        values={"request": "UpdateCachedContentRequest"},
    ),
    "cached_content_mask": Sample(
        "PATCH", "/v1beta/cachedContents/kept", {"displayName": "x"}, values={"path": "display_name"}
    ),
    "thinking_not_enabled": think(OLD, {"model": "models/gemini-1.0-pro-001"}, thinkingBudget=1),
    "thinking_level": think(OPEN, thinkingLevel="LOW"),
    "thinking_both": think(OPEN, thinkingLevel="LOW", thinkingBudget=0),
    "search_retrieval_old": say(OPEN, tools=[{"googleSearchRetrieval": {}}]),
    "search_not_supported": say(TUNED, tools=[{"googleSearch": {}}]),
    "search_not_supported/retrieval": say(OLD, tools=[{"googleSearchRetrieval": {}}]),
    "code_execution": say(TUNED, MINE, tools=[{"codeExecution": {}}]),
    "tool_not_supported": say(
        OPEN,
        {"tool": "computer_use", "model": "models/gemini-2.5-flash"},
        tools=[{"computerUse": {"environment": "ENVIRONMENT_BROWSER"}}],
    ),
    "tools_with_functions": say(OPEN, tools=[{"googleSearch": {}, "functionDeclarations": [{"name": "f"}]}]),
    "tools_with_mime_type": say(
        OPEN,
        {"mime_type": "application/json"},
        tools=[{"urlContext": {}}],
        generationConfig={"responseMimeType": "application/json"},
    ),
    "tool_context": say(
        OPEN, {"model": "models/gemini-2.5-flash"}, toolConfig={"includeServerSideToolInvocations": True}
    ),
    "penalty": say(OPEN, {"model": "models/gemini-2.5-flash"}, generationConfig={"presencePenalty": 0.1}),
    "safety_category": say(
        OPEN,
        {"request": "GenerateContentRequest", "index": 1},
        safetySettings=[
            {"category": "HARM_CATEGORY_CIVIC_INTEGRITY", "threshold": "OFF"},
            {"category": "HARM_CATEGORY_MEDICAL", "threshold": "OFF"},
        ],
    ),
    "multiturn": say(
        "/v1beta/tunedModels/old", {"model": "tunedModels/old"}, contents=[turn("user"), turn("model"), turn("user")]
    ),
    "input_characters": say(TUNED, {"length": 40_001, "limit": 40_000}, contents=[{"parts": [{"text": "x" * 40_001}]}]),
    "input_tokens": say(OLD, {"length": 30_721, "limit": 30_720}, contents=[{"parts": [{"text": "1" * 30_721}]}]),
    "batch_input_missing": batch(inputConfig={}),
    "batch_requests_empty": batch(),
    "batch_request_missing": batch({"index": 1}, {"request": SAY}, {"metadata": {"key": "a"}}),
    "batch_other_model": batch(
        {"index": 0, "model": "models/gemini-2.5-pro"}, {"request": {**SAY, "model": "models/gemini-2.5-pro"}}
    ),
    "batch_not_found": Sample("GET", "/v1beta/batches/none"),
    "permission_not_found": Sample("GET", f"{OWNED}/12", values={"name": "tunedModels/mine/permissions/12"}),
    "permission_exists": Sample(
        "POST",
        OWNED,
        {"granteeType": "EVERYONE", "role": "READER"},
        values={"name": "tunedModels/mine/permissions/everyone"},
    ),
    "role_missing": Sample("POST", OWNED, {"granteeType": "USER", "emailAddress": "a@b.c"}, values=MADE),
    "role_owner": Sample("POST", OWNED, {"granteeType": "USER", "emailAddress": "a@b.c", "role": "OWNER"}, values=MADE),
    "email_missing": Sample("POST", OWNED, {"granteeType": "USER", "role": "READER"}),
    "email_forbidden": Sample("POST", OWNED, {"granteeType": 3, "emailAddress": "a@b.c", "role": "READER"}),
    "permission_mask_missing": Sample("PATCH", f"{OWNED}/everyone", {"role": "WRITER"}),
    "permission_mask": Sample(
        "PATCH", f"{OWNED}/everyone", {"role": "WRITER"}, "updateMask=emailAddress", {"path": "email_address"}
    ),
    "owner_permission": Sample("DELETE", f"{OWNED}/100196530005943377334"),
    "transfer_email_missing": Sample("POST", f"{TUNED}:transferOwnership", {}),
    "transfer_not_owner": Sample("POST", "/v1beta/tunedModels/shared:transferOwnership", {"emailAddress": "a@b.c"}),
}

ELSEWHERE = {
    "model_not_supported_2023": "said on other days; see test_dates",
    "model_not_supported_2026": "said on other days; see test_dates",
    "logprobs_2026": "said on other days; see test_dates",
    "tools_with_functions_2026": "said on other days; see the contract tests",
    **dict.fromkeys(("multiple_candidates", "multiple_candidates_2026"), "no model that is served here says it"),
    "model_name_format": "only gRPC can send such a name; see test_malformed_model_name",
    "name_format": "only gRPC can send such a name; see test_a_name_of_another_form",
    **dict.fromkeys(
        ("image_invalid", "document_invalid", "media_invalid", "media_size", "media_length"),
        "needs what reads files; see media/test_prompts",
    ),
    "batch_cancelled": "what a batch ends with; see test_batches",
    "prompt_refused": "needs a trainer that refuses; see test_a_prompt_too_long_for_the_model_here",
    "unavailable": "needs a trainer that is not there; see test_adapter_without_its_trainer",
    **dict.fromkeys(
        ("gemini_exhausted", "gemini_quota", "gemini_overloaded", "gemini_high_demand", "gemini_internal"),
        "said on purpose; see the tests of faults",
    ),
}
"""Rows that no HTTP request alone can break today."""

ROWS = {row.name: row for row in gemini_errors.ROWS if isinstance(row, ErrorText)}
STRANGER = "stranger@x.org"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def peopled() -> AsyncIterator[Serving]:
    """Mine and an old model of mine, one of a stranger's, one that he shares, and one still CREATING: one emulator for
    all samples, for none of them may change it."""
    async with running_api() as serving:
        await serving.create(query="tunedModelId=mine")
        await serving.create(query="tunedModelId=old", baseModel="models/gemini-1.0-pro-001")
        await serving.ask("POST", OWNED, {"granteeType": "EVERYONE", "role": "READER"})
        for name in ("theirs", "shared"):
            await serving.create(query=f"tunedModelId={name}", token=STRANGER)
        everyone = {"granteeType": "EVERYONE", "role": "READER"}
        await serving.ask("POST", "/v1beta/tunedModels/shared/permissions", everyone, token=STRANGER)
        await serving.queue.stop()
        await serving.create(query="tunedModelId=young", finish=False)
        keep(serving.store, "gemini", project_number("project"), "kept")
        keep(serving.store, "gemini", project_number("project"), "expired", expires_ns=1_700_000_000_000_000_001)
        yield serving


async def dump(serving: Serving) -> list[str]:
    """Everything that can be read."""
    names = ("mine", "old", "theirs", "shared", "young")
    paths = [f"/v1beta/tunedModels/{name}{part}" for name in names for part in ("", "/permissions", "/operations")]
    tokens = {"theirs": STRANGER, "shared": STRANGER}
    return [(await serving.ask("GET", path, token=tokens.get(path.split("/")[3], ""))).text for path in paths]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", SAMPLES)
async def test_each_rule_says_its_text_and_changes_nothing(peopled: Serving, name: str) -> None:
    """The sample breaks this row alone; the store is as it was."""
    row, sample, before = ROWS[name.partition("/")[0]], SAMPLES[name], await dump(peopled)
    reply = await peopled.ask(sample.verb, sample.path, sample.body, query=sample.query)
    assert reply.message == row.format(**sample.values)
    assert reply.json["error"]["status"] == row.code.name
    assert "details" not in reply.json["error"]
    assert await dump(peopled) == before
    assert len(peopled.store.list_tuned_models_oldest_first(0, 10)) == 5


def test_every_text_has_a_sample() -> None:
    """No row of the table is without one."""
    assert ROWS.keys() == {name.partition("/")[0] for name in SAMPLES} | ELSEWHERE.keys()


async def test_all_breaches_of_fields_are_told_together(waiting: Serving) -> None:
    """As the service's validator does: one line each, in order."""
    body = make_model(hyperparameters={"epochCount": 0, "batchSize": 0}, pairs=[("a", "")])
    reply = await waiting.ask("POST", "/v1beta/tunedModels", body)
    fields = [line.partition(":")[0].rpartition(".")[2] for line in reply.message.splitlines()]
    assert fields == ["epoch_count", "batch_size", "output"]
    assert waiting.store.list_tuned_models_oldest_first(0, 10) == []


async def test_a_name_that_is_too_long_is_told_alone(waiting: Serving) -> None:
    """Its text names no field and stands in no list."""
    body = make_model(displayName="x" * 41, hyperparameters={"epochCount": 0})
    reply = await waiting.ask("POST", "/v1beta/tunedModels", body)
    assert (reply.status, reply.message) == (400, "Request contains an invalid argument.")


async def test_both_learning_rates_are_refused_by_the_front_end(waiting: Serving) -> None:
    """They share a oneof; the text names the key as it was written."""
    body = make_model(hyperparameters={"learningRate": 0.1, "learningRateMultiplier": 2})
    reply = await waiting.ask("POST", "/v1beta/tunedModels", body)
    assert reply.message == (
        "Invalid value at 'tuned_model.tuning_task.hyperparameters' (oneof), oneof field 'learning_rate_option' is "
        "already set. Cannot set 'learningRateMultiplier'"
    )


async def test_models_prefix_on_a_tuned_model(serving: Serving) -> None:
    """Recorded: the prefix forgotten, the model is looked for among base models."""
    name = await serving.create()
    reply = await serving.generate(name.replace("tunedModels/", "models/"))
    assert reply.status == 404
    assert reply.message.endswith(
        "is not found for API version v1beta, or is not supported for generateContent. "
        "Call ListModels to see the list of available models and their supported methods."
    )


async def test_retired_models_refused_as_today() -> None:
    """Recorded in June 2025: no tuning, no model listed, and tuned models answer 404 naming their base model."""
    serving = Serving()
    await serving.start()
    name = await serving.create()
    today = Serving(as_of={"*": date(2025, 9, 1)})
    for job in serving.store.list_tuned_models_oldest_first(0, 1):
        today.store.put_permission(serving.store.list_permissions(today.store.insert_job(job).uid)[0])
    create_reply = await today.ask("POST", "/v1beta/tunedModels", make_model())
    assert (create_reply.status, create_reply.message) == (
        404,
        "models/gemini-1.5-flash-001-tuning is not found for CREATE TUNED MODEL at API version v1beta.",
    )
    assert (await today.generate(name)).message == (
        "models/gemini-1.5-flash-001-tuning is not found for API version v1beta, or is not supported for "
        "generateContent. Call ListModels to see the list of available models and their supported methods."
    )
    assert (await today.ask("GET", f"/v1beta/{name}")).status == 200
    assert (await today.ask("GET", f"/v1beta/{FLASH}")).status == 404
    listed = (await today.ask("GET", "/v1beta/models")).json["models"]
    assert not any("createTunedModel" in model["supportedGenerationMethods"] for model in listed)
    for one in (serving, today):
        await one.stop()


@pytest.mark.parametrize("name", ["", "models/", "mine", "models/tunedModels/mine"])
async def test_malformed_model_name(waiting: Serving, name: str) -> None:
    """Recorded over gRPC, which delivers any name."""
    schema = waiting.api.schemas["v1beta"]
    method = schema.methods[schema.full_name("GenerativeService.GenerateContent")]
    call = Call(waiting.api, schema, "v1beta", method, {"model": name, "contents": []}, Caller(OWNER, "", "token"))
    with pytest.raises(ApiError) as caught:
        await cast("Awaitable[Any]", waiting.api.handlers["GenerativeService.GenerateContent"](call))
    assert caught.value.message == "* GenerateContentRequest.model: unexpected model name format\n"


async def test_adapter_without_its_trainer(serving: Serving) -> None:
    """An adapter whose trainer is not installed answers 503 with what would help, also before a stream begins."""
    name = await serving.create()
    serving.store.update_progress(1, trainer="lora")
    serving.app.trainers.pop("lora", None)
    whole = await serving.generate(name)
    assert (whole.status, "not installed" in whole.message) == (503, True)
    streamed = await serving.ask("POST", f"/v1beta/{name}:streamGenerateContent", SAY)
    assert (streamed.status, streamed.json[0]["error"]["status"]) == (503, "UNAVAILABLE")


@pytest.mark.parametrize("text", ["", "[1]\n", '{"text_input": "a"}\n', "{\n"])
def test_bad_default_datasets_are_named(tmp_path: Path, text: str) -> None:
    """The error names the setting and the file."""
    file = tmp_path / "pairs.jsonl"
    file.write_text(text)
    with pytest.raises(DefaultDatasetError, match=r"default_dataset: .*pairs\.jsonl"):
        load_default_dataset(file)


@pytest.mark.parametrize(
    "data", [b"question,answer\n1,2\n", b'{"prompt": "1", "completion": "2"}\n', "é,a\n1,2".encode("cp1252")]
)
def test_default_datasets_of_another_kind_are_named_with_the_command(tmp_path: Path, data: bytes) -> None:
    """As `validate` does."""
    file = tmp_path / "pairs.x"
    file.write_bytes(data)
    with pytest.raises(DefaultDatasetError, match=r"default_dataset: .*tuning-emulator convert .*--to gemini"):
        load_default_dataset(file)


def test_missing_default_dataset_is_named(tmp_path: Path) -> None:
    """So is a file that is not there."""
    with pytest.raises(DefaultDatasetError, match="default_dataset"):
        load_default_dataset(tmp_path / "none.jsonl")

"""Models and what they answer, as the Gemini API did."""

from __future__ import annotations

import json

import pytest

from contract_tests.contract import Contract
from contract_tests.exchange import Recording
from contract_tests.situations import STRANGER, trained_model, trouble, tuned_model
from tuning_emulator.facts import gemini_errors, google_errors, vertex_errors

GPRO = "gemini-1.0-pro-001"
FLASH = "gemini-1.5-flash-001-tuning"
NEXT = {"100": "101", "4": "5", "-8": "-7"}


@pytest.mark.parametrize("name", ["listed_text_bison_001", "listed_gemini_1_0_pro_001", "listed_flash_tuning"])
async def test_listed_models(contract: Contract, name: str) -> None:
    """Models that can be tuned, as they were listed."""
    (await contract.play(name)).same_parts()


async def test_generate_content(contract: Contract) -> None:
    """A tuned model's answer: text, ratings, token counts; no model version."""
    await contract.given(trained_model("next-number-generator-m1lwcujgc644", GPRO, NEXT))
    answer = (await contract.play("generate_tuned")).same_answer()
    assert answer.json["usageMetadata"]["totalTokenCount"] == 6


async def test_generate_text_of_tuned_model(contract: Contract) -> None:
    """PaLM's method: one prompt, as many candidates as were asked for."""
    await contract.given(trained_model("number-generator-model-q2d0uism5ivd", "text-bison-001", NEXT))
    answer = await contract.play("generate_text_tuned_palm")
    assert answer.heard.status == 200
    candidates = answer.json["candidates"]
    assert len(candidates) == 2
    assert all(isinstance(one["output"], str) and next(iter(one)) == "output" for one in candidates)


async def test_generate_text(contract: Contract) -> None:
    """PaLM rates by categories of its own."""
    (await contract.play("generate_text_base")).same_headers().same_shape()
    answer = await contract.play("generate_text_base")
    ratings = answer.recording.answer.body["candidates"][0]["safetyRatings"]
    assert answer.json["candidates"][0]["safetyRatings"] == ratings


async def test_count_tokens(contract: Contract) -> None:
    """Tokens of a text."""
    (await contract.play("count_tokens_base")).same_headers().same_parts()


async def test_stream(contract: Contract) -> None:
    """Events with one-line JSON, ``": "`` after keys and ``,`` without space; no event has a name, none says [DONE].

    Every event has the prompt's count and the model's version; the last one says why it ended.
    """
    answer = (await contract.play("stream_base")).same_headers()
    *events, rest = answer.text.split("\r\n\r\n")
    assert rest == ""
    values = [json.loads(event.removeprefix("data: ")) for event in events]
    assert events == ["data: " + json.dumps(one, separators=(",", ": "), ensure_ascii=False) for one in values]
    for value in values:
        assert list(value)[:3] == ["candidates", "usageMetadata", "modelVersion"]
        assert next(iter(value["usageMetadata"])) == "promptTokenCount"
        assert value["usageMetadata"]["promptTokensDetails"][0]["modality"] == "TEXT"
    assert [one["candidates"][0].get("finishReason") for one in values] == [None] * (len(values) - 1) + ["STOP"]


@pytest.mark.parametrize("name", ["generate_stranger", "generate_stranger_v1"])
async def test_stranger_is_refused(contract: Contract, name: str) -> None:
    """Who has no right to a tuned model cannot ask it."""
    await contract.given(tuned_model(id="mymodel", owner=STRANGER))
    (await contract.play(name)).same_message()


async def test_retired_flash(contract: Contract) -> None:
    """Since May 2025 tuned models answer no more, and the base model is named."""
    contract.settings(as_of="2025-06-13")
    await contract.given(tuned_model(id="generatenum8563-kcy70r9a59pdk4nwuwy9fz44", base_model=FLASH))
    (await contract.play("generate_retired_flash")).same_error()


async def test_retired_palm(contract: Contract) -> None:
    """So did those of PaLM before."""
    contract.settings(as_of="2024-09-30")
    await contract.given(tuned_model(id="my-palm-model", base_model="text-bison"))
    (await contract.play("generate_retired_palm")).same_error()


@pytest.mark.parametrize("name", ["generate_unknown_model", "count_unknown_model"])
async def test_unknown_model(contract: Contract, name: str) -> None:
    """The version and the method are named."""
    (await contract.play(name)).same_error()


async def test_unknown_model_in_2023(contract: Contract) -> None:
    """The method was named with a capital."""
    contract.settings(as_of="2023-12-14")
    (await contract.play("generate_unknown_model_2023")).same_error()


async def test_model_name_without_prefix(contract: Contract) -> None:
    """A tuned model asked for as a base model is not found."""
    (await contract.play("generate_without_prefix")).same_beginning()


@pytest.mark.parametrize(
    "name",
    [
        "contents_missing",
        "parts_empty",
        "part_without_data",
        "part_without_data_33",
        "role_unknown",
        "multiturn_of_model",
        "temperature_range",
        "max_output_tokens",
        "response_mime_type",
        "get_unknown_model",
        "single_turn_of_model",
        "one_candidate",
        "model_name_format",
        "thinking_required",
        "thinking_budget_invalid",
        "thinking_level_unsupported",
        "thinking_budget_and_level",
        "search_retrieval",
        "tools_with_functions",
        "tools_with_mime_type",
        "tool_context",
        "penalty",
        "safety_category",
        "cached_content_missing",
    ],
)
async def test_refused_requests(contract: Contract, name: str) -> None:
    """The service's own words, bullets and newlines included; no details."""
    (await contract.play(name)).same_error()


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("system_instruction_base", "models/gemini-pro"),
        ("json_mode", "models/gemini-pro"),
        ("function_calling", "models/gemma-3-12b-it"),
        ("code_execution", "models/gemma-3-27b-it"),
        ("search_unsupported", "models/gemini-1.5-flash-8b"),
        ("thinking_not_enabled", "models/gemma-3-27b-it"),
        ("multiturn", "models/gemini-1.0-pro-vision-latest"),
    ],
)
async def test_what_a_tuned_model_cannot(contract: Contract, name: str, model: str) -> None:
    """Recorded on base models, said of the tuned model that is asked."""
    await contract.given(trained_model("numbers", GPRO, NEXT))
    (await contract.play(name, instead={model: "tunedModels/numbers"})).same_error()


async def test_system_instruction(contract: Contract) -> None:
    """A tuned model takes none."""
    await contract.given(trained_model("keyphraseextractv010-8vfr4la1aubc", FLASH, NEXT))
    (await contract.play("system_instruction_tuned")).same_beginning()


async def test_too_many_tokens(contract: Contract) -> None:
    """The count and the limit of the model asked are named."""
    words = json.dumps({"contents": [{"parts": [{"text": "one two three four " * 12_000}]}]})
    limits = {"131072": "30720", "models/gemma-3-27b-it": f"models/{GPRO}"}
    (await contract.play("input_tokens", instead=limits, text=words)).same_error()


async def test_log_probabilities(contract: Contract) -> None:
    """Since 2026 the model is not named."""
    contract.settings(as_of="2026-06-01")
    (await contract.play("logprobs_2026")).same_error()


@pytest.mark.parametrize("name", ["media_type", "file_denied"])
async def test_refused_files(contract: Contract, name: str) -> None:
    """By what is said of them, before they are looked at."""
    (await contract.play(name)).same_message()


async def test_objects_before_they_were_read(contract: Contract) -> None:
    """Since 2026 they are."""
    contract.settings(as_of="2025-11-01")
    (await contract.play("file_uri")).same_message()


@pytest.mark.process
async def test_broken_images(contract: Contract) -> None:
    """Looked at by a process of its own."""
    (await contract.play("image_broken")).same_message()


async def test_tools_and_functions_together_in_2026(contract: Contract) -> None:
    """The tools are named."""
    contract.settings(as_of="2026-06-01")
    (await contract.play("tools_with_functions_2026")).same_message()


async def test_images(contract: Contract) -> None:
    """A model that reads text alone names itself."""
    (await contract.play("image_input", instead={"models/gemini-1.5-flash": f"models/{GPRO}"})).same_message()


TROUBLES = (
    "multiple_candidates",
    "multiple_candidates_2026",
    "out_of_capacity",
    "exhausted",
    "quota_free_tier",
    "overloaded",
    "high_demand",
    "internal",
    "internal_generic",
    "vertex_exhausted",
    "vertex_unavailable",
    "vertex_quota",
    "deadline",
    "cancelled",
)


@pytest.mark.parametrize("name", TROUBLES)
async def test_troubles_of_the_service(contract: Contract, recordings: dict[str, Recording], name: str) -> None:
    """What no request brings about is said in the service's words too."""
    recording = recordings[name]
    tables = (google_errors, gemini_errors, vertex_errors)
    (row,) = (row for table in tables if (row := getattr(table, recording.fact, None)) is not None)
    await contract.given(trouble(row, recording.values))
    (await contract.play(name)).same_error()


SCHEMAS = [
    "schema_type",
    "schema_properties_empty",
    "schema_not_object",
    "schema_items",
    "schema_required",
    "schema_enum",
    "schema_format",
    "schema_needs_mime_type",
    "functions_with_mime_type",
    "functions_missing",
    "function_duplicate",
    "function_responses",
    "function_call_place",
]


@pytest.mark.parametrize("name", SCHEMAS)
async def test_schema_or_function_is_refused(contract: Contract, name: str) -> None:
    """What is wrong with a schema or a function, as clients quote it."""
    (await contract.play(name)).same_error()

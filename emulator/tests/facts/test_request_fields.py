"""No field of a request for content is silent: it acts, is refused, or is told of."""

from __future__ import annotations

from typing import Any

import pytest

from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import Api
from tuning_emulator.facts.base_models import find_base_model
from tuning_emulator.facts.request_fields import REQUEST_FIELDS, note_inert
from tuning_emulator.gemini.api import SCHEMAS as GEMINI
from tuning_emulator.gemini.prompts import ContentRequest, read_prompt
from tuning_emulator.schema.schema import Schema, Value
from tuning_emulator.vertex.api import SCHEMAS as VERTEX
from tuning_emulator.vertex.prompts import parse_prompt
from tuning_trainer.spec import Prompt

EXPANDED = (
    "generation_config",
    "generation_config.response_format",
    "tool_config",
    "tool_config.function_calling_config",
    "tools",
)
ROWS = {row.path: row for row in REQUEST_FIELDS}
PLAIN: Value = {"contents": [{"role": "user", "parts": [{"text": "1"}]}]}
TEXT = {"type": "STRING"}

SAMPLES: dict[str, Value] = {
    "contents": {"contents": [{"role": "user", "parts": [{"text": "2"}]}]},
    "system_instruction": {"system_instruction": {"parts": [{"text": "Count."}]}},
    "tools.function_declarations": {"tools": [{"function_declarations": [{"name": "f"}]}]},
    **{
        f"generation_config.{name}": {"generation_config": {name: value}}
        for name, value in {
            "temperature": 0.5,
            "top_p": 0.5,
            "top_k": 3,
            "seed": 7,
            "candidate_count": 2,
            "max_output_tokens": 9,
            "stop_sequences": ["x"],
            "presence_penalty": 1.0,
            "frequency_penalty": 1.0,
            "response_mime_type": "application/json",
            "response_format": [{"text": {"mime_type": "APPLICATION_JSON"}}],
            "response_logprobs": True,
        }.items()
    },
}
"""Requests that set one field that acts."""

WITH: dict[str, tuple[Value, Value]] = {
    **{
        f"tool_config.function_calling_config.{name}": (
            {"tools": [{"function_declarations": [{"name": "f"}, {"name": "g"}]}]},
            {"tool_config": {"function_calling_config": config}},
        )
        for name, config in {
            "mode": {"mode": "ANY"},
            "allowed_function_names": {"mode": "ANY", "allowed_function_names": ["f"]},
        }.items()
    },
    **{
        f"generation_config.{name}": (
            {"generation_config": {"response_mime_type": "application/json"}},
            {"generation_config": {"response_mime_type": "application/json", name: schema}},
        )
        for name, schema in {
            "response_schema": TEXT,
            "response_json_schema": {"type": "string"},
            "response_json_schema_ordered": {"type": "string"},
        }.items()
    },
    "generation_config.logprobs": (
        {"generation_config": {"response_logprobs": True}},
        {"generation_config": {"response_logprobs": True, "logprobs": 3}},
    ),
}
"""Fields that act beside another one: what is there, and what is added."""


def ask(api: Api, body: Value) -> Prompt:
    """The prompt of a request."""
    base = find_base_model(api, "gemini-2.5-flash")
    assert base is not None
    if api == "vertex":
        return parse_prompt(body, base)
    return read_prompt(ContentRequest(body, "GenerateContentRequest", "models/gemini-2.5-flash", base))


def list_paths(schema: Schema, message: str, prefix: str = "") -> set[str]:
    """The fields of a message, and of those below that have rows of their own."""
    found: set[str] = set()
    for field in schema.message(message).fields:
        path = f"{prefix}{field.name}"
        found |= list_paths(schema, field.type, f"{path}.") if path in EXPANDED else {path}
    return found


def test_every_field_has_a_row() -> None:
    """Of both APIs in every version; no row is of none."""
    schemas = [*GEMINI.values(), *VERTEX.values()]
    message = "GenerateContentRequest"
    asked = [one for one in schemas if one.full_name(message) in one.messages]
    fields = set[str]().union(*(list_paths(one, message) for one in asked))
    assert fields == ROWS.keys()


@pytest.mark.parametrize("path", [row.path for row in REQUEST_FIELDS if row.effect == "no effect"])
def test_a_field_without_effect_is_told_of(path: str) -> None:
    """By its path, and why; where it is not set nothing is said."""
    value: Any = {"x": 1}
    for name in reversed(path.split(".")):
        value = {name: [value] if name in ("tools", "response_format") else value}
    notes: list[str] = []
    note_inert(PLAIN, notes)
    assert notes == []
    note_inert({**PLAIN, **value}, notes)
    assert notes == [f"{path} has no effect: {ROWS[path].why}"]


ELSEWHERE = ("model", "cached_content", "generation_config.media_resolution")
"""What no prompt alone shows: see the tests of models, of endpoints, of cached contents and media/test_tokens."""

ACTING = [row.path for row in REQUEST_FIELDS if row.effect == "acts" and row.path not in ELSEWHERE]
REFUSED: dict[str, str] = {"logprobs": "ogprobs is not enabled", "penalty": "Penalty is not enabled"}
"""What the Gemini API refuses of models that Vertex AI grants it."""


@pytest.mark.parametrize("api", ["gemini", "vertex"])
@pytest.mark.parametrize("path", ACTING)
def test_a_field_that_acts_reaches_the_model(path: str, api: Api) -> None:
    """The prompt is another one with it; the Gemini API refuses log probabilities and penalties."""
    path = path.removesuffix(".text")
    before, added = WITH.get(path, ({}, SAMPLES.get(path)))
    assert added is not None, f"{path} has no sample"
    notes: list[str] = []
    note_inert(added, notes)
    assert notes == []
    refused = next((text for name, text in REFUSED.items() if name in path), "") if api == "gemini" else ""
    if refused:
        with pytest.raises(ApiError, match=refused):
            ask(api, {**PLAIN, **added})
        return
    assert ask(api, {**PLAIN, **before, **added}) != ask(api, {**PLAIN, **before})

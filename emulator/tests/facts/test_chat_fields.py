"""No parameter of a chat completion is silent: it acts, or is told of."""

from __future__ import annotations

from typing import Any

import pytest

from tuning_emulator.core.chat_request import translate_chat
from tuning_emulator.facts.chat_fields import CHAT_FIELDS, note_ignored

GOOGLE = "extra_body.google."
PLAIN: dict[str, Any] = {"messages": [{"role": "user", "content": "1"}]}
FUNCTION = {"name": "f"}

SAMPLES: dict[str, Any] = {
    "messages": [{"role": "user", "content": "2"}],
    "max_tokens": 9,
    "max_completion_tokens": 9,
    "n": 2,
    "stop": "x",
    "seed": 7,
    "temperature": 0.5,
    "top_p": 0.5,
    "presence_penalty": 1,
    "frequency_penalty": 1,
    "logprobs": True,
    "top_logprobs": 3,
    "response_format": {"type": "json_object"},
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": "required",
    "functions": [FUNCTION],
    "function_call": "auto",
    "modalities": ["text"],
    "reasoning_effort": "low",
    "web_search_options": {},
    GOOGLE + "thinking_config": {"thinking_budget": 128},
    GOOGLE + "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT"}],
    GOOGLE + "cached_content": "name",
    GOOGLE + "tools": [{"google_search": {}}],
    GOOGLE + "media_resolution": "MEDIA_RESOLUTION_LOW",
    GOOGLE + "stream_function_call_arguments": True,
}
"""A value of each parameter that acts on the request for content."""

OF_THE_ROUTE = {"model", "stream", "stream_options"}
"""Parameters that act on who answers and how the answer is printed; see vertex/test_chat.py."""

ROWS = {row.path: row for row in CHAT_FIELDS}


def place(path: str, value: Any) -> dict[str, Any]:
    """A request that sets one parameter."""
    if path.startswith(GOOGLE):
        return {**PLAIN, "extra_body": {"google": {path.removeprefix(GOOGLE): value}}}
    return {**PLAIN, path: value}


def test_every_parameter_that_acts_has_a_sample() -> None:
    """And none else."""
    assert SAMPLES.keys() | OF_THE_ROUTE == {row.path for row in CHAT_FIELDS if row.effect == "acts"}
    assert len(ROWS) == len(CHAT_FIELDS)


@pytest.mark.parametrize("path", SAMPLES)
def test_a_parameter_that_acts_changes_the_request(path: str) -> None:
    """What is asked of the model is something else with it, and nothing is said of it."""
    chat = place(path, SAMPLES[path])
    assert translate_chat(chat) != translate_chat(PLAIN)
    notes: list[str] = []
    note_ignored(chat, notes)
    assert notes == []


@pytest.mark.parametrize("path", [row.path for row in CHAT_FIELDS if row.effect == "no effect"])
def test_a_parameter_without_effect_is_told_of(path: str) -> None:
    """By its path, and why; a null is none."""
    notes: list[str] = []
    note_ignored(place(path, None), notes)
    assert notes == []
    note_ignored(place(path, "x"), notes)
    assert notes == [f"{path} has no effect: {ROWS[path].why}"]
    assert translate_chat(place(path, "x")) == translate_chat(PLAIN)


def test_unknown_parameters_are_told_of() -> None:
    """The service ignores them; so does this, and says so."""
    notes: list[str] = []
    note_ignored({**PLAIN, "temprature": 1, "extra_body": {"googel": 1, "google": {"depth": 1}}}, notes)
    assert [note.partition(" has")[0] for note in notes] == ["temprature", "extra_body.googel", GOOGLE + "depth"]

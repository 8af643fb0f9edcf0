"""What OpenAI's clients ask for, as the request for content that it stands for."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning_emulator.core.chat_messages import CallArgumentsError, ChatError
from tuning_emulator.core.chat_request import translate_chat

USER = {"role": "user", "content": "1"}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}


def translate(**fields: Any) -> dict[str, Any]:
    """The translation of a chat of one turn, unless it is given, with these fields."""
    return translate_chat({"messages": [USER], **fields})


def test_roles_become_contents_and_a_system_instruction() -> None:
    """System and developer messages are one instruction, wherever they stand."""
    system = {"role": "system", "content": "Count."}
    developer = {"role": "developer", "content": [{"type": "text", "text": "Fast."}]}
    found = translate(messages=[system, USER, {"role": "assistant", "content": "2"}, developer, USER])
    assert found == {
        "contents": [
            {"role": "user", "parts": [{"text": "1"}]},
            {"role": "model", "parts": [{"text": "2"}]},
            {"role": "user", "parts": [{"text": "1"}]},
        ],
        "systemInstruction": {"parts": [{"text": "Count."}, {"text": "Fast."}]},
    }


def test_results_of_calls_made_at_once_are_one_content() -> None:
    """Each under its function's name; what is no JSON object is its text."""
    other = {**CALL, "id": "d", "function": {"name": "g", "arguments": ""}}
    said = {"role": "assistant", "content": "well", "tool_calls": [CALL, other]}
    results = [{"role": "tool", "tool_call_id": one, "content": text} for one, text in (("d", '{"y": 2}'), ("c", "no"))]
    _, model, answer = translate(messages=[USER, said, *results])["contents"]
    assert model["parts"] == [
        {"text": "well"},
        {"functionCall": {"name": "f", "args": {"x": 1}}},
        {"functionCall": {"name": "g", "args": {}}},
    ]
    assert answer == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "g", "response": {"y": 2}}},
            {"functionResponse": {"name": "f", "response": {"content": "no"}}},
        ],
    }


def test_the_older_form_of_calls() -> None:
    """``functions``, ``function_call`` and the role ``function`` say the same as tools do."""
    said = {"role": "assistant", "function_call": CALL["function"]}
    found = translate(
        messages=[USER, said, {"role": "function", "name": "f", "content": "{}"}],
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
    )
    assert found["contents"][1:] == [
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"x": 1}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]},
    ]
    assert found["tools"] == [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}]
    assert found["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "text", "text": "a"}, {"text": "a"}),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
        ),
        (
            {"type": "image_url", "image_url": "gs://b/x.png"},
            {"fileData": {"fileUri": "gs://b/x.png", "mimeType": "image/png"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://h/x"}},
            {"fileData": {"fileUri": "https://h/x", "mimeType": "image/*"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}},
            {"inlineData": {"mimeType": "audio/mp3", "data": "AA=="}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "gs://b/x", "format": "audio/ogg"}},
            {"fileData": {"fileUri": "gs://b/x", "mimeType": "audio/ogg"}},
        ),
        (
            {"type": "text", "text": "a", "extra_content": {"google": {"thought": True, "thought_signature": "AA=="}}},
            {"text": "a", "thought": True, "thoughtSignature": "AA=="},
        ),
    ],
)
def test_parts(part: dict[str, Any], expected: dict[str, Any]) -> None:
    """Text, media inline and at an address, and what is said of thoughts."""
    (content,) = translate(messages=[{"role": "user", "content": [part]}])["contents"]
    assert content["parts"] == [expected]


@pytest.mark.parametrize(
    ("fields", "config"),
    [
        ({"temperature": 0.5, "top_p": 0.9, "seed": 3, "n": 2}, {"temperature": 0.5, "topP": 0.9, "seed": 3, "n": 2}),
        ({"max_tokens": 5}, {"maxOutputTokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 6}, {"maxOutputTokens": 6}),
        ({"stop": "x"}, {"stopSequences": ["x"]}),
        ({"stop": ["x", "y"]}, {"stopSequences": ["x", "y"]}),
        ({"logprobs": True, "top_logprobs": 2}, {"responseLogprobs": True, "logprobs": 2}),
        ({"logprobs": True, "top_logprobs": 0}, {"responseLogprobs": True}),
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, {"responseMimeType": "application/json"}),
        ({"response_format": {"type": "text/x.enum"}}, {"responseMimeType": "text/x.enum"}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "null"}}}},
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "null"}},
        ),
        ({"reasoning_effort": "low"}, {"thinkingConfig": {"thinkingBudget": 1024}}),
        (
            {"extra_body": {"google": {"thinking_config": {"thinking_budget": 5}}}},
            {"thinkingConfig": {"thinking_budget": 5}},
        ),
        ({"modalities": ["text"]}, {"responseModalities": ["TEXT"]}),
        (
            {"extra_body": {"google": {"media_resolution": "MEDIA_RESOLUTION_LOW"}}},
            {"mediaResolution": "MEDIA_RESOLUTION_LOW"},
        ),
    ],
)
def test_the_generation_config(fields: dict[str, Any], config: dict[str, Any] | None) -> None:
    """Each parameter by the field that it stands for."""
    expected = None if config is None else {{"n": "candidateCount"}.get(name, name): config[name] for name in config}
    assert translate(**fields).get("generationConfig") == expected


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("none", {"mode": "NONE"}),
        ("auto", {"mode": "AUTO"}),
        ("required", {"mode": "ANY"}),
        ("validated", {"mode": "VALIDATED"}),
        ({"type": "function", "function": {"name": "f"}}, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            {"mode": "AUTO", "allowedFunctionNames": ["f"]},
        ),
    ],
)
def test_which_function_is_called(choice: Any, config: dict[str, Any]) -> None:
    """Documented values, and a function by its name."""
    assert translate(tool_choice=choice)["toolConfig"] == {"functionCallingConfig": config}


def test_what_google_adds() -> None:
    """``extra_body.google``, and the search tool, are fields of the request for content."""
    google = {"safety_settings": [{"category": "c"}], "cached_content": "name", "tools": [{"codeExecution": {}}]}
    found = translate(extra_body={"google": google}, web_search_options={})
    assert found["safetySettings"] == [{"category": "c"}]
    assert found["cachedContent"] == "name"
    assert found["tools"] == [{"googleSearch": {}}, {"codeExecution": {}}]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"messages": "1"}, 'messages: "1" is not a list'),
        ({"messages": [1]}, r"messages\[0\]: 1 is not an object"),
        ({"messages": [{"role": "robot"}]}, r'messages\[0\]\.role: "robot" is not one of system'),
        ({"messages": [{"role": "user", "content": 1}]}, r"messages\[0\]\.content: 1 is not a text or a list"),
        (
            {"messages": [{"role": "user", "content": [{"type": "file"}]}]},
            r'messages\[0\]\.content\[0\]\.type: "file" is not text, image_url',
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            r"content\[0\]\.image_url: null is not an address",
        ),
        (
            {"messages": [USER, {"role": "tool", "tool_call_id": "c", "content": "x"}]},
            r'messages\[1\]\.tool_call_id: "c" is not that of a call',
        ),
        ({"tools": [{"type": "retrieval"}]}, r'tools\[0\]\.type: "retrieval" is not function'),
        ({"tool_choice": "perhaps"}, 'tool_choice: "perhaps" is not one of none, auto'),
        ({"tool_choice": {"type": "function"}}, "tool_choice: .* is not one of"),
        ({"reasoning_effort": "great"}, 'reasoning_effort: "great" is not one of none'),
        (
            {"reasoning_effort": "low", "extra_body": {"google": {"thinking_config": {}}}},
            "reasoning_effort: .* give one of them",
        ),
        ({"extra_body": []}, r"extra_body: \[\] is not an object"),
        ({"response_format": "json"}, 'response_format: "json" is not an object'),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image_url", "image_url": {"url": "gs://b/x", "detail": one}}
                            for one in ("low", "high")
                        ],
                    }
                ]
            },
            "detail: .* is not the same for all images",
        ),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], words: str) -> None:
    """By its path, with its value and what would be right."""
    with pytest.raises(ChatError, match=words):
        translate(**fields)


@pytest.mark.parametrize("arguments", ["{'x': 1}", "[]", "1", 5, "{" * 100_000])
def test_arguments_that_are_no_object(arguments: Any) -> None:
    """The service has one text for all of them."""
    call = {**CALL, "function": {"name": "f", "arguments": arguments}}
    with pytest.raises(CallArgumentsError):
        translate(messages=[USER, {**CALLED, "tool_calls": [call]}])


def test_a_result_after_an_empty_turn() -> None:
    """The turn between is kept, whatever it lacks."""
    empty = {"role": "user", "content": None}
    found = translate(messages=[USER, CALLED, empty, {"role": "tool", "tool_call_id": "c", "content": "x"}])
    assert [len(one["parts"]) for one in found["contents"]] == [1, 1, 0, 1]


NAMES = st.sampled_from(
    [
        *("messages", "role", "content", "type", "text", "image_url", "url", "detail", "input_audio", "data", "format"),
        *("tool_calls", "function_call", "function", "name", "arguments", "id", "tool_call_id", "tools", "tool_choice"),
        *("allowed_tools", "mode", "extra_body", "extra_content", "google", "thinking_config", "response_format"),
        *("json_schema", "schema", "reasoning_effort", "modalities", "stop", "functions", "parameters"),
    ]
)
WORDS = st.sampled_from(
    ["user", "assistant", "tool", "system", "text", "function", "image_url", "f", "data:,x", "{}", ""]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=30,
)


@given(st.dictionaries(NAMES, JSON, max_size=8), st.lists(st.dictionaries(NAMES, JSON, max_size=5), max_size=3))
def test_whatever_is_sent_is_translated_or_refused(chat: dict[str, Any], messages: list[Any]) -> None:
    """Nothing fails in another way."""
    for one in (chat, {**chat, "messages": messages}):
        with suppress(ChatError, CallArgumentsError):
            translate_chat(one)

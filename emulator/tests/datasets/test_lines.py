"""One JSONL line: every form, every leniency, and one sample for every rule."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning_emulator.core.errors import Code
from tuning_emulator.datasets.check import check_first_line
from tuning_emulator.datasets.functions import make_contents
from tuning_emulator.datasets.lines import DatasetError, DatasetForm, format_line, parse_line
from tuning_emulator.facts.dataset_errors import ROWS
from tuning_trainer.spec import Example, Turn, format_example, parse_example

PAIR = Example((Turn("user", "1"), Turn("model", "2")))
USER = {"role": "user", "parts": [{"text": "1"}]}
MODEL = {"role": "model", "parts": [{"text": "2"}]}
IMAGE = {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/x.png"}}
CALL = {"functionCall": {"name": "f", "args": {}}}


def read(values: Any, form: DatasetForm = "contents") -> Example:
    return format_line(parse_line(json.dumps(values).encode(), 0, form))


def contents(*turns: Any, **more: Any) -> dict[str, Any]:
    return {"contents": list(turns), **more}


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ("contents", contents(USER, MODEL)),
        ("messages", contents(USER, MODEL)),
        ("messages", {"messages": [{"role": "user", "content": "1"}, {"role": "model", "content": "2"}]}),
        ("open", contents(USER, MODEL)),
        ("open", {"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}]}),
        ("open", {"prompt": "1", "completion": "2"}),
    ],
)
def test_forms(form: DatasetForm, values: dict[str, Any]) -> None:
    """The same example in every form that its kind of model takes."""
    assert read(values, form) == PAIR


@pytest.mark.parametrize(
    "values",
    [
        contents({**USER, "role": "USER"}, {**MODEL, "role": "Model"}),
        contents({**USER, "parts": {"text": "1"}}, MODEL),
        contents({"parts": [{"text": "1"}]}, {"parts": [{"text": "2"}]}),
        contents({"role": "", "parts": [{"text": "1"}]}, {"role": None, "parts": [{"text": "2"}]}),
        contents({"role": "user", "parts": [{"text": "1"}, {"text": ""}]}, MODEL),
        contents(USER, MODEL, tools=[{"functionDeclarations": []}], mediaResolution="LOW"),
        contents(USER, {"role": "model", "parts": [{"text": "2", "thought": False}]}),
        contents(USER, MODEL, systemInstruction=None),
    ],
)
def test_leniencies(values: dict[str, Any]) -> None:
    """Roles in any case or none in a single turn, a part without its list, unknown neighbours: all the same example."""
    assert read(values) == PAIR


@pytest.mark.parametrize("key", ["systemInstruction", "system_instruction"])
@pytest.mark.parametrize("role", [{}, {"role": "system"}, {"role": "anything"}])
def test_system_instruction(key: str, role: dict[str, str]) -> None:
    """Both spellings; its role is ignored."""
    values = contents(USER, MODEL, **{key: {**role, "parts": [{"text": "Add "}, {"text": "one."}]}})
    assert read(values) == Example(PAIR.turns, "Add one.")


def test_system_message() -> None:
    """The older form has it as the first message."""
    messages = [{"role": "system", "content": "Add one."}, {"role": "user", "content": "1"}]
    values = {"messages": [*messages, {"role": "model", "content": "2"}]}
    assert read(values, "messages") == Example(PAIR.turns, "Add one.")


def test_conversation() -> None:
    """Several turns stay in order."""
    example = read(contents(USER, MODEL, USER, MODEL))
    assert example.turns == PAIR.turns * 2


@pytest.mark.parametrize("swap", [False, True])
def test_preference(swap: bool) -> None:
    """The completion with score 1 is the model's turn, the other is rejected, in whichever order they stand."""
    completions = [{"score": 1, "completion": MODEL}, {"score": 0.0, "completion": {"parts": {"text": "3"}}}]
    values = contents(USER, completions=completions[::-1] if swap else completions)
    assert read(values, "preference") == Example(PAIR.turns, "", "3")


def test_proto_default_score() -> None:
    """A score of 0 may be left out, as proto JSON does."""
    values = contents(USER, completions=[{"score": 1, "completion": MODEL}, {"completion": MODEL}])
    assert read(values, "preference").rejected == "2"


@pytest.mark.parametrize(
    ("parts", "media"),
    [
        ([{"text": "1"}, IMAGE], ("image",)),
        ([IMAGE, IMAGE, {"text": "1"}], ("image",)),
        ([{"file_data": {"mime_type": "application/pdf", "file_uri": "gs://b/x"}}], ("PDF document",)),
        ([{"inlineData": {"mimeType": "audio/mp3", "data": "AA=="}}], ("audio",)),
        (
            [{"inlineData": {"mimeType": "video/mp4", "data": "AA=="}}, {"executableCode": {}}],
            ("video", "executable code"),
        ),
        ([{"fileData": {"fileUri": "gs://b/x"}}], ("file",)),
    ],
)
def test_media(parts: list[dict[str, Any]], media: tuple[str, ...]) -> None:
    """Parts that are not text are named as the service names them; the trainer reads their kind as a word."""
    line = parse_line(json.dumps(contents({"role": "user", "parts": parts}, MODEL)).encode(), 0)
    assert line.kinds == tuple(line.media) == media
    assert format_line(line).turns[0].text.startswith(("1[", "["))
    assert all(f"[{kind}]" in format_line(line).turns[0].text for kind in media)


def test_a_word_stands_where_the_image_was() -> None:
    """Beside text and alone; the service's count of the texts does not know it."""
    line = parse_line(json.dumps(contents({"role": "user", "parts": [IMAGE, {"text": "?"}]}, MODEL)).encode(), 0)
    assert ([turn.text for turn in format_line(line).turns], line.texts) == (["[image]\n?", "2"], ["?", "2"])
    assert read(contents({"role": "user", "parts": [IMAGE]}, MODEL)).turns[0] == Turn("user", "[image]")


@pytest.mark.parametrize(
    "values",
    [
        contents({"role": "user", "parts": [{"text": "1", "fileData": None, "inline_data": None}]}, MODEL),
        contents(USER, {**MODEL, "id": None, "parts": [{"text": "2", "functionCall": None}]}),
        contents(USER, MODEL, tools=None, systemInstruction=None, system_instruction=None),
        contents({"role": None, "parts": [{"text": "1", "thought": None}]}, MODEL),
    ],
)
def test_null_is_absent(values: dict[str, Any]) -> None:
    """At every level, as in protobuf's JSON: pandas and Arrow write it where another line has a value."""
    assert read(values) == PAIR
    assert read({**values, "completions": None}) == PAIR


def test_null_is_a_value_of_what_a_function_is_called_with() -> None:
    """Arguments and results are structs of the client's own."""
    call = {"functionCall": {"name": "f", "args": {"a": None, "b": 1}, "id": None}}
    assert read(contents(USER, {"role": "model", "parts": [call]})).turns[1] == Turn("call", 'f {"a": null, "b": 1}')


TOOLS = [
    {
        "functionDeclarations": [
            {
                "name": "get_stock",
                "description": "d",
                "parameters": {
                    "type": "OBJECT",
                    "properties": {"item": {"type": "STRING", "enum": ["a"]}, "count": {"type": "INTEGER"}},
                },
            },
            {"name": "now"},
        ]
    },
    {"googleSearch": {}},
]
DECLARED = "Tools:\nget_stock(item: string, count: integer)\nnow()"


@pytest.mark.parametrize("role", ["user", "function"])
@pytest.mark.parametrize("snake", [False, True])
def test_function_calls_are_turns_of_their_own(role: str, snake: bool) -> None:
    """A call, its result, and the tools in the system turn, in either spelling."""
    names = ("function_call", "function_response") if snake else ("functionCall", "functionResponse")
    called = {names[0]: {"name": "get_stock", "args": {"item": "pão", "count": 2}}}
    result = {names[1]: {"name": "get_stock", "response": {"left": 3}}}
    turns = [USER, {"role": "model", "parts": [called]}, {"role": role, "parts": [result]}, MODEL]
    example = read(contents(*turns, tools=TOOLS, systemInstruction={"parts": [{"text": "Help."}]}))
    assert example.system == f"Help.\n\n{DECLARED}"
    assert example.turns == (
        Turn("user", "1"),
        Turn("call", 'get_stock {"item": "pão", "count": 2}'),
        Turn("result", '{"left": 3}'),
        Turn("model", "2"),
    )
    assert example == parse_example(format_example(example))


def test_a_line_may_end_with_calls() -> None:
    """Words before them and several at once stay in order; without arguments they have none."""
    parts = [{"text": "Let me see. "}, CALL, {"functionCall": {"name": "g"}}]
    example = read(contents(USER, {"role": "model", "parts": parts}))
    assert example.turns[1:] == (Turn("model", "Let me see. "), Turn("call", "f {}\ng {}"))
    assert read(contents(USER, MODEL, tools=TOOLS)).system == DECLARED


def test_contents_can_be_made_of_the_trainers_turns_again() -> None:
    """What a teacher is asked is labelled in the service's form."""
    response = {"functionResponse": {"name": "f", "response": {"x": 1}}}
    turns = [USER, {"role": "model", "parts": [{"text": "Now. "}, CALL]}, {"role": "user", "parts": [response]}, MODEL]
    assert make_contents(read(contents(*turns)).turns) == turns


def completion(score: Any, **more: Any) -> dict[str, Any]:
    return {"score": score, "completion": {**MODEL, **more}}


Sample = tuple[DatasetForm, Any, str]
BROKEN_LINES: dict[str, Sample] = {
    "missing_contents": ("contents", {"input_text": "1", "output_text": "2"}, "Missing required `contents` field."),
    "malformed_json": ("contents", '{"contents": [', "Malformed JSON: Input data was truncated."),
    "not_an_object": ("contents", [1], "Expected a JSON object."),
    "contents_not_a_list": ("contents", {"contents": "1"}, "The `contents` field must be a list."),
    "contents_empty": ("contents", contents(), "The `contents` field must not be empty."),
    "content_not_an_object": ("contents", contents("1"), "contents[0] must be an object."),
    "missing_role": (
        "contents",
        contents(USER, MODEL, {"parts": [{"text": "1"}]}, MODEL),
        "Missing required `role` field in contents[2].",
    ),
    "invalid_role": (
        "contents",
        contents(USER, {**MODEL, "role": "assistant"}),
        "Invalid role 'assistant' in contents[1]; must be one of user, model",
    ),
    "first_not_user": ("contents", contents(MODEL, USER, MODEL), "The first turn must have the role 'user'."),
    "consecutive_turns": (
        "contents",
        contents(USER, USER, MODEL),
        "Consecutive turns with the role 'user' at contents[1]; user and model must alternate.",
    ),
    "last_not_model": ("contents", contents(USER, MODEL, USER), "The last turn must have the role 'model'."),
    "missing_parts": ("contents", contents({"role": "user"}, MODEL), "Missing required `parts` field in contents[0]."),
    "part_not_an_object": (
        "contents",
        contents({"role": "user", "parts": ["1"]}, MODEL),
        "contents[0].parts[0] must be an object.",
    ),
    "part_without_data": (
        "contents",
        contents(USER, {"role": "model", "parts": [{"text": "2"}, {"txt": "2"}]}),
        "contents[1].parts[1] must have exactly one data field; has none.",
    ),
    "text_not_a_string": (
        "contents",
        contents({"role": "user", "parts": [{"text": 1}]}, MODEL),
        "contents[0].parts[0].text must be a string.",
    ),
    "empty_turn": ("contents", contents(USER, {"role": "model", "parts": [{"text": ""}]}), "contents[1] has no text."),
    "system_instruction": (
        "contents",
        contents(USER, MODEL, systemInstruction="Add one."),
        "The `systemInstruction` field must be an object with text parts.",
    ),
    "system_not_first": (
        "messages",
        {"messages": [{"role": "user", "content": "1"}, {"role": "system", "content": "x"}]},
        "The role 'system' is only allowed in the first message; found at messages[1].",
    ),
    "missing_content": (
        "messages",
        {"messages": [{"role": "user", "text": "1"}]},
        "The `content` field of messages[0] must be a string.",
    ),
    "prompt_completion": ("open", {"prompt": "1"}, "`completion` must be a string that is not empty."),
    "function_name": (
        "contents",
        contents(USER, {"role": "model", "parts": [{"functionCall": {"args": {}}}]}),
        "Missing required `name` field in contents[1].parts[0].functionCall.",
    ),
    "function_values": (
        "contents",
        contents({"role": "user", "parts": [{"function_response": {"name": "f", "response": "x"}}]}, MODEL),
        "contents[0].parts[0].function_response.response must be an object.",
    ),
    "function_role": (
        "contents",
        contents({"role": "user", "parts": [CALL]}, MODEL),
        "contents[0] has the role 'user' and a `functionCall` part.",
    ),
    "tools": (
        "contents",
        contents(USER, MODEL, tools=[{"function_declarations": [{"description": "d"}]}]),
        "`tools` must be a list of objects; each function in `function_declarations` needs a `name`.",
    ),
    "last_not_user": (
        "preference",
        contents(USER, MODEL, completions=[completion(1), completion(0)]),
        "The last turn of `contents` must have the role 'user'.",
    ),
    "missing_completions": ("preference", contents(USER), "Missing required `completions` field."),
    "completion_count": (
        "preference",
        contents(USER, completions=[completion(1)]),
        "Exactly two completions are required; found 1.",
    ),
    "completion_score": (
        "preference",
        contents(USER, completions=[completion(1), completion(0.5)]),
        "The score of completions[1] must be 0 or 1; found 0.5.",
    ),
    "completion_pair": (
        "preference",
        contents(USER, completions=[completion(1), completion(1)]),
        "One completion must have score 1 and the other score 0.",
    ),
    "completion_text": (
        "preference",
        contents(USER, completions=[completion(1), completion(0, parts=[IMAGE])]),
        "completions[1].completion must have the role 'model' and text parts.",
    ),
}
FILE_RULES = {
    "unsupported_modality",
    "too_few_examples",
    "empty_dataset",
    "too_many_examples",
    "too_many_media_examples",
    "too_large",
    "validation_too_large",
    "validation_file_too_large",
    "too_many_tokens",
    "long_videos",
    "media_type",
    "media_invalid",
    "media_missing",
    "media_count",
    "media_size",
    "media_length",
}
"""Broken in test_check.py, those of files in media/test_examples.py."""


@pytest.mark.parametrize("rule", BROKEN_LINES)
def test_broken_lines(rule: str) -> None:
    """Each rule of a line: its sample breaks it and no other, and the text is the row's with the 0-based row."""
    form, values, text = BROKEN_LINES[rule]
    data = values if isinstance(values, str) else json.dumps(values)
    with pytest.raises(DatasetError) as caught:
        parse_line(data.encode(), 7, form)
    assert (caught.value.rule, caught.value.code, caught.value.line) == (rule, Code.INVALID_ARGUMENT, 8)
    assert caught.value.message.removeprefix("Row: 7. ").startswith(text)
    assert caught.value.message.startswith("Row: 7. ")


def test_fields_are_named_as_the_client_spelled_them() -> None:
    """The camel case of one line and the snake case of another."""
    for key in ("fileData", "file_data"):
        part = {"text": "1", key: {"fileUri": "gs://b/x"}}
        with pytest.raises(DatasetError, match=f"has text, {key}"):
            read(contents({"role": "user", "parts": [part]}, MODEL))
    with pytest.raises(DatasetError, match="system_instruction"):
        read(contents(USER, MODEL, system_instruction="x"))


def test_every_rule_has_a_sample() -> None:
    """No row of the table is without a sample that breaks it."""
    assert {row.name for row in ROWS} == BROKEN_LINES.keys() | FILE_RULES | {"unsupported_role"}


@pytest.mark.parametrize("role", ["assistant", 1])
def test_roles_of_open_models(role: Any) -> None:
    """Under ``contents`` an open model takes the roles of Gemini alone; the recorded text names no row."""
    with pytest.raises(DatasetError) as caught:
        parse_line(json.dumps(contents(USER, {**MODEL, "role": role})).encode(), 7, "open")
    assert (caught.value.rule, caught.value.line) == ("unsupported_role", 8)
    assert caught.value.message == "Supported roles are: user, model, function."


@pytest.mark.parametrize(
    ("form", "values", "rule"),
    [
        ("contents", {"messages": [{"role": "user", "content": "1"}]}, "missing_contents"),
        ("contents", {"prompt": "1", "completion": "2"}, "missing_contents"),
        ("contents", contents(USER), "last_not_model"),
        ("contents", contents({**USER, "parts": []}, MODEL), "missing_parts"),
        ("contents", contents({**USER, "role": 1}, MODEL), "invalid_role"),
        ("contents", contents({**USER, "parts": [{"text": "1", **IMAGE}]}, MODEL), "part_without_data"),
        ("contents", contents(USER, MODEL, systemInstruction={"parts": [IMAGE]}), "system_instruction"),
        ("contents", contents(USER, MODEL, tools={"functionDeclarations": []}), "tools"),
        ("contents", contents(USER, MODEL, tools=["x"]), "tools"),
        ("contents", contents(USER, {"role": "model", "parts": [{"functionCall": "f()"}]}), "function_name"),
        ("contents", contents(USER, {"role": "model", "parts": [{"functionCall": {"name": ""}}]}), "function_name"),
        ("contents", {"contents": None}, "missing_contents"),
        ("contents", contents({"role": "user", "parts": None}, MODEL), "missing_parts"),
        ("contents", contents({"role": "user", "parts": [{"text": None}]}, MODEL), "part_without_data"),
        ("messages", {"messages": []}, "contents_empty"),
        ("messages", {"messages": [{"role": "system", "content": "x"}]}, "contents_empty"),
        ("messages", {"messages": [{"role": "assistant", "content": "x"}]}, "invalid_role"),
        ("messages", {"messages": [{"content": "x"}]}, "missing_role"),
        ("messages", {"messages": ["x"]}, "content_not_an_object"),
        ("messages", {"messages": {}}, "contents_not_a_list"),
        ("messages", {"messages": [{"role": "user", "content": ""}]}, "empty_turn"),
        ("open", {"prompt": "", "completion": "2"}, "prompt_completion"),
        ("preference", contents(USER, completions=["1", "2"]), "completion_text"),
        ("preference", contents(USER, completions=[completion(True), completion(0)]), "completion_score"),
        ("preference", contents(USER, completions=[completion(1), completion(0, role="user")]), "completion_text"),
        ("preference", contents(completions=[]), "contents_empty"),
    ],
)
def test_more_broken_lines(form: DatasetForm, values: Any, rule: str) -> None:
    """Other ways to break the same rules."""
    with pytest.raises(DatasetError) as caught:
        read(values, form)
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    "data", [b"\xff", b'\xef\xbb\xbf{"contents": []}', b"{}{}", b"[" * 5000, b"nan", b'"\xed\xa0\x80"']
)
def test_no_json(data: bytes) -> None:
    """Bytes that are no JSON object are one error, never a crash."""
    with pytest.raises(DatasetError) as caught:
        parse_line(data, 0)
    assert caught.value.rule == "malformed_json"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4), st.none() | TEXTS)
def test_both_readers_agree(pairs: list[tuple[str, str]], system: str | None) -> None:
    """A line read in C and the same line forced through the rules (by an unknown key) are the same example."""
    turns = [
        {"role": role, "parts": [{"text": text}]}
        for pair in pairs
        for role, text in zip(("user", "model"), pair, strict=True)
    ]
    values: dict[str, Any] = {"contents": turns}
    if system is not None:
        values["systemInstruction"] = {"parts": [{"text": system}]}
    assert read(values) == read({**values, "unknown": 1})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "contents",
                    "role",
                    "parts",
                    "text",
                    "messages",
                    "content",
                    "completions",
                    "completion",
                    "score",
                    "prompt",
                ]
            )
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
)


@pytest.mark.slow
@given(JSON, st.sampled_from(["contents", "messages", "open", "preference"]))
def test_any_json_is_an_example_or_an_error(values: Any, form: DatasetForm) -> None:
    """Whatever JSON a line holds, it is read or refused by a rule."""
    try:
        example = read(values, form)
    except DatasetError:
        return
    assert parse_example(format_example(example)) == example


def test_first_line() -> None:
    """``create`` reads the first line that is not blank, and no further."""
    check_first_line([b"", json.dumps(contents(USER, MODEL)).encode(), b"broken"], "contents")
    with pytest.raises(DatasetError, match=r"Row: 1\. Missing required `contents` field\."):
        check_first_line([b"  ", b"{}"], "contents")
    with pytest.raises(DatasetError, match="no examples"):
        check_first_line([b""], "contents")


@pytest.mark.parametrize(
    "line",
    [
        {"contents": [{"role": "user", "parts": [{"text": "one"}]}]},
        {"contents": [{"role": "user", "parts": [{"text": "one"}]}, {"role": "model", "parts": [{"text": "1"}]}]},
        {"messages": [{"role": "user", "content": "one"}]},
        {"messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "1"}]},
        {"prompt": "one"},
        {"prompt": "one", "completion": "1"},
    ],
)
def test_prompts_of_distillation_have_no_answer(line: dict[str, Any]) -> None:
    """Any form without an answer; one at the end is left out."""
    assert parse_line(json.dumps(line).encode(), 0, "prompts").texts == ["one"]


def test_a_prompt_that_ends_otherwise_breaks_a_rule() -> None:
    turns = [("user", "one"), ("model", "1"), ("model", "2")]
    contents = [{"role": role, "parts": [{"text": text}]} for role, text in turns]
    with pytest.raises(DatasetError, match="must have the role 'user'"):
        parse_line(json.dumps({"contents": contents}).encode(), 4, "prompts")

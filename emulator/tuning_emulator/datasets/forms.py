"""The forms in which people keep examples: which one a row has, and what it says.

Sources: platform.openai.com/docs/guides/fine-tuning (chat, tools, preference); github.com/tatsu-lab/stanford_alpaca;
huggingface.co/docs/trl/dataset_formats (prompt, completion, chosen, rejected); ShareGPT as lmsys/FastChat reads it.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tuning_emulator.datasets.chats import read_messages, read_openai_tools
from tuning_emulator.datasets.contents import drop_nulls
from tuning_emulator.datasets.conversations import Conversation, UnusableError, make_text

Row = dict[str, Any]
_PROMPTS = (
    "text_input", "textinput", "input_text", "prompt", "question", "query", "instruction", "input", "user", "human",
    "source", "sentence", "text",
)  # fmt: skip
_ANSWERS = (
    "output", "output_text", "completion", "response", "answer", "target", "assistant", "model", "label", "summary",
)  # fmt: skip
_SYSTEMS = ("system", "system_prompt", "system_instruction", "systeminstruction")
_CHATS = ("messages", "conversations", "conversation", "dialogue", "turns", "chat")
_HUMAN = re.compile(r"\n*(Human|Assistant): ?")
"""How a conversation is written in one text where both answers have it (Anthropic's hh-rlhf)."""


class Form(msgspec.Struct, frozen=True):
    """One form.

    Attributes:
        name: What people call it, with its fields.
        fits: Whether a row has it; keys are in lower case.
        read: What the row says. Raises UnusableError.
    """

    name: str
    fits: Callable[[Row], bool]
    read: Callable[[Row], Conversation]


def find_form(row: Any) -> Form | None:
    """The form of a row; None for none that is known."""
    if not isinstance(row, dict):
        return None
    small = lower_keys(row)
    return next((form for form in FORMS if form.fits(small)), None)


def read_row(row: Any, columns: Mapping[str, str] | None = None) -> Conversation:
    """What a row says.

    Args:
        columns: Which columns are the ``prompt`` and the ``answer``, where their names do not tell.

    Raises:
        UnusableError: it is no example.
    """
    if not isinstance(row, dict):
        raise UnusableError("no JSON object")
    if columns:
        missing = [name for name in columns.values() if name not in row]
        if missing:
            raise UnusableError(f"no column {missing[0]!r}")
        return _say_pair(row[columns["prompt"]], row[columns["answer"]])
    form = find_form(row)
    if form is None:
        keys = ", ".join(list(row)[:6])
        raise UnusableError(f"no form that is known: it has the fields {keys or '(none)'}")
    try:
        return form.read(lower_keys(row))
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise UnusableError(f"not what its form wants ({type(error).__name__}: {error})") from error


def lower_keys(row: Row) -> Row:
    """The row with its own keys in lower case and without spaces around; nulls are left out."""
    return {str(key).strip().lower(): value for key, value in row.items() if value is not None}


def parse_cell(value: Any) -> Any:
    """A list or an object that a table's cell holds as text, JSON's or Python's."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            return read(value)
        except (ValueError, SyntaxError, RecursionError):
            continue
    return value


# --- the services' own


def _read_contents(row: Row) -> Conversation:
    """``contents`` with the roles that people write; parts stay as they are."""
    row = drop_nulls(row)
    said = Conversation(tools=row.get("tools") or [])
    contents = parse_cell(row["contents"])
    if isinstance(contents, str | dict):
        contents = [contents]
    for number, content in enumerate(contents):
        given = content if isinstance(content, dict) else {"parts": make_text(content)}
        role = str(given.get("role") or ("user", "model")[number & 1]).lower()
        parts = given.get("parts", make_text(given.get("content")))
        parts = [parts] if isinstance(parts, dict) else parts
        listed = [part if isinstance(part, dict) else {"text": str(part)} for part in parts]
        if role == "system":
            said.instruct("".join(str(part.get("text", "")) for part in listed))
        else:
            said.say("model" if role in ("model", "assistant") else "user", listed)
    system = row.get("systeminstruction", row.get("system_instruction"))
    parts = system.get("parts", []) if isinstance(system, dict) else make_text(system)
    said.instruct("".join(str(one.get("text", "")) for one in ([parts] if isinstance(parts, dict) else parts)))
    completions = parse_cell(row.get("completions"))
    if isinstance(completions, list) and len(completions) == 2:
        ordered = sorted(completions, key=lambda one: -float(one.get("score") or 0))
        better, worse = ([*one["completion"]["parts"]] for one in ordered)
        said.completions = (better, worse)
    return said


def _read_batch(row: Row) -> Conversation:
    return _read_contents(lower_keys(row["request"]))


# --- chats


def _read_chat(row: Row) -> Conversation:
    turns = parse_cell(next(row[key] for key in _CHATS if key in row))
    if isinstance(row.get("context"), str):  # chat-bison's
        row = {"system": row["context"], **row}
    said = Conversation(tools=read_openai_tools(parse_cell(row.get("tools", row.get("functions")))))
    _add_system(said, row)
    read_messages(turns, said)
    return said


def _read_openai_batch(row: Row) -> Conversation:
    return _read_chat(lower_keys(row["body"]))


def _read_openai_preference(row: Row) -> Conversation:
    said = _read_chat(lower_keys(row["input"]))
    said.completions = (_read_answer(row["preferred_output"]), _read_answer(row["non_preferred_output"]))
    return said


def _is_chat(row: Row) -> bool:
    turns = next((parse_cell(row[key]) for key in _CHATS if key in row), None)
    return isinstance(turns, list) and bool(turns) and isinstance(turns[0], dict)


def _is_spoken(row: Row) -> bool:
    turns: Any = next((parse_cell(row[key]) for key in _CHATS if key in row), [{}])
    return _is_chat(row) and "value" in turns[0]


# --- pairs


def _find_pair(row: Row) -> tuple[str, str] | None:
    prompt = next((name for name in _PROMPTS if name in row), None)
    answer = next((name for name in _ANSWERS if name in row), None)
    return (prompt, answer) if prompt and answer else None


def _read_pair(row: Row) -> Conversation:
    prompt, answer = _find_pair(row) or ("", "")
    said = Conversation()
    _add_system(said, row)
    if isinstance(parse_cell(row[prompt]), list):  # prompt and completion as lists of messages
        read_messages(parse_cell(row[prompt]), said)
        said.say("model", _read_answer(row[answer]))
        return said
    asked = row[prompt]
    if row.get("context") and prompt in ("question", "query"):
        asked = f"{row['context']}\n\n{asked}"
    return _say_pair(asked, row[answer], said)


def _say_pair(prompt: Any, answer: Any, said: Conversation | None = None) -> Conversation:
    said = said or Conversation()
    if not make_text(prompt):
        raise UnusableError("no prompt")
    if not make_text(answer):
        raise UnusableError("no answer")
    said.say("user", make_text(prompt))
    said.say("model", make_text(answer))
    return said


def _read_instruction(row: Row) -> Conversation:
    said = Conversation()
    _add_system(said, row)
    for asked, answered in parse_cell(row.get("history")) or []:
        _say_pair(asked, answered, said)
    more = row.get("input") or row.get("context") or ""
    answer = next(row[key] for key in ("output", "response", "answer", "completion") if key in row)
    return _say_pair("\n\n".join(filter(None, (str(row["instruction"]), str(more)))), answer, said)


def _add_system(said: Conversation, row: Row) -> None:
    for name in _SYSTEMS:
        given = parse_cell(row.get(name))
        texts = given if isinstance(given, list) else [given]
        for one in texts:
            text = one.get("text") if isinstance(one, dict) else one
            if isinstance(text, str):
                said.instruct(text)


# --- two answers, one better


def _read_preference(row: Row) -> Conversation:
    said = Conversation()
    _add_system(said, row)
    prompt = next((row[name] for name in _PROMPTS if name in row), None)
    chosen, rejected = parse_cell(row["chosen"]), parse_cell(row["rejected"])
    if isinstance(chosen, list) and isinstance(rejected, list):
        if len(chosen) > 1 or prompt is None:
            read_messages(chosen[:-1], said)
            prompt = None
        said.completions = (_read_answer(chosen[-1:]), _read_answer(rejected[-1:]))
    elif prompt is None and isinstance(chosen, str):
        turns, better, worse = _split_texts(chosen, str(rejected))
        for role, text in turns:
            said.say(role, make_text(text))
        said.completions = (make_text(better), make_text(worse))
    else:
        said.completions = (make_text(chosen), make_text(rejected))
    if isinstance(parse_cell(prompt), list):
        read_messages(parse_cell(prompt), said)
    elif prompt is not None:
        said.say("user", make_text(prompt))
    return said


def _split_texts(chosen: str, rejected: str) -> tuple[list[tuple[str, str]], str, str]:
    """Turns, better and worse answer of two conversations that differ in the last answer."""
    better, worse = (_HUMAN.split(text)[1:] for text in (chosen, rejected))
    if len(better) < 4 or better[-2] != "Assistant" or not worse:
        raise UnusableError("no prompt beside the two answers")
    roles = {"Human": "user", "Assistant": "model"}
    turns = [(roles[role], text) for role, text in zip(better[:-2:2], better[1:-2:2], strict=True)]
    return turns, better[-1], worse[-1]


def _read_answer(value: Any) -> list[dict[str, Any]]:
    """Parts of an answer: a text, or a list that ends with the assistant's message."""
    value = parse_cell(value)
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        return make_text(value)
    said = Conversation()
    read_messages(value, said)
    return said.turns[-1][1] if said.turns else []


def _has_pair(row: Row) -> bool:
    return _find_pair(row) is not None


def _is_gemini(row: Row) -> bool:
    return "output" in row and ("text_input" in row or "textinput" in row)


FORMS = (
    Form("batch requests (`request`)", lambda row: "contents" in lower_keys(_dict(row, "request")), _read_batch),
    Form("preference examples of Vertex AI", lambda row: "contents" in row and "completions" in row, _read_contents),
    Form("`contents` of Vertex AI", lambda row: "contents" in row, _read_contents),
    Form("OpenAI batch requests (`body`)", lambda row: "messages" in _dict(row, "body"), _read_openai_batch),
    Form(
        "OpenAI preference examples (`input`, `preferred_output`, `non_preferred_output`)",
        lambda row: _is_chat(_dict(row, "input")) and "preferred_output" in row and "non_preferred_output" in row,
        _read_openai_preference,
    ),
    Form(
        "preference pairs (`chosen`, `rejected`)", lambda row: "chosen" in row and "rejected" in row, _read_preference
    ),
    Form("ShareGPT (`conversations` with `from` and `value`)", _is_spoken, _read_chat),
    Form("OpenAI chat (`messages`)", _is_chat, _read_chat),
    Form(
        "alpaca (`instruction`, `output`)",
        lambda row: "instruction" in row and any(key in row for key in ("output", "response", "answer", "completion")),
        _read_instruction,
    ),
    Form("pairs of the Gemini API (`text_input`, `output`)", _is_gemini, _read_pair),
    Form("the form of older models (`input_text`, `output_text`)", lambda row: "input_text" in row, _read_pair),
    Form("pairs of question and answer", _has_pair, _read_pair),
)
"""All forms; the first that fits is the one."""


def _dict(row: Row, key: str) -> Row:
    value = row.get(key)
    return value if isinstance(value, dict) else {}

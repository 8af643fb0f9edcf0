"""Training examples of a create request: their rules, and the trainer's own form of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emulator.facts import gemini_errors as texts
from emulator.facts.limits import GEMINI_MAX_INPUT_CHARACTERS, GEMINI_MAX_OUTPUT_CHARACTERS
from emulator.gemini.rules import BROKEN, KEPT, Breaches, Rule, dig
from emulator.schema.declare import Value
from trainer.spec import Example, Turn

MAX_INPUT = GEMINI_MAX_INPUT_CHARACTERS.value
MAX_OUTPUT = GEMINI_MAX_OUTPUT_CHARACTERS.value


def find_dataset(request: Value) -> Value | None:
    """The ``TuningExamples`` of a create request, or None when it brings none."""
    found: Value | None = dig(request, "tuned_model", "tuning_task", "training_data", "examples")
    return found


def _pairs(request: Value) -> list[Value]:
    pairs: list[Value] = (find_dataset(request) or {}).get("examples", [])
    return pairs


def _conversations(request: Value) -> list[Value]:
    conversations: list[Value] = (find_dataset(request) or {}).get("multiturn_examples", [])
    return conversations


def _find_missing_data(request: Value) -> Breaches:
    return BROKEN if dig(request, "tuned_model", "tuning_task", "training_data") is None else KEPT


def _find_no_examples(request: Value) -> Breaches:
    if dig(request, "tuned_model", "tuning_task", "training_data") is None:
        return KEPT
    return KEPT if _pairs(request) or _conversations(request) else BROKEN


def _find_missing_outputs(request: Value) -> Iterator[dict[str, object]]:
    for index, pair in enumerate(_pairs(request)):
        if not pair.get("output"):
            yield {"index": index}


def _find_long_inputs(request: Value) -> Iterator[dict[str, object]]:
    for index, pair in enumerate(_pairs(request)):
        length = len(pair.get("text_input", ""))
        if length > MAX_INPUT:
            yield {"index": index, "limit": MAX_INPUT, "length": length}


def _find_long_outputs(request: Value) -> Iterator[dict[str, object]]:
    for index, pair in enumerate(_pairs(request)):
        length = len(pair.get("output", ""))
        if length > MAX_OUTPUT:
            yield {"index": index, "limit": MAX_OUTPUT, "length": length}


def _find_empty_conversations(request: Value) -> Iterator[dict[str, object]]:
    for index, conversation in enumerate(_conversations(request)):
        if not conversation.get("contents"):
            yield {"index": index}


def _find_roles(request: Value) -> Iterator[dict[str, object]]:
    for index, conversation in enumerate(_conversations(request)):
        for turn, content in enumerate(conversation.get("contents", [])):
            if content.get("role", "") not in ("user", "model"):
                yield {"index": index, "turn": turn, "role": content.get("role", "")}


def _find_empty_turns(request: Value) -> Iterator[dict[str, object]]:
    for index, conversation in enumerate(_conversations(request)):
        for turn, content in enumerate(conversation.get("contents", [])):
            if not content.get("parts"):
                yield {"index": index, "turn": turn}


def _find_open_ends(request: Value) -> Iterator[dict[str, object]]:
    for index, conversation in enumerate(_conversations(request)):
        contents = conversation.get("contents", [])
        if contents and contents[-1].get("role") != "model":
            yield {"index": index}


RULES: tuple[Rule[Value], ...] = (
    Rule(texts.TRAINING_DATA_MISSING, _find_missing_data),
    Rule(texts.EXAMPLES_EMPTY, _find_no_examples),
    Rule(texts.OUTPUT_MISSING, _find_missing_outputs),
    Rule(texts.TEXT_INPUT_LENGTH, _find_long_inputs),
    Rule(texts.OUTPUT_LENGTH, _find_long_outputs),
    Rule(texts.MULTITURN_EMPTY, _find_empty_conversations),
    Rule(texts.MULTITURN_ROLE, _find_roles),
    Rule(texts.MULTITURN_PARTS, _find_empty_turns),
    Rule(texts.MULTITURN_END, _find_open_ends),
)
"""Over the whole request."""


def read_examples(request: Value) -> tuple[Example, ...]:
    """The examples of a request that kept the rules."""
    pairs = (read_pair(pair.get("text_input", ""), pair["output"]) for pair in _pairs(request))
    return (*pairs, *(_read_conversation(one) for one in _conversations(request)))


def read_pair(text_input: str, output: str) -> Example:
    """One question and its answer."""
    return Example((Turn("user", text_input), Turn("model", output)))


def _read_conversation(conversation: Value) -> Example:
    turns = tuple(Turn(content["role"], _join(content)) for content in conversation["contents"])
    return Example(turns, _join(conversation.get("system_instruction", {})))


def _join(content: Value) -> str:
    return "".join(part.get("text", "") for part in content.get("parts", []))


class DefaultDatasetError(ValueError):
    """The file of default examples cannot be used; the text names the file, the line and what would be right."""


def load_default_dataset(path: Path | None) -> tuple[Example, ...]:
    """Reads JSON lines of ``{"text_input": …, "output": …}``; ``textInput`` is taken too. None: no examples.

    Raises:
        DefaultDatasetError: the file cannot be read, or a line of it.
    """
    if path is None:
        return ()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DefaultDatasetError(f"default_dataset: {path}: {error}") from error
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise DefaultDatasetError(f"default_dataset: {path}: holds no examples")
    return tuple(_parse_line(line, f"default_dataset: {path}, line {number}") for number, line in numbered)


def _parse_line(line: str, where: str) -> Example:
    try:
        pair: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise DefaultDatasetError(f"{where}: not JSON: {error}") from error
    if not isinstance(pair, dict):
        raise DefaultDatasetError(f'{where}: {line!r} is not {{"text_input": …, "output": …}}')
    text_input = pair.get("text_input", pair.get("textInput"))
    output = pair.get("output")
    if not isinstance(text_input, str) or not isinstance(output, str) or not output:
        raise DefaultDatasetError(f"{where}: text_input and output must be strings, output not empty")
    return read_pair(text_input, output)

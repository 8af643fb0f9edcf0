"""Function calls in a dataset: their parts and the tools declared beside them; the words are ``core.functions``'."""

from __future__ import annotations

import json
from typing import Any

from tuning_emulator.core.errors import ErrorRow
from tuning_emulator.core.functions import declare_tools, read_calls, write_call, write_result
from tuning_emulator.facts import dataset_errors
from tuning_trainer.spec import Turn

CALL, RESULT = "function_call", "function_response"
KINDS = {CALL: "function call", RESULT: "function response"}
"""Parts that are no text and that the trainer reads all the same: what the service calls them in its errors."""

_VALUES = {CALL: "args", RESULT: "response"}
_SPEAKERS = {CALL: "model", RESULT: "user"}


class BrokenRuleError(Exception):
    """A rule that a line breaks. ``values`` fill the rule's text, all but the row."""

    def __init__(self, rule: ErrorRow, **values: object) -> None:
        super().__init__(rule.name)
        self.rule = rule
        self.values = values


def read_function(field: str, key: str, value: Any, role: str, index: int, number: int) -> Turn:
    """A ``functionCall`` or ``functionResponse`` part as a turn of the trainer's.

    Args:
        field: ``CALL`` or ``RESULT``. key: The same as the client spelled it.
        role: Whose turn it stands in, ``user`` or ``model``.

    Raises:
        BrokenRuleError: it has no name, its values are no object, or it stands in the other's turn.
    """
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not value["name"]:
        raise BrokenRuleError(dataset_errors.FUNCTION_NAME, index=index, part=number, field=key)
    given = value.get(_VALUES[field])
    if given is not None and not isinstance(given, dict):
        raise BrokenRuleError(
            dataset_errors.FUNCTION_VALUES, index=index, part=number, field=key, values=_VALUES[field]
        )
    if role != _SPEAKERS[field]:
        raise BrokenRuleError(dataset_errors.FUNCTION_ROLE, index=index, field=key, role=role)
    return Turn("call", write_call(value["name"], given)) if field == CALL else Turn("result", write_result(given))


def read_tools(tools: Any) -> str:
    """The tools at the top of a line as the system turn declares them; "" for none.

    Tools that are no functions (a search, code execution) are the service's own, and nothing to declare.

    Raises:
        BrokenRuleError: they are no list of objects, or a function has no name.
    """
    if not isinstance(tools, list):
        raise BrokenRuleError(dataset_errors.TOOLS, field="functionDeclarations")
    functions = []
    for tool in tools:
        key = "function_declarations" if isinstance(tool, dict) and "function_declarations" in tool else ""
        key = key or "functionDeclarations"
        declared = tool.get(key, []) if isinstance(tool, dict) else None
        if not isinstance(declared, list) or not all(map(_is_named, declared)):
            raise BrokenRuleError(dataset_errors.TOOLS, field=key)
        functions += [(one["name"], _read_schema(one)) for one in declared]
    return declare_tools(functions)


def _is_named(function: Any) -> bool:
    return isinstance(function, dict) and isinstance(function.get("name"), str) and bool(function["name"])


def _read_schema(function: dict[str, Any]) -> dict[str, Any]:
    keys = ("parameters", "parametersJsonSchema", "parameters_json_schema")
    return next((function[key] for key in keys if isinstance(function.get(key), dict)), {})


def make_contents(turns: tuple[Turn, ...]) -> list[dict[str, Any]]:
    """The trainer's turns as contents again, calls and results of one speaker together."""
    contents: list[dict[str, Any]] = []
    called: list[str] = []
    for turn in turns:
        role = "model" if turn.learned else "user"
        parts: list[dict[str, Any]] = [{"text": turn.text}]
        if turn.role == "call":
            calls = read_calls(turn.text)
            called = [name for name, _ in calls]
            parts = [{"functionCall": {"name": name, "args": arguments}} for name, arguments in calls]
        elif turn.role == "result":
            name = called.pop(0) if called else "function"
            parts = [{"functionResponse": {"name": name, "response": json.loads(turn.text)}}]
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": role, "parts": parts})
    return contents

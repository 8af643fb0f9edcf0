"""Function calls in a dataset: their parts, the tools declared beside them, and what the trainer reads of both.

A call is a turn of its own, ``name {json}``, a result the JSON that the function gave back. Tools are declared in the
system turn, ``Tools:`` and one ``name(parameter: type, …)`` a line.
"""

from __future__ import annotations

import json
from typing import Any

from tuning_emulator.core.errors import ErrorRow
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
    text = json.dumps(given or {}, ensure_ascii=False)
    return Turn("call", f"{value['name']} {text}") if field == CALL else Turn("result", text)


def declare_tools(tools: Any) -> str:
    """The tools at the top of a line as the system turn declares them; "" for none.

    Tools that are no functions (a search, code execution) are the service's own, and nothing to declare.

    Raises:
        BrokenRuleError: they are no list of objects, or a function has no name.
    """
    if not isinstance(tools, list):
        raise BrokenRuleError(dataset_errors.TOOLS, field="functionDeclarations")
    lines = []
    for tool in tools:
        key = "function_declarations" if isinstance(tool, dict) and "function_declarations" in tool else ""
        key = key or "functionDeclarations"
        declared = tool.get(key, []) if isinstance(tool, dict) else None
        if not isinstance(declared, list) or not all(map(_is_named, declared)):
            raise BrokenRuleError(dataset_errors.TOOLS, field=key)
        lines += [f"{one['name']}({_list_parameters(one)})" for one in declared]
    return "\n".join(["Tools:", *lines]) if lines else ""


def _is_named(function: Any) -> bool:
    return isinstance(function, dict) and isinstance(function.get("name"), str) and bool(function["name"])


def _list_parameters(function: dict[str, Any]) -> str:
    keys = ("parameters", "parametersJsonSchema", "parameters_json_schema")
    schema: dict[str, Any] = next((function[key] for key in keys if isinstance(function.get(key), dict)), {})
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return ""
    return ", ".join(f"{name}: {_name_type(one)}" for name, one in properties.items())


def _name_type(schema: Any) -> str:
    kind = schema.get("type") if isinstance(schema, dict) else None
    if isinstance(kind, list):  # JSON Schema: ["string", "null"]
        kind = next((one for one in kind if one != "null"), None)
    return kind.lower() if isinstance(kind, str) and kind else "string"


def make_contents(turns: tuple[Turn, ...]) -> list[dict[str, Any]]:
    """The trainer's turns as contents again, calls and results of one speaker together."""
    contents: list[dict[str, Any]] = []
    called = ""
    for turn in turns:
        role = "model" if turn.learned else "user"
        part: dict[str, Any] = {"text": turn.text}
        if turn.role == "call":
            called, _, given = turn.text.partition(" ")
            part = {"functionCall": {"name": called, "args": json.loads(given)}}
        elif turn.role == "result":
            part = {"functionResponse": {"name": called or "function", "response": json.loads(turn.text)}}
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"].append(part)
        else:
            contents.append({"role": role, "parts": [part]})
    return contents

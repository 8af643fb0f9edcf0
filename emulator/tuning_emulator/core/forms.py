"""What a request for content wants the answer to be: JSON, one of several words, calls of functions.

Both APIs say it with the same fields; what each refuses is its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tuning_emulator.core.json_schema import convert_schema, normalise_schema
from tuning_emulator.schema.schema import Value
from tuning_trainer.spec import ANY_TEXT, Calling, Form, Function

JSON_TYPE, ENUM_TYPE = "application/json", "text/x.enum"

_CALLINGS: Mapping[str, Calling] = {"ANY": "any", "NONE": "none", "AUTO": "auto", "VALIDATED": "auto"}


def read_form(body: Value) -> Form:
    """The form of a ``GenerateContentRequest``.

    Raises:
        SchemaError: a JSON Schema is none.
    """
    config: Value = body.get("generation_config") or {}
    kind = read_mime_type(config)
    schema = _read_schema(config)
    functions, calling = _read_functions(body)
    if kind == ENUM_TYPE and schema and schema.get("enum"):
        return Form(choices=tuple(str(one) for one in schema["enum"]), functions=functions, calling=calling)
    if kind == JSON_TYPE:
        return Form(schema=json.dumps(schema or {}), functions=functions, calling=calling)
    return Form(functions=functions, calling=calling) if functions else ANY_TEXT


def read_mime_type(config: Value) -> str:
    """Of the answer that a ``GenerationConfig`` wants."""
    if any(one.get("mime_type") == "APPLICATION_JSON" for one in _list_text_formats(config)):
        return JSON_TYPE
    return str(config.get("response_mime_type") or "text/plain")


def read_thinking_level(config: Value) -> str:
    """The ``thinkingLevel`` of a ``ThinkingConfig``, "" where none is set."""
    level = config.get("thinking_level")
    return "" if level in (None, 0, "THINKING_LEVEL_UNSPECIFIED") else str(level)


def asks_to_think(body: Value) -> bool:
    """Whether a request for content wants thoughts before the answer, by budget, level or name."""
    config: Value = (body.get("generation_config") or {}).get("thinking_config") or {}
    return bool(config.get("thinking_budget") or read_thinking_level(config) or config.get("include_thoughts"))


def _list_text_formats(config: Value) -> list[Value]:
    return [one["text"] for one in config.get("response_format") or () if one.get("text")]


def _read_schema(config: Value) -> dict[str, Any] | None:
    for one in _list_text_formats(config):
        if one.get("schema") is not None:
            return normalise_schema(one["schema"])
    for name in ("response_json_schema", "response_json_schema_ordered"):
        if config.get(name) is not None:
            return normalise_schema(config[name])
    return convert_schema(config["response_schema"]) if config.get("response_schema") else None


def list_declarations(body: Value) -> list[Value]:
    """All functions that a request declares."""
    return [one for tool in body.get("tools") or () for one in tool.get("function_declarations") or ()]


def list_built_in_tools(body: Value) -> list[str]:
    """The fields of a request's tools that are set beside functions, each once."""
    set_ = (name for tool in body.get("tools") or () for name, value in tool.items() if value is not None)
    return list(dict.fromkeys(name for name in set_ if name != "function_declarations"))


def _read_functions(body: Value) -> tuple[tuple[Function, ...], Calling]:
    config: Value = (body.get("tool_config") or {}).get("function_calling_config") or {}
    allowed = set(config.get("allowed_function_names") or ())
    declared = [one for one in list_declarations(body) if not allowed or one.get("name") in allowed]
    functions = tuple(Function(one.get("name", ""), json.dumps(read_parameters(one))) for one in declared)
    return functions, _CALLINGS.get(config.get("mode") or "AUTO", "auto")


def read_parameters(declaration: Value) -> dict[str, Any]:
    """The JSON Schema of a function's arguments.

    Raises:
        SchemaError: it is none.
    """
    if declaration.get("parameters_json_schema") is not None:
        schema = normalise_schema(declaration["parameters_json_schema"])
    else:
        schema = convert_schema(declaration.get("parameters") or {})
    schema.setdefault("type", "object")
    if not schema.get("properties"):
        schema = {"properties": {}, "additionalProperties": False} | schema
    return schema

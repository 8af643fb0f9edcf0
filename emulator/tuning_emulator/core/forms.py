"""What a request for content wants the answer to be: JSON, one of several words, calls of functions.

Both APIs say it with the same fields; what each refuses is its own. Functions are told to the model in the way that the
embedded one has been taught: declared in the system turn, called as ``name {json}``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tuning_emulator.core.json_schema import convert_schema, normalise_schema
from tuning_emulator.schema.schema import Value
from tuning_trainer.spec import ANY_TEXT, Answer, Calling, Form, Function, Turn

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


# --- how functions are told to a model


def declare_tools(declarations: Iterable[Value]) -> str:
    """The lines of the system turn that say which functions there are, "" for none."""
    lines = [f"{one.get('name', '')}({', '.join(_declare_parameters(read_parameters(one)))})" for one in declarations]
    return "\n".join(("Tools:", *lines)) if lines else ""


def _declare_parameters(schema: Mapping[str, Any]) -> Iterator[str]:
    for name, one in (schema.get("properties") or {}).items():
        kind = one.get("type")
        kind = next((each for each in kind if each != "null"), None) if isinstance(kind, list) else kind
        branches = [each.get("type") for each in one.get("anyOf") or () if each.get("type") not in (None, "null")]
        yield f"{name}: {kind or next(iter(branches), 'string')}"


def join_system(declarations: Iterable[Value], system: str) -> str:
    """The system turn: what is said there, and the functions."""
    return "\n".join(part for part in (system, declare_tools(declarations)) if part)


def write_call(call: Value) -> str:
    """The text of a call's turn."""
    return f"{call.get('name', '')} {json.dumps(call.get('args') or {}, ensure_ascii=False)}"


def write_result(response: Value) -> str:
    """The text of a result's turn."""
    return json.dumps(response.get("response") or {}, ensure_ascii=False)


def split_turns(content: Value, *, model: bool) -> list[Turn]:
    """The turns of a content: its text, its calls, and one for each result among its parts."""
    turns: list[Turn] = []
    said = ""
    for part in content.get("parts") or ():
        if part.get("function_call") is not None:
            said = _end_text(turns, said, model=model)
            call = write_call(part["function_call"])
            if turns and turns[-1].role == "call":  # functions called at once are one turn
                call = f"{turns.pop().text}\n{call}"
            turns.append(Turn("call", call))
        elif part.get("function_response") is not None:
            said = _end_text(turns, said, model=model)
            turns.append(Turn("result", write_result(part["function_response"])))
        else:
            said += part.get("text") or ""
    if said or not turns:
        _end_text(turns, said, model=model, empty=True)
    return turns


def _end_text(turns: list[Turn], said: str, *, model: bool, empty: bool = False) -> str:
    if said or empty:
        turns.append(Turn("model" if model else "user", said))
    return ""


def read_parts(answer: Answer) -> tuple[list[Value], str]:
    """The parts of an answer and why it ended. A call that is cut off is none."""
    if not answer.call:
        return [{"text": answer.text}] if answer.text else [], answer.finish
    try:
        return [{"function_call": _read_call(line)} for line in answer.text.splitlines()], answer.finish
    except ValueError:
        return [], "MALFORMED_FUNCTION_CALL"


def _read_call(line: str) -> Value:
    """What ``write_call`` has written."""
    name, _, arguments = line.partition(" ")
    return {"name": name, "args": json.loads(arguments or "{}")}

"""What the Gemini API checks of schemas and functions before a model answers.

Clients find these rules by being refused, so each is as they quote it; see the rows' sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tuning_emulator.core.forms import list_declarations, read_form
from tuning_emulator.core.functions import find_turn_faults
from tuning_emulator.core.json_schema import SchemaError, walk_schema
from tuning_emulator.core.rules import Rule, Values
from tuning_emulator.facts import gemini_errors
from tuning_emulator.schema.schema import Value

if TYPE_CHECKING:
    from tuning_emulator.gemini.prompts import ContentRequest

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
_UNSPECIFIED = (None, "", "TYPE_UNSPECIFIED")
_OF_OBJECTS = ("properties", "required")


def list_tools(asked: ContentRequest) -> list[Value]:
    """The tools of a request."""
    tools: list[Value] = asked.body.get("tools") or []
    return tools


def _list_functions(asked: ContentRequest) -> Iterator[tuple[str, Value]]:
    """The functions that a request declares, each with its path."""
    for number, tool in enumerate(list_tools(asked)):
        for index, declaration in enumerate(tool.get("function_declarations") or ()):
            yield f"tools[{number}].function_declarations[{index}]", declaration


def _list_schemas(asked: ContentRequest) -> Iterator[tuple[str, Value]]:
    """Every ``Schema`` message of a request, with its path."""
    if asked.config.get("response_schema"):
        yield from walk_schema(asked.config["response_schema"], "generation_config.response_schema")
    for path, declaration in _list_functions(asked):
        if declaration.get("parameters"):
            yield from walk_schema(declaration["parameters"], f"{path}.parameters")


def _find_untyped(asked: ContentRequest) -> Iterator[Values]:
    for path, schema in _list_schemas(asked):
        if schema.get("type") in _UNSPECIFIED and not schema.get("any_of"):
            yield {"path": path}


def _find_empty_objects(asked: ContentRequest) -> Iterator[Values]:
    return (
        {"path": path}
        for path, schema in _list_schemas(asked)
        if schema.get("type") == "OBJECT" and not schema.get("properties")
    )


def _find_fields_of_objects(asked: ContentRequest) -> Iterator[Values]:
    for path, schema in _list_schemas(asked):
        if schema.get("type") not in (*_UNSPECIFIED, "OBJECT") or schema.get("any_of"):
            yield from ({"path": path, "field": field} for field in _OF_OBJECTS if schema.get(field))


def _find_arrays_of_nothing(asked: ContentRequest) -> Iterator[Values]:
    return (
        {"path": path}
        for path, schema in _list_schemas(asked)
        if schema.get("type") == "ARRAY" and schema.get("items") is None
    )


def _find_required_unknown(asked: ContentRequest) -> Iterator[Values]:
    for path, schema in _list_schemas(asked):
        if schema.get("type") == "OBJECT":
            known = schema.get("properties") or {}
            required = schema.get("required") or ()
            yield from ({"path": path, "index": index} for index, name in enumerate(required) if name not in known)


def _find_enums(asked: ContentRequest) -> Iterator[Values]:
    return (
        {"path": path} for path, schema in _list_schemas(asked) if schema.get("enum") and schema.get("type") != "STRING"
    )


def _find_formats(asked: ContentRequest) -> Iterator[Values]:
    for path, schema in _list_schemas(asked):
        if schema.get("type") == "STRING" and schema.get("format") not in (None, "", "enum", "date-time"):
            yield {"path": path}


def _find_unreadable(asked: ContentRequest) -> Iterator[Values]:
    """JSON Schemas that are none."""
    try:
        read_form(asked.body)
    except SchemaError as error:
        yield {"path": "generation_config.response_json_schema", "reason": error}


def _has_both(asked: ContentRequest) -> bool:
    return bool(asked.config.get("response_schema")) and asked.config.get("response_json_schema") is not None


def _find_names(asked: ContentRequest) -> Iterator[Values]:
    return (
        {"path": path}
        for path, declaration in _list_functions(asked)
        if not _NAME.fullmatch(declaration.get("name", ""))
    )


def _find_allowed_unknown(asked: ContentRequest) -> Iterator[Values]:
    known = {one.get("name") for one in list_declarations(asked.body)}
    allowed = _read_calling(asked).get("allowed_function_names") or ()
    return ({"index": index} for index, name in enumerate(allowed) if name not in known)


SCHEMA_RULES: tuple[Rule[ContentRequest], ...] = (
    Rule(gemini_errors.SCHEMA_TYPE, _find_untyped),
    Rule(gemini_errors.SCHEMA_PROPERTIES_EMPTY, _find_empty_objects),
    Rule(gemini_errors.SCHEMA_NOT_OBJECT, _find_fields_of_objects),
    Rule(gemini_errors.SCHEMA_ITEMS, _find_arrays_of_nothing),
    Rule(gemini_errors.SCHEMA_REQUIRED, _find_required_unknown),
    Rule(gemini_errors.SCHEMA_ENUM, _find_enums),
    Rule(gemini_errors.SCHEMA_FORMAT, _find_formats),
    Rule(gemini_errors.SCHEMA_UNREADABLE, _find_unreadable),
    Rule(gemini_errors.SCHEMAS_BOTH, _has_both),
    Rule(gemini_errors.FUNCTION_NAME, _find_names),
    Rule(gemini_errors.FUNCTIONS_ALLOWED_UNKNOWN, _find_allowed_unknown),
)
"""All that are broken are said together."""


# --- what speaks alone


def _read_calling(asked: ContentRequest) -> Value:
    calling: Value = (asked.body.get("tool_config") or {}).get("function_calling_config") or {}
    return calling


def _find_mime_type(asked: ContentRequest) -> Iterator[Values]:
    """Models before gemini-3 take functions or JSON."""
    calls = bool(list_declarations(asked.body)) and _read_calling(asked).get("mode") != "NONE"
    if calls and asked.mime_type != "text/plain" and not asked.base.id.startswith("gemini-3"):
        yield {"mime_type": asked.mime_type}


def _has_config_alone(asked: ContentRequest) -> bool:
    return bool(_read_calling(asked)) and not list_declarations(asked.body)


def _find_duplicates(asked: ContentRequest) -> Iterator[Values]:
    names = [one.get("name", "") for one in list_declarations(asked.body)]
    return ({"name": name} for place, name in enumerate(names) if name in names[:place])


FUNCTION_RULES: tuple[Rule[ContentRequest], ...] = (
    Rule(
        gemini_errors.SCHEMA_NEEDS_MIME_TYPE,
        lambda asked: bool(asked.config.get("response_schema")) and asked.mime_type == "text/plain",
    ),
    Rule(gemini_errors.FUNCTIONS_WITH_MIME_TYPE, _find_mime_type),
    Rule(gemini_errors.FUNCTIONS_MISSING, _has_config_alone),
    Rule(gemini_errors.FUNCTION_DUPLICATE, _find_duplicates),
    Rule(gemini_errors.FUNCTION_CALL_PLACE, lambda asked: "call out of place" in find_turn_faults(asked.contents)),
    Rule(gemini_errors.FUNCTION_RESPONSES, lambda asked: "results unlike calls" in find_turn_faults(asked.contents)),
)
"""Each speaks alone."""

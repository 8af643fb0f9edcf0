"""What Vertex AI checks of response schemas and functions before a model answers. The first breach speaks alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tuning_emulator.core.errors import ApiError, ErrorText
from tuning_emulator.core.forms import ENUM_TYPE, JSON_TYPE, list_declarations, read_form, read_mime_type
from tuning_emulator.core.functions import TurnFault, find_turn_faults
from tuning_emulator.core.json_schema import SchemaError, walk_schema
from tuning_emulator.facts import vertex_errors
from tuning_emulator.schema.schema import Value
from tuning_trainer.spec import Form

_UNSPECIFIED = (None, "", "TYPE_UNSPECIFIED")
_SEARCHES = {"google_search": "google_search", "google_search_retrieval": "Search", "code_execution": "Code Execution"}
_TURN_ROWS: Mapping[TurnFault, ErrorText] = {
    "call out of place": vertex_errors.FUNCTION_CALL_PLACE,
    "results unlike calls": vertex_errors.FUNCTION_RESPONSES,
}


def read_checked_form(body: Value, model: str) -> Form:
    """What a request wants the answer to be.

    Args:
        model: Id of the base model.

    Raises:
        ApiError: a schema or a function is none that the service takes.
    """
    for error in _find_breaches(body, model):
        raise error
    try:
        return read_form(body)
    except SchemaError as error:
        raise vertex_errors.RESPONSE_SCHEMA_UNREADABLE(reason=error) from error


def _find_breaches(body: Value, model: str) -> Iterator[ApiError]:
    config: Value = body.get("generation_config") or {}
    yield from _find_schema_breaches(config)
    names = []
    for declaration in list_declarations(body):
        name = declaration.get("name", "")
        if name in names:
            yield vertex_errors.FUNCTION_DUPLICATE(name=name)
        names.append(name)
        yield from _find_function_breaches(declaration)
    if read_mime_type(config) == JSON_TYPE and not model.startswith("gemini-3"):
        tools = [name for tool in body.get("tools") or () for name in _SEARCHES if tool.get(name) is not None]
        yield from (vertex_errors.SEARCH_WITH_SCHEMA(tool=_SEARCHES[name]) for name in tools)
    yield from (_TURN_ROWS[fault]() for fault in find_turn_faults(body.get("contents") or []))


def _find_schema_breaches(config: Value) -> Iterator[ApiError]:
    schema = config.get("response_schema")
    kind = read_mime_type(config)
    if (schema or config.get("response_json_schema") is not None) and kind not in (JSON_TYPE, ENUM_TYPE):
        yield vertex_errors.RESPONSE_SCHEMA_MIME_TYPE(mime_type=kind)
    for _, one in walk_schema(schema) if schema else ():
        if _is_untyped(one):
            yield vertex_errors.RESPONSE_SCHEMA_TYPE()
        if _has_more_than_any_of(one):
            yield vertex_errors.RESPONSE_SCHEMA_ANY_OF()


def _find_function_breaches(declaration: Value) -> Iterator[ApiError]:
    name, parameters = declaration.get("name", ""), declaration.get("parameters")
    if not parameters:
        return
    if parameters.get("type") not in (*_UNSPECIFIED, "OBJECT"):
        yield vertex_errors.FUNCTION_SCHEMA_OBJECT(name=name)
    for path, one in walk_schema(parameters):
        place = ".".join(("parameters", *_name_path(path)))
        if _is_untyped(one):
            yield vertex_errors.FUNCTION_SCHEMA_TYPE(name=name, path=place)
        if _has_more_than_any_of(one):
            yield vertex_errors.FUNCTION_SCHEMA_ANY_OF(name=name, path=place)


def _name_path(path: str) -> Iterator[str]:
    """``properties[person].properties[age]`` as this service says it: ``person.age``."""
    for step in path.split("."):
        if step:
            yield step.removeprefix("properties[").removesuffix("]") if step.startswith("properties[") else step


def _is_untyped(schema: Value) -> bool:
    return schema.get("type") in _UNSPECIFIED and not schema.get("any_of") and not schema.get("ref")


def _has_more_than_any_of(schema: Value) -> bool:
    others = {name for name, value in schema.items() if value not in (None, "", 0, [], {}, "TYPE_UNSPECIFIED")}
    return bool(schema.get("any_of")) and bool(others - {"any_of", "defs"})

"""What an answer is held to, as JSON Schema: made of Google's ``Schema`` message or of a client's own JSON Schema.

Objects that name their properties have no others, and properties come in their order: so the services' models write
them. Sources: the discovery documents' ``Schema``; ai.google.dev/gemini-api/docs/structured-output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tuning_emulator.schema.schema import Value

LARGEST_INTEGER = 2**53 - 1
"""Of integers without bounds: what every language reads back as it was written."""

FORMATS: Mapping[str, str] = {
    "date": r"^[12]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])$",
    "time": r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$",
    "date-time": r"^[12]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$",
}
"""Formats that are written in one way of several, which every reader takes: days that all months have, capitals."""

_KEPT_FORMATS = frozenset(("duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"))
_INTEGER_RANGES = {"int32": (-(2**31), 2**31 - 1), "int64": (-LARGEST_INTEGER, LARGEST_INTEGER)}
_BOUNDS = {
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
    "minimum": "minimum",
    "maximum": "maximum",
    "pattern": "pattern",
}
_KEYWORDS = frozenset(
    (
        *_BOUNDS.values(),
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "required",
        "enum",
        "const",
        "$ref",
        "format",
        "type",
    )
)


class SchemaError(ValueError):
    """What was given is no schema; the text says what it is."""


def convert_schema(schema: Value) -> dict[str, Any]:
    """JSON Schema of a ``Schema`` message."""
    found = _convert(schema)
    if schema.get("defs"):
        found["$defs"] = {name: _convert(one) for name, one in schema["defs"].items()}
    return found


def _convert(schema: Value) -> dict[str, Any]:
    if schema.get("ref"):
        found: dict[str, Any] = {"$ref": schema["ref"].replace("#/defs/", "#/$defs/")}
    elif schema.get("any_of"):
        found = {"anyOf": [_convert(one) for one in schema["any_of"]]}
    else:
        found = _convert_type(schema)
    if schema.get("nullable"):
        found = {"anyOf": [found, {"type": "null"}]}
    return found


def _convert_type(schema: Value) -> dict[str, Any]:
    kind = str(schema.get("type") or "TYPE_UNSPECIFIED").lower()
    found: dict[str, Any] = {} if kind == "type_unspecified" else {"type": kind}
    found |= {name: schema[field] for field, name in _BOUNDS.items() if schema.get(field) not in (None, "", 0)}
    found |= {name: schema[name] for name in ("minimum", "maximum") if schema.get(name) is not None}
    if schema.get("enum"):
        found["enum"] = list(schema["enum"])
    if schema.get("format"):
        found["format"] = schema["format"]
    if schema.get("items") is not None:
        found["items"] = _convert(schema["items"])
    properties = {name: _convert(one) for name, one in (schema.get("properties") or {}).items()}
    return _finish(found, properties, schema.get("required"), schema.get("property_ordering"))


def normalise_schema(schema: Any) -> dict[str, Any]:
    """A client's JSON Schema, with the keywords that can be kept; others have no effect, as the service documents.

    Raises:
        SchemaError: it is none.
    """
    if schema is True:
        return {}
    if not isinstance(schema, dict):
        raise SchemaError(f"{schema!r} is no JSON Schema")
    found = {name: value for name, value in schema.items() if name in _KEYWORDS}
    kind = found.get("type")
    if isinstance(kind, str | list):
        found["type"] = kind.lower() if isinstance(kind, str) else [str(one).lower() for one in kind]
    branches = schema.get("anyOf") or schema.get("oneOf")
    if branches:
        found = {"anyOf": [normalise_schema(one) for one in branches]}
    if len(schema.get("allOf") or ()) == 1:
        found = normalise_schema(schema["allOf"][0]) | found
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            found[name] = normalise_schema(schema[name])
        elif name in schema:
            found[name] = schema[name]
    if isinstance(schema.get("prefixItems"), list):
        found["prefixItems"] = [normalise_schema(one) for one in schema["prefixItems"]]
    for name in ("$defs", "definitions"):
        if isinstance(schema.get(name), dict):
            found[name] = {key: normalise_schema(one) for key, one in schema[name].items()}
    properties = {name: normalise_schema(one) for name, one in (schema.get("properties") or {}).items()}
    return _finish(found, properties, found.pop("required", None), schema.get("propertyOrdering"))


def _finish(
    found: dict[str, Any], properties: dict[str, Any], required: list[str] | None, ordering: list[str] | None
) -> dict[str, Any]:
    """Orders properties, closes the object, bounds integers, and writes formats in the way that all readers take."""
    if properties:
        order = [name for name in ordering or () if name in properties]
        found["properties"] = {name: properties[name] for name in (*order, *properties)}
        found.setdefault("additionalProperties", False)
    if required:
        open_ended = found.get("additionalProperties", True) is not False
        found["required"] = [name for name in required if open_ended or name in properties]
    given = str(found.get("format", ""))
    if given in _INTEGER_RANGES:
        low, high = _INTEGER_RANGES[given]
        found.setdefault("minimum", low)
        found.setdefault("maximum", high)
    if found.get("type") == "integer" and "enum" not in found:
        _bound_integer(found)
    if given in FORMATS:
        found.setdefault("pattern", FORMATS[given])
    elif given not in _KEPT_FORMATS:
        found.pop("format", None)
    return found


def _bound_integer(found: dict[str, Any]) -> None:
    if "minimum" not in found and "exclusiveMinimum" not in found:
        high = found.get("maximum", found.get("exclusiveMaximum", 0))
        found["minimum"] = min(-LARGEST_INTEGER, int(high) - LARGEST_INTEGER)
    if "maximum" not in found and "exclusiveMaximum" not in found:
        low = found.get("minimum", found.get("exclusiveMinimum", 0))
        found["maximum"] = max(LARGEST_INTEGER, int(low) + LARGEST_INTEGER)


def walk_schema(schema: Value, path: str = "") -> Iterator[tuple[str, Value]]:
    """A ``Schema`` message and all below it, each with its path as the services write it."""
    yield path, schema
    dot = f"{path}." if path else ""
    for name, one in (schema.get("properties") or {}).items():
        yield from walk_schema(one, f"{dot}properties[{name}]")
    if schema.get("items") is not None:
        yield from walk_schema(schema["items"], f"{dot}items")
    for number, one in enumerate(schema.get("any_of") or ()):
        yield from walk_schema(one, f"{dot}any_of[{number}]")

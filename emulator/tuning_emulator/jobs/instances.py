"""Instances of a JSON Schema, as near to a text as can be: the scripted trainer's answers where JSON is wanted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_SAMPLES: Mapping[str, str] = {
    "date": "2026-01-01",
    "time": "12:00:00Z",
    "date-time": "2026-01-01T12:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
    "uri": "https://example.com/",
}
_DEPTH = 24
"""Of references within references; a schema that goes on below it has no end."""

MISSING = object()


class NoInstanceError(ValueError):
    """Nothing is known that fits; the text says to what."""


def read_json(text: str) -> Any:
    """The value of a text, which may stand in a code fence; the text itself where it is no JSON."""
    fenced = re.fullmatch(r"\s*```(?:json)?\s*(.*?)\s*```\s*", text, re.DOTALL)
    try:
        return json.loads(fenced[1] if fenced else text)
    except json.JSONDecodeError:
        return text


def fit(schema: Mapping[str, Any], value: Any = MISSING) -> Any:
    """The instance that has most of a value. A value that is no object stands for each property of one.

    Raises:
        NoInstanceError: a text has to fit a pattern, and the value does not; or the schema has no end.
    """
    return _fit(schema, value, schema, _DEPTH)


def _fit(schema: Mapping[str, Any], value: Any, root: Mapping[str, Any], depth: int) -> Any:
    if depth < 0:
        raise NoInstanceError("the schema refers to itself without an end")
    if "$ref" in schema:
        return _fit(_resolve(schema["$ref"], root), value, root, depth - 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return next((one for one in schema["enum"] if _same(one, value)), schema["enum"][0])
    if schema.get("anyOf"):
        return _fit_branch(schema["anyOf"], value, root, depth)
    kind = schema.get("type")
    if isinstance(kind, list):
        return _fit_branch([{**schema, "type": one} for one in kind], value, root, depth)
    if kind == "object" or (kind is None and "properties" in schema):
        return _fit_object(schema, value, root, depth)
    if kind == "array":
        return _fit_array(schema, value, root, depth)
    if kind is None:
        return None if value is MISSING else value
    return _fit_scalar(kind, schema, value)


def _resolve(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        found = found.get(step) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        raise NoInstanceError(f"nothing is at {reference}")
    return found


def _same(one: Any, value: Any) -> bool:
    return one == value or (isinstance(one, str) and isinstance(value, str) and one.lower() == value.strip().lower())


def _fit_branch(branches: list[Mapping[str, Any]], value: Any, root: Mapping[str, Any], depth: int) -> Any:
    """The branch that keeps the value as it is, else the first that has an instance; null is the last resort."""
    found: list[Any] = []
    for branch in branches:
        try:
            one = _fit(branch, value, root, depth - 1)
        except NoInstanceError:
            continue
        if one == value and type(one) is type(value):
            return one
        found.append(one)
    if not found:
        raise NoInstanceError("none of anyOf has an instance")
    return next((one for one in found if one is not None), None)


def _fit_object(schema: Mapping[str, Any], value: Any, root: Mapping[str, Any], depth: int) -> dict[str, Any]:
    properties: Mapping[str, Any] = schema.get("properties") or {}
    required = set(schema.get("required") or ())
    whole = isinstance(value, dict)
    fitted = {}
    for name, one in properties.items():
        if whole and (name in value or name in required):
            fitted[name] = _fit(one, value.get(name, MISSING), root, depth - 1)
        elif not whole and name in required:
            fitted[name] = _fit(one, value, root, depth - 1)
    others = schema.get("additionalProperties", True)
    if whole and others is not False:
        inner = others if isinstance(others, Mapping) else {}
        fitted |= {name: _fit(inner, one, root, depth - 1) for name, one in value.items() if name not in properties}
    for name in properties:
        if len(fitted) >= schema.get("minProperties", 0):
            break
        fitted.setdefault(name, _fit(properties[name], MISSING, root, depth - 1))
    return fitted


def _fit_array(schema: Mapping[str, Any], value: Any, root: Mapping[str, Any], depth: int) -> list[Any]:
    given = value if isinstance(value, list) else [] if value is MISSING else [value]
    least, most = schema.get("minItems", 0), schema.get("maxItems", len(given))
    first = schema.get("prefixItems") or []
    if schema.get("items") is False:
        most = min(most, len(first))
    count = max(least, min(len(given), most), len(first) if not given else 0)
    inner = schema.get("items") if isinstance(schema.get("items"), Mapping) else {}
    return [
        _fit(
            first[place] if place < len(first) else inner or {},
            given[place] if place < len(given) else MISSING,
            root,
            depth - 1,
        )
        for place in range(count)
    ]


def _fit_scalar(kind: str, schema: Mapping[str, Any], value: Any) -> Any:
    if kind == "null":
        return None
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).strip().lower() in ("true", "yes", "1")
    if kind in ("integer", "number"):
        return _fit_number(kind, schema, value)
    return _fit_text(schema, value)


def _fit_number(kind: str, schema: Mapping[str, Any], value: Any) -> int | float:
    number = value
    if isinstance(value, str):
        found = re.search(r"-?\d+(?:\.\d+)?", value)
        number = float(found[0]) if found else 0
    if isinstance(number, bool) or not isinstance(number, int | float):
        number = 0
    low, high = _find_range(schema, 1 if kind == "integer" else 1e-6)
    number = max(number, low) if low is not None else number
    number = min(number, high) if high is not None else number
    unit = schema.get("multipleOf")
    if unit and number % unit:
        number = -(-(number if low is None else low) // unit) * unit
    return int(number) if kind == "integer" or float(number).is_integer() else number


def _find_range(schema: Mapping[str, Any], step: float) -> tuple[float | None, float | None]:
    """The least and the largest number, None: there is none. ``step``: how near to an exclusive bound."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None and "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + step
    if high is None and "exclusiveMaximum" in schema:
        high = schema["exclusiveMaximum"] - step
    return low, high


def _fit_text(schema: Mapping[str, Any], value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is MISSING or value is None else json.dumps(value)
    pattern = schema.get("pattern")
    if pattern and not re.search(pattern, text):
        text = _SAMPLES.get(schema.get("format", ""), "")
        if not re.search(pattern, text):
            raise NoInstanceError(
                f"the scripted trainer knows no text of the pattern {pattern!r}; the lora trainer does"
            )
    elif schema.get("format") and not pattern:
        text = _SAMPLES.get(schema["format"], text)
    least, most = schema.get("minLength", 0), schema.get("maxLength", len(text) or schema.get("minLength", 0))
    return text[: max(least, most)].ljust(least, "x")

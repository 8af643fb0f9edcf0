"""Schemas without what may be left out, for answers that have little room."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tuning_trainer.spec import Form

_MAPS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLES = ("items", "additionalProperties")


def trim_form(form: Form) -> Form:
    """The form whose answers have what has to be there and no more; each of them is one of the given form, too."""
    functions = tuple(replace(one, parameters=_trim_text(one.parameters)) for one in form.functions)
    return replace(form, schema=_trim_text(form.schema) if form.schema else "", functions=functions)


def _trim_text(schema: str) -> str:
    return json.dumps(trim_schema(json.loads(schema)))


def trim_schema(schema: Any) -> Any:
    """A JSON Schema without optional properties and with lists as short as they may be."""
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    for name in _MAPS:
        if isinstance(found.get(name), dict):
            found[name] = {key: trim_schema(one) for key, one in found[name].items()}
    for name in _LISTS:
        if isinstance(found.get(name), list):
            found[name] = [trim_schema(one) for one in found[name]]
    for name in _SINGLES:
        if isinstance(found.get(name), dict):
            found[name] = trim_schema(found[name])
    properties, required = found.get("properties"), found.get("required") or []
    if isinstance(properties, dict) and all(name in properties for name in required):
        found["properties"] = {name: one for name, one in properties.items() if name in required}
        found["additionalProperties"] = False
    if "items" in found or "prefixItems" in found:
        found["maxItems"] = found.get("minItems", 0)
    return found

"""JSON Schemas to hold answers to: some as clients write them, and ones drawn at random."""

from __future__ import annotations

from random import Random
from typing import Any

TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}


def make_object(*required: str, **properties: Any) -> dict[str, Any]:
    """An object of these properties alone; all are required unless some are named."""
    names = list(required or properties)
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}


PYDANTIC: dict[str, Any] = {
    "$defs": {
        "Mood": {"enum": ["good", "bad"], "title": "Mood", "type": "string"},
        "Pet": {
            "properties": {
                "name": {"title": "Name", "type": "string"},
                "born": {"anyOf": [{"format": "date", "type": "string"}, {"type": "null"}], "default": None},
            },
            "required": ["name"],
            "title": "Pet",
            "type": "object",
        },
    },
    "properties": {
        "mood": {"$ref": "#/$defs/Mood"},
        "pets": {"items": {"$ref": "#/$defs/Pet"}, "maxItems": 3, "title": "Pets", "type": "array"},
        "score": {"exclusiveMinimum": 0, "maximum": 1, "title": "Score", "type": "number"},
        "at": {"format": "date-time", "title": "At", "type": "string"},
    },
    "required": ["mood", "pets", "score", "at"],
    "title": "Person",
    "type": "object",
}
"""As pydantic writes a model with an enum, a list of models, an optional date and bounds."""

ZOD: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "kind": {"type": "string", "const": "event"},
        "title": {"type": "string", "minLength": 1, "maxLength": 20},
        "size": {"anyOf": [{"type": "string", "enum": ["s", "m"]}, {"type": "number"}]},
        "count": {"type": "integer", "minimum": -9007199254740991, "maximum": 9007199254740991},
        "nested": {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]},
    },
    "required": ["kind", "title", "size", "count", "nested"],
    "additionalProperties": False,
}
"""As zod writes an object with a literal, a union, bounds and an object within."""

LIST: dict[str, Any] = {
    "type": "object",
    "properties": {"value": WHOLE, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
    "required": ["value", "next"],
    "additionalProperties": False,
}
"""One that refers to itself."""

WRITTEN: dict[str, dict[str, Any]] = {
    "anything": {},
    "text": TEXT,
    "integer": WHOLE,
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "null": {"type": "null"},
    "enum": {"enum": ["red", "dark green"]},
    "enum of kinds": {"enum": [1, "1", None, True]},
    "const": {"const": {"a": [1]}},
    "either": {"anyOf": [WHOLE, TEXT]},
    "nullable": {"type": ["string", "null"]},
    "lengths": {"type": "string", "minLength": 3, "maxLength": 5},
    "pattern": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"},
    "date": {"type": "string", "format": "date"},
    "date-time": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
    "uuid": {"type": "string", "format": "uuid"},
    "email": {"type": "string", "format": "email"},
    "ipv4": {"type": "string", "format": "ipv4"},
    "range": {"type": "integer", "minimum": 10, "maximum": 12},
    "open range": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "int32": {"type": "integer", "format": "int32"},
    "empty object": make_object(),
    "flat": make_object(a=TEXT, b=WHOLE),
    "optional": make_object("a", a=TEXT, b=WHOLE, c={"type": "boolean"}),
    "nested": make_object(a=make_object(b=make_object(c=TEXT))),
    "array": {"type": "array", "items": WHOLE, "minItems": 2, "maxItems": 4},
    "array of objects": {"type": "array", "items": make_object(a=TEXT), "minItems": 1},
    "pair": {"type": "array", "prefixItems": [TEXT, WHOLE], "items": False, "minItems": 2},
    "map": {"type": "object", "additionalProperties": WHOLE},
    "list": LIST,
    "pydantic": PYDANTIC,
    "zod": ZOD,
}


def draw_schema(random: Random, depth: int = 3) -> dict[str, Any]:
    """A schema of up to ``depth`` levels, of everything that an answer can be held to but patterns."""
    kinds = ["text", "whole", "number", "boolean", "null", "enum", "format"]
    kind = random.choice(kinds + ["object", "array", "either", "object"] * (depth > 0))
    if kind == "object":
        names = random.sample(["a", "b b", "ü", "name", "x-y"], random.randrange(4))
        required = [name for name in names if random.random() < 0.7]
        properties = {name: draw_schema(random, depth - 1) for name in names}
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    if kind == "array":
        least = random.randrange(3)
        found = {"type": "array", "items": draw_schema(random, depth - 1), "minItems": least}
        return {**found, "maxItems": least + random.randrange(3)} if random.random() < 0.6 else found
    if kind == "either":
        return {"anyOf": [draw_schema(random, depth - 1) for _ in range(random.randint(1, 3))]}
    return _draw_scalar(random, kind)


def _draw_scalar(random: Random, kind: str) -> dict[str, Any]:
    if kind == "text":
        least = random.randrange(4)
        return random.choice([TEXT, {**TEXT, "minLength": least, "maxLength": least + random.randrange(5)}])
    if kind in ("whole", "number"):
        name = "integer" if kind == "whole" else kind
        least = random.randint(-50, 50)
        return random.choice([{"type": name}, {"type": name, "minimum": least, "maximum": least + random.randrange(9)}])
    if kind == "enum":
        return {"enum": random.sample(["a", "b c", 'q"', "ü", 1, 2.5, None, True], random.randint(1, 4))}
    if kind == "format":
        return {**TEXT, "format": random.choice(["date", "date-time", "time", "uuid", "email", "ipv4"])}
    return {"type": kind}

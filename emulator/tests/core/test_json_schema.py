"""Google's schemas and clients' own as JSON Schema."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from tests.schemas import PYDANTIC, WRITTEN, ZOD
from tuning_emulator.core.json_schema import LARGEST_INTEGER, SchemaError, convert_schema, normalise_schema, walk_schema

TEXT = {"type": "STRING"}


@pytest.mark.parametrize(
    ("schema", "converted"),
    [
        (TEXT, {"type": "string"}),
        ({**TEXT, "nullable": True}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({**TEXT, "enum": ["a"], "format": "enum"}, {"type": "string", "enum": ["a"]}),
        ({**TEXT, "min_length": 1, "max_length": 2}, {"type": "string", "minLength": 1, "maxLength": 2}),
        ({"type": "NUMBER", "minimum": 0.0, "format": "float"}, {"type": "number", "minimum": 0.0}),
        (
            {"type": "INTEGER", "format": "int32"},
            {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
        ),
        ({"type": "INTEGER"}, {"type": "integer", "minimum": -LARGEST_INTEGER, "maximum": LARGEST_INTEGER}),
        (
            {"type": "ARRAY", "items": TEXT, "max_items": 3},
            {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        ),
        ({"any_of": [TEXT, {"type": "BOOLEAN"}]}, {"anyOf": [{"type": "string"}, {"type": "boolean"}]}),
        ({"type": "OBJECT"}, {"type": "object"}),
        (
            {"ref": "#/defs/A", "defs": {"A": TEXT}},
            {"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}},
        ),
    ],
)
def test_googles_schema(schema: dict[str, Any], converted: dict[str, Any]) -> None:
    """Each kind of field; formats that say nothing of a text are left out."""
    assert convert_schema(schema) == converted


def test_properties_come_in_their_order() -> None:
    """The named ones first, the rest as they were given; objects have no others."""
    schema = {
        "type": "OBJECT",
        "properties": {"a": TEXT, "b": TEXT, "c": TEXT},
        "property_ordering": ["c", "a", "none"],
        "required": ["a", "none"],
    }
    converted = convert_schema(schema)
    assert list(converted["properties"]) == ["c", "a", "b"]
    assert converted["additionalProperties"] is False
    assert converted["required"] == ["a"]


@pytest.mark.parametrize("schema", [PYDANTIC, ZOD, *WRITTEN.values()])
def test_what_is_made_of_a_clients_schema_is_narrower(schema: dict[str, Any]) -> None:
    """It is a schema itself, and says of integers and dates which of all that fit are written."""
    jsonschema.Draft202012Validator.check_schema(normalise_schema(schema))


def test_keywords_without_effect_are_left_out() -> None:
    """The services document that they have none."""
    assert normalise_schema({"type": "STRING", "title": "x", "default": "y", "readOnly": True}) == {"type": "string"}
    assert normalise_schema({"oneOf": [{"type": "string"}]}) == {"anyOf": [{"type": "string"}]}
    assert normalise_schema({"allOf": [{"type": "string"}], "title": "x"}) == {"type": "string"}
    assert normalise_schema(True) == {}


@pytest.mark.parametrize("schema", [1, None, "string", [], False, {"items": {"properties": {"a": 3}}}])
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    """And told."""
    with pytest.raises(SchemaError, match="is no JSON Schema"):
        normalise_schema(schema)


def test_a_walk_names_every_place() -> None:
    """As the services write paths."""
    schema = {"properties": {"a": {"items": {"any_of": [TEXT]}}}}
    paths = [path for path, _ in walk_schema(schema, "x")]
    assert paths == ["x", "x.properties[a]", "x.properties[a].items", "x.properties[a].items.any_of[0]"]

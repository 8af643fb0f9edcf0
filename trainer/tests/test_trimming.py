"""Schemas without what may be left out: what fits them fits the ones that they were made of."""

from __future__ import annotations

import json
from random import Random

import jsonschema
import pytest

from tests.schemas import WRITTEN, draw_schema, make_object
from tuning_emulator.core.json_schema import normalise_schema
from tuning_emulator.jobs.instances import fit
from tuning_trainer.answering.trimming import trim_form, trim_schema
from tuning_trainer.spec import Form, Function


@pytest.mark.parametrize("name", sorted(WRITTEN.keys() - {"pattern"}))  # what makes instances here knows no patterns
def test_an_instance_of_the_trimmed_schema_is_one_of_the_whole(name: str) -> None:
    """Of schemas as clients write them."""
    schema = normalise_schema(WRITTEN[name])
    jsonschema.validate(fit(trim_schema(schema)), schema)


def test_so_it_is_of_any_schema() -> None:
    """Of ones drawn at random."""
    random = Random(3)
    for _ in range(300):
        schema = normalise_schema(draw_schema(random))
        jsonschema.validate(fit(trim_schema(schema)), schema)


def test_what_may_be_left_out_is_gone() -> None:
    """Optional properties, also further down, and elements beyond the least; the arguments of functions alike."""
    inner = {"type": "object", "properties": {"must": {}, "may": {}}, "required": ["must"]}
    schema = make_object(list={"type": "array", "minItems": 1, "items": inner})
    trimmed = trim_schema(schema)
    assert trimmed["properties"]["list"]["maxItems"] == 1
    assert [*trimmed["properties"]["list"]["items"]["properties"]] == ["must"]
    form = trim_form(Form(schema=json.dumps(schema), functions=(Function("f", json.dumps(inner)),)))
    assert json.loads(form.schema) == trimmed
    assert [*json.loads(form.functions[0].parameters)["properties"]] == ["must"]


def test_a_property_that_is_required_and_not_described_stays_possible() -> None:
    """The object is not closed before it."""
    schema = {"type": "object", "properties": {"a": {}}, "required": ["b"]}
    assert trim_schema(schema) == schema

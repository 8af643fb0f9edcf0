"""Instances of schemas, as near to a text as can be."""

from __future__ import annotations

from random import Random
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.schemas import WRITTEN, draw_schema, make_object
from tuning_emulator.core.json_schema import normalise_schema
from tuning_emulator.jobs.instances import MISSING, NoInstanceError, fit, read_json

CHECKER = jsonschema.Draft202012Validator.FORMAT_CHECKER
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(-9, 9) | st.sampled_from(["a", "b c", "12", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b b", "name"]), inner),
    max_leaves=6,
)


@given(st.integers(0, 2**32), VALUES | st.just(MISSING))
def test_whatever_is_wanted_fits(seed: int, value: Any) -> None:
    """Any schema, and any value to begin with."""
    schema = draw_schema(Random(seed))
    found = fit(normalise_schema(schema), value)
    jsonschema.Draft202012Validator(schema, format_checker=CHECKER).validate(found)


@pytest.mark.parametrize("name", sorted(WRITTEN.keys() - {"pattern"}))
def test_schemas_as_clients_write_them(name: str) -> None:
    """With nothing to begin with."""
    found = fit(normalise_schema(WRITTEN[name]))
    jsonschema.Draft202012Validator(WRITTEN[name], format_checker=CHECKER).validate(found)


def test_what_fits_is_kept() -> None:
    """A value that fits stays as it is, and of one that does not as much as can be."""
    schema = make_object("mood", mood={"enum": ["Good", "Bad"]}, note={"type": "string"}, size={"type": "integer"})
    assert fit(schema, {"mood": "Bad", "note": "x"}) == {"mood": "Bad", "note": "x"}
    assert fit(schema, {"mood": "bad", "size": "about 3", "other": 1}) == {"mood": "Bad", "size": 3}
    assert fit(schema, "good") == {"mood": "Good"}
    assert fit({"type": "string", "pattern": "^[0-9]+$"}, "12") == "12"


def test_nothing_is_made_up_for_a_pattern() -> None:
    """A text of a pattern is not guessed, nor an endless schema followed."""
    with pytest.raises(NoInstanceError, match="knows no text of the pattern"):
        fit({"type": "string", "pattern": "^[0-9]+$"}, "no")
    with pytest.raises(NoInstanceError, match="without an end"):
        fit({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]})
    with pytest.raises(NoInstanceError, match="nothing is at"):
        fit({"$ref": "#/$defs/none"})


@pytest.mark.parametrize(
    ("text", "value"),
    [('{"a": 1}', {"a": 1}), ('```json\n{"a": 1}\n```', {"a": 1}), ("positive", "positive"), ("3", 3)],
)
def test_json_is_read_out_of_an_answer(text: str, value: Any) -> None:
    """Fences around it do not matter."""
    assert read_json(text) == value

"""Bytes of JSON as the front end writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuning_emulator.protojson.printer import (
    Float32,
    format_double,
    format_event,
    format_float,
    format_json,
    format_string,
    round_float,
)


def test_pretty_json_has_two_spaces_and_a_final_newline() -> None:
    """One element a line; empty containers on one line. Recorded length: 857 bytes and a newline (js-genai)."""
    tree: dict[str, Any] = {"a": [1, {"b": "c"}], "e": {}, "l": [], "n": None, "t": True}
    assert format_json(tree) == (json.dumps(tree, indent=2) + "\n").encode()


def test_one_line_json_ends_without_newline() -> None:
    """``prettyPrint=false`` has no spaces at all."""
    assert format_json({"a": [1, {"b": "c"}]}, "compact") == b'{"a":[1,{"b":"c"}]}'


def test_events_keep_the_space_after_the_colon() -> None:
    """Recorded: FirebaseExtended/vertexai-sdk-test-data streaming bodies."""
    tree = {"candidates": [{"content": {"parts": [{"text": "The"}], "role": "model"}}]}
    expected = b'data: {"candidates": [{"content": {"parts": [{"text": "The"}],"role": "model"}}]}\r\n\r\n'
    assert format_event(tree) == expected


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("referer <empty>", '"referer \\u003cempty\\u003e"'),
        ("a&b'c/d", '"a&b\'c/d"'),
        ('"\\\b\t\n\f\r', '"\\"\\\\\\b\\t\\n\\f\\r"'),
        ("\x00\x1f\x7f\x9f", '"\\u0000\\u001f\\u007f\\u009f"'),
        ("é\N{GRINNING FACE}", '"é\N{GRINNING FACE}"'),
        ("\u2028\ufeff\u00ad", '"\\u2028\\ufeff\\u00ad"'),
        ("\U000e0041", '"\\udb40\\udc41"'),
        ("\ud800", '"\N{REPLACEMENT CHARACTER}"'),
    ],
)
def test_strings_are_escaped_for_html_and_javascript(text: str, printed: str) -> None:
    """``<`` and ``>`` and invisible characters are escaped in lower-case hex; other text is raw."""
    assert format_string(text) == printed


@pytest.mark.parametrize(
    ("number", "printed"),
    [(-0.048741644079034981, "-0.048741644079034981"), (0.1, "0.1"), (1.0, "1"), (1e20, "1e+20"), (0.001, "0.001")],
)
def test_doubles(number: float, printed: str) -> None:
    """15 significant digits if they read back the same, else 17. First figure recorded."""
    assert format_double(number) == printed


@pytest.mark.parametrize(
    ("number", "printed"), [(0.02854415, "0.02854415"), (100 / 19, "5.263158"), (0.1, "0.1"), (1 / 3, "0.33333334")]
)
def test_floats(number: float, printed: str) -> None:
    """6 to 9 significant digits. The first two figures are recorded."""
    assert format_float(number) == printed


@pytest.mark.parametrize(
    ("value", "printed"),
    [(float("nan"), b'"NaN"\n'), (float("inf"), b'"Infinity"\n'), (Float32("-inf"), b'"-Infinity"\n')],
)
def test_numbers_that_json_has_not_are_strings(value: float, printed: bytes) -> None:
    """As protobuf's JSON mapping says."""
    assert format_json(value) == printed


def test_what_is_no_json_is_a_mistake_of_ours() -> None:
    """An object of another type is refused by name."""
    with pytest.raises(TypeError, match="bytes is not a JSON value"):
        format_json({"a": b""})


@settings(max_examples=200)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_every_float_reads_back(number: float) -> None:
    """The printed digits are enough for a 32-bit float."""
    assert round_float(float(format_float(number))) == number


@pytest.mark.slow
@settings(max_examples=200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_json_readers_read_it_back(tree: Any) -> None:
    """Every style is JSON."""
    surrogates = any("\ud800" <= char <= "\udfff" for char in str(tree))
    if not surrogates:
        assert json.loads(format_json(tree)) == json.loads(format_json(tree, "compact")) == tree

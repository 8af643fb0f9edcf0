"""Message values print as the service prints them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rest.library import BOOK, CODEC, PACKAGE
from tuning_emulator.schema.schema import Value

PRINTED: list[tuple[Value, dict[str, Any]]] = [
    ({"display_name": "a", "name": "n"}, {"name": "n", "displayName": "a"}),
    ({"display_name": "", "page_count": 0, "lent": False, "tags": [], "labels": {}, "genre": "GENRE_UNSPECIFIED"}, {}),
    ({"rating": 0, "isbn": "", "appendix": {}}, {"isbn": "", "appendix": {}, "rating": 0}),
    ({"sold_count": 5, "big": 7, "counts": [1, 2]}, {"soldCount": "5", "counts": ["1", "2"], "big": "7"}),
    ({"cover": b"\xff\xef", "signed": False}, {"cover": "/+8=", "signed": False}),
    ({"genre": "NOVEL", "genres": ["NOVEL", 99]}, {"genre": "NOVEL", "genres": ["NOVEL", 99]}),
    ({"create_time": 0}, {"createTime": "1970-01-01T00:00:00Z"}),
    ({"lending_period": 500_000_000}, {"lendingPeriod": "0.500s"}),
    ({"mask": ["display_name", "chapters.page"]}, {"mask": "displayName,chapters.page"}),
    ({"anything": None, "nothing": "NULL_VALUE"}, {"anything": None}),
    ({"extra": {"a_b": [1, None]}, "labels": {"k_v": "x"}}, {"labels": {"k_v": "x"}, "extra": {"a_b": [1, None]}}),
    ({"editions": {1: {"title": "t"}}}, {"editions": {"1": {"title": "t"}}}),
    ({"unknown": 1}, {}),
    (
        {"attachment": {"@type": f"type.googleapis.com/{PACKAGE}.v1.Chapter", "page": 3, "title": "t"}},
        {"attachment": {"@type": f"type.googleapis.com/{PACKAGE}.v1.Chapter", "title": "t", "page": 3}},
    ),
    (
        {"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "58s"}], "code": 8}},
        {"error": {"code": 8, "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "58s"}]}},
    ),
]


@pytest.mark.parametrize(("value", "printed"), PRINTED)
def test_prints(value: Value, printed: dict[str, Any]) -> None:
    """Names in lowerCamel in the order of field numbers; zero values only where presence is known."""
    tree = CODEC.to_json(value, BOOK)
    assert json.dumps(tree) == json.dumps(printed)


def test_enums_print_as_numbers_on_demand() -> None:
    """``enum-encoding=int`` reaches lists, maps and nested messages."""
    value: Value = {"genre": "HISTORY", "genres": ["NOVEL", 99], "genre_labels": {"a": "SCIENCE_FICTION"}}
    assert CODEC.to_json(value, BOOK, enum_as_int=True) == {
        "genre": 7,
        "genres": [1, 99],
        "genreLabels": {"a": 2},
    }


def test_floats_have_the_digits_of_their_type() -> None:
    """A 32-bit float prints the fewest digits that a 32-bit float needs, a double 15 or 17. Recorded figures."""
    text = CODEC.format({"weight": 5.263158, "price": -0.048741644079034981}, BOOK, style="compact")
    assert text == b'{"weight":5.263158,"price":-0.048741644079034981}'


_CHAPTERS = st.deferred(
    lambda: st.fixed_dictionaries(
        {},
        optional={"title": st.text(min_size=1, max_size=4), "page": st.integers(1, 2**31 - 1)},
    )
)
_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "display_name": st.text(min_size=1, max_size=8),
        "page_count": st.integers(1, 2**31 - 1),
        "sold_count": st.integers(-(2**63), -1),
        "weight": st.floats(width=32, allow_nan=False, exclude_min=True, min_value=0),
        "price": st.floats(allow_nan=False, exclude_min=True, min_value=0),
        "lent": st.just(True),
        "cover": st.binary(min_size=1, max_size=9),
        "genre": st.sampled_from(["NOVEL", "HISTORY", 99]),
        "create_time": st.integers(-62_135_596_800 * 10**9, 253_402_300_799 * 10**9),
        "lending_period": st.integers(-(10**18), 10**18),
        "tags": st.lists(st.text(max_size=3), min_size=1, max_size=3),
        "chapters": st.lists(_CHAPTERS, min_size=1, max_size=3),
        "labels": st.dictionaries(st.text(max_size=3), st.text(max_size=3), min_size=1, max_size=3),
        "editions": st.dictionaries(st.integers(-5, 5), _CHAPTERS, min_size=1, max_size=2),
        "extra": st.dictionaries(st.text(max_size=3), _PLAIN, max_size=3),
        "anything": _PLAIN,
        "many": st.lists(_PLAIN, min_size=1, max_size=3),
        "isbn": st.text(max_size=3),
        "rating": st.integers(-3, 3),
        "signed": st.booleans(),
        "times": st.lists(st.integers(0, 10**18), min_size=1, max_size=3),
        "counts": st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3),
    },
)


@pytest.mark.slow
@settings(max_examples=150)
@given(VALUES, st.booleans())
def test_what_is_printed_is_read_back(value: Value, enum_as_int: bool) -> None:
    """Printing loses nothing, in either style of enums."""
    assert CODEC.parse(CODEC.format(value, BOOK, enum_as_int=enum_as_int), BOOK) == value

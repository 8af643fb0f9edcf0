"""The protobuf wire format, from the declarations alone."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protojson.test_codec import VALUES
from tests.rest.library import BOOK, PACKAGE, SCHEMAS
from tuning_emulator.schema.protobuf import BinaryCodec, WireError
from tuning_emulator.schema.schema import Value

CODEC = BinaryCodec(SCHEMAS.values())
CHAPTER = f"{PACKAGE}.v1.Chapter"

# Worked out by hand from protobuf.dev/programming-guides/encoding.
BYTES: list[tuple[Value, str]] = [
    ({}, ""),
    ({"page_count": 150}, "18 9601"),
    ({"page_count": -1}, "18 ffffffffffffffffff01"),
    ({"display_name": "testing"}, "12 07 74657374696e67"),
    ({"lent": True, "page_count": 0, "display_name": ""}, "38 01"),
    ({"weight": 1.0, "price": 1.0}, "2d 0000803f 31 000000000000f03f"),
    ({"genre": "HISTORY", "genres": ["NOVEL", 99]}, "48 07 e201 02 0163"),
    ({"tags": ["a", "b"]}, "62 01 61 62 01 62"),
    ({"counts": [3, 270]}, "8a02 03 03 8e02"),
    ({"create_time": 1_500_000_000}, "52 08 0801 1080cab5ee01"),
    ({"lending_period": -1_500_000_000}, "5a 16 08ffffffffffffffffff01 1080b6ca91feffffffff01"),
    ({"labels": {"k": "v"}}, "72 06 0a016b 120176"),
    ({"appendix": {}, "rating": 0, "isbn": ""}, "a201 00 b201 00 c001 00"),
    ({"signed": True, "mask": ["a", "b"]}, "ca01 02 0801 d201 06 0a0161 0a0162"),
    ({"anything": None, "list": [1]}, "8a01 02 0800 ea01 0b 0a09 11 000000000000f03f"),
    ({"extra": {"a": "b"}}, "8201 0a 0a08 0a0161 1203 1a0162"),
]


@pytest.mark.parametrize(("value", "data"), BYTES)
def test_bytes_are_protobufs(value: Value, data: str) -> None:
    """Fields in order of number, numbers packed, zero values only with presence."""
    assert CODEC.encode(value, BOOK).hex() == data.replace(" ", "")


@pytest.mark.slow
@settings(max_examples=200)
@given(VALUES)
def test_what_is_encoded_is_decoded(value: Value) -> None:
    """Every kind of field comes back as it was."""
    assert CODEC.decode(CODEC.encode(value, BOOK), BOOK) == value


def test_any_holds_declared_messages_and_keeps_unknown_ones() -> None:
    """A message nobody declares keeps its bytes; error details are JSON."""
    for held in (
        {"@type": f"type.googleapis.com/{CHAPTER}", "title": "t"},
        {"@type": "type.googleapis.com/unknown.Thing", "value": b"\x08\x01"},
        {"@type": "type.googleapis.com/google.protobuf.Duration", "value": 5},
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "R", "metadata": {"a": "b"}},
    ):
        assert CODEC.decode(CODEC.encode({"attachment": held}, BOOK), BOOK) == {"attachment": held}


def test_unknown_fields_are_skipped() -> None:
    """Of every wire type; so is a known number with another wire type."""
    unknown = bytes.fromhex("f83f01 f93f0102030405060708 fa3f0161 fd3f01020304 1d01020304".replace(" ", ""))
    assert CODEC.decode(unknown + bytes.fromhex("189601"), BOOK) == {"page_count": 150}


def test_unpacked_numbers_are_read_too() -> None:
    """As older writers send them."""
    assert CODEC.decode(bytes.fromhex("88020388028e02"), BOOK) == {"counts": [3, 270]}


def test_the_last_member_of_a_oneof_wins() -> None:
    """On the wire nothing stops two from coming; messages that come twice are merged."""
    data = CODEC.encode({"isbn": "a"}, BOOK) + CODEC.encode({"issn": "b"}, BOOK)
    assert CODEC.decode(data, BOOK) == {"issn": "b"}
    data = CODEC.encode({"appendix": {"title": "a"}}, BOOK) + CODEC.encode({"appendix": {"page": 2}}, BOOK)
    assert CODEC.decode(data, BOOK) == {"appendix": {"title": "a", "page": 2}}


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"page_count": "x"}, "Book.page_count"),
        ({"genre": "BOGUS"}, "Book.genre"),
        ({"chapters": [{"title": 5}]}, "Chapter.title"),
        ({"attachment": {"@type": "type.googleapis.com/unknown.Thing", "a": 1}}, "unknown.Thing"),
        ({"weight": 1e300}, "Book.weight"),
    ],
)
def test_values_that_do_not_fit_are_refused(value: dict[str, Any], named: str) -> None:
    """The text names message and field."""
    with pytest.raises(WireError, match=named.replace(".", r"\.")):
        CODEC.encode(value, BOOK)


@pytest.mark.parametrize("data", ["18", "1880", "12 05 61", "18ffffffffffffffffffff01", "1b", "12 01 ff", "00"])
def test_bytes_that_are_no_message_are_refused(data: str) -> None:
    """Cut off, too long, of an unused wire type, or text that is not UTF-8."""
    with pytest.raises(WireError):
        assert CODEC.decode(bytes.fromhex(data.replace(" ", "")), BOOK) is None


def test_an_empty_any_has_no_bytes() -> None:
    """A message that holds nothing of any type."""
    data = CODEC.encode({"attachment": {}}, BOOK)
    assert CODEC.decode(data, BOOK) == {"attachment": {}}


def test_nesting_is_bounded() -> None:
    """A message cannot blow the stack."""
    data = b""
    for _ in range(200):
        data = b"\x1a" + bytes([len(data) & 0x7F | 0x80, len(data) >> 7]) + data
    with pytest.raises(WireError, match="nested deeper"):
        CODEC.decode(data, CHAPTER)


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing but the refusal comes out."""
    with suppress(WireError):
        CODEC.decode(data, BOOK)

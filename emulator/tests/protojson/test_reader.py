"""The reader takes what Google's takes, and its syntax errors are Google's byte for byte."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.protojson.reader import Pairs, read_json, read_lenient

PREFIX = "Invalid JSON payload received. "

LENIENT: list[tuple[bytes, Any]] = [
    (b"", {}),
    (b'{"a": [1, 2,],}', {"a": [1, 2]}),
    (b"{'a': 'b\"c'}", {"a": 'b"c'}),
    (b"{a: 1, $b_2: true}", {"a": 1, "$b_2": True}),
    (b'{"a": "x\ny\tz"}', {"a": "x\ny\tz"}),
    (b'{"a": "\\q\\v\\/"}', {"a": "q\v/"}),
    (b'{"a": 1.}', {"a": 1.0}),
    (b"\v\f{}\n", {}),
    (b'{"a": "\\ud83d\\ude00"}', {"a": "\N{GRINNING FACE}"}),
    (b'{"a": -0}', {"a": 0}),
    (b'{"a": 18446744073709551615}', {"a": 18446744073709551615}),
    (b'{"a": 18446744073709551616}', {"a": 18446744073709551616.0}),
    (b'{"a": -9223372036854775809}', {"a": -9223372036854775809.0}),
    (b'{"nullable": null, "truest": true}', {"nullable": None, "truest": True}),
    (b"{nullable: 1, truest: 2}", {"nullable": 1, "truest": 2}),
    (b"7", 7),
    (b"[]", []),
]

# Recorded: googlecodelabs/feedback#441 (first), t-k/fireemu (end of string, not json); the others follow the
# algorithm of protobuf v3.21 json_stream_parser.cc, which those confirm.
ERRORS: list[tuple[bytes, str]] = [
    (
        b'{"key": "a quote is missing\n        },\n        "features": [\n          {}\n]}',
        'Expected , or } after key:value pair.\n        },\n        "features": [\n       \n                    ^',
    ),
    (b'{"a": "b"', "Unexpected end of string. Expected , or } after key:value pair.\n\n^"),
    (b'{"a": ', "Unexpected end of string. Expected a value.\n\n^"),
    (b"   ", "Unexpected end of string. Expected a value.\n\n^"),
    (b"not json", "Unexpected token.\nnot json\n^"),
    (b'{"a": NaN, "b": 1}', 'Unexpected token.\n{"a": NaN, "b": 1}\n      ^'),
    (b'{"a": Infinity}', 'Unexpected token.\n{"a": Infinity}\n      ^'),
    (b'{"a": NaN}', "Unexpected token.\nNaN}\n^"),
    (b'{"a": fals', "Unexpected token.\nfals\n^"),
    (b"@", "Expected a value.\n@\n^"),
    (b"{@}", "Expected an object key or }.\n@}\n^"),
    (b'{"a" 1}', 'Expected : between key:value pair.\n{"a" 1}\n     ^'),
    (b'{"a"@1}', "Expected : between key:value pair.\n@1}\n^"),
    (b'{"a": 1 "b": 2}', 'Expected , or } after key:value pair.\n{"a": 1 "b": 2}\n        ^'),
    (b"[1 2]", "Expected , or ] after array value.\n[1 2]\n   ^"),
    (b"[1, @]", "Expected a value or ] within an array.\n@]\n^"),
    (b"[1", "Unexpected end of string. Expected , or ] after array value.\n1\n ^"),
    (b'{"a": "x', "Closing quote expected in string.\n\n^"),
    (b'{"a": "x\\', "Closing quote expected in string.\n\\\n^"),
    (b'{"a": "\\u12', "Illegal hex string.\n\\u12\n^"),
    (b'{"a": "\\u12zz"}', 'Invalid escape sequence.\n{"a": "\\u12zz"}\n       ^'),
    (b'{"a": "\\ud83d and more text"}', 'Missing low surrogate.\n{"a": "\\ud83d and more text\n       ^'),
    (b'{"a": "\\ud83d\\u0041 text"}', 'Invalid low surrogate.\n{"a": "\\ud83d\\u0041 text"}\n       ^'),
    (b'{"a": "\\ude00 and text"}', 'Invalid unicode code point.\n{"a": "\\ude00 and text"}\n       ^'),
    (b'{"a": -}', 'Unable to parse number.\n{"a": -}\n      ^'),
    (b'{"a": 1.2.3}', 'Unable to parse number.\n{"a": 1.2.3}\n      ^'),
    (b'{"a": 1e999}', 'Number exceeds the range of double.\n{"a": 1e999}\n      ^'),
    (b'{"a": 012}', 'Octal/hex numbers are not valid JSON values.\n{"a": 012}\n      ^'),
    (b'{"a": 0x1F}', 'Octal/hex numbers are not valid JSON values.\n{"a": 0x1F}\n      ^'),
    (b'{"a": -01}', 'Octal/hex numbers are not valid JSON values.\n{"a": -01}\n      ^'),
    (b"{true: 1}", "Expected an object key or }.\n{true: 1}\n     ^"),
    (b"{1: 1}", "Expected an object key or }.\n{1: 1}\n ^"),
    (b"{} {}", "Parsing terminated before end of input.\n{} {}\n   ^"),
    (b'{"a": "\xff"}', 'Encountered non UTF-8 code points.\n\N{REPLACEMENT CHARACTER}"}\n^'),
    (b"\xef\xbb\xbf{}", "Expected a value.\n\N{ZERO WIDTH NO-BREAK SPACE}{}\n^"),
    (b'{"a":' * 101, "Message too deep. Max recursion depth reached for key 'a'"),
    (b"[{", "Unexpected end of string. Expected an object key or }.\n\n^"),
]


@pytest.mark.parametrize(("body", "tree"), LENIENT)
def test_takes_what_the_service_takes(body: bytes, tree: Any) -> None:
    """Trailing commas, bare and single-quoted keys, raw control characters, unknown escapes, an empty body."""
    assert read_json(body) == tree


@pytest.mark.parametrize(("body", "text"), ERRORS)
def test_words_syntax_errors_as_the_service_does(body: bytes, text: str) -> None:
    """Text, segment of 20 bytes to each side, and caret; no details."""
    with pytest.raises(ApiError) as caught:
        read_json(body)
    assert caught.value.message == PREFIX + text
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.details == ()


def test_segment_is_cut_by_bytes() -> None:
    """Twenty bytes to each side, the caret under the byte that is wrong."""
    body = b'{"some_long_key_name": "some long value" "another_long_key_name": 1}'
    with pytest.raises(ApiError) as caught:
        read_json(body)
    _, segment, caret = caught.value.message.split("\n")
    assert segment == ': "some long value" "another_long_key_na'
    assert caret == " " * 20 + "^"


def test_repeated_keys_are_kept() -> None:
    """An object with a repeated key keeps every pair, in order, strictly and leniently read."""
    for body in (b'{"a": 1, "b": 2, "a": 3}', b"{a: 1, b: 2, a: 3,}"):
        tree = read_json(body)
        assert isinstance(tree, Pairs)
        assert tree == [("a", 1), ("b", 2), ("a", 3)]


def test_deep_lists_do_not_break_the_reader() -> None:
    """Lists go as deep as objects do: 100 are read, 101 refused, and 100 000 overflow no stack."""
    assert read_json(b"[" * 100 + b"]" * 100)
    both = read_json(b'[{"a":' * 100 + b"1" + b"}]" * 100)
    assert both[0]["a"][0].keys() == {"a"}
    for many in (101, 500, 5000, 100_000):
        with pytest.raises(ApiError, match="Message too deep"):
            read_json(b'{"zz": ' + b"[" * many + b"]" * many + b"}")


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """Nothing but the service's error comes out, whatever the bytes."""
    with suppress(ApiError):
        read_json(body)


_TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
_TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=200)
@given(_TREES, st.booleans(), st.sampled_from([None, 2]))
def test_both_readers_agree_on_strict_json(tree: Any, ascii_only: bool, indent: int | None) -> None:
    """The lenient reader and the strict one read the same from JSON that both take."""
    body = json.dumps(tree, ensure_ascii=ascii_only, indent=indent).encode()
    assert read_json(body) == read_lenient(body) == tree


@settings(max_examples=200)
@given(st.lists(st.sampled_from(list(b"{}[]:,\"'\\ue1-.tfn @\n\xc3")), max_size=14))
def test_strict_reading_never_takes_what_the_lenient_reader_refuses(body: list[int]) -> None:
    """The fast path is only a faster one."""
    text = bytes(body)
    outcomes = []
    for read in (read_json, read_lenient):
        try:
            outcomes.append(repr(read(text)) if text else "{}")
        except ApiError as error:
            outcomes.append(error.message)
    if text:
        assert outcomes[0] == outcomes[1]


def test_a_text_full_of_brackets_is_a_text() -> None:
    """As the whole body too, however many there are."""
    text = "[" * 500 + "]"
    assert read_json(json.dumps(text).encode()) == text
    assert read_json(json.dumps({"a": text}).encode()) == {"a": text}
    with pytest.raises(ApiError, match="too deep"):
        read_json(b"[ [" * 60 + b"]]" * 60)

"""The JSON of a request body: strict and fast first, then as lenient as Google's own reader.

The lenient reader follows protobuf v3.21 json_stream_parser.cc, which the production front end still answers with.
It reads the body in one pass; where it would need more input it keeps the unread rest and begins again with that
rest alone ("finishing"), which is why errors near the end show so little of the text around them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from tuning_emulator.core.errors import ApiError, ErrorText
from tuning_emulator.facts import google_errors

MAX_DEPTH = google_errors.MAX_DEPTH.value


class Pairs(list[tuple[str, Any]]):
    """A JSON object in which a key is repeated."""


_LONE_SURROGATE = re.compile(
    r"\\\\u[dD]|\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]"
)
_SPACES = re.compile(rb"[ \t\n\v\f\r]*")
_NUMBER = re.compile(rb"[0-9.eE+\-x]*")
_BARE_KEY = re.compile(rb"[A-Za-z_$][A-Za-z0-9_$]*")
_DOUBLE = re.compile(rb"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_PLAIN = {ord('"'): re.compile(rb'[^"\\]*'), ord("'"): re.compile(rb"[^'\\]*")}
_ESCAPES = {ord("b"): b"\b", ord("f"): b"\f", ord("n"): b"\n", ord("r"): b"\r", ord("t"): b"\t", ord("v"): b"\v"}
_WORDS = {b"true": True, b"false": False, b"null": None}
_HEX = re.compile(rb"[0-9a-fA-F]{4}")
_DEEP = re.compile(rb"(?:\[[ \t\n\r]*){%d}" % (MAX_DEPTH + 1))
"""What the lenient reader refuses at once, and the strict one would build first."""

_TOKENS = frozenset(b"\"'-0123456789{}[]:,_$abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY, _COLON, _COMMA, _MINUS, _ZERO, _NINE = b"{}[]:,-09"
_LONGEST_WORD = 5
_LONGEST_INTEGER = 20
_ESCAPE_BYTES = 6
_UINT64_MAX = (1 << 64) - 1
_CONTEXT_BYTES = 20


class _StrictError(ValueError):
    """Strict reading does not settle this body."""


def read_json(body: bytes) -> Any:
    """The body as JSON. Objects with repeated keys are ``Pairs``; integers beyond 64 bits are floats.

    An empty body is an empty object.

    Raises:
        ApiError: INVALID_ARGUMENT with the reader's text, the segment around the error and a caret; no details.
    """
    if not body:
        return {}
    brackets = body.count(b"[") > MAX_DEPTH
    if brackets and _DEEP.search(body):
        return read_lenient(body)
    try:
        tree = _read_strict(body)
    except (ValueError, RecursionError):
        return read_lenient(body)
    if brackets and _nests_lists_too_deep(tree):
        return read_lenient(body)  # refuses with the key at which it became too deep
    return tree


def read_lenient(body: bytes) -> Any:
    """As ``read_json``, by the lenient reader alone."""
    return _Reader(body).read()


def _read_strict(body: bytes) -> Any:
    text = body.decode()
    if "\\u" in text and _LONE_SURROGATE.search(text):
        raise _StrictError
    return _STRICT.decode(text)


def _nests_lists_too_deep(tree: Any) -> bool:
    """Whether more lists are open at once than may be; objects are counted where they become messages."""
    left = [(tree, 0)] if isinstance(tree, list | dict) else []  # else text full of brackets
    while left:
        node, lists = left.pop()
        if type(node) is list:
            lists += 1
            if lists > MAX_DEPTH:
                return True
            left += [(item, lists) for item in node if isinstance(item, list | dict)]
        elif node:
            values = node.values() if type(node) is dict else (item for _, item in node)
            left += [(item, lists) for item in values if isinstance(item, list | dict)]
    return False


def _collect(pairs: list[tuple[str, Any]]) -> Any:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Pairs(pairs)


def _parse_integer(digits: str) -> int:
    if len(digits) > 18:
        number = int(digits[:40])
        if len(digits) > 40 or not -(1 << 63) <= number <= _UINT64_MAX:
            raise _StrictError
        return number
    return int(digits)


def _parse_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _StrictError
    return number


def _refuse_constant(word: str) -> Any:
    raise _StrictError(word)


_STRICT = json.JSONDecoder(
    strict=False,
    object_pairs_hook=_collect,
    parse_int=_parse_integer,
    parse_float=_parse_float,
    parse_constant=_refuse_constant,
)


class _Reader:
    """One lenient reading: a stack of what is expected next, as in the original.

    ``_run`` ends when nothing is expected any more. ``_start`` is where the text that errors may show begins.
    """

    def __init__(self, body: bytes) -> None:
        valid = _count_valid(body)
        self._text = body[:valid]
        self._broken = body[valid:]
        self._start = 0
        self._position = 0
        self._finishing = False
        self._expected: list[Callable[[int], None]] = [self._read_value]
        self._open: list[list[Any]] = []
        self._keys: list[str | None] = []
        self._depth = 0
        self._result: Any = None

    def read(self) -> Any:
        if self._text or not self._broken:
            while self._expected:
                self._expected.pop()(self._next_byte())
            self._skip_spaces()
        if self._position < len(self._text):
            raise self._fail(google_errors.JSON_REST)
        if self._broken:
            raise self._fail_encoding()
        return self._result

    # --- what may be expected: each takes the next byte, -1 at the end ------------------------------

    def _read_value(self, byte: int) -> None:
        rest = self._text[self._position : self._position + _LONGEST_WORD]
        if byte in _PLAIN:
            self._emit(self._read_string(byte))
        elif byte == _MINUS or _ZERO <= byte <= _NINE:
            self._emit(self._read_number())
        elif (word := next((one for one in _WORDS if rest.startswith(one)), None)) is not None:
            self._position += len(word)
            self._emit(_WORDS[word])
        elif byte == _OPEN_OBJECT:
            self._begin(None, self._read_entry)
        elif byte == _OPEN_ARRAY:
            self._begin([], self._read_element)
        elif _is_token(byte):
            if len(rest) < _LONGEST_WORD:
                self._await()
            raise self._fail(google_errors.JSON_TOKEN)
        else:
            self._retry(self._read_value, google_errors.JSON_VALUE)

    def _read_entry(self, byte: int) -> None:
        if byte == _CLOSE_OBJECT:
            self._end()
        elif byte in _PLAIN or _BARE_KEY.match(self._text, self._position):
            self._keys[-1] = self._read_string(byte) if byte in _PLAIN else self._read_bare_key()
            self._expected += (self._read_after_entry, self._read_colon)
        elif _is_token(byte):
            raise self._fail(google_errors.JSON_KEY)
        else:
            self._retry(self._read_entry, google_errors.JSON_KEY)

    def _read_colon(self, byte: int) -> None:
        if byte == _COLON:
            self._position += 1
            self._expected.append(self._read_value)
        elif _is_token(byte):
            raise self._fail(google_errors.JSON_COLON)
        else:
            self._retry(self._read_colon, google_errors.JSON_COLON)

    def _read_after_entry(self, byte: int) -> None:
        self._read_after(byte, _CLOSE_OBJECT, self._read_entry, google_errors.JSON_AFTER_ENTRY)

    def _read_after_element(self, byte: int) -> None:
        self._read_after(byte, _CLOSE_ARRAY, self._read_element, google_errors.JSON_AFTER_ELEMENT)

    def _read_after(self, byte: int, close: int, more: Callable[[int], None], row: ErrorText) -> None:
        if byte == close:
            self._end()
        elif byte == _COMMA:
            self._position += 1
            self._expected.append(more)
        elif _is_token(byte):
            raise self._fail(row)
        else:
            again = self._read_after_entry if close == _CLOSE_OBJECT else self._read_after_element
            self._retry(again, row)

    def _read_element(self, byte: int) -> None:
        if byte == _CLOSE_ARRAY:
            self._end()
        elif _is_token(byte):
            self._expected.append(self._read_after_element)
            self._read_value(byte)
        else:
            self._retry(self._read_element, google_errors.JSON_ELEMENT)

    # --- containers ---------------------------------------------------------------------------------

    def _begin(self, array: list[Any] | None, inside: Callable[[int], None]) -> None:
        self._position += 1
        if array is None:
            self._depth += 1
        if max(self._depth, len(self._open) - self._depth + 1) > MAX_DEPTH:  # objects, or lists
            key = self._keys[-1] if self._keys else None
            raise google_errors.JSON(reason=google_errors.TOO_DEEP.format(key=key or ""))
        self._open.append([] if array is None else array)
        self._keys.append("" if array is None else None)
        self._expected.append(inside)

    def _end(self) -> None:
        self._position += 1
        found = self._open.pop()
        if self._keys.pop() is None:
            self._emit(found)
        else:
            self._depth -= 1
            self._emit(_collect(found))

    def _emit(self, value: Any) -> None:
        if not self._open:
            self._result = value
        elif (key := self._keys[-1]) is None:
            self._open[-1].append(value)
        else:
            self._open[-1].append((key, value))

    # --- words --------------------------------------------------------------------------------------

    def _read_bare_key(self) -> str:
        match = _BARE_KEY.match(self._text, self._position)
        assert match is not None
        if match.end() == len(self._text):
            self._await()
        self._position = match.end()
        if match[0] in _WORDS:
            raise self._fail(google_errors.JSON_KEY)
        return match[0].decode()

    def _read_string(self, quote: int) -> str:
        self._position += 1
        parts: list[bytes] = []
        while True:
            match = _PLAIN[quote].match(self._text, self._position)
            assert match is not None
            parts.append(match[0])
            self._position = match.end()
            if self._position == len(self._text):
                self._await()
                raise self._fail(google_errors.JSON_QUOTE)
            if self._text[self._position] == quote:
                self._position += 1
                return b"".join(parts).decode()
            parts.append(self._read_escape())

    def _read_escape(self) -> bytes:
        if len(self._text) - self._position == 1:
            self._await()
            raise self._fail(google_errors.JSON_QUOTE)
        byte = self._text[self._position + 1]
        if byte == ord("u"):
            return self._read_unicode()
        self._position += 2
        return _ESCAPES.get(byte, bytes((byte,)))

    def _read_unicode(self) -> bytes:
        rest = len(self._text) - self._position
        if rest < _ESCAPE_BYTES:
            self._await()
            raise self._fail(google_errors.JSON_HEX)
        code = self._read_hex(self._position + 2)
        if 0xD800 <= code <= 0xDBFF:
            code = self._read_low(code, rest)
        if 0xD800 <= code <= 0xDFFF:
            raise self._fail(google_errors.JSON_CODE_POINT)
        self._position += _ESCAPE_BYTES
        return chr(code).encode()

    def _read_low(self, high: int, rest: int) -> int:
        if rest < 2 * _ESCAPE_BYTES:
            self._await()
            raise self._fail(google_errors.JSON_SURROGATE_MISSING)
        second = self._position + _ESCAPE_BYTES
        if self._text[second : second + 2] != b"\\u":
            raise self._fail(google_errors.JSON_SURROGATE_MISSING)
        low = self._read_hex(second + 2)
        if not 0xDC00 <= low <= 0xDFFF:
            raise self._fail(google_errors.JSON_SURROGATE_INVALID)
        self._position = second
        return 0x10000 + ((high & 0x3FF) << 10 | low & 0x3FF)

    def _read_hex(self, position: int) -> int:
        digits = self._text[position : position + 4]
        if not _HEX.fullmatch(digits):
            raise self._fail(google_errors.JSON_ESCAPE)
        return int(digits, 16)

    def _read_number(self) -> int | float:
        match = _NUMBER.match(self._text, self._position)
        assert match is not None
        if match.end() == len(self._text):
            self._await()
        token = match[0]
        number: int | float | None = None
        if not re.search(rb"[.eE]", token):
            digits = token.removeprefix(b"-")
            if len(digits) >= 2 and digits[:1] == b"0":
                raise self._fail(google_errors.JSON_OCTAL)
            if digits.isdigit() and len(digits) <= _LONGEST_INTEGER:
                number = int(token)
        if number is None or not -(1 << 63) <= number <= _UINT64_MAX:
            number = self._read_double(token)
        self._position = match.end()
        return number

    def _read_double(self, token: bytes) -> float:
        if not _DOUBLE.fullmatch(token):
            raise self._fail(google_errors.JSON_NUMBER)
        number = float(token)
        if not math.isfinite(number):
            raise self._fail(google_errors.JSON_DOUBLE)
        return number

    # --- position -----------------------------------------------------------------------------------

    def _skip_spaces(self) -> None:
        match = _SPACES.match(self._text, self._position)
        assert match is not None
        self._position = match.end()

    def _next_byte(self) -> int:
        self._skip_spaces()
        return self._text[self._position] if self._position < len(self._text) else -1

    def _await(self) -> None:
        """The reader would wait for more input here; as there is none, it goes on with the rest alone."""
        if not self._finishing:
            self._finishing = True
            self._start = self._position
            if self._broken:
                raise self._fail_encoding()

    def _retry(self, again: Callable[[int], None], row: ErrorText) -> None:
        """Nothing known begins here: try again with the rest alone, then give up."""
        if self._finishing:
            raise self._fail(row, ended=self._position >= len(self._text))
        self._await()
        self._expected.append(again)

    def _fail(self, row: ErrorText, *, ended: bool = False) -> ApiError:
        """The error with the text around its place; ``ended``: there is no more text there."""
        reason = google_errors.JSON_END.format(expected=row.format()) if ended else row.format()
        begin = max(self._position - _CONTEXT_BYTES, self._start)
        segment = self._text[begin : self._position + _CONTEXT_BYTES].decode(errors="replace")
        return google_errors.JSON(reason=f"{reason}\n{segment}\n{' ' * (self._position - begin)}^")

    def _fail_encoding(self) -> ApiError:
        segment = (self._text[self._position :] + self._broken)[:_CONTEXT_BYTES].decode(errors="replace")
        return google_errors.JSON(reason=f"{google_errors.JSON_ENCODING.format()}\n{segment}\n^")


def _is_token(byte: int) -> bool:
    """Whether the byte begins anything that the reader knows, in place or not."""
    return byte in _TOKENS


def _count_valid(body: bytes) -> int:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(body)

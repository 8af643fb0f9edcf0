"""What List methods take: filters, page sizes and page tokens.

Filters are the AIP-160 grammar as predicates over message values:

``AND``, ``OR`` (which binds tighter), ``NOT`` and ``-``, ``= != < > <= >=``, ``:`` (has), ``.`` into messages and maps,
``*`` in strings. Names are snake_case or camelCase. A path that is unset matches nothing, not even ``!=``.

Source: google.aip.dev/160 and its ebnf-filtering.txt.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from tuning_emulator.facts import google_errors
from tuning_emulator.protojson.compiled import CompiledField, CompiledMessage, CompiledSchemas
from tuning_emulator.protojson.scalars import InstantError, parse_duration, parse_timestamp
from tuning_emulator.schema.schema import Value

Predicate: TypeAlias = Callable[[Value], bool]
Comparison: TypeAlias = Callable[[Any], bool]
Special: TypeAlias = Callable[[str, str], Predicate]
"""Given operator and argument, the predicate of a name that is no field (Gemini's ``owner:me``)."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s()"',:=<>!]+)"""
    r"""|(?P<compare><=|>=|!=|=|<|>|:)|(?P<bracket>[()]))""",
    re.VERBOSE,
)
_ARGUMENT = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s()"',]+)""")
_MEMBER = re.compile(r'"((?:[^"\\]|\\.)*)"|([^."]+)')
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_NUMBERS = frozenset(("int32", "int64", "uint32", "uint64", "float", "double"))


class _FilterError(ValueError):
    """Why a filter cannot be used."""


class _Restriction(Struct, frozen=True):
    path: str
    compare: str
    argument: str
    quoted: bool


def compile_filter(
    text: str, message: str, schemas: CompiledSchemas, special: Mapping[str, Special] | None = None
) -> Predicate:
    """The predicate of a filter over values of that message; an empty filter matches everything.

    Args:
        special: Names that are no fields of the message.

    Raises:
        ApiError: INVALID_ARGUMENT for bad syntax, an unknown field, or a value that the field cannot have.
    """
    if not text.strip():
        return lambda value: True
    try:
        return _Parser(text, schemas[message], special or {}).parse()
    except _FilterError as error:
        raise google_errors.FILTER_INVALID(reason=error) from None
    except RecursionError:
        raise google_errors.FILTER_INVALID(reason=google_errors.FILTER_DEPTH.format()) from None


class _Parser:
    """Recursive descent; each method is a rule of the grammar."""

    def __init__(self, text: str, compiled: CompiledMessage, special: Mapping[str, Special]) -> None:
        self._text = text
        self._position = 0
        self._compiled = compiled
        self._special = special

    def parse(self) -> Predicate:
        found = self._expression()
        if self._peek() is not None:
            raise _FilterError(google_errors.FILTER_TEXT.format(position=self._position))
        return found

    def _peek(self) -> tuple[str, str] | None:
        """Kind and text of the next token; None at the end."""
        match = _TOKEN.match(self._text, self._position)
        if match is None or match.lastgroup is None:
            if self._text[self._position :].strip():
                raise _FilterError(google_errors.FILTER_TEXT.format(position=self._position))
            return None
        return match.lastgroup, match[match.lastgroup]

    def _take(self) -> tuple[str, str]:
        match = _TOKEN.match(self._text, self._position)
        if match is None or match.lastgroup is None:
            raise _FilterError(google_errors.FILTER_END.format())
        self._position = match.end()
        return match.lastgroup, match[match.lastgroup]

    def _expression(self) -> Predicate:
        parts = [self._sequence()]
        while self._peek() == ("text", "AND"):
            self._take()
            parts.append(self._sequence())
        return _all(parts)

    def _sequence(self) -> Predicate:
        parts = [self._factor()]
        while self._peek() not in (None, ("text", "AND"), ("bracket", ")")):
            parts.append(self._factor())
        return _all(parts)

    def _factor(self) -> Predicate:
        parts = [self._term()]
        while self._peek() == ("text", "OR"):
            self._take()
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else lambda value: any(part(value) for part in parts)

    def _term(self) -> Predicate:
        token = self._peek()
        if token == ("text", "NOT"):
            self._take()
            return _negate(self._simple())
        if token is not None and token[0] == "text" and token[1].startswith("-"):
            self._position = self._text.index("-", self._position) + 1
            return _negate(self._simple())
        return self._simple()

    def _simple(self) -> Predicate:
        if self._peek() == ("bracket", "("):
            self._take()
            inner = self._expression()
            if self._peek() != ("bracket", ")"):
                raise _FilterError(google_errors.FILTER_BRACKET.format())
            self._take()
            return inner
        return self._restriction()

    def _restriction(self) -> Predicate:
        kind, path = self._take()
        following = self._peek()
        if kind != "text" or path in ("AND", "OR", "NOT"):
            raise _FilterError(google_errors.FILTER_WORD.format(word=path))
        if path.endswith(".") and following is not None and following[1].startswith('"'):
            path += self._take()[1]
            following = self._peek()
        if following is None or following[0] != "compare":
            raise _FilterError(google_errors.FILTER_OPERATOR.format(path=path))
        compare = self._take()[1]
        match = _ARGUMENT.match(self._text, self._position)
        if match is None:
            raise _FilterError(google_errors.FILTER_ARGUMENT.format(path=path, compare=compare))
        self._position = match.end()
        return self._build(_Restriction(path, compare, _unquote(match[1]), match[1][0] in "\"'"))

    def _build(self, one: _Restriction) -> Predicate:
        if one.path in self._special:
            return self._special[one.path](one.compare, one.argument)
        keys: list[str] = []
        segments = [quoted or plain for quoted, plain in _MEMBER.findall(one.path)]
        if not segments:
            raise _FilterError(google_errors.FILTER_PATH.format(path=one.path))
        field, rest = _walk(self._compiled, segments, keys)
        check = _compare_key(one, field, keys, rest) if field.key else _compare(one, field)
        depth = keys if not field.key else keys[:-1] if rest else keys

        def match(value: Value) -> bool:
            here: Any = value
            for key in depth:
                here = here.get(key) if isinstance(here, dict) else None
            return here is not None and check(here)

        return match


def _walk(compiled: CompiledMessage, segments: list[str], keys: list[str]) -> tuple[CompiledField, bool]:
    """The field that a path leads to, its keys in a value, and whether the last of them is a map's key."""
    for position, segment in enumerate(segments):
        field = compiled.named.get(segment)
        if field is None:
            raise _FilterError(google_errors.FILTER_FIELD.format(path=".".join(segments[: position + 1])))
        keys.append(field.name)
        rest = segments[position + 1 :]
        if field.key:
            if rest:
                keys.append(".".join(rest))
            return field, bool(rest)
        if not rest:
            return field, False
        if field.kind != "message" or field.repeated:
            raise _FilterError(google_errors.FILTER_SCALAR.format(path=".".join(segments[: position + 1])))
        compiled = field.message
    raise AssertionError("a path has a segment")


def _compare_key(one: _Restriction, field: CompiledField, keys: list[str], rest: bool) -> Comparison:
    """``labels:key``, ``labels.key:*``, ``labels.key=value``."""
    if not rest:
        if one.compare != ":":
            raise _FilterError(google_errors.FILTER_MAP.format(path=one.path))
        return bool if one.argument == "*" else lambda value: one.argument in value
    key = keys[-1]
    if one.compare == ":" and one.argument == "*" and not one.quoted:
        return lambda value: key in value
    inner = _compare_scalar(one, field)
    return lambda value: key in value and inner(value[key])


def _compare(one: _Restriction, field: CompiledField) -> Comparison:
    if one.compare == ":" and one.argument == "*" and not one.quoted:
        return lambda value: value not in ("", 0, False, [], {}) or field.kind == "message"
    if field.repeated:
        if one.compare != ":":
            raise _FilterError(google_errors.FILTER_REPEATED.format(path=one.path))
        inner = _compare_scalar(_Restriction(one.path, "=", one.argument, one.quoted), field)
        return lambda value: any(inner(item) for item in value)
    return _compare_scalar(one, field)


def _compare_scalar(one: _Restriction, field: CompiledField) -> Comparison:
    if field.kind == "scalar" and field.type == "string":
        return _compare_text(one)
    wanted = _parse_argument(one, field)
    if (field.kind == "enum" or field.type == "bool") and one.compare not in ("=", "!=", ":"):
        raise _FilterError(google_errors.FILTER_ORDER.format(path=one.path))
    compare = _ORDER["=" if one.compare == ":" else one.compare]
    return lambda value: compare(value, wanted)


def _compare_text(one: _Restriction) -> Comparison:
    if one.compare == ":":
        needle = one.argument.strip("*").lower()
        return lambda value: needle in str(value).lower()
    if "*" in one.argument and one.compare in ("=", "!="):
        pattern = re.compile(".*".join(map(re.escape, one.argument.split("*"))), re.DOTALL)
        wanted = one.compare == "="
        return lambda value: (pattern.fullmatch(str(value)) is not None) == wanted
    compare = _ORDER[one.compare]
    return lambda value: compare(str(value), one.argument)


def _parse_argument(one: _Restriction, field: CompiledField) -> Any:
    wrong = _FilterError(google_errors.FILTER_VALUE.format(argument=one.argument, path=one.path))
    try:
        if field.kind == "timestamp":
            return parse_timestamp(one.argument)
        if field.kind == "duration":
            return parse_duration(one.argument)
        if field.type in _NUMBERS:
            return float(one.argument)
        if field.kind in ("enum", "scalar", "bool"):
            found = field.parse(one.argument) if field.parse else {"true": True, "false": False}[one.argument]
            return found
    except (InstantError, ValueError, KeyError):
        raise wrong from None
    raise wrong


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] in "\"'" else text


def _all(parts: list[Predicate]) -> Predicate:
    return parts[0] if len(parts) == 1 else lambda value: all(part(value) for part in parts)


def _negate(inner: Predicate) -> Predicate:
    return lambda value: not inner(value)


# --- pages
#
# A token is opaque and URL-safe; it carries a position and a hash of the query that it continues, and is refused for
# any other query. Source: google.aip.dev/158.


_HASH_BYTES = 8


def read_page_size(value: int, default: int, maximum: int) -> int:
    """The size of the page to answer with: ``default`` when absent or 0, never above ``maximum``.

    Raises:
        ApiError: INVALID_ARGUMENT, it is negative.
    """
    if value < 0:
        raise google_errors.PAGE_SIZE_NEGATIVE()
    return min(value or default, maximum)


def format_page_token(position: str, query: Mapping[str, Any]) -> str:
    """The token of the page that begins at ``position``.

    Args:
        query: What must not change between pages: parent, filter, order. The page size may.
    """
    return base64.urlsafe_b64encode(_hash(position, query) + position.encode()).decode().rstrip("=")


def parse_page_token(token: str, query: Mapping[str, Any]) -> str:
    """The position in a token, "" for no token.

    Raises:
        ApiError: INVALID_ARGUMENT, the token is not ours or continues another query.
    """
    if not token:
        return ""
    try:
        content = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        position = content[_HASH_BYTES:].decode()
    except (binascii.Error, ValueError):
        content, position = b"", ""
    if content[:_HASH_BYTES] != _hash(position, query):
        raise google_errors.PAGE_TOKEN_INVALID()
    return position


def _hash(position: str, query: Mapping[str, Any]) -> bytes:
    text = json.dumps([position, query], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=_HASH_BYTES).digest()

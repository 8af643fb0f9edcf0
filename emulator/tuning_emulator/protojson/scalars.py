"""Scalars of JSON, path and query as proto scalars: what the front end takes and how it words what it refuses.

Source: protobuf v3.21 datapiece.cc.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from tuning_emulator.core.clock import SECOND_NS
from tuning_emulator.facts import google_errors
from tuning_emulator.protojson.printer import format_double, round_float

Scalar: TypeAlias = "str | int | float | bool | bytes"
Parser: TypeAlias = Callable[[Any], Scalar]

_INTEGER = re.compile(r"\s*[+-]?\d{1,40}\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_TRUE = frozenset(("true", "t", "yes", "y", "1"))
_FALSE = frozenset(("false", "f", "no", "n", "0"))
_NOT_FINITE = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}
_RANGES = {
    "int32": (-(1 << 31), (1 << 31) - 1),
    "uint32": (0, (1 << 32) - 1),
    "fixed32": (0, (1 << 32) - 1),
    "int64": (-(1 << 63), (1 << 63) - 1),
    "uint64": (0, (1 << 64) - 1),
}


class ScalarError(ValueError):
    """A value that a scalar field cannot hold; the message is what the service shows in its place."""


def format_shown(value: Any) -> str:
    """The value as an error text shows it: strings in quotes without escapes, doubles with 15 or 17 digits."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_double(value)
    return "null" if value is None else str(value)


def _parse_integer(low: int, high: int, value: Any) -> int:
    number: int | None = None
    if type(value) is int:
        number = value
    elif _is_whole(value):
        number = int(value)
    if number is None or not low <= number <= high:
        raise ScalarError(format_shown(value))
    return number


def _is_whole(value: Any) -> bool:
    if isinstance(value, str):
        return _INTEGER.fullmatch(value) is not None and not _padded(value)
    return isinstance(value, float) and value.is_integer()


def _integer_parser(low: int, high: int) -> Parser:
    return lambda value: _parse_integer(low, high, value)


def _parse_double(value: Any) -> float:
    if isinstance(value, bool):
        raise ScalarError(format_shown(value))
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        if value in _NOT_FINITE:
            return _NOT_FINITE[value]
        if _NUMBER.fullmatch(value) and not _padded(value):
            number = float(value)
            if math.isfinite(number):
                return number
    raise ScalarError(format_shown(value))


def _parse_float(value: Any) -> float:
    number = _parse_double(value)
    rounded = round_float(number)
    if math.isinf(rounded) and not math.isinf(number):
        raise ScalarError(format_shown(value))
    return rounded


def _parse_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise ScalarError(format_shown(value))


def _parse_string(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ScalarError(format_shown(value))


def _parse_bytes(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ScalarError(format_shown(value))
    standard = value.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ScalarError(google_errors.BASE64.format(value=value)) from None


def _padded(text: str) -> bool:
    return text[:1] == " " or text[-1:] == " "


PARSERS: Mapping[str, Parser] = {
    "string": _parse_string,
    "bool": _parse_bool,
    "bytes": _parse_bytes,
    "double": _parse_double,
    "float": _parse_float,
    **{name: _integer_parser(*span) for name, span in _RANGES.items()},
}
"""By scalar type. Each raises ``ScalarError``."""


def enum_parser(values: Mapping[str, int]) -> Parser:
    """Enum values by name (any case, ``-`` for ``_``) or number; a number nobody declared stays a number."""
    names: dict[int, str] = {}
    for name, number in values.items():
        names.setdefault(number, name)

    def parse(value: Any) -> str | int:
        if isinstance(value, str):
            if value in values:
                return names[values[value]]
            if _INTEGER.fullmatch(value) and not _padded(value) and int(value) in names:
                return names[int(value)]
            normal = value.upper().replace("-", "_")
            if normal in values:
                return names[values[normal]]
            raise ScalarError(format_shown(value))
        number = _parse_integer(*_RANGES["int32"], value)
        return names.get(number, number)

    return parse


# --- timestamps and durations as JSON text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMESTAMP = re.compile(r"(\d{4,})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_ZONED = re.compile(r"(?:[Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)
_DURATION_MAX_S = 315_576_000_000


class InstantError(ValueError):
    """A text that is no timestamp or duration; the message is the service's reason."""


def parse_timestamp(text: str) -> int:
    """Nanoseconds since 1970 of an RFC 3339 timestamp.

    Raises:
        InstantError: not a timestamp, or outside the years 1 to 9999.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        zoned = _ZONED.search(text)
        raise InstantError(
            google_errors.TIMESTAMP_FORMAT.format(value=text) if zoned else google_errors.TIMESTAMP_ZONE.format()
        )
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, zone = match[7] or "", match[8]
    if not 1 <= year <= 9999 or len(fraction) > 9:
        raise InstantError(google_errors.TIMESTAMP_RANGE.format())
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC) - _parse_offset(zone)
    except (ValueError, OverflowError):
        raise InstantError(google_errors.TIMESTAMP_FORMAT.format(value=text)) from None
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    return seconds * SECOND_NS + int(fraction.ljust(9, "0"))


def _parse_offset(zone: str) -> timedelta:
    if zone in "Zz":
        return timedelta()
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return -offset if zone[0] == "-" else offset


def parse_duration(text: str) -> int:
    """Nanoseconds of ``1.5s``.

    Raises:
        InstantError: not a duration, or longer than 10 000 years.
    """
    if not text.endswith("s"):
        raise InstantError(google_errors.DURATION_SUFFIX.format())
    body = text[:-1]
    sign = -1 if body.startswith("-") else 1
    whole, _, fraction = body.removeprefix("-").rpartition(".") if "." in body else (body.removeprefix("-"), "", "")
    if not (whole.isascii() and whole.isdigit()) or int(whole[:40]) >= 1 << 64:
        raise InstantError(google_errors.DURATION_SECONDS.format())
    if fraction and not (fraction.isascii() and fraction.isdigit()):
        raise InstantError(google_errors.DURATION_NANOS.format())
    if len(fraction) > 9 or int(whole) > _DURATION_MAX_S:
        raise InstantError(google_errors.DURATION_RANGE.format())
    return sign * (int(whole) * SECOND_NS + int(fraction.ljust(9, "0") or 0))

"""Timestamps and durations as JSON text; as values they are int nanoseconds.

Source: protobuf v3.21 protostream_objectwriter.cc; texts recorded on Google's front end (see ``facts.front_end``).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from emulator.facts import front_end

SECOND_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_PLAIN = datetime(1970, 1, 1)  # noqa: DTZ001 - for printing: UTC is written as Z
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
            front_end.TIMESTAMP_FORMAT.format(value=text) if zoned else front_end.TIMESTAMP_ZONE.format()
        )
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, zone = match[7] or "", match[8]
    if not 1 <= year <= 9999 or len(fraction) > 9:
        raise InstantError(front_end.TIMESTAMP_RANGE.format())
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC) - _parse_offset(zone)
    except (ValueError, OverflowError):
        raise InstantError(front_end.TIMESTAMP_FORMAT.format(value=text)) from None
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    return seconds * SECOND_NS + int(fraction.ljust(9, "0"))


def _parse_offset(zone: str) -> timedelta:
    if zone in "Zz":
        return timedelta()
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return -offset if zone[0] == "-" else offset


def format_timestamp(time_ns: int) -> str:
    """RFC 3339 in UTC with 0, 3, 6 or 9 fraction digits."""
    seconds, nanos = divmod(time_ns, SECOND_NS)
    moment = _EPOCH_PLAIN + timedelta(seconds=seconds)
    return f"{moment.isoformat()}{_format_fraction(nanos)}Z"


def parse_duration(text: str) -> int:
    """Nanoseconds of ``1.5s``.

    Raises:
        InstantError: not a duration, or longer than 10 000 years.
    """
    if not text.endswith("s"):
        raise InstantError(front_end.DURATION_SUFFIX.format())
    body = text[:-1]
    sign = -1 if body.startswith("-") else 1
    whole, _, fraction = body.removeprefix("-").rpartition(".") if "." in body else (body.removeprefix("-"), "", "")
    if not (whole.isascii() and whole.isdigit()) or int(whole[:40]) >= 1 << 64:
        raise InstantError(front_end.DURATION_SECONDS.format())
    if fraction and not (fraction.isascii() and fraction.isdigit()):
        raise InstantError(front_end.DURATION_NANOS.format())
    if len(fraction) > 9 or int(whole) > _DURATION_MAX_S:
        raise InstantError(front_end.DURATION_RANGE.format())
    return sign * (int(whole) * SECOND_NS + int(fraction.ljust(9, "0") or 0))


def format_duration(duration_ns: int) -> str:
    """``26s``, ``0.500s``: 0, 3, 6 or 9 fraction digits."""
    seconds, nanos = divmod(abs(duration_ns), SECOND_NS)
    return f"{'-' if duration_ns < 0 else ''}{seconds}{_format_fraction(nanos)}s"


def _format_fraction(nanos: int) -> str:
    if nanos == 0:
        return ""
    if nanos % 1_000_000 == 0:
        return f".{nanos // 1_000_000:03d}"
    if nanos % 1_000 == 0:
        return f".{nanos // 1_000:06d}"
    return f".{nanos:09d}"

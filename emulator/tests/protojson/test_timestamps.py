"""Timestamps and durations, in and out."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuning_emulator.core.errors import ErrorText
from tuning_emulator.facts import google_errors
from tuning_emulator.protojson.printer import format_duration, format_timestamp
from tuning_emulator.protojson.scalars import InstantError, parse_duration, parse_timestamp


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_700_000_000_000_000_000, "2023-11-14T22:13:20Z"),
        (1_700_000_000_120_000_000, "2023-11-14T22:13:20.120Z"),
        (1_700_000_000_123_456_000, "2023-11-14T22:13:20.123456Z"),
        (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (-62_135_596_800_000_000_000, "0001-01-01T00:00:00Z"),
    ],
)
def test_timestamps_have_0_3_6_or_9_digits(time_ns: int, text: str) -> None:
    """Written and read."""
    assert format_timestamp(time_ns) == text
    assert parse_timestamp(text) == time_ns


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", google_errors.TIMESTAMP_ZONE.format()),
        ("2020-01-01T00:00:00", google_errors.TIMESTAMP_ZONE.format()),
        ("yesterdayZ", google_errors.TIMESTAMP_FORMAT.format(value="yesterdayZ")),
        ("2020-13-01T00:00:00Z", google_errors.TIMESTAMP_FORMAT.format(value="2020-13-01T00:00:00Z")),
        ("0000-01-01T00:00:00Z", google_errors.TIMESTAMP_RANGE.format()),
        ("10000-01-01T00:00:00Z", google_errors.TIMESTAMP_RANGE.format()),
        ("2020-01-01T00:00:00.0123456789Z", google_errors.TIMESTAMP_RANGE.format()),
        ("0001-01-01T00:00:00+01:00", google_errors.TIMESTAMP_FORMAT.format(value="0001-01-01T00:00:00+01:00")),
    ],
)
def test_other_timestamps_are_refused(text: str, reason: str) -> None:
    """With the recorded reason where there is one."""
    with pytest.raises(InstantError) as caught:
        parse_timestamp(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [(0, "0s"), (26_000_000_000, "26s"), (58_821_668_433, "58.821668433s"), (-500_000_000, "-0.500s")],
)
def test_durations(duration_ns: int, text: str) -> None:
    """Written and read; the second and third are recorded."""
    assert format_duration(duration_ns) == text
    assert parse_duration(text) == duration_ns


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5", google_errors.DURATION_SUFFIX),
        ("s", google_errors.DURATION_SECONDS),
        ("xs", google_errors.DURATION_SECONDS),
        ("--1s", google_errors.DURATION_SECONDS),
        ("1.xs", google_errors.DURATION_NANOS),
        ("1.0123456789s", google_errors.DURATION_RANGE),
        ("315576000001s", google_errors.DURATION_RANGE),
        ("99999999999999999999999999s", google_errors.DURATION_SECONDS),
    ],
)
def test_other_durations_are_refused(text: str, reason: ErrorText) -> None:
    """In the parser's words."""
    with pytest.raises(InstantError) as caught:
        parse_duration(text)
    assert str(caught.value) == reason.format()


@settings(max_examples=300)
@given(st.text(alphabet="0123456789-+:.TZs", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but the refusal comes out."""
    for parse in (parse_timestamp, parse_duration):
        with suppress(InstantError):
            assert isinstance(parse(text), int)

"""Pacing, faults and magic values are read as they are written, and refused with words that help."""

from __future__ import annotations

import pytest

from tuning_emulator.core.job_control import (
    LABEL_PREFIX,
    MAGIC_VALUES,
    NO_MAGIC,
    TRAINING,
    FaultKind,
    JobFault,
    JobFaultError,
    Magic,
    MagicError,
    Pace,
    PaceError,
    PaceMode,
    format_job_fault,
    format_pace,
    parse_job_fault,
    parse_pace,
    read_magic,
)
from tuning_emulator.core.records import Api


@pytest.mark.parametrize(
    ("text", "pace"),
    [
        ("training", TRAINING),
        ("time:60", Pace(PaceMode.TIME, seconds=60)),
        ("time:0.25", Pace(PaceMode.TIME, seconds=0.25)),
        ("time:0", Pace(PaceMode.TIME, seconds=0)),
        ("polls:2", Pace(PaceMode.POLLS, polls=2)),
        ("manual", Pace(PaceMode.MANUAL)),
    ],
)
def test_a_pace_is_read_as_it_is_written(text: str, pace: Pace) -> None:
    """With a colon, or with a hyphen as labels need it."""
    assert parse_pace(text) == pace
    assert parse_pace(text.upper().replace(":", "-")) == pace
    assert format_pace(pace) == text


@pytest.mark.parametrize(
    "text",
    ["", "fast", "time", "time:", "time:x", "polls:0", "polls:1.5", "manual:1", "polls:-1", "time:1e9", "time:.."],
)
def test_what_is_no_pace_is_refused(text: str) -> None:
    """The text names what was given, or the field and its bounds."""
    with pytest.raises(PaceError, match=r"is not"):
        parse_pace(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("internal_error:5", JobFault(FaultKind.INTERNAL_ERROR, 5)),
        ("dataset_rejected:1", JobFault(FaultKind.DATASET_REJECTED, 1)),
        ("stuck_pending", JobFault(FaultKind.STUCK_PENDING)),
        ("cancelled:12", JobFault(FaultKind.CANCELLED, 12)),
    ],
)
def test_a_fault_is_read_as_it_is_written(text: str, fault: JobFault) -> None:
    """With underscores, or with hyphens as labels need them."""
    assert parse_job_fault(text) == fault
    assert parse_job_fault(text.replace("_", "-").replace(":", "-")) == fault
    assert format_job_fault(fault) == text


def test_a_fault_without_a_number_is_at_the_first() -> None:
    """Line or step 1."""
    assert parse_job_fault("internal-error") == JobFault(FaultKind.INTERNAL_ERROR, 1)


@pytest.mark.parametrize("text", ["", "broken", "stuck_pending:3", "internal_error:0", "internal_error:x"])
def test_what_is_no_fault_is_refused(text: str) -> None:
    """The text lists the kinds, or says what the number counts."""
    with pytest.raises(JobFaultError, match=r"quota_exhausted|at: "):
        parse_job_fault(text)


def test_magic_is_found_anywhere_in_a_display_name() -> None:
    """A pace and a fault can stand together."""
    magic = read_magic("gemini", "numbers [pace=polls:2] [fault=internal_error:5]", {})
    assert magic == Magic(Pace(PaceMode.POLLS, polls=2), JobFault(FaultKind.INTERNAL_ERROR, 5))


def test_a_label_wins_over_the_name() -> None:
    """It is the more deliberate of the two."""
    labels = {"tuning-emulator-pace": "manual", "team": "one"}
    assert read_magic("vertex", "[pace=polls:2]", labels).pace == Pace(PaceMode.MANUAL)


@pytest.mark.parametrize("name", ["numbers", "", "[draft] numbers", "pace=polls:2", "[pace=polls:2", "[faults=2]"])
def test_ordinary_names_are_no_magic(name: str) -> None:
    """Only our own form is."""
    assert read_magic("vertex", name, {"team": "one"}) == NO_MAGIC


@pytest.mark.parametrize(
    ("api", "name", "labels", "words"),
    [
        ("gemini", "[pace=pols:2]", {}, "'pols:2' is not a pace"),
        ("gemini", "[fault=oops]", {}, "'oops' is not a fault"),
        ("gemini", "[fault=endpoint_creation_failed]", {}, "neither endpoint nor region"),
        ("vertex", "", {"tuning-emulator-speed": "9"}, "label tuning-emulator-speed"),
        ("vertex", "", {"tuning-emulator-fault": "internal-error-0"}, "count from 1"),
    ],
)
def test_magic_that_cannot_be_read_is_refused(api: Api, name: str, labels: dict[str, str], words: str) -> None:
    """A typing mistake must not let a test pass for the wrong reason."""
    with pytest.raises(MagicError, match=words):
        read_magic(api, name, labels)


@pytest.mark.parametrize("row", MAGIC_VALUES, ids=lambda row: row.display_name)
def test_both_forms_of_each_documented_value_mean_the_same(row: object) -> None:
    """What the pages show can be typed, also as a label of Google Cloud: lower case, digits, hyphens, 63 at most."""
    key, _, value = row.label.partition(": ")  # type: ignore[attr-defined]
    by_name = read_magic("vertex", row.display_name, {})  # type: ignore[attr-defined]
    assert by_name == read_magic("vertex", "", {LABEL_PREFIX + key: value}) != NO_MAGIC
    assert len(LABEL_PREFIX + key) <= 63
    assert set(LABEL_PREFIX + key + value) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len(row.display_name) <= 40  # type: ignore[attr-defined] # Gemini's limit of display names

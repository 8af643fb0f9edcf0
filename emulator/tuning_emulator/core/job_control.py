"""What can be made to happen to a job on purpose: its pace, a fault, and the magic values that say so in a name.

A pace is how fast a job goes through what clients see of it, whatever really trains underneath.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from tuning_emulator.core.records import JobKind

MAX_SECONDS = 10 * 365 * 86_400.0
MAX_POLLS = 1_000_000

_PACE_FORM = re.compile(r"(?P<mode>[a-z]+)(?:[:-](?P<amount>[0-9.]+))?")


class PaceError(ValueError):
    """No pace; the text names the value and what would be right."""


class PaceMode(StrEnum):
    """What makes a job go on from one state to the next."""

    TRAINING = "training"
    """The trainer alone."""
    TIME = "time"
    """So much time of the emulator's clock in each state."""
    POLLS = "polls"
    """So many reads in each state."""
    MANUAL = "manual"
    """Nothing but the control API's ``:advance``."""


class Pace(Struct, frozen=True):
    """What a job waits for before it shows its next state; its work must be done as well.

    Attributes:
        seconds: Of the emulator's clock, for ``TIME``. polls: Reads, for ``POLLS``.
    """

    mode: PaceMode = PaceMode.TRAINING
    seconds: float = 0.0
    polls: int = 0

    def __post_init__(self) -> None:
        if self.mode is PaceMode.TIME and not (math.isfinite(self.seconds) and 0 <= self.seconds <= MAX_SECONDS):
            raise PaceError(f"seconds: {self.seconds!r} is not between 0 and {MAX_SECONDS:.0f}")
        if self.mode is PaceMode.POLLS and not 1 <= self.polls <= MAX_POLLS:
            raise PaceError(f"polls: {self.polls!r} is not between 1 and {MAX_POLLS}")


TRAINING = Pace()


def parse_pace(text: str) -> Pace:
    """Reads ``training``, ``time:60``, ``polls:2`` or ``manual``; a hyphen does for the colon, as labels need it.

    Raises:
        PaceError: it is something else.
    """
    wrong = PaceError(f"{text!r} is not a pace: training, time:SECONDS, polls:NUMBER or manual")
    match = _PACE_FORM.fullmatch(text.strip().lower())
    if match is None or match["mode"] not in tuple(PaceMode):
        raise wrong
    mode, amount = PaceMode(match["mode"]), match["amount"]
    if (amount is not None) != (mode in (PaceMode.TIME, PaceMode.POLLS)):
        raise wrong
    try:
        if mode is PaceMode.TIME:
            return Pace(mode, seconds=float(amount))
        return Pace(mode, polls=int(amount)) if mode is PaceMode.POLLS else Pace(mode)
    except PaceError:
        raise
    except ValueError:
        raise wrong from None


def format_pace(pace: Pace) -> str:
    """What ``parse_pace`` reads."""
    if pace.mode is PaceMode.TIME:
        return f"time:{pace.seconds:.9f}".rstrip("0").rstrip(".")
    return f"polls:{pace.polls}" if pace.mode is PaceMode.POLLS else pace.mode.value


# --- faults

MAX_AT = 999_999_999

_FAULT_FORM = re.compile(r"(?P<kind>[a-z]+(?:-[a-z]+)*)(?:[:-](?P<at>[0-9]{1,9}))?")


class JobFaultError(ValueError):
    """No fault of a job; the text names the value and what would be right."""


class FaultKind(StrEnum):
    """What happens."""

    DATASET_REJECTED = "dataset_rejected"
    INTERNAL_ERROR = "internal_error"
    ENDPOINT_CREATION_FAILED = "endpoint_creation_failed"
    QUOTA_EXHAUSTED = "quota_exhausted"
    NO_CAPACITY = "no_capacity"
    GLOBAL_NOT_ONBOARDED = "global_not_onboarded"
    STUCK_PENDING = "stuck_pending"
    CANCELLED = "cancelled"


COUNTED = frozenset({FaultKind.DATASET_REJECTED, FaultKind.INTERNAL_ERROR, FaultKind.CANCELLED})
"""Kinds with a number: the line, or the step, from 1 on."""

OF_VERTEX = frozenset({FaultKind.ENDPOINT_CREATION_FAILED, FaultKind.NO_CAPACITY, FaultKind.GLOBAL_NOT_ONBOARDED})
"""Kinds that only Vertex AI can have: Gemini's tuned models have neither an endpoint nor a region."""

BATCHES: frozenset[JobKind] = frozenset(("gemini_batch", "vertex_batch"))
"""Jobs whose steps are requests: the number of a fault is the request's."""


class JobFault(Struct, frozen=True):
    """One thing that happens to one job.

    Attributes:
        at: The line of the dataset or the training step, from 1 on; 0 where the kind has none.
    """

    kind: FaultKind
    at: int = 0


def create_job_fault(kind: FaultKind, at: int | None = None) -> JobFault:
    """A fault; the first line or step where none is given.

    Raises:
        JobFaultError: the kind takes no number, or it is below 1.
    """
    if at is None:
        return JobFault(kind, 1 if kind in COUNTED else 0)
    if kind not in COUNTED:
        raise JobFaultError(f"at: {kind.value} happens at no line or step; leave it out")
    if not 1 <= at <= MAX_AT:  # as it is kept, so it can be read again
        raise JobFaultError(f"at: {at} is no line or step; they count from 1 to {MAX_AT}")
    return JobFault(kind, at)


def parse_job_fault(text: str) -> JobFault:
    """Reads ``internal_error:5`` or ``stuck_pending``; hyphens do for underscores and colon, as labels need them.

    Raises:
        JobFaultError: it is something else.
    """
    match = _FAULT_FORM.fullmatch(text.strip().lower().replace("_", "-"))
    kind = match["kind"].replace("-", "_") if match else ""
    if match is None or kind not in tuple(FaultKind):
        raise JobFaultError(f"{text!r} is not a fault: {', '.join(map(format_kind, FaultKind))}")
    return create_job_fault(FaultKind(kind), int(match["at"]) if match["at"] else None)


def format_kind(kind: FaultKind) -> str:
    """How a kind is written, ``[:N]`` where it takes a number."""
    return f"{kind.value}[:N]" if kind in COUNTED else kind.value


def format_job_fault(fault: JobFault) -> str:
    """What ``parse_job_fault`` reads."""
    return f"{fault.kind.value}:{fault.at}" if fault.at else fault.kind.value


def check_api(fault: JobFault, api: JobKind) -> None:
    """Whether a job of that API can have it.

    Raises:
        JobFaultError: it cannot.
    """
    if fault.kind in OF_VERTEX and api != "vertex":
        whose = "a batch, which makes no endpoint and tunes nowhere"
        if api not in BATCHES:
            whose = "a Gemini tuned model, which has neither endpoint nor region"
        raise JobFaultError(f"{fault.kind.value} cannot happen to {whose}")


# --- magic values

LABEL_PREFIX = "tuning-emulator-"
"""Of Vertex labels that are magic: ``tuning-emulator-pace``, ``tuning-emulator-fault``."""

_IN_NAME = re.compile(r"\[(pace|fault)=([^\]]*)\]")


class MagicError(ValueError):
    """A magic value cannot be read; the text names it and what would be right."""


class MagicValue(Struct, frozen=True):
    """A row of the table in docs/reference/faults.md.

    Attributes:
        display_name: To put somewhere into the display name. label: The same as a label, on Vertex AI alone.
        meaning: What the job does then.
    """

    display_name: str
    label: str
    meaning: str


MAGIC_VALUES: tuple[MagicValue, ...] = (
    MagicValue("[pace=training]", "pace: training", "Goes on as the trainer does, whatever the others' pace."),
    MagicValue("[pace=time:60]", "pace: time-60", "Stays 60 seconds of the emulator's clock in each state."),
    MagicValue("[pace=polls:2]", "pace: polls-2", "Shows each state to 2 reads (get, list or operation)."),
    MagicValue("[pace=manual]", "pace: manual", "Waits in each state for `POST /emulator/v1/jobs/NAME:advance`."),
    MagicValue(
        "[fault=dataset_rejected:3]",
        "fault: dataset-rejected-3",
        "Fails with INVALID_ARGUMENT once the dataset is read: line 3 is wrong.",
    ),
    MagicValue(
        "[fault=internal_error:5]",
        "fault: internal-error-5",
        "Fails with INTERNAL in place of training step 5.",
    ),
    MagicValue(
        "[fault=endpoint_creation_failed]",
        "fault: endpoint-creation-failed",
        "Trains, registers the model, then fails with INTERNAL for want of an endpoint (Vertex AI alone).",
    ),
    MagicValue(
        "[fault=quota_exhausted]", "fault: quota-exhausted", "Fails with RESOURCE_EXHAUSTED instead of starting."
    ),
    MagicValue(
        "[fault=no_capacity]",
        "fault: no-capacity",
        "Fails for want of accelerators: high demand in this region (Vertex AI alone).",
    ),
    MagicValue(
        "[fault=global_not_onboarded]",
        "fault: global-not-onboarded",
        "Fails with FAILED_PRECONDITION: the model is not tuned through global (Vertex AI alone).",
    ),
    MagicValue("[fault=stuck_pending]", "fault: stuck-pending", "Stays PENDING until it is cancelled or deleted."),
    MagicValue(
        "[fault=cancelled:5]", "fault: cancelled-5", "Is cancelled in place of training step 5, as if by somebody else."
    ),
)
"""One of each kind; numbers are free, and a pace and a fault can stand together. Label keys begin with LABEL_PREFIX."""


class Magic(Struct, frozen=True):
    """What a request asks for; None: nothing."""

    pace: Pace | None = None
    fault: JobFault | None = None


NO_MAGIC = Magic()


def read_magic(api: JobKind, display_name: str, labels: Mapping[str, str]) -> Magic:
    """The magic values of a create request. A label wins over the name.

    Raises:
        MagicError: one has our form but cannot be read: ignoring it would let a test pass for the wrong reason.
    """
    found = dict(_IN_NAME.findall(display_name))
    for key, value in labels.items():
        if key.startswith(LABEL_PREFIX):
            found[key.removeprefix(LABEL_PREFIX)] = value
    return _parse(api, found) if found else NO_MAGIC


def _parse(api: JobKind, found: dict[str, str]) -> Magic:
    unknown = sorted(found.keys() - {"pace", "fault"})
    if unknown:
        raise MagicError(f"label {LABEL_PREFIX}{unknown[0]}: the emulator knows {LABEL_PREFIX}pace and -fault only")
    try:
        pace = parse_pace(found["pace"]) if "pace" in found else None
        fault = parse_job_fault(found["fault"]) if "fault" in found else None
        if fault is not None:
            check_api(fault, api)
    except (PaceError, JobFaultError) as error:
        raise MagicError(f"magic value of the emulator: {error}") from error
    return Magic(pace, fault)

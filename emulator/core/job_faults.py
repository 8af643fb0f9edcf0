"""What can be made to happen to a job on purpose."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from emulator.core.records import Api

_FORM = re.compile(r"(?P<kind>[a-z]+(?:-[a-z]+)*)(?:[:-](?P<at>[0-9]{1,9}))?")


class JobFaultError(ValueError):
    """No fault of a job; the text names the value and what would be right."""


class FaultKind(StrEnum):
    """What happens."""

    DATASET_REJECTED = "dataset_rejected"
    INTERNAL_ERROR = "internal_error"
    ENDPOINT_CREATION_FAILED = "endpoint_creation_failed"
    QUOTA_EXHAUSTED = "quota_exhausted"
    STUCK_PENDING = "stuck_pending"
    CANCELLED = "cancelled"


COUNTED = frozenset({FaultKind.DATASET_REJECTED, FaultKind.INTERNAL_ERROR, FaultKind.CANCELLED})
"""Kinds with a number: the line, or the step, from 1 on."""

OF_VERTEX = frozenset({FaultKind.ENDPOINT_CREATION_FAILED})
"""Kinds that only Vertex AI can have: Gemini's tuned models have no endpoint."""


@dataclass(frozen=True, slots=True)
class JobFault:
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
    if at < 1:
        raise JobFaultError(f"at: {at} is no line or step; they count from 1")
    return JobFault(kind, at)


def parse_job_fault(text: str) -> JobFault:
    """Reads ``internal_error:5`` or ``stuck_pending``; hyphens do for underscores and colon, as labels need them.

    Raises:
        JobFaultError: it is something else.
    """
    match = _FORM.fullmatch(text.strip().lower().replace("_", "-"))
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


def check_api(fault: JobFault, api: Api) -> None:
    """Whether a job of that API can have it.

    Raises:
        JobFaultError: it cannot.
    """
    if fault.kind in OF_VERTEX and api != "vertex":
        raise JobFaultError(f"{fault.kind.value} cannot happen to a Gemini tuned model, which has no endpoint")

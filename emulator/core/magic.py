"""Magic values: what a create request asks of the emulator in fields that any client can set, as test card numbers do.

The service's own answer is as if they meant nothing: names and labels come back as they were sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from emulator.core.job_faults import JobFault, JobFaultError, check_api, parse_job_fault
from emulator.core.pace import Pace, PaceError, parse_pace
from emulator.core.records import Api

LABEL_PREFIX = "tuning-emulator-"
"""Of Vertex labels that are magic: ``tuning-emulator-pace``, ``tuning-emulator-fault``."""

_IN_NAME = re.compile(r"\[(pace|fault)=([^\]]*)\]")


class MagicError(ValueError):
    """A magic value cannot be read; the text names it and what would be right."""


@dataclass(frozen=True, slots=True)
class MagicValue:
    """A row of the table in the README.

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
    MagicValue("[fault=stuck_pending]", "fault: stuck-pending", "Stays PENDING until it is cancelled or deleted."),
    MagicValue(
        "[fault=cancelled:5]", "fault: cancelled-5", "Is cancelled in place of training step 5, as if by somebody else."
    ),
)
"""One of each kind; numbers are free, and a pace and a fault can stand together. Label keys begin with LABEL_PREFIX."""


@dataclass(frozen=True, slots=True)
class Magic:
    """What a request asks for; None: nothing."""

    pace: Pace | None = None
    fault: JobFault | None = None


NO_MAGIC = Magic()


def read_magic(api: Api, display_name: str, labels: Mapping[str, str]) -> Magic:
    """The magic values of a create request. A label wins over the name.

    Raises:
        MagicError: one has our form but cannot be read: ignoring it would let a test pass for the wrong reason.
    """
    found = dict(_IN_NAME.findall(display_name)) if "[" in display_name else {}
    for key, value in labels.items():
        if key.startswith(LABEL_PREFIX):
            found[key.removeprefix(LABEL_PREFIX)] = value
    return _parse(api, found) if found else NO_MAGIC


def _parse(api: Api, found: dict[str, str]) -> Magic:
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

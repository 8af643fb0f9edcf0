"""The words in which a job ends to which a fault was made to happen."""

from __future__ import annotations

from emulator.core.errors import Code
from emulator.core.job_faults import FaultKind, JobFault
from emulator.core.records import Failure, TuningJob
from emulator.facts import troubles
from emulator.facts.dataset_errors import MISSING_CONTENTS
from emulator.facts.fact import ErrorText


def describe_fault(fault: JobFault, job: TuningJob) -> Failure:
    """What the job ends with. Which words the services have for each is in ``facts``, with a grade."""
    gemini = job.api == "gemini"
    match fault.kind:
        case FaultKind.DATASET_REJECTED:
            return _fail(MISSING_CONTENTS, row=fault.at - 1)  # the service counts rows from 0
        case FaultKind.QUOTA_EXHAUSTED:
            return _fail(troubles.GEMINI_EXHAUSTED if gemini else troubles.VERTEX_CONCURRENT_JOBS)
        case FaultKind.ENDPOINT_CREATION_FAILED:
            return _fail(troubles.ENDPOINT_CREATION_FAILED)
        case _:
            return _fail(troubles.GEMINI_INTERNAL) if gemini else Failure(Code.INTERNAL, "Internal error encountered.")


def _fail(text: ErrorText, **values: object) -> Failure:
    return Failure(Code[text.code], text.format(**values))

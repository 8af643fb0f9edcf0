"""The life of a job: one table of what can happen in which state and phase. Nothing else decides either.

Sources: state order in the recorded jobs of both APIs; the order of the phases in Vertex AI's v1beta1
``tuningJobState``; CANCELLING "may only go to either SUCCEEDED, FAILED or CANCELLED" (aiplatform discovery document,
JobState).
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from tuning_emulator.core.records import JobState, Phase


class JobEvent(StrEnum):
    """What can happen to a job."""

    WAIT = "wait"
    """Other jobs of its project, or its pace, come first."""
    START = "start"
    RUN = "run"
    """A batch, which has no phases, begins."""
    CHECK = "check"
    """Its dataset is good; its pace keeps it waiting."""
    TUNE = "tune"
    """Training begins."""
    TRAIN = "train"
    """Training is done."""
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"
    """Somebody asked for it to stop."""
    STOP = "stop"
    """It has stopped as asked."""
    REQUEUE = "requeue"
    """The process that ran it died; it will be resumed."""


class Transition(Struct, frozen=True):
    """Where an event leads.

    Attributes:
        phase: The phase after it; None: that of before stays.
        after: The phases in which it can happen; empty: in any.
    """

    state: JobState
    phase: Phase | None = None
    after: frozenset[Phase] = frozenset()


_S, _P, _E = JobState, Phase, JobEvent


def _to(state: JobState, phase: Phase | None = None, *after: Phase) -> Transition:
    return Transition(state, phase, frozenset(after))


TRANSITIONS: dict[tuple[JobState, JobEvent], Transition] = {
    (_S.PENDING, _E.WAIT): _to(_S.PENDING, _P.WAITING_FOR_QUOTA),
    (_S.PENDING, _E.START): _to(_S.RUNNING, _P.PROCESSING_DATASET),
    (_S.PENDING, _E.RUN): _to(_S.RUNNING, _P.NONE),
    (_S.PENDING, _E.CANCEL): _to(_S.CANCELLED, _P.NONE),
    (_S.PENDING, _E.FAIL): _to(_S.FAILED, _P.NONE),
    (_S.RUNNING, _E.CHECK): _to(_S.RUNNING, _P.WAITING_FOR_CAPACITY, _P.PROCESSING_DATASET),
    (_S.RUNNING, _E.TUNE): _to(_S.RUNNING, _P.TUNING, _P.PROCESSING_DATASET, _P.WAITING_FOR_CAPACITY),
    (_S.RUNNING, _E.TRAIN): _to(_S.RUNNING, _P.POST_PROCESSING, _P.TUNING),
    (_S.RUNNING, _E.SUCCEED): _to(_S.SUCCEEDED, _P.NONE, _P.POST_PROCESSING, _P.NONE),
    (_S.RUNNING, _E.FAIL): _to(_S.FAILED, _P.NONE),
    (_S.RUNNING, _E.CANCEL): _to(_S.CANCELLING),
    (_S.RUNNING, _E.REQUEUE): _to(_S.RUNNING),
    (_S.CANCELLING, _E.STOP): _to(_S.CANCELLED, _P.NONE),
    (_S.CANCELLING, _E.SUCCEED): _to(_S.SUCCEEDED, _P.NONE, _P.POST_PROCESSING),
    (_S.CANCELLING, _E.FAIL): _to(_S.FAILED, _P.NONE),
    (_S.CANCELLING, _E.CANCEL): _to(_S.CANCELLING),
    (_S.CANCELLING, _E.REQUEUE): _to(_S.CANCELLING),
}

ENDED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
"""States that nothing leaves."""

WITHIN = frozenset({JobEvent.WAIT, JobEvent.CHECK, JobEvent.TUNE, JobEvent.TRAIN})
"""Events that change the phase alone."""


class IllegalTransitionError(Exception):
    """The job's state or phase does not allow the event."""

    def __init__(self, state: JobState, event: JobEvent, phase: Phase = Phase.NONE) -> None:
        where = f"{state} ({phase})" if phase else str(state)
        super().__init__(f"a job that is {where} cannot {event}")
        self.state = state
        self.event = event


def advance(state: JobState, phase: Phase, event: JobEvent) -> tuple[JobState, Phase]:
    """State and phase after ``event``.

    Raises:
        IllegalTransitionError: the table has no such edge.
    """
    found = TRANSITIONS.get((state, event))
    if found is None or (found.after and phase not in found.after):
        raise IllegalTransitionError(state, event, phase)
    return found.state, phase if found.phase is None else found.phase

"""The life of a tuning job: one table of state × event → state. Nothing else decides a state.

Sources: state order in the recorded jobs of both APIs; CANCELLING "may only go to either SUCCEEDED, FAILED or
CANCELLED" (aiplatform discovery document, JobState).
"""

from __future__ import annotations

from enum import StrEnum

from tuning_emulator.core.records import JobState


class JobEvent(StrEnum):
    """What can happen to a job."""

    START = "start"
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"
    """Somebody asked for it to stop."""
    STOPPED = "stopped"
    """It has stopped as asked."""
    REQUEUE = "requeue"
    """The process that ran it died; it will be resumed."""


_S, _E = JobState, JobEvent

TRANSITIONS: dict[tuple[JobState, JobEvent], JobState] = {
    (_S.PENDING, _E.START): _S.RUNNING,
    (_S.PENDING, _E.CANCEL): _S.CANCELLED,
    (_S.PENDING, _E.FAIL): _S.FAILED,
    (_S.RUNNING, _E.SUCCEED): _S.SUCCEEDED,
    (_S.RUNNING, _E.FAIL): _S.FAILED,
    (_S.RUNNING, _E.CANCEL): _S.CANCELLING,
    (_S.RUNNING, _E.REQUEUE): _S.RUNNING,
    (_S.CANCELLING, _E.STOPPED): _S.CANCELLED,
    (_S.CANCELLING, _E.SUCCEED): _S.SUCCEEDED,
    (_S.CANCELLING, _E.FAIL): _S.FAILED,
    (_S.CANCELLING, _E.CANCEL): _S.CANCELLING,
    (_S.CANCELLING, _E.REQUEUE): _S.CANCELLING,
}

ENDED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
"""States that nothing leaves."""


class IllegalTransitionError(Exception):
    """The job's state does not allow the event."""

    def __init__(self, state: JobState, event: JobEvent) -> None:
        super().__init__(f"a job that is {state} cannot {event}")
        self.state = state
        self.event = event


def next_state(state: JobState, event: JobEvent) -> JobState:
    """The state after ``event``.

    Raises:
        IllegalTransitionError: the table has no such edge.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransitionError(state, event) from None

"""The table of states is total: every edge that it has works, every other one is refused."""

from __future__ import annotations

import itertools

import pytest

from tuning_emulator.core.lifecycle import ENDED, TRANSITIONS, WITHIN, IllegalTransitionError, JobEvent, advance
from tuning_emulator.core.records import JobState, Phase

EDGES = list(itertools.product(JobState, Phase, JobEvent))


@pytest.mark.parametrize(("state", "phase", "event"), EDGES)
def test_every_edge_is_allowed_by_the_table_or_refused(state: JobState, phase: Phase, event: JobEvent) -> None:
    """An edge outside the table raises and names both ends."""
    found = TRANSITIONS.get((state, event))
    if found is not None and (not found.after or phase in found.after):
        assert advance(state, phase, event) == (found.state, phase if found.phase is None else found.phase)
    else:
        with pytest.raises(IllegalTransitionError, match=f"{state}.*{event}"):
            advance(state, phase, event)


def test_nothing_leaves_an_ended_state() -> None:
    """SUCCEEDED, FAILED and CANCELLED are final, and have no phase."""
    assert not [edge for edge in TRANSITIONS if edge[0] in ENDED]
    assert {found.phase for found in TRANSITIONS.values() if found.state in ENDED} == {Phase.NONE}


def test_cancelling_only_leads_to_the_documented_ends() -> None:
    """The discovery document: from CANCELLING a job may only go to SUCCEEDED, FAILED or CANCELLED."""
    ends = {after.state for (before, _), after in TRANSITIONS.items() if before is JobState.CANCELLING}
    assert ends - {JobState.CANCELLING} == ENDED


def test_every_state_and_phase_can_be_reached() -> None:
    """None is there for nothing."""
    assert {found.state for found in TRANSITIONS.values()} | {JobState.PENDING} == set(JobState)
    assert {found.phase for found in TRANSITIONS.values()} - {None} == set(Phase)


def test_phases_come_in_their_order() -> None:
    """A job that runs to its end, with and without a wait; no phase can be left out or come twice."""
    state, phase = JobState.PENDING, Phase.NONE
    passed = []
    for event in ("wait", "start", "check", "tune", "train", "succeed"):
        state, phase = advance(state, phase, JobEvent(event))
        passed.append((state, phase))
    assert [one for _, one in passed] == [*list(Phase)[1:], Phase.NONE]
    assert passed[-1][0] is JobState.SUCCEEDED
    assert advance(JobState.RUNNING, Phase.PROCESSING_DATASET, JobEvent.TUNE) == (JobState.RUNNING, Phase.TUNING)
    for within, event in itertools.product(
        (Phase.PROCESSING_DATASET, Phase.TUNING), (JobEvent.SUCCEED, JobEvent.START)
    ):
        with pytest.raises(IllegalTransitionError):
            advance(JobState.RUNNING, within, event)


def test_events_within_a_state_keep_it() -> None:
    """And all others but a repeated cancel and a restart change it."""
    kept = {event for (state, event), found in TRANSITIONS.items() if found.state is state}
    assert kept == WITHIN | {JobEvent.CANCEL, JobEvent.REQUEUE}

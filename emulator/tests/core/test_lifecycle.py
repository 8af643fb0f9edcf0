"""The table of states is total: every edge that it has works, every other one is refused."""

from __future__ import annotations

import itertools

import pytest

from tuning_emulator.core.lifecycle import ENDED, TRANSITIONS, IllegalTransitionError, JobEvent, next_state
from tuning_emulator.core.records import JobState

EDGES = list(itertools.product(JobState, JobEvent))


@pytest.mark.parametrize(("state", "event"), EDGES)
def test_every_edge_is_allowed_by_the_table_or_refused(state: JobState, event: JobEvent) -> None:
    """An edge outside the table raises and names both ends."""
    if (state, event) in TRANSITIONS:
        assert next_state(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(IllegalTransitionError, match=f"{state}.*{event}"):
            next_state(state, event)


def test_nothing_leaves_an_ended_state() -> None:
    """SUCCEEDED, FAILED and CANCELLED are final."""
    assert not [edge for edge in TRANSITIONS if edge[0] in ENDED]


def test_cancelling_only_leads_to_the_documented_ends() -> None:
    """The discovery document: from CANCELLING a job may only go to SUCCEEDED, FAILED or CANCELLED."""
    ends = {after for (before, _), after in TRANSITIONS.items() if before is JobState.CANCELLING}
    assert ends - {JobState.CANCELLING} == ENDED


def test_every_state_can_be_reached() -> None:
    """No state is there for nothing."""
    assert set(TRANSITIONS.values()) | {JobState.PENDING} == set(JobState)

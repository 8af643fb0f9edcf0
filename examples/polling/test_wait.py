"""Three hours of waiting take no time: the emulator's clock goes on when the loop sleeps."""

from __future__ import annotations

import pytest
from google.genai import types

from examples.polling.wait import LONGEST_S, StillRunningError, wait_until_ended
from examples.vertex import create_client, start_job
from tuning_emulator.testing.fixtures import TestEmulator


@pytest.mark.tuning_emulator(pace="time:2160")
def test_a_job_of_three_hours_is_waited_for(tuning_emulator: TestEmulator) -> None:
    """Its five stages take 36 minutes each; nobody has to sit through it."""
    client = create_client(tuning_emulator)
    name = start_job(client, tuning_emulator)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        tuning_emulator.clock.advance(seconds)

    job = wait_until_ended(client, name, sleep=sleep)
    assert job.state == types.JobState.JOB_STATE_SUCCEEDED
    assert 3 * 3600 <= sum(slept) <= 3 * 3600 + 2 * LONGEST_S
    assert tuning_emulator.journal.count(method="GenAiTuningService.GetTuningJob") == len(slept) + 1


@pytest.mark.tuning_emulator(pace="polls:2")
def test_it_asks_ever_less_often(tuning_emulator: TestEmulator) -> None:
    """Each state is shown to two reads."""
    client = create_client(tuning_emulator)
    slept: list[float] = []
    wait_until_ended(client, start_job(client, tuning_emulator), sleep=slept.append)
    assert slept[:3] == [5.0, 7.5, 11.25]


def test_it_gives_up_on_a_job_that_never_starts(tuning_emulator: TestEmulator) -> None:
    """A display name is enough to have a job stuck; any SDK can do this."""
    client = create_client(tuning_emulator)
    name = start_job(client, tuning_emulator, "numbers [fault=stuck_pending]")
    with pytest.raises(StillRunningError, match="PENDING"):
        wait_until_ended(client, name, timeout_s=600, sleep=lambda _: None)

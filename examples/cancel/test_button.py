"""Each moment of a job can be held still and looked at: pace `manual` moves it only when the test says so."""

from __future__ import annotations

import pytest

from examples.cancel.button import press
from examples.vertex import create_client, start_job
from tuning_emulator.testing.fixtures import TestEmulator

pytestmark = pytest.mark.tuning_emulator(pace="manual")


def test_before_it_starts(tuning_emulator: TestEmulator) -> None:
    """A waiting job is gone at once."""
    client = create_client(tuning_emulator)
    assert press(client, start_job(client, tuning_emulator)) == "Cancelled."


def test_while_it_runs(tuning_emulator: TestEmulator) -> None:
    """A running job takes its time to stop, and the person is told."""
    client = create_client(tuning_emulator)
    name = start_job(client, tuning_emulator)
    tuning_emulator.jobs.advance(name, to="RUNNING")
    assert press(client, name).startswith("Cancelling")
    tuning_emulator.jobs.advance(name)
    assert tuning_emulator.jobs.wait(name)["state"] == "CANCELLED"


def test_when_it_has_ended(tuning_emulator: TestEmulator) -> None:
    """Nothing to cancel any more."""
    client = create_client(tuning_emulator)
    name = start_job(client, tuning_emulator)
    tuning_emulator.jobs.advance(name, to="SUCCEEDED")
    tuning_emulator.jobs.wait(name)
    assert press(client, name) == "This job has already ended."

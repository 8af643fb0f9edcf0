"""Failures that nobody can order from the real service, by a word in the display name."""

from __future__ import annotations

import pytest
from google.genai import types

from examples.error_report.report import describe
from examples.vertex import create_client, start_job
from tuning_emulator.testing.fixtures import TestEmulator


def run_job(emulator: TestEmulator, title: str) -> types.TuningJob:
    """A job that has ended."""
    client = create_client(emulator)
    name = start_job(client, emulator, title)
    emulator.jobs.wait(name)
    return client.tunings.get(name=name)


def test_success(tuning_emulator: TestEmulator) -> None:
    """Nothing to report but joy."""
    assert describe(run_job(tuning_emulator, "numbers")) == "numbers: ready."


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        ("dataset_rejected:3", "Correct the dataset and start again."),
        ("quota_exhausted", "Wait for another job to end, or ask for more quota."),
        ("internal_error:2", "Nothing is wrong with the job; start it again."),
        ("endpoint_creation_failed", "Nothing is wrong with the job; start it again."),
    ],
)
def test_each_failure_has_its_advice(tuning_emulator: TestEmulator, fault: str, advice: str) -> None:
    """The service's words, then ours."""
    said = describe(run_job(tuning_emulator, f"numbers [fault={fault}]"))
    assert ": failed: " in said
    assert said.endswith(advice)


def test_somebody_else_cancelled_it(tuning_emulator: TestEmulator) -> None:
    """Not our doing, but worth a line."""
    assert describe(run_job(tuning_emulator, "numbers [fault=cancelled:2]")).endswith("cancelled by somebody.")

"""Sample records for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tuning_emulator.core.records import Hyperparameters, JobState, Phase, TuningJob, TuningMethod

MOMENT_NS = 1_730_668_087_734_198_000
"""2024-11-03T21:08:07.734198Z, the create time of a recorded job."""

VERTEX_JOB = TuningJob(
    uid=0,
    api="vertex",
    project="646763706049",
    location="us-central1",
    id="6284765961371254784",
    api_version="v1",
    operation_id="",
    owner="owner@example.com",
    display_name="numbers",
    description="",
    labels={"team": "one"},
    base_model="gemini-2.5-flash",
    source_model="",
    source_checkpoint="",
    method=TuningMethod.SUPERVISED,
    requested=Hyperparameters(epochs=2),
    resolved=None,
    training_uri="gs://bucket/train.jsonl",
    validation_uri="",
    export_last_checkpoint_only=False,
    sent={"labels": {"team": "one"}},
    state=JobState.PENDING,
    phase=Phase.NONE,
    error=None,
    created_ns=MOMENT_NS,
    started_ns=None,
    ended_ns=None,
    updated_ns=MOMENT_NS,
    total_steps=0,
    completed_steps=0,
    completed_epochs=0,
    statistics=None,
    experiment_id="",
    trainer="",
    device="",
    adapter="",
)


def make_job(**changes: Any) -> TuningJob:
    """The sample Vertex job with some fields changed."""
    return replace(VERTEX_JOB, **changes)


def make_tuned_model(**changes: Any) -> TuningJob:
    """A Gemini tuned model still CREATING."""
    gemini: dict[str, Any] = {
        "api": "gemini",
        "location": "",
        "id": "numbers-x1",
        "api_version": "v1beta",
        "operation_id": "41vni3zk0a47",
        "base_model": "gemini-1.5-flash-001-tuning",
        "training_uri": "",
        "labels": {},
        "sent": {},
    }
    return replace(VERTEX_JOB, **{**gemini, **changes})

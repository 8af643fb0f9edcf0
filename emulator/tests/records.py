"""Sample records for tests."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tuning_emulator.core.ids import Ids
from tuning_emulator.core.records import Asked, Hyperparameters, Progress, TuningJob, TuningMethod
from tuning_emulator.gemini.jobs import GeminiTuning
from tuning_emulator.jobs.tuning_api import TuningApis
from tuning_emulator.store.store import Store
from tuning_emulator.vertex.jobs import VertexTuning

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
    created_ns=MOMENT_NS,
    asked=Asked(
        TuningMethod.SUPERVISED,
        "gemini-2.5-flash",
        Hyperparameters(epochs=2),
        training_uri="gs://bucket/train.jsonl",
        labels={"team": "one"},
        echoed={"labels": {"team": "one"}},
    ),
    progress=Progress(updated_ns=MOMENT_NS),
    owner="owner@example.com",
    display_name="numbers",
)


def change_job(job: TuningJob, **changes: Any) -> TuningJob:
    """The job with some fields changed, whichever part of it they belong to."""
    asked = {name: changes.pop(name) for name in Asked.__struct_fields__ if name in changes}
    progress = {name: changes.pop(name) for name in Progress.__struct_fields__ if name in changes}
    return replace(job, asked=replace(job.asked, **asked), progress=replace(job.progress, **progress), **changes)


def make_job(**changes: Any) -> TuningJob:
    """The sample Vertex job with some fields changed."""
    return change_job(VERTEX_JOB, **changes)


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
        "echoed": {},
    }
    return make_job(**{**gemini, **changes})


def make_apis(store: Store, ids: Ids) -> TuningApis:
    """What jobs mean to both APIs."""
    return {"gemini": GeminiTuning(store), "vertex": VertexTuning(store, ids)}

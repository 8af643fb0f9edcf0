"""The one whole finished job that is public, reproduced from our own records down to the order of its keys.

Source: github.com/mscraftsman/generative-ai src/Mscc.GenerativeAI/Types/Generative/TuningJob.cs (commit f0961271,
2024-11-04); the texts of the examples are shortened here.
"""

from __future__ import annotations

import json
from typing import Any

from tests.records import make_job
from tuning_emulator.core.ids import experiment_id
from tuning_emulator.core.records import (
    DatasetStatistics,
    Distribution,
    Failure,
    Hyperparameters,
    JobState,
    ModelVersion,
)
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.protojson.printer import format_json
from tuning_emulator.vertex.api import SCHEMAS
from tuning_emulator.vertex.convert import format_job

PLACE = "projects/646763706049/locations/us-central1"
TRAINING = "gs://cloud-samples-data/ai-platform/generative_ai/gemini-1_5/text/sft_train_data.jsonl"
NAME = "gemini-1.5-pro-002-bf6ead6f-99a5-4ba7-8919-c84a2c30ebbb"
INPUT_BUCKETS = ((326, 25, 509), (148, 510, 994), (20, 995, 1478), (5, 1479, 1963), (1, 2449, 2932))
OUTPUT_BUCKETS = ((298, 3, 42), (164, 43, 81), (29, 82, 120), (5, 121, 159), (3, 160, 198), (1, 199, 237))
SAMPLES: tuple[dict[str, Any], ...] = (
    {"role": "user", "parts": [{"text": "Honesty is usually the best policy..."}]},
    {"role": "model", "parts": [{"text": "Tell the truth."}]},
)


def show_buckets(buckets: tuple[tuple[int, int, int], ...]) -> list[dict[str, int]]:
    """Buckets as they are printed."""
    return [{"count": count, "left": left, "right": right} for count, left, right in buckets]


RECORDED = {
    "name": f"{PLACE}/tuningJobs/6284765961371254784",
    "tunedModelDisplayName": NAME,
    "baseModel": "gemini-1.5-pro-002",
    "supervisedTuningSpec": {
        "trainingDatasetUri": TRAINING,
        "hyperParameters": {"epochCount": "10", "learningRateMultiplier": 1, "adapterSize": "ADAPTER_SIZE_FOUR"},
    },
    "state": "JOB_STATE_FAILED",
    "createTime": "2024-11-03T21:08:07.734198Z",
    "startTime": "2024-11-03T21:08:30.888568Z",
    "endTime": "2024-11-03T21:40:37.139132Z",
    "updateTime": "2024-11-03T21:40:37.139132Z",
    "error": {
        "code": 13,
        "message": "Failed to create endpoint. Tuned model is uploaded and can be accessed through Model Registry.",
    },
    "experiment": f"{PLACE}/metadataStores/default/contexts/tuning-experiment-20241103131117085279",
    "tunedModel": {"model": f"{PLACE}/models/1402067540926005248@1"},
    "tuningDataStats": {
        "supervisedTuningDataStats": {
            "tuningDatasetExampleCount": "500",
            "userInputTokenDistribution": {
                "sum": "233592",
                "min": 25,
                "max": 2932,
                "mean": 467.184,
                "median": 414,
                "p5": 101,
                "p95": 1016,
                "buckets": show_buckets(INPUT_BUCKETS),
            },
            "userOutputTokenDistribution": {
                "sum": "21651",
                "min": 3,
                "max": 237,
                "mean": 43.302,
                "median": 37,
                "p5": 15,
                "p95": 89,
                "buckets": show_buckets(OUTPUT_BUCKETS),
            },
            "userMessagePerExampleDistribution": {
                "sum": "1000",
                "min": 2,
                "max": 2,
                "mean": 2,
                "median": 2,
                "p5": 2,
                "p95": 2,
                "buckets": [{"count": 500, "left": 2, "right": 2}],
            },
            "userDatasetExamples": list(SAMPLES),
            "totalBillableTokenCount": "255243",
        }
    },
}

STATISTICS = DatasetStatistics(
    examples=500,
    billable_tokens=255243,
    input_tokens=Distribution(233592, 25, 2932, 467.184, 414, 101, 1016, INPUT_BUCKETS),
    output_tokens=Distribution(21651, 3, 237, 43.302, 37, 15, 89, OUTPUT_BUCKETS),
    messages=Distribution(1000, 2, 2, 2, 2, 2, 2, ((500, 2, 2),)),
    samples=SAMPLES,
)
EXPERIMENT_NS = 1_730_668_277_085_279_000
"""2024-11-03T21:11:17.085279Z, which is 13:11:17 in California."""

JOB = make_job(
    id="6284765961371254784",
    display_name=NAME,
    labels={},
    base_model="gemini-1.5-pro-002",
    hyperparameters=Hyperparameters(),
    resolved=Hyperparameters(10, 4, 1e-3, 1.0, 4, 0.1),
    echoed={"base_model": "gemini-1.5-pro-002", "supervised_tuning_spec": {"training_dataset_uri": TRAINING}},
    state=JobState.FAILED,
    error=Failure(13, str(RECORDED["error"]["message"])),  # type: ignore[index]
    started_ns=1_730_668_110_888_568_000,
    ended_ns=1_730_670_037_139_132_000,
    updated_ns=1_730_670_037_139_132_000,
    total_steps=1250,
    statistics=STATISTICS,
    experiment_id=experiment_id(EXPERIMENT_NS),
)
VERSION = ModelVersion(
    model_uid=1,
    project="646763706049",
    location="us-central1",
    model_id="1402067540926005248",
    version=1,
    aliases=("default",),
    display_name=NAME,
    description="",
    labels={},
    version_description="",
    base_model="gemini-1.5-pro-002",
    job_uid=1,
    default_checkpoint="",
    created_ns=0,
    updated_ns=0,
    revision=1,
)


def test_the_recorded_job_is_printed_as_it_was() -> None:
    """Names, values, number forms and the order of the keys, at every depth."""
    tree = Codec(SCHEMAS.values()).to_json(format_job(JOB, VERSION), "google.cloud.aiplatform.v1.TuningJob")
    assert format_json(tree) == (json.dumps(RECORDED, indent=2, ensure_ascii=False) + "\n").encode()

"""Bodies that the real service answered with, byte for byte, from records that hold the same.

Source: github.com/derrickobedgiu1/gemini-api tests/Fixtures/GeminiApi, recorded July and August 2024.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.gemini.serving import OWNER, Serving
from tests.records import make_tuned_model
from tuning_emulator.core.records import Hyperparameters, JobState, MetricPoint
from tuning_emulator.gemini.convert import own_permission

OPERATION = """{
  "name": "tunedModels/text-predictor-dsygc8rjuymz/operations/r6z44bgt2mog",
  "metadata": {
    "@type": "type.googleapis.com/google.ai.generativelanguage.v1beta.CreateTunedModelMetadata",
    "totalSteps": 38,
    "completedSteps": 2,
    "completedPercent": 5.263158,
    "snapshots": [
      {
        "step": 1,
        "meanLoss": 11.499258,
        "computeTime": "2024-07-31T06:58:29.639551971Z"
      },
      {
        "step": 2,
        "meanLoss": 13.789906,
        "computeTime": "2024-07-31T06:58:38.054294552Z"
      }
    ],
    "tunedModel": "tunedModels/text-predictor-dsygc8rjuymz"
  }
}
"""

MODEL = """{
  "name": "tunedModels/next-number-generator-m1lwcujgc644",
  "baseModel": "models/gemini-1.0-pro-001",
  "displayName": "Next Number Generator",
  "state": "ACTIVE",
  "createTime": "2024-07-20T18:23:29.427331Z",
  "updateTime": "2024-07-20T18:25:31.801179Z",
  "tuningTask": {
    "startTime": "2024-07-20T18:23:31.528229372Z",
    "completeTime": "2024-07-20T18:25:31.801179Z",
    "snapshots": [
      {
        "step": 7,
        "meanLoss": 11.948129,
        "computeTime": "2024-07-20T18:23:48.592744268Z"
      },
      {
        "step": 8,
        "epoch": 1,
        "meanLoss": 5.3713417,
        "computeTime": "2024-07-20T18:23:51.559295247Z"
      },
      {
        "step": 38,
        "epoch": 5,
        "meanLoss": 0.0011606459,
        "computeTime": "2024-07-20T18:25:27.424639191Z"
      }
    ],
    "hyperparameters": {
      "epochCount": 5,
      "batchSize": 2,
      "learningRate": 0.001
    }
  },
  "temperature": 0.9,
  "topP": 1,
  "topK": 0
}
"""
"""Three of its 38 snapshots; the others have the same form."""


def read_time(text: str) -> int:
    """Nanoseconds of ``2024-07-20T18:23:29.427331Z``, whatever its digits."""
    second, _, fraction = text.removesuffix("Z").partition(".")
    whole = datetime.fromisoformat(second).replace(tzinfo=UTC)
    return int(whole.timestamp()) * 10**9 + int(fraction.ljust(9, "0"))


def put(serving: Serving, points: list[tuple[int, int, float, str]], **fields: Any) -> None:
    """Stores a tuned model of the caller with its metrics."""
    job = serving.store.insert_job(make_tuned_model(owner=OWNER, **fields))
    serving.store.put_permission(own_permission(job))
    serving.store.add_metric_points(
        job.uid, [MetricPoint(step, epoch, loss, read_time(at)) for step, epoch, loss, at in points]
    )


async def test_operation_in_progress(waiting: Serving) -> None:
    """operations/get.json: 32-bit digits, nine-digit times, no `done`."""
    put(
        waiting,
        [(1, 0, 11.499258, "2024-07-31T06:58:29.639551971Z"), (2, 0, 13.789906, "2024-07-31T06:58:38.054294552Z")],
        id="text-predictor-dsygc8rjuymz",
        operation_id="r6z44bgt2mog",
        state=JobState.RUNNING,
        total_steps=38,
        completed_steps=2,
    )
    path = "/v1/tunedModels/text-predictor-dsygc8rjuymz/operations/r6z44bgt2mog"
    assert (await waiting.ask("GET", path)).text == OPERATION


async def test_active_model(waiting: Serving) -> None:
    """get.json: key order, digits, a topK of 0."""
    put(
        waiting,
        [
            (7, 0, 11.948129, "2024-07-20T18:23:48.592744268Z"),
            (8, 1, 5.3713417, "2024-07-20T18:23:51.559295247Z"),
            (38, 5, 0.0011606459, "2024-07-20T18:25:27.424639191Z"),
        ],
        id="next-number-generator-m1lwcujgc644",
        display_name="Next Number Generator",
        base_model="gemini-1.0-pro-001",
        state=JobState.SUCCEEDED,
        created_ns=read_time("2024-07-20T18:23:29.427331Z"),
        started_ns=read_time("2024-07-20T18:23:31.528229372Z"),
        ended_ns=read_time("2024-07-20T18:25:31.801179Z"),
        updated_ns=read_time("2024-07-20T18:25:31.801179Z"),
        hyperparameters=Hyperparameters(epochs=5, batch_size=2, learning_rate=0.001),
        temperature=0.9,
        top_p=1.0,
        top_k=0,
    )
    assert (await waiting.ask("GET", "/v1beta/tunedModels/next-number-generator-m1lwcujgc644")).text == MODEL


async def test_numeric_enums(waiting: Serving) -> None:
    """What google-generativeai asks for with every call: enums as numbers."""
    name = await waiting.create(finish=False)
    query = "%24alt=json%3Benum-encoding%3Dint"
    assert (await waiting.ask("GET", f"/v1beta/{name}", query=query)).json["state"] == 1
    (owner,) = (await waiting.ask("GET", f"/v1beta/{name}/permissions", query=query)).json["permissions"]
    assert (owner["granteeType"], owner["role"]) == (1, 1)

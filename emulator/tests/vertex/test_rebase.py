"""Rebasing: another base model tuned with the dataset of an old job."""

from __future__ import annotations

from typing import Any

from tests.vertex.serving import PLACE, PREFERENCES, TRAINING, Serving


async def test_rebasing_tunes_another_base_model_with_the_same_dataset(serving: Serving) -> None:
    """The operation carries v1's types for a v1 call, ends with the new job, and is found under /ui/ too."""
    old = await serving.tune(baseModel="gemini-1.5-pro-002", tunedModelDisplayName="numbers")
    body = {"tunedModelRef": {"tuningJob": old["name"]}, "tuningJob": {"baseModel": "gemini-2.5-flash-lite"}}
    operation = await serving.post(f"{PLACE}/tuningJobs:rebaseTunedModel", body)
    assert operation["metadata"]["@type"].endswith(".v1.RebaseTunedModelOperationMetadata")
    assert "done" not in operation
    ended = await serving.post(f"{operation['name']}:wait", {"timeout": "20s"})
    assert ended["done"] is True
    assert ended["response"]["@type"] == "type.googleapis.com/google.cloud.aiplatform.v1.TuningJob"
    assert ended["response"]["baseModel"] == "gemini-2.5-flash-lite"
    assert ended["response"]["supervisedTuningSpec"]["trainingDatasetUri"] == TRAINING
    reply = await serving.ask("GET", f"/ui/{operation['name']}")
    assert reply.json == ended


async def test_a_rebase_with_another_spec_replaces_the_source_s(serving: Serving) -> None:
    """The specs are a oneof: the request's stands alone."""
    old = await serving.tune()
    spec = {"trainingDatasetUri": PREFERENCES, "hyperParameters": {"epochCount": "1"}}
    body = {
        "tunedModelRef": {"tunedModel": old["tunedModel"]["model"]},
        "tuningJob": {"preferenceOptimizationSpec": spec},
    }
    operation = await serving.post(f"{PLACE}/tuningJobs:rebaseTunedModel", body)
    job = await serving.get(operation["name"].partition("/operations/")[0])
    assert job["preferenceOptimizationSpec"]["trainingDatasetUri"] == PREFERENCES
    assert "supervisedTuningSpec" not in job


async def test_a_rebase_of_what_is_not_there_or_not_tuned_is_refused(waiting: Serving) -> None:
    """Unknown model, unknown job, unfinished job, and the one option that the emulator does not have."""
    pending = await waiting.create()
    samples: list[tuple[dict[str, Any], int]] = [
        ({"tunedModelRef": {"tunedModel": f"{PLACE}/models/1"}}, 404),
        ({"tunedModelRef": {"tuningJob": f"{PLACE}/tuningJobs/1"}}, 404),
        ({"tunedModelRef": {"tuningJob": pending["name"]}}, 400),
        ({"tunedModelRef": {"tuningJob": pending["name"]}, "deployToSameEndpoint": True}, 501),
    ]
    for body, status in samples:
        reply = await waiting.ask("POST", f"/v1/{PLACE}/tuningJobs:rebaseTunedModel", body)
        assert reply.status == status, reply.text

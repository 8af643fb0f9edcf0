"""``models:copy`` and ``:export``: a copy stands on its own, an open model's files are handed out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.vertex.serving import BUCKET, PLACE, Serving
from tuning_emulator.vertex.jobs import VertexTuning
from tuning_trainer.spec import Checkpoint

WEST = "projects/my-project/locations/us-west1"
OPEN = "qwen/qwen3@qwen3-4b"
ONE_EPOCH = {"hyperParameters": {"epochCount": 1}}


async def copy(serving: Serving, source: str, place: str = WEST, **fields: Any) -> Any:
    """What a copy's operation ends with."""
    started = await serving.post(f"{place}/models:copy", {"sourceModel": source, **fields})
    assert started["metadata"]["@type"].endswith(".v1.CopyModelOperationMetadata")
    assert "done" not in started
    done = await serving.get(started["name"])
    assert done["done"] is True
    return done["response"]


async def deploy(serving: Serving, model: str, place: str, **fields: Any) -> str:
    """A new endpoint that gives all its traffic to a model."""
    started = await serving.post(f"{place}/endpoints", {"displayName": "copied"})
    endpoint = str((await serving.get(started["name"]))["response"]["name"])
    body = {"deployedModel": {"model": model, **fields}, "trafficSplit": {"0": 100}}
    await serving.post(f"{endpoint}:deployModel", body)
    return endpoint


async def test_a_copy_in_another_place_answers_there(serving: Serving) -> None:
    """It keeps what was learned, labels and checkpoints; neither aliases nor deployments."""
    job = await serving.tune(tunedModelDisplayName="numbers")
    source = await serving.get(job["tunedModel"]["model"])
    made = await copy(serving, job["tunedModel"]["model"])
    assert (made["model"].startswith("projects/"), made["modelVersionId"]) == (True, "1")
    copied = await serving.get(made["model"])
    assert copied["modelSourceInfo"] == {"sourceType": "GENIE", "copy": True}
    assert copied["originalModelInfo"] == {"model": source["name"]}
    same = ("displayName", "labels", "checkpoints", "defaultCheckpointId", "baseModelSource")
    assert {name: copied[name] for name in same} == {name: source[name] for name in same}
    assert "deployedModels" in source
    assert "deployedModels" not in copied
    endpoint = await deploy(serving, made["model"], made["model"].partition("/models/")[0])
    assert await serving.say(endpoint, "3") == await serving.say(job["tunedModel"]["endpoint"], "3") == "4"
    assert (await serving.get(job["name"]))["tunedModel"] == job["tunedModel"]


async def test_an_original_that_is_deleted_leaves_its_copy(serving: Serving) -> None:
    """Each has deployments of its own: undeploying one says nothing of the other."""
    job = await serving.tune(spec=ONE_EPOCH)
    made = await copy(serving, job["tunedModel"]["model"], PLACE)
    endpoint = await deploy(serving, made["model"], PLACE, checkpointId="1")
    (deployed,) = (await serving.get(job["tunedModel"]["endpoint"]))["deployedModels"]
    await serving.post(f"{job['tunedModel']['endpoint']}:undeployModel", {"deployedModelId": deployed["id"]})
    assert "endpoint" not in (await serving.get(job["name"]))["tunedModel"]
    model = job["tunedModel"]["model"].partition("@")[0]
    assert (await serving.ask("DELETE", f"/v1/{model}")).status == 200
    assert "tunedModel" not in await serving.get(job["name"])
    assert await serving.say(endpoint, "3") == "4"
    assert (await serving.ask("DELETE", f"/v1/{made['model']}")).status == 400  # deployed


async def test_a_copy_gets_an_id_or_becomes_a_version(serving: Serving) -> None:
    """``modelId`` and ``parentModel``; a version of a copy can be copied, too."""
    job = await serving.tune(spec=ONE_EPOCH)
    first = await copy(serving, job["tunedModel"]["model"], modelId="my_copy")
    assert first["model"].endswith("/models/my_copy")
    second = await copy(serving, f"{first['model']}@1", parentModel=first["model"])
    assert second == {**first, "modelVersionId": "2", "@type": second["@type"]}
    versions = (await serving.get(f"{first['model']}:listVersions"))["models"]
    assert [(one["versionId"], one.get("versionAliases", [])) for one in versions] == [("2", []), ("1", ["default"])]
    place = first["model"].partition("/models/")[0]
    body = {"sourceModel": job["tunedModel"]["model"], "parentModel": job["tunedModel"]["model"].partition("@")[0]}
    reply = await serving.ask("POST", f"/v1/{place}/models:copy", body)  # another place's model
    assert reply.status == 404
    assert len((await serving.get(f"{first['model']}:listVersions"))["models"]) == 2


async def test_copies_are_there_after_a_restart(storage_url: str, tmp_path: Path) -> None:
    """The original is still found by its job, and the copy by its name."""
    serving = Serving(storage_url, data_dir=tmp_path)
    await serving.start()
    job = await serving.tune(spec=ONE_EPOCH)
    made = await copy(serving, job["tunedModel"]["model"], PLACE)
    copied = await serving.get(made["model"])
    await serving.stop()
    again = Serving(storage_url, data_dir=tmp_path)
    await again.start()
    assert await again.get(made["model"]) == copied
    assert (await again.get(job["name"]))["tunedModel"] == job["tunedModel"]
    await again.stop()


async def test_an_open_model_s_files_are_exported(serving: Serving) -> None:
    """To a folder named as documented, which the operation names."""
    job = await serving.tune(
        "v1beta1", baseModel=OPEN, outputUri=f"gs://{BUCKET}/out", tunedModelDisplayName="open one"
    )
    model = job["tunedModel"]["model"]
    assert (await serving.get(model))["supportedExportFormats"] == [
        {"id": "custom-trained", "exportableContents": ["ARTIFACT"]}
    ]
    config = {
        "exportFormatId": "custom-trained",
        "artifactDestination": {"outputUriPrefix": f"gs://{BUCKET}/exported/"},
    }
    started = await serving.post(f"{model}:export", {"outputConfig": config})
    folder = started["metadata"]["outputInfo"]["artifactOutputUri"]
    assert folder.startswith(f"gs://{BUCKET}/exported/model-export-open one-20")
    assert folder.endswith("Z/")
    assert (await serving.get(started["name"]))["response"] == {
        "@type": "type.googleapis.com/google.cloud.aiplatform.v1.ExportModelResponse"
    }
    assert serving.objects.stat(f"{folder}answers.jsonl")
    reply = await serving.ask("POST", f"/v1/{model}:export", {"outputConfig": {"exportFormatId": "tflite"}})
    assert reply.message.endswith("in format `tflite` is not supported.")
    reply = await serving.ask("POST", f"/v1/{model}:export", {"outputConfig": {}})
    assert reply.message == " is not a valid Google Cloud Storage URI prefix."


async def test_a_model_that_is_still_tuned_has_nothing_to_export(serving: Serving) -> None:
    """It has no default checkpoint before its job has ended."""
    await serving.queue.stop()
    job = await serving.create("v1beta1", baseModel=OPEN, outputUri=f"gs://{BUCKET}/out")
    found = serving.find(job["name"])
    tuning = VertexTuning(serving.store, serving.ids)
    tuning.publish_checkpoint(found, Checkpoint(1, 1, "jobs/none"), 1, deploy=False)
    version = serving.store.get_model_version_of_job(found.uid)
    assert version is not None
    name = f"projects/{version.project}/locations/{version.location}/models/{version.model_id}"
    config = {"artifactDestination": {"outputUriPrefix": f"gs://{BUCKET}/exported"}}
    reply = await serving.ask("POST", f"/v1/{name}:export", {"outputConfig": config})
    assert (reply.status, reply.message) == (400, 'Checkpoint "" does not exist; the model has: .')

"""The Model Registry as tuned models leave it: getting, listing, changing, deleting."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.vertex.serving import PLACE, Serving

ONE_EPOCH = {"hyperParameters": {"epochCount": 1}}


async def tune_twice(serving: Serving) -> str:
    """Name of a model with two versions, without version."""
    first = await serving.tune(tunedModelDisplayName="numbers", spec=ONE_EPOCH)
    name = str(first["tunedModel"]["model"])
    await serving.tune(baseModel=None, preTunedModel={"tunedModelName": name}, spec=ONE_EPOCH)
    return name.removesuffix("@1")


async def undeploy_all(serving: Serving, model: str) -> None:
    """Takes every version of a model off its endpoints."""
    listed = await serving.get(f"{model}:listVersions")
    for version in listed["models"]:
        for one in version.get("deployedModels", []):
            body = {"deployedModelId": one["deployedModelId"]}
            await serving.post(f"{one['endpoint']}:undeployModel", body)


async def test_a_version_is_got_by_number_alias_or_default(serving: Serving) -> None:
    """ID means the default version, ID@2 and ID@default what they say; @ may be percent-encoded."""
    name = await tune_twice(serving)
    plain, first, second = [await serving.get(f"{name}{end}") for end in ("", "@default", "@2")]
    assert (plain["versionId"], first["versionId"], second["versionId"]) == ("1", "1", "2")
    assert plain["name"] == second["name"] == name
    assert plain["versionAliases"] == ["default"]
    assert plain["etag"] != second["etag"]
    assert (await serving.get(name + quote("@2", safe="")))["versionId"] == "2"
    assert (await serving.ask("GET", f"/v1/{name}@3")).status == 404


async def test_a_tuned_model_shows_checkpoints_deployments_and_labels(serving: Serving) -> None:
    """What google-genai and the console read."""
    job = await serving.tune(spec={"hyperParameters": {"epochCount": 2}}, labels={"team": "one"})
    model = await serving.get(job["tunedModel"]["model"])
    assert model["checkpoints"] == [
        {"checkpointId": "1", "epoch": "1", "step": "4"},
        {"checkpointId": "2", "epoch": "2", "step": "8"},
    ]
    assert model["defaultCheckpointId"] == "2"
    deployed = {one["checkpointId"]: one["endpoint"] for one in model["deployedModels"]}
    assert deployed == {one["checkpointId"]: one["endpoint"] for one in job["tunedModel"]["checkpoints"]}
    assert model["labels"]["google-vertex-llm-tuning-base-model-id"] == "gemini-2_5-flash"
    assert model["labels"]["google-vertex-llm-tuning-job-id"] == job["name"].rpartition("/")[2]
    assert model["labels"]["team"] == "one"
    listed = await serving.get(f"{job['tunedModel']['model']}:listCheckpoints", query="pageSize=1")
    assert listed["checkpoints"] == model["checkpoints"][:1]
    assert listed["nextPageToken"]


async def test_tuned_models_are_listed_by_label_and_google_genai_s_second_filter(serving: Serving) -> None:
    """One entry a model, its default version; two filters mean both."""
    name = await tune_twice(serving)
    await serving.tune(tunedModelDisplayName="other", spec=ONE_EPOCH)
    everything = await serving.get(f"{PLACE}/models", query="filter=labels.tune-type:*")
    assert [model["displayName"] for model in everything["models"]] == ["other", "numbers"]
    both = f"filter=labels.tune-type:*&filter={quote('display_name=numbers')}"
    assert [model["name"] for model in (await serving.get(f"{PLACE}/models", query=both))["models"]] == [name]
    joined = quote("labels.tune-type:*&filter=display_name=numbers")
    old = await serving.get(f"{PLACE}/models", query=f"filter={joined}")
    assert [model["name"] for model in old["models"]] == [name]
    versions = await serving.get(f"{name}:listVersions")
    assert [model["name"] for model in versions["models"]] == [f"{name}@2", f"{name}@1"]


async def test_patch_without_a_mask_changes_what_is_sent_and_moves_the_job_s_endpoint(serving: Serving) -> None:
    """google-genai's models.update sends no mask; a new default checkpoint is the tuning job's endpoint."""
    job = await serving.tune(spec={"hyperParameters": {"epochCount": 2}})
    name = job["tunedModel"]["model"]
    reply = await serving.ask("PATCH", f"/v1beta1/{name}", {"defaultCheckpointId": "1"})
    assert reply.json["defaultCheckpointId"] == "1"
    changed = await serving.get(job["name"])
    assert changed["tunedModel"]["endpoint"] == job["tunedModel"]["checkpoints"][0]["endpoint"]
    before = await serving.get(name)
    masked = await serving.ask(
        "PATCH", f"/v1/{name}", {"displayName": "new", "description": "x"}, query="updateMask=display_name"
    )
    assert (masked.json["displayName"], "description" in masked.json) == ("new", False)
    assert masked.json["etag"] != before["etag"]
    assert masked.json["defaultCheckpointId"] == "1"


@pytest.mark.parametrize(
    ("body", "query", "status", "message"),
    [
        ({"defaultCheckpointId": "9"}, "", 400, 'Checkpoint "9" does not exist; the model has: 1.'),
        ({"displayName": "x"}, "updateMask=nonsense", 400, ""),
        (
            {"displayName": "x", "etag": "old"},
            "",
            409,
            "The etag in the request does not match the etag of the resource.",
        ),
    ],
)
async def test_a_bad_patch_changes_nothing(
    serving: Serving, body: dict[str, Any], query: str, status: int, message: str
) -> None:
    """An unknown checkpoint, an unknown path, an old etag."""
    job = await serving.tune(spec=ONE_EPOCH)
    name = job["tunedModel"]["model"]
    before = await serving.get(name)
    reply = await serving.ask("PATCH", f"/v1/{name}", body, query=query)
    assert reply.status == status, reply.text
    assert not message or reply.message == message
    assert await serving.get(name) == before


async def test_aliases_move_between_versions(serving: Serving) -> None:
    """An alias is of one version at a time; the default one can be moved and not removed."""
    name = await tune_twice(serving)
    await serving.post(f"{name}@1:mergeVersionAliases", {"versionAliases": ["golden"]})
    second = await serving.post(f"{name}@2:mergeVersionAliases", {"versionAliases": ["golden", "default"]})
    assert second["versionAliases"] == ["golden", "default"]
    assert "versionAliases" not in await serving.get(f"{name}@1")
    assert (await serving.get(name))["versionId"] == "2"
    bare = await serving.post(f"{name}@2:mergeVersionAliases", {"versionAliases": ["-golden"]})
    assert bare["versionAliases"] == ["default"]
    reply = await serving.ask("POST", f"/v1/{name}@2:mergeVersionAliases", {"versionAliases": ["-default"]})
    assert reply.status == 400


async def test_a_deployed_model_is_not_deleted_and_an_undeployed_one_is(serving: Serving) -> None:
    """FAILED_PRECONDITION first; then a finished operation with an empty response."""
    name = await tune_twice(serving)
    reply = await serving.ask("DELETE", f"/v1/{name}")
    assert (reply.status, reply.json["error"]["status"]) == (400, "FAILED_PRECONDITION")
    await undeploy_all(serving, name)
    reply = await serving.ask("DELETE", f"/v1/{name}")
    assert reply.json["done"] is True
    assert reply.json["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}
    assert (await serving.ask("GET", f"/v1/{name}")).status == 404


async def test_versions_are_deleted_but_for_the_default_and_the_last(serving: Serving) -> None:
    """Each refusal, and then the deletion that is allowed."""
    name = await tune_twice(serving)
    assert "is deployed" in (await serving.ask("DELETE", f"/v1/{name}@2:deleteVersion")).message
    await undeploy_all(serving, name)
    assert "is the default" in (await serving.ask("DELETE", f"/v1/{name}@1:deleteVersion")).message
    assert (await serving.ask("DELETE", f"/v1/{name}@2:deleteVersion")).json["done"] is True
    assert "is the last" in (await serving.ask("DELETE", f"/v1/{name}@1:deleteVersion")).message

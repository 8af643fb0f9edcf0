"""Endpoints: what tuning leaves, and deploying elsewhere."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.vertex.serving import PLACE, Serving

TWO_EPOCHS = {"hyperParameters": {"epochCount": 2}}


async def test_an_endpoint_serves_one_checkpoint_with_all_traffic(serving: Serving) -> None:
    """The shape of a tuned model's endpoint."""
    job = await serving.tune(spec=TWO_EPOCHS, tunedModelDisplayName="numbers", labels={"team": "one"})
    endpoint = await serving.get(job["tunedModel"]["endpoint"], "v1beta1")
    assert list(endpoint) == [
        *("name", "displayName", "deployedModels", "trafficSplit", "etag", "labels", "createTime", "updateTime")
    ]
    (deployed,) = endpoint["deployedModels"]
    assert deployed["model"] + "@" + deployed["modelVersionId"] == job["tunedModel"]["model"]
    assert deployed["checkpointId"] == "2"
    assert endpoint["trafficSplit"] == {deployed["id"]: 100}
    assert (endpoint["displayName"], endpoint["labels"]) == ("numbers", {"team": "one"})
    listed = await serving.get(f"{PLACE}/endpoints", query="pageSize=1")
    assert listed["endpoints"] == [await serving.get(job["tunedModel"]["endpoint"])]
    assert listed["nextPageToken"]


async def test_undeploying_and_deleting_as_the_notebooks_clean_up(serving: Serving) -> None:
    """undeployModel answers a running operation, done when asked for; delete one that is done at once (recorded)."""
    job = await serving.tune(spec=TWO_EPOCHS)
    name = job["tunedModel"]["endpoint"]
    reply = await serving.ask("DELETE", f"/v1/{name}")
    assert (reply.status, reply.json["error"]["status"]) == (400, "FAILED_PRECONDITION")
    (deployed,) = (await serving.get(name))["deployedModels"]
    operation = await serving.post(f"{name}:undeployModel", {"deployedModelId": deployed["id"]})
    assert list(operation) == ["name", "metadata"]
    assert operation["name"].startswith(f"{name}/operations/")
    done = (await serving.ask("GET", f"/ui/{operation['name']}")).json
    prefix = "type.googleapis.com/google.cloud.aiplatform.v1."
    assert done["metadata"]["@type"] == f"{prefix}UndeployModelOperationMetadata"
    assert done["response"] == {"@type": f"{prefix}UndeployModelResponse"}
    after = await serving.get(job["name"])
    assert "endpoint" not in after["tunedModel"]
    assert "endpoint" not in after["tunedModel"]["checkpoints"][1]
    assert after["tunedModel"]["checkpoints"][0]["endpoint"]
    deletion = (await serving.ask("DELETE", f"/v1/{name}")).json
    place = job["name"].partition("/tuningJobs/")[0]
    assert deletion["name"].startswith(f"{place}/operations/")
    assert list(deletion) == ["name", "metadata", "done", "response"]
    reply = await serving.ask("GET", f"/v1/{name}")
    assert (reply.status, reply.message) == (404, f'endpoint "{name}" not found')


async def test_a_model_is_deployed_to_an_endpoint_of_one_s_own(serving: Serving) -> None:
    """Create (recorded shape), deploy another checkpoint, answer through it, split traffic, undeploy."""
    job = await serving.tune(spec=TWO_EPOCHS)
    operation = await serving.post(f"{PLACE}/endpoints", {"displayName": "mine"}, "v1beta1")
    assert operation["metadata"]["@type"].endswith(".v1beta1.CreateEndpointOperationMetadata")
    created = await serving.get(operation["name"], "v1beta1")
    assert list(created["response"]) == ["@type", "name", "displayName"]
    name = created["response"]["name"]
    body = {"deployedModel": {"model": job["tunedModel"]["model"], "checkpointId": "1"}, "trafficSplit": {"0": 100}}
    deployment = await serving.get((await serving.post(f"{name}:deployModel", body))["name"])
    deployed = deployment["response"]["deployedModel"]
    assert deployed["checkpointId"] == "1"
    assert await serving.say(name, "3") == "4"
    more = await serving.post(f"{name}:deployModel", {"deployedModel": {"model": job["tunedModel"]["model"]}})
    second = (await serving.get(more["name"]))["response"]["deployedModel"]
    assert second["checkpointId"] == "2"
    split = {deployed["id"]: 30, second["id"]: 70}
    reply = await serving.ask("PATCH", f"/v1/{name}", {"trafficSplit": split}, query="updateMask=trafficSplit")
    assert reply.json["trafficSplit"] == split
    refused = await serving.ask("POST", f"/v1/{name}:undeployModel", {"deployedModelId": second["id"]})
    assert refused.json["error"]["status"] == "FAILED_PRECONDITION"
    assert "has 70 percent of the traffic" in refused.message
    left = {"deployedModelId": second["id"], "trafficSplit": {deployed["id"]: 100}}
    await serving.post(f"{name}:undeployModel", left)
    assert (await serving.get(name))["trafficSplit"] == {deployed["id"]: 100}


async def test_a_deployed_model_gets_no_traffic_unasked(serving: Serving) -> None:
    """``trafficSplit`` of a deployment is not updated when the request has none; the endpoint then answers nobody."""
    job = await serving.tune(spec=TWO_EPOCHS)
    started = await serving.post(f"{PLACE}/endpoints", {"displayName": "mine"})
    name = (await serving.get(started["name"]))["response"]["name"]
    deployed = await serving.post(f"{name}:deployModel", {"deployedModel": {"model": job["tunedModel"]["model"]}})
    identifier = (await serving.get(deployed["name"]))["response"]["deployedModel"]["id"]
    body = {"contents": [{"role": "user", "parts": [{"text": "3"}]}]}
    reply = await serving.ask("POST", f"/v1/{name}:generateContent", body)
    assert (reply.status, reply.message) == (400, f"Endpoint {name} doesn't have traffic_split.")
    update = await serving.post(f"{name}:update", {"endpoint": {"trafficSplit": {identifier: 100}}})
    assert update["metadata"]["@type"].endswith(".v1.UpdateEndpointOperationMetadata")
    changed = (await serving.get(update["name"]))["response"]
    assert changed["trafficSplit"] == {identifier: 100}
    assert {**changed, "@type": None} == {**await serving.get(name), "@type": None}
    assert await serving.say(name, "3") == "4"
    await serving.post(f"{name}:undeployModel", {"deployedModelId": identifier, "trafficSplit": {identifier: 100}})
    assert {"trafficSplit", "deployedModels"}.isdisjoint(await serving.get(name))


async def test_traffic_is_split_as_asked(serving: Serving) -> None:
    """Of ten requests each model answers its share, whoever asks; a new split begins anew."""
    letters = [{"role": "user", "parts": [{"text": "3"}]}, {"role": "model", "parts": [{"text": "c"}]}]
    lines = (json.dumps({"contents": letters}) + "\n") * 3
    serving.objects.write("gs://numbers/letters.jsonl", lines.encode())
    job = await serving.tune(spec={"hyperParameters": {"epochCount": 1}})
    other = await serving.tune(spec={"trainingDatasetUri": "gs://numbers/letters.jsonl"})
    name = job["tunedModel"]["endpoint"]
    (first,) = (await serving.get(name))["deployedModels"]
    body = {
        "deployedModel": {"model": other["tunedModel"]["model"], "id": "7"},
        "trafficSplit": {first["id"]: 70, "0": 30},
    }
    await serving.post(f"{name}:deployModel", body)
    answers = await asyncio.gather(*(serving.say(name, "3") for _ in range(10)))
    assert (answers.count("4"), answers.count("c")) == (7, 3)
    await serving.ask("PATCH", f"/v1/{name}", {"trafficSplit": {"7": 100}}, query="updateMask=trafficSplit")
    assert {await serving.say(name, "3") for _ in range(3)} == {"c"}


@pytest.mark.parametrize(
    ("verb", "suffix", "body", "status"),
    [
        ("POST", ":deployModel", {"deployedModel": {"model": f"{PLACE}/models/1"}}, 404),
        ("POST", ":undeployModel", {"deployedModelId": "1"}, 404),
        ("PATCH", "", {"trafficSplit": {"1": 100}}, 400),
        ("PATCH", "", {"displayName": "x", "etag": "old"}, 409),
    ],
)
async def test_bad_changes_change_nothing(
    serving: Serving, verb: str, suffix: str, body: dict[str, Any], status: int
) -> None:
    """Unknown model, unknown deployed model, traffic to nobody, an old etag."""
    job = await serving.tune(spec=TWO_EPOCHS)
    name = job["tunedModel"]["endpoint"]
    before = await serving.get(name)
    reply = await serving.ask(verb, f"/v1/{name}{suffix}", body)
    assert reply.status == status, reply.text
    assert await serving.get(name) == before


async def test_a_mask_empties_what_the_body_leaves_out(serving: Serving) -> None:
    """A traffic split of nothing and no labels, not an error inside."""
    job = await serving.tune(spec=TWO_EPOCHS, labels={"a": "b"})
    name = job["tunedModel"]["endpoint"]
    reply = await serving.ask("PATCH", f"/v1/{name}", {}, query="updateMask=trafficSplit,labels")
    assert reply.status == 200, reply.text
    assert {"trafficSplit", "labels"}.isdisjoint(await serving.get(name))


async def test_an_endpoint_needs_a_display_name(waiting: Serving) -> None:
    """The violation names the field."""
    reply = await waiting.ask("POST", f"/v1/{PLACE}/endpoints", {})
    assert (
        reply.message == "List of found errors:\t1.Field: endpoint.display_name; Message: Required field is not set.\t"
    )


async def test_an_endpoint_s_own_id_is_checked_and_unique(waiting: Serving) -> None:
    """Given in the query; a bad one and a taken one are refused."""
    path, body = f"/v1/{PLACE}/endpoints", {"displayName": "mine"}
    created = await waiting.ask("POST", path, body, query="endpointId=mine-1")
    assert created.json["name"].partition("/operations/")[0].endswith("/endpoints/mine-1")
    taken = await waiting.ask("POST", path, body, query="endpointId=mine-1")
    assert (taken.status, taken.json["error"]["status"]) == (409, "ALREADY_EXISTS")
    bad = await waiting.ask("POST", path, body, query="endpointId=Mine")
    assert bad.message.startswith("List of found errors:\t1.Field: endpoint_id; Message: The endpoint ID must be")


async def test_a_model_is_not_deployed_twice_under_one_id(serving: Serving) -> None:
    """The second deployment is refused and changes nothing."""
    job = await serving.tune(spec=TWO_EPOCHS)
    name = job["tunedModel"]["endpoint"]
    before = await serving.get(name)
    deployed = {"model": job["tunedModel"]["model"], "id": before["deployedModels"][0]["id"]}
    reply = await serving.ask("POST", f"/v1/{name}:deployModel", {"deployedModel": deployed})
    assert (reply.status, reply.json["error"]["status"]) == (409, "ALREADY_EXISTS")
    assert await serving.get(name) == before

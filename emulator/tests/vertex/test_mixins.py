"""Locations and IAM policies, over REST in both versions and under /ui/; ``test_parity`` has the same over gRPC."""

from __future__ import annotations

import pytest

from tests.vertex.serving import PLACE, Serving
from tuning_emulator.facts.limits import REGIONS

PREFIXES = ("/v1", "/v1beta1", "/ui")
REGION = "cloud.googleapis.com/region"


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_every_location_is_listed(waiting: Serving, prefix: str) -> None:
    """All of them over the pages, under the project as it was asked for."""
    found, token = [], ""
    while True:
        reply = await waiting.ask("GET", f"{prefix}/projects/p/locations", query=f"pageSize=20&pageToken={token}")
        found += reply.json["locations"]
        token = reply.json.get("nextPageToken", "")
        if not token:
            break
    assert [one["locationId"] for one in found] == sorted((*REGIONS.value, "eu", "global", "us"))
    assert all(one["name"] == f"projects/p/locations/{one['locationId']}" for one in found)
    assert {one["labels"][REGION] for one in found if "labels" in one} == set(REGIONS.value)


async def test_locations_are_filtered(waiting: Serving) -> None:
    """Google's words for the filter: AIP-160."""
    listed = await waiting.get("projects/p/locations", query='filter=locationId="us-central1"')
    assert listed == {
        "locations": [
            {
                "name": "projects/p/locations/us-central1",
                "labels": {REGION: "us-central1"},
                "locationId": "us-central1",
            }
        ]
    }


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_location_is_read(waiting: Serving, prefix: str) -> None:
    """A region has the label of its region, global has none."""
    reply = await waiting.ask("GET", f"{prefix}/projects/7/locations/europe-west4")
    name = "projects/7/locations/europe-west4"
    assert reply.json == {"name": name, "labels": {REGION: "europe-west4"}, "locationId": "europe-west4"}
    reply = await waiting.ask("GET", f"{prefix}/projects/7/locations/global")
    assert reply.json == {"name": "projects/7/locations/global", "locationId": "global"}


async def test_a_resource_has_the_empty_policy(serving: Serving) -> None:
    """Models in both versions, endpoints in v1beta1; both under /ui/. What is not there has none."""
    tuned = (await serving.tune(spec={"hyperParameters": {"epochCount": 1}}))["tunedModel"]
    model, endpoint = tuned["model"].partition("@")[0], tuned["endpoint"]
    for path in (f"/v1/{model}", f"/v1beta1/{model}", f"/ui/{model}", f"/v1beta1/{endpoint}", f"/ui/{endpoint}"):
        reply = await serving.ask("POST", f"{path}:getIamPolicy", query="options.requestedPolicyVersion=3")
        assert (reply.status, reply.json) == (200, {"etag": "ACAB"}), path
    assert (await serving.ask("POST", f"/v1/{endpoint}:getIamPolicy")).status == 404
    missing = await serving.ask("GET", f"/v1/{PLACE}/models/1")
    assert (await serving.ask("POST", f"/v1/{PLACE}/models/1:getIamPolicy")).json == missing.json
    assert missing.status == 404


async def test_difference_iam_policies(serving: Serving) -> None:
    """``iam_policies``: all that is asked about is granted, nothing of what is not there, and no policy can be set."""
    model = (await serving.tune(spec={"hyperParameters": {"epochCount": 1}}))["tunedModel"]["model"].partition("@")[0]
    asked = ["aiplatform.models.get", "aiplatform.models.delete"]
    query = "&".join(f"permissions={one}" for one in asked)
    reply = await serving.ask("POST", f"/v1/{model}:testIamPermissions", query=query)
    assert reply.json == {"permissions": asked}
    reply = await serving.ask("POST", f"/v1/{PLACE}/models/1:testIamPermissions", query=query)
    assert (reply.status, reply.json) == (200, {})
    reply = await serving.ask("POST", f"/v1/{model}:setIamPolicy", {"policy": {"bindings": []}})
    assert (reply.status, reply.json["error"]["status"]) == (501, "UNIMPLEMENTED")

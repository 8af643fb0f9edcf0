"""Hosts and regions, as a proxy or a name server may bring them here."""

from __future__ import annotations

import pytest

from tests.vertex.serving import PLACE, Serving, make_job


@pytest.mark.parametrize(
    ("host", "location", "status"),
    [
        ("us-central1-aiplatform.googleapis.com", "us-central1", 200),
        ("aiplatform.googleapis.com", "us-central1", 200),
        ("aiplatform.eu.rep.googleapis.com", "eu", 200),
        ("localhost", "asia-southeast2", 200),
        ("localhost", "mars", 404),
        ("localhost", "us-central-1", 404),
        ("aiplatform.googleapis.com", "global", 200),
        ("us-central1-aiplatform.googleapis.com", "europe-west4", 400),
        ("aiplatform.us.rep.googleapis.com", "eu", 400),
        ("nowhere-aiplatform.googleapis.com", "us-central1", 404),
    ],
)
async def test_a_regional_host_serves_its_region_alone(waiting: Serving, host: str, location: str, status: int) -> None:
    """An unknown region's host has the HTML page, a known one refuses another location in the recorded words."""
    path = f"/v1/projects/p/locations/{location}/tuningJobs"
    reply = await waiting.ask("GET", path, host=host)
    assert reply.status == status, reply.text
    if status == 400:
        served = "us-central1" if host.startswith("us-central1") else "us"
        text = f"The provided location ID doesn't match the endpoint. The valid location ID is `{served}`."
        assert reply.message == text
    if status == 404:
        assert reply.text.startswith("<!DOCTYPE html>")


async def test_every_kind_of_name_is_held_to_the_region(waiting: Serving) -> None:
    """Parents, names, models, endpoints, contexts, and the names inside what PATCH sends."""
    host = "europe-west4-aiplatform.googleapis.com"
    contents = {"contents": [{"role": "user", "parts": [{"text": "1"}]}]}
    for verb, suffix, body in (
        ("POST", "tuningJobs", make_job()),
        ("GET", "models/1", None),
        ("PATCH", "models/1", {"displayName": "x"}),
        ("PATCH", "endpoints/1", {"displayName": "x"}),
        ("POST", "endpoints/1:generateContent", contents),
        ("POST", "endpoints/1:countTokens", contents),
        ("POST", "endpoints/1:undeployModel", {"deployedModelId": "1"}),
        ("GET", "metadataStores/default/contexts/c:queryContextLineageSubgraph", None),
    ):
        reply = await waiting.ask(verb, f"/v1/{PLACE}/{suffix}", body, host=host)
        assert (reply.status, "location ID" in reply.text) == (400, True), (suffix, reply.text)

"""Vertex AI's express mode: an API key in place of project and token, for base models alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.serving import Reply
from tests.vertex.serving import PLACE, Serving

ASKED: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "1"}]}]}
MODEL = "publishers/google/models/gemini-2.5-flash"


async def ask(serving: Serving, verb: str, path: str, body: Any = None, query: str = "", **headers: str) -> Reply:
    """One request with a key, or what else is given, and no token."""
    return await serving.send(verb, path, body, query, headers or {"x-goog-api-key": "any"})


@pytest.mark.parametrize("action", ["generateContent", "streamGenerateContent", "countTokens"])
@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_key_asks_base_models(serving: Serving, version: str, action: str) -> None:
    """In the header, as google-genai sends it, or in the query, as curl examples have it."""
    path = f"/{version}/{MODEL}:{action}"
    assert (await ask(serving, "POST", path, ASKED)).status == 200
    assert (await ask(serving, "POST", path, ASKED, "key=any", accept="*/*")).status == 200
    assert (await ask(serving, "POST", path, ASKED, accept="*/*")).status == 401


async def test_a_tuned_endpoint_is_not_found(serving: Serving) -> None:
    """With a key there is none, though it is there with a token."""
    job = await serving.tune(spec={"hyperParameters": {"epochCount": 1}})
    endpoint = job["tunedModel"]["endpoint"]
    reply = await ask(serving, "POST", f"/v1beta1/{endpoint}:generateContent", ASKED)
    assert (reply.status, reply.message) == (404, f"Endpoint `{endpoint}` not found.")
    assert (await serving.ask("POST", f"/v1beta1/{endpoint}:generateContent", ASKED)).status == 200


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", f"/v1/{PLACE}/tuningJobs"),
        ("POST", f"/v1/{PLACE}/tuningJobs"),
        ("GET", f"/v1/{PLACE}/endpoints/1"),
        ("POST", f"/v1/{PLACE}/{MODEL}:generateContent"),
        ("GET", f"/v1/{MODEL}"),
    ],
)
async def test_all_else_wants_a_token(serving: Serving, verb: str, path: str) -> None:
    """Tuning above all."""
    reply = await ask(serving, verb, path, ASKED if verb == "POST" else None)
    assert (reply.status, reply.json["error"]["details"][0]["reason"]) == (401, "CREDENTIALS_MISSING")

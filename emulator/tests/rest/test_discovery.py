"""Discovery documents: where they are found, whose they are, and where they send a client."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from tuning_emulator.app import create_app
from tuning_emulator.settings import Settings

GEMINI_HOST = "https://generativelanguage.googleapis.com"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Asks an emulator without any credential."""
    emulator = create_app(Settings(port=0, storage_port=0, trainer="scripted"))
    transport = httpx.ASGITransport(app=emulator)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8790") as made:
        yield made
    await emulator.stop()


def list_references(value: Any) -> Iterator[str]:
    """Every ``$ref`` in a document."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        if key == "$ref":
            yield inner
        yield from list_references(inner)
    for inner in value if isinstance(value, list) else ():
        yield from list_references(inner)


@pytest.mark.parametrize(
    ("url", "identity"),
    [
        ("/$discovery/rest?version=v1beta", "generativelanguage:v1beta"),
        ("/%24discovery/rest?version=v1alpha&key=x", "generativelanguage:v1alpha"),
        ("/$discovery/rest?version=v1", "generativelanguage:v1"),
        ("/$discovery/rest", "generativelanguage:v1beta"),
        ("/$discovery/rest?version=v1beta1", "aiplatform:v1beta1"),
        ("/discovery/v1/apis/generativelanguage/v1beta/rest", "generativelanguage:v1beta"),
        ("/discovery/v1/apis/aiplatform/v1/rest", "aiplatform:v1"),
        ("https://aiplatform.googleapis.com/$discovery/rest?version=v1", "aiplatform:v1"),
        ("https://us-central1-aiplatform.googleapis.com/$discovery/rest?version=v1beta1", "aiplatform:v1beta1"),
        (f"{GEMINI_HOST}/$discovery/rest?version=v1", "generativelanguage:v1"),
    ],
)
async def test_a_document_is_found(client: httpx.AsyncClient, url: str, identity: str) -> None:
    """By version on the emulator's own host (v1 is Gemini's there), by API under /discovery, by host on Google's."""
    answer = await client.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    assert answer.json()["id"] == identity


@pytest.mark.parametrize("base", ["http://127.0.0.1:8790", "http://emulator:1234", GEMINI_HOST])
async def test_a_document_sends_the_client_where_it_asked(client: httpx.AsyncClient, base: str) -> None:
    """rootUrl and baseUrl are the address that the client used."""
    document = (await client.get(f"{base}/$discovery/rest?version=v1beta")).json()
    assert document["rootUrl"] == document["baseUrl"] == f"{base}/"


@pytest.mark.parametrize(
    ("url", "service", "version"),
    [
        (f"{GEMINI_HOST}/$discovery/rest?version=v9", "generativelanguage.googleapis.com", "v9"),
        (f"{GEMINI_HOST}/$discovery/rest?version=v1beta1", "generativelanguage.googleapis.com", "v1beta1"),
        ("/discovery/v1/apis/aiplatform/v1beta/rest", "aiplatform.googleapis.com", "v1beta"),
        ("/discovery/v1/apis/drive/v3/rest", "drive.googleapis.com", "v3"),
    ],
)
async def test_an_unknown_document_is_refused(client: httpx.AsyncClient, url: str, service: str, version: str) -> None:
    """In the service's recorded words; a version of one API is none of the other's."""
    answer = await client.get(url)
    text = f"Discovery document not found for API service: {service} format: rest version: {version}"
    assert answer.json() == {"error": {"code": 404, "message": text, "status": "NOT_FOUND"}}
    assert answer.status_code == 404


async def test_documents_are_whole(client: httpx.AsyncClient) -> None:
    """Every schema that a document refers to is in it."""
    for url in ("/$discovery/rest?version=v1beta", "/discovery/v1/apis/aiplatform/v1/rest"):
        document = (await client.get(url)).json()
        assert set(list_references(document)) <= document["schemas"].keys()


async def test_gemini_names_are_the_short_ones(client: httpx.AsyncClient) -> None:
    """As in Google's document of that API: TunedModel, Operation; permissions and operations under tunedModels."""
    document = (await client.get("/$discovery/rest?version=v1beta")).json()
    tuned = document["resources"]["tunedModels"]
    assert {"create", "delete", "generateContent", "get", "list", "patch", "transferOwnership"} <= tuned[
        "methods"
    ].keys()
    assert tuned["methods"]["create"]["request"] == {"$ref": "TunedModel"}
    assert tuned["methods"]["create"]["response"] == {"$ref": "Operation"}
    assert list(tuned["methods"]["create"]["parameters"]) == ["tunedModelId"]
    assert tuned["resources"].keys() == {"permissions", "operations"}
    assert "model" in document["schemas"]["GenerateContentRequest"]["properties"]
    assert document["schemas"]["TunedModel"]["properties"]["state"]["readOnly"] is True


async def test_other_paths_and_verbs_are_not_found(client: httpx.AsyncClient) -> None:
    """The front end's page."""
    for answer in (await client.get("/$discovery/grpc"), await client.post("/$discovery/rest?version=v1beta")):
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.process
def test_a_server_that_is_not_asked_does_not_load_it() -> None:
    """Importing the application leaves it out."""
    code = "import sys, tuning_emulator.app; sys.exit('tuning_emulator.rest.discovery' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0

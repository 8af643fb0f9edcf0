"""Hints in the journal: what is wrong with a request that was refused, in the caller's language, with the way out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.control.running import PLACE, ServerState, open_world
from tests.control.test_scenarios import load

NUMBERED = """
version: 1
tuning_jobs:
- {id: 456, project: 123, model: 789, endpoint: 11, base_model: gemini-3.5-flash}
"""
ASKED = {"contents": [{"role": "user", "parts": [{"text": "42"}]}]}
PYTHON, OLD_PYTHON = "google-genai-sdk/3.4.0 gl-python/3.11.7", "google-genai-sdk/1.20.0 gl-python/3.11.7"
NODE, GO, JAVA = (
    "google-genai-sdk/2.32.0 gl-node/v20.20.2",
    "google-genai-sdk/1.77.0 gl-go/go1.26.8",
    "google-genai-sdk/2.2.0 gl-java/17",
)
SDK, GAPIC = "model-builder/2.7.0+vertexai gl-python/3.11.7", "gl-java/17.0.15 gapic/3.93.0 gax/2.76.0"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerState]:
    async with open_world(tmp_path, as_of={"late": "2027-01-01"}) as opened:
        yield opened


async def note(
    server: ServerState, verb: str, path: str, body: Any = None, client: str = "", status: int = 0, **headers: str
) -> str:
    """The hints of one request."""
    sent = {name.replace("_", "-"): one for name, one in headers.items()} or {"authorization": "Bearer token"}
    if client:
        sent["x-goog-api-client"] = client
    answer = await server.client.request(verb, path, json=body, headers=sent)
    assert not status or answer.status_code == status, answer.text
    entries = (await server.client.get("/emulator/v1/journal")).json()["entries"]
    return "; ".join(entries[0]["notes"])


@pytest.mark.parametrize(
    ("client", "way"),
    [
        (PYTHON, 'Client(…, location="us")'),
        (NODE, "new GoogleGenAI({…, location: 'us'})"),
        (GO, 'genai.ClientConfig{Location: "us"}'),
        (JAVA, 'Client.builder().location("us")'),
        (SDK, 'vertexai.init(location="us")'),
        (GAPIC, "ask locations/us"),
        ("", "ask locations/us"),
    ],
)
async def test_a_model_in_another_home(server: ServerState, client: str, way: str) -> None:
    """Gemini 3.5's tuned models live in `us`; whoever asks us-central1 is told so, however he asks."""
    await load(server, NUMBERED)
    here = "projects/123/locations/us-central1"
    for verb, path, body in (
        ("POST", f"/v1beta1/{here}/endpoints/11:generateContent", ASKED),
        ("POST", f"/v1beta1/{here}/endpoints/11:streamGenerateContent?alt=sse", ASKED),
        ("GET", f"/v1/{here}/endpoints/11", None),
        ("GET", f"/v1/{here}/models/789@1", None),
    ):
        said = await note(server, verb, path, body, client, 404)
        assert "lives in `us`, its base model's home, not in `us-central1`" in said, path
        assert said.endswith(way)
    elsewhere = {"host": "us-central1-aiplatform.googleapis.com", "authorization": "Bearer x"}
    asked = "/v1/projects/123/locations/us/endpoints/11:generateContent"
    assert "lives in `us`" in await note(server, "POST", asked.replace("/us/", "/eu/"), ASKED, status=404)
    said = await note(server, "POST", asked, ASKED, client, 400, **elsewhere)
    assert "lives in `us`, its base model's home, and this host serves another location: " in said
    assert said.endswith(way)


async def test_numbers_of_other_things(server: ServerState) -> None:
    """The job's number in place of its endpoint's, and another project's."""
    await load(server, NUMBERED)
    said = await note(server, "POST", "/v1/projects/123/locations/us-central1/endpoints/456:generateContent", ASKED)
    assert said == "456 is a tuning job of projects/123/locations/us-central1, no endpoint"
    said = await note(server, "GET", "/v1/projects/124/locations/us/models/789")
    assert said == "this model 789 is project 123's"
    assert await note(server, "GET", "/v1/projects/124/locations/us/models/1", status=404) == ""


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"baseModel": "gemini-2.5-flsh"}, "no base model is called 'gemini-2.5-flsh'; near are gemini-2.5-flash, "),
        ({"baseModel": "zzz"}, ""),
        ({"uri": "gs://nope-bucket/x.jsonl"}, "--bucket nope-bucket=DIRECTORY"),
        ({"uri": "gs://numbers/nope.jsonl"}, "training_dataset_uri: gs://numbers/nope.jsonl: no such object"),
        ({"uri": "gs://cloud-samples-data/nope.jsonl"}, "has data sets for tuning alone"),
    ],
)
async def test_jobs_that_cannot_be_created(server: ServerState, job: dict[str, str], said: str) -> None:
    """A mistyped base model, a bucket that is not there, a file that is not in it."""
    spec = {"trainingDatasetUri": job.get("uri", "gs://numbers/train.jsonl")}
    body = {"baseModel": job.get("baseModel", "gemini-2.5-flash"), "supervisedTuningSpec": spec}
    found = await note(server, "POST", f"/v1/{PLACE}/tuningJobs", body, status=400)
    assert said in found if said else not found


async def test_the_stand_in_is_named_where_it_is_tuned_on(server: ServerState) -> None:
    """A job that was granted has the hint, too; one on a bucket of one's own has none."""
    uri = "gs://cloud-samples-data/ai-platform/generative_ai/gemini/text/sft_train_data.jsonl"
    for dataset, said in ((uri, "built-in stand-in"), ("gs://numbers/train.jsonl", "")):
        body = {"baseModel": "gemini-2.5-flash", "supervisedTuningSpec": {"trainingDatasetUri": dataset}}
        found = await note(server, "POST", f"/v1/{PLACE}/tuningJobs", body, status=200)
        assert said in found if said else not found


async def test_base_models_that_are_gone(server: ServerState) -> None:
    """As of a day, on both APIs; and a method that a base model does not offer."""
    late = "projects/late/locations/us-central1"
    body = {
        "baseModel": "gemini-1.5-flash-002",
        "supervisedTuningSpec": {"trainingDatasetUri": "gs://numbers/train.jsonl"},
    }
    said = await note(server, "POST", f"/v1/{late}/tuningJobs", body, status=400)
    assert "gemini-1.5-flash-002 could be tuned until 20" in said
    assert "answered as of 2027-01-01; without --as-of it still can" in said
    asked = f"/v1/{late}/publishers/google/models/gemini-1.5-flash-002:generateContent"
    assert "gemini-1.5-flash-002 could be asked until 20" in await note(server, "POST", asked, ASKED, status=404)
    spec = {"trainingDatasetUri": "gs://numbers/train.jsonl"}
    body = {"baseModel": "gemini-3.1-flash-lite", "preferenceOptimizationSpec": spec}
    said = await note(server, "POST", f"/v1/{PLACE}/tuningJobs", body, status=400)
    assert "preference tuning is offered for gemini-3.5-flash, gemini-2.5-flash" in said
    model = {
        "baseModel": "models/gemini-1.5-flash-001-tuning",
        "displayName": "d",
        "tuningTask": {"trainingData": {"examples": {"examples": [{"textInput": "1", "output": "2"}]}}},
    }
    said = await note(server, "POST", "/v1beta/tunedModels", model, status=404, x_goog_api_key="projects/late")
    assert "gemini-1.5-flash-001-tuning could be tuned until 2025-05-27" in said


@pytest.mark.parametrize(
    ("client", "said"),
    [
        (
            PYTHON,
            "google-genai 1.47 and newer drop it in Gemini mode: send the request yourself, use google-genai 1.46",
        ),
        (OLD_PYTHON, "it goes to tuningTask.trainingData.examples, which google-genai 1.20.0 sends"),
        (
            GO,
            "google.golang.org/genai 1.33 and newer drop it in Gemini mode: bring it with Crea",
        ),
        ("google-genai-sdk/1.31.0 gl-go/go1.26", "which google-genai 1.31.0 sends"),
        (JAVA, "google-genai for Java 1.28 to 2.2 drops it"),
        (NODE, "@google/genai (seen in 2.32) drops it"),
        (GAPIC, "brought no training data: it goes to tuningTask.trainingData.examples; default_dataset"),
        ("", "brought no training data: it goes to tuningTask.trainingData.examples; default_dataset"),
    ],
)
async def test_dropped_examples_in_the_callers_words(server: ServerState, client: str, said: str) -> None:
    """Whose fault it is depends on the library, its language and its version."""
    body = {"baseModel": "models/gemini-1.5-flash-001-tuning"}
    assert said in await note(server, "POST", "/v1beta/tunedModels", body, client, 400, x_goog_api_key="k")


@pytest.mark.parametrize(
    ("verb", "path", "client", "said"),
    [
        ("POST", "/", PYTHON, "google-genai 3.4.0 forgets those of its environment"),
        ("POST", "/v1beta1/tuningJobs", GO, 'genai.ClientConfig{Backend: genai.BackendVertexAI, Project: "…"'),
        ("POST", "/v1beta1/tuningJobs", NODE, "new GoogleGenAI({vertexai: true, project:"),
        ("POST", "/v1/tuningJobs", GAPIC, "write projects/P/locations/L in front"),
        ("POST", "/v1/tuningJobs", "", "write projects/P/locations/L in front"),
    ],
)
async def test_clients_that_forget_their_project(
    server: ServerState, verb: str, path: str, client: str, said: str
) -> None:
    """The service's 404, and no nearest route that misleads."""
    found = await note(server, verb, path, {}, client, 404)
    assert found.startswith("the path names no project and location: ")
    assert said in found
    (entry, *_) = (await server.client.get("/emulator/v1/journal")).json()["entries"]
    assert not entry.get("nearest")


@pytest.mark.parametrize(
    ("path", "status", "headers", "said"),
    [
        (
            f"/v1/{PLACE}/tuningJobs",
            401,
            {"x_goog_api_key": "k"},
            "takes access tokens, and this request has an API key",
        ),
        (
            f"/v1/{PLACE}/tuningJobs?key=k",
            401,
            {"accept": "*/*"},
            "takes access tokens, and this request has an API key",
        ),
        (f"/v1/{PLACE}/tuningJobs", 401, {"accept": "*/*"}, "takes access tokens, and this request has neither"),
        (
            f"/v1/{PLACE}/tuningJobs",
            200,
            {"authorization": "Bearer AIzaSy"},
            "an API key (AIza…) came as an access token",
        ),
        ("/v1beta/tunedModels", 200, {"x_goog_api_key": "ya29.a0"}, "an access token (ya29.…) came as an API key"),
        ("/v1beta/tunedModels", 403, {"accept": "*/*"}, "the Gemini API takes a key, any one"),
        ("/v1beta/tunedModels", 200, {"x_goog_api_key": "AIzaSy"}, ""),
        (f"/v1/{PLACE}/tuningJobs", 200, {"authorization": "Bearer ya29.a0"}, ""),
    ],
)
async def test_keys_and_tokens(server: ServerState, path: str, status: int, headers: dict[str, str], said: str) -> None:
    """The wrong one of the two is named, also where it is taken here and refused there."""
    found = await note(server, "GET", path, None, "", status, **headers)
    assert said in found if said else not found

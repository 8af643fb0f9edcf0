"""Without a socket: httpx clients, Google's own SDK among them, reach the emulator inside the test's process."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import respx
from google import genai
from google.genai import types

from tuning_emulator.testing.in_process import InProcess, in_process

GEMINI = "https://generativelanguage.googleapis.com/v1beta"
JOBS = "/v1/projects/p1/locations/us-central1/tuningJobs"
VERTEX = f"https://us-central1-aiplatform.googleapis.com{JOBS}"
KEY = {"x-goog-api-key": "test"}
TOKEN = {"authorization": "Bearer test"}
PAIRS = [{"textInput": str(n), "output": str(n + 1)} for n in range(1, 5)]
BODY: dict[str, Any] = {
    "displayName": "numbers",
    "baseModel": "models/gemini-1.5-flash-001-tuning",
    "tuningTask": {"trainingData": {"examples": {"examples": PAIRS}}},
}
LIMIT_S = 30


@pytest.fixture
def running() -> Iterator[InProcess]:
    with in_process() as made:
        yield made


def create(client: httpx.Client) -> str:
    """Name of a tuned model that is ACTIVE."""
    name: str = client.post(f"{GEMINI}/tunedModels", json=BODY, headers=KEY).json()["metadata"]["tunedModel"]
    limit = time.monotonic() + LIMIT_S
    while client.get(f"{GEMINI}/{name}", headers=KEY).json()["state"] != "ACTIVE":
        assert time.monotonic() < limit
        time.sleep(0.01)
    return name


def test_hosts_written_into_a_program_lead_here(running: InProcess) -> None:
    """Both APIs, a region's host among them, and the requests can be looked at."""
    with httpx.Client() as client:
        name = create(client)
        assert client.get(VERTEX, headers=TOKEN).json() == {}
        elsewhere = client.get(VERTEX.replace("us-central1-aiplatform", "nowhere1-aiplatform"), headers=TOKEN)
    assert elsewhere.status_code == 404
    assert running.router.calls[0].request.url == f"{GEMINI}/tunedModels"
    assert running.emulator.store.get_tuned_model(name.removeprefix("tunedModels/")) is not None


@pytest.mark.parametrize("backend", ["httpx", "httpx2"])
def test_google_genai_reaches_it(running: InProcess, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Synchronous, asynchronous and streaming, through either of its HTTP libraries."""
    monkeypatch.setenv("GOOGLE_GENAI_HTTP_CLIENT", backend)
    with httpx.Client() as plain:
        name = create(plain)
    client = genai.Client()
    assert [model.name for model in client.models.list(config={"query_base": False})] == [name]
    assert client.models.generate_content(model=name, contents="2").text == "3"
    pieces = client.models.generate_content_stream(model=name, contents="2")
    assert "".join(piece.text or "" for piece in pieces) == "3"

    async def ask() -> str | None:
        return (await client.aio.models.generate_content(model=name, contents="3")).text

    assert asyncio.run(ask()) == "4"


def test_a_vertex_job_runs_with_its_storage(running: InProcess) -> None:
    """Uploaded over the loopback storage, tuned in process."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage
    from google.oauth2.credentials import Credentials

    line = '{"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b"}]}]}\n'
    nobody, somebody = AnonymousCredentials(), Credentials("token")  # type: ignore[no-untyped-call]
    bucket = storage.Client(project="p1", credentials=nobody).create_bucket("data")
    bucket.blob("train.jsonl").upload_from_string(line * 10)
    client = genai.Client(vertexai=True, project="p1", location="us-central1", credentials=somebody)
    job = client.tunings.tune(
        base_model="gemini-2.5-flash", training_dataset=types.TuningDataset(gcs_uri="gs://data/train.jsonl")
    )
    limit = time.monotonic() + LIMIT_S
    while not job.has_ended:
        assert time.monotonic() < limit
        time.sleep(0.01)
        assert job.name is not None
        job = client.tunings.get(name=job.name)
    assert job.has_succeeded


def test_a_vertex_client_needs_no_credentials(running: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """As programs make it: google-auth, imported before, finds an account's file and asks the emulator for a token."""
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    client = genai.Client(vertexai=True, project="p1", location="us-central1")
    assert list(client.tunings.list()) == []
    from google.cloud import storage

    assert list(storage.Client().list_buckets()) == []


def test_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was unset for the clients' sake is there again."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/real.json")
    before = dict(os.environ)
    with in_process():
        assert os.environ["GOOGLE_APPLICATION_CREDENTIALS"] != "/real.json"
    assert dict(os.environ) == before


async def test_asynchronous_clients_do_not_wait_for_each_other(running: InProcess) -> None:
    """Calls from a loop of the test's own, many at a time."""
    async with httpx.AsyncClient(headers=KEY) as client:
        answers = await asyncio.gather(*(client.post(f"{GEMINI}/tunedModels", json=BODY) for _ in range(20)))
        listed = (await client.get(f"{GEMINI}/tunedModels?pageSize=50")).json()["tunedModels"]
    assert {answer.status_code for answer in answers} == {200}
    assert len(listed) == 20


def test_a_client_may_be_given_the_transport(running: InProcess) -> None:
    """No patching: only this client comes here."""
    with httpx.Client(transport=running.transport, base_url=running.url, headers=KEY) as client:
        assert client.get("/v1beta/tunedModels").json() == {}
        assert client.get("/emulator/v1/health").json()["url"] == running.url
    assert not running.router.calls


def test_a_stream_may_be_left_early(running: InProcess) -> None:
    """What is not read is not waited for, and the next call is answered."""
    with httpx.Client(headers=KEY) as client:
        name = create(client)
        url = f"{GEMINI}/{name}:streamGenerateContent?alt=sse"
        question = {"contents": [{"role": "user", "parts": [{"text": "2"}]}]}
        with client.stream("POST", url, json=question) as answer:
            assert next(answer.iter_lines()).startswith("data: ")
        assert client.get(f"{GEMINI}/{name}").status_code == 200


def test_other_hosts_are_refused_unless_a_route_is_added(running: InProcess) -> None:
    """Nothing leaves the process unnoticed."""
    with pytest.raises(respx.models.AllMockedAssertionError, match=r"example\.com"):
        httpx.get("http://example.com/")
    running.router.get("http://example.com/").respond(204)
    assert httpx.get("http://example.com/").status_code == 204


def test_everything_is_put_back_afterwards() -> None:
    """The environment, the transports, the threads."""
    before = dict(os.environ)
    with in_process() as running:
        assert os.environ["GOOGLE_GEMINI_BASE_URL"] == running.url
        inside = running.storage_url
    assert dict(os.environ) == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(inside)


def test_two_do_not_share_what_they_hold() -> None:
    """One after the other, each begins empty."""
    for _ in range(2):
        with in_process(), httpx.Client(headers=KEY) as client:
            assert client.get(f"{GEMINI}/tunedModels").json() == {}
            create(client)

"""The metadata server answers what the libraries of every language ask it for."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from tuning_emulator.core.ids import project_number
from tuning_emulator.proxy.metadata_server import Identity, MetadataServer

START_S = 1_730_668_087
NUMBER = project_number("my-project")
IDENTITY = Identity("me@example.com", "my-project", "ya29.token")
V1 = "/computeMetadata/v1"
ACCOUNT = f"{V1}/instance/service-accounts/default"

ASKED = {
    "python": [
        "/",
        f"{V1}/project/project-id",
        f"{V1}/universe/universe-domain",
        f"{ACCOUNT}/?recursive=true",
        f"{ACCOUNT}/token",
    ],
    "node": [f"{V1}/instance", f"{ACCOUNT}/email", f"{ACCOUNT}/token?scopes=a", f"{V1}/universe/universe-domain"],
    "go": [
        f"{V1}/project/project-id",
        f"{V1}/project/numeric-project-id",
        f"{V1}/project/attributes/",
        f"{V1}/instance/id",
        f"{V1}/instance/zone",
        f"{V1}/instance/hostname",
        f"{V1}/instance/name",
        f"{V1}/instance/tags",
        f"{V1}/instance/attributes/",
        f"{V1}/instance/network-interfaces/0/ip",
        f"{V1}/instance/network-interfaces/0/access-configs/0/external-ip",
        f"{ACCOUNT}/email",
        f"{ACCOUNT}/scopes",
        f"{ACCOUNT}/token",
    ],
    "java": ["/", f"{ACCOUNT}", f"{ACCOUNT}/token?scopes=a", f"{V1}/universe/universe-domain", f"{V1}/instance/region"],
    "rust": [f"{ACCOUNT}/token", f"{V1}/universe/universe-domain", f"{V1}/project/project-id", f"{ACCOUNT}/email"],
    "dotnet, ruby, php": [
        f"{V1}?recursive=true",
        f"{V1}/instance/?recursive=true&alt=json",
        f"{V1}/project/?recursive=true",
    ],
    "boto of gsutil": [f"{V1}/instance/service-accounts/?recursive=true&alt=json"],
}
"""By language. Sources: google-auth ``compute_engine``; npm gcp-metadata; cloud.google.com/go/compute/metadata;
google-auth-library-java ``ComputeEngineCredentials``; google-cloud-rust src/auth; Google.Api.Gax ``Platform``."""


async def ask(path: str, **headers: str) -> httpx.Response:
    server = MetadataServer(IDENTITY, lambda: START_S * 1_000_000_000)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(server), base_url="http://metadata.google.internal"
    ) as client:
        return await client.get(path, headers=headers or {"Metadata-Flavor": "Google"})


@pytest.mark.parametrize("language", ASKED)
async def test_what_each_language_asks(language: str) -> None:
    """All of it is there, with the header by which libraries know the server."""
    for path in ASKED[language]:
        answer = await ask(path)
        assert (answer.status_code, answer.headers["metadata-flavor"]) == (200, "Google"), path


async def test_values_are_of_the_services_forms() -> None:
    """Go takes a zone apart at its slashes and reads tags as JSON; Java and Go read a hostname's first part."""
    values = {
        path: (await ask(f"{V1}/{path}")).text for path in ("instance/zone", "instance/tags", "instance/hostname")
    }
    assert values["instance/zone"] == f"projects/{NUMBER}/zones/us-central1-a"
    assert json.loads(values["instance/tags"]) == []
    assert values["instance/hostname"] == "tuning-emulator.us-central1-a.c.my-project.internal"
    whole = (await ask(f"{V1}/?recursive=true")).json()
    assert whole["project"] == {"attributes": {}, "numericProjectId": NUMBER, "projectId": "my-project"}
    assert whole["instance"]["networkInterfaces"][0]["accessConfigs"][0]["externalIp"] == ""
    assert whole["instance"]["tags"] == []
    assert "token" not in whole["instance"]["serviceAccounts"]["default"]


def read_claims(token: str) -> Any:
    head, claims, signature = token.split(".")
    assert json.loads(base64.urlsafe_b64decode(head + "=="))["alg"] == "RS256"
    assert signature
    return json.loads(base64.urlsafe_b64decode(claims + "=="))


async def test_identity_tokens() -> None:
    """For an audience, of the account, good for an hour; asked in full, with the machine; for no audience refused."""
    claims = read_claims((await ask(f"{ACCOUNT}/identity?audience=https://service.example")).text)
    assert claims == {
        "aud": "https://service.example",
        "azp": NUMBER,
        "email": "me@example.com",
        "email_verified": True,
        "exp": START_S + 3599,
        "iat": START_S,
        "iss": "https://accounts.google.com",
        "sub": NUMBER,
    }
    full = read_claims(
        (await ask(f"{V1}/instance/service-accounts/me@example.com/identity?audience=a&format=full")).text
    )
    assert full["google"]["compute_engine"]["project_id"] == "my-project"
    refused = await ask(f"{ACCOUNT}/identity")
    assert (refused.status_code, refused.text) == (400, "non-empty audience parameter required\n")


@pytest.mark.parametrize(
    "path",
    [
        f"{V1}/instance/platform-security/auto-mtls-configuration",
        f"{V1}/instance/attributes/cluster-name",
        f"{V1}/instance/service-accounts/nobody@example.com/identity?audience=a",
        f"{V1}/instance/identity?audience=a",
    ],
)
async def test_what_a_plain_machine_has_not(path: str) -> None:
    """Is 404, as there; libraries go on without it."""
    assert (await ask(path)).status_code == 404


async def test_without_its_header_nothing_is_said() -> None:
    """Neither token nor identity."""
    for path in (f"{ACCOUNT}/token", f"{ACCOUNT}/identity?audience=a"):
        assert (await ask(path, accept="*/*")).status_code == 403

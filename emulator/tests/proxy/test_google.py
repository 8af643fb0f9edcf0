"""What surrounds the APIs follows the settings: accounts of the credentials file, a kept authority, another storage."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import httpx
import pytest

from tests.server_process import running_server
from tuning_emulator.testing.client import make_headers

pytestmark = pytest.mark.process

FLAVOR = {"Metadata-Flavor": "Google"}
TOKEN_PATH = "computeMetadata/v1/instance/service-accounts/default/token"
JOBS = "v1/projects/p/locations/us-central1/tuningJobs"


def test_accounts_of_the_credentials_file(tmp_path: Path) -> None:
    """The metadata server gives the first account's token, a key file its own account's; the API takes both."""
    tokens = [
        {"token": "ya29-alice", "principal": "alice@example.com"},
        {"token": "ya29-bob", "principal": "bob@x.com"},
    ]
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({"tokens": tokens}))
    with running_server("--trainer", "scripted", "--credentials", str(file)) as server:
        first = httpx.get(f"{server.url}/{TOKEN_PATH}", headers=FLAVOR).json()["access_token"]
        assert first == "ya29-alice"
        assert httpx.get(f"{server.url}/emulator/v1/interception").status_code == 401
        known = httpx.get(f"{server.url}/emulator/v1/interception", headers=make_headers(first)).json()
        assert (known["token"], known["account"]) == ("ya29-alice", "alice@example.com")
        assert "generativelanguage.googleapis.com" in known["hosts"]
        certificate = httpx.get(f"{server.url}/emulator/v1/ca.pem").text
        with httpx.Client(proxy=server.url, verify=ssl.create_default_context(cadata=certificate)) as client:
            claims = "eyJpc3MiOiJib2JAeC5jb20ifQ"  # {"iss":"bob@x.com"}
            grant = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": f"{claims}.{claims}.s"}
            second = client.post("https://oauth2.googleapis.com/token", data=grant).json()["access_token"]
            assert second == "ya29-bob"
            info = client.get(f"https://oauth2.googleapis.com/tokeninfo?access_token={second}").json()
            assert info["email"] == "bob@x.com"
        for token, status in ((first, 200), (second, 200), ("ya29-nobody", 401)):
            answer = httpx.get(f"{server.url}/{JOBS}", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status


def test_an_authority_that_cannot_be_used(tmp_path: Path) -> None:
    """Damaged files are named where they are wanted, TLS is refused, and all else goes on."""
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "ca.key").write_text("nonsense")
    with running_server("--trainer", "scripted", "--data-dir", str(tmp_path)) as server:
        refused = httpx.get(f"{server.url}/emulator/v1/ca.pem")
        assert refused.status_code == 500
        assert "ca.key or ca.pem, in tls/ of the data directory" in refused.json()["detail"]
        with pytest.raises(httpx.TransportError):
            httpx.get(f"https://localhost:{server.url.rpartition(':')[2]}/")
        assert httpx.get(f"{server.url}/emulator/v1/health").status_code == 200


def test_storage_is_the_real_one() -> None:
    """Where jobs read from the real Cloud Storage, the emulator does not play it: 403 says how to get through."""
    with running_server("--trainer", "scripted", "--storage", "cloud") as server:
        certificate = httpx.get(f"{server.url}/emulator/v1/ca.pem").text
        with httpx.Client(proxy=server.url, verify=ssl.create_default_context(cadata=certificate)) as client:
            refused = client.get("https://storage.googleapis.com/storage/v1/b/x")
            assert refused.status_code == 403
            assert "PASS_HOSTS=storage.googleapis.com" in refused.text


def test_storage_elsewhere_that_is_gone() -> None:
    """Another storage emulator that does not answer is named in a 502."""
    with running_server("--trainer", "scripted", "--storage", "http://127.0.0.1:9") as server:
        certificate = httpx.get(f"{server.url}/emulator/v1/ca.pem").text
        with httpx.Client(proxy=server.url, verify=ssl.create_default_context(cadata=certificate)) as client:
            refused = client.get("https://storage.googleapis.com/storage/v1/b/x")
            assert refused.status_code == 502
            assert "127.0.0.1:9" in refused.text

"""Who may call: keys, tokens, projects and permissions, in the words in which they were refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contract_tests.contract import Contract

GL = "generativelanguage.googleapis.com"
CREDENTIALS: dict[str, Any] = {
    "keys": [
        {"key": "<key>", "project": "my-project"},
        {"key": "<key_expired>", "state": "expired"},
        {"key": "<key_not_found>", "state": "not_found"},
        {"key": "<key_disabled>", "project": "12345678"},
        {"key": "<key_blocked>", "project": "<project>", "services": ["other.googleapis.com"]},
        {"key": "<key_referrer>", "project": "<project>", "referrers": ["https://example.com/"]},
        {"key": "<key_address>", "addresses": ["192.0.2.1"]},
        {"key": "<key_android>", "packages": ["com.example"]},
        {"key": "<key_elsewhere>", "located": False},
    ],
    "tokens": [
        {"token": "<token_any>"},
        {"token": "<token_scope>", "scopes": ["https://www.googleapis.com/auth/userinfo.email"]},
        {"token": "<token_one_project>", "projects": ["my-project"]},
        {"token": "<token_adc>", "needs_quota_project": True},
    ],
    "projects": [
        {"id": "my-project"},
        {"id": "<project>"},
        {"id": "test-project-id-1234"},
        {"id": "12345678", "disabled": [GL]},
    ],
    "denials": [{"principal": "owner@example.com", "permission": "aiplatform.endpoints.predict"}],
}
"""What the credentials in the recorded requests stand for."""


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    """Their file."""
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps(CREDENTIALS))
    return file


@pytest.fixture
def guarded(contract: Contract, credentials: Path) -> Contract:
    """A target that knows these credentials."""
    contract.settings(credentials=credentials)
    return contract


@pytest.fixture
def guarded_2024(contract: Contract, credentials: Path) -> Contract:
    """A target that knows them, and answers as in May 2024."""
    contract.settings(credentials=credentials, as_of="2024-05-07")
    return contract


@pytest.mark.parametrize(
    "name",
    [
        "no_caller",
        "key_invalid",
        "key_not_found",
        "key_expired",
        "service_disabled",
        "key_service_blocked",
        "key_referrer_blocked",
        "token_invalid",
        "token_scope",
        "location_unsupported",
        "project_invalid",
        "user_project_denied",
        "quota_project_missing",
        "key_on_vertex",
        "no_token",
        "token_no_access_token",
        "iam_denied",
    ],
)
async def test_refusals(guarded: Contract, name: str) -> None:
    """Code, message and details, to the last one."""
    (await guarded.play(name)).same_error()


@pytest.mark.parametrize("name", ["key_address_blocked", "key_android_blocked", "project_invalid_vertex"])
async def test_refusals_without_their_details(guarded: Contract, name: str) -> None:
    """The texts; their details were not shown."""
    (await guarded.play(name)).same_message()


@pytest.mark.parametrize("name", ["challenge", "challenge_of_bad_token"])
async def test_challenges(guarded: Contract, name: str) -> None:
    """401 says how to come back, and whether a token was bad."""
    (await guarded.play(name)).same_headers()


async def test_angle_brackets_are_escaped(guarded: Contract) -> None:
    """An empty referrer is printed as ``\\u003cempty\\u003e``."""
    answer = await guarded.play("key_referrer_blocked")
    assert "Requests from referer \\u003cempty\\u003e are blocked." in answer.text


async def test_key_for_tuning_in_2024(guarded_2024: Contract) -> None:
    """Until September 2024 tuning took no keys."""
    (await guarded_2024.play("key_refused_2024")).same_beginning()


async def test_disabled_service_in_2024(guarded_2024: Contract) -> None:
    """Fewer details, in another order."""
    (await guarded_2024.play("service_disabled_2024")).same_error()


async def test_streams_wrap_errors_in_an_array(guarded: Contract) -> None:
    """A stream that is a JSON array is one too when it is refused."""
    (await guarded.play("key_invalid_stream")).same_bytes()

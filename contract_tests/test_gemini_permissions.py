"""Permissions of tuned models, as the Gemini API answered."""

from __future__ import annotations

import json
from pathlib import Path

from contract_tests.contract import Contract
from contract_tests.situations import STRANGER, permission, tuned_model

MODEL = "text-predictor-dsygc8rjuymz"
GROUP = "101799614406133382015"


async def test_create(contract: Contract) -> None:
    """The permission as it was asked for, with a name."""
    await contract.given(tuned_model(id=MODEL))
    (await contract.play("permission_create")).same_answer()


async def test_create_for_everyone(contract: Contract) -> None:
    """Everyone's permission is called so and has no address."""
    await contract.given(tuned_model(id="next-number-generator-m1lwcujgc644"))
    answer = (await contract.play("permission_everyone")).same_body()
    assert "emailAddress" not in answer.json


async def test_get(contract: Contract) -> None:
    """One permission, byte for byte."""
    await contract.given(tuned_model(id=MODEL))
    await contract.given(permission(MODEL, GROUP, "READER"))
    (await contract.play("permission_get")).same_answer().same_bytes()


async def test_list(contract: Contract, tmp_path: Path) -> None:
    """The owner's permission is there from the start, and first."""
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({"keys": [{"key": "<key>", "principal": "redacted@example.com"}]}))
    contract.settings(credentials=file)
    await contract.given(tuned_model(id=MODEL, owner="redacted@example.com"))
    await contract.given(permission(MODEL, GROUP, "WRITER"))
    answer = (await contract.play("permission_list")).same_answer()
    rows = answer.json["permissions"]
    assert [list(row) for row in rows] == [["name", "granteeType", "emailAddress", "role"]] * 2
    assert [(row["granteeType"], row["role"]) for row in rows] == [("USER", "OWNER"), ("GROUP", "WRITER")]


async def test_patch(contract: Contract) -> None:
    """The whole permission comes back, not only what the mask names."""
    await contract.given(tuned_model(id=MODEL))
    await contract.given(permission(MODEL, GROUP, "READER"))
    (await contract.play("permission_patch")).same_answer().same_bytes()


async def test_delete(contract: Contract) -> None:
    """An empty message."""
    await contract.given(tuned_model(id=MODEL))
    await contract.given(permission(MODEL, GROUP, "READER"))
    (await contract.play("permission_delete")).same_answer().same_bytes()


async def test_transfer_ownership(contract: Contract) -> None:
    """An empty message; the new owner was a group."""
    await contract.given(tuned_model(id=MODEL))
    await contract.given(permission(MODEL, GROUP, "WRITER"))
    (await contract.play("transfer_ownership")).same_answer().same_bytes()


async def test_transfer_by_somebody_else(contract: Contract) -> None:
    """Who is no owner cannot hand over, and is told so."""
    await contract.given(tuned_model(id=MODEL, owner=STRANGER))
    await contract.given(permission(MODEL, GROUP, "WRITER", email="owner@example.com"))
    (await contract.play("transfer_by_stranger")).same_message()

"""Cached contents: created, refused, used, gone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contract_tests.contract import Contract
from contract_tests.situations import cached_content

LITE = {"models/gemini-3.5-flash-lite": "models/gemini-2.5-flash"}
"""Not served by the Gemini API here."""
MAXIMUM = "max_total_token_count=1048576"
NAME = "ez2yh6u6my9gnjvyigtxvnuf6e5qc79vgd7cc668"
NUMBER = "7016131366404227072"
PAST_NS = 1_700_000_000_000_000_000


async def test_a_create(contract: Contract) -> None:
    """Every key, in its order: an empty display name is shown, what is kept is not."""
    body = json.dumps({"model": "models/gemini-2.5-flash", "contents": [{"parts": [{"text": "word " * 7000}]}]})
    answer = (await contract.play("cache_created", instead=LITE, text=body)).same_shape()
    assert answer.json["updateTime"] == answer.json["createTime"] < answer.json["expireTime"]


async def test_a_create_that_is_too_small(contract: Contract) -> None:
    """Both numbers are named."""
    (await contract.play("cache_too_small", instead=LITE)).same_error()


async def test_a_create_that_is_too_small_since_august(contract: Contract) -> None:
    """Of explicit caching."""
    contract.settings(as_of="2026-09-27")
    (await contract.play("cache_too_small_2026")).same_message()


async def test_a_create_that_is_too_large(contract: Contract) -> None:
    """Recorded where the maximum was 0; here it is the model's."""
    body = json.dumps({"model": "models/gemini-2.5-flash", "contents": [{"parts": [{"text": "word " * 1_566_488}]}]})
    (await contract.play("cache_too_large", instead={"max_total_token_count=0": MAXIMUM}, text=body)).same_message()


async def test_a_create_that_ends_with_the_model(contract: Contract) -> None:
    """Said before its length is."""
    (await contract.play("cache_of_a_models_turn")).same_message()


@pytest.mark.parametrize(("name", "instead"), [("cache_beside_system", LITE), ("cache_of_other_model", {})])
async def test_a_prompt_that_cannot_have_it(contract: Contract, name: str, instead: dict[str, str]) -> None:
    """What it says itself, and whose it is not."""
    await contract.given(cached_content("gemini", NAME))
    (await contract.play(name, instead=instead)).same_error()


async def test_gone(contract: Contract) -> None:
    """Deleted, it is no more, and the list is empty."""
    await contract.given(cached_content("gemini", NAME))
    (await contract.play("cache_deleted")).same_body()
    (await contract.play("cache_gone")).same_error()
    (await contract.play("caches_none")).same_body()


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("cache_beside_system_vertex", {}),
        ("cache_expired", {"expires_ns": PAST_NS}),
        ("cache_of_deleted", {"deleted": True}),
        ("cache_not_there_to_change", {"expires_ns": PAST_NS}),
    ],
)
async def test_one_of_vertex(contract: Contract, name: str, fields: dict[str, Any]) -> None:
    """Each way of being gone has its words."""
    await contract.given(cached_content("vertex", NUMBER, **fields))
    (await contract.play(name)).same_message()


@pytest.mark.parametrize("name", ["cache_never_was", "cache_too_small_vertex", "cache_of_tuned_model"])
async def test_what_needs_nothing_to_be_there(contract: Contract, name: str) -> None:
    """Refused whatever there is."""
    (await contract.play(name)).same_message()

"""Every role and every method of tuned models, from one table, with the accounts of a credentials file."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.gemini.serving import FLASH, Serving, make_model

ACCOUNTS = ("owner", "writer", "reader", "stranger")
RANKS = {"stranger": 0, "everyone": 1, "reader": 1, "writer": 2, "owner": 3}
MODEL = "/v1beta/tunedModels/mine"
SAY = {"contents": [{"parts": [{"text": "1"}]}]}
GUEST = "guest@example.com"
DENIED = "You do not have permission to access tuned model tunedModels/mine"
NOT_OWNER = "You need to be the owner of the resource to transfer ownership"


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody does to the model, and the lowest role that may."""

    needs: str
    verb: str
    path: str
    body: Any = None
    query: str = ""


DEEDS: dict[str, Deed] = {
    "get": Deed("reader", "GET", MODEL),
    "patch": Deed("writer", "PATCH", MODEL, {"description": "d"}, "updateMask=description"),
    "delete": Deed("owner", "DELETE", MODEL),
    "generateContent": Deed("reader", "POST", f"{MODEL}:generateContent", SAY),
    "streamGenerateContent": Deed("reader", "POST", f"{MODEL}:streamGenerateContent", SAY, "alt=sse"),
    "countTokens": Deed("reader", "POST", f"{MODEL}:countTokens", SAY),
    "tune it further": Deed(
        "reader",
        "POST",
        "/v1beta/tunedModels",
        make_model(baseModel=None, tunedModelSource={"tunedModel": "tunedModels/mine"}),
    ),
    "get operation": Deed("reader", "GET", f"{MODEL}/operations/{{operation}}"),
    "list operations": Deed("reader", "GET", f"{MODEL}/operations"),
    "cancel operation": Deed("writer", "POST", "/v1/tunedModels/mine/operations/{operation}:cancel", {}),
    "list permissions": Deed("reader", "GET", f"{MODEL}/permissions"),
    "get permission": Deed("reader", "GET", f"{MODEL}/permissions/{{guest}}"),
    "create permission": Deed(
        "writer", "POST", f"{MODEL}/permissions", {"granteeType": "USER", "emailAddress": "new@x.org", "role": "READER"}
    ),
    "update permission": Deed(
        "writer", "PATCH", f"{MODEL}/permissions/{{guest}}", {"role": "WRITER"}, "updateMask=role"
    ),
    "delete permission": Deed("writer", "DELETE", f"{MODEL}/permissions/{{guest}}"),
    "transfer ownership": Deed("owner", "POST", f"{MODEL}:transferOwnership", {"emailAddress": "new@x.org"}),
}


def address(account: str) -> str:
    """The e-mail address of an account."""
    return f"{account}@example.com"


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[Serving]:
    """The owner's model ``mine``, trained, with a writer, a reader and a guest; keys and tokens of all accounts."""
    file = tmp_path / "credentials.json"
    names = [*ACCOUNTS, "everyone"]
    file.write_text(
        json.dumps(
            {
                "tokens": [{"token": name, "principal": address(name)} for name in names],
                "keys": [{"key": "key", "principal": address("writer")}],
            }
        )
    )
    serving = Serving(names=False, credentials=file)
    await serving.start()
    await serving.create(query="tunedModelId=mine", token="owner")
    for email, role in ((address("writer"), "WRITER"), (address("reader"), "READER"), (GUEST, "READER")):
        body = {"granteeType": "USER", "emailAddress": email, "role": role}
        made = await serving.ask("POST", f"{MODEL}/permissions", body, token="owner")
        assert made.status == 200, made.text
    yield serving
    await serving.stop()


def fill(serving: Serving, path: str) -> str:
    """A path with the ids that the model got."""
    job = serving.store.get_tuned_model("mine")
    assert job is not None
    (guest,) = (one.id for one in serving.store.list_permissions(job.uid) if one.email == GUEST)
    return path.format(operation=job.operation_id, guest=guest)


async def share_with_everyone(serving: Serving) -> None:
    """Everyone may read."""
    body = {"granteeType": "EVERYONE", "role": "READER"}
    assert (await serving.ask("POST", f"{MODEL}/permissions", body, token="owner")).status == 200


@pytest.mark.parametrize("account", RANKS)
@pytest.mark.parametrize("name", DEEDS)
async def test_who_may_do_what(shared: Serving, name: str, account: str) -> None:
    """ai.google.dev/api/tuning/permissions: readers ask, writers edit and share, owners delete and hand over.

    Who may not gets 403 in the recorded words, and nothing has changed.
    """
    deed = DEEDS[name]
    if account == "everyone":
        await share_with_everyone(shared)
    before = shared.store.revision()
    reply = await shared.ask(deed.verb, fill(shared, deed.path), deed.body, query=deed.query, token=account)
    if RANKS[account] >= RANKS[deed.needs]:
        assert reply.status == 200, reply.text
        return
    readable = name == "transfer ownership" and RANKS[account] > 0
    assert (reply.status, DENIED in reply.text, NOT_OWNER in reply.text) == (403, not readable, readable)
    assert shared.store.revision() == before


FILTERS = {
    "": {"owner", "writer", "reader"},
    "owner:me": {"owner"},
    "writers:me": {"writer"},
    "readers:me": {"reader"},
    "readers:everyone": set(),
}


@pytest.mark.parametrize("account", RANKS)
@pytest.mark.parametrize("wanted", FILTERS)
async def test_who_finds_it_in_a_list(shared: Serving, wanted: str, account: str) -> None:
    """Proto of ListTunedModels: without a filter, what is shared with everyone alone is left out."""
    if account == "everyone":
        await share_with_everyone(shared)
    reply = await shared.ask("GET", "/v1beta/tunedModels", query=f"filter={wanted}", token=account)
    found = account in FILTERS[wanted] or (account, wanted) == ("everyone", "readers:everyone")
    assert [one["name"] for one in reply.json.get("tunedModels", [])] == (["tunedModels/mine"] if found else [])


@pytest.mark.parametrize("account", ["writer", "reader", "stranger"])
async def test_an_id_of_another_account(shared: Serving, account: str) -> None:
    """Recorded: ids are global, and another account's answers 403 with the bare id, whatever role one has on it."""
    reply = await shared.ask("POST", "/v1beta/tunedModels", make_model(), query="tunedModelId=mine", token=account)
    assert (reply.status, reply.message) == (403, "You do not have permission to access tuned model mine.")
    again = await shared.ask("POST", "/v1beta/tunedModels", make_model(), query="tunedModelId=mine", token="owner")
    assert again.status == 409


async def test_a_key_is_its_account(shared: Serving) -> None:
    """A key of the file stands for its principal, here the writer."""
    patch = await shared.ask("PATCH", MODEL, {"description": "d"}, query="updateMask=description")
    assert patch.status == 200
    assert (await shared.ask("DELETE", MODEL)).status == 403


async def test_after_a_transfer_roles_have_changed(shared: Serving) -> None:
    """The new owner may delete; the old one, now a writer, may edit and no longer delete."""
    heir = {"emailAddress": address("reader")}
    assert (await shared.ask("POST", f"{MODEL}:transferOwnership", heir, token="owner")).status == 200
    assert (await shared.ask("DELETE", MODEL, token="owner")).status == 403
    patch = await shared.ask("PATCH", MODEL, {"description": "d"}, query="updateMask=description", token="owner")
    assert patch.status == 200
    listed = await shared.ask("GET", "/v1beta/tunedModels", query="filter=owner:me", token="reader")
    assert [one["baseModel"] for one in listed.json["tunedModels"]] == [FLASH]
    assert (await shared.ask("DELETE", MODEL, token="reader")).status == 200


async def test_a_role_taken_away(shared: Serving) -> None:
    """It counts from the next request on, also in lists that were asked for before."""
    assert (await shared.ask("GET", MODEL, token="reader")).status == 200
    listed = (await shared.ask("GET", f"{MODEL}/permissions", token="owner")).json["permissions"]
    (mine,) = (one["name"] for one in listed if one.get("emailAddress") == address("reader"))
    assert (await shared.ask("DELETE", f"/v1beta/{mine}", token="owner")).status == 200
    assert (await shared.ask("GET", MODEL, token="reader")).status == 403
    assert (await shared.ask("GET", "/v1beta/tunedModels", token="reader")).text == "{}\n"

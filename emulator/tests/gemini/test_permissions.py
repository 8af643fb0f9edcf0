"""Permissions as recorded, and that they decide."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.gemini.serving import Serving

FRIEND = "friend@example.com"
DENIED = "You do not have permission to access tuned model {}"


async def share(serving: Serving, name: str, role: str, email: str = FRIEND, kind: str = "USER") -> Any:
    """Grants a role and answers the permission."""
    body = {"granteeType": kind, "emailAddress": email, "role": role}
    reply = await serving.ask("POST", f"/v1beta/{name}/permissions", body)
    assert reply.status == 200, reply.text
    return reply.json


async def test_the_creator_owns(waiting: Serving) -> None:
    """Recorded: one permission from the start, a 21-digit id, these keys in this order."""
    name = await waiting.create(finish=False)
    (permission,) = (await waiting.ask("GET", f"/v1beta/{name}/permissions")).json["permissions"]
    assert re.fullmatch(rf"{name}/permissions/\d{{21}}", permission["name"])
    assert list(permission.items())[1:] == [
        ("granteeType", "USER"),
        ("emailAddress", "owner@example.com"),
        ("role", "OWNER"),
    ]


async def test_create_get_list_update_delete(waiting: Serving) -> None:
    """Recorded: update answers the whole permission; the owner is listed first; delete answers {}."""
    name = await waiting.create(finish=False)
    made = await share(waiting, name, "READER", "team@example.com", "GROUP")
    path = f"/v1beta/{made['name']}"
    assert (await waiting.ask("GET", path)).json == made
    changed = await waiting.ask("PATCH", path, {"role": "WRITER"}, query="updateMask=role")
    assert changed.json == {**made, "role": "WRITER"}
    listed = (await waiting.ask("GET", f"/v1beta/{name}/permissions")).json["permissions"]
    assert [one["role"] for one in listed] == ["OWNER", "WRITER"]
    assert (await waiting.ask("DELETE", path)).text == "{}\n"
    assert (await waiting.ask("GET", path)).status == 404


async def test_everyone(serving: Serving) -> None:
    """Recorded: the id is `everyone` and there is no address. A stranger may then ask, not write."""
    name = await serving.create()
    made = await serving.ask("POST", f"/v1beta/{name}/permissions", {"granteeType": "EVERYONE", "role": "READER"})
    assert made.json == {"name": f"{name}/permissions/everyone", "granteeType": "EVERYONE", "role": "READER"}
    assert (await serving.generate(name, token="stranger@x.org")).status == 200
    denied = await serving.ask("PATCH", f"/v1beta/{name}", {"description": "d"}, token="stranger@x.org")
    assert denied.status == 403


@pytest.mark.parametrize("method", ["generateContent", "get"])
async def test_a_stranger(serving: Serving, method: str) -> None:
    """Recorded for generateContent: 403 that names the model, without details."""
    name = await serving.create()
    if method == "get":
        reply = await serving.ask("GET", f"/v1beta/{name}", token="stranger@x.org")
    else:
        reply = await serving.generate(name, token="stranger@x.org")
    assert reply.json["error"] == {"code": 403, "message": DENIED.format(name), "status": "PERMISSION_DENIED"}


async def test_roles_nest(serving: Serving) -> None:
    """A reader asks, a writer also edits and shares, only an owner deletes."""
    name = await serving.create()
    made = await share(serving, name, "READER")
    edit = ("PATCH", f"/v1beta/{name}", {"description": "d"})
    assert (await serving.generate(name, token=FRIEND)).status == 200
    assert (await serving.ask(*edit, token=FRIEND)).status == 403
    await serving.ask("PATCH", f"/v1beta/{made['name']}", {"role": "WRITER"}, query="updateMask=role")
    assert (await serving.ask(*edit, token=FRIEND)).status == 200
    body = {"granteeType": "EVERYONE", "role": "READER"}
    assert (await serving.ask("POST", f"/v1beta/{name}/permissions", body, token=FRIEND)).status == 200
    assert (await serving.ask("DELETE", f"/v1beta/{name}", token=FRIEND)).status == 403
    assert (await serving.ask("DELETE", f"/v1beta/{name}")).status == 200


async def test_transfer(waiting: Serving) -> None:
    """Recorded: {}; the old owner becomes a writer, and may not transfer any more."""
    name = await waiting.create(finish=False)
    path = f"/v1beta/{name}:transferOwnership"
    assert (await waiting.ask("POST", path, {"emailAddress": FRIEND})).text == "{}\n"
    listed = (await waiting.ask("GET", f"/v1beta/{name}/permissions")).json["permissions"]
    assert [(one["emailAddress"], one["role"]) for one in listed] == [
        (FRIEND, "OWNER"),
        ("owner@example.com", "WRITER"),
    ]
    again = await waiting.ask("POST", path, {"emailAddress": FRIEND})
    assert (again.status, again.message) == (403, "You need to be the owner of the resource to transfer ownership")
    taken = await waiting.ask("GET", "/v1beta/tunedModels", query="filter=owner:me")
    assert taken.text == "{}\n"


async def test_reader_project(serving: Serving) -> None:
    """Projects in readerProjectNumbers may read."""
    name = await serving.create(readerProjectNumbers=[7])
    query = "$userProject=7"
    assert (await serving.ask("GET", f"/v1beta/{name}", token="x@x.org", query=query)).status == 200
    assert (await serving.ask("GET", f"/v1beta/{name}", token="x@x.org", query="$userProject=8")).status == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "READER"}, "email_address"),
        ({"granteeType": "USER", "role": "READER"}, "email_address"),
        ({"granteeType": "EVERYONE", "emailAddress": "a@b.c", "role": "READER"}, "email_address"),
        ({"granteeType": "USER", "emailAddress": "a@b.c"}, "role"),
        ({"granteeType": "USER", "emailAddress": "a@b.c", "role": "OWNER"}, "role"),
    ],
)
async def test_bad_permissions(waiting: Serving, body: dict[str, str], field: str) -> None:
    """Refused by name of the field; nothing is stored."""
    name = await waiting.create(finish=False)
    reply = await waiting.ask("POST", f"/v1beta/{name}/permissions", body)
    assert reply.status == 400
    assert f"CreatePermissionRequest.permission.{field}:" in reply.message
    assert len((await waiting.ask("GET", f"/v1beta/{name}/permissions")).json["permissions"]) == 1


async def test_what_an_update_refuses(waiting: Serving) -> None:
    """The owner's permission, other fields, no mask, and a second grant to the same address."""
    name = await waiting.create(finish=False)
    made = await share(waiting, name, "READER")
    (owner, _) = (await waiting.ask("GET", f"/v1beta/{name}/permissions")).json["permissions"]
    patch = {"role": "WRITER"}
    for path, query, status in (
        (owner["name"], "updateMask=role", 400),
        (made["name"], "updateMask=emailAddress", 400),
        (made["name"], "", 400),
        (f"{name}/permissions/12", "updateMask=role", 404),
    ):
        assert (await waiting.ask("PATCH", f"/v1beta/{path}", patch, query=query)).status == status
    assert (await waiting.ask("DELETE", f"/v1beta/{owner['name']}")).status == 400
    body = {"granteeType": "USER", "emailAddress": FRIEND, "role": "WRITER"}
    assert (await waiting.ask("POST", f"/v1beta/{name}/permissions", body)).status == 409

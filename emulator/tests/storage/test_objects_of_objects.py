"""Copies, rewrites in steps, compositions, moves, metadata: objects made of objects, and changed ones."""

from __future__ import annotations

import pytest

from tests.storage.asking import Asker, B


def test_a_copy_keeps_bytes_and_metadata(ask: Asker) -> None:
    """Unless the body sets them anew."""
    ask("PUT", "/my-bucket/x", "hello", {"Content-Type": "text/a", "x-goog-meta-k": "v"})
    kept = ask("POST", f"{B}/o/x/copyTo/b/my-bucket/o/y").json
    assert (kept["contentType"], kept["metadata"], kept["metageneration"]) == ("text/a", {"k": "v"}, "1")
    new = ask("POST", f"{B}/o/x/copyTo/b/my-bucket/o/z", {"contentType": "text/b"}).json
    assert (new["contentType"], new.get("metadata")) == ("text/b", None)
    ask("DELETE", f"{B}/o/x")
    assert ask.read("y") == ask.read("z") == b"hello"


def test_a_rewrite_in_steps(ask: Asker) -> None:
    """Each call says how far it is; the token is of this rewrite alone."""
    data = b"x" * (3 << 20)
    ask.upload("x", data)
    target = f"{B}/o/x/rewriteTo/b/my-bucket/o/y?maxBytesRewrittenPerCall={1 << 20}"
    seen, token = [], ""
    for _ in range(5):
        answer = ask("POST", f"{target}&rewriteToken={token}").json
        seen.append((answer["totalBytesRewritten"], answer["done"]))
        token = answer.get("rewriteToken", "")
        if answer["done"]:
            break
        assert ask.get("y").status == 404
    assert seen == [("1048576", False), ("2097152", False), ("3145728", True)]
    assert ask.read("y") == data
    token = ask("POST", target).json["rewriteToken"]
    assert ask("POST", f"{target.replace('/o/y', '/o/z')}&rewriteToken={token}").status == 400
    ask.upload("x", data)
    assert ask("POST", f"{target}&rewriteToken={token}").status == 400


def test_composing(ask: Asker) -> None:
    """In order, an object may be there twice; a composite has no MD5 and counts its parts."""
    ask("PUT", "/my-bucket/a", "1", {"Content-Type": "text/a"})
    ask.upload("b", "2")
    made = ask("POST", f"{B}/o/c/compose", {"sourceObjects": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}).json
    assert (made["size"], made["componentCount"], "md5Hash" in made, made["contentType"]) == ("3", 3, False, "text/a")
    again = ask("POST", f"{B}/o/c/compose", {"sourceObjects": [{"name": "c"}, {"name": "b"}]}).json
    assert (again["componentCount"], ask.read("c")) == (4, b"1212")


@pytest.mark.parametrize(
    "body", [{}, {"sourceObjects": []}, {"sourceObjects": [{"name": "a"}] * 33}, {"sourceObjects": [1]}]
)
def test_a_composition_of_what_cannot_be_is_refused(ask: Asker, body: dict[str, object]) -> None:
    """400."""
    ask.upload("a")
    assert ask("POST", f"{B}/o/c/compose", body).status == 400


def test_moving(ask: Asker) -> None:
    """At once: the old name is gone, nothing of it can be restored."""
    ask.upload("x", "hello")
    assert ask("POST", f"{B}/o/x/moveTo/o/a%2Fb").json["name"] == "a/b"
    assert (ask.names(), ask.read("a/b")) == (["a/b"], b"hello")
    assert ask("GET", f"{B}/o?softDeleted=true").json.get("items") is None


def test_patching(ask: Asker) -> None:
    """Maps are merged, null takes away, times and numbers move."""
    made = ask.upload("x").json
    ask.clock.advance(1)
    one = ask("PATCH", f"{B}/o/x", {"metadata": {"a": "1", "b": "2"}, "cacheControl": "no-cache"}).json
    assert (one["metageneration"], one["metadata"]) == ("2", {"a": "1", "b": "2"})
    assert one["etag"] != made["etag"]
    assert one["updated"] > made["updated"]
    two = ask("PATCH", f"{B}/o/x", {"metadata": {"a": None}, "cacheControl": None}).json
    assert (two["metadata"], two.get("cacheControl")) == ({"b": "2"}, None)
    assert ask("GET", f"{B}/o/x?alt=media").headers.get("x-goog-meta-a") is None
    assert "metadata" not in ask("PATCH", f"{B}/o/x", {"metadata": None}).json


def test_updating_sets_everything_anew(ask: Asker) -> None:
    """What the body does not have is gone."""
    ask.upload("x")
    ask("PATCH", f"{B}/o/x", {"metadata": {"a": "1"}, "cacheControl": "no-cache"})
    new = ask("PUT", f"{B}/o/x", {"contentType": "text/a"}).json
    assert (new["contentType"], new.get("metadata"), new.get("cacheControl")) == ("text/a", None, None)


def test_holds_and_retention(ask: Asker) -> None:
    """What is held is neither replaced nor deleted, until it is let go or its time is up."""
    ask.upload("x", "1")
    ask("PATCH", f"{B}/o/x", {"temporaryHold": True})
    assert ask("DELETE", f"{B}/o/x").status == ask.upload("x", "2").status == 403
    ask("PATCH", f"{B}/o/x", {"temporaryHold": False})
    ask("PATCH", B, {"retentionPolicy": {"retentionPeriod": "60"}})
    assert ask("DELETE", f"{B}/o/x").status == 403
    assert ask.get("x").json["retentionExpirationTime"].startswith("2024-11-03T21:09:07")
    ask.clock.advance(61)
    assert ask("DELETE", f"{B}/o/x").status == 204


def test_a_bucket_keeps_all_that_it_is_made_with(ask: Asker) -> None:
    """And changes by PATCH and PUT."""
    fields = {
        "location": "us-central1",
        "storageClass": "NEARLINE",
        "labels": {"a": "b"},
        "versioning": {"enabled": True},
        "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 3}}]},
    }
    ask.bucket("one-bucket", **fields)
    made = ask("GET", "/storage/v1/b/one-bucket").json
    assert {name: made[name] for name in fields} == {**fields, "location": "US-CENTRAL1"}
    assert (made["locationType"], made["metageneration"]) == ("region", "1")
    layout = ask("GET", "/storage/v1/b/one-bucket/storageLayout").json
    assert (layout["location"], layout["locationType"]) == ("US-CENTRAL1", "region")
    changed = ask("PATCH", "/storage/v1/b/one-bucket", {"labels": {"a": None, "c": "d"}}).json
    assert (changed["labels"], changed["metageneration"]) == ({"c": "d"}, "2")
    assert "labels" not in ask("PUT", "/storage/v1/b/one-bucket", {"storageClass": "STANDARD"}).json


def test_policies_and_access_lists_are_kept(ask: Asker) -> None:
    """And a hint says that they decide nothing."""
    policy = {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}], "version": 1}
    assert ask("PUT", f"{B}/iam", policy).json["bindings"] == policy["bindings"]
    assert "no effect" in ask.exchanges[-1].notes[0]
    kept = ask("GET", f"{B}/iam").json
    assert (kept["bindings"], kept["etag"]) == (policy["bindings"], ask("GET", B).json["etag"])
    assert ask("PUT", f"{B}/iam", {**policy, "etag": "old"}).status == 412
    assert ask("PUT", f"{B}/iam", kept).status == 200
    ask.upload("x")
    for place in (f"{B}/acl", f"{B}/defaultObjectAcl", f"{B}/o/x/acl"):
        assert ask("POST", place, {"entity": "allUsers", "role": "READER"}).json["role"] == "READER"
        assert ask("PATCH", f"{place}/allUsers", {"role": "OWNER"}).json["role"] == "OWNER"
        assert [one["entity"] for one in ask("GET", place).json["items"]] == ["allUsers"]
        assert ask("DELETE", f"{place}/allUsers").status == 204
        assert ask("GET", f"{place}/allUsers").status == 404
    asked = ask("GET", f"{B}/iam/testPermissions?permissions=a.b&permissions=c.d").json
    assert asked["permissions"] == ["a.b", "c.d"]
    assert ask("GET", "/storage/v1/projects/p/serviceAccount").json["email_address"].endswith("iam.gserviceaccount.com")


@pytest.mark.parametrize(
    "body", ['{"contentType": "\\ud800"}', '{"metadata": {"k": "\\udfff"}}', "{", "[]", '{"a": NaN}']
)
def test_what_is_no_json_is_refused(ask: Asker, body: str) -> None:
    """Half a surrogate pair too: no answer could hold it."""
    made = ask.upload("x").json
    assert ask("PATCH", f"{B}/o/x", body).status == 400
    assert ask.get("x").json == made


@pytest.mark.parametrize("number", ["1e30", "123456789012345678901234567890", "1.5"])
def test_numbers_of_any_length_are_kept(ask: Asker, number: str) -> None:
    """In fields whose inside nobody reads here."""
    assert ask("PATCH", B, f'{{"lifecycle": {{"a": {number}}}}}').status == 200
    assert float(ask("GET", B).json["lifecycle"]["a"]) == float(number)

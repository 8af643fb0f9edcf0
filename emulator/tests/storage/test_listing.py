"""Lists: pages, prefixes, delimiters, offsets, globs, versions, over JSON and XML."""

from __future__ import annotations

import itertools
import re
from urllib.parse import quote

import pytest

from tests.storage.asking import Asker, B

NAMES = ["a", "b/1", "b/2", "b/c/3", "b/", "d", "ä/é", "z z", "\U0001f600"]


@pytest.fixture
def filled(ask: Asker) -> Asker:
    """A bucket with ``NAMES``."""
    for name in NAMES:
        ask.upload(name, name)
    return ask


def walk(ask: Asker, query: str, size: int) -> tuple[list[str], list[str]]:
    """Names and prefixes of all pages."""
    names: list[str] = []
    prefixes: list[str] = []
    token = ""
    for _ in range(50):
        page = ask("GET", f"{B}/o?maxResults={size}&pageToken={quote(token)}{query}").json
        shown = [one["name"] for one in page.get("items", [])], page.get("prefixes", [])
        assert len(shown[0]) + len(shown[1]) <= max(size, 2 if "Trailing" in query else 1)
        names += shown[0]
        prefixes += shown[1]
        token = page.get("nextPageToken", "")
        if not token:
            return names, prefixes
    raise AssertionError("the pages do not end")


QUERIES = {
    "": (sorted(NAMES), []),
    "&prefix=b": (["b/", "b/1", "b/2", "b/c/3"], []),
    "&prefix=b/&delimiter=/": (["b/", "b/1", "b/2"], ["b/c/"]),
    "&delimiter=/": (["a", "d", "z z", "\U0001f600"], ["b/", "ä/"]),
    "&delimiter=/&includeTrailingDelimiter=true": (["a", "b/", "d", "z z", "\U0001f600"], ["b/", "ä/"]),
    "&startOffset=b/1&endOffset=d": (["b/1", "b/2", "b/c/3"], []),
    "&matchGlob=b/*": (["b/", "b/1", "b/2"], []),
    "&matchGlob=**/3": (["b/c/3"], []),
    "&matchGlob=%7Ba,d%7D": (["a", "d"], []),
    "&matchGlob=b/[!1]": (["b/2"], []),
    "&prefix=none": ([], []),
    "&delimiter=/c/": (["a", "b/", "b/1", "b/2", "d", "z z", "ä/é", "\U0001f600"], ["b/c/"]),
}


@pytest.mark.parametrize(("query", "size"), list(itertools.product(QUERIES, (1, 2, 3, 100))))
def test_pages_of_any_size_show_the_same(filled: Asker, query: str, size: int) -> None:
    """In the order of UTF-8, each name and prefix once."""
    assert walk(filled, query, size) == QUERIES[query]


@pytest.mark.parametrize("size", [1, 2, 100])
def test_xml_pages_show_the_same(filled: Asker, size: int) -> None:
    """Version 2 with its token, version 1 with its marker."""
    for second, param, place in (
        (True, "continuation-token", "NextContinuationToken"),
        (False, "marker", "NextMarker"),
    ):
        names, prefixes, token = [], [], ""
        for _ in range(50):
            query = f"{'list-type=2&' if second else ''}delimiter=/&max-keys={size}&{param}={quote(token, safe='')}"
            text = filled("GET", f"/my-bucket?{query}").text
            names += re.findall("<Key>(.*?)</Key>", text)
            prefixes += re.findall("<CommonPrefixes><Prefix>(.*?)</Prefix>", text)
            found = re.search(f"<{place}>(.*?)</{place}>", text)
            assert ("<IsTruncated>true</IsTruncated>" in text) == (found is not None)
            if found is None:
                break
            token = found[1]
        assert (names, prefixes) == QUERIES["&delimiter=/"]


def test_xml_encodes_names_when_asked(filled: Asker) -> None:
    """``encoding-type=url``."""
    text = filled("GET", "/my-bucket?list-type=2&encoding-type=url&prefix=z").text
    assert "<Key>z%20z</Key>" in text


def test_versions(ask: Asker) -> None:
    """All generations that are not deleted, oldest first; without it the live ones."""
    ask("PATCH", B, {"versioning": {"enabled": True}})
    made = [ask.upload("x", str(number)).json["generation"] for number in range(3)]
    ask("DELETE", f"{B}/o/x?generation={made[1]}")
    assert [one["generation"] for one in ask("GET", f"{B}/o?versions=true").json["items"]] == [made[0], made[2]]
    assert [one["generation"] for one in ask("GET", f"{B}/o").json["items"]] == [made[2]]
    ask("DELETE", f"{B}/o/x")
    assert ask.names() == []
    old = ask("GET", f"{B}/o?versions=true").json["items"]
    assert all("timeDeleted" in one for one in old)


def test_soft_deleted_objects_are_listed_and_restored(ask: Asker) -> None:
    """Until their time is up, by the emulator's clock."""
    first = ask.upload("x", "1").json["generation"]
    ask.upload("x", "2")
    assert [one["generation"] for one in ask("GET", f"{B}/o?softDeleted=true").json["items"]] == [first]
    assert ask.get("x", f"?softDeleted=true&generation={first}").json["hardDeleteTime"].startswith("2024-11-10")
    assert ask("POST", f"{B}/o/x/restore?generation={first}").status == 200
    assert ask.read("x") == b"1"
    ask.clock.advance(8 * 86_400)
    assert ask("GET", f"{B}/o?softDeleted=true").json.get("items") is None


def test_buckets_have_pages_and_prefixes(ask: Asker) -> None:
    """Like objects."""
    for name in ("one-bucket", "two-bucket", "other"):
        ask.bucket(name)
    first = ask("GET", "/storage/v1/b?project=p&maxResults=2").json
    assert [one["name"] for one in first["items"]] == ["my-bucket", "one-bucket"]
    rest = ask("GET", f"/storage/v1/b?project=p&pageToken={first['nextPageToken']}").json
    assert [one["name"] for one in rest["items"]] == ["other", "two-bucket"]
    assert [one["name"] for one in ask("GET", "/storage/v1/b?project=p&prefix=o").json["items"]] == [
        "one-bucket",
        "other",
    ]


@pytest.mark.parametrize("query", ["maxResults=-1", "maxResults=x", "pageToken=x", "matchGlob=%7Ba", "projection=x"])
def test_arguments_that_are_none_are_refused(filled: Asker, query: str) -> None:
    """400."""
    assert filled("GET", f"{B}/o?{query}").status == 400


def test_fields(filled: Asker) -> None:
    """Partial answers, of lists and of single resources."""
    assert filled("GET", f"{B}/o?fields=items/name&prefix=a").json == {"items": [{"name": "a"}]}
    assert filled.get("a", "?fields=name,size").json == {"name": "a", "size": "1"}
    assert filled("GET", f"{B}/o?fields=kind").json == {"kind": "storage#objects"}
    assert filled.get("a", "?fields=(").status == 400


def test_answers_are_compact_where_the_client_asks_so(ask: Asker) -> None:
    """As Google's Python client does with every request."""
    ask.upload("x")
    pretty, compact = ask("GET", f"{B}/o"), ask("GET", f"{B}/o?prettyPrint=false")
    assert pretty.json == compact.json
    assert (pretty.body[:4], b"\n" in compact.body) == (b"{\n  ", False)

"""Conditions: what must hold for a request to be carried out, over JSON and XML, of objects and of buckets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.storage.asking import UPLOAD, Answer, Asker, B

COPY = f"{B}/o/x/copyTo/b/my-bucket/o"
REWRITE = f"{B}/o/x/rewriteTo/b/my-bucket/o"

UNMET: dict[str, Callable[[Asker, str], Answer]] = {
    "media": lambda ask, g: ask.upload("x", "new", "&ifGenerationMatch=0"),
    "media, another generation": lambda ask, g: ask.upload("x", "new", "&ifGenerationMatch=1"),
    "media, not this one": lambda ask, g: ask.upload("x", "new", f"&ifGenerationNotMatch={g}"),
    "media, metageneration": lambda ask, g: ask.upload("x", "new", "&ifMetagenerationMatch=7"),
    "media, not this metageneration": lambda ask, g: ask.upload("x", "new", "&ifMetagenerationNotMatch=1"),
    "media, of nothing": lambda ask, g: ask.upload("absent", "new", "&ifGenerationMatch=1"),
    "media, metageneration of nothing": lambda ask, g: ask.upload("absent", "new", "&ifMetagenerationMatch=1"),
    "media, over something": lambda ask, g: ask.upload("absent", "new", "&ifGenerationNotMatch=0"),
    "media, entity tag": lambda ask, g: ask.upload("x", "new", if_match='"another"'),
    "media, no entity": lambda ask, g: ask.upload("x", "new", if_none_match="*"),
    "resumable": lambda ask, g: ask("POST", f"{UPLOAD}?uploadType=resumable&name=x&ifGenerationMatch=0"),
    "get": lambda ask, g: ask.get("x", "?ifGenerationMatch=1"),
    "get, metageneration": lambda ask, g: ask.get("x", "?ifMetagenerationMatch=2"),
    "read": lambda ask, g: ask.get("x", "?alt=media&ifGenerationMatch=1"),
    "read, entity tag": lambda ask, g: ask("GET", f"{B}/o/x?alt=media", headers={"If-Match": "other"}),
    "patch": lambda ask, g: ask("PATCH", f"{B}/o/x?ifMetagenerationMatch=7", {"metadata": {"a": "b"}}),
    "patch, not": lambda ask, g: ask("PATCH", f"{B}/o/x?ifMetagenerationNotMatch=1", {"metadata": {"a": "b"}}),
    "update": lambda ask, g: ask("PUT", f"{B}/o/x?ifGenerationMatch=7", {}),
    "delete": lambda ask, g: ask("DELETE", f"{B}/o/x?ifGenerationMatch=1"),
    "delete, not": lambda ask, g: ask("DELETE", f"{B}/o/x?ifGenerationNotMatch={g}"),
    "copy": lambda ask, g: ask("POST", f"{COPY}/y?ifGenerationMatch=0"),
    "copy, source": lambda ask, g: ask("POST", f"{COPY}/z?ifSourceGenerationMatch=1"),
    "copy, not this source": lambda ask, g: ask("POST", f"{COPY}/z?ifSourceGenerationNotMatch={g}"),
    "copy, metageneration of the source": lambda ask, g: ask("POST", f"{COPY}/z?ifSourceMetagenerationMatch=2"),
    "rewrite": lambda ask, g: ask("POST", f"{REWRITE}/y?ifGenerationMatch=0"),
    "rewrite, source": lambda ask, g: ask("POST", f"{REWRITE}/z?ifSourceGenerationMatch=1"),
    "compose": lambda ask, g: ask("POST", f"{B}/o/y/compose?ifGenerationMatch=0", {"sourceObjects": [{"name": "x"}]}),
    "compose, source": lambda ask, g: ask(
        "POST",
        f"{B}/o/z/compose",
        {"sourceObjects": [{"name": "x", "objectPreconditions": {"ifGenerationMatch": "1"}}]},
    ),
    "move": lambda ask, g: ask("POST", f"{B}/o/x/moveTo/o/y?ifGenerationMatch=0"),
    "move, source": lambda ask, g: ask("POST", f"{B}/o/x/moveTo/o/z?ifSourceGenerationMatch=1"),
    "bucket, get": lambda ask, g: ask("GET", f"{B}?ifMetagenerationMatch=7"),
    "bucket, patch": lambda ask, g: ask("PATCH", f"{B}?ifMetagenerationMatch=7", {"labels": {"a": "b"}}),
    "bucket, delete": lambda ask, g: ask("DELETE", f"{B}?ifMetagenerationMatch=7"),
    "XML, put": lambda ask, g: ask("PUT", "/my-bucket/x", "new", {"x-goog-if-generation-match": "0"}),
    "XML, put, metageneration": lambda ask, g: ask(
        "PUT", "/my-bucket/x", "new", {"x-goog-if-metageneration-match": "7"}
    ),
    "XML, put, no entity": lambda ask, g: ask("PUT", "/my-bucket/x", "new", {"If-None-Match": "*"}),
    "XML, get": lambda ask, g: ask("GET", "/my-bucket/x", headers={"x-goog-if-generation-match": "1"}),
    "XML, head": lambda ask, g: ask("HEAD", "/my-bucket/x", headers={"x-goog-if-generation-match": "1"}),
    "XML, get, entity tag": lambda ask, g: ask("GET", "/my-bucket/x", headers={"If-Match": '"0"'}),
    "XML, get, too new": lambda ask, g: ask(
        "GET", "/my-bucket/x", headers={"If-Unmodified-Since": "Sat, 02 Nov 2024 00:00:00 GMT"}
    ),
    "XML, delete": lambda ask, g: ask("DELETE", "/my-bucket/x", headers={"x-goog-if-generation-match": "1"}),
    "XML, copy": lambda ask, g: ask(
        "PUT",
        "/my-bucket/y",
        headers={"x-goog-copy-source": "/my-bucket/x", "x-goog-if-generation-match": "0"},
    ),
    "XML, copy, source": lambda ask, g: ask(
        "PUT",
        "/my-bucket/z",
        headers={"x-goog-copy-source": "/my-bucket/x", "x-goog-copy-source-if-generation-match": "1"},
    ),
    "XML, multipart": lambda ask, g: ask("POST", "/my-bucket/x?uploads", headers={"x-goog-if-generation-match": "0"}),
    "XML, resumable": lambda ask, g: ask(
        "POST", "/my-bucket/x", headers={"x-goog-resumable": "start", "x-goog-if-generation-match": "0"}
    ),
}


def describe(ask: Asker) -> list[object]:
    """All records of the storage."""
    return list(ask.embedded.store.database._connection.iterdump())


@pytest.mark.parametrize("case", UNMET)
def test_an_unmet_condition_changes_nothing(ask: Asker, case: str) -> None:
    """412 in the words of the API that was asked; every record is what it was."""
    generation = ask.upload("x").json["generation"]
    ask.upload("y")
    before = describe(ask)
    answer = UNMET[case](ask, generation)
    assert answer.status == 412, answer.body
    if answer.headers["content-type"].startswith("application/json"):
        assert answer.reason == "conditionNotMet"
    elif answer.body:
        assert "<Code>PreconditionFailed</Code>" in answer.text
    assert describe(ask) == before


MET: dict[str, Callable[[Asker, str], Answer]] = {
    "media": lambda ask, g: ask.upload("x", "new", f"&ifGenerationMatch={g}&ifMetagenerationMatch=1"),
    "media, new": lambda ask, g: ask.upload("new", "new", "&ifGenerationMatch=0"),
    "media, not 0": lambda ask, g: ask.upload("x", "new", "&ifGenerationNotMatch=0"),
    "empty parameters": lambda ask, g: ask.upload("x", "new", "&ifGenerationMatch=&ifMetagenerationMatch="),
    "get": lambda ask, g: ask.get("x", f"?ifGenerationMatch={g}&ifMetagenerationNotMatch=2"),
    "read": lambda ask, g: ask.get("x", f"?alt=media&ifGenerationMatch={g}&generation={g}"),
    "patch": lambda ask, g: ask("PATCH", f"{B}/o/x?ifMetagenerationMatch=1", {"metadata": {"a": "b"}}),
    "delete": lambda ask, g: ask("DELETE", f"{B}/o/x?ifGenerationMatch={g}"),
    "copy": lambda ask, g: ask("POST", f"{COPY}/z?ifGenerationMatch=0&ifSourceGenerationMatch={g}"),
    "bucket": lambda ask, g: ask("PATCH", f"{B}?ifMetagenerationMatch=1", {"labels": {"a": "b"}}),
    "XML, put": lambda ask, g: ask("PUT", "/my-bucket/x", "new", {"x-goog-if-generation-match": g}),
    "XML, get": lambda ask, g: ask("GET", "/my-bucket/x", headers={"x-goog-if-generation-match": g}),
    "XML, entity tag": lambda ask, g: ask(
        "GET", "/my-bucket/x", headers={"If-Match": '"5d41402abc4b2a76b9719d911017c592"'}
    ),
    "entity tag": lambda ask, g: ask("GET", f"{B}/o/x?alt=media", headers={"If-Match": ask.get("x").json["etag"]}),
}


@pytest.mark.parametrize("case", MET)
def test_a_condition_that_holds_lets_pass(ask: Asker, case: str) -> None:
    """Alone and together with others."""
    answer = MET[case](ask, ask.upload("x").json["generation"])
    assert answer.status in (200, 204), answer.body


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (f"{B}/o/x?ifGenerationNotMatch={{g}}", {}),
        (f"{B}/o/x?ifMetagenerationNotMatch=1", {}),
        (f"{B}/o/x?alt=media&ifGenerationNotMatch={{g}}", {}),
        (f"{B}/o/x?alt=media", {"If-None-Match": "{etag}"}),
        (f"{B}?ifMetagenerationNotMatch=1", {}),
        ("/my-bucket/x", {"If-None-Match": '"5d41402abc4b2a76b9719d911017c592"'}),
        ("/my-bucket/x", {"If-None-Match": "*"}),
        ("/my-bucket/x", {"x-goog-if-generation-not-match": "{g}"}),
        ("/my-bucket/x", {"If-Modified-Since": "Mon, 04 Nov 2024 00:00:00 GMT"}),
    ],
)
def test_what_a_reader_has_already_is_304(ask: Asker, target: str, headers: dict[str, str]) -> None:
    """Without a body."""
    made = ask.upload("x").json
    values = {"g": made["generation"], "etag": made["etag"]}
    sent = {name: value.format(**values) for name, value in headers.items()}
    answer = ask("GET", target.format(**values), headers=sent)
    assert (answer.status, answer.body) == (304, b"")


def test_a_generation_that_is_named_is_that_one(ask: Asker) -> None:
    """Another one is not there, whatever is asked of it."""
    first = ask.upload("x", "1").json["generation"]
    second = ask.upload("x", "2").json["generation"]
    assert ask.get("x", f"?generation={second}").json["generation"] == second
    for verb, target in (
        ("GET", f"{B}/o/x?generation={first}"),
        ("GET", f"{B}/o/x?alt=media&generation={first}"),
        ("PATCH", f"{B}/o/x?generation={first}"),
        ("DELETE", f"{B}/o/x?generation={first}"),
        ("POST", f"{COPY}/y?sourceGeneration={first}"),
        ("GET", f"/my-bucket/x?generation={first}"),
    ):
        assert ask(verb, target).status == 404, target
    assert ask.read("x") == b"2"


def test_a_condition_that_is_no_number_is_refused(ask: Asker) -> None:
    """Never passed over."""
    ask.upload("x")
    for answer in (
        ask.get("x", "?ifGenerationMatch=abc"),
        ask.upload("x", "2", "&ifGenerationMatch=1.5"),
        ask("GET", "/my-bucket/x", headers={"x-goog-if-generation-match": "-"}),
    ):
        assert answer.status == 400, answer.body
    assert ask.read("x") == b"hello"


CHECKSUMS: dict[str, Callable[[Asker], Answer]] = {
    "crc32c in a header": lambda ask: ask.upload("x", "hello", x_goog_hash="crc32c=AAAAAA=="),
    "md5 in a header": lambda ask: ask.upload("x", "hello", x_goog_hash="crc32c=mnG7TA==,md5=AAAA"),
    "Content-MD5": lambda ask: ask.upload("x", "hello", content_md5="1B2M2Y8AsgTpgAmY7PhCfg=="),
    "XML": lambda ask: ask("PUT", "/my-bucket/x", "hello", {"x-goog-hash": "md5=AAAA"}),
    "XML, Content-MD5": lambda ask: ask("PUT", "/my-bucket/x", "hello", {"Content-MD5": "AAAA"}),
    "multipart": lambda ask: ask(
        "POST",
        f"{UPLOAD}?uploadType=multipart",
        '--b\r\n\r\n{"name": "x", "md5Hash": "AAAA"}\r\n--b\r\n\r\nhello\r\n--b--',
        {"Content-Type": "multipart/related; boundary=b"},
    ),
}


@pytest.mark.parametrize("case", CHECKSUMS)
def test_a_wrong_checksum_leaves_nothing(ask: Asker, case: str) -> None:
    """400, no object, no file."""
    assert CHECKSUMS[case](ask).status == 400
    assert ask.names() == []
    assert ask.embedded.store.contents.sizes() == {}


def test_right_checksums_pass(ask: Asker) -> None:
    """In one header or in two."""
    assert ask.upload("x", "hello", x_goog_hash="crc32c=mnG7TA==,md5=XUFAKrxLKna5cZ2REBfFkg==").status == 200
    assert ask("PUT", "/my-bucket/x", "hello", {"Content-MD5": "XUFAKrxLKna5cZ2REBfFkg=="}).status == 200

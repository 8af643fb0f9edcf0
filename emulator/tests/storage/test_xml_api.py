"""What the XML API answers besides objects' bytes: multipart uploads, copies, errors, signed URLs, its paths."""

from __future__ import annotations

import re

import pytest

from tests.storage.asking import Asker

PART = b"x" * (5 << 20)


def start(ask: Asker, name: str = "large") -> str:
    """A multipart upload's id."""
    answer = ask("POST", f"/my-bucket/{name}?uploads", headers={"Content-Type": "text/a", "x-goog-meta-k": "v"})
    return answer.text.partition("<UploadId>")[2].partition("<")[0]


def put_part(ask: Asker, upload: str, number: int, data: bytes) -> str:
    """Its entity tag."""
    answer = ask("PUT", f"/my-bucket/large?partNumber={number}&uploadId={upload}", data)
    assert answer.status == 200, answer.body
    return answer.headers["etag"]


def complete(ask: Asker, upload: str, *parts: tuple[int, str]) -> int:
    """The status of completing it with those parts."""
    listed = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>" for number, tag in parts)
    body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>"
    return ask("POST", f"/my-bucket/large?uploadId={upload}", body).status


def test_multipart_upload(ask: Asker) -> None:
    """Parts in any order, one replaced; the object is a composite with the headers of the start."""
    upload = start(ask)
    two = put_part(ask, upload, 2, b"end")
    put_part(ask, upload, 1, b"old" + PART)
    one = put_part(ask, upload, 1, PART)
    listed = ask("GET", f"/my-bucket/large?uploadId={upload}").text
    assert re.findall("<PartNumber>(.)</PartNumber>", listed) == ["1", "2"]
    assert ask.names() == []
    assert complete(ask, upload, (1, one), (2, two)) == 200
    made = ask.get("large").json
    assert (made["componentCount"], made["contentType"], made["metadata"]) == (2, "text/a", {"k": "v"})
    assert ask.read("large") == PART + b"end"
    assert ask("GET", f"/my-bucket/large?uploadId={upload}").status == 404
    assert len(ask.embedded.store.contents.sizes()) == 1


def test_multipart_uploads_that_cannot_be_completed(ask: Asker) -> None:
    """Unknown parts, wrong tags, wrong order, parts that are too small: 400; the upload goes on."""
    upload = start(ask)
    one, two = put_part(ask, upload, 1, PART), put_part(ask, upload, 2, b"small")
    three = put_part(ask, upload, 3, b"end")
    for parts in (
        [],
        [(1, one), (4, three)],
        [(1, two)],
        [(2, two), (1, one)],
        [(1, one), (2, two), (3, three)],
    ):
        assert complete(ask, upload, *parts) == 400, parts
    assert complete(ask, upload, (1, one), (3, three)) == 200


def test_aborting(ask: Asker) -> None:
    """Its parts are gone."""
    upload = start(ask)
    put_part(ask, upload, 1, PART)
    assert ask("DELETE", f"/my-bucket/large?uploadId={upload}").status == 204
    assert ask.embedded.store.contents.sizes() == {}
    assert ask("PUT", f"/my-bucket/large?partNumber=1&uploadId={upload}", b"x").status == 404


def test_copying(ask: Asker) -> None:
    """By header, with its metadata or with new."""
    ask("PUT", "/my-bucket/a%20b", "hello", {"x-goog-meta-k": "v"})
    copied = ask("PUT", "/my-bucket/c", headers={"x-goog-copy-source": "/my-bucket/a%20b"})
    assert "<CopyObjectResult>" in copied.text
    assert ask.get("c").json["metadata"] == {"k": "v"}
    replaced = {"x-goog-copy-source": "my-bucket/c", "x-goog-metadata-directive": "REPLACE", "x-goog-meta-l": "w"}
    ask("PUT", "/my-bucket/d", headers=replaced)
    assert ask.get("d").json["metadata"] == {"l": "w"}


def test_buckets(ask: Asker) -> None:
    """Made, listed, asked for, removed."""
    body = "<CreateBucketConfiguration><LocationConstraint>EU</LocationConstraint></CreateBucketConfiguration>"
    assert ask("PUT", "/other-bucket", body).status == 200
    assert ask("GET", "/other-bucket?location").text.endswith("<LocationConstraint>EU</LocationConstraint>")
    assert re.findall("<Name>(.*?)</Name>", ask("GET", "/").text) == ["my-bucket", "other-bucket"]
    assert ask("HEAD", "/other-bucket").status == 200
    assert ask("DELETE", "/other-bucket").status == 204


@pytest.mark.parametrize(
    ("verb", "target", "status", "code"),
    [
        ("GET", "/my-bucket/none", 404, "NoSuchKey"),
        ("GET", "/absent-bucket/x", 404, "NoSuchBucket"),
        ("PUT", "/absent-bucket/x", 404, "NoSuchBucket"),
        ("PUT", "/My-Bucket", 400, "InvalidBucketName"),
        ("PUT", "/my-bucket", 409, "BucketAlreadyOwnedByYou"),
        ("GET", "/my-bucket?acl", 501, "NotImplemented"),
        ("PUT", "/my-bucket/x?tagging", 501, "NotImplemented"),
        ("PATCH", "/my-bucket/x", 405, "MethodNotAllowed"),
        ("PUT", "/my-bucket/x?partNumber=0&uploadId=x", 400, "InvalidArgument"),
        ("POST", "/my-bucket/x?uploadId=x", 400, "MalformedXML"),
        ("GET", "/my-bucket/%FF", 400, "InvalidArgument"),
    ],
)
def test_errors_are_xml(ask: Asker, verb: str, target: str, status: int, code: str) -> None:
    """With the codes of the documentation."""
    answer = ask(verb, target)
    assert (answer.status, re.findall("<Code>(.*?)</Code>", answer.text)) == (status, [code])
    assert answer.headers["content-type"] == "application/xml; charset=UTF-8"


@pytest.mark.parametrize("body", ["<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a>", "\x00"])
def test_no_entities_no_errors(ask: Asker, body: str) -> None:
    """400: nothing is expanded."""
    assert ask("POST", "/my-bucket/x?uploadId=x", body).status == 400


def test_the_bucket_may_stand_in_front_of_the_host(ask: Asker) -> None:
    """Names are then the whole path, slashes and all."""
    host = {"host": "my-bucket.storage.googleapis.com"}
    assert ask("PUT", "/a/b%2Fc", "hello", host).status == 200
    assert ask.names() == ["a/b/c"]
    assert ask("GET", "/a/b/c", headers=host).body == b"hello"
    assert "<Key>a/b/c</Key>" in ask("GET", "/", headers=host).text


def test_names_are_decoded_once(ask: Asker) -> None:
    """``%2525`` is the name ``%25``."""
    for target, name in (("%2525", "%25"), ("a%2Fb", "a/b"), ("a//b", "a//b"), ("a+b", "a+b"), ("%C3%BC", "ü")):
        assert ask("PUT", f"/my-bucket/{target}", name).status == 200
        assert ask.read(name) == name.encode()


def test_signed_urls_expire_by_the_emulators_clock(ask: Asker) -> None:
    """For every method; the signature is taken as given."""
    ask.upload("x", "hello")
    query = "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Date=20241103T210807Z&X-Goog-Expires=60&X-Goog-Signature=00"
    for verb, status in (("GET", 200), ("HEAD", 200), ("PUT", 200), ("DELETE", 204)):
        assert ask(verb, f"/my-bucket/x?{query}").status == status
    ask.clock.advance(61)
    for verb in ("GET", "PUT", "DELETE"):
        assert ask(verb, f"/my-bucket/x?{query}").status == 400
    assert ask("GET", f"/my-bucket/x?{query.replace('60', 'x')}").status == 400

"""Reading bytes: ranges, gzip, headers, HEAD, over JSON and XML alike."""

from __future__ import annotations

import gzip

import pytest

from tests.storage.asking import UPLOAD, Asker, B

READS = {"JSON": f"{B}/o/x?alt=media", "download": f"/download{B}/o/x?alt=media", "XML": "/my-bucket/x"}
every_read = pytest.mark.parametrize("target", READS.values(), ids=READS)


@every_read
@pytest.mark.parametrize(
    ("sent", "status", "content_range", "body"),
    [
        ("bytes=0-0", 206, "bytes 0-0/6", b"a"),
        ("bytes=0-5", 206, "bytes 0-5/6", b"abcdef"),
        ("bytes=0-1000", 206, "bytes 0-5/6", b"abcdef"),
        ("bytes=2-", 206, "bytes 2-5/6", b"cdef"),
        ("bytes=-2", 206, "bytes 4-5/6", b"ef"),
        ("bytes=-99", 206, "bytes 0-5/6", b"abcdef"),
        ("bytes=6-", 416, None, None),
        ("bytes=-0", 416, None, None),
        ("bytes=0-1,3-4", 416, None, None),
        ("bytes=5-2", 200, None, b"abcdef"),
        ("pages=1-2", 200, None, b"abcdef"),
        ("bytes=x-", 200, None, b"abcdef"),
    ],
)
def test_ranges(ask: Asker, target: str, sent: str, status: int, content_range: str | None, body: bytes | None) -> None:
    """206 for every one that can be met, even if it is all of the object."""
    ask.upload("x", "abcdef")
    answer = ask("GET", target, headers={"Range": sent})
    assert (answer.status, answer.headers.get("content-range")) == (status, content_range)
    assert body is None or answer.body == body
    assert body is None or answer.headers["content-length"] == str(len(body))


@every_read
def test_headers(ask: Asker, target: str) -> None:
    """All that clients read, on a part as on the whole."""
    ask("PATCH", B, {"labels": {}})
    made = ask("PUT", "/my-bucket/x", "abcdef", {"x-goog-meta-team": "ü", "Cache-Control": "no-cache"})
    assert made.headers["x-goog-stored-content-length"] == "6"
    for sent in ({}, {"Range": "bytes=1-2"}):
        headers = ask("GET", target, headers=sent).headers
        assert headers["x-goog-generation"] == ask.get("x").json["generation"]
        assert headers["x-goog-metageneration"] == "1"
        assert headers["last-modified"] == "Sun, 03 Nov 2024 21:08:07 GMT"
        assert headers["x-goog-hash"].startswith(("md5=", "crc32c="))
        assert headers["x-goog-stored-content-encoding"] == "identity"
        assert (headers["cache-control"], headers["accept-ranges"]) == ("no-cache", "bytes")
        assert "etag" in headers


@every_read
def test_head_is_get_without_a_body(ask: Asker, target: str) -> None:
    """The same headers; 404 where GET is."""
    ask.upload("x", "abcdef")
    head, get = ask("HEAD", target), ask("GET", target)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "6")
    assert head.headers.keys() == get.headers.keys()
    assert ask("HEAD", target.replace("/x", "/none")).status == 404


def test_head_of_resources_and_buckets(ask: Asker) -> None:
    """On every path that GET has."""
    ask.upload("x", "abcdef")
    for target in (f"{B}/o/x", f"{B}/o", B, "/storage/v1/b?project=p", "/my-bucket", "/my-bucket?list-type=2"):
        answer = ask("HEAD", target)
        assert (answer.status, answer.body) == (200, b""), target
    assert ask("HEAD", "/absent-bucket").status == 404


@every_read
def test_gzip_is_unpacked_for_those_who_do_not_take_it(ask: Asker, target: str) -> None:
    """A range is then passed over, as documented."""
    packed = gzip.compress(b"hello" * 1000)
    assert ask("PUT", "/my-bucket/x", packed, {"Content-Encoding": "gzip"}).status == 200
    answer = ask("GET", target, headers={"Range": "bytes=0-3"})
    assert (answer.status, answer.body) == (200, b"hello" * 1000)
    assert "content-encoding" not in answer.headers
    assert answer.headers["x-goog-stored-content-length"] == str(len(packed))
    kept = ask("GET", target, headers={"Accept-Encoding": "br, gzip", "Range": "bytes=0-3"})
    assert (kept.status, kept.body, kept.headers["content-encoding"]) == (206, packed[:4], "gzip")


def test_no_transform_keeps_it_packed(ask: Asker) -> None:
    """Whatever the client takes."""
    packed = gzip.compress(b"hello")
    ask("PUT", "/my-bucket/x", packed, {"Content-Encoding": "gzip", "Cache-Control": "no-transform"})
    assert ask.read("x") == packed


def test_what_is_called_gzip_and_is_none_comes_as_it_is(ask: Asker) -> None:
    """No 500."""
    ask("PUT", "/my-bucket/x", b"plain", {"Content-Encoding": "gzip"})
    assert ask.read("x") == b"plain"


@pytest.mark.slow
def test_a_request_body_that_is_packed_is_unpacked(ask: Asker) -> None:
    """C# and Java compress what they send; a bomb is refused where it is read into memory."""
    answer = ask("PATCH", B, gzip.compress(b'{"labels": {"a": "b"}}'), {"Content-Encoding": "gzip"})
    assert answer.json["labels"] == {"a": "b"}
    bomb = gzip.compress(b" " * (64 << 20))
    assert ask("PATCH", B, bomb, {"Content-Encoding": "gzip"}).status == 413
    assert ask("PATCH", B, b"no gzip", {"Content-Encoding": "gzip"}).status == 400


def test_metadata_cannot_split_headers(ask: Asker) -> None:
    """Control characters are left out of headers."""
    ask.upload("x", "1")
    ask("PATCH", f"{B}/o/x", {"contentType": "text/a\r\nX-Evil: 1", "metadata": {"k\r\n": "v\r\nY: 2"}})
    answer = ask("GET", f"{B}/o/x?alt=media")
    assert answer.status == 200
    assert not {"x-evil", "y"} & answer.headers.keys()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["media", "multipart", "resumable"])
def test_an_upload_that_is_packed_is_unpacked(ask: Asker, kind: str) -> None:
    """All members of it; a bomb, or what breaks off, leaves no trace."""
    bomb, members = gzip.compress(bytes(100 << 20)), gzip.compress(b"hello ") + gzip.compress(b"world")

    def send(data: bytes) -> int:
        target, headers = f"{UPLOAD}?uploadType={kind}&name=x", {"Content-Encoding": "gzip"}
        if kind == "multipart":
            headers["Content-Type"] = "multipart/related; boundary=b"
            data = gzip.compress(b"--b\r\n\r\n{}\r\n--b\r\n\r\n") + data + gzip.compress(b"\r\n--b--")
        if kind == "resumable":
            target = "/" + ask("POST", target).headers["location"].split("/", 3)[3]
        return ask("PUT" if kind == "resumable" else "POST", target, data, headers).status

    assert send(bomb) == send(gzip.compress(b"hello")[:-3]) == 400
    assert ask.get("x").status == 404
    assert send(members) == 200
    assert ask.read("x") == b"hello world"

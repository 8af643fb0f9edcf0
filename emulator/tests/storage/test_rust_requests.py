"""What Rust's object_store 0.14, opendal 0.59 and Google's crate 1.21 send, and the answers that they accept."""

from __future__ import annotations

import re

from tests.storage.asking import Asker
from tests.storage.client_steps import CHUNK, MULTIPART, SESSION, Step, has, names, run

A = "/my%2Dbucket/arrow%2Fa%20b%2B%C3%BC%2Ejsonl"
PARTS = "<CompleteMultipartUpload><Part><ETag>{one}</ETag><PartNumber>1</PartNumber></Part><Part><ETag>{two}</ETag>" + (
    "<PartNumber>2</PartNumber></Part></CompleteMultipartUpload>"
)
TAG = {"tag": lambda answer: answer.headers["etag"]}
OBJECT_STORE = [
    Step(
        "PUT", A, 200, b"hello\n", check=lambda answer: {"etag", "x-goog-generation"} <= answer.headers.keys(), keep=TAG
    ),
    Step("GET", A, 200, check=lambda answer: "last-modified" in answer.headers),
    Step("GET", A, 206, headers={"range": "bytes=0-5"}, check=has(content_range="bytes 0-5/6")),
    Step("HEAD", A, 200, check=has(content_length="6")),
    Step("GET", A, 304, headers={"if-none-match": "{tag}"}),
    Step("GET", A, 412, headers={"if-match": '"other"'}),
    Step("PUT", "/my%2Dbucket/once", 200, b"1", {"x-goog-if-generation-match": "0"}),
    Step(
        "PUT",
        "/my%2Dbucket/over",
        200,
        b"1",
        keep={"over": lambda answer: answer.headers["x-goog-generation"]},
    ),
    Step("PUT", "/my%2Dbucket/once", 412, b"2", {"x-goog-if-generation-match": "0"}),
    Step("PUT", "/my%2Dbucket/over", 200, b"2", {"x-goog-if-generation-match": "{over}"}),
    Step("PUT", "/my%2Dbucket/over", 412, b"3", {"x-goog-if-generation-match": "{over}"}),
    Step(
        "POST",
        "/my%2Dbucket/arrow%2Flarge?uploads=",
        200,
        keep={"upload": lambda answer: answer.text.partition("<UploadId>")[2].partition("<")[0]},
    ),
    Step(
        "PUT",
        "/my%2Dbucket/arrow%2Flarge?partNumber=1&uploadId={upload}",
        200,
        b"x" * (5 << 20),
        keep={"one": lambda answer: answer.headers["etag"]},
    ),
    Step(
        "PUT",
        "/my%2Dbucket/arrow%2Flarge?partNumber=2&uploadId={upload}",
        200,
        b"end",
        keep={"two": lambda answer: answer.headers["etag"]},
    ),
    Step(
        "POST",
        "/my%2Dbucket/arrow%2Flarge?uploadId={upload}",
        200,
        PARTS,
        check=lambda answer: "<ETag>" in answer.text and "x-goog-generation" in answer.headers,
    ),
    Step(
        "GET",
        "/my%2Dbucket/arrow%2Flarge",
        206,
        headers={"range": "bytes=5242879-5242882"},
        check=lambda a: a.body == b"xend",
    ),
    Step("PUT", "/my%2Dbucket/arrow%2Fb", 200, headers={"x-goog-copy-source": A[1:]}),
    Step(
        "PUT", "/my%2Dbucket/arrow%2Fb", 412, headers={"x-goog-copy-source": A[1:], "x-goog-if-generation-match": "0"}
    ),
    Step(
        "GET",
        "/my%2Dbucket?list-type=2&prefix=arrow%2F",
        200,
        check=lambda answer: (
            re.findall("<Key>(.*?)</Key>", answer.text) == ["arrow/a b+ü.jsonl", "arrow/b", "arrow/large"]
        ),
    ),
    Step(
        "GET",
        "/my%2Dbucket?list-type=2&delimiter=%2F",
        200,
        check=lambda answer: "<CommonPrefixes><Prefix>arrow/</Prefix></CommonPrefixes>" in answer.text,
    ),
    Step("DELETE", A, 204),
    Step("HEAD", A, 404),
    Step("GET", "/my%2Dbucket/none", 404),
]

D = "/storage/v1/b/my-bucket/o"
DAL_BATCH = "".join(
    f"--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {number}\r\n\r\n"
    f"DELETE {D}/dal%2F{name} HTTP/1.1\r\n\r\n"
    for number, name in enumerate(("once", "large"))
)
RUST = [
    Step(
        "POST",
        "/upload/storage/v1/b/my-bucket/o?uploadType=multipart&name=rust%2Fa+b%2B%C3%BC.jsonl",
        200,
        b'--b\r\nContent-Disposition: form-data; name="metadata"\r\n'
        b"Content-Type: application/json; charset=utf-8\r\n\r\n"
        b'{"contentType":"application/jsonl"}\r\n--b\r\nContent-Disposition: form-data; name="media"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\nhello\n\r\n--b--\r\n",
        MULTIPART,
        lambda answer: (answer.json["contentType"], answer.json["size"]) == ("application/jsonl", "6"),
    ),
    Step("GET", f"{D}/rust%2Fa%20b%2B%C3%BC.jsonl?alt=media", 206, headers={"range": "bytes=0-5"}),
    Step("GET", f"{D}/rust%2Fa%20b%2B%C3%BC.jsonl?alt=media&ifGenerationMatch=1", 412),
    Step(
        "POST",
        "/upload/storage/v1/b/my-bucket/o?uploadType=resumable&name=rust%2Fchunks",
        200,
        {},
        {"host": "127.0.0.1"},
        check=lambda answer: answer.headers["location"].startswith("http://127.0.0.1:8790/upload/"),
        keep={"session": lambda answer: answer.headers["location"].partition(":8790")[2]},
    ),
    Step("PUT", "{session}", 308, CHUNK, {"content-range": f"bytes 0-{len(CHUNK) - 1}/*"}),
    Step("PUT", "{session}", 200, b"end", {"content-range": f"bytes {len(CHUNK)}-{len(CHUNK) + 2}/{len(CHUNK) + 3}"}),
    Step(
        "POST",
        "/upload/storage/v1/b/my-bucket/o?uploadType=multipart&name=dal%2Fa",
        200,
        b'--b\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n{"metadata":{"team":"rust"}}\r\n--b\r\n'
        b"content-type: application/octet-stream\r\ncontent-length: 5\r\n\r\nhello\r\n--b--\r\n",
        MULTIPART,
        keep={"etag": lambda answer: answer.json["etag"]},
    ),
    Step("GET", f"{D}/dal%2Fa?alt=media", 412, headers={"if-match": '"other"'}),
    Step("GET", f"{D}/dal%2Fa?alt=media", 304, headers={"if-none-match": "{etag}"}),
    Step("POST", f"/upload{D}?uploadType=resumable&name=dal%2Fonce&ifGenerationMatch=0", 200, {}, keep=SESSION),
    Step("PUT", "{session}", 200, b"1", {"content-range": "bytes 0-0/1"}),
    Step("POST", f"/upload{D}?uploadType=resumable&name=dal%2Fonce&ifGenerationMatch=0", 412, {}),
    Step("POST", f"/upload{D}?uploadType=media&name=dal%2Flarge", 200, CHUNK),
    Step("POST", f"{D}/dal%2Fa/rewriteTo/b/my-bucket/o/dal%2Fcopy", 200),
    Step("GET", f"{D}?prefix=dal%2F&maxResults=1", 200, keep={"token": lambda answer: answer.json["nextPageToken"]}),
    Step(
        "GET",
        f"{D}?prefix=dal%2F&maxResults=1&pageToken={{token}}",
        200,
        check=lambda answer: names(answer) == ["dal/copy"],
    ),
    Step(
        "POST",
        "/batch/storage/v1",
        200,
        f"{DAL_BATCH}--b--\r\n",
        {"content-type": "multipart/mixed; boundary=b"},
        lambda answer: answer.text.count("HTTP/1.1 204 ") == 2,
    ),
    Step("GET", f"{D}?prefix=dal%2F&delimiter=/", 200, check=lambda answer: names(answer) == ["dal/a", "dal/copy"]),
]


def test_object_store_gets_the_answers_that_it_accepts(ask: Asker) -> None:
    """Every request of a run."""
    run(ask, OBJECT_STORE)


def test_opendal_and_googles_crate_get_the_answers_that_they_accept(ask: Asker) -> None:
    """Every request of a run."""
    run(ask, RUST)

"""Requests at random to every route: never a 500, always an answer that its API can print."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from tests.grpc.wire import Wire
from tests.random_requests import Writer
from tests.storage.asking import Asker, B
from tuning_emulator.core.errors import Code
from tuning_emulator.storage.messages import SCHEMAS
from tuning_emulator.storage.xml_api import SUBRESOURCES

WORDS = [
    *("my-bucket", "x", "a%2Fb", "none", "%", "%FF", "..", "", "%00", "é", "-1", "0", "1", "999999999999999999999"),
    *(
        "allUsers",
        "true",
        "{",
        "*",
        "**",
        "a,b",
        "name",
        "items(name)",
        "resumable",
        "media",
        "multipart",
        "[",
        "/",
        "\\",
    ),
]
PARAMETERS = [
    *("generation", "ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch", "ifSourceGenerationMatch"),
    *("maxResults", "pageToken", "prefix", "delimiter", "startOffset", "endOffset", "matchGlob", "versions", "fields"),
    *(
        "projection",
        "alt",
        "uploadType",
        "upload_id",
        "name",
        "softDeleted",
        "rewriteToken",
        "maxBytesRewrittenPerCall",
    ),
    *(
        "predefinedAcl",
        "permissions",
        "project",
        "uploads",
        "uploadId",
        "partNumber",
        "list-type",
        "max-keys",
        "marker",
    ),
    *(
        "continuation-token",
        "encoding-type",
        "X-Goog-Date",
        "X-Goog-Expires",
        "X-Goog-Signature",
        "Expires",
        "Signature",
    ),
    *("includeTrailingDelimiter", "kmsKeyName", "contentEncoding", "location", *sorted(SUBRESOURCES)),
]
HEADERS = [
    *("range", "if-match", "if-none-match", "if-modified-since", "x-goog-if-generation-match", "x-goog-copy-source"),
    *("x-goog-hash", "content-md5", "content-type", "content-encoding", "content-range", "x-goog-resumable", "host"),
    *("x-goog-metadata-directive", "x-upload-content-length", "x-goog-acl", "x-http-method-override", "x-goog-meta-a"),
]
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    [],
    [1],
    {},
    {"a": None},
    {"enabled": 1},
    [{"name": "x"}],
    "\ud800",
]
FIELDS = [
    *("name", "metadata", "labels", "acl", "contentType", "customTime", "retention", "temporaryHold", "versioning"),
    *(
        "lifecycle",
        "softDeletePolicy",
        "retentionPolicy",
        "iamConfiguration",
        "sourceObjects",
        "destination",
        "bindings",
    ),
    *("entity", "role", "etag", "version", "md5Hash", "crc32c", "location", "objectRetention", "contexts"),
]
VERBS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"]


def list_paths(asker: Asker) -> list[tuple[str, ...]]:
    """Paths of the JSON API's routes, ``*`` where names stand."""
    return [one.path for many in asker.embedded.app.json_api._routes.values() for one in many]


def make_path(chosen: random.Random, paths: Sequence[tuple[str, ...]]) -> str:
    """A path of a route, its names at random, or of the XML API."""
    kind = chosen.randrange(6)
    if kind == 0:
        return "/" + "/".join(chosen.choices(WORDS, k=chosen.randrange(1, 4)))
    if kind == 1:
        return f"/my-bucket/{chosen.choice(WORDS)}"
    path = chosen.choice(paths)
    names = iter(chosen.choices(["my-bucket", *WORDS], weights=[9, *[1] * len(WORDS)], k=9))
    prefix = chosen.choice(["/storage/v1/", "/upload/storage/v1/", "/download/storage/v1/", "/"])
    return prefix + "/".join(next(names) if part == "*" else part for part in path)


def make_body(chosen: random.Random) -> bytes:
    """JSON that may fit, XML, parts, noise."""
    kind = chosen.randrange(6)
    if kind < 3:
        value = {name: chosen.choice(VALUES) for name in chosen.sample(FIELDS, 3)}
        return json.dumps(value if kind else chosen.choice(VALUES)).encode()
    if kind == 3:
        return chosen.choice([b"", b"{", b"<a/>", b"<CompleteMultipartUpload><Part/></CompleteMultipartUpload>"])
    if kind == 4:
        inner = f"{chosen.choice(VERBS)} {B}/o/{chosen.choice(WORDS)} HTTP/1.1\r\n\r\n{{}}"
        return f"--b\r\n\r\n{inner}\r\n--b\r\n\r\n{chosen.choice(WORDS)}\r\n--b--".encode("utf-8", "replace")
    return chosen.randbytes(chosen.randrange(60))


def make_value(chosen: random.Random) -> str:
    """Of a header."""
    words = ["bytes=0-1", "bytes */*", "bytes 0-1/*", "bytes 0-0/1", "bytes=-", "start", "REPLACE", "gzip", "W/x"]
    types = ["multipart/related; boundary=b", "multipart/mixed; boundary='b'", "application/json", "my-bucket/x"]
    return chosen.choice([*words, *types, "md5=x,crc32c=", "PATCH", "storage.googleapis.com", "1", "-1", "x" * 300])


def fuzz_http(ask: Asker, requests: int, seed: int) -> None:
    """That many requests over HTTP.

    Raises:
        AssertionError: an answer is 5xx but not 501, which says what is not served, or cannot be read.
    """
    chosen, paths = random.Random(seed), list_paths(ask)
    for number in range(requests):
        if number % 250 == 0:
            ask("POST", "/storage/v1/b?project=p", {"name": "my-bucket"})
            ask.upload("x", "hello")
        verb, path, body = chosen.choice(VERBS), make_path(chosen, paths), make_body(chosen)
        names = chosen.sample(PARAMETERS, chosen.randrange(4))
        query = "&".join(f"{name}={chosen.choice(WORDS)}" for name in names)
        headers = {name: make_value(chosen) for name in chosen.sample(HEADERS, chosen.randrange(3))}
        said = f"{verb} {path}?{query} {headers} {body!r}"
        answer = ask(verb, f"{path}?{query}".encode().decode("latin-1"), body, headers)
        assert answer.status < 500 or answer.status == 501, f"{said}: {answer.status} {answer.body!r}"
        if answer.status >= 400 and answer.body:
            kind = answer.headers["content-type"]
            assert (
                json.loads(answer.body)["error"] if "json" in kind else ElementTree.fromstring(answer.body) is not None
            )


async def fuzz_grpc(wire: Wire, seed: int) -> int:
    """A message to every method over gRPC; how many.

    Raises:
        AssertionError: an answer is INTERNAL or UNKNOWN.
    """
    schema = SCHEMAS["v2"]
    writer = Writer(schema, seed, ("projects/_/buckets/my-bucket", "x", "my-bucket", "projects/p"))
    for method in schema.methods.values():
        heard = await wire.ask(schema, method, writer.write(method.request), ())
        assert heard.code not in (Code.INTERNAL, Code.UNKNOWN), (method.name, heard)
    return len(schema.methods)

"""What google-cloud-storage for Java 2.78 sends, in its order and forms, and the answers that it accepts."""

from __future__ import annotations

import gzip
import re

from tests.storage.asking import Answer, Asker
from tests.storage.client_steps import BIG, GENERATION, MULTIPART, SESSION, Step, crc32c, has, names, related, run

PACKED = {**MULTIPART, "content-encoding": "gzip"}
JB = "/storage/v1/b/my-java-bucket"
JAVA_JSON = {"content-type": "application/json; charset=UTF-8", "content-encoding": "gzip"}
JAVA_PARTS = gzip.compress(
    related({"bucket": "my-java-bucket", "crc32c": crc32c(b"hello"), "name": "folder/ä+b.txt"}, b"hello", lengths=True)
)
JAVA_BATCH = "".join(
    f"--b\r\nContent-Length: 99\r\nContent-Type: application/http\r\ncontent-id: {number}\r\n"
    f"content-transfer-encoding: binary\r\n\r\n{verb} http://127.0.0.1:1{JB}/o/{name} HTTP/1.1\r\n\r\n\r\n"
    for number, (verb, name) in enumerate(
        [("GET", "folder%2F%C3%A4+b.txt"), ("DELETE", "none"), ("DELETE", "large")], 1
    )
)


def part_statuses(answer: Answer) -> list[str]:
    """Of a batch, as Java's client finds them: behind the empty line that ends a part's own headers."""
    return re.findall(r"Content-ID: response-\d\r\n\r\nHTTP/1.1 (\d+) ", answer.text)


JAVA = [
    Step(
        "POST",
        "/storage/v1/b?project=my-project&projection=full",
        200,
        gzip.compress(b'{"labels":{"a":"b"},"location":"US","name":"my-java-bucket","retentionPolicy":null}'),
        JAVA_JSON,
        lambda answer: answer.json["labels"] == {"a": "b"} and answer.json["acl"] == [],
    ),
    Step(
        "POST",
        f"/upload{JB}/o?projection=full&uploadType=multipart",
        200,
        JAVA_PARTS,
        PACKED,
        lambda answer: answer.json["name"] == "folder/ä+b.txt",
        keep=GENERATION,
    ),
    Step("GET", f"/download{JB}/o/folder%2F%C3%A4+b.txt?alt=media", 200, check=lambda answer: answer.body == b"hello"),
    Step("GET", f"/download{JB}/o/folder%2F%C3%A4+b.txt?alt=media", 206, headers={"range": "bytes=2-5"}),
    Step(
        "POST",
        f"{JB}/o/folder%2F%C3%A4+b.txt?projection=full",
        200,
        gzip.compress(b'{"contentType":"text/plain","metadata":{"x":"y","k":null}}'),
        {**JAVA_JSON, "x-http-method-override": "PATCH"},
        lambda answer: answer.json["metadata"] == {"x": "y"} and answer.json["metageneration"] == "2",
    ),
    Step(
        "GET", f"{JB}/o?maxResults=2&prefix=folder/&projection=full", 200, check=lambda answer: len(names(answer)) == 1
    ),
    Step("POST", f"/upload{JB}/o?name=large&uploadType=resumable", 200, {"name": "large"}, keep=SESSION),
    Step(
        "PUT",
        "{session}",
        308,
        BIG[: 1 << 19],
        {"content-range": f"bytes 0-{(1 << 19) - 1}/*"},
        has(range=f"bytes=0-{(1 << 19) - 1}"),
    ),
    Step(
        "PUT",
        "{session}",
        200,
        BIG[1 << 19 :],
        {"content-range": f"bytes {1 << 19}-{len(BIG) - 1}/{len(BIG)}", "x-goog-hash": f"crc32c={crc32c(BIG)}"},
        lambda answer: answer.json["crc32c"] == crc32c(BIG),
    ),
    Step(
        "POST",
        f"{JB}/o/folder%2F%C3%A4+b.txt/rewriteTo/b/my-java-bucket/o/copied?projection=full",
        200,
        headers={"content-type": "application/x-www-form-urlencoded"},
    ),
    Step("GET", f"/download{JB}/o/folder%2F%C3%A4+b.txt?alt=media&generation={{generation}}", 200),
    Step("POST", f"/upload{JB}/o?ifGenerationMatch=0&projection=full&uploadType=multipart", 412, JAVA_PARTS, PACKED),
    Step(
        "POST",
        "/batch/storage/v1",
        200,
        f"{JAVA_BATCH}--b--\r\n",
        {"content-type": "multipart/mixed; boundary=b"},
        lambda answer: part_statuses(answer) == ["200", "404", "204"],
    ),
    Step("POST", "/storage/v1/b?project=my-project", 409, gzip.compress(b'{"name":"my-java-bucket"}'), JAVA_JSON),
    Step("DELETE", JB, 409, check=lambda answer: answer.reason == "conflict"),
]


def test_java_gets_the_answers_that_it_accepts(ask: Asker) -> None:
    """Every request of a run."""
    run(ask, JAVA)

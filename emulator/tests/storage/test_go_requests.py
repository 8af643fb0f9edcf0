"""What google-cloud-go storage 1.70 sends, in its order and forms, and the answers that it accepts."""

from __future__ import annotations

import gzip

from tests.storage.asking import Asker
from tests.storage.client_steps import BIG, GENERATION, MULTIPART, SESSION, Step, crc32c, has, names, related, run

NO_308 = {"content-type": "application/octet-stream", "x-guploader-no-308": "yes"}
J, P = "alt=json&prettyPrint=false", "alt=json&prettyPrint=false&projection=full"
LIST = (
    "alt=json&delimiter={}&endOffset={}&includeFoldersAsPrefixes=false&includeTrailingDelimiter=false&matchGlob={}"
    "&pageToken=&prefix={}&prettyPrint=false&projection=full&startOffset={}&versions=false"
)
OBJECTS, U = "/storage/v1/b/go-bucket/o", f"/upload/storage/v1/b/go-bucket/o?{P}"
TRAIN = "data%2Ftr%C3%A4in%201%2B1.jsonl"
TRAIN_XML = "/go-bucket/data%2Ftr%C3%A4in%201+1.jsonl"


GO = [
    Step(
        "POST",
        f"/storage/v1/b?{J}&project=my-project",
        200,
        {"labels": {"team": "go"}, "lifecycle": {"rule": []}, "location": "us-central1", "name": "go-bucket"},
    ),
    Step(
        "GET",
        f"/storage/v1/b/go-bucket?{P}",
        200,
        check=lambda answer: (answer.json["location"], answer.json["labels"]) == ("US-CENTRAL1", {"team": "go"}),
    ),
    Step("PATCH", f"/storage/v1/b/go-bucket?{P}", 200, {"labels": {"team": "gophers"}}),
    Step(
        "GET",
        f"/storage/v1/b?{J}&pageToken=&prefix=go-bucket&project=my-project&projection=full&returnPartialSuccess=false",
        200,
        check=lambda answer: names(answer) == ["go-bucket"],
    ),
    Step(
        "POST",
        f"{U}&name=data%2Ftr%C3%A4in+1%2B1.jsonl&uploadType=multipart",
        200,
        related(
            {"bucket": "go-bucket", "contentType": "application/jsonl", "name": "data/träin 1+1.jsonl"}, b"0123456789"
        ),
        MULTIPART,
        lambda answer: answer.json["metageneration"] == "1" and answer.json["md5Hash"] != "",
    ),
    Step("GET", f"{OBJECTS}/{TRAIN}?{P}", 200, check=lambda answer: answer.json["name"] == "data/träin 1+1.jsonl"),
    Step(
        "GET",
        TRAIN_XML,
        200,
        check=lambda answer: (
            answer.body == b"0123456789"
            and answer.headers["last-modified"] == "Sun, 03 Nov 2024 21:08:07 GMT"
            and answer.headers["x-goog-metageneration"] == "1"
        ),
    ),
    Step("GET", TRAIN_XML, 206, headers={"range": "bytes=2-"}, check=has(content_range="bytes 2-9/10")),
    Step("GET", TRAIN_XML, 206, headers={"range": "bytes=-3"}, check=lambda answer: answer.body == b"789"),
    Step("GET", f"{OBJECTS}/{TRAIN}?alt=media&prettyPrint=false&projection=full", 200),
    Step(
        "PATCH",
        f"{OBJECTS}/{TRAIN}?ifMetagenerationMatch=1&{P}",
        200,
        {"bucket": "go-bucket", "cacheControl": "no-cache", "contentType": "text/plain", "metadata": {"rows": "1"}},
        check=lambda answer: answer.json["metageneration"] == "2",
    ),
    Step(
        "POST",
        f"{U}&ifGenerationMatch=0&name=once&uploadType=multipart",
        200,
        related({}, b"1"),
        MULTIPART,
        keep=GENERATION,
    ),
    Step("POST", f"{U}&ifGenerationMatch=0&name=once&uploadType=multipart", 412, related({}, b"2"), MULTIPART),
    Step(
        "POST",
        f"{U}&ifGenerationMatch={{generation}}&name=once&uploadType=multipart",
        200,
        related({}, b"3"),
        MULTIPART,
    ),
    Step(
        "POST",
        f"{U}&ifGenerationMatch={{generation}}&name=once&uploadType=multipart",
        412,
        related({}, b"4"),
        MULTIPART,
    ),
    Step("PATCH", f"{OBJECTS}/{TRAIN}?ifMetagenerationMatch=77&{P}", 412, {"contentType": "text/plain"}),
    Step("GET", "/go-bucket/once", 412, headers={"x-goog-if-generation-match": "1"}),
    Step("DELETE", f"{OBJECTS}/once?ifGenerationMatch=1&{J}", 412),
    Step("GET", f"{OBJECTS}/{TRAIN}?generation=1&{P}", 404),
    Step(
        "POST",
        f"{U}&name=big&uploadType=resumable",
        200,
        {"bucket": "go-bucket", "crc32c": crc32c(BIG), "name": "big"},
        {"x-upload-content-type": "application/octet-stream"},
        keep=SESSION,
    ),
    Step(
        "POST",
        "{session}",
        200,
        BIG[: 1 << 19],
        {**NO_308, "content-range": f"bytes 0-{(1 << 19) - 1}/*"},
        has(x_http_status_code_override="308", range=f"bytes=0-{(1 << 19) - 1}"),
    ),
    Step(
        "POST", "{session}", 200, b"", {**NO_308, "content-range": "bytes */*"}, has(x_http_status_code_override="308")
    ),
    Step(
        "POST",
        "{session}",
        200,
        BIG[1 << 19 :],
        {**NO_308, "content-range": f"bytes {1 << 19}-{len(BIG) - 1}/{len(BIG)}"},
        lambda answer: answer.json["size"] == str(len(BIG)) and "x-http-status-code-override" not in answer.headers,
    ),
    Step("POST", f"{U}&name=wrong&uploadType=multipart", 400, related({"crc32c": "AAAAAQ=="}, b"x"), MULTIPART),
    Step("POST", f"{U}&name=wrong&uploadType=resumable", 200, {"crc32c": "AAAAAQ=="}, keep=SESSION),
    Step("POST", "{session}", 400, b"x", {**NO_308, "content-range": "bytes 0-0/1"}),
    Step("GET", f"{OBJECTS}/wrong?{P}", 404),
    Step(
        "POST",
        f"{U}&name=packed&uploadType=multipart",
        200,
        related({"contentEncoding": "gzip"}, gzip.compress(b"hello")),
        MULTIPART,
    ),
    Step("GET", "/go-bucket/packed", 200, check=lambda answer: answer.body == b"hello"),
    Step(
        "GET",
        "/go-bucket/packed",
        200,
        headers={"accept-encoding": "gzip"},
        check=lambda answer: (
            gzip.decompress(answer.body) == b"hello"
            and has(content_encoding="gzip", x_goog_stored_content_encoding="gzip")(answer)
        ),
    ),
    Step("POST", f"{U}&name=data%2F0.jsonl&uploadType=multipart", 200, related({}, b"0\n"), MULTIPART),
    Step("POST", f"{U}&name=data%2F1.jsonl&uploadType=multipart", 200, related({}, b"1\n"), MULTIPART),
    Step(
        "GET",
        f"{OBJECTS}?{LIST.format('%2F', '', '', '', '')}",
        200,
        check=lambda answer: (names(answer), answer.json["prefixes"]) == (["big", "once", "packed"], ["data/"]),
    ),
    Step(
        "GET",
        f"{OBJECTS}?maxResults=2&{LIST.format('', '', '', 'data%2F', '')}",
        200,
        check=lambda answer: names(answer) == ["data/0.jsonl", "data/1.jsonl"],
        keep={"token": lambda answer: answer.json["nextPageToken"]},
    ),
    Step(
        "GET",
        f"{OBJECTS}?{J}&maxResults=2&pageToken={{token}}&prefix=data%2F",
        200,
        check=lambda answer: names(answer) == ["data/träin 1+1.jsonl"] and "nextPageToken" not in answer.json,
    ),
    Step(
        "GET",
        f"{OBJECTS}?{LIST.format('', 'data%2F2', '', '', 'data%2F1')}",
        200,
        check=lambda answer: names(answer) == ["data/1.jsonl"],
    ),
    Step(
        "GET",
        f"{OBJECTS}?{LIST.format('', '', 'data%2F%5B0-9%5D.jsonl', '', '')}",
        200,
        check=lambda answer: names(answer) == ["data/0.jsonl", "data/1.jsonl"],
    ),
    Step(
        "GET",
        f"{OBJECTS}?fields=nextPageToken%2Cprefixes%2Citems%28name%29&{LIST.format('', '', '', 'data%2F0', '')}",
        200,
        check=lambda answer: answer.json == {"items": [{"name": "data/0.jsonl"}]},
    ),
    Step(
        "GET",
        f"/storage/v1/b?{J}&prefix=no-such-prefix&project=my-project",
        200,
        check=lambda answer: not names(answer),
    ),
    Step(
        "POST",
        f"{OBJECTS}/{TRAIN}/rewriteTo/b/go-bucket/o/copy?{P}",
        200,
        {},
        check=lambda answer: answer.json["done"] is True and answer.json["resource"]["contentType"] == "text/plain",
    ),
    Step(
        "POST",
        f"{OBJECTS}/composed/compose?{J}",
        200,
        {
            "destination": {"bucket": "go-bucket", "contentType": "application/jsonl"},
            "sourceObjects": [{"name": "data/0.jsonl"}, {"name": "data/1.jsonl"}],
        },
        check=lambda answer: (
            (answer.json["size"], answer.json["componentCount"]) == ("4", 2) and "md5Hash" not in answer.json
        ),
    ),
    Step(
        "GET",
        f"{OBJECTS}?{LIST.format('', '', '', 'composed', '')}",
        200,
        check=lambda answer: names(answer) == ["composed"],
    ),
    Step("POST", f"{OBJECTS}/copy/moveTo/o/moved?{J}", 200, check=lambda answer: answer.json["name"] == "moved"),
    Step("GET", f"{OBJECTS}/copy?{P}", 404),
    Step("GET", f"{TRAIN_XML}?X-Goog-Date=20241103T210800Z&X-Goog-Expires=3599&X-Goog-Signature=00", 200),
    Step("GET", f"{TRAIN_XML}?X-Goog-Date=20241103T210800Z&X-Goog-Expires=1&X-Goog-Signature=00", 400),
    Step("PUT", "/go-bucket/uploaded?X-Goog-Date=20241103T210800Z&X-Goog-Expires=3599&X-Goog-Signature=00", 200, b"up"),
    Step("GET", "/go-bucket/none", 404, check=lambda answer: "<Code>NoSuchKey</Code>" in answer.text),
    Step("DELETE", f"{OBJECTS}/none?{J}", 404),
    Step("GET", f"/storage/v1/b/go-bucket-none/o?{P}", 404),
    Step(
        "POST",
        f"/upload/storage/v1/b/go-bucket-none/o?{P}&name=x&uploadType=multipart",
        404,
        related({}, b"x"),
        MULTIPART,
    ),
    Step("POST", f"/storage/v1/b?{J}&project=my-project", 409, {"name": "go-bucket"}),
    Step(
        "DELETE",
        f"/storage/v1/b/go-bucket?{J}",
        409,
        check=lambda answer: "not empty" in answer.json["error"]["message"],
    ),
    *(
        Step("DELETE", f"{OBJECTS}/{name}?{J}", 204)
        for name in (
            "big",
            "once",
            "packed",
            "uploaded",
            "moved",
            "composed",
            "data%2F0.jsonl",
            "data%2F1.jsonl",
            TRAIN,
        )
    ),
    Step("DELETE", f"/storage/v1/b/go-bucket?{J}", 204),
]


def test_go_gets_the_answers_that_it_accepts(ask: Asker) -> None:
    """Every request of a run."""
    run(ask, GO)

"""Requests to Cloud Storage, JSON and XML, and uploads in steps that do not fit together."""

from __future__ import annotations

import random
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import quote

from campaigns.fuzzing.client import Request
from campaigns.fuzzing.mutation import mutate, write_json
from campaigns.fuzzing.population import Population
from tests.storage.asking import open_storage
from tests.storage.fuzzing import (
    FIELDS,
    HEADERS,
    PARAMETERS,
    VALUES,
    VERBS,
    WORDS,
    list_paths,
    make_body,
    make_path,
    make_value,
)

SESSIONS = ("upload_id", "uploadId", "rewriteToken", "pageToken")
_HOSTS = ("storage.googleapis.com", "my-bucket.storage.googleapis.com", "localhost", "x.localhost")


@cache
def _paths() -> list[tuple[str, ...]]:
    with tempfile.TemporaryDirectory() as folder, open_storage(Path(folder)) as asker:
        return list_paths(asker)


def make_stored(chosen: random.Random, population: Population) -> Request:
    """One request."""
    if chosen.random() < 0.25:
        return _make_upload(chosen, population)
    body = make_body(chosen)
    if chosen.random() < 0.3:
        tree = {name: chosen.choice(VALUES) for name in chosen.sample(FIELDS, 3)}
        body = write_json(chosen, mutate(chosen, tree))
    names = chosen.sample(PARAMETERS, chosen.randrange(4))
    query = "&".join(f"{name}={_make_word(chosen, name, population)}" for name in names)
    headers = [(name, make_value(chosen)) for name in chosen.sample(HEADERS, chosen.randrange(3))]
    path = make_path(chosen, _paths())
    return Request("storage", chosen.choice(VERBS), f"{path}?{query}" if query else path, headers, body)


def _make_word(chosen: random.Random, name: str, population: Population) -> str:
    if name in SESSIONS and population.told and chosen.random() < 0.7:
        return quote(chosen.choice(population.told), safe="")
    return chosen.choice(WORDS)


def _make_upload(chosen: random.Random, population: Population) -> Request:
    """Beginnings of resumable and multipart uploads, and steps of them with ranges that do not fit."""
    kind = chosen.randrange(5)
    place = f"/upload/storage/v1/b/{chosen.choice(('my-bucket', 'my-bucket', 'none'))}/o"
    sizes = ("0-3/4", "0-3/*", "*/*", "*/4", "4-7/8", "0-262143/*", "3-1/4", "0-99999999999999999999/*", "x", "0-3/2")
    data = chosen.randbytes(chosen.choice((0, 4, 4, 8, 262_144)))
    session = quote(chosen.choice(population.told or ["x"]), safe="")
    ranges = [("Content-Range", f"bytes {chosen.choice(sizes)}")] if chosen.random() < 0.9 else []
    if kind == 0:
        query = f"?uploadType=resumable&name={chosen.choice(('a', 'a/b', '%00', ''))}"
        return Request(
            "storage", "POST", place + query, [("x-upload-content-length", chosen.choice(("4", "-1", "x")))], b"{}"
        )
    if kind == 1:
        return Request(
            "storage", chosen.choice(("PUT", "POST", "DELETE")), f"{place}?upload_id={session}", ranges, data
        )
    if kind == 2:
        parts = b'--b\r\nContent-Type: application/json\r\n\r\n{"name": "m"}\r\n--b\r\n\r\nhello\r\n--b--'
        where = chosen.randrange(len(parts))
        parts = parts[:where] + chosen.choice((b"", b"--b--", b"\r\n", b"\x00")) + parts[where + chosen.randrange(3) :]
        boundary = chosen.choice(("b", '"b"', "", "'", "b" * 80))
        return Request(
            "storage",
            "POST",
            f"{place}?uploadType=multipart",
            [("Content-Type", f"multipart/related; boundary={boundary}")],
            parts,
        )
    if kind == 3:
        return Request(
            "storage", "POST", f"/my-bucket/{chosen.choice(('big', 'a'))}?uploads", [("Host", chosen.choice(_HOSTS))]
        )
    number = chosen.choice(("1", "2", "0", "-1", "10001", "x"))
    return Request(
        "storage",
        "PUT",
        f"/my-bucket/big?partNumber={number}&uploadId={session}",
        [("Host", chosen.choice(_HOSTS))],
        data,
    )

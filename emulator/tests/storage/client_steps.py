"""One request of a client, and what its answer must be."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import google_crc32c

from tests.storage.asking import Answer, Asker

Check: TypeAlias = Callable[[Answer], bool]
Keep: TypeAlias = Mapping[str, Callable[[Answer], str]]
CHUNK = bytes(range(256)) * 1024
BIG = CHUNK * 4 + b"the end"
_INT64 = re.compile(r'"(size|generation|metageneration|totalBytesRewritten|objectSize|projectNumber)": \d')
"""Java's reader and Go's refuse numbers of 64 bits that are no strings."""


def crc32c(data: bytes) -> str:
    """As clients send it."""
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def related(resource: Mapping[str, Any], data: bytes, *, lengths: bool = False) -> bytes:
    """A multipart body as Go's client writes it, or with lengths in its parts, as Java's does."""
    text = json.dumps(resource).encode()
    first = f"Content-Length: {len(text)}\r\n" if lengths else ""
    second = f"Content-Length: {len(data)}\r\n" if lengths else ""
    return (
        f"--b\r\n{first}Content-Type: application/json\r\n\r\n".encode()
        + text
        + f"\r\n--b\r\n{second}Content-Type: application/jsonl\r\n\r\n".encode()
        + data
        + b"\r\n--b--\r\n"
    )


@dataclass(frozen=True, slots=True)
class Step:
    """A request and what its answer must be.

    Attributes:
        target: With ``{names}`` of what was kept of earlier answers. keep: What of this one is, by name.
    """

    verb: str
    target: str
    status: int
    body: bytes | str | dict[str, Any] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    check: Check = lambda answer: True
    keep: Keep = field(default_factory=dict)


MULTIPART = {"content-type": "multipart/related; boundary=b"}
SESSION: Keep = {"session": lambda answer: answer.headers["location"].partition("localhost:8790")[2]}
GENERATION: Keep = {"generation": lambda answer: answer.json["generation"]}


def names(answer: Answer) -> list[str]:
    """Of a list."""
    return [one["name"] for one in answer.json.get("items", [])]


def has(**headers: str) -> Check:
    """An answer with those headers."""
    return lambda answer: all(answer.headers.get(name.replace("_", "-")) == value for name, value in headers.items())


def run(ask: Asker, steps: list[Step]) -> None:
    """Asks one after the other, and looks at each answer as the client's code does."""
    kept: dict[str, str] = {}
    for number, step in enumerate(steps):
        headers = {name: _fill(value, kept) for name, value in step.headers.items()}
        body = _fill(step.body, kept) if isinstance(step.body, str) else step.body
        answer = ask(step.verb, _fill(step.target, kept), body, headers)
        said = f"{number}: {step.verb} {step.target}: {answer.status} {answer.body[:400]!r} {answer.headers}"
        assert answer.status == step.status, said
        assert step.check(answer), said
        if answer.headers.get("content-type", "").startswith("application/json;"):
            assert not _INT64.search(answer.text), said
        kept |= {name: read(answer) for name, read in step.keep.items()}


def _fill(text: str, kept: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: kept[found[1]], text)

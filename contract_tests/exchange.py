"""A recorded exchange: what was asked, what the real service answered, where that is public, how much was seen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

RECORDINGS = Path(__file__).resolve().parent / "recordings"

Seen: TypeAlias = Literal[
    "answer", "body", "client", "error", "message", "beginning", "syntax", "text", "page", "headers"
]
"""How much of the answer is public: ``answer``: status, headers and body. ``body``: the body. ``client``: what a client
printed of it. ``error``: code, message, status and details. ``message``: the text of an error. ``beginning``: its first
words. ``syntax``: the reader's complaint with what surrounds it. ``text``: a body that is no JSON object, its bytes.
``page``: the headers of a page and its length. ``headers``: status and headers."""

SEEN: tuple[Seen, ...] = get_args(Seen)


class RecordingError(ValueError):
    """A recording contradicts itself; the text names it and the field."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request.

    Attributes:
        seen: Whether it was recorded too; else it is the simplest one that gets this answer.
        body: JSON value, or None. text: raw body, where it is not JSON or its form matters.
        rpc, message: Instead of all that: a method and its request, for what no HTTP path leads to.
    """

    verb: str
    url: str
    headers: Mapping[str, str]
    body: Any
    text: str | None
    seen: bool
    rpc: str
    message: Mapping[str, Any]

    @property
    def content(self) -> bytes:
        """The bytes of the body."""
        if self.text is not None:
            return self.text.encode()
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass(frozen=True, slots=True)
class Given:
    """An answer. ``headers`` in their order; ``text`` where the body is no JSON object or its bytes matter."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: Any
    text: str | None

    @property
    def content(self) -> bytes:
        """The bytes of the body, as Google prints it."""
        if self.text is not None:
            return self.text.encode()
        printed = json.dumps(self.body, indent=2, ensure_ascii=False)
        return (printed.replace("<", "\\u003c").replace(">", "\\u003e") + "\n").encode()


@dataclass(frozen=True, slots=True)
class Recording:
    """One exchange.

    Attributes:
        api: ``gemini``, ``vertex``, or ``front end`` for what is the same on every Google API.
        date: Day, month or year.
        version: API version it was recorded on, where that is gone and its successor is asked instead.
        differs: Name of the divergence because of which the emulator answers otherwise on purpose; "" for none.
        live: Anybody with credentials can have it again: it needs nothing to be there.
        unordered: The recorder sorts keys, so their order says nothing.
        fact: Row of a table of ``facts`` and its ``values``, for what no request brings about.
    """

    name: str
    api: Literal["gemini", "vertex", "front end"]
    method: str
    source: str
    date: str
    grade: Literal["recorded"]
    seen: Seen
    request: Sent
    answer: Given
    version: str = ""
    differs: str = ""
    live: bool = False
    unordered: bool = False
    note: str = ""
    fact: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


def parse_recording(row: Mapping[str, Any]) -> Recording:
    """A row of a recordings file.

    Raises:
        RecordingError: a field is missing, unknown, or has a value that it cannot have.
    """
    name = row.get("name", "a recording without name")
    for key, allowed in (("seen", SEEN), ("grade", ("recorded",)), ("api", ("gemini", "vertex", "front end"))):
        if row.get(key) not in allowed:
            raise RecordingError(f"{name}: {key} is {row.get(key)!r}; must be one of {', '.join(allowed)}")
    try:
        return Recording(**{**row, "request": _parse_sent(row["request"]), "answer": _parse_given(row["answer"])})
    except (KeyError, TypeError) as error:
        raise RecordingError(f"{name}: {error}") from error


def _parse_sent(value: Mapping[str, Any]) -> Sent:
    empty: dict[str, Any] = {"verb": "", "url": "", "headers": {}, "body": None, "text": None, "rpc": "", "message": {}}
    return Sent(**{**empty, **value})


def _parse_given(value: Mapping[str, Any]) -> Given:
    headers = tuple((name, text) for name, text in value["headers"])
    return Given(value["status"], headers, value.get("body"), value.get("text"))


def read_rows(file: Path) -> list[dict[str, Any]]:
    """The rows of one file, as they stand there."""
    rows: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return rows


def print_rows(rows: list[dict[str, Any]]) -> str:
    """Rows as they stand in a file, so that a refresh shows only what changed."""
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def list_recordings(directory: Path = RECORDINGS) -> Iterator[Recording]:
    """Every recording, file by file.

    Raises:
        RecordingError: one is not whole, or two have one name.
    """
    names: set[str] = set()
    for file in sorted(directory.glob("*.json")):
        for row in read_rows(file):
            recording = parse_recording(row)
            if recording.name in names:
                raise RecordingError(f"{recording.name}: the name is taken")
            names.add(recording.name)
            yield recording

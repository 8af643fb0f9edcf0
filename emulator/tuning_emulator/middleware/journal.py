"""The journal: what was asked, what was answered and why. Bounded, and without anybody's secrets."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tuning_emulator.api.exchange import Exchange
from tuning_emulator.middleware.redaction import (
    LARGEST_BYTES,
    KeptHeaders,
    find_credentials,
    keep_headers,
    redact_body,
    redact_error,
    redact_query,
    redact_value,
    unpack_headers,
)
from tuning_emulator.middleware.request_info import find_project_of, find_test, format_client, same_project

LARGEST_JOURNAL_BYTES = 8 * 1024 * 1024
"""Of all bodies together; the oldest entries go first."""
_NO_HEADERS: dict[str, str] = {}
_NOTHING: list[Any] = []
"""Stands in for the empty lists of all entries."""


@dataclass(slots=True)
class Entry:
    """One request.

    Attributes:
        id: 1 for the first request that the journal saw.
        time_ns: When it was answered, by the emulator's clock.
        exchange: Request and answer, redacted; its headers are those of ``KEPT_HEADERS``, once ``kept`` is unpacked.
        request: The redacted body as JSON text. request_bytes, response_bytes: As sent, before redaction.
        size_bytes: What it holds of bodies.
    """

    id: int
    time_ns: int
    exchange: Exchange
    kept: KeptHeaders
    request: str
    request_bytes: int
    response_bytes: int
    size_bytes: int

    def unpack(self) -> Entry:
        """Itself, with its headers by name."""
        if not self.exchange.headers:
            self.exchange.headers = unpack_headers(self.kept)
        return self


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are wanted; "" and 0 mean all.

    Attributes:
        project: Id or number. method: Glob, with or without the service in front; ``-`` for what matched no method.
        client: Part of the client's name. test: The header, or for requests without it their project.
        status: HTTP status (``404``), class (``4xx``), or name of a canonical code.
        after: Only entries newer than this id. before: Only older ones.
    """

    project: str = ""
    method: str = ""
    client: str = ""
    test: str = ""
    status: str = ""
    after: int = 0
    before: int = 0

    def takes(self, entry: Entry) -> bool:
        """Whether an entry is wanted."""
        exchange = entry.exchange
        return (
            (not self.after or entry.id > self.after)
            and (not self.before or entry.id < self.before)
            and (not self.method or self._takes_method(exchange.method))
            and (not self.status or self._takes_status(exchange))
            and (not self.project or same_project(self.project, find_project_of(exchange)))
            and (not self.client or self.client in format_client(exchange.headers))
            and (not self.test or self._takes_test(exchange))
        )

    def _takes_method(self, name: str) -> bool:
        if not name:
            return self.method == "-"
        return fnmatchcase(name, self.method) or fnmatchcase(name.rpartition(".")[2], self.method)

    def _takes_status(self, exchange: Exchange) -> bool:
        if self.status.endswith("xx"):
            return str(exchange.status)[:1] == self.status[:1]
        return self.status in (str(exchange.status), exchange.code)

    def _takes_test(self, exchange: Exchange) -> bool:
        named = find_test(exchange.headers)
        return named == self.test if named else same_project(self.test, find_project_of(exchange))


class Journal:
    """The last requests.

    Args:
        capacity: Entries at most. now_ns: The emulator's clock.
    """

    def __init__(self, capacity: int, now_ns: Callable[[], int]) -> None:
        self.capacity = capacity
        self._now_ns = now_ns
        self._entries: deque[Entry] = deque()
        self.last_id = 0
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def keep(self, exchange: Exchange) -> None:
        """Takes a finished exchange over, and takes out of it what must not be kept."""
        request_bytes, response_bytes = len(exchange.body), len(exchange.response)
        self.last_id += 1
        request = _redact(exchange)
        kept = keep_headers(exchange.headers)
        exchange.headers = _NO_HEADERS
        size_bytes = len(request) + len(exchange.response)
        self._entries.append(
            Entry(self.last_id, self._now_ns(), exchange, kept, request, request_bytes, response_bytes, size_bytes)
        )
        self.size_bytes += size_bytes
        while len(self._entries) > self.capacity or self.size_bytes > LARGEST_JOURNAL_BYTES:
            self.size_bytes -= self._entries.popleft().size_bytes

    def find(self, identifier: int) -> Entry | None:
        """One entry; None when there never was one or it has made room for newer ones."""
        return next((entry.unpack() for entry in self._entries if entry.id == identifier), None)

    def list(self, wanted: Filter) -> Iterator[Entry]:
        """The entries that are wanted, newest first."""
        return (entry for entry in reversed(self._entries) if wanted.takes(entry.unpack()))

    def clear(self, project: str = "") -> int:
        """Forgets everything, or the requests of one project; answers how many."""
        wanted = Filter(project=project)
        kept = [entry for entry in self._entries if project and not wanted.takes(entry.unpack())]
        gone = len(self._entries) - len(kept)
        self._entries = deque(kept)
        self.size_bytes = sum(entry.size_bytes for entry in kept)
        return gone


def _redact(exchange: Exchange) -> str:
    """Takes what must not be kept out of an exchange; the request's body as it may be kept."""
    request: str = ""
    removed: list[str] | None = []
    if exchange.body:
        request, removed = redact_body(exchange.body)
        exchange.body = b""
    elif exchange.message is not None:
        exchange.message = redact_value(exchange.message, removed)
    if exchange.code != "OK" and exchange.response:
        credentials = find_credentials(exchange.headers, exchange.query)
        exchange.response = redact_error(exchange.response, removed, credentials)
    if len(exchange.response) > LARGEST_BYTES:
        exchange.response = exchange.response[:LARGEST_BYTES]
    exchange.answer_headers = _NOTHING
    if not exchange.notes:
        exchange.notes = _NOTHING
    if exchange.query:
        exchange.query = redact_query(exchange.query)
    return request

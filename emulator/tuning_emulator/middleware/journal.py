"""The journal: what was asked, what was answered and why. Bounded, and without anybody's secrets."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final, TypeAlias
from urllib.parse import unquote_plus

import msgspec
from msgspec import Struct

from tuning_emulator.api.exchange import TEST_HEADER, Exchange, find_project_of, find_test, format_client, same_project
from tuning_emulator.protojson.printer import format_string

LARGEST_BYTES: Final = 16 * 1024
"""Longer texts are kept in part."""

READ_BYTES: Final = 1024 * 1024
"""Longer requests are kept by size alone: what is not read cannot be redacted."""

KEPT_HEADERS: Final = (
    "user-agent",
    "x-goog-api-client",
    "content-type",
    "x-goog-user-project",
    "x-goog-fieldmask",
    "x-http-method-override",
    "x-server-timeout",
    TEST_HEADER,
)
"""No other header is kept: a list of what is harmless cannot forget a secret."""

KeptHeaders: TypeAlias = tuple[str | None, ...]
"""Values of ``KEPT_HEADERS``."""

HIDDEN: Final = "(redacted)"
_SECRET_NAME: Final = re.compile(r"key|token|secret|passw|auth|credential|signature|cookie", re.IGNORECASE)
_HARMLESS_NAMES: Final = frozenset(
    ("pagetoken", "nextpagetoken", "maxoutputtokens", "totaltokens", "tokencount", "totalbillabletokencount")
)
_DATA_NAMES: Final = frozenset(("trainingdata", "examples", "textinput"))
_FILE_NAME: Final = "inlinedata"
_QUOTED_VALUE: Final = re.compile(r"(\((?:TYPE_\w+|type\.googleapis\.com/[\w.]+)\)), .*")
_LONGEST_PART: Final = 1024
_SHORTEST_SECRET: Final = 4
_SHORTEST_CREDENTIAL: Final = 16
"""Shorter keys and tokens are made up and may be words: `test`. No answer quotes a credential anyway."""

LARGEST_JOURNAL_BYTES = 8 * 1024 * 1024
"""Of all bodies, paths and headers together; the oldest entries go first."""
_NO_HEADERS: dict[str, str] = {}
_NOTHING: list[Any] = []
"""Stands in for the empty lists of all entries."""


class Entry(Struct):
    """One request.

    Attributes:
        id: 1 for the first request that the journal saw.
        time_ns: When it was answered, by the emulator's clock.
        exchange: Request and answer, redacted; its headers are those of ``KEPT_HEADERS``, once ``kept`` is unpacked.
        request: The redacted body as JSON text. request_bytes, response_bytes: As sent, before redaction.
        size_bytes: What it holds of bodies, path, query and headers.
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


class Filter(Struct, frozen=True):
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

    Attributes:
        watch: Is given each new entry; None: nobody looks.
    """

    watch: Callable[[Entry], None] | None = None

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
        size_bytes = len(request) + len(exchange.response) + len(exchange.path) + len(exchange.query)
        size_bytes += _count_bytes(exchange.message) + _count_bytes(kept)
        entry = Entry(self.last_id, self._now_ns(), exchange, kept, request, request_bytes, response_bytes, size_bytes)
        self._entries.append(entry)
        self.size_bytes += size_bytes
        while len(self._entries) > self.capacity or self.size_bytes > LARGEST_JOURNAL_BYTES:
            self.size_bytes -= self._entries.popleft().size_bytes
        if self.watch is not None:
            self.watch(entry)

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
        exchange.message = cut_value(redact_value(exchange.message, removed))
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


# --- what nobody keeps: keys, tokens and data sets


def keep_headers(headers: Mapping[str, str]) -> KeptHeaders:
    """The headers that tell something and cannot hurt, packed: requests are kept far more often than read."""
    return tuple(map(headers.get, KEPT_HEADERS))


def unpack_headers(kept: KeptHeaders) -> dict[str, str]:
    """The same by name."""
    return {name: value for name, value in zip(KEPT_HEADERS, kept, strict=True) if value is not None}


def redact_query(query: str) -> str:
    """A query string, without the values of parameters that hold keys or tokens, however their names are spelled."""
    if not query:
        return query
    return "&".join(_redact_parameter(part) for part in query.split("&"))


def _redact_parameter(part: str) -> str:
    name, equals, _ = part.partition("=")
    return f"{name}={HIDDEN}" if equals and _is_secret(unquote_plus(name)) else part


def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and _plain(name) not in _HARMLESS_NAMES


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def redact_value(value: Any, removed: list[str] | None = None) -> Any:
    """A JSON value, or a message, without data sets, files, keys and bytes; ``removed`` takes what was taken out."""
    if isinstance(value, dict):
        return {name: _redact_field(name, inner, removed) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact_value(inner, removed) for inner in value]
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    return value


def cut_value(value: Any) -> Any:
    """A message that has more than ``LARGEST_BYTES`` without its longer parts; what names its resource is short."""
    if _count_bytes(value) <= LARGEST_BYTES:
        return value
    if isinstance(value, dict):
        return {name: cut_value(inner) for name, inner in value.items() if isinstance(inner, dict)} | {
            name: inner for name, inner in value.items() if _count_bytes(inner) <= _LONGEST_PART
        }
    return f"({_count_bytes(value)} bytes)"


def _count_bytes(value: Any) -> int:
    """About what a value takes as text."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(str(name)) + _count_bytes(inner) for name, inner in value.items())
    if isinstance(value, list | tuple):
        return sum(map(_count_bytes, value)) + len(value)
    return 0 if value is None else 8


def _redact_field(name: str, value: Any, removed: list[str] | None) -> Any:
    plain = _plain(name)
    if plain == _FILE_NAME and isinstance(value, dict) and isinstance(value.get("data"), str):
        if removed is not None:
            removed.append(value["data"])
        return {**value, "data": f"({len(value['data'])} characters of Base64)"}
    if plain not in _DATA_NAMES and not (isinstance(value, str) and _is_secret(name)):
        return redact_value(value, removed)
    leaves = list(_list_leaves(value))
    if removed is not None:
        removed += leaves
    return f"(redacted: {_count_examples(value)} examples)" if plain in _DATA_NAMES else HIDDEN


def _list_leaves(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _list_leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _list_leaves(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _count_examples(value: Any) -> int:
    while isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    return len(value) if isinstance(value, list) else 1


def redact_body(body: bytes) -> tuple[str, list[str] | None]:
    """A JSON body as text, and what was taken out of it; a body that is too long or no JSON is not kept (None)."""
    if not body:
        return "", []
    if len(body) > READ_BYTES:
        return f"(not kept: {len(body)} bytes)", None
    removed: list[str] = []
    try:
        value = redact_value(msgspec.json.decode(body), removed)
        return msgspec.json.encode(value).decode()[:LARGEST_BYTES], removed
    except (msgspec.DecodeError, UnicodeError):
        return f"(not kept: {len(body)} bytes that are not JSON)", None
    except RecursionError:
        return f"(not kept: {len(body)} bytes that are nested too deep)", None


def redact_error(response: bytes, removed: list[str] | None, credentials: Iterable[str] = ()) -> bytes:
    """An error answer, which may quote what was sent, without what must not be kept.

    Args:
        removed: What was taken out of the request; None: the request was not read, so that every quotation goes.
    """
    secrets = {one for one in removed or () if len(one) >= _SHORTEST_SECRET}
    secrets |= {one for one in credentials if len(one) >= _SHORTEST_CREDENTIAL and one.encode() in response}
    if removed == [] and not secrets:
        return response
    try:
        value = json.loads(response)
    except ValueError:
        return b""
    forms = sorted({form for secret in secrets for form in _forms_of(secret)}, key=len, reverse=True)
    return json.dumps(_clean(value, forms, whole=removed is not None), ensure_ascii=False).encode()


def _forms_of(secret: str) -> tuple[str, ...]:
    """A text as an error may quote it: itself, or escaped in one way or another."""
    plain, ascii_only = json.dumps(secret, ensure_ascii=False)[1:-1], json.dumps(secret)[1:-1]
    return secret, plain, ascii_only, format_string(secret)[1:-1]


def _clean(value: Any, forms: list[str], whole: bool) -> Any:
    """An error's texts without the secrets and cut before what they quote; not ``whole``: after their first line."""
    if isinstance(value, dict):
        return {name: _clean(inner, forms, whole) for name, inner in value.items()}
    if isinstance(value, list):
        return [_clean(inner, forms, whole) for inner in value]
    if not isinstance(value, str):
        return value
    for form in forms:
        value = value.replace(form, HIDDEN)
    return _QUOTED_VALUE.sub(rf"\1, {HIDDEN}", value if whole else value.partition("\n")[0])


def find_credentials(headers: Mapping[str, str], query: str) -> list[str]:
    """Everything secret that a request carries outside its body."""
    found = [value for name, value in headers.items() if _is_secret(name) and name not in KEPT_HEADERS]
    found += [value.partition(" ")[2] for value in found if " " in value]
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        if equals and _is_secret(unquote_plus(name)):
            found += {value, unquote_plus(value)}  # as sent, and as an error quotes it
    return found

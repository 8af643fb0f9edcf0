"""The one exception that crosses rooms, the canonical codes, and the rows that errors and figures are."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from string import Formatter
from typing import Any, Generic, Literal, TypeAlias, TypeVar, get_args

Detail: TypeAlias = dict[str, Any]
"""A ``google.protobuf.Any`` as JSON: ``@type`` first, then fields in the order in which they print."""


class Code(IntEnum):
    """``google.rpc.Code``. Source: github.com/googleapis/googleapis google/rpc/code.proto."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    @property
    def http_status(self) -> int:
        """The HTTP status that the front end answers with for this code."""
        return _HTTP_STATUS[self]


_HTTP_STATUS: dict[Code, int] = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}


class ApiError(Exception):
    """An answer that is an error, in the service's own words.

    Rendered at one edge for REST and at one for gRPC.

    Attributes:
        code: Canonical code; decides the HTTP status.
        message: The service's text, as it prints it.
        details: ``google.rpc.*`` messages in the order in which they print.
        rule: Name of the fact or rule that refused the request, for logs; never sent.
    """

    def __init__(self, code: Code, message: str, details: tuple[Detail, ...] = (), rule: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self.rule = rule


# --- details of an error

LOCALIZED_MESSAGE: Detail = {
    "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
    "locale": "en-US",
    "message": "{text}",
}
"""The row's own text once more, for people."""


def bad_request(violations: list[tuple[str, str]]) -> Detail:
    """``google.rpc.BadRequest`` for (field, description) pairs; an empty field is left out, as the service does."""
    listed = [{"field": name, "description": text} if name else {"description": text} for name, text in violations]
    return {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": listed}


def error_info(reason: str, domain: str = "googleapis.com", **metadata: str) -> Detail:
    """``google.rpc.ErrorInfo``; the metadata print in the order given."""
    info: Detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": domain}
    return {**info, "metadata": metadata} if metadata else info


def help_link(description: str, url: str) -> Detail:
    """``google.rpc.Help`` with one link."""
    return {"@type": "type.googleapis.com/google.rpc.Help", "links": [{"description": description, "url": url}]}


def retry_info(delay_s: float) -> Detail:
    """``google.rpc.RetryInfo``; the delay is cut to whole seconds, as recorded."""
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{int(delay_s)}s"}


# --- rows

Grade: TypeAlias = Literal["recorded", "documented", "assumed"]
"""``recorded``: seen from the real service. ``documented``: the service's own pages, protos or clients say so.
``assumed``: a guess in the style of the service, to be replaced when somebody records the real thing."""

GRADES: tuple[Grade, ...] = get_args(Grade)


class FactError(ValueError):
    """A row or its use contradicts itself; the text names the row and the field."""


class Row:
    """A row of a table. ``name``: that of its constant in lower case, which ``name_rows`` gives it."""

    __slots__ = ()
    name: str


AnyRow = TypeVar("AnyRow", bound=Row)
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Fact(Row, Generic[T_co]):
    """A figure or a text of the real service.

    Attributes:
        value: What the service says or does.
        source: Public address or short public reference.
        since: First day on which it held, ISO date, or "" when unknown.
        until: First day on which it no longer held, ISO date, or "" when it holds today.
    """

    value: T_co
    source: str
    grade: Grade
    since: str = ""
    until: str = ""
    name: str = field(init=False, default="")

    def __post_init__(self) -> None:
        check_row(repr(self.value), self.source, self.grade)


@dataclass(frozen=True, slots=True, eq=False)
class ErrorRow(Row):
    """An error as a row: called with what its placeholders stand for, it is the error.

    ``raise gemini_errors.TUNED_MODEL_NOT_FOUND(id=name)``

    Attributes:
        text: The message, with ``{placeholders}`` in Python's format syntax.
        details: What always goes with the text; their texts may have placeholders too, and ``{text}`` is the message.
        placeholders: The names that ``format`` wants.
    """

    code: Code
    text: str
    details: tuple[Detail, ...] = field(default=(), kw_only=True)
    name: str = field(init=False, default="")
    placeholders: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "placeholders", frozenset(_find_placeholders(self.text)))

    def format(self, **values: object) -> str:
        """The message alone.

        Raises:
            FactError: a placeholder is missing, or a value has no placeholder.
        """
        self._check(self.placeholders, values)
        return self.text.format(**values)

    def __call__(self, /, *details: Detail, **values: object) -> ApiError:
        """The error.

        Args:
            details: What differs from call to call; printed after the row's own.

        Raises:
            FactError: a placeholder of text or details is missing, or a value has none.
        """
        own = frozenset(_find_placeholders(self.details)) - {"text"}
        self._check(self.placeholders | own, values)
        text = self.text.format(**values)
        filled = tuple(_fill(detail, {**values, "text": text}) for detail in self.details)
        return ApiError(self.code, text, (*filled, *details), rule=self.name)

    def _check(self, wanted: frozenset[str], values: Mapping[str, object]) -> None:
        if wanted != values.keys():
            raise FactError(f"{self.name or self.text}: wants {sorted(wanted)}, got {sorted(values)}")


@dataclass(frozen=True, slots=True, eq=False)
class ErrorText(ErrorRow):
    """An error that the real service answers with.

    Attributes:
        source: Public address or short public reference.
        since: First day on which it was said, ISO date, or "" when unknown.
        until: First day on which it was no longer said, ISO date, or "" when it is said today.
    """

    source: str
    grade: Grade
    since: str = ""
    until: str = ""

    def __post_init__(self) -> None:
        ErrorRow.__post_init__(self)  # super() does not know a class with slots
        check_row(repr(self.text), self.source, self.grade)


def name_rows(table: Mapping[str, object], kind: type[AnyRow]) -> tuple[AnyRow, ...]:
    """Names the rows of a module (``globals()``, at its end) after their constants, and lists them in order.

    Rows in a dict are named after its constant and their key: ``LEGACY_REASON = {400: …}`` has ``legacy_reason_400``.

    Raises:
        FactError: a row has two constants, or is of another kind.
    """
    found = list(_list_rows(table))
    for name, row in found:
        if row.name or not isinstance(row, kind):
            raise FactError(f"{name}: {row.name or 'the row'} is a {type(row).__name__}; wants a new {kind.__name__}")
        object.__setattr__(row, "name", name)
    return tuple(row for _, row in found if isinstance(row, kind))


def _list_rows(table: Mapping[Any, object], prefix: str = "") -> Iterator[tuple[str, Row]]:
    for constant, value in table.items():
        if isinstance(value, Row):
            yield f"{prefix}{constant}".lower(), value
        elif isinstance(value, dict) and not prefix:
            yield from _list_rows(value, f"{constant}_")


def check_row(name: str, source: str, grade: str) -> None:
    """Refuses a row without source, or with a grade that is none; ``name`` tells which.

    Raises:
        FactError: see above.
    """
    if not name or not source:
        raise FactError(f"{name or 'a row without name'}: name and source must be given")
    if grade not in GRADES:
        raise FactError(f"{name}: grade is {grade!r}; must be one of {', '.join(GRADES)}")


def _find_placeholders(template: Any) -> Iterator[str]:
    """Names of placeholders in a text, or in the texts of a detail."""
    if isinstance(template, str):
        yield from (name for _, name, _, _ in Formatter().parse(template) if name)
    elif isinstance(template, dict | list | tuple):
        for part in template.values() if isinstance(template, dict) else template:
            yield from _find_placeholders(part)


def _fill(template: Any, values: Mapping[str, object]) -> Any:
    """A detail with its placeholders filled in."""
    if isinstance(template, str):
        return template.format(**values)
    if isinstance(template, dict):
        return {name: _fill(part, values) for name, part in template.items()}
    return [_fill(part, values) for part in template]


def is_space_wanting(error: BaseException) -> bool:
    """Whether something failed because a disk is full, or cannot be written at this moment."""
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def describe_failure(error: BaseException) -> str:
    """Why a file or a connection failed, in the system's words; none of Python's, which mean nothing to a client."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "the connection broke" if isinstance(error, ConnectionError) else "what came is not as it has to be"

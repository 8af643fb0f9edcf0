"""The one exception that crosses layers, and the canonical codes it carries."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from string import Formatter
from typing import Any, Literal, TypeAlias, get_args

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


def bad_request(violations: list[tuple[str, str]]) -> Detail:
    """``google.rpc.BadRequest`` for (field, description) pairs; an empty field is left out, as the service does."""
    listed = [{"field": name, "description": text} if name else {"description": text} for name, text in violations]
    return {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": listed}


# --- a row of what the real services say

Grade: TypeAlias = Literal["recorded", "documented", "assumed"]
"""``recorded``: seen from the real service. ``documented``: the service's own pages, protos or clients say so.
``assumed``: a guess in the style of the service, to be replaced when somebody records the real thing."""

GRADES: tuple[Grade, ...] = get_args(Grade)


class FactError(ValueError):
    """A row or its use contradicts itself; the text names the row and the field."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure or a text of the real service.

    Attributes:
        name: Identifier of the row, unique in its table.
        value: What the service says or does.
        source: Public address or short public reference.
        since: First day on which it held, ISO date, or "" when unknown.
        until: First day on which it no longer held, ISO date, or "" when it holds today.
    """

    name: str
    value: str | int | float | bool | tuple[str, ...]
    source: str
    grade: Grade
    since: str = ""
    until: str = ""

    def __post_init__(self) -> None:
        check_row(self.name, self.source, self.grade)


@dataclass(frozen=True, slots=True)
class ErrorText:
    """An error that the real service answers with.

    Attributes:
        name: Identifier of the row, unique in its table.
        code: Name of the ``google.rpc.Code``: ``INVALID_ARGUMENT``.
        text: The message, with ``{placeholders}`` in Python's format syntax.
        source: Public address or short public reference.
        since: First day on which it was said, ISO date, or "" when unknown.
        until: First day on which it was no longer said, ISO date, or "" when it is said today.
    """

    name: str
    code: str
    text: str
    source: str
    grade: Grade
    since: str = ""
    until: str = ""

    def __post_init__(self) -> None:
        check_row(self.name, self.source, self.grade)

    @property
    def placeholders(self) -> frozenset[str]:
        """The names that ``format`` wants."""
        return frozenset(name for _, name, _, _ in Formatter().parse(self.text) if name)

    def format(self, **values: object) -> str:
        """The message with its placeholders filled in.

        Raises:
            FactError: a placeholder is missing, or a value has no placeholder.
        """
        wanted = self.placeholders
        if wanted != values.keys():
            raise FactError(f"{self.name}: wants {sorted(wanted)}, got {sorted(values)}")
        return self.text.format(**values)


def check_row(name: str, source: str, grade: str) -> None:
    """Refuses a row without name or source, or with a grade that is none.

    Raises:
        FactError: see above.
    """
    if not name or not source:
        raise FactError(f"{name or 'a row without name'}: name and source must be given")
    if grade not in GRADES:
        raise FactError(f"{name}: grade is {grade!r}; must be one of {', '.join(GRADES)}")

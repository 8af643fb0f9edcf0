"""The one exception that crosses layers, and the canonical codes it carries."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, TypeAlias

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

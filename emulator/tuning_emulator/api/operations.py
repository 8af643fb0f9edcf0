"""``google.longrunning.Operation`` values: running, succeeded or failed.

Source: google/longrunning/operations.proto; google.aip.dev/151. ``done`` is absent while running, and ``error.code``
is the gRPC number, unlike the envelope of an HTTP error.
"""

from __future__ import annotations

from tuning_emulator.core.errors import ApiError
from tuning_emulator.schema.schema import Value

TYPE_PREFIX = "type.googleapis.com/"


def build_any(message: str, value: Value) -> Value:
    """An ``Any`` that holds a message value of that full name."""
    return {"@type": TYPE_PREFIX + message, **value}


def build_operation(
    name: str,
    metadata: Value | None = None,
    *,
    response: Value | None = None,
    error: ApiError | None = None,
) -> Value:
    """An operation; it is done when it has a response or an error.

    Args:
        metadata: ``Any`` (see ``build_any``), or None. response: likewise.

    Raises:
        ValueError: both response and error are given.
    """
    if response is not None and error is not None:
        raise ValueError(f"operation {name}: response and error exclude each other")
    operation: Value = {"name": name}
    if metadata is not None:
        operation["metadata"] = metadata
    if response is not None or error is not None:
        operation["done"] = True
    if error is not None:
        operation["error"] = build_status(error)
    if response is not None:
        operation["response"] = response
    return operation


def build_status(error: ApiError) -> Value:
    """``google.rpc.Status`` of an error; details are JSON, as they print."""
    status: Value = {"code": int(error.code), "message": error.message}
    if error.details:
        status["details"] = list(error.details)
    return status

"""Errors over gRPC and inside operations say the same as over REST."""

from __future__ import annotations

import pytest

from tuning_emulator.api.errors import challenge, format_error, to_envelope
from tuning_emulator.api.operations import build_any, build_operation, build_status
from tuning_emulator.core.errors import ApiError, Code, bad_request
from tuning_emulator.grpc.stream import STATUS_TRAILER, format_status
from tuning_emulator.schema.protobuf import BinaryCodec

RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "58s"}
ERROR = ApiError(Code.RESOURCE_EXHAUSTED, "Too much.", (bad_request([("a.b", "c"), ("", "d")]), RETRY))


def test_the_trailer_agrees_with_the_call() -> None:
    """Clients refuse a status whose code or message differs from the call's own."""
    status = format_status(ERROR)
    assert (status.code, status.message) == (8, "Too much.")
    name, data = status.trailers[0]
    assert name == STATUS_TRAILER
    decoded = BinaryCodec(()).decode(data, "google.rpc.Status")
    assert (decoded["code"], decoded["message"]) == (8, "Too much.")
    assert decoded["details"][0] == ERROR.details[0]
    assert decoded["details"][1]["retryDelay"] == 58_000_000_000


def test_an_error_without_details_has_no_trailer() -> None:
    """Code and message are enough."""
    assert format_status(ApiError(Code.NOT_FOUND, "x")).trailers == ()


def test_an_operation_has_the_grpc_number() -> None:
    """``error.code`` is 8, not 429, and there is no status word."""
    operation = build_operation("operations/1", error=ERROR)
    assert list(operation) == ["name", "done", "error"]
    assert operation["error"] == build_status(ERROR)
    assert operation["error"]["code"] == 8


def test_an_operation_is_running_done_or_failed() -> None:
    """Exactly one of response and error when it is done."""
    metadata = build_any("google.example.Metadata", {"days": 1})
    assert metadata == {"@type": "type.googleapis.com/google.example.Metadata", "days": 1}
    assert build_operation("o", metadata) == {"name": "o", "metadata": metadata}
    assert build_operation("o", response={"@type": "x"})["done"] is True
    with pytest.raises(ValueError, match="exclude"):
        build_operation("o", response={}, error=ERROR)


def test_the_envelope_and_its_forms() -> None:
    """Key order; the array form; the challenge of a 401 only."""
    assert list(to_envelope(ERROR)["error"]) == ["code", "message", "status", "details"]
    assert format_error(ApiError(Code.NOT_FOUND, "x"), style="compact", in_array=True) == (
        b'[{"error":{"code":404,"message":"x","status":"NOT_FOUND"}}]'
    )
    assert challenge(ERROR, presented=True) == ""
    assert challenge(ApiError(Code.UNAUTHENTICATED, "x"), presented=False).endswith('accounts.google.com/"')
    assert to_envelope(ApiError(Code.UNAUTHENTICATED, "x"), legacy=True)["error"]["errors"][0] == {
        "message": "x",
        "domain": "global",
        "reason": "required",
        "location": "Authorization",
        "locationType": "header",
    }

"""Messages that every Google API shares: google.rpc, google.longrunning and the shapes of google.protobuf.

Sources: github.com/googleapis/googleapis google/rpc/{status,error_details}.proto and
google/longrunning/operations.proto; protobuf.dev for google.protobuf.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import OPTIONAL, Message, Schema, f, mapped, message, repeated

STATUS: tuple[Message, ...] = (
    message(
        "google.rpc.Status",
        f(1, "code", "int32"),
        f(2, "message", "string"),
        repeated(3, "details", "google.protobuf.Any"),
    ),
)

ERROR_DETAILS: tuple[Message, ...] = (
    message(
        "google.rpc.ErrorInfo",
        f(1, "reason", "string"),
        f(2, "domain", "string"),
        mapped(3, "metadata", "string", "string"),
    ),
    message("google.rpc.RetryInfo", f(1, "retry_delay", "google.protobuf.Duration")),
    message("google.rpc.DebugInfo", repeated(1, "stack_entries", "string"), f(2, "detail", "string")),
    message("google.rpc.QuotaFailure", repeated(1, "violations", "google.rpc.QuotaFailure.Violation")),
    message(
        "google.rpc.QuotaFailure.Violation",
        f(1, "subject", "string"),
        f(2, "description", "string"),
        f(3, "api_service", "string"),
        f(4, "quota_metric", "string"),
        f(5, "quota_id", "string"),
        mapped(6, "quota_dimensions", "string", "string"),
        f(7, "quota_value", "int64"),
        f(8, "future_quota_value", "int64", OPTIONAL),
    ),
    message("google.rpc.PreconditionFailure", repeated(1, "violations", "google.rpc.PreconditionFailure.Violation")),
    message(
        "google.rpc.PreconditionFailure.Violation",
        f(1, "type", "string"),
        f(2, "subject", "string"),
        f(3, "description", "string"),
    ),
    message("google.rpc.BadRequest", repeated(1, "field_violations", "google.rpc.BadRequest.FieldViolation")),
    message(
        "google.rpc.BadRequest.FieldViolation",
        f(1, "field", "string"),
        f(2, "description", "string"),
        f(3, "reason", "string"),
        f(4, "localized_message", "google.rpc.LocalizedMessage"),
    ),
    message("google.rpc.RequestInfo", f(1, "request_id", "string"), f(2, "serving_data", "string")),
    message(
        "google.rpc.ResourceInfo",
        f(1, "resource_type", "string"),
        f(2, "resource_name", "string"),
        f(3, "owner", "string"),
        f(4, "description", "string"),
    ),
    message("google.rpc.Help", repeated(1, "links", "google.rpc.Help.Link")),
    message("google.rpc.Help.Link", f(1, "description", "string"), f(2, "url", "string")),
    message("google.rpc.LocalizedMessage", f(1, "locale", "string"), f(2, "message", "string")),
)

OPERATION: tuple[Message, ...] = (
    message(
        "google.longrunning.Operation",
        f(1, "name", "string"),
        f(2, "metadata", "google.protobuf.Any"),
        f(3, "done", "bool"),
        f(4, "error", "google.rpc.Status", oneof="result"),
        f(5, "response", "google.protobuf.Any", oneof="result"),
    ),
    message("google.longrunning.GetOperationRequest", f(1, "name", "string")),
    message(
        "google.longrunning.ListOperationsRequest",
        f(1, "filter", "string"),
        f(2, "page_size", "int32"),
        f(3, "page_token", "string"),
        f(4, "name", "string"),
        f(5, "return_partial_success", "bool"),
    ),
    message(
        "google.longrunning.ListOperationsResponse",
        repeated(1, "operations", "google.longrunning.Operation"),
        f(2, "next_page_token", "string"),
        repeated(3, "unreachable", "string"),
    ),
    message("google.longrunning.CancelOperationRequest", f(1, "name", "string")),
    message("google.longrunning.DeleteOperationRequest", f(1, "name", "string")),
    message(
        "google.longrunning.WaitOperationRequest",
        f(1, "name", "string"),
        f(2, "timeout", "google.protobuf.Duration"),
    ),
)

LONGRUNNING: tuple[Message, ...] = STATUS + OPERATION
"""What an API with operations adds to its own messages."""

TYPES: tuple[Message, ...] = (
    message("google.type.Date", f(1, "year", "int32"), f(2, "month", "int32"), f(3, "day", "int32")),
    message(
        "google.type.Interval",
        f(1, "start_time", "google.protobuf.Timestamp"),
        f(2, "end_time", "google.protobuf.Timestamp"),
    ),
    message("google.type.LatLng", f(1, "latitude", "double"), f(2, "longitude", "double")),
)
"""``google.type``: those that a served message can hold."""

SHAPES: dict[str, Message] = {
    one.name: one
    for one in (
        message("google.protobuf.Timestamp", f(1, "seconds", "int64"), f(2, "nanos", "int32")),
        message("google.protobuf.Duration", f(1, "seconds", "int64"), f(2, "nanos", "int32")),
        message("google.protobuf.FieldMask", repeated(1, "paths", "string")),
        message("google.protobuf.BoolValue", f(1, "value", "bool")),
        message("google.protobuf.Any", f(1, "type_url", "string"), f(2, "value", "bytes")),
        message("google.protobuf.Empty"),
    )
}
"""The fields behind the types that message values hold natively (ints, lists, bools)."""

RPC = Schema("google.rpc", "", {one.name: one for one in STATUS + ERROR_DETAILS}, {})
"""Status and the error details: what the gRPC status trailer is encoded with."""

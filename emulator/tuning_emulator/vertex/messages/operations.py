"""Metadata of long-running operations.

Source: https://github.com/googleapis/googleapis google/cloud/aiplatform/v1beta1
operation.proto.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import OUTPUT_ONLY, Message, f, message, repeated

MESSAGES: tuple[Message, ...] = (
    message(
        "GenericOperationMetadata",
        repeated(1, "partial_failures", "google.rpc.Status", OUTPUT_ONLY),
        f(2, "create_time", "google.protobuf.Timestamp", OUTPUT_ONLY),
        f(3, "update_time", "google.protobuf.Timestamp", OUTPUT_ONLY),
    ),
    message("DeleteOperationMetadata", f(1, "generic_metadata", "GenericOperationMetadata")),
)

"""Vertex ML Metadata: the context that is a tuning job's experiment.

Source: https://github.com/googleapis/googleapis google/cloud/aiplatform/v1beta1
context.proto, metadata_service.proto, lineage_subgraph.proto.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import (
    IMMUTABLE,
    OPTIONAL,
    OUTPUT_ONLY,
    REQUIRED,
    Enum,
    Message,
    enum,
    f,
    mapped,
    message,
    repeated,
)

MESSAGES: tuple[Message, ...] = (
    message("GetContextRequest", f(1, "name", "string", REQUIRED)),
    message(
        "Context",
        f(1, "name", "string", IMMUTABLE),
        f(2, "display_name", "string"),
        f(8, "etag", "string"),
        mapped(9, "labels", "string", "string"),
        f(10, "create_time", "google.protobuf.Timestamp", OUTPUT_ONLY),
        f(11, "update_time", "google.protobuf.Timestamp", OUTPUT_ONLY),
        repeated(12, "parent_contexts", "string", OUTPUT_ONLY),
        f(13, "schema_title", "string"),
        f(14, "schema_version", "string"),
        f(15, "metadata", "google.protobuf.Struct"),
        f(16, "description", "string"),
    ),
    message(
        "ListContextsRequest",
        f(1, "parent", "string", REQUIRED),
        f(2, "page_size", "int32"),
        f(3, "page_token", "string"),
        f(4, "filter", "string"),
        f(5, "order_by", "string"),
    ),
    message(
        "ListContextsResponse",
        repeated(1, "contexts", "Context"),
        f(2, "next_page_token", "string"),
    ),
    message("QueryContextLineageSubgraphRequest", f(1, "context", "string", REQUIRED)),
    message(
        "LineageSubgraph",
        repeated(1, "artifacts", "Artifact"),
        repeated(2, "executions", "Execution"),
        repeated(3, "events", "Event"),
    ),
    message(
        "Event",
        f(1, "artifact", "string", REQUIRED),
        f(2, "execution", "string", OUTPUT_ONLY),
        f(3, "event_time", "google.protobuf.Timestamp", OUTPUT_ONLY),
        f(4, "type", "Event.Type", REQUIRED),
        mapped(5, "labels", "string", "string"),
    ),
    message(
        "Execution",
        f(1, "name", "string", OUTPUT_ONLY),
        f(2, "display_name", "string"),
        f(6, "state", "Execution.State"),
        f(9, "etag", "string"),
        mapped(10, "labels", "string", "string"),
        f(11, "create_time", "google.protobuf.Timestamp", OUTPUT_ONLY),
        f(12, "update_time", "google.protobuf.Timestamp", OUTPUT_ONLY),
        f(13, "schema_title", "string"),
        f(14, "schema_version", "string"),
        f(15, "metadata", "google.protobuf.Struct"),
        f(16, "description", "string"),
    ),
    message(
        "Artifact",
        f(1, "name", "string", OUTPUT_ONLY),
        f(2, "display_name", "string"),
        f(6, "uri", "string"),
        f(9, "etag", "string"),
        mapped(10, "labels", "string", "string"),
        f(11, "create_time", "google.protobuf.Timestamp", OUTPUT_ONLY),
        f(12, "update_time", "google.protobuf.Timestamp", OUTPUT_ONLY),
        f(13, "state", "Artifact.State"),
        f(14, "schema_title", "string"),
        f(15, "schema_version", "string"),
        f(16, "metadata", "google.protobuf.Struct"),
        f(17, "description", "string"),
    ),
    message(
        "DeleteContextRequest",
        f(1, "name", "string", REQUIRED),
        f(2, "force", "bool"),
        f(3, "etag", "string", OPTIONAL),
    ),
)

ENUMS: tuple[Enum, ...] = (
    enum("Event.Type", "TYPE_UNSPECIFIED", "INPUT", "OUTPUT"),
    enum("Execution.State", "STATE_UNSPECIFIED", "NEW", "RUNNING", "COMPLETE", "FAILED", "CACHED", "CANCELLED"),
    enum("Artifact.State", "STATE_UNSPECIFIED", "PENDING", "LIVE"),
)

"""What is said: contents, their parts and token counts by modality.

Source: https://github.com/googleapis/googleapis google/ai/generativelanguage/v1beta
content.proto.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import OPTIONAL, PRESENCE, REQUIRED, Enum, Message, enum, f, message, repeated

MESSAGES: tuple[Message, ...] = (
    message(
        "Content",
        repeated(1, "parts", "Part"),
        f(2, "role", "string", OPTIONAL),
    ),
    message(
        "Part",
        f(2, "text", "string", oneof="data"),
        f(3, "inline_data", "Blob", oneof="data"),
        f(4, "function_call", "FunctionCall", oneof="data"),
        f(5, "function_response", "FunctionResponse", oneof="data"),
        f(6, "file_data", "FileData", oneof="data"),
        f(8, "part_metadata", "google.protobuf.Struct"),
        f(9, "executable_code", "ExecutableCode", oneof="data"),
        f(10, "code_execution_result", "CodeExecutionResult", oneof="data"),
        f(11, "thought", "bool", OPTIONAL),
        f(13, "thought_signature", "bytes", OPTIONAL),
        f(14, "video_metadata", "VideoMetadata", OPTIONAL, oneof="metadata"),
    ),
    message(
        "VideoMetadata",
        f(1, "start_offset", "google.protobuf.Duration", OPTIONAL),
        f(2, "end_offset", "google.protobuf.Duration", OPTIONAL),
        f(3, "fps", "double", OPTIONAL),
    ),
    message(
        "CodeExecutionResult",
        f(1, "outcome", "CodeExecutionResult.Outcome", REQUIRED),
        f(2, "output", "string", OPTIONAL),
    ),
    message(
        "ExecutableCode",
        f(1, "language", "ExecutableCode.Language", REQUIRED),
        f(2, "code", "string", REQUIRED),
    ),
    message(
        "FileData",
        f(1, "mime_type", "string", OPTIONAL),
        f(2, "file_uri", "string", REQUIRED),
    ),
    message(
        "FunctionResponse",
        f(1, "name", "string", REQUIRED),
        f(2, "response", "google.protobuf.Struct", REQUIRED),
        f(3, "id", "string", OPTIONAL),
        f(4, "will_continue", "bool", OPTIONAL),
        f(5, "scheduling", "FunctionResponse.Scheduling", OPTIONAL | PRESENCE),
        repeated(8, "parts", "FunctionResponsePart", OPTIONAL),
    ),
    message("FunctionResponsePart", f(1, "inline_data", "FunctionResponseBlob", oneof="data")),
    message(
        "FunctionResponseBlob",
        f(1, "mime_type", "string"),
        f(2, "data", "bytes"),
    ),
    message(
        "FunctionCall",
        f(1, "name", "string", REQUIRED),
        f(2, "args", "google.protobuf.Struct", OPTIONAL),
        f(3, "id", "string", OPTIONAL),
    ),
    message(
        "Blob",
        f(1, "mime_type", "string"),
        f(2, "data", "bytes"),
    ),
    message(
        "ModalityTokenCount",
        f(1, "modality", "Modality"),
        f(2, "token_count", "int32"),
    ),
)

ENUMS: tuple[Enum, ...] = (
    enum(
        "CodeExecutionResult.Outcome",
        "OUTCOME_UNSPECIFIED",
        "OUTCOME_OK",
        "OUTCOME_FAILED",
        "OUTCOME_DEADLINE_EXCEEDED",
    ),
    enum("ExecutableCode.Language", "LANGUAGE_UNSPECIFIED", "PYTHON"),
    enum("FunctionResponse.Scheduling", "SCHEDULING_UNSPECIFIED", "SILENT", "WHEN_IDLE", "INTERRUPT"),
    enum("Modality", "MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT"),
)

"""What is said: contents, their parts and token counts by modality.

Source: https://github.com/googleapis/googleapis google/cloud/aiplatform/v1beta1
content.proto and tool.proto.

Fields numbered from 10001 on are in the discovery documents alone (v1, v1beta1 of 2026-11-06),
which give no numbers: these stand in, so such fields print last and no gRPC client has them.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import OPTIONAL, REQUIRED, Enum, Message, enum, f, message, repeated
from tuning_emulator.vertex.versions import V1BETA1

MESSAGES: tuple[Message, ...] = (
    message(
        "Content",
        f(1, "role", "string", OPTIONAL),
        repeated(2, "parts", "Part", REQUIRED),
    ),
    message(
        "Part",
        f(1, "text", "string", OPTIONAL, oneof="data"),
        f(2, "inline_data", "Blob", OPTIONAL, oneof="data"),
        f(3, "file_data", "FileData", OPTIONAL, oneof="data"),
        f(4, "video_metadata", "VideoMetadata", OPTIONAL, oneof="metadata"),
        f(5, "function_call", "FunctionCall", OPTIONAL, oneof="data"),
        f(6, "function_response", "FunctionResponse", OPTIONAL, oneof="data"),
        f(8, "executable_code", "ExecutableCode", OPTIONAL, oneof="data"),
        f(9, "code_execution_result", "CodeExecutionResult", OPTIONAL, oneof="data"),
        f(10, "thought", "bool"),
        f(11, "thought_signature", "bytes"),
        f(12, "media_resolution", "Part.MediaResolution"),
        f(10001, "audio_transcription", "AudioTranscription", OPTIONAL),
        f(10002, "media_processing", "Part.MediaProcessing", OPTIONAL, versions=V1BETA1),
        f(10003, "speech_metadata", "SpeechMetadata", OPTIONAL),
    ),
    message(
        "SpeechMetadata",
        f(10001, "speaker", "string", OPTIONAL),
        f(10002, "style", "string", OPTIONAL),
    ),
    message("Part.MediaResolution", f(1, "level", "Part.MediaResolution.Level", oneof="value")),
    message(
        "AudioTranscription",
        f(10001, "speaker_label", "string", OPTIONAL),
        f(10002, "text", "string", REQUIRED),
        repeated(10003, "words", "AudioTranscription.WordInfo", OPTIONAL),
    ),
    message(
        "AudioTranscription.WordInfo",
        f(10001, "end_offset", "google.protobuf.Duration", OPTIONAL),
        f(10002, "start_offset", "google.protobuf.Duration", OPTIONAL),
        f(10003, "word", "string", REQUIRED),
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
        f(10001, "id", "string", OPTIONAL),
    ),
    message(
        "ExecutableCode",
        f(1, "language", "ExecutableCode.Language", REQUIRED),
        f(2, "code", "string", REQUIRED),
        f(10001, "id", "string", OPTIONAL),
    ),
    message(
        "FunctionResponse",
        f(1, "name", "string", REQUIRED),
        f(2, "response", "google.protobuf.Struct", REQUIRED),
        f(3, "id", "string", OPTIONAL),
        repeated(4, "parts", "FunctionResponsePart", OPTIONAL),
        f(10001, "scheduling", "FunctionResponse.Scheduling", OPTIONAL),
    ),
    message(
        "FunctionResponsePart",
        f(1, "inline_data", "FunctionResponseBlob", oneof="data"),
        f(2, "file_data", "FunctionResponseFileData", oneof="data"),
    ),
    message(
        "FunctionResponseFileData",
        f(1, "mime_type", "string", REQUIRED),
        f(2, "file_uri", "string", REQUIRED),
        f(3, "display_name", "string", OPTIONAL),
    ),
    message(
        "FunctionResponseBlob",
        f(1, "mime_type", "string", REQUIRED),
        f(2, "data", "bytes", REQUIRED),
        f(4, "display_name", "string", OPTIONAL),
    ),
    message(
        "FunctionCall",
        f(1, "name", "string", OPTIONAL),
        f(2, "args", "google.protobuf.Struct", OPTIONAL),
        f(3, "id", "string", OPTIONAL),
        repeated(4, "partial_args", "PartialArg", OPTIONAL),
        f(5, "will_continue", "bool", OPTIONAL),
    ),
    message(
        "PartialArg",
        f(1, "json_path", "string", REQUIRED),
        f(2, "null_value", "google.protobuf.NullValue", OPTIONAL, oneof="delta"),
        f(3, "number_value", "double", OPTIONAL, oneof="delta"),
        f(4, "string_value", "string", OPTIONAL, oneof="delta"),
        f(5, "bool_value", "bool", OPTIONAL, oneof="delta"),
        f(6, "will_continue", "bool", OPTIONAL),
    ),
    message(
        "FileData",
        f(1, "mime_type", "string", REQUIRED),
        f(2, "file_uri", "string", REQUIRED),
        f(10001, "display_name", "string", OPTIONAL),
    ),
    message(
        "Blob",
        f(1, "mime_type", "string", REQUIRED),
        f(2, "data", "bytes", REQUIRED),
        f(10001, "display_name", "string", OPTIONAL),
    ),
    message(
        "ModalityTokenCount",
        f(1, "modality", "Modality"),
        f(2, "token_count", "int32"),
    ),
)

ENUMS: tuple[Enum, ...] = (
    enum(
        "Part.MediaResolution.Level",
        "MEDIA_RESOLUTION_UNSPECIFIED",
        "MEDIA_RESOLUTION_LOW",
        "MEDIA_RESOLUTION_MEDIUM",
        "MEDIA_RESOLUTION_HIGH",
        "MEDIA_RESOLUTION_ULTRA_HIGH",
    ),
    enum("Part.MediaProcessing", "MEDIA_PROCESSING_UNSPECIFIED", "STATIC", "AGENTIC", versions=V1BETA1),
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

"""The older text methods, which tuned PaLM models answered.

Source: https://github.com/googleapis/googleapis google/ai/generativelanguage/v1beta
text_service.proto and safety.proto.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import (
    OPTIONAL,
    OUTPUT_ONLY,
    PRESENCE,
    REQUIRED,
    Enum,
    Message,
    enum,
    f,
    message,
    repeated,
)

MESSAGES: tuple[Message, ...] = (
    message(
        "GenerateTextRequest",
        f(1, "model", "string", REQUIRED),
        f(2, "prompt", "TextPrompt", REQUIRED),
        f(3, "temperature", "float", OPTIONAL | PRESENCE),
        f(4, "candidate_count", "int32", OPTIONAL | PRESENCE),
        f(5, "max_output_tokens", "int32", OPTIONAL | PRESENCE),
        f(6, "top_p", "float", OPTIONAL | PRESENCE),
        f(7, "top_k", "int32", OPTIONAL | PRESENCE),
        repeated(8, "safety_settings", "SafetySetting", OPTIONAL),
        repeated(9, "stop_sequences", "string"),
    ),
    message("TextPrompt", f(1, "text", "string", REQUIRED)),
    message(
        "GenerateTextResponse",
        repeated(1, "candidates", "TextCompletion"),
        repeated(3, "filters", "ContentFilter"),
        repeated(4, "safety_feedback", "SafetyFeedback"),
    ),
    message(
        "SafetyFeedback",
        f(1, "rating", "SafetyRating"),
        f(2, "setting", "SafetySetting"),
    ),
    message(
        "ContentFilter",
        f(1, "reason", "ContentFilter.BlockedReason"),
        f(2, "message", "string", PRESENCE),
    ),
    message(
        "TextCompletion",
        f(1, "output", "string", OUTPUT_ONLY),
        repeated(2, "safety_ratings", "SafetyRating"),
        f(3, "citation_metadata", "CitationMetadata", OUTPUT_ONLY),
    ),
)

ENUMS: tuple[Enum, ...] = (enum("ContentFilter.BlockedReason", "BLOCKED_REASON_UNSPECIFIED", "SAFETY", "OTHER"),)

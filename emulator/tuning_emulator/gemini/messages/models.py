"""Base models and the requests that read them.

Source: https://github.com/googleapis/googleapis google/ai/generativelanguage/v1beta
model.proto and model_service.proto.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import PRESENCE, REQUIRED, Message, f, message, repeated

MESSAGES: tuple[Message, ...] = (
    message("GetModelRequest", f(1, "name", "string", REQUIRED)),
    message(
        "ListModelsRequest",
        f(2, "page_size", "int32"),
        f(3, "page_token", "string"),
    ),
    message(
        "ListModelsResponse",
        repeated(1, "models", "Model"),
        f(2, "next_page_token", "string"),
    ),
    message(
        "Model",
        f(1, "name", "string", REQUIRED),
        f(2, "base_model_id", "string", REQUIRED),
        f(3, "version", "string", REQUIRED),
        f(4, "display_name", "string"),
        f(5, "description", "string"),
        f(6, "input_token_limit", "int32"),
        f(7, "output_token_limit", "int32"),
        repeated(8, "supported_generation_methods", "string"),
        f(9, "temperature", "float", PRESENCE),
        f(10, "top_p", "float", PRESENCE),
        f(11, "top_k", "int32", PRESENCE),
        f(13, "max_temperature", "float", PRESENCE),
        f(15, "thinking", "bool"),
    ),
)

"""Tuned models, their training data and the requests of their life.

Source: https://github.com/googleapis/googleapis google/ai/generativelanguage/v1beta
tuned_model.proto and model_service.proto; multi-turn examples: v1alpha/tuned_model.proto.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import (
    IMMUTABLE,
    INPUT_ONLY,
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
        "CreateTunedModelRequest",
        f(1, "tuned_model_id", "string", OPTIONAL | PRESENCE),
        f(2, "tuned_model", "TunedModel", REQUIRED),
    ),
    message(
        "TunedModel",
        f(1, "name", "string", OUTPUT_ONLY),
        f(3, "tuned_model_source", "TunedModelSource", OPTIONAL, oneof="source_model"),
        f(4, "base_model", "string", IMMUTABLE, oneof="source_model"),
        f(5, "display_name", "string", OPTIONAL),
        f(6, "description", "string", OPTIONAL),
        f(7, "state", "TunedModel.State", OUTPUT_ONLY),
        f(8, "create_time", "google.protobuf.Timestamp", OUTPUT_ONLY),
        f(9, "update_time", "google.protobuf.Timestamp", OUTPUT_ONLY),
        f(10, "tuning_task", "TuningTask", REQUIRED),
        f(11, "temperature", "float", OPTIONAL | PRESENCE),
        f(12, "top_p", "float", OPTIONAL | PRESENCE),
        f(13, "top_k", "int32", OPTIONAL | PRESENCE),
        repeated(14, "reader_project_numbers", "int64", OPTIONAL),
    ),
    message(
        "TuningTask",
        f(1, "start_time", "google.protobuf.Timestamp", OUTPUT_ONLY),
        f(2, "complete_time", "google.protobuf.Timestamp", OUTPUT_ONLY),
        repeated(3, "snapshots", "TuningSnapshot", OUTPUT_ONLY),
        f(4, "training_data", "Dataset", REQUIRED | INPUT_ONLY | IMMUTABLE),
        f(5, "hyperparameters", "Hyperparameters", IMMUTABLE),
    ),
    message(
        "Hyperparameters",
        f(14, "epoch_count", "int32", IMMUTABLE | PRESENCE),
        f(15, "batch_size", "int32", IMMUTABLE | PRESENCE),
        f(16, "learning_rate", "float", OPTIONAL | IMMUTABLE, oneof="learning_rate_option"),
        f(17, "learning_rate_multiplier", "float", OPTIONAL | IMMUTABLE, oneof="learning_rate_option"),
    ),
    message("Dataset", f(1, "examples", "TuningExamples", OPTIONAL, oneof="dataset")),
    message(
        "TuningExamples",
        repeated(1, "examples", "TuningExample"),
        repeated(2, "multiturn_examples", "TuningMultiturnExample"),
    ),
    message(
        "TuningExample",
        f(1, "text_input", "string", OPTIONAL, oneof="model_input"),
        f(3, "output", "string", REQUIRED),
    ),
    message(
        "TuningMultiturnExample",
        repeated(1, "contents", "TuningContent"),
        f(8, "system_instruction", "TuningContent", OPTIONAL),
    ),
    message(
        "TuningContent",
        repeated(1, "parts", "TuningPart"),
        f(2, "role", "string", OPTIONAL),
    ),
    message("TuningPart", f(2, "text", "string", oneof="data")),
    message(
        "TuningSnapshot",
        f(1, "step", "int32", OUTPUT_ONLY),
        f(2, "epoch", "int32", OUTPUT_ONLY),
        f(3, "mean_loss", "float", OUTPUT_ONLY),
        f(4, "compute_time", "google.protobuf.Timestamp", OUTPUT_ONLY),
    ),
    message(
        "TunedModelSource",
        f(1, "tuned_model", "string", IMMUTABLE),
        f(2, "base_model", "string", OUTPUT_ONLY),
    ),
    message(
        "CreateTunedModelMetadata",
        f(1, "total_steps", "int32"),
        f(2, "completed_steps", "int32"),
        f(3, "completed_percent", "float"),
        repeated(4, "snapshots", "TuningSnapshot"),
        f(5, "tuned_model", "string"),
    ),
    message("GetTunedModelRequest", f(1, "name", "string", REQUIRED)),
    message(
        "ListTunedModelsRequest",
        f(1, "page_size", "int32", OPTIONAL),
        f(2, "page_token", "string", OPTIONAL),
        f(3, "filter", "string", OPTIONAL),
    ),
    message(
        "ListTunedModelsResponse",
        repeated(1, "tuned_models", "TunedModel"),
        f(2, "next_page_token", "string"),
    ),
    message(
        "UpdateTunedModelRequest",
        f(1, "tuned_model", "TunedModel", REQUIRED),
        f(2, "update_mask", "google.protobuf.FieldMask", OPTIONAL),
    ),
    message("DeleteTunedModelRequest", f(1, "name", "string", REQUIRED)),
)

ENUMS: tuple[Enum, ...] = (enum("TunedModel.State", "STATE_UNSPECIFIED", "CREATING", "ACTIVE", "FAILED"),)

"""How a job tunes: supervised, by preference, distilled, in full, video; and the hyperparameters.

Source: https://github.com/googleapis/googleapis google/cloud/aiplatform/v1beta1
tuning_job.proto.

Fields numbered from 10001 on are in the discovery documents alone (v1, v1beta1 of 2026-11-06),
which give no numbers: these stand in, so such fields print last and no gRPC client has them.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import OPTIONAL, PRESENCE, REQUIRED, Enum, Message, enum, f, mapped, message
from tuning_emulator.vertex.versions import V1BETA1

MESSAGES: tuple[Message, ...] = (
    message(
        "PreferenceOptimizationSpec",
        f(10001, "export_last_checkpoint_only", "bool", OPTIONAL),
        f(10002, "hyper_parameters", "PreferenceOptimizationHyperParameters", OPTIONAL),
        f(10003, "training_dataset_uri", "string", REQUIRED),
        f(10004, "validation_dataset_uri", "string", OPTIONAL),
    ),
    message(
        "PreferenceOptimizationHyperParameters",
        f(10001, "adapter_size", "SupervisedHyperParameters.AdapterSize", OPTIONAL),
        f(10002, "beta", "double", OPTIONAL),
        f(10003, "epoch_count", "int64", OPTIONAL),
        f(10004, "learning_rate_multiplier", "double", OPTIONAL),
    ),
    message(
        "FullFineTuningSpec",
        f(10001, "hyper_parameters", "SupervisedHyperParameters", OPTIONAL),
        f(10002, "training_dataset_uri", "string", REQUIRED),
        f(10003, "validation_dataset_uri", "string", OPTIONAL),
        versions=V1BETA1,
    ),
    message(
        "SupervisedHyperParameters",
        f(1, "epoch_count", "int64", OPTIONAL),
        f(2, "learning_rate_multiplier", "double", OPTIONAL),
        f(3, "adapter_size", "SupervisedHyperParameters.AdapterSize", OPTIONAL),
        f(5, "batch_size", "int64", OPTIONAL, versions=V1BETA1),
        f(6, "learning_rate", "double", OPTIONAL, versions=V1BETA1),
    ),
    message(
        "VeoLoraTuningSpec",
        f(1, "training_dataset_uri", "string", REQUIRED),
        f(2, "validation_dataset_uri", "string", OPTIONAL),
        f(3, "hyper_parameters", "VeoHyperParameters", OPTIONAL),
        f(10001, "video_orientation", "VeoLoraTuningSpec.VideoOrientation", OPTIONAL),
        versions=V1BETA1,
    ),
    message(
        "VeoHyperParameters",
        f(1, "epoch_count", "int64", OPTIONAL),
        f(2, "learning_rate_multiplier", "double", OPTIONAL),
        f(3, "tuning_task", "VeoHyperParameters.TuningTask", OPTIONAL),
        f(4, "veo_data_mixture_ratio", "double", OPTIONAL | PRESENCE),
        f(5, "tuning_speed", "VeoHyperParameters.TuningSpeed", PRESENCE),
        f(6, "adapter_size", "VeoHyperParameters.AdapterSize", OPTIONAL),
        versions=V1BETA1,
    ),
    message(
        "VeoTuningSpec",
        f(1, "training_dataset_uri", "string", REQUIRED),
        f(2, "validation_dataset_uri", "string", OPTIONAL),
        f(3, "hyper_parameters", "VeoHyperParameters", OPTIONAL),
        versions=V1BETA1,
    ),
    message(
        "PartnerModelTuningSpec",
        f(1, "training_dataset_uri", "string", REQUIRED),
        f(2, "validation_dataset_uri", "string", OPTIONAL),
        mapped(3, "hyper_parameters", "string", "google.protobuf.Value"),
        versions=V1BETA1,
    ),
    message(
        "DistillationSpec",
        f(1, "training_dataset_uri", "string", REQUIRED),
        f(2, "validation_dataset_uri", "string", OPTIONAL | PRESENCE),
        f(3, "hyper_parameters", "DistillationHyperParameters", OPTIONAL),
        f(4, "student_model", "string"),
        f(5, "base_teacher_model", "string", oneof="teacher_model"),
        f(6, "tuned_teacher_model_source", "string", oneof="teacher_model"),
        f(7, "pipeline_root_directory", "string", REQUIRED),
        f(10001, "prompt_dataset_uri", "string", OPTIONAL),
        f(10002, "tuning_mode", "SupervisedTuningSpec.TuningMode", OPTIONAL),
        versions=V1BETA1,
    ),
    message(
        "DistillationHyperParameters",
        f(1, "epoch_count", "int64", OPTIONAL | PRESENCE),
        f(2, "learning_rate_multiplier", "double", OPTIONAL | PRESENCE),
        f(3, "adapter_size", "SupervisedHyperParameters.AdapterSize", OPTIONAL),
        f(10001, "batch_size", "int64", OPTIONAL),
        f(10002, "learning_rate", "double", OPTIONAL),
        versions=V1BETA1,
    ),
    message(
        "SupervisedTuningSpec",
        f(1, "training_dataset_uri", "string", REQUIRED),
        f(2, "validation_dataset_uri", "string", OPTIONAL),
        f(3, "hyper_parameters", "SupervisedHyperParameters", OPTIONAL),
        f(5, "evaluation_config", "EvaluationConfig", OPTIONAL),
        f(6, "export_last_checkpoint_only", "bool", OPTIONAL),
        f(7, "tuning_mode", "SupervisedTuningSpec.TuningMode", versions=V1BETA1),
    ),
)

ENUMS: tuple[Enum, ...] = (
    enum(
        "SupervisedHyperParameters.AdapterSize",
        "ADAPTER_SIZE_UNSPECIFIED",
        "ADAPTER_SIZE_ONE",
        "ADAPTER_SIZE_FOUR",
        "ADAPTER_SIZE_EIGHT",
        "ADAPTER_SIZE_SIXTEEN",
        "ADAPTER_SIZE_THIRTY_TWO",
        "ADAPTER_SIZE_TWO",
    ),
    enum(
        "VeoLoraTuningSpec.VideoOrientation", "VIDEO_ORIENTATION_UNSPECIFIED", "LANDSCAPE", "PORTRAIT", versions=V1BETA1
    ),
    enum(
        "VeoHyperParameters.AdapterSize",
        "ADAPTER_SIZE_UNSPECIFIED",
        versions=V1BETA1,
        ADAPTER_SIZE_EIGHT=8,
        ADAPTER_SIZE_SIXTEEN=16,
        ADAPTER_SIZE_THIRTY_TWO=32,
    ),
    enum("VeoHyperParameters.TuningSpeed", "TUNING_SPEED_UNSPECIFIED", "REGULAR", "FAST", versions=V1BETA1),
    enum(
        "VeoHyperParameters.TuningTask",
        "TUNING_TASK_UNSPECIFIED",
        "TUNING_TASK_I2V",
        "TUNING_TASK_T2V",
        "TUNING_TASK_R2V",
        versions=V1BETA1,
    ),
    enum(
        "SupervisedTuningSpec.TuningMode",
        "TUNING_MODE_UNSPECIFIED",
        "TUNING_MODE_FULL",
        "TUNING_MODE_PEFT_ADAPTER",
        versions=V1BETA1,
    ),
)

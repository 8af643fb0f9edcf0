"""The Model Garden: publishers' models.

Source: https://github.com/googleapis/googleapis google/cloud/aiplatform/v1beta1
publisher_model.proto and model_garden_service.proto.
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
    message,
    repeated,
)
from tuning_emulator.vertex.versions import V1BETA1

MESSAGES: tuple[Message, ...] = (
    message(
        "ListPublisherModelsRequest",
        f(1, "parent", "string", REQUIRED),
        f(2, "filter", "string", OPTIONAL),
        f(3, "page_size", "int32", OPTIONAL),
        f(4, "page_token", "string", OPTIONAL),
        f(5, "view", "PublisherModelView", OPTIONAL),
        f(6, "order_by", "string", OPTIONAL),
        f(7, "language_code", "string", OPTIONAL),
        f(8, "list_all_versions", "bool", OPTIONAL),
        versions=V1BETA1,
    ),
    message(
        "ListPublisherModelsResponse",
        repeated(1, "publisher_models", "PublisherModel"),
        f(2, "next_page_token", "string"),
        versions=V1BETA1,
    ),
    message(
        "PublisherModel",
        f(1, "name", "string", OUTPUT_ONLY),
        f(2, "version_id", "string", OUTPUT_ONLY | IMMUTABLE),
        f(7, "open_source_category", "PublisherModel.OpenSourceCategory", REQUIRED),
        repeated(23, "frameworks", "string", OPTIONAL),
        f(29, "launch_stage", "PublisherModel.LaunchStage", OPTIONAL),
        f(30, "publisher_model_template", "string", OPTIONAL | OUTPUT_ONLY | IMMUTABLE),
        f(31, "predict_schemata", "PredictSchemata", OPTIONAL),
        f(37, "version_state", "PublisherModel.VersionState", OPTIONAL),
    ),
    message(
        "GetPublisherModelRequest",
        f(1, "name", "string", REQUIRED),
        f(2, "language_code", "string", OPTIONAL),
        f(3, "view", "PublisherModelView", OPTIONAL),
        f(5, "is_hugging_face_model", "bool", OPTIONAL),
        f(6, "hugging_face_token", "string", OPTIONAL),
        f(7, "include_equivalent_model_garden_model_deployment_configs", "bool", OPTIONAL, versions=V1BETA1),
    ),
)

ENUMS: tuple[Enum, ...] = (
    enum(
        "PublisherModelView",
        "PUBLISHER_MODEL_VIEW_UNSPECIFIED",
        "PUBLISHER_MODEL_VIEW_BASIC",
        "PUBLISHER_MODEL_VIEW_FULL",
        "PUBLISHER_MODEL_VERSION_VIEW_BASIC",
    ),
    enum("PublisherModel.VersionState", "VERSION_STATE_UNSPECIFIED", "VERSION_STATE_STABLE", "VERSION_STATE_UNSTABLE"),
    enum(
        "PublisherModel.LaunchStage",
        "LAUNCH_STAGE_UNSPECIFIED",
        "EXPERIMENTAL",
        "PRIVATE_PREVIEW",
        "PUBLIC_PREVIEW",
        "GA",
    ),
    enum(
        "PublisherModel.OpenSourceCategory",
        "OPEN_SOURCE_CATEGORY_UNSPECIFIED",
        "PROPRIETARY",
        "GOOGLE_OWNED_OSS_WITH_GOOGLE_CHECKPOINT",
        "THIRD_PARTY_OWNED_OSS_WITH_GOOGLE_CHECKPOINT",
        "GOOGLE_OWNED_OSS",
        "THIRD_PARTY_OWNED_OSS",
    ),
)

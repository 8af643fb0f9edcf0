"""How a model of the registry is explained; tuned Gemini models carry none of it.

Source: https://github.com/googleapis/googleapis google/cloud/aiplatform/v1beta1
explanation.proto and explanation_metadata.proto.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import (
    OPTIONAL,
    PRESENCE,
    REQUIRED,
    Enum,
    Message,
    enum,
    f,
    mapped,
    message,
    repeated,
)
from tuning_emulator.vertex.versions import V1BETA1

MESSAGES: tuple[Message, ...] = (
    message(
        "ExplanationSpec",
        f(1, "parameters", "ExplanationParameters", REQUIRED),
        f(2, "metadata", "ExplanationMetadata", OPTIONAL),
    ),
    message(
        "ExplanationMetadata",
        mapped(1, "inputs", "string", "ExplanationMetadata.InputMetadata", REQUIRED),
        mapped(2, "outputs", "string", "ExplanationMetadata.OutputMetadata", REQUIRED),
        f(3, "feature_attributions_schema_uri", "string"),
        f(5, "latent_space_source", "string"),
    ),
    message(
        "ExplanationMetadata.OutputMetadata",
        f(1, "index_display_name_mapping", "google.protobuf.Value", oneof="display_name_mapping"),
        f(2, "display_name_mapping_key", "string", oneof="display_name_mapping"),
        f(3, "output_tensor_name", "string"),
    ),
    message(
        "ExplanationMetadata.InputMetadata",
        repeated(1, "input_baselines", "google.protobuf.Value"),
        f(2, "input_tensor_name", "string"),
        f(3, "encoding", "ExplanationMetadata.InputMetadata.Encoding"),
        f(4, "modality", "string"),
        f(5, "feature_value_domain", "ExplanationMetadata.InputMetadata.FeatureValueDomain"),
        f(6, "indices_tensor_name", "string"),
        f(7, "dense_shape_tensor_name", "string"),
        repeated(8, "index_feature_mapping", "string"),
        f(9, "encoded_tensor_name", "string"),
        repeated(10, "encoded_baselines", "google.protobuf.Value"),
        f(11, "visualization", "ExplanationMetadata.InputMetadata.Visualization"),
        f(12, "group_name", "string"),
    ),
    message(
        "ExplanationMetadata.InputMetadata.Visualization",
        f(1, "type", "ExplanationMetadata.InputMetadata.Visualization.Type"),
        f(2, "polarity", "ExplanationMetadata.InputMetadata.Visualization.Polarity"),
        f(3, "color_map", "ExplanationMetadata.InputMetadata.Visualization.ColorMap"),
        f(4, "clip_percent_upperbound", "float"),
        f(5, "clip_percent_lowerbound", "float"),
        f(6, "overlay_type", "ExplanationMetadata.InputMetadata.Visualization.OverlayType"),
    ),
    message(
        "ExplanationMetadata.InputMetadata.FeatureValueDomain",
        f(1, "min_value", "float"),
        f(2, "max_value", "float"),
        f(3, "original_mean", "float"),
        f(4, "original_stddev", "float"),
    ),
    message(
        "ExplanationParameters",
        f(1, "sampled_shapley_attribution", "SampledShapleyAttribution", oneof="method"),
        f(2, "integrated_gradients_attribution", "IntegratedGradientsAttribution", oneof="method"),
        f(3, "xrai_attribution", "XraiAttribution", oneof="method"),
        f(4, "top_k", "int32"),
        f(5, "output_indices", "google.protobuf.ListValue"),
        f(7, "examples", "Examples", oneof="method"),
    ),
    message(
        "Examples",
        f(1, "gcs_source", "GcsSource", versions=V1BETA1),
        f(2, "nearest_neighbor_search_config", "google.protobuf.Value", oneof="config"),
        f(3, "neighbor_count", "int32"),
        f(4, "presets", "Presets", oneof="config"),
        f(5, "example_gcs_source", "Examples.ExampleGcsSource", oneof="source"),
    ),
    message(
        "Presets",
        f(1, "query", "Presets.Query", PRESENCE),
        f(2, "modality", "Presets.Modality"),
    ),
    message(
        "Examples.ExampleGcsSource",
        f(1, "data_format", "Examples.ExampleGcsSource.DataFormat"),
        f(2, "gcs_source", "GcsSource"),
    ),
    message(
        "XraiAttribution",
        f(1, "step_count", "int32", REQUIRED),
        f(2, "smooth_grad_config", "SmoothGradConfig"),
        f(3, "blur_baseline_config", "BlurBaselineConfig"),
    ),
    message("BlurBaselineConfig", f(1, "max_blur_sigma", "float")),
    message(
        "SmoothGradConfig",
        f(1, "noise_sigma", "float", oneof="GradientNoiseSigma"),
        f(2, "feature_noise_sigma", "FeatureNoiseSigma", oneof="GradientNoiseSigma"),
        f(3, "noisy_sample_count", "int32"),
    ),
    message("FeatureNoiseSigma", repeated(1, "noise_sigma", "FeatureNoiseSigma.NoiseSigmaForFeature")),
    message(
        "FeatureNoiseSigma.NoiseSigmaForFeature",
        f(1, "name", "string"),
        f(2, "sigma", "float"),
    ),
    message(
        "IntegratedGradientsAttribution",
        f(1, "step_count", "int32", REQUIRED),
        f(2, "smooth_grad_config", "SmoothGradConfig"),
        f(3, "blur_baseline_config", "BlurBaselineConfig"),
    ),
    message("SampledShapleyAttribution", f(1, "path_count", "int32", REQUIRED)),
)

ENUMS: tuple[Enum, ...] = (
    enum(
        "ExplanationMetadata.InputMetadata.Visualization.OverlayType",
        "OVERLAY_TYPE_UNSPECIFIED",
        "NONE",
        "ORIGINAL",
        "GRAYSCALE",
        "MASK_BLACK",
    ),
    enum(
        "ExplanationMetadata.InputMetadata.Visualization.ColorMap",
        "COLOR_MAP_UNSPECIFIED",
        "PINK_GREEN",
        "VIRIDIS",
        "RED",
        "GREEN",
        "PINK_WHITE_GREEN",
        "RED_GREEN",
    ),
    enum(
        "ExplanationMetadata.InputMetadata.Visualization.Polarity",
        "POLARITY_UNSPECIFIED",
        "POSITIVE",
        "NEGATIVE",
        "BOTH",
    ),
    enum("ExplanationMetadata.InputMetadata.Visualization.Type", "TYPE_UNSPECIFIED", "PIXELS", "OUTLINES"),
    enum(
        "ExplanationMetadata.InputMetadata.Encoding",
        "ENCODING_UNSPECIFIED",
        "IDENTITY",
        "BAG_OF_FEATURES",
        "BAG_OF_FEATURES_SPARSE",
        "INDICATOR",
        "COMBINED_EMBEDDING",
        "CONCAT_EMBEDDING",
    ),
    enum("Presets.Modality", "MODALITY_UNSPECIFIED", "IMAGE", "TEXT", "TABULAR"),
    enum("Presets.Query", "PRECISE", "FAST"),
    enum("Examples.ExampleGcsSource.DataFormat", "DATA_FORMAT_UNSPECIFIED", "JSONL"),
)

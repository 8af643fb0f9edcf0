"""What a job found in its datasets.

Source: https://github.com/googleapis/googleapis google/cloud/aiplatform/v1beta1
tuning_job.proto.

Fields numbered from 10001 on are in the discovery documents alone (v1, v1beta1 of 2026-11-06),
which give no numbers: these stand in, so such fields print last and no gRPC client has them.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import OUTPUT_ONLY, Message, f, message, repeated
from tuning_emulator.vertex.versions import V1BETA1

MESSAGES: tuple[Message, ...] = (
    message(
        "TuningDataStats",
        f(1, "supervised_tuning_data_stats", "SupervisedTuningDataStats", oneof="tuning_data_stats"),
        f(
            3,
            "distillation_data_stats",
            "DistillationDataStats",
            OUTPUT_ONLY,
            oneof="tuning_data_stats",
            versions=V1BETA1,
        ),
        f(
            10001,
            "preference_optimization_data_stats",
            "PreferenceOptimizationDataStats",
            OUTPUT_ONLY,
            oneof="tuning_data_stats",
        ),
        f(
            10002,
            "reinforcement_tuning_data_stats",
            "DatasetStats",
            OUTPUT_ONLY,
            oneof="tuning_data_stats",
            versions=V1BETA1,
        ),
    ),
    message(
        "DatasetStats",
        f(1, "tuning_dataset_example_count", "int64", OUTPUT_ONLY),
        f(2, "total_tuning_character_count", "int64", OUTPUT_ONLY),
        f(3, "total_billable_character_count", "int64", OUTPUT_ONLY),
        f(4, "tuning_step_count", "int64", OUTPUT_ONLY),
        f(5, "user_input_token_distribution", "DatasetDistribution", OUTPUT_ONLY),
        f(6, "user_output_token_distribution", "DatasetDistribution", OUTPUT_ONLY),
        f(7, "user_message_per_example_distribution", "DatasetDistribution", OUTPUT_ONLY),
        repeated(8, "user_dataset_examples", "Content", OUTPUT_ONLY),
        f(10001, "contents_per_example_distribution", "DatasetDistribution", OUTPUT_ONLY),
        repeated(10002, "dropped_example_indices", "int64", OUTPUT_ONLY),
        repeated(10003, "dropped_example_reasons", "string", OUTPUT_ONLY),
        f(10004, "reinforcement_tuning_user_dataset_examples", "ReinforcementTuningUserDatasetExamples", OUTPUT_ONLY),
        f(10005, "total_billable_token_count", "int64", OUTPUT_ONLY),
        versions=V1BETA1,
    ),
    message(
        "DatasetDistribution",
        f(1, "sum", "double", OUTPUT_ONLY),
        f(2, "min", "double", OUTPUT_ONLY),
        f(3, "max", "double", OUTPUT_ONLY),
        f(4, "mean", "double", OUTPUT_ONLY),
        f(5, "median", "double", OUTPUT_ONLY),
        f(6, "p5", "double", OUTPUT_ONLY),
        f(7, "p95", "double", OUTPUT_ONLY),
        repeated(8, "buckets", "DatasetDistribution.DistributionBucket", OUTPUT_ONLY),
    ),
    message(
        "DatasetDistribution.DistributionBucket",
        f(1, "count", "int64", OUTPUT_ONLY),
        f(2, "left", "double", OUTPUT_ONLY),
        f(3, "right", "double", OUTPUT_ONLY),
    ),
    message(
        "PreferenceOptimizationDataStats",
        repeated(10001, "dropped_example_indices", "int64", OUTPUT_ONLY),
        repeated(10002, "dropped_example_reasons", "string", OUTPUT_ONLY),
        f(10003, "score_variance_per_example_distribution", "DatasetDistribution", OUTPUT_ONLY),
        f(10004, "scores_distribution", "DatasetDistribution", OUTPUT_ONLY),
        f(10005, "total_billable_token_count", "int64", OUTPUT_ONLY),
        f(10006, "tuning_dataset_example_count", "int64", OUTPUT_ONLY),
        f(10007, "tuning_step_count", "int64", OUTPUT_ONLY),
        repeated(10008, "user_dataset_examples", "GeminiPreferenceExample", OUTPUT_ONLY),
        f(10009, "user_input_token_distribution", "DatasetDistribution", OUTPUT_ONLY),
        f(10010, "user_output_token_distribution", "DatasetDistribution", OUTPUT_ONLY),
    ),
    message(
        "GeminiPreferenceExample",
        repeated(10001, "completions", "GeminiPreferenceExample.Completion"),
        repeated(10002, "contents", "Content"),
    ),
    message(
        "GeminiPreferenceExample.Completion",
        f(10001, "completion", "Content"),
        f(10002, "score", "float"),
    ),
    message(
        "DistillationDataStats",
        f(1, "training_dataset_stats", "DatasetStats", OUTPUT_ONLY),
        versions=V1BETA1,
    ),
    message(
        "SupervisedTuningDataStats",
        f(1, "tuning_dataset_example_count", "int64", OUTPUT_ONLY),
        f(2, "total_tuning_character_count", "int64", OUTPUT_ONLY),
        f(3, "total_billable_character_count", "int64", OUTPUT_ONLY),
        f(4, "tuning_step_count", "int64", OUTPUT_ONLY),
        f(5, "user_input_token_distribution", "SupervisedTuningDatasetDistribution", OUTPUT_ONLY),
        f(6, "user_output_token_distribution", "SupervisedTuningDatasetDistribution", OUTPUT_ONLY),
        f(7, "user_message_per_example_distribution", "SupervisedTuningDatasetDistribution", OUTPUT_ONLY),
        repeated(8, "user_dataset_examples", "Content", OUTPUT_ONLY),
        f(9, "total_billable_token_count", "int64", OUTPUT_ONLY),
        f(10, "total_truncated_example_count", "int64", OUTPUT_ONLY),
        repeated(11, "truncated_example_indices", "int64", OUTPUT_ONLY),
        repeated(12, "dropped_example_reasons", "string", OUTPUT_ONLY),
    ),
    message(
        "SupervisedTuningDatasetDistribution",
        f(1, "sum", "int64", OUTPUT_ONLY),
        f(2, "min", "double", OUTPUT_ONLY),
        f(3, "max", "double", OUTPUT_ONLY),
        f(4, "mean", "double", OUTPUT_ONLY),
        f(5, "median", "double", OUTPUT_ONLY),
        f(6, "p5", "double", OUTPUT_ONLY),
        f(7, "p95", "double", OUTPUT_ONLY),
        repeated(8, "buckets", "SupervisedTuningDatasetDistribution.DatasetBucket", OUTPUT_ONLY),
        f(9, "billable_sum", "int64", OUTPUT_ONLY),
    ),
    message(
        "SupervisedTuningDatasetDistribution.DatasetBucket",
        f(1, "count", "double", OUTPUT_ONLY),
        f(2, "left", "double", OUTPUT_ONLY),
        f(3, "right", "double", OUTPUT_ONLY),
    ),
)

"""Reinforcement tuning: its specification, rewards and their trial run. No public proto has it.

Source: the service's discovery document v1beta1 of 2026-11-06.

Fields numbered from 10001 on are in the discovery documents alone (v1, v1beta1 of 2026-11-06),
which give no numbers: these stand in, so such fields print last and no gRPC client has them.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import (
    DEPRECATED,
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
from tuning_emulator.vertex.versions import V1BETA1

MESSAGES: tuple[Message, ...] = (
    message(
        "ReinforcementTuningSpec",
        f(10001, "composite_reward_config", "CompositeReinforcementTuningRewardConfig", oneof="reward_config"),
        f(10002, "hyper_parameters", "ReinforcementTuningHyperParameters", OPTIONAL),
        f(10003, "single_reward_config", "SingleReinforcementTuningRewardConfig", oneof="reward_config"),
        f(10004, "training_dataset_uri", "string"),
        f(10005, "validation_dataset_uri", "string"),
        versions=V1BETA1,
    ),
    message(
        "SingleReinforcementTuningRewardConfig",
        f(10001, "autorater_scorer", "ReinforcementTuningAutoraterScorer", oneof="reward_scorer"),
        f(10002, "cloud_run_reward_scorer", "ReinforcementTuningCloudRunRewardScorer", oneof="reward_scorer"),
        f(10003, "code_execution_reward_scorer", "ReinforcementTuningCodeExecutionRewardScorer", oneof="reward_scorer"),
        f(10004, "parse_response_config", "ReinforcementTuningParseResponseConfig"),
        f(10005, "reward_name", "string"),
        f(10006, "string_match_reward_scorer", "ReinforcementTuningStringMatchRewardScorer", oneof="reward_scorer"),
        versions=V1BETA1,
    ),
    message(
        "ReinforcementTuningStringMatchRewardScorer",
        f(10001, "correct_answer_reward", "float"),
        f(
            10002,
            "json_match_expression",
            "ReinforcementTuningStringMatchRewardScorer.JsonMatchExpression",
            oneof="expression",
        ),
        f(
            10003,
            "string_match_expression",
            "ReinforcementTuningStringMatchRewardScorer.StringMatchExpression",
            oneof="expression",
        ),
        f(10004, "wrong_answer_reward", "float"),
        versions=V1BETA1,
    ),
    message(
        "ReinforcementTuningStringMatchRewardScorer.StringMatchExpression",
        f(10001, "expression", "string"),
        f(10002, "match_operation", "ReinforcementTuningStringMatchRewardScorer.StringMatchExpression.MatchOperation"),
        versions=V1BETA1,
    ),
    message(
        "ReinforcementTuningStringMatchRewardScorer.JsonMatchExpression",
        f(10001, "key_name", "string"),
        f(10002, "value_string_match_expression", "ReinforcementTuningStringMatchRewardScorer.StringMatchExpression"),
        versions=V1BETA1,
    ),
    message(
        "ReinforcementTuningParseResponseConfig",
        f(10001, "parse_type", "ReinforcementTuningParseResponseConfig.ParseType"),
        f(10002, "regex_extract_expression", "string"),
        versions=V1BETA1,
    ),
    message(
        "ReinforcementTuningCodeExecutionRewardScorer",
        f(10001, "python_code_snippet", "string"),
        versions=V1BETA1,
    ),
    message(
        "ReinforcementTuningCloudRunRewardScorer",
        f(10001, "cloud_run_uri", "string"),
        versions=V1BETA1,
    ),
    message(
        "ReinforcementTuningAutoraterScorer",
        f(10001, "autorater_config", "AutoraterConfig"),
        f(10002, "autorater_prompt", "string"),
        f(10003, "autorater_response_parse_config", "ReinforcementTuningParseResponseConfig"),
        f(10004, "exact_match_scorer", "ReinforcementTuningAutoraterScorer.ExactMatchScorer", oneof="scorer"),
        f(
            10005,
            "parsed_response_conversion_scorer",
            "ReinforcementTuningAutoraterScorer.ParsedResponseConversionScorer",
            oneof="scorer",
        ),
        versions=V1BETA1,
    ),
    message("ReinforcementTuningAutoraterScorer.ParsedResponseConversionScorer", versions=V1BETA1),
    message(
        "ReinforcementTuningAutoraterScorer.ExactMatchScorer",
        f(10001, "correct_answer_reward", "float"),
        f(10002, "expression", "string"),
        f(10003, "wrong_answer_reward", "float"),
        versions=V1BETA1,
    ),
    message(
        "ReinforcementTuningHyperParameters",
        f(10001, "adapter_size", "SupervisedHyperParameters.AdapterSize", OPTIONAL),
        f(10002, "batch_size", "int32", OPTIONAL),
        f(10003, "checkpoint_interval", "int32", OPTIONAL),
        f(10004, "epoch_count", "int64", OPTIONAL),
        f(10005, "evaluate_interval", "int32", OPTIONAL),
        f(10006, "learning_rate_multiplier", "double", OPTIONAL),
        f(10007, "max_output_tokens", "int32", OPTIONAL),
        f(10008, "samples_per_prompt", "int32", OPTIONAL),
        f(10009, "step_count", "int64", OPTIONAL),
        f(10010, "thinking_budget", "int32", OPTIONAL),
        f(10011, "thinking_level", "ReinforcementTuningHyperParameters.ThinkingLevel"),
        versions=V1BETA1,
    ),
    message(
        "CompositeReinforcementTuningRewardConfig",
        repeated(10001, "weighted_reward_configs", "CompositeReinforcementTuningRewardConfig.WeightedRewardConfig"),
        versions=V1BETA1,
    ),
    message(
        "CompositeReinforcementTuningRewardConfig.WeightedRewardConfig",
        f(10001, "reward_config", "SingleReinforcementTuningRewardConfig"),
        f(10002, "weight", "float"),
        versions=V1BETA1,
    ),
    message(
        "ReinforcementTuningUserDatasetExamples",
        repeated(10001, "user_dataset_examples", "ReinforcementTuningExample"),
        versions=V1BETA1,
    ),
    message(
        "ReinforcementTuningExample",
        repeated(10001, "contents", "Content"),
        mapped(10002, "references", "string", "string"),
        f(10003, "system_instruction", "Content"),
        repeated(10004, "tools", "Tool", OPTIONAL),
        versions=V1BETA1,
    ),
    message(
        "ValidateReinforcementTuningRewardRequest",
        f(1, "parent", "string", REQUIRED),
        f(
            10001,
            "composite_reward_config",
            "CompositeReinforcementTuningRewardConfig",
            OPTIONAL,
            oneof="reward_config",
        ),
        f(10002, "example", "ReinforcementTuningExample", REQUIRED),
        f(10003, "sample_response", "Content", REQUIRED),
        f(10004, "single_reward_config", "SingleReinforcementTuningRewardConfig", OPTIONAL, oneof="reward_config"),
        versions=V1BETA1,
    ),
    message(
        "ValidateReinforcementTuningRewardResponse",
        f(10001, "error", "string", OUTPUT_ONLY | DEPRECATED),
        f(10002, "error_status", "google.rpc.Status", OUTPUT_ONLY),
        f(10003, "overall_reward", "float", OUTPUT_ONLY),
        mapped(10004, "reward_details", "string", "float", OUTPUT_ONLY | DEPRECATED),
        mapped(10005, "reward_info_details", "string", "ReinforcementTuningRewardInfo"),
        versions=V1BETA1,
    ),
    message(
        "ReinforcementTuningRewardInfo",
        f(10001, "error_status", "google.rpc.Status", OUTPUT_ONLY),
        f(10002, "reward", "float", OUTPUT_ONLY),
        f(10003, "user_requested_aux_info", "string", OUTPUT_ONLY),
        versions=V1BETA1,
    ),
)

ENUMS: tuple[Enum, ...] = (
    enum(
        "ReinforcementTuningStringMatchRewardScorer.StringMatchExpression.MatchOperation",
        "MATCH_OPERATION_UNSPECIFIED",
        "REGEX_CONTAINS",
        "PARTIAL_MATCH",
        "EXACT_MATCH",
        versions=V1BETA1,
    ),
    enum(
        "ReinforcementTuningParseResponseConfig.ParseType",
        "RESPONSE_PARSE_TYPE_UNSPECIFIED",
        "IDENTITY",
        "REGEX_EXTRACT",
        versions=V1BETA1,
    ),
    enum(
        "ReinforcementTuningHyperParameters.ThinkingLevel",
        "REINFORCEMENT_TUNING_THINKING_LEVEL_UNSPECIFIED",
        "MINIMAL",
        "LOW",
        "MEDIUM",
        "HIGH",
        versions=V1BETA1,
    ),
)

"""How checkpoints are evaluated while a job runs, and what came out.

Source: https://github.com/googleapis/googleapis google/cloud/aiplatform/v1beta1
evaluation_service.proto.

Fields numbered from 10001 on are in the discovery documents alone (v1, v1beta1 of 2026-11-06),
which give no numbers: these stand in, so such fields print last and no gRPC client has them.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import (
    IDENTIFIER,
    OPTIONAL,
    OUTPUT_ONLY,
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
        "AutoraterConfig",
        f(1, "sampling_count", "int32", OPTIONAL | PRESENCE),
        f(2, "flip_enabled", "bool", OPTIONAL | PRESENCE),
        f(3, "autorater_model", "string", OPTIONAL),
        f(4, "generation_config", "GenerationConfig", OPTIONAL),
    ),
    message(
        "EvaluateDatasetResponse",
        f(1, "aggregation_output", "AggregationOutput", OUTPUT_ONLY),
        f(3, "output_info", "OutputInfo", OUTPUT_ONLY),
    ),
    message("OutputInfo", f(1, "gcs_output_directory", "string", OUTPUT_ONLY, oneof="output_location")),
    message(
        "AggregationOutput",
        f(1, "dataset", "EvaluationDataset"),
        repeated(2, "aggregation_results", "AggregationResult"),
    ),
    message(
        "AggregationResult",
        f(4, "aggregation_metric", "Metric.AggregationMetric"),
        f(5, "pointwise_metric_result", "PointwiseMetricResult", oneof="aggregation_result"),
        f(6, "pairwise_metric_result", "PairwiseMetricResult", oneof="aggregation_result"),
        f(7, "exact_match_metric_value", "ExactMatchMetricValue", oneof="aggregation_result"),
        f(8, "bleu_metric_value", "BleuMetricValue", oneof="aggregation_result"),
        f(9, "rouge_metric_value", "RougeMetricValue", oneof="aggregation_result"),
        f(10, "custom_code_execution_result", "CustomCodeExecutionResult", oneof="aggregation_result"),
    ),
    message("CustomCodeExecutionResult", f(1, "score", "float", OUTPUT_ONLY | PRESENCE)),
    message("RougeMetricValue", f(1, "score", "float", OUTPUT_ONLY | PRESENCE)),
    message("BleuMetricValue", f(1, "score", "float", OUTPUT_ONLY | PRESENCE)),
    message("ExactMatchMetricValue", f(1, "score", "float", OUTPUT_ONLY | PRESENCE)),
    message(
        "PairwiseMetricResult",
        f(1, "pairwise_choice", "PairwiseChoice", OUTPUT_ONLY),
        f(2, "explanation", "string", OUTPUT_ONLY),
        f(3, "custom_output", "CustomOutput", OUTPUT_ONLY),
    ),
    message("CustomOutput", f(1, "raw_outputs", "RawOutput", OUTPUT_ONLY, oneof="custom_output")),
    message("RawOutput", repeated(1, "raw_output", "string", OUTPUT_ONLY)),
    message(
        "PointwiseMetricResult",
        f(1, "score", "float", OUTPUT_ONLY | PRESENCE),
        f(2, "explanation", "string", OUTPUT_ONLY),
        f(3, "custom_output", "CustomOutput", OUTPUT_ONLY),
    ),
    message(
        "EvaluationDataset",
        f(1, "gcs_source", "GcsSource", oneof="source"),
        f(2, "bigquery_source", "BigQuerySource", oneof="source"),
    ),
    message(
        "DatasetCustomMetric",
        f(10001, "aggregation_function", "string", REQUIRED),
        f(10002, "display_name", "string", OPTIONAL),
    ),
    message("OutputConfig", f(1, "gcs_destination", "GcsDestination", oneof="destination")),
    message(
        "Metric",
        repeated(1, "aggregation_metrics", "Metric.AggregationMetric", OPTIONAL),
        f(2, "pointwise_metric_spec", "PointwiseMetricSpec", oneof="metric_spec"),
        f(3, "pairwise_metric_spec", "PairwiseMetricSpec", oneof="metric_spec"),
        f(4, "exact_match_spec", "ExactMatchSpec", oneof="metric_spec"),
        f(5, "bleu_spec", "BleuSpec", oneof="metric_spec"),
        f(6, "rouge_spec", "RougeSpec", oneof="metric_spec"),
        f(8, "predefined_metric_spec", "PredefinedMetricSpec", oneof="metric_spec"),
        f(9, "computation_based_metric_spec", "ComputationBasedMetricSpec", oneof="metric_spec"),
        f(10, "llm_based_metric_spec", "LLMBasedMetricSpec", oneof="metric_spec"),
        f(11, "custom_code_execution_spec", "CustomCodeExecutionSpec", oneof="metric_spec"),
        f(13, "metadata", "MetricMetadata", OPTIONAL),
        f(10001, "step_based_llm_metric_spec", "StepBasedLlmMetricSpec", versions=V1BETA1),
    ),
    message(
        "StepBasedLlmMetricSpec",
        f(10001, "preprocessor", "StepBasedLlmMetricSpec.AgentDataPreprocessor", OPTIONAL),
        repeated(10002, "steps", "StepBasedLlmMetricSpec.Step", REQUIRED),
        versions=V1BETA1,
    ),
    message(
        "StepBasedLlmMetricSpec.Step",
        f(10001, "autorater_config", "AutoraterConfig", OPTIONAL),
        f(10002, "prompt_template", "string", REQUIRED),
        f(10003, "response_parser_config", "EvaluationParserConfig", OPTIONAL),
        f(10004, "step_id", "string", REQUIRED | IDENTIFIER),
        versions=V1BETA1,
    ),
    message(
        "EvaluationParserConfig",
        f(2, "custom_code_parser_config", "EvaluationParserConfig.CustomCodeParserConfig", OPTIONAL, oneof="parser"),
    ),
    message(
        "EvaluationParserConfig.CustomCodeParserConfig",
        f(1, "parsing_function", "string", REQUIRED | PRESENCE),
        f(10001, "code_execution_region", "string", OPTIONAL, versions=V1BETA1),
    ),
    message(
        "StepBasedLlmMetricSpec.AgentDataPreprocessor",
        f(10001, "code_config", "StepBasedLlmMetricSpec.CodePreprocessorConfig"),
        f(10002, "filter_config", "StepBasedLlmMetricSpec.FilterPreprocessorConfig"),
        versions=V1BETA1,
    ),
    message(
        "StepBasedLlmMetricSpec.FilterPreprocessorConfig",
        f(
            10001,
            "trace_compression_config",
            "StepBasedLlmMetricSpec.FilterPreprocessorConfig.TraceCompressionConfig",
            OPTIONAL,
        ),
        versions=V1BETA1,
    ),
    message(
        "StepBasedLlmMetricSpec.FilterPreprocessorConfig.TraceCompressionConfig",
        f(10001, "max_turn_count", "int32", OPTIONAL),
        f(10002, "thoughts_filtered", "bool", OPTIONAL),
        versions=V1BETA1,
    ),
    message(
        "StepBasedLlmMetricSpec.CodePreprocessorConfig",
        f(10001, "code", "string", REQUIRED),
        versions=V1BETA1,
    ),
    message(
        "MetricMetadata",
        f(1, "title", "string", OPTIONAL),
        f(2, "score_range", "MetricMetadata.ScoreRange", OPTIONAL),
        f(3, "other_metadata", "google.protobuf.Struct", OPTIONAL),
    ),
    message(
        "MetricMetadata.ScoreRange",
        f(1, "min", "double", REQUIRED | PRESENCE),
        f(2, "max", "double", REQUIRED | PRESENCE),
        f(3, "step", "double", OPTIONAL | PRESENCE),
        f(4, "description", "string", OPTIONAL),
    ),
    message(
        "RougeSpec",
        f(1, "rouge_type", "string", OPTIONAL),
        f(2, "use_stemmer", "bool", OPTIONAL),
        f(3, "split_summaries", "bool", OPTIONAL),
    ),
    message("BleuSpec", f(1, "use_effective_order", "bool", OPTIONAL)),
    message("ExactMatchSpec"),
    message(
        "PairwiseMetricSpec",
        f(1, "metric_prompt_template", "string", REQUIRED | PRESENCE),
        f(2, "candidate_response_field_name", "string", OPTIONAL),
        f(3, "baseline_response_field_name", "string", OPTIONAL),
        f(4, "system_instruction", "string", OPTIONAL | PRESENCE),
        f(5, "custom_output_format_config", "CustomOutputFormatConfig", OPTIONAL),
    ),
    message(
        "CustomOutputFormatConfig",
        f(1, "return_raw_output", "bool", OPTIONAL, oneof="custom_output_format_config"),
    ),
    message(
        "PointwiseMetricSpec",
        f(1, "metric_prompt_template", "string", REQUIRED | PRESENCE),
        f(2, "system_instruction", "string", OPTIONAL | PRESENCE),
        f(3, "custom_output_format_config", "CustomOutputFormatConfig", OPTIONAL),
    ),
    message(
        "CustomCodeExecutionSpec",
        f(1, "evaluation_function", "string", REQUIRED | PRESENCE),
        f(10001, "code_execution_region", "string", OPTIONAL, versions=V1BETA1),
    ),
    message(
        "LLMBasedMetricSpec",
        f(1, "metric_prompt_template", "string", REQUIRED | PRESENCE),
        f(2, "system_instruction", "string", OPTIONAL | PRESENCE),
        f(3, "judge_autorater_config", "AutoraterConfig", OPTIONAL),
        f(4, "rubric_group_key", "string", oneof="rubrics_source"),
        f(5, "rubric_generation_spec", "RubricGenerationSpec", oneof="rubrics_source"),
        f(6, "predefined_rubric_generation_spec", "PredefinedMetricSpec", oneof="rubrics_source"),
        f(7, "additional_config", "google.protobuf.Struct", OPTIONAL),
        f(8, "result_parser_config", "EvaluationParserConfig", OPTIONAL),
    ),
    message(
        "PredefinedMetricSpec",
        f(1, "metric_spec_name", "string", REQUIRED),
        f(2, "metric_spec_parameters", "google.protobuf.Struct", OPTIONAL),
        mapped(10001, "step_autorater_configs", "string", "AutoraterConfig", OPTIONAL, versions=V1BETA1),
    ),
    message(
        "RubricGenerationSpec",
        f(1, "prompt_template", "string"),
        f(4, "model_config", "AutoraterConfig"),
        f(5, "rubric_content_type", "RubricGenerationSpec.RubricContentType"),
        repeated(6, "rubric_type_ontology", "string", OPTIONAL),
    ),
    message(
        "ComputationBasedMetricSpec",
        f(1, "type", "ComputationBasedMetricSpec.ComputationBasedMetricType", REQUIRED | PRESENCE),
        f(2, "parameters", "google.protobuf.Struct", OPTIONAL),
    ),
)

ENUMS: tuple[Enum, ...] = (
    enum(
        "Metric.AggregationMetric",
        "AGGREGATION_METRIC_UNSPECIFIED",
        "AVERAGE",
        "MODE",
        "STANDARD_DEVIATION",
        "VARIANCE",
        "MINIMUM",
        "MAXIMUM",
        "MEDIAN",
        "PERCENTILE_P90",
        "PERCENTILE_P95",
        "PERCENTILE_P99",
    ),
    enum("PairwiseChoice", "PAIRWISE_CHOICE_UNSPECIFIED", "BASELINE", "CANDIDATE", "TIE"),
    enum(
        "RubricGenerationSpec.RubricContentType",
        "RUBRIC_CONTENT_TYPE_UNSPECIFIED",
        "PROPERTY",
        "NL_QUESTION_ANSWER",
        "PYTHON_CODE_ASSERTION",
    ),
    enum(
        "ComputationBasedMetricSpec.ComputationBasedMetricType",
        "COMPUTATION_BASED_METRIC_TYPE_UNSPECIFIED",
        "EXACT_MATCH",
        "BLEU",
        "ROUGE",
    ),
)

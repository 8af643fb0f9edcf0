"""What a model may call while it answers, and the schemas of arguments and answers.

Source: https://github.com/googleapis/googleapis google/cloud/aiplatform/v1beta1
tool.proto and openapi.proto.

Fields numbered from 10001 on are in the discovery documents alone (v1, v1beta1 of 2026-11-06),
which give no numbers: these stand in, so such fields print last and no gRPC client has them.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import (
    DEPRECATED,
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
from tuning_emulator.vertex.versions import V1, V1BETA1

MESSAGES: tuple[Message, ...] = (
    message(
        "Schema",
        f(1, "type", "Type", OPTIONAL),
        f(2, "items", "Schema", OPTIONAL),
        mapped(3, "properties", "string", "Schema", OPTIONAL),
        f(4, "example", "google.protobuf.Value", OPTIONAL),
        repeated(5, "required", "string", OPTIONAL | REQUIRED),
        f(6, "nullable", "bool", OPTIONAL),
        f(7, "format", "string", OPTIONAL),
        f(8, "description", "string", OPTIONAL),
        repeated(9, "enum", "string", OPTIONAL),
        repeated(11, "any_of", "Schema", OPTIONAL),
        f(14, "min_properties", "int64", OPTIONAL),
        f(15, "max_properties", "int64", OPTIONAL),
        f(16, "minimum", "double", OPTIONAL),
        f(17, "maximum", "double", OPTIONAL),
        f(18, "min_length", "int64", OPTIONAL),
        f(19, "max_length", "int64", OPTIONAL),
        f(20, "pattern", "string", OPTIONAL),
        f(21, "min_items", "int64", OPTIONAL),
        f(22, "max_items", "int64", OPTIONAL),
        f(23, "default", "google.protobuf.Value", OPTIONAL),
        f(24, "title", "string", OPTIONAL),
        repeated(25, "property_ordering", "string", OPTIONAL),
        f(26, "additional_properties", "google.protobuf.Value", OPTIONAL),
        f(27, "ref", "string", OPTIONAL),
        mapped(28, "defs", "string", "Schema", OPTIONAL),
    ),
    message(
        "Tool",
        repeated(1, "function_declarations", "FunctionDeclaration", OPTIONAL),
        f(2, "retrieval", "Retrieval", OPTIONAL),
        f(3, "google_search_retrieval", "GoogleSearchRetrieval", OPTIONAL),
        f(4, "code_execution", "Tool.CodeExecution", OPTIONAL),
        f(5, "google_maps", "GoogleMaps", OPTIONAL),
        f(6, "enterprise_web_search", "EnterpriseWebSearch", OPTIONAL),
        f(7, "google_search", "Tool.GoogleSearch", OPTIONAL),
        f(10, "url_context", "UrlContext", OPTIONAL),
        f(11, "computer_use", "Tool.ComputerUse", OPTIONAL),
        f(13, "parallel_ai_search", "Tool.ParallelAiSearch", OPTIONAL),
        f(15, "exa_ai_search", "Tool.ExaAiSearch", OPTIONAL),
    ),
    message(
        "Tool.ComputerUse",
        f(1, "environment", "Tool.ComputerUse.Environment", REQUIRED),
        repeated(2, "excluded_predefined_functions", "string", OPTIONAL),
        repeated(10001, "disabled_safety_policies", "Tool.ComputerUse.DisabledSafetyPolicies", OPTIONAL),
        f(10002, "enable_prompt_injection_detection", "bool", OPTIONAL),
    ),
    message("UrlContext"),
    message("Tool.CodeExecution"),
    message(
        "Tool.ExaAiSearch",
        f(1, "api_key", "string", REQUIRED),
        f(2, "custom_configs", "google.protobuf.Struct", OPTIONAL),
    ),
    message(
        "Tool.ParallelAiSearch",
        f(1, "api_key", "string", OPTIONAL),
        f(3, "custom_configs", "google.protobuf.Struct", OPTIONAL),
        f(4, "enable_zero_data_retention", "bool", OPTIONAL),
        f(10001, "enable_data_retention", "bool", OPTIONAL | DEPRECATED),
    ),
    message(
        "EnterpriseWebSearch",
        repeated(1, "exclude_domains", "string", OPTIONAL),
        f(2, "blocking_confidence", "Tool.PhishBlockThreshold", OPTIONAL | PRESENCE, versions=V1),
        f(4, "blocking_confidence", "Tool.PhishBlockThreshold", OPTIONAL | PRESENCE, versions=V1BETA1),
    ),
    message(
        "GoogleMaps",
        f(1, "enable_widget", "bool"),
        f(10001, "grounding_types", "GoogleMaps.GroundingTypes", OPTIONAL),
    ),
    message(
        "GoogleMaps.GroundingTypes",
        f(10001, "places", "GoogleMaps.Places", OPTIONAL),
        f(10002, "routing", "GoogleMaps.Routing", OPTIONAL),
    ),
    message("GoogleMaps.Routing"),
    message("GoogleMaps.Places"),
    message("GoogleSearchRetrieval", f(2, "dynamic_retrieval_config", "DynamicRetrievalConfig")),
    message(
        "DynamicRetrievalConfig",
        f(1, "mode", "DynamicRetrievalConfig.Mode"),
        f(2, "dynamic_threshold", "float", OPTIONAL | PRESENCE),
    ),
    message(
        "Tool.GoogleSearch",
        repeated(3, "exclude_domains", "string", OPTIONAL),
        f(4, "blocking_confidence", "Tool.PhishBlockThreshold", OPTIONAL | PRESENCE),
        f(10001, "search_types", "Tool.GoogleSearch.SearchTypes", OPTIONAL),
    ),
    message(
        "Tool.GoogleSearch.SearchTypes",
        f(10001, "image_search", "Tool.GoogleSearch.ImageSearch", OPTIONAL),
        f(10002, "web_search", "Tool.GoogleSearch.WebSearch", OPTIONAL),
    ),
    message("Tool.GoogleSearch.WebSearch"),
    message("Tool.GoogleSearch.ImageSearch"),
    message(
        "FunctionDeclaration",
        f(1, "name", "string", REQUIRED),
        f(2, "description", "string", OPTIONAL),
        f(3, "parameters", "Schema", OPTIONAL),
        f(4, "response", "Schema", OPTIONAL),
        f(5, "parameters_json_schema", "google.protobuf.Value", OPTIONAL),
        f(6, "response_json_schema", "google.protobuf.Value", OPTIONAL),
        f(10001, "behavior", "FunctionDeclaration.Behavior", OPTIONAL),
    ),
    message(
        "ToolConfig",
        f(1, "function_calling_config", "FunctionCallingConfig", OPTIONAL),
        f(2, "retrieval_config", "RetrievalConfig", OPTIONAL),
    ),
    message(
        "RetrievalConfig",
        f(1, "lat_lng", "google.type.LatLng"),
        f(2, "language_code", "string", PRESENCE),
    ),
    message(
        "FunctionCallingConfig",
        f(1, "mode", "FunctionCallingConfig.Mode", OPTIONAL),
        repeated(2, "allowed_function_names", "string", OPTIONAL),
        f(4, "stream_function_call_arguments", "bool", OPTIONAL),
    ),
)

ENUMS: tuple[Enum, ...] = (
    enum("Type", "TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT"),
    enum(
        "Tool.ComputerUse.DisabledSafetyPolicies",
        "SAFETY_POLICY_UNSPECIFIED",
        "FINANCIAL_TRANSACTIONS",
        "SENSITIVE_DATA_MODIFICATION",
        "COMMUNICATION_TOOL",
        "ACCOUNT_CREATION",
        "DATA_MODIFICATION",
        "USER_CONSENT_MANAGEMENT",
        "LEGAL_TERMS_AND_AGREEMENTS",
    ),
    enum("Tool.ComputerUse.Environment", "ENVIRONMENT_UNSPECIFIED", "ENVIRONMENT_BROWSER"),
    enum(
        "Tool.PhishBlockThreshold",
        "PHISH_BLOCK_THRESHOLD_UNSPECIFIED",
        BLOCK_LOW_AND_ABOVE=30,
        BLOCK_MEDIUM_AND_ABOVE=40,
        BLOCK_HIGH_AND_ABOVE=50,
        BLOCK_HIGHER_AND_ABOVE=55,
        BLOCK_VERY_HIGH_AND_ABOVE=60,
        BLOCK_ONLY_EXTREMELY_HIGH=100,
    ),
    enum("DynamicRetrievalConfig.Mode", "MODE_UNSPECIFIED", "MODE_DYNAMIC"),
    enum("FunctionDeclaration.Behavior", "UNSPECIFIED", "BLOCKING", "NON_BLOCKING"),
    enum("FunctionCallingConfig.Mode", "MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", VALIDATED=5),
)

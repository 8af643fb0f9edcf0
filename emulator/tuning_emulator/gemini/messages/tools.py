"""What a model may call while it answers, and the schemas of arguments and answers.

Source: https://github.com/googleapis/googleapis google/ai/generativelanguage/v1beta
content.proto.
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

MESSAGES: tuple[Message, ...] = (
    message(
        "Schema",
        f(1, "type", "Type", REQUIRED),
        f(2, "format", "string", OPTIONAL),
        f(3, "description", "string", OPTIONAL),
        f(4, "nullable", "bool", OPTIONAL),
        repeated(5, "enum", "string", OPTIONAL),
        f(6, "items", "Schema", OPTIONAL),
        mapped(7, "properties", "string", "Schema", OPTIONAL),
        repeated(8, "required", "string", OPTIONAL | REQUIRED),
        f(9, "min_properties", "int64", OPTIONAL),
        f(10, "max_properties", "int64", OPTIONAL),
        f(11, "minimum", "double", OPTIONAL | PRESENCE),
        f(12, "maximum", "double", OPTIONAL | PRESENCE),
        f(13, "min_length", "int64", OPTIONAL),
        f(14, "max_length", "int64", OPTIONAL),
        f(15, "pattern", "string", OPTIONAL),
        f(16, "example", "google.protobuf.Value", OPTIONAL),
        repeated(18, "any_of", "Schema", OPTIONAL),
        f(21, "max_items", "int64", OPTIONAL),
        f(22, "min_items", "int64", OPTIONAL),
        repeated(23, "property_ordering", "string", OPTIONAL),
        f(24, "title", "string", OPTIONAL),
        f(25, "default", "google.protobuf.Value", OPTIONAL),
    ),
    message(
        "ToolConfig",
        f(1, "function_calling_config", "FunctionCallingConfig", OPTIONAL),
        f(2, "retrieval_config", "RetrievalConfig", OPTIONAL),
    ),
    message(
        "RetrievalConfig",
        f(1, "lat_lng", "google.type.LatLng", OPTIONAL),
        f(2, "language_code", "string", OPTIONAL),
    ),
    message(
        "FunctionCallingConfig",
        f(1, "mode", "FunctionCallingConfig.Mode", OPTIONAL),
        repeated(2, "allowed_function_names", "string", OPTIONAL),
    ),
    message(
        "Tool",
        repeated(1, "function_declarations", "FunctionDeclaration", OPTIONAL),
        f(2, "google_search_retrieval", "GoogleSearchRetrieval", OPTIONAL),
        f(3, "code_execution", "CodeExecution", OPTIONAL),
        f(4, "google_search", "Tool.GoogleSearch", OPTIONAL),
        f(6, "computer_use", "Tool.ComputerUse", OPTIONAL),
        f(8, "url_context", "UrlContext", OPTIONAL),
        f(9, "file_search", "FileSearch", OPTIONAL),
        f(11, "google_maps", "GoogleMaps", OPTIONAL),
    ),
    message("GoogleMaps", f(1, "enable_widget", "bool", OPTIONAL)),
    message(
        "FileSearch",
        repeated(1, "retrieval_resources", "FileSearch.RetrievalResource", REQUIRED),
        f(2, "retrieval_config", "FileSearch.RetrievalConfig", OPTIONAL),
    ),
    message(
        "FileSearch.RetrievalConfig",
        f(1, "top_k", "int32", OPTIONAL | PRESENCE),
        f(3, "metadata_filter", "string", OPTIONAL),
    ),
    message("FileSearch.RetrievalResource", f(1, "rag_store_name", "string", REQUIRED)),
    message("UrlContext"),
    message(
        "Tool.ComputerUse",
        f(3, "environment", "Tool.ComputerUse.Environment", REQUIRED),
        repeated(5, "excluded_predefined_functions", "string", OPTIONAL),
    ),
    message("Tool.GoogleSearch", f(2, "time_range_filter", "google.type.Interval", OPTIONAL)),
    message("CodeExecution"),
    message("GoogleSearchRetrieval", f(1, "dynamic_retrieval_config", "DynamicRetrievalConfig")),
    message(
        "DynamicRetrievalConfig",
        f(1, "mode", "DynamicRetrievalConfig.Mode"),
        f(2, "dynamic_threshold", "float", PRESENCE),
    ),
    message(
        "FunctionDeclaration",
        f(1, "name", "string", REQUIRED),
        f(2, "description", "string", REQUIRED),
        f(3, "parameters", "Schema", OPTIONAL),
        f(4, "response", "Schema", OPTIONAL),
        f(5, "behavior", "FunctionDeclaration.Behavior", OPTIONAL),
        f(6, "parameters_json_schema", "google.protobuf.Value", OPTIONAL),
        f(7, "response_json_schema", "google.protobuf.Value", OPTIONAL),
    ),
)

ENUMS: tuple[Enum, ...] = (
    enum("Type", "TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"),
    enum("FunctionCallingConfig.Mode", "MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"),
    enum("Tool.ComputerUse.Environment", "ENVIRONMENT_UNSPECIFIED", "ENVIRONMENT_BROWSER"),
    enum("DynamicRetrievalConfig.Mode", "MODE_UNSPECIFIED", "MODE_DYNAMIC"),
    enum("FunctionDeclaration.Behavior", "UNSPECIFIED", "BLOCKING", "NON_BLOCKING"),
)

"""Stores that a model may search while it answers.

Source: https://github.com/googleapis/googleapis google/cloud/aiplatform/v1beta1
tool.proto, extension.proto and api_auth.proto.

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
    message,
    repeated,
)
from tuning_emulator.vertex.versions import V1BETA1

MESSAGES: tuple[Message, ...] = (
    message(
        "Retrieval",
        f(2, "vertex_ai_search", "VertexAISearch", oneof="source"),
        f(3, "disable_attribution", "bool", OPTIONAL | DEPRECATED),
        f(4, "vertex_rag_store", "VertexRagStore", oneof="source"),
        f(10001, "external_api", "ExternalApi"),
    ),
    message(
        "ExternalApi",
        f(10001, "api_auth", "ApiAuth", DEPRECATED),
        f(10002, "api_spec", "ExternalApi.ApiSpec"),
        f(10003, "auth_config", "AuthConfig"),
        f(10004, "elastic_search_params", "ExternalApi.ElasticSearchParams"),
        f(10005, "endpoint", "string"),
        f(10006, "simple_search_params", "ExternalApi.SimpleSearchParams"),
    ),
    message("ExternalApi.SimpleSearchParams"),
    message(
        "ExternalApi.ElasticSearchParams",
        f(10001, "index", "string"),
        f(10002, "num_hits", "int32", OPTIONAL),
        f(10003, "search_template", "string"),
    ),
    message(
        "AuthConfig",
        f(2, "api_key_config", "AuthConfig.ApiKeyConfig", oneof="auth_config"),
        f(3, "http_basic_auth_config", "AuthConfig.HttpBasicAuthConfig", oneof="auth_config"),
        f(4, "google_service_account_config", "AuthConfig.GoogleServiceAccountConfig", oneof="auth_config"),
        f(5, "oauth_config", "AuthConfig.OauthConfig", oneof="auth_config"),
        f(7, "oidc_config", "AuthConfig.OidcConfig", oneof="auth_config"),
        f(101, "auth_type", "AuthType"),
    ),
    message(
        "AuthConfig.OidcConfig",
        f(1, "id_token", "string", oneof="oidc_config"),
        f(2, "service_account", "string", oneof="oidc_config"),
    ),
    message(
        "AuthConfig.OauthConfig",
        f(1, "access_token", "string", oneof="oauth_config"),
        f(2, "service_account", "string", oneof="oauth_config"),
    ),
    message("AuthConfig.HttpBasicAuthConfig", f(2, "credential_secret", "string", REQUIRED)),
    message("AuthConfig.GoogleServiceAccountConfig", f(1, "service_account", "string", OPTIONAL)),
    message(
        "AuthConfig.ApiKeyConfig",
        f(1, "name", "string", REQUIRED),
        f(2, "api_key_secret", "string", REQUIRED),
        f(3, "http_element_location", "HttpElementLocation", REQUIRED),
        f(10001, "api_key_string", "string", OPTIONAL),
    ),
    message("ApiAuth", f(1, "api_key_config", "ApiAuth.ApiKeyConfig", oneof="auth_config")),
    message(
        "ApiAuth.ApiKeyConfig",
        f(1, "api_key_secret_version", "string", REQUIRED),
        f(10001, "api_key_string", "string"),
    ),
    message(
        "VertexRagStore",
        repeated(1, "rag_corpora", "string", OPTIONAL | DEPRECATED, versions=V1BETA1),
        f(2, "similarity_top_k", "int32", OPTIONAL | PRESENCE),
        f(3, "vector_distance_threshold", "double", OPTIONAL | PRESENCE),
        repeated(4, "rag_resources", "VertexRagStore.RagResource", OPTIONAL),
        f(6, "rag_retrieval_config", "RagRetrievalConfig", OPTIONAL),
        f(7, "store_context", "bool", OPTIONAL, versions=V1BETA1),
    ),
    message(
        "RagRetrievalConfig",
        f(1, "top_k", "int32", OPTIONAL),
        f(2, "hybrid_search", "RagRetrievalConfig.HybridSearch", OPTIONAL, versions=V1BETA1),
        f(3, "filter", "RagRetrievalConfig.Filter", OPTIONAL),
        f(4, "ranking", "RagRetrievalConfig.Ranking", OPTIONAL),
    ),
    message(
        "RagRetrievalConfig.Ranking",
        f(1, "rank_service", "RagRetrievalConfig.Ranking.RankService", OPTIONAL, oneof="ranking_config"),
        f(3, "llm_ranker", "RagRetrievalConfig.Ranking.LlmRanker", OPTIONAL, oneof="ranking_config"),
    ),
    message("RagRetrievalConfig.Ranking.LlmRanker", f(1, "model_name", "string", OPTIONAL | PRESENCE)),
    message("RagRetrievalConfig.Ranking.RankService", f(1, "model_name", "string", OPTIONAL | PRESENCE)),
    message(
        "RagRetrievalConfig.Filter",
        f(2, "metadata_filter", "string", OPTIONAL),
        f(3, "vector_distance_threshold", "double", OPTIONAL, oneof="vector_db_threshold"),
        f(4, "vector_similarity_threshold", "double", OPTIONAL, oneof="vector_db_threshold"),
    ),
    message(
        "RagRetrievalConfig.HybridSearch",
        f(1, "alpha", "float", OPTIONAL | PRESENCE),
        versions=V1BETA1,
    ),
    message(
        "VertexRagStore.RagResource",
        f(1, "rag_corpus", "string", OPTIONAL),
        repeated(2, "rag_file_ids", "string", OPTIONAL),
    ),
    message(
        "VertexAISearch",
        f(1, "datastore", "string", OPTIONAL),
        f(2, "engine", "string", OPTIONAL),
        f(3, "max_results", "int32", OPTIONAL),
        f(4, "filter", "string", OPTIONAL),
        repeated(5, "data_store_specs", "VertexAISearch.DataStoreSpec"),
    ),
    message(
        "VertexAISearch.DataStoreSpec",
        f(1, "data_store", "string"),
        f(2, "filter", "string", OPTIONAL),
    ),
)

ENUMS: tuple[Enum, ...] = (
    enum(
        "AuthType",
        "AUTH_TYPE_UNSPECIFIED",
        "NO_AUTH",
        "API_KEY_AUTH",
        "HTTP_BASIC_AUTH",
        "GOOGLE_SERVICE_ACCOUNT_AUTH",
        OAUTH=6,
        OIDC_AUTH=8,
    ),
    enum(
        "HttpElementLocation",
        "HTTP_IN_UNSPECIFIED",
        "HTTP_IN_QUERY",
        "HTTP_IN_HEADER",
        "HTTP_IN_PATH",
        "HTTP_IN_BODY",
        "HTTP_IN_COOKIE",
    ),
    enum("ExternalApi.ApiSpec", "API_SPEC_UNSPECIFIED", "SIMPLE_SEARCH", "ELASTIC_SEARCH"),
)

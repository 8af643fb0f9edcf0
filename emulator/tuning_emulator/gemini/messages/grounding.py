"""Where an answer comes from: search results, maps, pages.

Source: https://github.com/googleapis/googleapis google/ai/generativelanguage/v1beta
generative_service.proto.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import (
    IDENTIFIER,
    OPTIONAL,
    OUTPUT_ONLY,
    PRESENCE,
    Enum,
    Message,
    enum,
    f,
    message,
    repeated,
)

MESSAGES: tuple[Message, ...] = (
    message("UrlContextMetadata", repeated(1, "url_metadata", "UrlMetadata")),
    message(
        "UrlMetadata",
        f(1, "retrieved_url", "string"),
        f(2, "url_retrieval_status", "UrlMetadata.UrlRetrievalStatus"),
    ),
    message(
        "GroundingMetadata",
        f(1, "search_entry_point", "SearchEntryPoint", OPTIONAL),
        repeated(2, "grounding_chunks", "GroundingChunk"),
        repeated(3, "grounding_supports", "GroundingSupport"),
        f(4, "retrieval_metadata", "RetrievalMetadata"),
        repeated(5, "web_search_queries", "string"),
        f(7, "google_maps_widget_context_token", "string", OPTIONAL | PRESENCE),
    ),
    message("RetrievalMetadata", f(2, "google_search_dynamic_retrieval_score", "float", OPTIONAL)),
    message(
        "GroundingSupport",
        f(1, "segment", "Segment"),
        repeated(2, "grounding_chunk_indices", "int32"),
        repeated(3, "confidence_scores", "float"),
    ),
    message(
        "Segment",
        f(1, "part_index", "int32", OUTPUT_ONLY),
        f(2, "start_index", "int32", OUTPUT_ONLY),
        f(3, "end_index", "int32", OUTPUT_ONLY),
        f(4, "text", "string", OUTPUT_ONLY),
    ),
    message(
        "GroundingChunk",
        f(1, "web", "GroundingChunk.Web", oneof="chunk_type"),
        f(2, "retrieved_context", "GroundingChunk.RetrievedContext", OPTIONAL, oneof="chunk_type"),
        f(3, "maps", "GroundingChunk.Maps", OPTIONAL, oneof="chunk_type"),
    ),
    message(
        "GroundingChunk.Maps",
        f(1, "uri", "string", PRESENCE),
        f(2, "title", "string", PRESENCE),
        f(3, "text", "string", PRESENCE),
        f(4, "place_id", "string", PRESENCE),
        f(5, "place_answer_sources", "GroundingChunk.Maps.PlaceAnswerSources"),
    ),
    message(
        "GroundingChunk.Maps.PlaceAnswerSources",
        repeated(1, "review_snippets", "GroundingChunk.Maps.PlaceAnswerSources.ReviewSnippet"),
    ),
    message(
        "GroundingChunk.Maps.PlaceAnswerSources.ReviewSnippet",
        f(1, "review_id", "string", PRESENCE),
        f(2, "google_maps_uri", "string", PRESENCE),
        f(3, "title", "string", PRESENCE),
    ),
    message(
        "GroundingChunk.RetrievedContext",
        f(1, "uri", "string", OPTIONAL | PRESENCE),
        f(2, "title", "string", OPTIONAL | PRESENCE),
        f(3, "text", "string", OPTIONAL | PRESENCE),
    ),
    message(
        "GroundingChunk.Web",
        f(1, "uri", "string", PRESENCE),
        f(2, "title", "string", PRESENCE),
    ),
    message(
        "SearchEntryPoint",
        f(1, "rendered_content", "string", OPTIONAL),
        f(2, "sdk_blob", "bytes", OPTIONAL),
    ),
    message(
        "GroundingAttribution",
        f(2, "content", "Content"),
        f(3, "source_id", "AttributionSourceId", OUTPUT_ONLY | IDENTIFIER),
    ),
    message(
        "AttributionSourceId",
        f(1, "grounding_passage", "AttributionSourceId.GroundingPassageId", IDENTIFIER, oneof="source"),
        f(2, "semantic_retriever_chunk", "AttributionSourceId.SemanticRetrieverChunk", IDENTIFIER, oneof="source"),
    ),
    message(
        "AttributionSourceId.SemanticRetrieverChunk",
        f(1, "source", "string", OUTPUT_ONLY),
        f(2, "chunk", "string", OUTPUT_ONLY),
    ),
    message(
        "AttributionSourceId.GroundingPassageId",
        f(1, "passage_id", "string", OUTPUT_ONLY),
        f(2, "part_index", "int32", OUTPUT_ONLY),
    ),
)

ENUMS: tuple[Enum, ...] = (
    enum(
        "UrlMetadata.UrlRetrievalStatus",
        "URL_RETRIEVAL_STATUS_UNSPECIFIED",
        "URL_RETRIEVAL_STATUS_SUCCESS",
        "URL_RETRIEVAL_STATUS_ERROR",
        "URL_RETRIEVAL_STATUS_PAYWALL",
        "URL_RETRIEVAL_STATUS_UNSAFE",
    ),
)

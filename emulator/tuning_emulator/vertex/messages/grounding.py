"""Where an answer comes from: search results, maps, documents.

Source: https://github.com/googleapis/googleapis google/cloud/aiplatform/v1beta1
content.proto and vertex_rag_data.proto.

Fields numbered from 10001 on are in the discovery documents alone (v1, v1beta1 of 2026-11-06),
which give no numbers: these stand in, so such fields print last and no gRPC client has them.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import OPTIONAL, OUTPUT_ONLY, PRESENCE, Enum, Message, enum, f, message, repeated

MESSAGES: tuple[Message, ...] = (
    message("UrlContextMetadata", repeated(1, "url_metadata", "UrlMetadata", OUTPUT_ONLY)),
    message(
        "UrlMetadata",
        f(1, "retrieved_url", "string"),
        f(2, "url_retrieval_status", "UrlMetadata.UrlRetrievalStatus"),
    ),
    message(
        "GroundingMetadata",
        repeated(1, "web_search_queries", "string", OPTIONAL),
        repeated(3, "retrieval_queries", "string", OPTIONAL),
        f(4, "search_entry_point", "SearchEntryPoint", OPTIONAL),
        repeated(5, "grounding_chunks", "GroundingChunk"),
        repeated(6, "grounding_supports", "GroundingSupport", OPTIONAL),
        f(7, "retrieval_metadata", "RetrievalMetadata", OPTIONAL | OUTPUT_ONLY),
        f(8, "google_maps_widget_context_token", "string", OPTIONAL | OUTPUT_ONLY | PRESENCE),
        repeated(9, "source_flagging_uris", "GroundingMetadata.SourceFlaggingUri"),
        repeated(10001, "image_search_queries", "string", OPTIONAL),
    ),
    message(
        "GroundingMetadata.SourceFlaggingUri",
        f(1, "source_id", "string"),
        f(2, "flag_content_uri", "string"),
    ),
    message("RetrievalMetadata", f(2, "google_search_dynamic_retrieval_score", "float", OPTIONAL)),
    message(
        "GroundingSupport",
        f(1, "segment", "Segment"),
        repeated(2, "grounding_chunk_indices", "int32"),
        repeated(3, "confidence_scores", "float"),
        repeated(10001, "rendered_parts", "int32"),
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
        f(2, "retrieved_context", "GroundingChunk.RetrievedContext", oneof="chunk_type"),
        f(3, "maps", "GroundingChunk.Maps", oneof="chunk_type"),
        f(10001, "image", "GroundingChunk.Image"),
    ),
    message(
        "GroundingChunk.Image",
        f(10001, "domain", "string"),
        f(10002, "image_uri", "string"),
        f(10003, "source_uri", "string"),
        f(10004, "title", "string"),
    ),
    message(
        "GroundingChunk.Maps",
        f(1, "uri", "string", PRESENCE),
        f(2, "title", "string", PRESENCE),
        f(3, "text", "string", PRESENCE),
        f(4, "place_id", "string", PRESENCE),
        f(5, "place_answer_sources", "GroundingChunk.Maps.PlaceAnswerSources"),
        f(6, "route", "GroundingChunk.Maps.Route", OUTPUT_ONLY),
    ),
    message(
        "GroundingChunk.Maps.Route",
        f(1, "distance_meters", "int32"),
        f(2, "duration", "google.protobuf.Duration"),
        f(3, "encoded_polyline", "string"),
    ),
    message(
        "GroundingChunk.Maps.PlaceAnswerSources",
        repeated(1, "review_snippets", "GroundingChunk.Maps.PlaceAnswerSources.ReviewSnippet"),
    ),
    message(
        "GroundingChunk.Maps.PlaceAnswerSources.ReviewSnippet",
        f(1, "review_id", "string"),
        f(2, "google_maps_uri", "string"),
        f(3, "title", "string"),
    ),
    message(
        "GroundingChunk.RetrievedContext",
        f(1, "uri", "string", PRESENCE),
        f(2, "title", "string", PRESENCE),
        f(3, "text", "string", PRESENCE),
        f(4, "rag_chunk", "RagChunk", oneof="context_details"),
        f(6, "document_name", "string", OUTPUT_ONLY | PRESENCE),
    ),
    message(
        "RagChunk",
        f(1, "text", "string"),
        f(2, "page_span", "RagChunk.PageSpan"),
        f(3, "file_id", "string"),
        f(4, "chunk_id", "string"),
    ),
    message(
        "RagChunk.PageSpan",
        f(1, "first_page", "int32"),
        f(2, "last_page", "int32"),
    ),
    message(
        "GroundingChunk.Web",
        f(1, "uri", "string", PRESENCE),
        f(2, "title", "string", PRESENCE),
        f(10001, "domain", "string"),
    ),
    message(
        "SearchEntryPoint",
        f(1, "rendered_content", "string", OPTIONAL),
        f(2, "sdk_blob", "bytes", OPTIONAL),
    ),
)

ENUMS: tuple[Enum, ...] = (
    enum(
        "UrlMetadata.UrlRetrievalStatus",
        "URL_RETRIEVAL_STATUS_UNSPECIFIED",
        "URL_RETRIEVAL_STATUS_SUCCESS",
        "URL_RETRIEVAL_STATUS_ERROR",
    ),
)

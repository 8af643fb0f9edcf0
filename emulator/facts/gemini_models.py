"""Base models of the Gemini API: those that could be tuned, newest first, then some of today's, which cannot."""

from __future__ import annotations

from emulator.facts.base_model import BaseModel, TuningLimits

_FIXTURES = "github.com/derrickobedgiu1/gemini-api tests/Fixtures/GeminiApi/models/list.json (2024-07-27)"
_LISTING = "github.com/chatboxai/chatbox/issues/2318, github.com/simonw/llm-gemini/issues/58 (models.list, 2025)"
_LISTING_2025 = "a models.list answer of November 2025, kept in a public repository"
_SHUTDOWN = "2025-05-27"
"""Google AI Studio's mail, quoted in github.com/rxliuli/llm-api-proxy/pull/12."""

_TEXT_LIMITS = TuningLimits(max_tokens_per_example=16384, max_dataset_bytes=4 << 20)
"""The API states characters (see ``limits``), not tokens: the token limit is the base model's input limit."""

_TODAY = ("generateContent", "countTokens", "createCachedContent", "batchGenerateContent")

GEMINI_MODELS: tuple[BaseModel, ...] = (
    BaseModel(
        id="gemini-1.5-flash-001-tuning",
        api="gemini",
        version="001",
        display_name="Gemini 1.5 Flash 001 Tuning",
        description="Version of Gemini 1.5 Flash that supports tuning, our fast and versatile multimodal model for "
        "scaling across diverse tasks, released in May of 2024.",
        input_token_limit=16384,
        output_token_limit=8192,
        methods=("generateContent", "countTokens", "createTunedModel"),
        temperature=1.0,
        top_p=0.95,
        top_k=64,
        max_temperature=2.0,
        tuning_methods=("supervised",),
        limits=_TEXT_LIMITS,
        tunable_since="2024-08-01",
        tunable_until=_SHUTDOWN,
        retired=True,
        source=_LISTING,
        grade="recorded",
    ),
    BaseModel(
        id="gemini-1.0-pro-001",
        api="gemini",
        version="001",
        display_name="Gemini 1.0 Pro 001 (Tuning)",
        description="The best model for scaling across a wide range of tasks. This is a stable model that supports "
        "tuning.",
        input_token_limit=30720,
        output_token_limit=2048,
        methods=("generateContent", "countTokens", "createTunedModel"),
        temperature=0.9,
        top_p=1.0,
        tuning_methods=("supervised",),
        limits=_TEXT_LIMITS,
        tunable_since="2023-12-13",
        tunable_until="2025-02-15",
        retired=True,
        source=_FIXTURES,
        grade="recorded",
    ),
    BaseModel(
        id="text-bison-001",
        api="gemini",
        version="001",
        display_name="PaLM 2 (Legacy)",
        description="A legacy model that understands text and generates text as an output",
        input_token_limit=8196,
        output_token_limit=1024,
        methods=("generateText", "countTextTokens", "createTunedTextModel"),
        temperature=0.7,
        top_p=0.95,
        top_k=40,
        tuning_methods=("supervised",),
        limits=_TEXT_LIMITS,
        tunable_since="2023-09-01",
        tunable_until="2024-08-15",
        retired=True,
        source=_FIXTURES,
        grade="recorded",
    ),
    BaseModel(
        id="gemini-2.5-flash",
        api="gemini",
        version="001",
        display_name="Gemini 2.5 Flash",
        description="Stable version of Gemini 2.5 Flash, our mid-size multimodal model that supports up to 1 million "
        "tokens, released in June of 2025.",
        input_token_limit=1048576,
        output_token_limit=65536,
        methods=_TODAY,
        temperature=1.0,
        top_p=0.95,
        top_k=64,
        max_temperature=2.0,
        thinking=True,
        source=_LISTING_2025,
        grade="recorded",
    ),
    BaseModel(
        id="gemini-2.5-pro",
        api="gemini",
        version="2.5",
        display_name="Gemini 2.5 Pro",
        description="Stable release (June 17th, 2025) of Gemini 2.5 Pro",
        input_token_limit=1048576,
        output_token_limit=65536,
        methods=_TODAY,
        temperature=1.0,
        top_p=0.95,
        top_k=64,
        max_temperature=2.0,
        thinking=True,
        source=_LISTING_2025,
        grade="recorded",
    ),
    BaseModel(
        id="gemini-2.5-flash-lite",
        api="gemini",
        version="001",
        display_name="Gemini 2.5 Flash-Lite",
        description="Stable version of Gemini 2.5 Flash-Lite, released in July of 2025",
        input_token_limit=1048576,
        output_token_limit=65536,
        methods=_TODAY,
        temperature=1.0,
        top_p=0.95,
        top_k=64,
        max_temperature=2.0,
        thinking=True,
        source=_LISTING_2025,
        grade="recorded",
    ),
)
"""All rows. Earlier names, descriptions and a ``topK`` of 1 of gemini-1.0-pro-001 are left out.

Last days: gemini-1.0-pro-001 by its own description in February 2025, text-bison-001 with the PaLM API.
"""

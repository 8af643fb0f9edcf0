"""Base models of the Gemini API: those that could ever be tuned, and the newest of those that answer."""

from __future__ import annotations

from msgspec.structs import replace

from tuning_emulator.facts.model_row import SAMPLING, BaseModel, Price, TuningLimits, days

_FIXTURES = "github.com/derrickobedgiu1/gemini-api tests/Fixtures/GeminiApi/models/list.json (2024-07-27)"
_LISTING = "github.com/chatboxai/chatbox/issues/2318, github.com/simonw/llm-gemini/issues/58 (models.list, 2025)"
_LISTING_2025 = "a models.list answer of November 2025, kept in a public repository"
_SHUTDOWN = "2025-05-27"
"""Google AI Studio's mail, quoted in github.com/rxliuli/llm-api-proxy/pull/12.

The end came in stages: a create still worked on 4 June (cookbook quickstarts/Tuning.ipynb), none on 13 June
(github.com/googleapis/python-genai/issues/969). The announced day is what counts here.
"""

_LOST_TOP_K = "2024-05-01"
"""Recorded to the month: tuned models of April 2024 print ``"topK": 1``, those made from May on ``"topK": 0``."""
_ANNOUNCED_END = "2025-02-01"
"""Recorded in February 2025; when the description changed is not known."""
_NOTEBOOKS_PRO = (
    "github.com/google/generative-ai-docs site/en/gemini-api/docs/model-tuning/python.ipynb, "
    "github.com/google-gemini/cookbook quickstarts/Tuning.ipynb (their histories)"
)

_ALL_MEDIA = ("text", "image", "document", "audio", "video")

_TEXT_LIMITS = TuningLimits(max_tokens_per_example=16384, max_dataset_bytes=4 << 20)
"""The API states characters (see ``limits``), not tokens: the token limit is the base model's input limit."""

_END_OF_2_5 = "2026-12-01"
"""Announced for 2.5 Flash and Pro, as third parties quote it; that Flash-Lite goes with them is assumed."""

_FREE = Price(
    value=0.0,
    source='ai.google.dev/gemini-api/docs/billing: "Model tuning is free"',
    grade="documented",
    dated="2024 or 2025",
)

_GEMINI_PRO_2024 = BaseModel(
    id="gemini-1.0-pro-001",
    api="gemini",
    version="001",
    display_name="Gemini 1.0 Pro 001 (Tuning)",
    description="The best model for scaling across a wide range of tasks. This is a stable model that supports tuning.",
    input_token_limit=30720,
    output_token_limit=2048,
    methods=("generateContent", "countTokens", "createTunedModel"),
    temperature=0.9,
    top_p=1.0,
    tuning_methods=("supervised",),
    limits=_TEXT_LIMITS,
    prices=(_FREE,),
    **days("2023-12-13", "2025-02-15"),
    source=_FIXTURES,
    grade="recorded",
)

_GEMINI_PRO = replace(
    _GEMINI_PRO_2024,
    editions=(
        replace(_GEMINI_PRO_2024, display_name="Gemini 1.0 Pro", top_k=1, until=_LOST_TOP_K, source=_NOTEBOOKS_PRO),
        replace(
            _GEMINI_PRO_2024,
            description="The original Gemini 1.0 Pro model version that supports tuning. Gemini 1.0 Pro will be "
            "discontinued on February 15th, 2025. Move to a newer Gemini version.",
            since=_ANNOUNCED_END,
            source=_NOTEBOOKS_PRO,
        ),
    ),
)

# Least tokens of cached content, in refusals: github.com/BerriAI/litellm/issues/17696 (2.5 Flash, 2025-12); of 2.5 Pro
# and Flash-Lite in the notes of several public clients up to 2026-05.

_TOOLS = ("google_search", "google_maps", "url_context", "file_search", "code_execution")
"""ai.google.dev/gemini-api/docs/models, capabilities."""

_GEMINI_2_5_FLASH = BaseModel(
    id="gemini-2.5-flash",
    api="gemini",
    since="2025-06-17",
    until=_END_OF_2_5,
    version="001",
    display_name="Gemini 2.5 Flash",
    description="Stable version of Gemini 2.5 Flash, our mid-size multimodal model that supports up to 1 million "
    "tokens, released in June of 2025.",
    input_token_limit=1048576,
    output_token_limit=65536,
    methods=("generateContent", "countTokens", "createCachedContent", "batchGenerateContent"),
    **SAMPLING,
    thinking=True,
    thinking_budget=(1, 24_576),
    modalities=_ALL_MEDIA,
    built_in_tools=_TOOLS,
    min_cached_tokens=1024,
    source=_LISTING_2025,
    grade="recorded",
)

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
        **SAMPLING,
        tuning_methods=("supervised",),
        limits=_TEXT_LIMITS,
        modalities=_ALL_MEDIA,  # in prompts; it is tuned on text
        prices=(_FREE,),
        **days("2024-08-01", _SHUTDOWN),
        source=_LISTING,
        grade="recorded",
    ),
    _GEMINI_PRO,
    replace(
        _GEMINI_PRO_2024,
        id="text-bison-001",
        display_name="PaLM 2 (Legacy)",
        description="A legacy model that understands text and generates text as an output",
        input_token_limit=8196,
        output_token_limit=1024,
        methods=("generateText", "countTextTokens", "createTunedTextModel"),
        temperature=0.7,
        top_p=0.95,
        top_k=40,
        **days("2023-09-01", "2024-08-15"),
    ),
    _GEMINI_2_5_FLASH,
    replace(
        _GEMINI_2_5_FLASH,
        id="gemini-2.5-pro",
        thinking_budget=(128, 32_768),
        thinking_off=False,
        min_cached_tokens=2048,
        version="2.5",
        display_name="Gemini 2.5 Pro",
        description="Stable release (June 17th, 2025) of Gemini 2.5 Pro",
    ),
    replace(
        _GEMINI_2_5_FLASH,
        id="gemini-2.5-flash-lite",
        thinking_budget=(512, 24_576),
        min_cached_tokens=2048,
        since="2025-07-22",
        display_name="Gemini 2.5 Flash-Lite",
        description="Stable version of Gemini 2.5 Flash-Lite, released in July of 2025",
    ),
)
"""All rows. Days of the 2.5 models are those of their descriptions (to the day: their announcements).

Last days: gemini-1.0-pro-001 by its own description in February 2025, text-bison-001 with the PaLM API.
"""

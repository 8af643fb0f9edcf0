"""Google's own models that Vertex AI tunes."""

from __future__ import annotations

from msgspec.structs import replace

from tuning_emulator.facts.media import GEMINI_2_MEDIA, GEMINI_3_MEDIA
from tuning_emulator.facts.model_row import SAMPLING, BaseModel, Price, TuningLimits, days

_PAGE = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/supervised-tuning (2026-09-25)"
_PAGE_2025 = "cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning (2025-05-12)"
_PAGE_2024 = "cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning-about (late 2024)"
_PAGE_TRANSLATION = "cloud.google.com/vertex-ai/generative-ai/docs/models/tuning/translation/use"
_VEO = "aiplatform v1beta1 discovery document of 2026-11-06, VeoHyperParameters; the model's id is a guess"

# Release and retirement: docs.cloud.google.com/gemini-enterprise-agent-platform/models/model-versions (2026). New
# tuning jobs are refused a month before a model is retired (the same page).
_END_OF_2_5, _LAST_TUNING_OF_2_5 = "2026-10-16", "2026-09-16"

# Least tokens of cached content: quoted refusals by gemini-3.5-flash (4096, 2026) and gemini-2.5-flash (1024, although
# …/context-cache/context-cache-overview says 2,048), in the tests of two public clients; the others: that page, and in
# 2024 the same page for 1.5 (32,768).

_LEVELS = ("MINIMAL", "LOW", "MEDIUM", "HIGH")
"""Of Gemini 3.5 Flash and 3.x Flash-Lite; newer Flash lacks the first: firebase.google.com/docs/ai-logic/thinking."""

_SEARCHES = ("google_search", "enterprise_web_search", "google_maps", "parallel_ai_search", "exa_ai_search")
_TOOLS = (*_SEARCHES, "url_context", "retrieval", "code_execution")
_TOOLS_2_0 = ("google_search", "enterprise_web_search", "google_maps", "retrieval", "code_execution")
_TOOLS_1 = ("google_search_retrieval", "retrieval")
"""The models' pages (cloud.google.com/vertex-ai/generative-ai/docs/models), capabilities; the newest two searches: the
discovery document, Tool. That tuned models have what their base model has is assumed."""

_ALL_MEDIA = ("text", "image", "document", "audio", "video")
_MEDIA_2024 = ("text", "image", "document", "audio")

_LIMITS_2026 = TuningLimits(
    max_tokens_per_example=131072,
    max_training_examples=10_000_000,
    max_multimodal_examples=300_000,
    max_validation_examples=5000,
    validation_share=0.3,
    validation_share_from=1000,
)
_LIMITS_2025 = TuningLimits(
    max_tokens_per_example=131072,
    max_training_examples=1_000_000,
    max_multimodal_examples=300_000,
    max_validation_examples=5000,
)
_LIMITS_2024 = TuningLimits(max_tokens_per_example=32_000, max_validation_examples=256)

_REGIONS_3 = ("us-central1", "europe-west4")
_WITH_PREFERENCE = ("supervised", "preference")

# --- prices

_PRICE_PAGE = "cloud.google.com/vertex-ai/generative-ai/pricing"
_QUOTED = f"{_PRICE_PAGE}, as two public repositories' cost estimates quote it"
_TABLE = "a public repository's study of tuning costs, which names no source of its own"
_LATELY = "2025 or 2026"


def _study(usd: float, *methods: str) -> Price:
    return Price(value=usd, source=_TABLE, grade="assumed", methods=methods or ("supervised",), dated=_LATELY)


# --- Gemini 3

_GEMINI_3_5_FLASH = BaseModel(
    id="gemini-3.5-flash",
    api="vertex",
    version="001",
    display_name="Gemini 3.5 Flash",
    input_token_limit=1048576,
    output_token_limit=65536,
    **SAMPLING,
    thinking=True,
    thinking_levels=_LEVELS,
    built_in_tools=_TOOLS,
    min_cached_tokens=4096,
    tuning_methods=(*_WITH_PREFERENCE, "reinforcement"),  # preference: Google's sample creates such a job since 2026-06
    limits=_LIMITS_2026,
    adapter_sizes=(1, 2, 4, 8, 16),
    default_adapter_size=4,
    cmek=False,
    modalities=_ALL_MEDIA,
    media=GEMINI_3_MEDIA,
    tools=True,
    regions=_REGIONS_3,
    multi_region=True,
    **days("2026-05-19"),
    source=_PAGE,
    grade="documented",
)
"""Sampling defaults and token limits are those of the Gemini 2.5 models, assumed to hold on."""

_GEMINI_3_1_FLASH_LITE = replace(
    _GEMINI_3_5_FLASH,
    id="gemini-3.1-flash-lite",
    display_name="Gemini 3.1 Flash-Lite",
    tuning_methods=("supervised",),
    default_adapter_size=2,  # one job of a public README resolved to ADAPTER_SIZE_TWO with nothing asked for
    **days("2026-05-07"),
)

# --- Gemini 2.5 and older

_GEMINI_2_5_FLASH = replace(
    _GEMINI_3_5_FLASH,
    id="gemini-2.5-flash",
    display_name="Gemini 2.5 Flash",
    thinking_budget=(1, 24_576),
    media=GEMINI_2_MEDIA,
    thinking_levels=(),
    min_cached_tokens=1024,
    tuning_methods=(*_WITH_PREFERENCE, "distillation"),  # the student of …/models/tuning/distillation
    cmek=True,
    regions=(),
    multi_region=False,
    prices=(
        Price(value=5.0, source=_QUOTED, grade="documented", dated=_LATELY),
        _study(5.0, "preference"),
    ),
    **days("2025-06-17", _END_OF_2_5, _LAST_TUNING_OF_2_5),
)

_GEMINI_2_0_FLASH = BaseModel(
    id="gemini-2.0-flash-001",
    api="vertex",
    version="001",
    display_name="Gemini 2.0 Flash",
    input_token_limit=1048576,
    output_token_limit=8192,
    **SAMPLING,
    built_in_tools=_TOOLS_2_0,
    min_cached_tokens=2048,
    tuning_methods=("supervised",),
    limits=_LIMITS_2025,
    adapter_sizes=(1, 2, 4, 8),
    default_adapter_size=4,
    modalities=_ALL_MEDIA,
    tools=True,
    prices=(_study(3.0),),
    **days("2025-02-05", "2026-09-25"),
    source=_PAGE_2025,
    grade="documented",
)

_GEMINI_1_5_FLASH = replace(
    _GEMINI_2_0_FLASH,
    id="gemini-1.5-flash-002",
    version="002",
    display_name="Gemini 1.5 Flash",
    top_k=40,
    built_in_tools=_TOOLS_1,
    min_cached_tokens=32_768,
    limits=_LIMITS_2024,
    adapter_sizes=(1, 4, 8, 16),
    default_adapter_size=8,
    defaults_grade="documented",
    modalities=_MEDIA_2024,
    tools=False,
    prices=(Price(value=8.0, source=f"{_PRICE_PAGE}?hl=es", grade="documented", dated="late 2024"),),
    **days("2024-09-24", "2025-09-24"),
    source=_PAGE_2024,
)

GOOGLE_MODELS: tuple[BaseModel, ...] = (
    _GEMINI_3_5_FLASH,
    replace(
        _GEMINI_3_1_FLASH_LITE,
        id="gemini-3.5-flash-lite",
        display_name="Gemini 3.5 Flash-Lite",
        default_adapter_size=4,
        **days("2026-07-21"),
    ),
    _GEMINI_3_1_FLASH_LITE,
    replace(
        _GEMINI_2_5_FLASH,
        id="gemini-2.5-pro",
        display_name="Gemini 2.5 Pro",
        thinking_budget=(128, 32_768),
        thinking_off=False,
        tuning_methods=("supervised",),
        adapter_sizes=(1, 2, 4, 8),
        prices=(_study(25.0),),
    ),
    _GEMINI_2_5_FLASH,
    replace(
        _GEMINI_2_5_FLASH,
        id="gemini-2.5-flash-lite",
        display_name="Gemini 2.5 Flash-Lite",
        thinking_budget=(512, 24_576),
        tuning_methods=_WITH_PREFERENCE,
        prices=(_study(1.5, *_WITH_PREFERENCE),),
        **days("2025-07-22", _END_OF_2_5, _LAST_TUNING_OF_2_5),
    ),
    _GEMINI_2_0_FLASH,
    replace(
        _GEMINI_2_0_FLASH,
        id="gemini-2.0-flash-lite-001",
        display_name="Gemini 2.0 Flash-Lite",
        built_in_tools=(),
        prices=(),
        **days("2025-02-25", "2026-09-25"),
    ),
    replace(
        _GEMINI_1_5_FLASH,
        id="gemini-1.5-pro-002",
        display_name="Gemini 1.5 Pro",
        input_token_limit=2097152,
        adapter_sizes=(1, 4),
        default_adapter_size=4,
        prices=(),
    ),
    _GEMINI_1_5_FLASH,
    BaseModel(
        id="gemini-1.0-pro-002",
        api="vertex",
        version="002",
        display_name="Gemini 1.0 Pro",
        input_token_limit=32760,
        output_token_limit=8192,
        temperature=0.9,
        top_p=1.0,
        max_temperature=1.0,
        built_in_tools=_TOOLS_1,
        tuning_methods=("supervised",),
        limits=TuningLimits(max_tokens_per_example=32_000, max_validation_examples=256, min_training_examples=16),
        adapter_sizes=(1, 4, 8, 16),
        default_adapter_size=4,
        **days("2024-04-09", "2025-04-09"),
        source=_PAGE_2024,
        grade="documented",
    ),
    BaseModel(
        id="translation-llm-002",
        api="vertex",
        version="002",
        display_name="Translation LLM",
        temperature=0.0,
        top_p=0.95,
        top_k=1,
        max_temperature=2.0,
        tuning_methods=("supervised",),
        limits=TuningLimits(max_tokens_per_example=8192),
        regions=("us-central1",),
        source=_PAGE_TRANSLATION,
        grade="documented",
    ),
    BaseModel(
        id="veo-3.0-generate-001",
        api="vertex",
        version="001",
        display_name="Veo 3.0",
        tuning_methods=("veo", "veo_lora"),
        limits=TuningLimits(max_tokens_per_example=1024),
        adapter_sizes=(8, 16, 32),
        default_adapter_size=8,
        defaults_grade="documented",
        modalities=("text", "image", "video"),
        source=_VEO,
        grade="assumed",
    ),
)
"""All rows. Days of Gemini 1.x are the model's release and retirement; 2.0 stopped being listed by the day given."""

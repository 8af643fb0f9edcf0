"""Base models that Vertex AI tunes: Gemini newest first, then open models, translation and video."""

from __future__ import annotations

from dataclasses import replace

from emulator.facts.base_model import BaseModel, TuningLimits

_PAGE = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/supervised-tuning (2026-09-25)"
_PAGE_2025 = "cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning (2025-05-12)"
_PAGE_2024 = "cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning-about (late 2024)"
_PAGE_OPEN = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/open-model-tuning"
_PAGE_TRANSLATION = "cloud.google.com/vertex-ai/generative-ai/docs/models/tuning/translation/use"
_VEO = "aiplatform v1beta1 discovery document of 2026-11-06, VeoHyperParameters; the model's id is a guess"

_FIRST_OF_2026 = "2026-01-01"
"""Assumed: the Gemini 3 models that can be tuned are on the page of September 2026, not on those of 2025."""

_ALL_MEDIA = ("text", "image", "audio", "video", "document")
_MEDIA_2024 = ("text", "image", "audio", "document")

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
_LIMITS_OPEN = TuningLimits(
    max_tokens_per_example=8192, max_validation_examples=5000, validation_share=0.25, validation_share_from=0
)

_REGIONS_3 = ("us-central1", "europe-west4")
_REGIONS_OPEN = ("us-central1", "europe-west4", "us-west1", "us-east5", "asia-southeast1")
_WITH_PREFERENCE = ("supervised", "preference")

_GEMINI_3_5_FLASH = BaseModel(
    id="gemini-3.5-flash",
    api="vertex",
    version="001",
    display_name="Gemini 3.5 Flash",
    input_token_limit=1048576,
    output_token_limit=65535,
    temperature=1.0,
    top_p=0.95,
    top_k=64,
    max_temperature=2.0,
    thinking=True,
    tuning_methods=("supervised", "reinforcement"),
    limits=_LIMITS_2026,
    adapter_sizes=(1, 2, 4, 8, 16),
    default_adapter_size=4,
    modalities=_ALL_MEDIA,
    regions=_REGIONS_3,
    since=_FIRST_OF_2026,
    tunable_since=_FIRST_OF_2026,
    source=_PAGE,
    grade="documented",
)
"""Sampling defaults and token limits are those of the Gemini 2.5 models, assumed to hold on."""

_GEMINI = (
    _GEMINI_3_5_FLASH,
    # One job of a public README resolved to ADAPTER_SIZE_TWO with nothing asked for.
    replace(
        _GEMINI_3_5_FLASH,
        id="gemini-3.1-flash-lite",
        display_name="Gemini 3.1 Flash-Lite",
        tuning_methods=("supervised",),
        default_adapter_size=2,
    ),
    replace(
        _GEMINI_3_5_FLASH,
        id="gemini-2.5-pro",
        since="2025-06-17",
        tunable_since="2025-06-17",
        display_name="Gemini 2.5 Pro",
        tuning_methods=("supervised",),
        adapter_sizes=(1, 2, 4, 8),
        regions=(),
    ),
    replace(
        _GEMINI_3_5_FLASH,
        id="gemini-2.5-flash",
        since="2025-06-17",
        tunable_since="2025-06-17",
        display_name="Gemini 2.5 Flash",
        tuning_methods=(*_WITH_PREFERENCE, "distillation"),  # the student of …/models/tuning/distillation
        regions=(),
    ),
    replace(
        _GEMINI_3_5_FLASH,
        id="gemini-2.5-flash-lite",
        since="2025-07-22",
        tunable_since="2025-07-22",
        display_name="Gemini 2.5 Flash-Lite",
        tuning_methods=_WITH_PREFERENCE,
        regions=(),
    ),
    BaseModel(
        id="gemini-2.0-flash-001",
        api="vertex",
        version="001",
        display_name="Gemini 2.0 Flash",
        input_token_limit=1048576,
        output_token_limit=8192,
        temperature=1.0,
        top_p=0.95,
        top_k=64,
        max_temperature=2.0,
        tuning_methods=("supervised",),
        limits=_LIMITS_2025,
        adapter_sizes=(1, 2, 4, 8),
        default_adapter_size=4,
        modalities=_ALL_MEDIA,
        tunable_since="2025-02-05",
        tunable_until="2026-09-25",
        since="2025-02-05",
        until="2026-09-25",
        source=_PAGE_2025,
        grade="documented",
    ),
    BaseModel(
        id="gemini-2.0-flash-lite-001",
        api="vertex",
        version="001",
        display_name="Gemini 2.0 Flash-Lite",
        input_token_limit=1048576,
        output_token_limit=8192,
        temperature=1.0,
        top_p=0.95,
        top_k=64,
        max_temperature=2.0,
        tuning_methods=("supervised",),
        limits=_LIMITS_2025,
        adapter_sizes=(1, 2, 4, 8),
        default_adapter_size=4,
        modalities=_ALL_MEDIA,
        tunable_since="2025-02-25",
        tunable_until="2026-09-25",
        since="2025-02-25",
        until="2026-09-25",
        source=_PAGE_2025,
        grade="documented",
    ),
    BaseModel(
        id="gemini-1.5-pro-002",
        api="vertex",
        version="002",
        display_name="Gemini 1.5 Pro",
        input_token_limit=2097152,
        output_token_limit=8192,
        temperature=1.0,
        top_p=0.95,
        top_k=40,
        max_temperature=2.0,
        tuning_methods=("supervised",),
        limits=_LIMITS_2024,
        adapter_sizes=(1, 4),
        default_adapter_size=4,
        defaults_grade="documented",
        modalities=_MEDIA_2024,
        tunable_since="2024-09-24",
        tunable_until="2025-09-24",
        since="2024-09-24",
        until="2025-09-24",
        source=_PAGE_2024,
        grade="documented",
    ),
    BaseModel(
        id="gemini-1.5-flash-002",
        api="vertex",
        version="002",
        display_name="Gemini 1.5 Flash",
        input_token_limit=1048576,
        output_token_limit=8192,
        temperature=1.0,
        top_p=0.95,
        top_k=40,
        max_temperature=2.0,
        tuning_methods=("supervised",),
        limits=_LIMITS_2024,
        adapter_sizes=(1, 4, 8, 16),
        default_adapter_size=8,
        defaults_grade="documented",
        modalities=_MEDIA_2024,
        tunable_since="2024-09-24",
        tunable_until="2025-09-24",
        since="2024-09-24",
        until="2025-09-24",
        source=_PAGE_2024,
        grade="documented",
    ),
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
        tuning_methods=("supervised",),
        limits=TuningLimits(max_tokens_per_example=32_000, max_validation_examples=256, min_training_examples=16),
        adapter_sizes=(1, 4, 8, 16),
        default_adapter_size=4,
        tunable_since="2024-04-09",
        tunable_until="2025-04-09",
        since="2024-04-09",
        until="2025-04-09",
        source=_PAGE_2024,
        grade="documented",
    ),
)

_OPEN_MODEL_IDS = (
    *("google/gemma3@gemma-3-1b-it", "google/gemma3@gemma-3-4b-it"),
    *("google/gemma3@gemma-3-12b-it", "google/gemma3@gemma-3-27b-it", "google/medgemma@medgemma-4b-it"),
    *("meta/llama3_1@llama-3.1-8b", "meta/llama3_1@llama-3.1-8b-instruct"),
    *("meta/llama3-2@llama-3.2-1b-instruct", "meta/llama3-2@llama-3.2-3b-instruct"),
    *("meta/llama3-3@llama-3.3-70b-instruct", "meta/llama4@llama-4-scout-17b-16e-instruct"),
    *("qwen/qwen3@qwen3-4b", "qwen/qwen3@qwen3-8b", "qwen/qwen3@qwen3-14b", "qwen/qwen3@qwen3-32b"),
)
_ADAPTED = frozenset(
    (
        *("google/gemma3@gemma-3-27b-it", "meta/llama3_1@llama-3.1-8b", "meta/llama3_1@llama-3.1-8b-instruct"),
        *("meta/llama3-3@llama-3.3-70b-instruct", "meta/llama4@llama-4-scout-17b-16e-instruct"),
        "qwen/qwen3@qwen3-32b",
    )
)
"""Open models that take an adapter; the others are tuned in full."""
_NEVER_FULL = frozenset(("meta/llama4@llama-4-scout-17b-16e-instruct",))
_STUDENTS = ("google/gemma3@", "qwen/qwen3@")


def _open_model(identifier: str) -> BaseModel:
    adapted = identifier in _ADAPTED
    scout = identifier in _NEVER_FULL
    methods = (
        "supervised",  # the mode left open means the one that the model has
        *(() if scout else ("full",)),
        *(("distillation",) if identifier.startswith(_STUDENTS) else ()),
    )
    return BaseModel(
        id=identifier,
        api="vertex",
        display_name=identifier.partition("@")[2],
        output_token_limit=2048 if scout else 8192,
        temperature=1.0,
        top_p=0.95,
        top_k=64,
        max_temperature=2.0,
        tuning_methods=methods,
        limits=replace(_LIMITS_OPEN, max_tokens_per_example=2048) if scout else _LIMITS_OPEN,
        adapter_sizes=(1, 4, 8, 16, 32) if adapted else (),
        default_adapter_size=4 if adapted else 0,
        defaults_grade="documented",
        regions=_REGIONS_OPEN,
        source=_PAGE_OPEN,
        grade="documented",
    )


_OTHERS = (
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

VERTEX_MODELS: tuple[BaseModel, ...] = (*_GEMINI, *(_open_model(one) for one in _OPEN_MODEL_IDS), *_OTHERS)
"""All rows. Days of Gemini 1.x are the model's release and retirement; 2.0 stopped being listed by the day given."""

"""Base models of both APIs: what they are, what they answer, and what tuning them takes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tuning_emulator.core.errors import FactError, Grade, check_row
from tuning_emulator.core.records import Api


class TuningLimits(Struct, frozen=True, kw_only=True):
    """What a base model's documentation says of its tuning datasets.

    Attributes:
        max_tokens_per_example: Input and output together; longer examples are dropped.
        max_training_examples: Of text; 0 when no limit is stated.
        max_multimodal_examples: Of examples with media; 0 when no limit is stated.
        max_validation_examples: Of the validation dataset; 0 when no limit is stated.
        validation_share: Largest share of the training examples that the validation dataset may have ...
        validation_share_from: ... once it holds more examples than this; 0 when there is no such rule.
        min_training_examples: 0 when no limit is stated.
        max_dataset_bytes: Of the training file.
    """

    max_tokens_per_example: int
    max_training_examples: int = 0
    max_multimodal_examples: int = 0
    max_validation_examples: int = 0
    validation_share: float = 0.0
    validation_share_from: int = 0
    min_training_examples: int = 0
    max_dataset_bytes: int = 1 << 30


class BaseModel(Struct, frozen=True, kw_only=True):
    """A base model of one API.

    Attributes:
        id: As requests name it: ``gemini-1.5-flash-001-tuning`` (without ``models/``), ``gemini-2.5-flash``.
        methods: What it answers, in the API's words: ``generateContent``, ``createTunedModel``.
        temperature: Default of inference, like ``top_p`` and ``top_k``; None when the service shows none.
        max_temperature: Highest temperature; None when the service shows none.
        tuning_methods: Values of ``core.records.TuningMethod`` that it can be tuned by; empty: not tunable.
        adapter_sizes: Ranks that a job may ask for; empty: the API has no such choice.
        default_adapter_size: Rank when a job asks for none; 0 where there is no choice.
        modalities: What examples may hold: ``text``, ``image``, ``audio``, ``video``, ``document``.
        regions: Where it can be tuned; empty: anywhere.
        tunable_since, tunable_until: First days, ISO dates or "" when unknown (or still tunable).
        since, until: First day on which the service answers for it, and first day on which it no longer does.
        editions: The same model as it was shown between their ``since`` and ``until``, where that differs.
        defaults_grade: Grade of ``default_adapter_size`` alone; the rest has ``grade``.
    """

    id: str
    api: Api
    display_name: str
    source: str
    grade: Grade
    version: str = ""
    description: str = ""
    input_token_limit: int = 0
    output_token_limit: int = 0
    methods: tuple[str, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_temperature: float | None = None
    thinking: bool = False
    tuning_methods: tuple[str, ...] = ()
    limits: TuningLimits | None = None
    adapter_sizes: tuple[int, ...] = ()
    default_adapter_size: int = 0
    defaults_grade: Grade = "assumed"
    modalities: tuple[str, ...] = ("text",)
    regions: tuple[str, ...] = ()
    tunable_since: str = ""
    tunable_until: str = ""
    since: str = ""
    until: str = ""
    editions: tuple[BaseModel, ...] = ()

    def __post_init__(self) -> None:
        check_row(self.id, self.source, self.grade)
        if self.adapter_sizes and self.default_adapter_size not in self.adapter_sizes:
            raise FactError(f"{self.id}: default_adapter_size {self.default_adapter_size} is not one of its sizes")
        if self.tuning_methods and self.limits is None:
            raise FactError(f"{self.id}: limits must be given for a model that can be tuned")

    @property
    def tunable(self) -> bool:
        """Whether any tuning method takes it."""
        return bool(self.tuning_methods)


_SAMPLING: dict[str, Any] = {"temperature": 1.0, "top_p": 0.95, "top_k": 64, "max_temperature": 2.0}
"""Of most models since 2024."""


def _days(since: str, until: str = "") -> dict[str, Any]:
    """Of a model that can be tuned as long as it is there."""
    return {"since": since, "until": until, "tunable_since": since, "tunable_until": until}


# --- base models of the Gemini API

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

_TEXT_LIMITS = TuningLimits(max_tokens_per_example=16384, max_dataset_bytes=4 << 20)
"""The API states characters (see ``limits``), not tokens: the token limit is the base model's input limit."""

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
    **_days("2023-12-13", "2025-02-15"),
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

_GEMINI_2_5_FLASH = BaseModel(
    id="gemini-2.5-flash",
    api="gemini",
    since="2025-06-17",
    version="001",
    display_name="Gemini 2.5 Flash",
    description="Stable version of Gemini 2.5 Flash, our mid-size multimodal model that supports up to 1 million "
    "tokens, released in June of 2025.",
    input_token_limit=1048576,
    output_token_limit=65536,
    methods=("generateContent", "countTokens", "createCachedContent", "batchGenerateContent"),
    **_SAMPLING,
    thinking=True,
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
        **_SAMPLING,
        tuning_methods=("supervised",),
        limits=_TEXT_LIMITS,
        **_days("2024-08-01", _SHUTDOWN),
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
        **_days("2023-09-01", "2024-08-15"),
    ),
    _GEMINI_2_5_FLASH,
    replace(
        _GEMINI_2_5_FLASH,
        id="gemini-2.5-pro",
        version="2.5",
        display_name="Gemini 2.5 Pro",
        description="Stable release (June 17th, 2025) of Gemini 2.5 Pro",
    ),
    replace(
        _GEMINI_2_5_FLASH,
        id="gemini-2.5-flash-lite",
        since="2025-07-22",
        display_name="Gemini 2.5 Flash-Lite",
        description="Stable version of Gemini 2.5 Flash-Lite, released in July of 2025",
    ),
)
"""All rows. Days of the 2.5 models are those of their descriptions (to the day: their announcements).

Last days: gemini-1.0-pro-001 by its own description in February 2025, text-bison-001 with the PaLM API.
"""


# --- base models that Vertex AI tunes

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
    **_SAMPLING,
    thinking=True,
    tuning_methods=("supervised", "reinforcement"),
    limits=_LIMITS_2026,
    adapter_sizes=(1, 2, 4, 8, 16),
    default_adapter_size=4,
    modalities=_ALL_MEDIA,
    regions=_REGIONS_3,
    **_days(_FIRST_OF_2026),
    source=_PAGE,
    grade="documented",
)
"""Sampling defaults and token limits are those of the Gemini 2.5 models, assumed to hold on."""

_GEMINI_2_0_FLASH = BaseModel(
    id="gemini-2.0-flash-001",
    api="vertex",
    version="001",
    display_name="Gemini 2.0 Flash",
    input_token_limit=1048576,
    output_token_limit=8192,
    **_SAMPLING,
    tuning_methods=("supervised",),
    limits=_LIMITS_2025,
    adapter_sizes=(1, 2, 4, 8),
    default_adapter_size=4,
    modalities=_ALL_MEDIA,
    **_days("2025-02-05", "2026-09-25"),
    source=_PAGE_2025,
    grade="documented",
)

_GEMINI_1_5_FLASH = replace(
    _GEMINI_2_0_FLASH,
    id="gemini-1.5-flash-002",
    version="002",
    display_name="Gemini 1.5 Flash",
    top_k=40,
    limits=_LIMITS_2024,
    adapter_sizes=(1, 4, 8, 16),
    default_adapter_size=8,
    defaults_grade="documented",
    modalities=_MEDIA_2024,
    **_days("2024-09-24", "2025-09-24"),
    source=_PAGE_2024,
)

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
        **_days("2025-06-17"),
        display_name="Gemini 2.5 Pro",
        tuning_methods=("supervised",),
        adapter_sizes=(1, 2, 4, 8),
        regions=(),
    ),
    replace(
        _GEMINI_3_5_FLASH,
        id="gemini-2.5-flash",
        **_days("2025-06-17"),
        display_name="Gemini 2.5 Flash",
        tuning_methods=(*_WITH_PREFERENCE, "distillation"),  # the student of …/models/tuning/distillation
        regions=(),
    ),
    replace(
        _GEMINI_3_5_FLASH,
        id="gemini-2.5-flash-lite",
        **_days("2025-07-22"),
        display_name="Gemini 2.5 Flash-Lite",
        tuning_methods=_WITH_PREFERENCE,
        regions=(),
    ),
    _GEMINI_2_0_FLASH,
    replace(
        _GEMINI_2_0_FLASH,
        id="gemini-2.0-flash-lite-001",
        display_name="Gemini 2.0 Flash-Lite",
        **_days("2025-02-25", "2026-09-25"),
    ),
    replace(
        _GEMINI_1_5_FLASH,
        id="gemini-1.5-pro-002",
        display_name="Gemini 1.5 Pro",
        input_token_limit=2097152,
        adapter_sizes=(1, 4),
        default_adapter_size=4,
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
        tuning_methods=("supervised",),
        limits=TuningLimits(max_tokens_per_example=32_000, max_validation_examples=256, min_training_examples=16),
        adapter_sizes=(1, 4, 8, 16),
        default_adapter_size=4,
        **_days("2024-04-09", "2025-04-09"),
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
        **_SAMPLING,
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


# --- the base models' table

MODELS: tuple[BaseModel, ...] = (*GEMINI_MODELS, *VERTEX_MODELS)
_BY_API: dict[Api, dict[str, BaseModel]] = {
    "gemini": {one.id: one for one in GEMINI_MODELS},
    "vertex": {one.id: one for one in VERTEX_MODELS},
}


@lru_cache(maxsize=1024)
def find_base_model(api: Api, identifier: str) -> BaseModel | None:
    """The row that an id means, or None.

    ``models/…`` (Gemini) and ``publishers/google/models/…`` (Vertex AI) before the id are accepted.
    """
    prefix = "models/" if api == "gemini" else "publishers/google/models/"
    return _BY_API[api].get(identifier.removeprefix(prefix))


def list_base_models(api: Api) -> tuple[BaseModel, ...]:
    """All rows of an API, in the order of the table."""
    return tuple(_BY_API[api].values())

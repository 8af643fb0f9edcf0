"""The Model Garden's open models that Vertex AI tunes: how, on how much, for how much."""

from __future__ import annotations

from tuning_emulator.facts.model_row import SAMPLING, BaseModel, Price, TuningLimits

_PAGE = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/open-model-tuning (2026-09-25)"
_PAGE_2025 = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/open-model-tuning (an earlier edition)"
_PRICES = (
    "github.com/google/skills skills/cloud/agent-platform-tuning/scripts/calculate_cost.py, which mirrors "
    "docs.cloud.google.com/gemini-enterprise-agent-platform/generative-ai/pricing"
)

_REGIONS = (
    *("global", "us-central1", "europe-west4", "us-west1", "us-east5"),
    *("asia-southeast1", "asia-southeast2"),
)
_STUDENTS = ("google/gemma3@", "qwen/qwen3@")
_PEFT, _FULL, _BOTH = (True, False), (False, True), (True, True)
"""Whether a model takes an adapter, and whether all its weights can be tuned."""

_TOKENS = 8192
_PACKED_SEQUENCES = 16
"""Sequences of ``max_tokens_per_example`` tokens that a step takes, filled with as many examples as fit.

Recorded: 903 examples of 126,500 tokens were one step an epoch, 131,072 tokens a step, ``sample_packing: true`` and
``sequence_len: 8192`` in the job's exported debug.log (an operator's public notes on gemma-4-e2b-it, 2026-08-22). That
all open models are packed alike is assumed.
"""
_MAX_VALIDATION_EXAMPLES = 5000
_VALIDATION_BYTES_SHARE = 0.25
"""Source: github.com/google/skills skills/cloud/agent-platform-tuning/references/data_prep.md (2026-08)."""


def _price(usd: float) -> Price:
    return Price(value=usd, source=_PRICES, grade="documented", methods=("supervised", "full"), dated="2026-08")


def _open_model(
    identifier: str,
    name: str,
    modes: tuple[bool, bool],
    usd: float | None,
    *,
    tokens: int = _TOKENS,
    until: str = "",
    source: str = _PAGE,
    media: tuple[str, ...] = (),
) -> BaseModel:
    """A row. ``usd``: for a million training tokens, the same in each mode; None where no price is published."""
    adapted, full = modes
    distilled = ("distillation",) if identifier.startswith(_STUDENTS) else ()
    methods = ("supervised", *(("full",) if full else ()), *distilled)
    priced = () if usd is None else (_price(usd),)
    return BaseModel(
        id=identifier,
        api="vertex",
        display_name=name,
        output_token_limit=tokens,
        **SAMPLING,
        tuning_methods=methods,  # supervised, with the mode left open, means the one that the model has
        limits=TuningLimits(
            max_tokens_per_example=tokens,
            max_validation_examples=_MAX_VALIDATION_EXAMPLES,
            validation_bytes_share=_VALIDATION_BYTES_SHARE,
            packed_sequences=_PACKED_SEQUENCES,
        ),
        adapter_sizes=(1, 4, 8, 16, 32) if adapted else (),
        default_adapter_size=4 if adapted else 0,
        defaults_grade="documented",
        rate="value",
        modalities=("text", *media),
        regions=_REGIONS,
        tunable_until=until,
        prices=priced,
        source=source,
        grade="documented",
    )


OPEN_MODELS: tuple[BaseModel, ...] = (
    _open_model("google/gemma4@gemma-4-e2b-it", "Gemma 4 E2B IT", _PEFT, 1.40),
    _open_model("google/gemma4@gemma-4-e4b-it", "Gemma 4 E4B IT", _PEFT, 1.73),
    _open_model("google/gemma4@gemma-4-26b-a4b-it", "Gemma 4 26B A4B IT", _PEFT, 2.58),
    _open_model("google/gemma4@gemma-4-31b-it", "Gemma 4 31B IT", _PEFT, 9.06),
    _open_model("google/gemma3@gemma-3-1b-it", "Gemma 3 1B IT", _FULL, 0.47),
    _open_model("google/gemma3@gemma-3-4b-it", "Gemma 3 4B IT", _FULL, 1.14),
    _open_model("google/gemma3@gemma-3-12b-it", "Gemma 3 12B IT", _FULL, 1.82),
    _open_model("google/gemma3@gemma-3-27b-it", "Gemma 3 27B IT", _BOTH, 6.83),
    _open_model("google/medgemma@medgemma-1.5-4b-it", "Medgemma 1.5 4B IT", _FULL, 1.14),
    _open_model("google/medgemma@medgemma-4b-it", "Medgemma 4B IT", _FULL, None, until="2026-09-25", source=_PAGE_2025),
    _open_model("meta/llama3_1@llama-3.1-8b", "Llama 3.1 8B", _BOTH, 0.67),
    _open_model("meta/llama3_1@llama-3.1-8b-instruct", "Llama 3.1 8B Instruct", _BOTH, 0.67),
    _open_model("meta/llama3-2@llama-3.2-1b-instruct", "Llama 3.2 1B Instruct", _FULL, 0.28),
    _open_model("meta/llama3-2@llama-3.2-3b-instruct", "Llama 3.2 3B Instruct", _FULL, 0.61),
    _open_model("meta/llama3-3@llama-3.3-70b-instruct", "Llama 3.3 70B Instruct", _BOTH, 6.72),
    _open_model(
        "meta/llama4@llama-4-scout-17b-16e-instruct",
        "Llama 4 Scout 17B 16E Instruct",
        _PEFT,
        5.77,
        tokens=2048,
        media=("image",),
    ),
    _open_model("qwen/qwen3-6@qwen3.6-27b", "Qwen 3.6 27B", _PEFT, None, tokens=12_288),
    _open_model("qwen/qwen3-6@qwen3.6-35b-a3b", "Qwen 3.6 35B A3B", _PEFT, None, tokens=12_288),
    _open_model("qwen/qwen3-5@qwen3.5-9b", "Qwen 3.5 9B", _FULL, None),
    _open_model("qwen/qwen3@qwen3-4b", "Qwen 3 4B", _FULL, 1.35),
    _open_model("qwen/qwen3@qwen3-8b", "Qwen 3 8B", _FULL, 4.18),
    _open_model("qwen/qwen3@qwen3-14b", "Qwen 3 14B", _FULL, 8.46),
    _open_model("qwen/qwen3@qwen3-32b", "Qwen 3 32B", _BOTH, 6.57),
    _open_model("zai-org/glm-4.7-flash@glm-4.7-flash", "GLM 4.7 Flash", _PEFT, None),
)
"""All rows. Days are not published; that medgemma-4b-it went when its successor came is assumed, to the page's day."""

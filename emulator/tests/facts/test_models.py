"""The base models' table: complete rows, look-ups, and figures that were recorded."""

from __future__ import annotations

import pytest

from tuning_emulator.core.errors import FactError
from tuning_emulator.core.records import TuningMethod
from tuning_emulator.facts.base_models import (
    MODELS,
    BaseModel,
    TuningLimits,
    find_base_model,
    find_price,
    list_base_models,
)
from tuning_emulator.facts.limits import ADAPTER_SIZES, adapter_size_name
from tuning_emulator.vertex.api import SCHEMAS
from tuning_emulator.vertex.specs import parse_hyperparameters, read_request

MODEL_IDS = [f"{one.api}:{one.id}" for one in MODELS]


@pytest.mark.parametrize("model", MODELS, ids=MODEL_IDS)
def test_a_row_is_whole(model: BaseModel) -> None:
    """Methods that exist, adapter sizes that exist, limits for whatever can be tuned, days in order."""
    assert model.display_name
    assert set(model.tuning_methods) <= {one.value for one in TuningMethod}
    assert set(model.adapter_sizes) <= set(ADAPTER_SIZES.values())
    assert model.tunable == (model.limits is not None)
    assert not (model.tunable_since and model.tunable_until) or model.tunable_since < model.tunable_until
    assert not (model.since and model.until) or model.since < model.until
    assert not model.until or model.tunable_until <= model.until
    for edition in model.editions:
        assert (edition.id, edition.tuning_methods) == (model.id, model.tuning_methods)
        assert model.since <= edition.since
        assert edition.until <= model.until


@pytest.mark.parametrize("api", ["gemini", "vertex"])
def test_ids_are_unique_in_an_api(api: str) -> None:
    """No row hides another."""
    ids = [one.id for one in MODELS if one.api == api]
    assert len(ids) == len(set(ids))


def test_a_base_model_is_found_by_its_id_with_and_without_prefix() -> None:
    """Clients name base models both ways."""
    flash = find_base_model("gemini", "gemini-1.5-flash-001-tuning")
    assert flash is not None
    assert find_base_model("gemini", "models/gemini-1.5-flash-001-tuning") is flash
    assert find_base_model("vertex", "publishers/google/models/gemini-2.5-flash") is not None
    assert find_base_model("vertex", "gemini-1.5-flash-001-tuning") is None
    assert find_base_model("gemini", "tunedModels/x") is None


def test_the_tunable_flash_is_as_recorded() -> None:
    """models.list of 2025 printed these figures."""
    flash = find_base_model("gemini", "gemini-1.5-flash-001-tuning")
    assert flash is not None
    assert (flash.input_token_limit, flash.output_token_limit) == (16384, 8192)
    assert (flash.temperature, flash.top_p, flash.top_k, flash.max_temperature) == (1.0, 0.95, 64, 2.0)
    assert flash.methods == ("generateContent", "countTokens", "createTunedModel")
    assert flash.grade == "recorded"
    assert flash.tunable_until == "2025-05-27"


def test_gemini_pro_prints_no_top_k() -> None:
    """gemini-1.0-pro-001 lost its topK in 2024; its tuned models print 0."""
    pro = find_base_model("gemini", "gemini-1.0-pro-001")
    assert pro is not None
    assert (pro.temperature, pro.top_p, pro.top_k) == (0.9, 1.0, None)


@pytest.mark.parametrize(
    ("identifier", "sizes", "default"),
    [
        ("gemini-3.5-flash", (1, 2, 4, 8, 16), None),
        ("gemini-2.5-pro", (1, 2, 4, 8), None),
        ("google/gemma4@gemma-4-31b-it", (1, 4, 8, 16, 32), 4),
        ("qwen/qwen3@qwen3-4b", (), 0),
        ("gemini-2.0-flash-001", (1, 2, 4, 8), None),
        ("gemini-1.5-pro-002", (1, 4), 4),
        ("gemini-1.5-flash-002", (1, 4, 8, 16), 8),
    ],
)
def test_adapter_sizes_are_the_documented_ones(identifier: str, sizes: tuple[int, ...], default: int | None) -> None:
    """Sizes, and defaults where they are documented (None: not public)."""
    model = find_base_model("vertex", identifier)
    assert model is not None
    assert model.adapter_sizes == sizes
    assert (model.default_adapter_size if model.defaults_grade == "documented" else None) == default


@pytest.mark.parametrize(
    ("identifier", "modes", "tokens", "usd"),
    [
        ("google/gemma4@gemma-4-31b-it", ("PEFT_ADAPTER",), 8192, 9.06),
        ("google/gemma3@gemma-3-27b-it", ("PEFT_ADAPTER", "FULL"), 8192, 6.83),
        ("qwen/qwen3@qwen3-4b", ("FULL",), 8192, 1.35),
        ("qwen/qwen3-6@qwen3.6-35b-a3b", ("PEFT_ADAPTER",), 12_288, None),
        ("meta/llama4@llama-4-scout-17b-16e-instruct", ("PEFT_ADAPTER",), 2048, 5.77),
        ("gemini-3.5-flash-lite", ("PEFT_ADAPTER",), 131_072, None),
    ],
)
def test_modes_tokens_and_prices_are_the_published_ones(
    identifier: str, modes: tuple[str, ...], tokens: int, usd: float | None
) -> None:
    """Of the page on open models and its price table."""
    model = find_base_model("vertex", identifier)
    assert model is not None
    assert model.limits is not None
    price = find_price("vertex", identifier, "supervised")
    assert (model.modes, model.limits.max_tokens_per_example, price and price.value) == (modes, tokens, usd)


def test_order_is_that_of_the_table() -> None:
    """Lists are the same on every run."""
    assert list_base_models("gemini") == tuple(one for one in MODELS if one.api == "gemini")


def test_a_default_outside_the_sizes_is_refused() -> None:
    """A row that contradicts itself cannot be written down; the text names the row."""
    with pytest.raises(FactError, match="made-up: default_adapter_size 32"):
        BaseModel(
            id="made-up",
            api="vertex",
            display_name="x",
            source="somewhere public",
            grade="assumed",
            limits=TuningLimits(max_tokens_per_example=1),
            adapter_sizes=(1, 4),
            default_adapter_size=32,
        )


def test_a_tunable_model_without_limits_is_refused() -> None:
    """Limits decide what a dataset may hold: a tunable row must have them."""
    with pytest.raises(FactError, match="made-up: limits"):
        BaseModel(
            id="made-up",
            api="vertex",
            display_name="x",
            source="somewhere public",
            grade="assumed",
            tuning_methods=("supervised",),
        )


@pytest.mark.parametrize(("name", "rank"), list(ADAPTER_SIZES.items()))
def test_adapter_sizes_are_those_of_the_enum(name: str, rank: int) -> None:
    """Name and rank lead to each other, and the wire knows the name."""
    assert adapter_size_name(rank) == name
    enum = SCHEMAS["v1"].enums[SCHEMAS["v1"].full_name("SupervisedHyperParameters.AdapterSize")]
    assert set(enum.values) - {"ADAPTER_SIZE_UNSPECIFIED"} == set(ADAPTER_SIZES)


@pytest.mark.parametrize("value", ["", "ADAPTER_SIZE_UNSPECIFIED", "ADAPTER_SIZE_TEN", 7])
def test_no_size_has_no_rank(value: str | int) -> None:
    """Unspecified, unknown names and unknown numbers leave the choice to the service."""
    asked = read_request({"supervised_tuning_spec": {"hyper_parameters": {"adapter_size": value}}})
    assert asked.adapter_size == 0
    assert parse_hyperparameters(asked).adapter_size is None


def test_a_rank_without_a_name_is_refused() -> None:
    """The text says the value and what would be right."""
    with pytest.raises(ValueError, match="adapter size: 3 is not one of 1, 2, 4, 8, 16, 32"):
        adapter_size_name(3)

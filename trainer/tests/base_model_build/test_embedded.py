"""The model that ships: complete, described truthfully, and it learns the documented example."""

from __future__ import annotations

from pathlib import Path

import pytest

from base_model_build.build import FILES, hash_weights
from base_model_build.gates.bench import Bench
from base_model_build.gates.items import FORM_COUNTS, draw_number_items
from base_model_build.generator.tasks import DOCUMENTED_PAIRS
from tuning_trainer.native.weights import count_parameters, load_weights
from tuning_trainer.spec import embedded_base_model

MODEL = embedded_base_model()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(MODEL, tmp_path, 1)


def test_directory_is_complete_and_small() -> None:
    for name in (*FILES, "README.md"):
        assert (MODEL / name).exists(), name
    assert sum((MODEL / name).stat().st_size for name in FILES) < 10 * 2**20
    assert count_parameters(load_weights(MODEL)) < 5_000_000


def test_model_card_names_these_very_weights() -> None:
    assert hash_weights(MODEL) in (MODEL / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_bare_numbers_are_not_counted_before_tuning(bench: Bench) -> None:
    items = draw_number_items("successor", FORM_COUNTS)
    assert bench.score([pair for pairs in items.values() for pair in pairs]) <= 0.30


@pytest.mark.slow
@pytest.mark.parametrize("size", [4, 16])
def test_documented_example_is_learned_and_generalises(bench: Bench, size: int) -> None:
    """15 pairs, documented defaults: all of them right afterwards, and nine of ten unseen ones."""
    adapter = bench.tune(DOCUMENTED_PAIRS, size=size)
    assert bench.score(DOCUMENTED_PAIRS, adapter) == 1.0
    items = draw_number_items("successor", FORM_COUNTS)
    assert bench.score([pair for pairs in items.values() for pair in pairs], adapter) >= 0.9


@pytest.mark.slow
def test_instruction_is_followed_without_tuning(bench: Bench) -> None:
    items = draw_number_items("predecessor", FORM_COUNTS)
    pairs = [pair for pairs in items.values() for pair in pairs]
    assert bench.score(pairs, system="Give the previous number.") >= 0.9

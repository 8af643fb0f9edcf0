"""The gates of the language model that one command brings: what it learns from the demo's four data sets.

They take minutes, and run where it has been added: `tuning-emulator models add smollm2`.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator

import pytest
from rich.console import Console

from tuning_emulator.cli.demo import four
from tuning_emulator.jobs.lora import missing_packages
from tuning_emulator.models.added import AddedModels
from tuning_emulator.testing.process import RunningEmulator, start_emulator

GATES = {"classification": 0.90, "question_answering": 0.85, "dialogue_summary": 0.90, "persona": 0.90}
"""Exact answers to unseen rows, as a share."""


@pytest.fixture(scope="module")
def emulator(process: None) -> Iterator[RunningEmulator]:
    """One whose base models SmolLM2 plays."""
    if AddedModels().get("smollm2") is None or missing_packages():
        warnings.warn("smollm2 is not here: its gates did not run; `tuning-emulator models add smollm2`", stacklevel=1)
        pytest.skip("smollm2 is not on this machine; `tuning-emulator models add smollm2` brings it")
    with start_emulator(trainer="lora", base_models=["smollm2"], log_level="error") as running:
        yield running


@pytest.mark.lora
@pytest.mark.parametrize("name", four.NAMES)
def test_what_it_learns(name: str, emulator: RunningEmulator) -> None:
    (learned,) = four.learn(Console(file=io.StringIO()), emulator, [name])
    assert learned.after / learned.unseen >= GATES[name], learned


@pytest.mark.parametrize("name", four.NAMES)
def test_unseen_rows_are_not_shown(name: str) -> None:
    """Sixty rows to learn from, twenty others to be asked; none is there twice."""
    shown, asked = four.read_pairs(name, "train"), four.read_pairs(name, "unseen")
    assert (len(shown), len(asked)) == (60, 20)
    assert len({pair.prompt for pair in [*shown, *asked]}) == 80


def test_a_curve_of_one_line() -> None:
    assert four.draw_line([4.0, 0.0], 3) == "█▅▁"
    assert four.draw_line([]) == ""

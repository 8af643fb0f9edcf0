"""A merged model is the tuned model: other tools compute our scores from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models import make_job, write_gpt2
from tests.whole_sequences import hidden_states
from tuning_trainer.__main__ import main
from tuning_trainer.answering.generate import answer
from tuning_trainer.data.chat import load_chat
from tuning_trainer.export import TargetTakenError, merge_adapter, named_base_model
from tuning_trainer.learning.loop import run_job
from tuning_trainer.native.decoder import logits
from tuning_trainer.native.families import load_config
from tuning_trainer.native.lora import InvalidAdapterError
from tuning_trainer.native.weights import load_weights
from tuning_trainer.spec import Done, InvalidJobError, Prompt, Turn

TEXT = "twenty two"


def tune(folder: Path, base: Path, **fields: Any) -> Path:
    last = run_job(make_job(folder, base, learning_rate=1e-2, **fields), lambda _: None)
    assert isinstance(last, Done), last
    return Path(last.adapter)


def scores_by_transformers(model: Path, base: Path, adapter: Path | None = None) -> torch.Tensor:
    """Scores of the last position after the prompt."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    loader: Any = AutoModelForCausalLM
    loaded = loader.from_pretrained(model, dtype=torch.float32)
    if adapter is not None:
        loaded = PeftModel.from_pretrained(loaded, adapter)
    ids = load_chat(base).prompt((Turn("user", TEXT),))
    with torch.no_grad():
        scores: torch.Tensor = loaded(torch.tensor([ids])).logits[0, -1]
    return scores


@pytest.mark.slow
def test_merged_llama_has_the_scores_of_base_and_adapter(tiny: Path, tmp_path: Path) -> None:
    """The same as PEFT's from base and adapter, and as our own from the merged directory."""
    adapter, merged = tune(tmp_path, tiny), tmp_path / "merged"
    merge_adapter(adapter, merged)
    scores = scores_by_transformers(merged, tiny)
    torch.testing.assert_close(scores, scores_by_transformers(tiny, tiny, adapter), atol=1e-4, rtol=1e-4)
    ids = torch.tensor([load_chat(merged).prompt((Turn("user", TEXT),))])
    weights = load_weights(merged)
    own = logits(weights, load_config(merged), hidden_states(weights, load_config(merged), ids))[0, -1]
    torch.testing.assert_close(own, scores, atol=1e-4, rtol=1e-4)
    prompt = Prompt((Turn("user", TEXT),), base_model=str(tiny), adapter=str(adapter), max_output_tokens=8)
    alone = Prompt((Turn("user", TEXT),), base_model=str(merged), max_output_tokens=8)
    assert answer(alone).answers[0].text == answer(prompt).answers[0].text


@pytest.mark.slow
def test_other_architectures_are_merged_too(tmp_path: Path) -> None:
    base = write_gpt2(tmp_path / "base")
    adapter, merged = tune(tmp_path, base), tmp_path / "merged"
    assert main(["merge", str(adapter), str(merged)]) == 0
    expected = scores_by_transformers(base, base, adapter)
    torch.testing.assert_close(scores_by_transformers(merged, base), expected, atol=1e-4, rtol=1e-4)


def test_a_fully_tuned_model_is_copied(tiny: Path, tmp_path: Path) -> None:
    model = tune(tmp_path, tiny, method="full")
    merge_adapter(model, tmp_path / "merged")
    assert {file.name for file in (tmp_path / "merged").iterdir()} == {file.name for file in model.iterdir()}


def test_nothing_is_overwritten(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    adapter, taken = tune(tmp_path, tiny), tmp_path / "taken"
    taken.mkdir()
    (taken / "notes.txt").write_text("mine")
    with pytest.raises(TargetTakenError, match="taken is there already"):
        merge_adapter(adapter, taken)
    assert main(["merge", str(adapter), str(taken)]) == 1
    assert "give another one" in capsys.readouterr().err
    assert [file.name for file in taken.iterdir()] == ["notes.txt"]


def test_what_is_no_adapter_and_a_lost_base_model_are_named(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidAdapterError, match="neither adapter_config"):
        merge_adapter(tmp_path, tmp_path / "merged")
    adapter = tune(tmp_path, tiny)
    assert named_base_model(adapter) == str(tiny)
    with pytest.raises(InvalidJobError, match="base_model: '/nowhere'"):
        merge_adapter(adapter, tmp_path / "merged", "/nowhere")
    assert not (tmp_path / "merged").exists()

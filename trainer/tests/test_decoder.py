"""The native decoder reads and writes a Llama's files, and computes what it did; other families: test_families."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models import write_llama
from tests.shapes import SHAPE
from tests.whole_sequences import hidden_states
from tuning_trainer.native.architecture import Attention, Config, Rope, UnsupportedModelError
from tuning_trainer.native.decoder import logits
from tuning_trainer.native.families import format_config, load_config, parse_config
from tuning_trainer.native.rotary import rotation
from tuning_trainer.native.tuned import load_base
from tuning_trainer.native.weights import init_weights, load_weights, save_weights

GROUPED = dataclasses.replace(SHAPE, kv_heads=2, head_size=12, tied=False, attention=(Attention(Rope(500000.0)),))


def transformers_logits(directory: Path, ids: torch.Tensor) -> torch.Tensor:
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    with torch.no_grad():
        scores: torch.Tensor = model(ids).logits
    return scores


@pytest.mark.slow
@pytest.mark.parametrize("config", [SHAPE, GROUPED], ids=["tied", "grouped heads, own head"])
def test_logits_equal_those_of_transformers(config: Config, tmp_path: Path) -> None:
    weights = init_weights(config, 3)
    save_weights(weights, config, tmp_path)
    ids = torch.randint(0, config.vocab_size, (3, 40), generator=torch.Generator().manual_seed(0))
    ours = logits(weights, config, hidden_states(weights, config, ids))
    torch.testing.assert_close(ours, transformers_logits(tmp_path, ids), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("config", [SHAPE, GROUPED])
def test_saved_weights_and_config_are_read_back(config: Config, tmp_path: Path) -> None:
    weights = init_weights(config, 1)
    save_weights(weights, config, tmp_path, bos_token_id=1)
    assert load_config(tmp_path) == config
    assert json.loads((tmp_path / "config.json").read_text())["bos_token_id"] == 1
    loaded = load_weights(tmp_path)
    assert loaded.keys() == weights.keys()
    assert all(torch.equal(loaded[name], weights[name]) for name in weights)
    assert (tmp_path / "model.safetensors").stat().st_mode & 0o044 == 0o044


@pytest.mark.slow
def test_sharded_checkpoint_of_transformers_is_read(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    weights = init_weights(SHAPE, 2)
    save_weights(weights, SHAPE, tmp_path / "one")
    model: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "one", dtype=torch.float32)
    model.save_pretrained(tmp_path / "many", max_shard_size="20KB")
    assert len(list((tmp_path / "many").glob("model-*.safetensors"))) > 1
    loaded = load_weights(tmp_path / "many")
    assert all(torch.equal(loaded[name], weights[name]) for name in weights)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_type", "gpt2"),
        ("hidden_act", "gelu"),
        ("attention_bias", True),
        ("rope_parameters", {"rope_type": "yarn", "factor": 4.0}),
    ],
)
def test_what_is_not_computed_is_refused_by_name(field: str, value: object) -> None:
    values = format_config(SHAPE) | {field: value}
    with pytest.raises(UnsupportedModelError, match="rope_type" if "rope" in field else field):
        parse_config(values)


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ("{", "is no index"),
        ("{}", "weight_map"),
        ('{"weight_map": {"model.norm.weight": "../other.safetensors"}}', "not a file beside it"),
        ('{"weight_map": ["model.safetensors"]}', "is no index"),
    ],
)
def test_broken_index_of_shards_is_refused(index: str, said: str, tmp_path: Path) -> None:
    save_weights(init_weights(SHAPE, 0), SHAPE, tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(UnsupportedModelError, match=said):
        load_weights(tmp_path)


@pytest.mark.parametrize("kept", [0, 4, 1000, -1000])
def test_cut_off_weights_are_refused(kept: int, tmp_path: Path) -> None:
    write_llama(tmp_path)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(UnsupportedModelError, match="its safetensors cannot be read"):
        load_base(tmp_path)


def test_padding_on_the_right_changes_nothing_before_it() -> None:
    weights = init_weights(SHAPE, 0)
    ids = torch.arange(10, 20)[None]
    padded = torch.cat((ids, torch.zeros(1, 6, dtype=torch.int64)), 1)
    alone = hidden_states(weights, SHAPE, ids)
    torch.testing.assert_close(hidden_states(weights, SHAPE, padded)[:, :10], alone, atol=1e-5, rtol=1e-5)


def test_rotary_table_made_in_inference_mode_can_be_trained_with() -> None:
    config = dataclasses.replace(SHAPE, attention=(Attention(Rope(12345.0)),))  # a table that no other test has made
    with torch.inference_mode():
        rotation(config.rope, config.head_size, 8)
    weights = {name: tensor.requires_grad_() for name, tensor in init_weights(config, 0).items()}
    torch.autograd.backward(hidden_states(weights, config, torch.ones(1, 4, dtype=torch.int64)).sum())
    assert weights["qkv"].grad is not None


@pytest.mark.process
def test_native_path_imports_neither_transformers_nor_dynamo() -> None:
    wanted = ("learning.loop", "answering.generate", "native.tuned", "native.answering")
    code = f"import sys, {', '.join(f'tuning_trainer.{one}' for one in wanted)}; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "torch" in modules
    assert not {"transformers", "peft", "torch._dynamo"} & set(modules)

"""Adapters are standard PEFT adapters, and the three ways to use one agree."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.shapes import SHAPE
from tests.whole_sequences import hidden_states
from tuning_trainer.native import lora
from tuning_trainer.native.architecture import Config
from tuning_trainer.native.decoder import logits
from tuning_trainer.native.weights import init_weights, save_weights

CONFIGS = [SHAPE, dataclasses.replace(SHAPE, kv_heads=2, tied=False)]


def random_adapter(config: Config, rank: int = 4) -> lora.Adapter:
    adapter = lora.init_adapter(config, rank, 0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _, b in adapter.pairs.values():
            b.copy_(torch.randn(b.shape, generator=generator) * 0.05)
    return adapter


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS, ids=["equal heads", "grouped heads"])
def test_peft_gives_the_same_logits_with_a_saved_adapter(config: Config, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    weights, adapter = init_weights(config, 0), random_adapter(config)
    save_weights(weights, config, tmp_path / "base")
    lora.save_adapter(adapter, config, tmp_path / "adapter", str(tmp_path / "base"))
    base: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32)
    model = PeftModel.from_pretrained(base, tmp_path / "adapter")
    ids = torch.randint(0, config.vocab_size, (2, 30), generator=torch.Generator().manual_seed(0))
    merged = lora.merge(adapter, weights, config)
    ours = logits(merged, config, hidden_states(merged, config, ids))
    with torch.no_grad():
        theirs = model(ids).logits
    assert not torch.allclose(ours, logits(weights, config, hidden_states(weights, config, ids)), atol=1e-3)
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("config", CONFIGS, ids=["equal heads", "grouped heads"])
def test_side_branches_and_whole_matrices_have_the_same_values_and_gradients(config: Config) -> None:
    weights, ids = init_weights(config, 0), torch.arange(12).view(2, 6)
    gradients = []
    for branched in (False, True):
        adapter = random_adapter(config)
        changed = weights if branched else lora.materialize(adapter, weights, config)
        layers = lora.branch_layers(adapter, weights, config) if branched else None
        hidden = hidden_states(changed, config, ids, layers)
        torch.autograd.backward(hidden.square().sum())
        gradients.append([hidden.detach(), *[p.grad for p in adapter.parameters()]])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_fresh_adapter_changes_nothing_and_depends_on_the_seed_alone() -> None:
    weights = init_weights(SHAPE, 0)
    adapter = lora.init_adapter(SHAPE, 8, seed=5)
    merged = lora.merge(adapter, weights, SHAPE)
    assert all(torch.equal(merged[name], weights[name]) for name in weights)
    same, other = lora.init_adapter(SHAPE, 8, 5), lora.init_adapter(SHAPE, 8, 6)
    assert all(torch.equal(a, b) for a, b in zip(adapter.parameters(), same.parameters(), strict=True))
    assert not torch.equal(adapter.pairs["qkv"][0], other.pairs["qkv"][0])
    assert adapter.scale == 2.0  # alpha 16 whatever the rank


def test_saved_adapter_is_read_back(tmp_path: Path) -> None:
    adapter = random_adapter(SHAPE)
    lora.save_adapter(adapter, SHAPE, tmp_path, "embedded")
    loaded = lora.load_adapter(tmp_path, SHAPE)
    assert (loaded.rank, loaded.alpha, loaded.scale) == (4, 16, 4.0)
    assert all(torch.equal(a, b) for a, b in zip(adapter.parameters(), loaded.parameters(), strict=True))


def test_adapter_over_fewer_modules_leaves_the_others_alone(tmp_path: Path) -> None:
    adapter = random_adapter(SHAPE)
    lora.save_adapter(adapter, SHAPE, tmp_path, "x")
    from safetensors.torch import load_file, save_file

    file = tmp_path / "adapter_model.safetensors"
    save_file({name: t for name, t in load_file(file).items() if "q_proj" in name}, file)
    loaded = lora.load_adapter(tmp_path, SHAPE)
    weights = init_weights(SHAPE, 0)
    merged = lora.merge(loaded, weights, SHAPE)
    rows = SHAPE.heads * SHAPE.head_size
    assert not torch.equal(merged["qkv"][:, :rows], weights["qkv"][:, :rows])
    assert torch.equal(merged["qkv"][:, rows:], weights["qkv"][:, rows:])
    assert torch.equal(merged["down"], weights["down"])


def test_adapter_of_another_model_is_refused(tmp_path: Path) -> None:
    lora.save_adapter(random_adapter(SHAPE), SHAPE, tmp_path, "x")
    with pytest.raises(lora.InvalidAdapterError, match="does not fit"):
        lora.load_adapter(tmp_path, dataclasses.replace(SHAPE, hidden_size=64, head_size=16))
    with pytest.raises(lora.InvalidAdapterError, match="no place for"):
        lora.load_adapter(tmp_path, dataclasses.replace(SHAPE, layers=1))


@pytest.mark.parametrize("change", [{"peft_type": "IA3"}, {"use_dora": True}, {"bias": "all"}])
def test_other_kinds_of_adapters_are_refused(change: dict[str, object], tmp_path: Path) -> None:
    lora.save_adapter(random_adapter(SHAPE), SHAPE, tmp_path, "x")
    file = tmp_path / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(lora.InvalidAdapterError, match=next(iter(change))):
        lora.load_adapter(tmp_path, SHAPE)


def test_directory_without_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(lora.InvalidAdapterError, match=r"no adapter_config\.json"):
        lora.load_adapter(tmp_path, SHAPE)

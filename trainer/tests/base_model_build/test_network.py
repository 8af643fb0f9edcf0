"""The network of the build: the trainer's own, with many jobs' branches side by side; and what trains it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from base_model_build.muon import Muon, orthogonalize
from base_model_build.network import (
    Branches,
    cast_weights,
    causal_bias,
    document_bias,
    hidden_states,
    init_branches,
    quicken,
)
from base_model_build.recipe import Shape
from base_model_build.simulate import drop_lost
from tests import whole_sequences
from tuning_trainer.native import lora
from tuning_trainer.native.architecture import Config
from tuning_trainer.native.weights import init_weights

pytestmark = pytest.mark.slow

SHAPE = Shape(vocabulary=420, tokenizer_episodes=50, hidden_size=32, layers=2, heads=2, mlp_size=48, whole_words=60)
CONFIG = SHAPE.config(64)


def _weights(config: Config) -> dict[str, Tensor]:
    return {name: tensor * 3 for name, tensor in init_weights(config, 1).items()}


def test_packed_conversations_do_not_see_one_another() -> None:
    """Three conversations in one row give what each gives alone, as the trainer computes it."""
    weights = _weights(CONFIG)
    ids = torch.randint(8, 60, (3, 7), generator=torch.Generator().manual_seed(5))
    documents = torch.tensor([[1] * 7 + [2] * 7 + [3] * 7])
    packed = hidden_states(weights, CONFIG, ids.view(1, 21), document_bias(documents, torch.float32))
    assert torch.allclose(packed.view(3, 7, -1), whole_sequences.hidden_states(weights, CONFIG, ids), atol=1e-4)


def _random_branches(ranks: list[int]) -> Branches:
    branches = init_branches(CONFIG, ranks, list(range(len(ranks))))
    generator = torch.Generator().manual_seed(4)
    for (_, b), scale in zip(branches.pairs.values(), range(1, 9), strict=False):
        b.copy_(torch.randn(b.shape, generator=generator) * 0.01 * scale)
    return branches


def _as_adapter(branches: Branches, job: int) -> lora.Adapter:
    """One job's branch as the trainer's own adapter."""
    rank = next(iter(branches.pairs.values()))[1].shape[-1]
    adapter = lora.empty_adapter(CONFIG, rank, alpha=float(branches.scales[job]) * rank)
    for name, (a, b) in branches.pairs.items():
        mine_a, mine_b = adapter.pairs[name]
        mine_a.copy_(a[:, job].view_as(mine_a))
        mine_b.copy_(b[:, job].reshape_as(mine_b))
    return adapter


def test_branches_are_the_trainers_adapters_side_by_side() -> None:
    """Three jobs of three ranks at once give what the trainer computes for each alone."""
    weights, branches = _weights(CONFIG), _random_branches([4, 1, 8])
    ids = torch.randint(8, 60, (6, 9), generator=torch.Generator().manual_seed(5))
    together = hidden_states(weights, CONFIG, ids, causal_bias(9, torch.float32), branches)
    for job in range(3):
        tuned = lora.merge(_as_adapter(branches, job), weights, CONFIG)
        alone = whole_sequences.hidden_states(tuned, CONFIG, ids[2 * job : 2 * job + 2])
        assert torch.allclose(together[2 * job : 2 * job + 2], alone, atol=1e-3)


def test_gradient_of_the_base_is_that_at_the_tuned_weights() -> None:
    """The gradient that meta-tuning adds is the one a merged model would give: nothing is left out but curvature."""
    branches = _random_branches([4])
    weights = {name: tensor.requires_grad_() for name, tensor in _weights(CONFIG).items()}
    ids = torch.randint(8, 60, (2, 7), generator=torch.Generator().manual_seed(6))
    direction = torch.randn(CONFIG.hidden_size, generator=torch.Generator().manual_seed(7))
    hidden = hidden_states(weights, CONFIG, ids, causal_bias(7, torch.float32), branches)
    ours = torch.autograd.grad((hidden * direction).sum(), list(weights.values()))
    plain = {name: tensor.detach() for name, tensor in weights.items()}
    merged = lora.merge(_as_adapter(branches, 0), plain, CONFIG)
    merged = {name: tensor.clone().requires_grad_() for name, tensor in merged.items()}
    hidden = whole_sequences.hidden_states(merged, CONFIG, ids)
    theirs = torch.autograd.grad((hidden * direction).sum(), list(merged.values()))
    for name, mine, other in zip(weights, ours, theirs, strict=True):
        assert float((mine - other).norm() / other.norm()) < 1e-3, name


def test_bfloat16_is_close_to_float32() -> None:
    weights = init_weights(CONFIG, 1)
    ids = torch.randint(8, 60, (4, 9), generator=torch.Generator().manual_seed(6))
    exact = hidden_states(weights, CONFIG, ids, causal_bias(9, torch.float32))
    rough = hidden_states(cast_weights(weights, torch.bfloat16), CONFIG, ids, causal_bias(9, torch.bfloat16))
    assert rough.dtype == torch.bfloat16
    assert float((rough.float() - exact).norm() / exact.norm()) < 0.02


def test_quickened_weights_are_the_same_function() -> None:
    """But the adapters' part grows: the same low-rank change does more."""
    weights, adapter = _weights(CONFIG), _as_adapter(_random_branches([4]), 0)
    for _, b in adapter.pairs.values():
        b.mul_(0.01)
    quick = quicken(weights, CONFIG, 1.7)
    ids = torch.randint(8, 60, (3, 9), generator=torch.Generator().manual_seed(6))
    plain = whole_sequences.hidden_states(weights, CONFIG, ids)
    assert torch.allclose(whole_sequences.hidden_states(quick, CONFIG, ids), plain, atol=1e-4)
    changes = [
        float((whole_sequences.hidden_states(lora.merge(adapter, each, CONFIG), CONFIG, ids) - plain).norm())
        for each in (weights, quick)
    ]
    assert changes[1] > 1.3 * changes[0]


def test_a_job_that_ran_away_counts_as_untuned() -> None:
    branches = _random_branches([4, 4])
    branches.pairs["qkv"][1][0, 1] = float("nan")
    kept, lost = drop_lost(branches)
    assert lost == 1
    assert all(bool((tensor[:, 1] == 0).all()) for tensor in kept.parameters())
    pairs = zip(kept.parameters(), branches.parameters(), strict=True)
    assert all(torch.equal(tensor[:, 0], other[:, 0]) for tensor, other in pairs)


# --- optimisers


def test_muon_update_is_nearly_orthogonal() -> None:
    matrices = torch.randn(3, 12, 20, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalize(matrices))
    assert float(values.min()) > 0.6
    assert float(values.max()) < 1.3


def test_muon_treats_each_matrix_of_a_stack_alone() -> None:
    start = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1))
    gradient = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(2))
    stacked, parts = start.clone(), [start[:, :3].clone(), start[:, 3:].clone()]
    stacked.grad = gradient.clone()
    Muon([stacked], [2]).step(0.1)
    for part, piece in zip(parts, (gradient[:, :3], gradient[:, 3:]), strict=True):
        part.grad = piece.clone()
    Muon(parts, [1, 1]).step(0.1)
    assert torch.allclose(stacked, torch.cat(parts, 1))

"""What all rows begin with is computed once, and every gradient is the same."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.shapes import SHAPE
from tests.whole_sequences import hidden_states
from tuning_trainer.data.chat import Encoded
from tuning_trainer.data.dataset import Batch, collate
from tuning_trainer.native import lora
from tuning_trainer.native.architecture import Attention, Config, Rope
from tuning_trainer.native.sequences import pays_to_share, run_layers
from tuning_trainer.native.weights import init_weights

WINDOWED = dataclasses.replace(
    SHAPE, kv_heads=2, attention=(Attention(window=6), Attention(Rope(500.0))), kinds=(0, 1), attention_cap=20.0,
    qkv_bias=True, qk_norm=True,
)  # fmt: skip


def make_batch(beginning: int = 9) -> Batch:
    draw = torch.Generator().manual_seed(1)
    shared = torch.randint(3, 300, (beginning,), generator=draw).tolist()
    rows = []
    for number, length in enumerate((7, 12, 4)):
        ids = [*shared, 10 + number, *torch.randint(3, 300, (length,), generator=draw).tolist()]
        rows.append(Encoded(tuple(ids), tuple(place >= len(ids) - 3 for place in range(len(ids)))))
    return collate(rows)


def compute(config: Config, batch: Batch, **how: Any) -> tuple[Tensor, list[Tensor]]:
    weights = init_weights(config, 0)
    adapter = lora.init_adapter(config, 2, 0)
    for a, b in adapter.pairs.values():
        torch.nn.init.normal_(b.data, std=0.1, generator=torch.Generator().manual_seed(a.shape[-1]))
    layers = lora.branch_layers(adapter, weights, config)
    hidden = run_layers(weights, config, layers, batch, **how)
    direction = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(2))
    return hidden.detach(), list(torch.autograd.grad((hidden * direction).sum(), adapter.parameters()))


@pytest.mark.parametrize("config", [SHAPE, WINDOWED], ids=["plain", "windows"])
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("packed", [0, 2], ids=["beside", "packed"])
def test_a_shared_beginning_changes_nothing(
    config: Config, checkpointing: bool, packed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither as a pass of its own nor at the front of one sequence."""
    monkeypatch.setattr("tuning_trainer.native.sequences.PACKED_SHARE", packed)
    batch = make_batch()
    assert batch.beginning == 9
    plain = compute(config, batch, sharing=False, checkpointing=False)
    shared = compute(config, batch, sharing=True, checkpointing=checkpointing)
    torch.testing.assert_close(shared[0], plain[0], atol=1e-5, rtol=1e-5)
    for one, other in zip(shared[1], plain[1], strict=True):
        assert float((one - other).norm() / other.norm()) < 3e-6


@pytest.mark.parametrize("config", [SHAPE, WINDOWED], ids=["plain", "windows"])
def test_checkpointed_layers_give_the_same_bits(config: Config) -> None:
    batch = make_batch(0)
    plain, again = (compute(config, batch, sharing=True, checkpointing=each) for each in (False, True))
    assert torch.equal(plain[0], again[0])
    assert all(torch.equal(one, other) for one, other in zip(plain[1], again[1], strict=True))


def test_hidden_states_are_those_of_the_decoder() -> None:
    batch, weights = make_batch(), init_weights(SHAPE, 0)
    layers = lora.branch_layers(lora.init_adapter(SHAPE, 2, 0), weights, SHAPE)
    found = run_layers(weights, SHAPE, layers, batch, sharing=True, checkpointing=False)
    wanted = hidden_states(weights, SHAPE, batch.inputs).flatten(0, 1)[batch.places]
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_nothing_is_shared_where_a_rows_length_turns_its_beginning() -> None:
    rope = Rope(kind="longrope", original_positions=8, short_factors=(1.0,) * 4, long_factors=(2.0,) * 4)
    batch = make_batch()
    assert pays_to_share(batch, SHAPE, 64)
    assert pays_to_share(batch, dataclasses.replace(SHAPE, attention=(Attention(None),)), 64)
    assert not pays_to_share(batch, dataclasses.replace(SHAPE, attention=(Attention(), Attention(rope))), 64)


def test_sharing_has_to_save_more_than_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """18 tokens: a pass of its own costs more, a place in one sequence less."""
    batch = make_batch()
    assert not pays_to_share(batch, SHAPE, 80)
    monkeypatch.setattr("tuning_trainer.native.sequences.PACKED_SHARE", 0)
    assert pays_to_share(batch, SHAPE, 17)
    assert not pays_to_share(batch, SHAPE, 64)


@pytest.mark.parametrize(
    ("rows", "scored_from", "beginning"),
    [
        (((1, 2, 3, 4), (1, 2, 5, 6)), 3, 2),
        (((1, 2, 3, 4), (1, 2, 3, 4)), 2, 1),  # what predicts a scored token belongs to its row
        (((1, 2, 3), (1, 2, 3, 4)), 2, 1),
        (((1, 2, 3), (4, 2, 3)), 2, 0),
        (((1, 2, 3),), 1, 0),
    ],
)
def test_where_rows_begin_to_differ(rows: tuple[tuple[int, ...], ...], scored_from: int, beginning: int) -> None:
    encoded = [Encoded(ids, tuple(place >= scored_from for place in range(len(ids)))) for ids in rows]
    assert collate(encoded).beginning == beginning

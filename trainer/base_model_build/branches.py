"""Many LoRA adapters at once over one base: every group of rows has an adapter of its own.

A user's tuning job on a small model spends its time on launching small operations, not on arithmetic. Meta-tuning
runs many such jobs, so it runs them side by side: the base's products are shared and the adapters are batched.
With G groups, L layers, n modules in a stack and rank r, A is (L, G, n·r, in) and B is (L, G, n, rows, r).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from tuning_trainer.llama import Config, Rotation, Weights, rotation
from tuning_trainer.lora import ALPHA

_STACKS = ("qkv", "output", "gate_up", "down", "attention_norm", "mlp_norm")


@dataclass(frozen=True, slots=True)
class Branches:
    """Adapters of G groups; ``pairs``: stack name -> (A, B)."""

    groups: int
    scale: float
    pairs: dict[str, tuple[Tensor, Tensor]]

    def parameters(self) -> list[Tensor]:
        """All A and B, each with the groups in dimension 1."""
        return [tensor for pair in self.pairs.values() for tensor in pair]

    def freeze(self) -> Branches:
        """The same values, no longer learned."""
        return Branches(
            self.groups, self.scale, {name: (a.detach(), b.detach()) for name, (a, b) in self.pairs.items()}
        )


def init_branches(config: Config, groups: int, rank: int, seed: int) -> Branches:
    """Fresh adapters that change nothing yet, drawn as PEFT draws them."""
    generator = torch.Generator().manual_seed(seed)
    pairs = {}
    for name, parts in config.parts.items():
        count, inputs = len(parts), config.shapes[name][-1]
        a = (torch.rand(config.layers, groups, count * rank, inputs, generator=generator) * 2 - 1) / math.sqrt(inputs)
        b = torch.zeros(config.layers, groups, count, parts[0][1], rank)
        pairs[name] = (a.requires_grad_(True), b.requires_grad_(True))
    return Branches(groups, ALPHA / rank, pairs)


def _add_branch(x: Tensor, weight: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """x·Wᵀ plus each group's own B·A·x. x is (G·rows, time, in)."""
    groups, count, rows, rank = b.shape
    flat = x.reshape(groups, -1, x.shape[-1])
    low = torch.bmm(flat, a.transpose(1, 2))
    if count > 1:
        low = low.view(groups, -1, count, rank).transpose(1, 2).reshape(groups * count, -1, rank)
    delta = torch.bmm(low, b.reshape(groups * count, rows, rank).transpose(1, 2))
    if count > 1:
        delta = delta.view(groups, count, -1, rows).transpose(1, 2)
    return F.linear(x, weight) + delta.reshape(*x.shape[:2], count * rows)


def _attend(heads: Tensor, config: Config, angles: Rotation) -> Tensor:
    """q, k and v side by side (rows, time, 3·H·h) -> mixed values (rows, time, H·h), causal."""
    batch, time, _ = heads.shape
    heads = heads.view(batch, time, 3 * config.heads, config.head_size).transpose(1, 2)
    qk = heads[:, : 2 * config.heads]
    qk = torch.addcmul(qk * angles.cos, torch.roll(qk, config.head_size // 2, -1), angles.sin)
    mixed = F.scaled_dot_product_attention(
        qk[:, : config.heads], qk[:, config.heads :], heads[:, 2 * config.heads :], is_causal=True
    )
    return mixed.transpose(1, 2).reshape(batch, time, -1)


def adapted_states(weights: Weights, config: Config, ids: Tensor, branches: Branches) -> Tensor:
    """Normalised hidden states (G·rows, time, d) of token ids (G·rows, time); rows of a group stand together.

    Only for models whose heads all have keys of their own (``kv_heads == heads``), as the embedded one.
    """
    size = (config.hidden_size,)
    angles = rotation(config, ids.shape[1])
    low = {name: (a.unbind(0), (b * branches.scale).unbind(0)) for name, (a, b) in branches.pairs.items()}
    x = F.embedding(ids, weights["embedding"])
    for index, matrices in enumerate(zip(*(weights[name].unbind(0) for name in _STACKS), strict=True)):
        layer = dict(zip(_STACKS, matrices, strict=True))
        ab = {name: (a[index], b[index]) for name, (a, b) in low.items()}
        hidden = F.rms_norm(x, size, layer["attention_norm"], config.norm_eps)
        mixed = _attend(_add_branch(hidden, layer["qkv"], *ab["qkv"]), config, angles)
        x = x + _add_branch(mixed, layer["output"], *ab["output"])
        hidden = F.rms_norm(x, size, layer["mlp_norm"], config.norm_eps)
        gate, up = _add_branch(hidden, layer["gate_up"], *ab["gate_up"]).chunk(2, -1)
        x = x + _add_branch(F.silu(gate) * up, layer["down"], *ab["down"])
    return F.rms_norm(x, size, weights["final_norm"], config.norm_eps)

"""The model as the build runs it: packed rows behind a document mask, many adapters side by side, either precision.

Sums, norms and the residual stream are float32; products have the precision of the route. With G simulated jobs, L
layers, n modules in a stack and the greatest rank R, A is (L, G, n·R, in) and B is (L, G, n, rows, R); a job of a
smaller rank has zeros in the rest of its A, which then never learns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from tuning_trainer.native.architecture import Config, Weights
from tuning_trainer.native.lora import ALPHA, init_adapter
from tuning_trainer.native.rotary import Rotation, rotation

STACKS: Final = ("qkv", "output", "gate_up", "down")
"""The matrices that adapters change and that Muon learns."""

HIDDEN_BIAS: Final = -30_000.0
"""Added to the scores of keys that may not be seen."""


@dataclass(frozen=True, slots=True)
class Branches:
    """Adapters of G jobs. ``pairs``: stack name -> (A, B); ``scales`` (G,): alpha / rank of each."""

    pairs: dict[str, tuple[Tensor, Tensor]]
    scales: Tensor

    def parameters(self) -> list[Tensor]:
        """All A and B, each with the jobs in dimension 1."""
        return [tensor for pair in self.pairs.values() for tensor in pair]

    def to(self, device: str) -> Branches:
        """The same jobs on a device."""
        pairs = {name: (a.to(device), b.to(device)) for name, (a, b) in self.pairs.items()}
        return Branches(pairs, self.scales.to(device))

    def replace(self, parameters: list[Tensor]) -> Branches:
        """The same jobs with other values, in the order of ``parameters``."""
        values = iter(parameters)
        return Branches({name: (next(values), next(values)) for name in self.pairs}, self.scales)


def init_branches(config: Config, ranks: list[int], seeds: list[int]) -> Branches:
    """What the trainer would begin a job of each rank and seed with."""
    widest, count = max(ranks), len(ranks)
    adapters = [init_adapter(config, rank, seed) for rank, seed in zip(ranks, seeds, strict=True)]
    pairs = {}
    for name, parts in config.parts.items():
        modules, inputs = len(parts), config.shapes[name][-1]
        a = torch.zeros(config.layers, count, modules, widest, inputs)
        for number, (rank, adapter) in enumerate(zip(ranks, adapters, strict=True)):
            a[:, number, :, :rank] = adapter.pairs[name][0].detach()
        b = torch.zeros(config.layers, count, modules, parts[0][1], widest)
        pairs[name] = (a.flatten(2, 3), b)
    return Branches(pairs, torch.tensor([ALPHA / rank for rank in ranks]))


def causal_bias(time: int, dtype: torch.dtype, device: str = "cpu") -> Tensor:
    """(1, 1, time, time): no position sees a later one."""
    later = torch.ones(time, time, dtype=torch.bool, device=device).triu(1)
    return torch.zeros(time, time, dtype=dtype, device=device).masked_fill(later, HIDDEN_BIAS)[None, None]


def document_bias(documents: Tensor, dtype: torch.dtype) -> Tensor:
    """(rows, 1, time, time) of document numbers (rows, time): none sees another document or a later position."""
    time = documents.shape[1]
    same = documents[:, None, :, None] == documents[:, None, None, :]
    seen = same & torch.ones(time, time, dtype=torch.bool, device=documents.device).tril()
    return torch.zeros(seen.shape, dtype=dtype, device=documents.device).masked_fill(~seen, HIDDEN_BIAS)


def cast_weights(weights: Weights, dtype: torch.dtype) -> Weights:
    """Matrices in the precision of the products; norms stay as they are."""
    return {name: t if name.endswith("norm") else t.to(dtype) for name, t in weights.items()}


def _attend(heads: Tensor, config: Config, angles: Rotation, bias: Tensor) -> Tensor:
    """q, k and v side by side (rows, time, 3·H·h) -> mixed values (rows, time, H·h)."""
    rows, time, _ = heads.shape
    split = heads.view(rows, time, 3 * config.heads, config.head_size).transpose(1, 2)
    qk, value = split.split_with_sizes((2 * config.heads, config.heads), 1)
    qk = torch.addcmul(qk * angles.cos, torch.roll(qk, config.head_size // 2, -1), angles.sin)
    query, key = qk.split_with_sizes((config.heads, config.heads), 1)
    if heads.dtype == torch.bfloat16 and heads.device.type == "cpu":
        # Two products and a softmax: the backward pass of the fused kernel is three times slower there.
        scores = torch.matmul(query / math.sqrt(config.head_size), key.transpose(2, 3)) + bias
        mixed = torch.matmul(scores.softmax(-1), value)
    else:
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    return mixed.transpose(1, 2).reshape(rows, time, -1)


def _add_branch(x: Tensor, weight: Tensor, branch: tuple[Tensor, Tensor] | None) -> Tensor:
    """x·Wᵀ plus each job's own B·A·x. x is (G·rows, time, in), rows of a job stand together."""
    result = F.linear(x, weight)
    if branch is None:
        return result
    a, b = branch
    jobs, count, rows, rank = b.shape
    low = torch.bmm(x.reshape(jobs, -1, x.shape[-1]), a.transpose(1, 2))
    if count > 1:
        low = low.view(jobs, -1, count, rank).transpose(1, 2).reshape(jobs * count, -1, rank)
    delta = torch.bmm(low, b.reshape(jobs * count, rows, rank).transpose(1, 2))
    if count > 1:
        delta = delta.view(jobs, count, -1, rows).transpose(1, 2)
    return result + delta.reshape(result.shape)


def hidden_states(
    weights: Weights, config: Config, ids: Tensor, bias: Tensor, branches: Branches | None = None
) -> Tensor:
    """Normalised hidden states (rows, time, d) of token ids (rows, time), in the precision of the weights.

    Args:
        weights: As ``cast_weights`` makes them. Only for models whose heads all have keys of their own.
        bias: See ``causal_bias`` and ``document_bias``.
        branches: Adapters of the jobs that the rows belong to.
    """
    dtype, size = weights["qkv"].dtype, (config.hidden_size,)
    cos, sin = rotation(config.rope, config.head_size, ids.shape[1], str(ids.device))
    angles = Rotation(cos.to(dtype), sin.to(dtype))
    layers = [
        dict(zip(STACKS, each, strict=True)) for each in zip(*(weights[n].unbind(0) for n in STACKS), strict=True)
    ]
    norms = list(zip(weights["attention_norm"].unbind(0), weights["mlp_norm"].unbind(0), strict=True))
    low = _split_branches(branches, dtype, config.layers)
    x = F.embedding(ids, weights["embedding"]).float()
    for layer, (first, second), branch in zip(layers, norms, low, strict=True):
        hidden = F.rms_norm(x, size, first, config.norm_eps).to(dtype)
        mixed = _attend(_add_branch(hidden, layer["qkv"], branch.get("qkv")), config, angles, bias)
        x = x + _add_branch(mixed, layer["output"], branch.get("output"))
        hidden = F.rms_norm(x, size, second, config.norm_eps).to(dtype)
        gate, up = _add_branch(hidden, layer["gate_up"], branch.get("gate_up")).chunk(2, -1)
        x = x + _add_branch(F.silu(gate) * up, layer["down"], branch.get("down"))
    return F.rms_norm(x, size, weights["final_norm"], config.norm_eps).to(dtype)


def _split_branches(
    branches: Branches | None, dtype: torch.dtype, layers: int
) -> list[dict[str, tuple[Tensor, Tensor]]]:
    """The adapters layer by layer, scale in B, in the precision of the products."""
    if branches is None:
        return [{} for _ in range(layers)]
    scales = branches.scales.view(1, -1, 1, 1, 1)
    halves = {
        name: (a.to(dtype).unbind(0), (b * scales).to(dtype).unbind(0)) for name, (a, b) in branches.pairs.items()
    }
    return [{name: (a[layer], b[layer]) for name, (a, b) in halves.items()} for layer in range(layers)]


def token_losses(weights: Weights, hidden: Tensor, places: Tensor, ids: Tensor) -> Tensor:
    """Cross-entropy in nats of the tokens after the flat ``places`` of (rows·time), float32 (places,)."""
    scores = F.linear(hidden.flatten(0, 1).index_select(0, places), weights["embedding"]).float()
    return F.cross_entropy(scores, ids.flatten().index_select(0, places + 1), reduction="none")


@torch.no_grad()
def quicken(weights: Weights, config: Config, gain: float) -> dict[str, Tensor]:
    """The same function, but adapters learn about ``gain`` times as fast.

    Every matrix that has an adapter reads ``gain`` times as much and is so much smaller; the adapter beside it, whose
    first values and steps do not depend on the matrix, then does ``gain`` times as much with each step. Norms carry the
    factor to the first matrices of a block; the rows of values and of ``up``, left as they are, to the second.
    """
    made = {name: tensor.clone() for name, tensor in weights.items()}
    for name in ("attention_norm", "mlp_norm"):
        made[name] *= gain
    queries_and_keys = (config.heads + config.kv_heads) * config.head_size
    made["qkv"][:, :queries_and_keys] /= gain
    made["gate_up"][:, : config.mlp_size] /= gain
    for name in ("output", "down"):
        made[name] /= gain
    return made

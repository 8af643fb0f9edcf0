"""The forward pass of every family in plain torch; neither transformers nor ``torch._dynamo`` is imported.

What differs from family to family is in the ``Config``; weights and their shapes are in ``architecture``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from tuning_trainer.native.architecture import Config, Weights
from tuning_trainer.native.beginning import Beginning
from tuning_trainer.native.rotary import Rotation, rotate, rotation

if TYPE_CHECKING:
    from tuning_trainer.native.bank import Banked
    from tuning_trainer.native.passage import Passage


class Branched(NamedTuple):
    """A frozen matrix with a low-rank side branch: A is (n·r, in), B (rows, r) with the scale already in it."""

    weight: Tensor
    a: Tensor
    b: tuple[Tensor, ...]


Matrix: TypeAlias = "Tensor | Branched | Banked"


class Layer(NamedTuple):
    """One layer's own matrices, cut out of the stacks, with its kind of attention; norms are ready for use."""

    kind: int
    qkv: Matrix
    output: Matrix
    gate_up: Matrix
    down: Matrix
    attention_norm: Tensor
    mlp_norm: Tensor
    qkv_bias: Tensor | None = None
    qk_norm: Tensor | None = None
    attention_output_norm: Tensor | None = None
    mlp_output_norm: Tensor | None = None


def project(hidden: Tensor, matrix: Matrix, bias: Tensor | None = None) -> Tensor:
    """hidden @ matrixᵀ + bias, (…, in) -> (…, rows)."""
    if isinstance(matrix, Tensor):
        return F.linear(hidden, matrix, bias)
    if not isinstance(matrix, Branched):
        return matrix.project(hidden, bias)
    low = F.linear(hidden, matrix.a).chunk(len(matrix.b), -1)
    branch = torch.cat([F.linear(part, b) for part, b in zip(low, matrix.b, strict=True)], -1)
    return F.linear(hidden, matrix.weight, bias) + branch


_MATRICES = ("qkv", "output", "gate_up", "down")
_NORMS = ("attention_norm", "mlp_norm", "attention_output_norm", "mlp_output_norm")


def split_layers(weights: Weights, config: Config) -> list[Layer]:
    """Cuts the stacks into layers once.

    ``weights[name][i]`` inside the loop would make autograd fill a stack of zeros per layer; ``unbind`` does not.
    """
    stacks = {name: weights[name] for name in (*_MATRICES, "qkv_bias") if name in weights}
    stacks |= {name: ready_norm(weights[name], config) for name in _NORMS if name in weights}
    if config.qk_norm:
        query, key = weights["query_norm"], weights["key_norm"]
        both = (query[:, None].expand(-1, config.heads, -1), key[:, None].expand(-1, config.kv_heads, -1))
        stacks["qk_norm"] = ready_norm(torch.cat(both, 1), config)[:, :, None]
    cut = zip(*(tensor.unbind(0) for tensor in stacks.values()), strict=True)
    return [Layer(config.kind(number), **dict(zip(stacks, tensors, strict=True))) for number, tensors in enumerate(cut)]


def ready_norm(weight: Tensor, config: Config) -> Tensor:
    """What a norm multiplies by; float32 where it is stored as its difference from one."""
    return weight.float() + 1 if config.unit_norms else weight


def normalise(x: Tensor, norm: Tensor, config: Config) -> Tensor:
    """Root-mean-square norm over the last dimension, with a ``ready_norm``."""
    if config.unit_norms:
        return (F.rms_norm(x.float(), x.shape[-1:], None, config.norm_eps) * norm).to(x.dtype)
    if norm.dim() > 1:
        return F.rms_norm(x, x.shape[-1:], None, config.norm_eps) * norm
    return F.rms_norm(x, x.shape[-1:], norm, config.norm_eps)


class View(NamedTuple):
    """What layers of one kind have to know of the new positions.

    Attributes:
        angles: None where nothing is turned.
        mask: True where a key may be seen, for instance (batch, 1, time, past + time). None: whatever is not later.
    """

    angles: Rotation | None
    mask: Tensor | None


def make_views(
    config: Config,
    time: int,
    past: int = 0,
    device: str = "cpu",
    lengths: Tensor | None = None,
) -> list[View]:
    """Views, one per kind of layer, of ``time`` new positions after ``past`` ones.

    Args:
        lengths: Tokens of each row (batch,), where padding ends it.
    """
    return [
        View(
            None if kind.rope is None else rotation(kind.rope, config.head_size, time, device, past, lengths),
            make_mask(kind.window, time, past, device),
        )
        for kind in config.attention
    ]


def make_mask(window: int | None, time: int, past: int, device: str = "cpu") -> Tensor | None:
    """Which keys each new position may see, (1, 1, time, past + time); None where plain causality says it.

    Nothing later, nothing that lies ``window`` tokens back.
    """
    if window is not None and past + time <= window:
        window = None
    if window is None and (past == 0 or time == 1):
        return None
    places = torch.arange(past + time, device=device)
    queries = places[past:, None]
    seen = places <= queries
    if window is not None:
        seen = seen & (places > queries - window)
    return seen[None, None]


def attend(
    hidden: Tensor, layer: Layer, config: Config, view: View, read: Beginning | tuple[Passage, int] | None = None
) -> Tensor:
    """Self-attention before its output projection: (batch, time, d) -> (batch, time, H·h).

    ``read`` has what was read before; a passage, which is all layers', comes with this layer's number.
    """
    batch, time, _ = hidden.shape
    turned = config.heads + config.kv_heads
    heads = project(hidden, layer.qkv, layer.qkv_bias)
    heads = heads.view(batch, time, turned + config.kv_heads, config.head_size).transpose(1, 2)
    # Splitting, not slicing: the backward of a split is one concatenation, that of each slice a tensor of zeros.
    qk, value = heads.split_with_sizes((turned, config.kv_heads), 1)
    if layer.qk_norm is not None:
        qk = normalise(qk, layer.qk_norm, config)
    if view.angles is not None:
        # The angles are float32: without the cast, keys would leave the precision of the values.
        qk = rotate(qk, view.angles).to(value.dtype)
    query, key = qk.split_with_sizes((config.heads, config.kv_heads), 1)
    if isinstance(read, tuple):
        return read[0].attend(read[1], config.attention[layer.kind], config, (query, key, value))
    if read is not None:
        key, value = read.extend(key, value)
    if config.kv_heads != config.heads:
        times = config.heads // config.kv_heads
        key, value = key.repeat_interleave(times, 1), value.repeat_interleave(times, 1)
    mixed = mix(query, key, value, config, view.mask, causal=view.mask is None and time > 1)
    return mixed.transpose(1, 2).reshape(batch, time, -1)


def mix(query: Tensor, key: Tensor, value: Tensor, config: Config, mask: Tensor | None, causal: bool = False) -> Tensor:
    """The values of what queries find. ``mask``: True where a key may be seen, or what is added to the scores."""
    if config.attention_cap is not None:
        return _attend_capped(query, key, value, config, mask, causal)
    return F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=causal, scale=config.attention_scale
    )


def _attend_capped(
    query: Tensor, key: Tensor, value: Tensor, config: Config, mask: Tensor | None, causal: bool
) -> Tensor:
    """Attention with softly bound scores, which torch's own does not know."""
    scale = config.head_size**-0.5 if config.attention_scale is None else config.attention_scale
    scores = cap(torch.matmul(query, key.transpose(2, 3)) * scale, config.attention_cap)
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
    return torch.matmul(scores.softmax(-1, dtype=torch.float32).to(value.dtype), value)


def cap(scores: Tensor, limit: float | None) -> Tensor:
    """Scores softly bound to ±limit."""
    return scores if limit is None else torch.tanh(scores / limit) * limit


def apply_layer(
    x: Tensor, layer: Layer, config: Config, views: list[View], read: Beginning | tuple[Passage, int] | None = None
) -> Tensor:
    """One transformer layer: (batch, time, d) -> (batch, time, d)."""
    hidden = normalise(x, layer.attention_norm, config)
    change = project(attend(hidden, layer, config, views[layer.kind], read), layer.output)
    if layer.attention_output_norm is not None:
        change = normalise(change, layer.attention_output_norm, config)
    x = x + change
    gate, up = project(normalise(x, layer.mlp_norm, config), layer.gate_up).chunk(2, -1)
    gate = F.silu(gate) if config.activation == "silu" else F.gelu(gate, approximate="tanh")
    change = project(gate * up, layer.down)
    if layer.mlp_output_norm is not None:
        change = normalise(change, layer.mlp_output_norm, config)
    return x + change


def embed(weights: Weights, config: Config, ids: Tensor) -> Tensor:
    """What goes into the first layer: (batch, time) -> (batch, time, d)."""
    x = F.embedding(ids, weights["embedding"])
    if config.embedding_scale == 1:
        return x
    return x * float(torch.tensor(config.embedding_scale, dtype=x.dtype))  # rounded, as such models were trained


def finish(weights: Weights, config: Config, x: Tensor) -> Tensor:
    """The last norm, of what comes out of the last layer."""
    return normalise(x, ready_norm(weights["final_norm"], config), config)


def logits(weights: Weights, config: Config, hidden: Tensor) -> Tensor:
    """Scores of every token of the vocabulary: (…, d) -> (…, V)."""
    return cap(F.linear(hidden, weights.get("head", weights["embedding"])), config.logit_cap)

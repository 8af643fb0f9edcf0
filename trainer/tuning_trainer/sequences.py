"""Whole sequences through the layers of a native model, for training.

Where all rows of a batch begin alike (the system prompt, what a template puts first), that is computed once, and its
keys and values are shown to every row: the gradients are the same, for each row's flow together where it was shared.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from tuning_trainer import llama
from tuning_trainer.dataset import Batch
from tuning_trainer.llama import Cache, Config, Layer, Rotation, Weights
from tuning_trainer.recompute import recompute


def run_layers(
    weights: Weights, config: Config, layers: Sequence[Layer], batch: Batch, *, sharing: bool, checkpointing: bool
) -> Tensor:
    """Normalised hidden states at the batch's scored places, (N, d).

    Args:
        layers: Stand in for the layers of the weights, for instance with side branches.
        sharing: Whether the beginning that all rows have in common is computed once.
        checkpointing: Whether of each layer only its inputs are kept for the gradient.
    """
    begin = batch.beginning if sharing else 0
    angles = llama.rotation(config, batch.inputs.shape[1], str(batch.inputs.device))
    x = F.embedding(batch.inputs[:, begin:], weights["embedding"])
    if begin:
        shared = F.embedding(batch.inputs[:1, :begin], weights["embedding"])
        for layer in layers:
            args = (shared, x, layer, config, angles)
            shared, x = recompute(_share_layer, *args) if checkpointing else _share_layer(*args)
    else:
        for layer in layers:
            plain = (x, layer, config, angles)
            x = recompute(llama.apply_layer, *plain) if checkpointing else llama.apply_layer(*plain)
    hidden = x.flatten(0, 1)[batch.places_after(begin)]
    return F.rms_norm(hidden, (config.hidden_size,), weights["final_norm"], config.norm_eps)


def _share_layer(shared: Tensor, x: Tensor, layer: Layer, config: Config, angles: Rotation) -> tuple[Tensor, Tensor]:
    """One layer over the beginning (1, P, d) and over what follows it in each row (B, T, d)."""
    begin, rows, time = shared.shape[1], x.shape[0], x.shape[1]
    first = Rotation(angles.cos[:begin], angles.sin[:begin])
    rest = Rotation(angles.cos[begin:], angles.sin[begin:])
    cache = Cache(1)
    shared = llama.apply_layer(shared, layer, config, first, None, (cache, 0))
    cache.change(lambda tensor: tensor.expand(rows, -1, -1, -1))
    mask = torch.ones(time, begin + time, dtype=torch.bool, device=x.device).tril(begin)
    return shared, llama.apply_layer(x, layer, config, rest, mask, (cache, 0))

"""Whole sequences through the layers of a native model, for training.

Where all rows of a batch begin alike (the system prompt, what a template puts first), that is computed once, and its
keys and values are shown to every row: the gradients are the same, for each row's flow together where it was shared.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from tuning_trainer.architecture import Config, Weights
from tuning_trainer.cache import Cache
from tuning_trainer.dataset import Batch
from tuning_trainer.decoder import Layer, View, apply_layer, embed, finish, make_views
from tuning_trainer.recompute import recompute


def can_share(config: Config) -> bool:
    """Whether a beginning is the same whatever follows it; not where the length of a row turns all its positions."""
    return all(kind.rope is None or kind.rope.kind != "longrope" for kind in config.attention)


def run_layers(
    weights: Weights, config: Config, layers: Sequence[Layer], batch: Batch, *, sharing: bool, checkpointing: bool
) -> Tensor:
    """Normalised hidden states at the batch's scored places, (N, d).

    Rows may be padded on the right: causal attention keeps padding out of what stands before it.

    Args:
        layers: Stand in for the layers of the weights, for instance with side branches.
        sharing: Whether the beginning that all rows have in common is computed once.
        checkpointing: Whether of each layer only its inputs are kept for the gradient.
    """
    begin, device = batch.beginning if sharing else 0, str(batch.inputs.device)
    time = batch.inputs.shape[1] - begin
    views = make_views(config, time, begin, device=device, lengths=None if begin else batch.lengths)
    x = embed(weights, config, batch.inputs[:, begin:])
    if begin:
        first = embed(weights, config, batch.inputs[:1, :begin])
        first_views = make_views(config, begin, device=device)
        for layer in layers:
            both = (first, x, layer, config, first_views, views)
            first, x = recompute(_share_layer, *both) if checkpointing else _share_layer(*both)
    else:
        for layer in layers:
            one = (x, layer, config, views)
            x = recompute(apply_layer, *one) if checkpointing else apply_layer(*one)
    return finish(weights, config, x.flatten(0, 1).index_select(0, batch.places_after(begin)))


def _share_layer(
    first: Tensor, x: Tensor, layer: Layer, config: Config, first_views: list[View], views: list[View]
) -> tuple[Tensor, Tensor]:
    """One layer over the beginning (1, P, d) and over what follows it in each row (B, T, d)."""
    cache = Cache(1)
    first = apply_layer(first, layer, config, first_views, (cache, 0))
    cache.change(lambda tensor: tensor.expand(x.shape[0], -1, -1, -1))
    return first, apply_layer(x, layer, config, views, (cache, 0))

"""A native model over whole sequences, with nothing left out or shared: what quicker ways are compared with."""

from __future__ import annotations

from torch import Tensor

from tuning_trainer.native.architecture import Config, Weights
from tuning_trainer.native.decoder import Layer, apply_layer, embed, finish, make_views, split_layers


def hidden_states(
    weights: Weights,
    config: Config,
    ids: Tensor,
    layers: list[Layer] | None = None,
    lengths: Tensor | None = None,
) -> Tensor:
    """Token ids (batch, time) -> normalised hidden states at all positions, (batch, time, d).

    Rows may be padded on the right: causal attention keeps padding out of what stands before it.

    Args:
        layers: Stand in for the layers of the weights, for instance with side branches.
        lengths: Tokens of each row (batch,); None: all positions are.
    """
    views = make_views(config, ids.shape[1], device=str(ids.device), lengths=lengths)
    x = embed(weights, config, ids)
    for layer in layers or split_layers(weights, config):
        x = apply_layer(x, layer, config, views)
    return finish(weights, config, x)

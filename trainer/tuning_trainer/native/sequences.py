"""Whole sequences through the layers of a native model, for training.

Where all rows of a batch begin alike (the system prompt, what a template puts first), that is computed once, and every
row sees its keys and values: the gradients are the same, for each row's flow together where it was shared. Short rows
are put behind the beginning one after the other, as one sequence in which none sees another; long ones have a pass of
their own, for attention over such a sequence would grow with its square.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tuning_trainer.data.dataset import Batch
from tuning_trainer.learning.recompute import recompute
from tuning_trainer.native.architecture import Attention, Config, Weights
from tuning_trainer.native.beginning import Beginning
from tuning_trainer.native.decoder import Layer, View, apply_layer, embed, finish, make_views
from tuning_trainer.native.rotary import Rotation, rotation

PACKED_SHARE = 2
"""Rows are one sequence up to so many times the hidden size in tokens: attention is a third of its work then."""


def pays_to_share(batch: Batch, config: Config, pass_tokens: int) -> bool:
    """Whether to compute the common beginning once. Not where the length of a row turns all its positions.

    Of four rows of a SmolLM2-135M with 28 such tokens and 15 others each, a step takes 0.6 of its time.
    """
    if any(kind.rope is not None and kind.rope.kind == "longrope" for kind in config.attention):
        return False
    saved = (batch.size - 1) * batch.beginning
    return saved > (pass_tokens // 4 if _fits_in_one(batch, config) else pass_tokens)


def _fits_in_one(batch: Batch, config: Config) -> bool:
    rest = batch.inputs.shape[1] - batch.beginning
    return batch.beginning + batch.size * rest <= PACKED_SHARE * config.hidden_size


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
    device, places = str(batch.inputs.device), batch.places
    begin = batch.beginning if sharing else 0
    if not begin:
        views = make_views(config, batch.inputs.shape[1], device=device, lengths=batch.lengths)
        x = _run(embed(weights, config, batch.inputs), layers, config, views, checkpointing)
    elif _fits_in_one(batch, config):
        ids, views, places = _pack(batch, config)
        x = _run(embed(weights, config, ids), layers, config, views, checkpointing)
    else:
        x, places = _run_after(weights, config, layers, batch, checkpointing), batch.places_after(begin)
    return finish(weights, config, x.flatten(0, 1).index_select(0, places))


def _run(x: Tensor, layers: Sequence[Layer], config: Config, views: list[View], checkpointing: bool) -> Tensor:
    for layer in layers:
        one = (x, layer, config, views)
        x = recompute(apply_layer, *one) if checkpointing else apply_layer(*one)
    return x


def _pack(batch: Batch, config: Config) -> tuple[Tensor, list[View], Tensor]:
    """The batch as one sequence: its ids (1, N), what each position sees, and the scored places in it.

    First comes the beginning, then what follows it in each row, without padding.
    """
    begin, device, time = batch.beginning, batch.inputs.device, batch.inputs.shape[1]
    rest = batch.lengths - begin
    rows = torch.arange(batch.size, device=device).repeat_interleave(rest)
    starts = begin + rest.cumsum(0) - rest
    positions = torch.arange(begin, begin + len(rows), device=device) - starts[rows] + begin
    first = torch.arange(begin, device=device)
    ids = torch.cat((batch.inputs[0, :begin], batch.inputs[rows, positions]))[None]
    positions, owners = torch.cat((first, positions)), torch.cat((torch.full_like(first, -1), rows))
    views = [_view(kind, config, positions, owners) for kind in config.attention]
    return ids, views, starts[batch.rows] + batch.places - batch.rows * time - begin


def _view(kind: Attention, config: Config, positions: Tensor, owners: Tensor) -> View:
    """Of tokens at these positions of their rows; the beginning's row is -1, and all see it."""
    seen = (positions <= positions[:, None]) & ((owners == -1) | (owners == owners[:, None]))
    if kind.window is not None:
        seen &= positions > positions[:, None] - kind.window
    if kind.rope is None:
        return View(None, seen[None, None])
    angles = rotation(kind.rope, config.head_size, int(positions.max()) + 1, str(positions.device))
    return View(Rotation(angles.cos[positions], angles.sin[positions]), seen[None, None])


def _run_after(weights: Weights, config: Config, layers: Sequence[Layer], batch: Batch, checkpointing: bool) -> Tensor:
    """What follows the beginning, (B, T, d): it is computed beside, layer by layer."""
    begin, device = batch.beginning, str(batch.inputs.device)
    views = make_views(config, batch.inputs.shape[1] - begin, begin, device=device)
    first_views = make_views(config, begin, device=device)
    first, x = (embed(weights, config, ids) for ids in (batch.inputs[:1, :begin], batch.inputs[:, begin:]))
    for layer in layers:
        both = (first, x, layer, config, first_views, views)
        first, x = recompute(_share_layer, *both) if checkpointing else _share_layer(*both)
    return x


def _share_layer(
    first: Tensor, x: Tensor, layer: Layer, config: Config, first_views: list[View], views: list[View]
) -> tuple[Tensor, Tensor]:
    """One layer over the beginning (1, P, d) and over what follows it in each row (B, T, d)."""
    beginning = Beginning()
    first = apply_layer(first, layer, config, first_views, beginning)
    beginning.expand(x.shape[0])
    return first, apply_layer(x, layer, config, views, beginning)

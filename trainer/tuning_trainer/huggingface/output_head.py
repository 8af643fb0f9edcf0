"""A model of transformers cut in two before its output matrix, so that scores are made where they are wanted only."""

from __future__ import annotations

import inspect
import logging
from typing import Any

import torch
from torch import Tensor
from transformers.modeling_layers import GradientCheckpointingLayer

from tuning_trainer.learning.recompute import recompute

log = logging.getLogger(__name__)

PROBE = 3
"""Tokens on which the two parts are compared with the whole."""


class OutputHead:
    """What a causal language model does up to its output matrix, and what comes after.

    Models that do more with their scores than to multiply (a scale, a soft cap) are not cut: for them ``hidden`` gives
    the scores themselves, of the places where a row of the batch is scored.

    Args:
        model: With its adapter inside.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._keeps = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._checkpointing = False
        for layer in model.modules():
            if isinstance(layer, GradientCheckpointingLayer):
                self._make_checkpointed(layer)
        self.cut = self._can_be_cut()
        if not self.cut:
            log.info("%s: its scores are made for whole rows, which takes memory", type(model).__name__)

    def hidden(self, ids: Tensor, places: Tensor, checkpointing: bool, **seen: Any) -> Tensor:
        """What ``scores`` takes at flat places (N,) of token ids (batch, time): (N, …)."""
        self._checkpointing = checkpointing
        time = ids.shape[1]
        if self.cut:
            found: Tensor = self._model.base_model(input_ids=ids, use_cache=False, **seen).last_hidden_state
            return found.flatten(0, 1)[places]
        if not self._keeps:
            whole: Tensor = self._model(input_ids=ids, use_cache=False, **seen).logits
            return whole.flatten(0, 1)[places]
        columns, at = torch.unique(places % time, return_inverse=True)
        kept: Tensor = self._model(input_ids=ids, use_cache=False, logits_to_keep=columns, **seen).logits
        return kept[places // time, at]

    def scores(self, hidden: Tensor) -> Tensor:
        """Scores of every token, float32 (n, V)."""
        return (self._model.get_output_embeddings()(hidden) if self.cut else hidden).float()

    def _make_checkpointed(self, layer: Any) -> None:
        """Not by the library's own switch, which acts on models in training mode, with their dropout."""
        whole = layer.forward

        def forward(*inputs: Any, **options: Any) -> Any:
            return recompute(whole, *inputs, **options) if self._checkpointing else whole(*inputs, **options)

        layer.forward = forward

    @torch.no_grad()
    def _can_be_cut(self) -> bool:
        """Whether the parts give the scores of the whole: tried, because no field of a config says so."""
        device = self._model.get_input_embeddings().weight.device
        ids = torch.arange(PROBE, device=device)[None]
        self.cut = True
        try:
            parts = self.scores(self.hidden(ids, torch.arange(PROBE, device=device), False))
            whole = self._model(input_ids=ids, use_cache=False).logits[0].float()
        except (AttributeError, TypeError, ValueError, RuntimeError):
            return False
        return parts.shape == whole.shape and torch.allclose(parts, whole, rtol=1e-3, atol=1e-3)

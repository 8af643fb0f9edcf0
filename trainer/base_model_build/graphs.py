"""The same gradients on a GPU, in shapes that do not change, replayed as CUDA graphs.

Written for one H100 and never run on one: what is tested is that these shapes give the losses and gradients of
``gradients.py``, on a CPU, without graphs. A graph is captured when its shape first comes up, on a stream of its own,
so that no two graphs share a workspace of the matrix library.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from base_model_build.gradients import Gradients, clip_jobs
from base_model_build.network import Branches, cast_weights, causal_bias, document_bias, hidden_states
from base_model_build.rows import Packed, Table
from tuning_trainer.base_model import PAD
from tuning_trainer.native.architecture import Config, Weights
from tuning_trainer.native.rotary import rotary_table

Function: TypeAlias = Callable[[list[Tensor]], list[Tensor]]

WIDTH_STEP = 32
"""Tables are padded to a multiple of this, so that few shapes come up."""

WARM_UPS = 2
"""Calls before a capture, in which the libraries choose their kernels and get their memory."""


class Graph:
    """A pure function of tensors, captured once and replayed; called directly where there is no CUDA."""

    def __init__(self, function: Function, inputs: list[Tensor]) -> None:
        self._function = function
        self._graph: torch.cuda.CUDAGraph | None = None
        if inputs[0].is_cuda:
            self._capture(inputs)

    def _capture(self, inputs: list[Tensor]) -> None:
        self._inputs = [tensor.detach().clone() for tensor in inputs]
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch has no types for it
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                self._function(self._inputs)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, stream=stream):
            self._outputs = self._function(self._inputs)

    def __call__(self, inputs: list[Tensor]) -> list[Tensor]:
        """The outputs for these inputs; valid until the next call."""
        if self._graph is None:
            return self._function(inputs)
        for mine, given in zip(self._inputs, inputs, strict=True):
            mine.copy_(given)
        self._graph.replay()
        return self._outputs


def all_losses(weights: Weights, hidden: Tensor, ids: Tensor, learned: Tensor) -> Tensor:
    """Cross-entropy of every position's own token, 0 where it is not learned; float32 (rows, time - 1)."""
    scores = F.linear(hidden[:, :-1], weights["embedding"]).float()
    losses = F.cross_entropy(scores.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return losses.view(ids.shape[0], -1) * learned[:, 1:]


class GraphedGradients(Gradients):
    """As ``Gradients``, on a device, padded, with every position's scores computed and the others' weighted 0."""

    def __init__(self, config: Config, dtype: torch.dtype, device: str) -> None:
        super().__init__(config, dtype)
        self._device = device
        self._graphs: dict[Hashable, Graph] = {}
        rotary_table(config.rope, config.head_size, config.max_positions, device)  # outside every capture

    def _run(self, key: Hashable, function: Function, inputs: list[Tensor]) -> list[Tensor]:
        inputs = [tensor.detach().to(self._device) for tensor in inputs]
        if key not in self._graphs:
            self._graphs[key] = Graph(function, inputs)
        return self._graphs[key](inputs)

    def _pad(self, table: Table) -> tuple[Tensor, Tensor]:
        gap = -table.ids.shape[1] % WIDTH_STEP
        return F.pad(table.ids, (0, gap), value=PAD), F.pad(table.learned, (0, gap), value=False)

    def of_rows(self, weights: Weights, batch: Packed) -> tuple[Tensor, list[Tensor]]:
        names = list(weights)

        def function(inputs: list[Tensor]) -> list[Tensor]:
            ids, documents, learned, *values = inputs
            leaves = [value.detach().requires_grad_() for value in values]
            cast = cast_weights(dict(zip(names, leaves, strict=True)), self.dtype)
            hidden = hidden_states(cast, self.config, ids, document_bias(documents, self.dtype))
            loss = all_losses(cast, hidden, ids, learned).sum() / learned[:, 1:].sum()
            return [loss.detach(), *torch.autograd.grad(loss, leaves)]

        inputs = [batch.ids.long(), batch.documents, batch.learned, *weights.values()]
        loss, *gradients = self._run(("rows", batch.ids.shape), function, inputs)
        return loss, gradients

    def of_shown(
        self, frozen: Weights, table: Table, jobs: int, branches: Branches, parameters: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        names = list(frozen)

        def function(inputs: list[Tensor]) -> list[Tensor]:
            ids, learned, scales = inputs[:3]
            values, leaves = inputs[3 : 3 + len(names)], [p.detach().requires_grad_() for p in inputs[3 + len(names) :]]
            tuned = Branches(branches.pairs, scales).replace(leaves)
            losses = self._job_losses(dict(zip(names, values, strict=True)), ids, learned, jobs, tuned)
            gradients = list(torch.autograd.grad(losses.sum(), leaves))
            clip_jobs(gradients, 1.0)
            return [losses.detach(), *gradients]

        ids, learned = self._pad(table)
        key = ("shown", jobs, ids.shape, tuple(parameters[0].shape))
        inputs = [ids, learned, branches.scales, *frozen.values(), *parameters]
        losses, *gradients = self._run(key, function, inputs)
        return losses, gradients

    def of_asked(self, weights: Weights, table: Table, jobs: int, branches: Branches) -> tuple[Tensor, list[Tensor]]:
        names = list(weights)

        def function(inputs: list[Tensor]) -> list[Tensor]:
            ids, learned, scales = inputs[:3]
            leaves = [value.detach().requires_grad_() for value in inputs[3 : 3 + len(names)]]
            tuned = Branches(branches.pairs, scales).replace(inputs[3 + len(names) :])
            cast = cast_weights(dict(zip(names, leaves, strict=True)), self.dtype)
            loss = self._job_losses(cast, ids, learned, jobs, tuned).mean()
            return [loss.detach(), *torch.autograd.grad(loss, leaves)]

        ids, learned = self._pad(table)
        parameters = branches.parameters()
        key = ("asked", jobs, ids.shape, tuple(parameters[0].shape))
        loss, *gradients = self._run(key, function, [ids, learned, branches.scales, *weights.values(), *parameters])
        return loss, gradients

    @torch.no_grad()
    def loss_before(self, frozen: Weights, table: Table, jobs: int) -> float:
        ids, learned = (tensor.to(self._device) for tensor in self._pad(table))
        return float(self._job_losses(frozen, ids, learned, jobs, None).mean())

    def _job_losses(
        self, weights: Weights, ids: Tensor, learned: Tensor, jobs: int, branches: Branches | None
    ) -> Tensor:
        bias = causal_bias(ids.shape[1], self.dtype, str(ids.device))
        hidden = hidden_states(weights, self.config, ids, bias, branches)
        losses = all_losses(weights, hidden, ids, learned).view(jobs, -1).sum(1)
        return losses / learned[:, 1:].reshape(jobs, -1).sum(1)

"""Steps recorded as CUDA graphs: a GPU is done with a small step long before the CPU has launched its kernels.

A graph is one forward and backward pass over tensors that stay where they are. It is recorded for a shape that comes
again and again; batches are padded to few shapes.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from tuning_trainer.data.dataset import Batch
from tuning_trainer.learning.objective import Score, score_tokens
from tuning_trainer.model import TunedModel

log = logging.getLogger(__name__)

RECORDED_FROM = 3
"""A shape is recorded when it comes for so many a time: recording costs a few passes."""

MOST_GRAPHS = 16
"""Shapes that are recorded, at most: each keeps its buffers."""

WARM_UP = 2
"""Passes before a recording, in which libraries set themselves up."""

Pass: TypeAlias = Callable[[], tuple[Tensor, Tensor, list[Tensor]]]
"""Computes, from tensors that it has: loss, hits, gradients."""

Recorder: TypeAlias = Callable[[Pass], Pass]

Shape: TypeAlias = tuple[int, int, int, bool]


@dataclass(frozen=True, slots=True)
class _Recording:
    """Tensors to fill, and what then computes. ``weights``: of each scored token, 0 where it is padding."""

    batch: Batch
    weights: Tensor
    replay: Pass


class Graphs:
    """Passes of next-token losses over a model whose kernels depend on nothing but shapes.

    Args:
        name: Of the job, for the log. record: Makes a pass quick to repeat.
    """

    def __init__(self, name: str, model: TunedModel, record: Recorder | None = None) -> None:
        self._name, self._model, self._record = name, model, record or CudaRecorder()
        self._recordings: dict[Shape, _Recording] = {}
        self._seen: Counter[Shape] = Counter()
        self._works = True

    def take(self, batch: Batch, checkpointing: bool, total: int) -> Score | None:
        """Adds the gradients of a part of a batch with ``total`` predictions; None: it is to be computed otherwise."""
        shape = (batch.size, round_up(batch.inputs.shape[1]), round_up(len(batch.targets)), checkpointing)
        self._seen[shape] += 1
        recording = self._recordings.get(shape)
        if recording is None:
            if not self._works or self._seen[shape] < RECORDED_FROM or len(self._recordings) >= MOST_GRAPHS:
                return None
            recording = self._make(shape, batch)
            if recording is None:
                return None
        predictions = len(batch.targets)
        _fill(recording.batch, batch)
        recording.weights.zero_()[:predictions] = 1 / total
        loss, hits, gradients = recording.replay()
        for parameter, gradient in zip(self._model.parameters(), gradients, strict=True):
            if parameter.grad is None:
                parameter.grad = gradient.clone()
            else:
                parameter.grad += gradient
        return Score(loss * (total / predictions), predictions, hits.clone())

    def _make(self, shape: Shape, like: Batch) -> _Recording | None:
        rows, time, scored, checkpointing = shape
        device = like.inputs.device

        def empty(*sizes: int) -> Tensor:
            return torch.zeros(sizes, dtype=torch.int64, device=device)

        batch = Batch(empty(rows, time), empty(rows), empty(scored), empty(scored), empty(scored))
        weights = torch.zeros(scored, device=device)
        _fill(batch, like)

        def compute() -> tuple[Tensor, Tensor, list[Tensor]]:
            losses, hits = score_tokens(self._model, batch, checkpointing)
            loss = (losses * weights).sum()
            gradients = torch.autograd.grad(loss, self._model.parameters())
            return loss.detach(), (hits & (weights > 0)).sum(), list(gradients)

        try:
            found = self._recordings[shape] = _Recording(batch, weights, self._record(compute))
        except Exception as error:  # whatever a driver or a kernel does not do while it is recorded
            self._works = False
            log.warning("%s: no CUDA graphs, so its steps are slower: %s", self._name, error)
            return None
        return found


class CudaRecorder:
    """Records CUDA graphs, which share their memory: one runs at a time, and what it gives is copied at once."""

    def __init__(self) -> None:
        self._pool: Any = None

    def __call__(self, compute: Pass) -> Pass:
        cuda: Any = torch.cuda
        stream = cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                compute()
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.empty_cache()
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        graph: Any = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=stream):
            results = compute()

        def replay() -> tuple[Tensor, Tensor, list[Tensor]]:
            graph.replay()
            return results

        return replay


def _fill(target: Batch, source: Batch) -> None:
    """Copies a batch into tensors that are as large or larger; places follow the wider rows."""
    width = target.inputs.shape[1] - source.inputs.shape[1]
    wider = dataclasses.replace(
        source, inputs=F.pad(source.inputs, (0, width)), places=source.places + source.rows * width
    )
    target.inputs.copy_(wider.inputs)
    target.lengths.copy_(wider.lengths)
    for name in ("places", "targets", "rows"):
        tensor: Tensor = getattr(target, name)
        values: Tensor = getattr(wider, name)
        tensor.zero_()[: len(values)] = values


def round_up(count: int) -> int:
    """To one of few numbers, at most an eighth above from 256 on."""
    step = max(32, 1 << max(0, count.bit_length() - 4))
    return -(-count // step) * step

"""Muon: momentum whose update is the nearest orthogonal matrix, for the matrices of pre-training."""

from __future__ import annotations

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic Newton-Schulz iteration, as published with Muon (Keller Jordan, 2024)."""


def orthogonalize(matrices: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """(n, rows, columns) -> about U·Vᵀ of every matrix, by five Newton-Schulz iterations in ``dtype``."""
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.transpose(-1, -2) if tall else matrices
    x = (x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)).to(dtype)
    a, b, c = _COEFFICIENTS
    for _ in range(5):
        gram = x @ x.transpose(-1, -2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    x = x.to(matrices.dtype)
    result: Tensor = x.transpose(-1, -2) if tall else x
    return result


class Muon:
    """Nesterov momentum 0.95 on stacks of matrices.

    Args:
        parameters: Each (layers, count·rows, columns) with ``count`` matrices per layer.
        counts: Matrices per layer of each parameter.
        decay: A step takes the learning rate times this of every weight away.
        dtype: Precision of the update's products.
    """

    def __init__(
        self,
        parameters: list[Tensor],
        counts: list[int],
        *,
        momentum: float = 0.95,
        decay: float = 0.02,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.parameters, self.counts, self.dtype = parameters, counts, dtype
        self.momentum, self.decay = momentum, decay
        self.means = [torch.zeros_like(p) for p in parameters]

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Moves the parameters against their gradients and drops the gradients."""
        for parameter, count, mean in zip(self.parameters, self.counts, self.means, strict=True):
            gradient = parameter.grad
            if gradient is None:
                raise ValueError("step: a parameter has no gradient")
            mean.mul_(self.momentum).add_(gradient)
            layers, rows, columns = parameter.shape
            matrices = (gradient + self.momentum * mean).view(layers * count, rows // count, columns)
            update = orthogonalize(matrices, self.dtype)
            scale = max(1.0, rows / count / columns) ** 0.5
            parameter.mul_(1 - learning_rate * self.decay).add_(
                update.reshape(parameter.shape), alpha=-learning_rate * scale
            )
            parameter.grad = None

"""Losses and their gradients: of packed conversations, of what simulated users show, of what they ask."""

from __future__ import annotations

import torch
from torch import Tensor

from base_model_build.network import (
    Branches,
    cast_weights,
    causal_bias,
    document_bias,
    hidden_states,
    token_losses,
)
from base_model_build.rows import Packed, Table
from tuning_trainer.native.architecture import Config, Weights


def clip_jobs(gradients: list[Tensor], limit: float) -> None:
    """Clips the gradient norm of every job on its own; the jobs are in dimension 1."""
    norms = torch.stack([torch.linalg.vector_norm(g.transpose(0, 1).flatten(1), dim=1) for g in gradients])
    scale = (limit / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.view(1, -1, *(1,) * (gradient.dim() - 2)))


def job_losses(weights: Weights, config: Config, table: Table, jobs: int, branches: Branches | None) -> Tensor:
    """Mean loss of each job, nats per learned token, (jobs,). Rows of a job stand together.

    Args:
        weights: As ``cast_weights`` makes them.
        branches: The jobs' adapters; None for the bare base.
    """
    rows, width = table.ids.shape
    hidden = hidden_states(weights, config, table.ids, causal_bias(width, weights["qkv"].dtype), branches)
    places = table.learned.flatten().nonzero()[:, 0] - 1
    losses = token_losses(weights, hidden, places, table.ids)
    owners = places // (rows // jobs * width)
    zeros = torch.zeros(jobs)
    counts = zeros.index_add(0, owners, torch.ones_like(losses))
    return zeros.index_add(0, owners, losses) / counts


class Gradients:
    """Computed directly, in shapes as the data has them."""

    def __init__(self, config: Config, dtype: torch.dtype) -> None:
        self.config, self.dtype = config, dtype

    def of_rows(self, weights: Weights, batch: Packed) -> tuple[Tensor, list[Tensor]]:
        """Mean nats per learned token, and the gradients of the weights."""
        cast, ids = cast_weights(weights, self.dtype), batch.ids.long()
        hidden = hidden_states(cast, self.config, ids, document_bias(batch.documents, self.dtype))
        places = batch.learned.flatten().nonzero()[:, 0] - 1
        losses = token_losses(cast, hidden, places, ids)
        loss = losses.mean() if len(losses) else losses.sum()  # a few short rows may hold nothing that is learned
        return loss.detach(), list(torch.autograd.grad(loss, list(weights.values())))

    def of_shown(
        self, frozen: Weights, table: Table, jobs: int, branches: Branches, parameters: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Each job's loss, and the gradients of the adapters' ``parameters``, clipped job by job as a job's are."""
        losses = job_losses(frozen, self.config, table, jobs, branches)
        gradients = list(torch.autograd.grad(losses.sum(), parameters))
        clip_jobs(gradients, 1.0)
        return losses.detach(), gradients

    def of_asked(self, weights: Weights, table: Table, jobs: int, branches: Branches) -> tuple[Tensor, list[Tensor]]:
        """The mean of the jobs' losses, and the gradients of the base's weights at the tuned ones."""
        loss = job_losses(cast_weights(weights, self.dtype), self.config, table, jobs, branches).mean()
        return loss.detach(), list(torch.autograd.grad(loss, list(weights.values())))

    @torch.no_grad()
    def loss_before(self, frozen: Weights, table: Table, jobs: int) -> float:
        """The mean of the jobs' losses without their adapters."""
        return float(job_losses(frozen, self.config, table, jobs, None).mean())

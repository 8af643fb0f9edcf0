"""AdamW on foreach operations, or in one kernel on a GPU.

The same update as ``torch.optim.AdamW``, whose import brings ``torch._dynamo`` along: about two CPU seconds and 70 MiB
that a small job does not have.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


class AdamW:
    """Decoupled weight decay Adam at a constant learning rate.

    Args:
        parameters: What is learned; each has its ``grad`` set when ``step`` is called.
        learning_rate: Step size.
        clip: Largest norm of all gradients together; 0 is no limit.
        fused: Whether one kernel does it all; None: on a GPU.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        clip: float = 1.0,
        fused: bool | None = None,
    ) -> None:
        self.parameters = list(parameters)
        self._fused = self.parameters[0].is_cuda if fused is None else fused
        self.learning_rate = learning_rate
        self.betas, self.eps, self.weight_decay, self.clip = betas, eps, weight_decay, clip
        self.means = [torch.zeros_like(p) for p in self.parameters]
        self.squares = [torch.zeros_like(p) for p in self.parameters]
        self.steps = 0

    @torch.no_grad()
    def step(self) -> None:
        """Moves the parameters against their gradients and drops the gradients."""
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        if len(gradients) != len(self.parameters):
            raise ValueError("step: a parameter has no gradient")
        if self.clip:
            clip_gradients(gradients, self.clip)
        self.steps += 1
        if self._fused:
            self._move_fused(gradients)
        else:
            self._move(gradients)
        for parameter in self.parameters:
            parameter.grad = None

    def _move_fused(self, gradients: list[Tensor]) -> None:
        count = torch.full((), float(self.steps), device=self.parameters[0].device)
        torch._fused_adamw_(
            self.parameters,
            gradients,
            self.means,
            self.squares,
            [],
            [count] * len(gradients),
            lr=self.learning_rate,
            beta1=self.betas[0],
            beta2=self.betas[1],
            weight_decay=self.weight_decay,
            eps=self.eps,
            amsgrad=False,
            maximize=False,
        )

    def _move(self, gradients: list[Tensor]) -> None:
        first, second = self.betas
        torch._foreach_lerp_(self.means, gradients, 1 - first)
        torch._foreach_mul_(self.squares, second)
        torch._foreach_addcmul_(self.squares, gradients, gradients, 1 - second)
        scale = torch._foreach_sqrt(self.squares)
        torch._foreach_div_(scale, (1 - second**self.steps) ** 0.5)
        torch._foreach_add_(scale, self.eps)
        if self.weight_decay:
            torch._foreach_mul_(self.parameters, 1 - self.learning_rate * self.weight_decay)
        torch._foreach_addcdiv_(self.parameters, self.means, scale, -self.learning_rate / (1 - first**self.steps))

    def state(self) -> dict[str, Tensor]:
        """Everything that the next step depends on, beside the parameters; for ``restore``."""
        tensors = {f"mean.{i}": t for i, t in enumerate(self.means)}
        tensors |= {f"square.{i}": t for i, t in enumerate(self.squares)}
        return tensors | {"steps": torch.tensor(self.steps)}

    @torch.no_grad()
    def restore(self, state: dict[str, Tensor]) -> None:
        """Takes over what ``state`` returned, for the same parameters."""
        for i, (mean, square) in enumerate(zip(self.means, self.squares, strict=True)):
            mean.copy_(state[f"mean.{i}"])
            square.copy_(state[f"square.{i}"])
        self.steps = int(state["steps"])


def clip_gradients(gradients: list[Tensor], limit: float) -> None:
    """Scales all gradients in place so that their common norm is at most ``limit``."""
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    torch._foreach_mul_(gradients, (limit / (norm + 1e-6)).clamp(max=1.0))

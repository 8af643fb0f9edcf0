"""Activation checkpointing: what a function makes for its gradient is thrown away and made again when it is wanted.

As ``torch.utils.checkpoint`` does it; calling that one imports ``torch._dynamo``, two CPU seconds and 70 MiB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

Result = TypeVar("Result")


def recompute(function: Callable[..., Result], *inputs: Any, **options: Any) -> Result:
    """The function's result, of which only the inputs are kept until its gradient is computed.

    The function has to do the same both times: no dropout, and nothing that it changes outside.
    """
    if not torch.is_grad_enabled():
        return function(*inputs, **options)
    again = _Again(lambda: function(*inputs, **options))
    with saved_tensors_hooks(again.leave_out, again.find):
        return function(*inputs, **options)


class _Again:
    """The tensors of one call: counted the first time, made by a second call when the first of them is wanted."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._count = 0
        self._made: dict[int, Tensor] = {}
        kinds = ("cpu", "cuda")
        self._casts = [(kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in kinds]

    def leave_out(self, _: Tensor) -> int:
        self._count += 1
        return self._count - 1

    def find(self, number: int) -> Tensor:
        if number not in self._made:
            self._make()
        return self._made.pop(number)

    def _make(self) -> None:
        """Backward passes run outside of the precision that the forward pass had, so that is set up again."""
        made: list[Tensor] = []

        def keep(tensor: Tensor) -> Tensor:
            made.append(tensor.detach())
            return made[-1]

        cpu, cuda = (torch.autocast(kind, dtype, enabled=on) for kind, on, dtype in self._casts)
        with torch.enable_grad(), cpu, cuda, saved_tensors_hooks(keep, lambda tensor: tensor):
            self._call()
        if len(made) != self._count:
            raise RuntimeError(f"recomputed {len(made)} tensors instead of {self._count}")
        self._made = dict(enumerate(made))

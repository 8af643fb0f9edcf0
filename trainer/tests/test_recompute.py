"""Activation checkpointing: the same results and gradients, with less kept."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from tuning_trainer.learning.recompute import recompute


def squash(x: Tensor, weight: Tensor, times: int = 3) -> Tensor:
    for _ in range(times):
        x = torch.tanh(x @ weight).exp()
    return x


def gradients(checkpointing: bool, precision: torch.dtype = torch.float32) -> tuple[Tensor, list[Tensor]]:
    generator = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(6, 6, generator=generator).requires_grad_() for _ in range(2))
    with torch.autocast("cpu", torch.bfloat16, enabled=precision is torch.bfloat16):
        y = recompute(squash, x, weight, times=2) if checkpointing else squash(x, weight, 2)
        y = recompute(squash, y, weight) if checkpointing else squash(y, weight)
    total = y.float().log().sum()
    return total.detach(), list(torch.autograd.grad(total, (x, weight)))


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_result_and_gradients_are_the_same(precision: torch.dtype) -> None:
    """Also in low precision, though a backward pass runs outside of it."""
    plain, again = gradients(False, precision), gradients(True, precision)
    assert torch.equal(plain[0], again[0])
    assert all(torch.equal(one, two) for one, two in zip(plain[1], again[1], strict=True))


def test_nothing_is_kept_but_what_comes_in() -> None:
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    x, weight = torch.ones(4, 4, requires_grad=True), torch.ones(4, 4, requires_grad=True)
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        recompute(squash, x, weight)
    assert kept == []
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        squash(x, weight)
    assert len(kept) > 6


def test_without_gradients_it_is_a_plain_call() -> None:
    with torch.no_grad():
        assert not recompute(squash, torch.ones(2, 2), torch.ones(2, 2)).requires_grad


def test_what_does_not_do_the_same_twice_is_found() -> None:
    calls: list[int] = []

    def fickle(x: Tensor) -> Tensor:
        calls.append(1)
        return x.exp() if len(calls) == 1 else x * 2

    y = recompute(fickle, torch.ones(2, requires_grad=True))
    with pytest.raises(RuntimeError, match="recomputed 0 tensors instead of 1"):
        torch.autograd.backward(y.sum())


@pytest.mark.process
def test_dynamo_is_not_imported_for_it() -> None:
    code = (
        "import sys, torch; from tuning_trainer.learning.recompute import recompute\n"
        "recompute(torch.exp, torch.ones(2, requires_grad=True)).sum().backward()\n"
        "print('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"

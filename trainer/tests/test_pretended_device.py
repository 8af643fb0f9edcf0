"""The pretended device is as strict as CUDA about where tensors are, and as lenient."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.pretended_device import PretendedDevice

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="a real CUDA device is there")


@pytest.fixture
def far() -> Iterator[Tensor]:
    with PretendedDevice():
        yield torch.ones(3, 3, device="cuda")


@pytest.mark.parametrize(
    "mix",
    [
        lambda far, near: far @ near,
        lambda far, near: far + near,
        lambda far, near: torch.cat((far, near)),
        lambda far, near: F.embedding(torch.tensor([1]), far),
        lambda far, near: near[torch.tensor([0], device="cuda")],
        lambda far, near: F.scaled_dot_product_attention(far, far, near),
    ],
)
def test_tensors_apart_are_refused(mix: Callable[[Tensor, Tensor], Tensor], far: Tensor) -> None:
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        mix(far, torch.ones(3, 3))


def test_what_is_made_there_stays_there_until_it_is_brought_back(far: Tensor) -> None:
    for made in (far @ far, far[0], far.float(), far.clone(), far.new_zeros(2), torch.zeros_like(far), far * 2.0):
        assert (made.device.type, made.is_cuda) == ("cuda", True)
    for back in (far.cpu(), far.to("cpu"), torch.ones(2).to(torch.float64)):
        assert back.device.type == "cpu"
    assert torch.ones(2).to(far).device.type == "cuda"
    assert far[torch.tensor([0])].device.type == "cuda"
    assert (float((far * 2).sum()), far.cpu().numpy().sum()) == (18.0, 9.0)
    with pytest.raises(TypeError, match=r"use Tensor\.cpu"):
        far.numpy()


def test_gradients_and_modules_are_there(far: Tensor) -> None:
    layer = torch.nn.Linear(3, 3).to("cuda")
    layer(far).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.device.type == "cuda"
    with pytest.raises(RuntimeError, match="same device"):
        layer(torch.ones(3, 3))

"""The foreach AdamW takes the same steps as torch's own."""

from __future__ import annotations

import pytest
import torch

from tuning_trainer.learning.optimizer import AdamW, clip_gradients


def parameters() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in ((3, 4), (5,))]


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("clip", [0.0, 0.5])
@pytest.mark.parametrize("fused", [False, True])
def test_steps_equal_those_of_torch(weight_decay: float, clip: float, fused: bool) -> None:
    ours, theirs = parameters(), parameters()
    optimizer = AdamW(ours, 1e-2, weight_decay=weight_decay, clip=clip, fused=fused)
    reference = torch.optim.AdamW(theirs, 1e-2, weight_decay=weight_decay)
    for _ in range(5):
        for group in (ours, theirs):
            sum((p**3).sum() for p in group).backward()  # type: ignore[union-attr]
        if clip:
            torch.nn.utils.clip_grad_norm_(theirs, clip)
        optimizer.step()
        reference.step()
        reference.zero_grad()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)
        assert one.grad is None


def test_restored_optimizer_goes_on_bit_for_bit() -> None:
    first, second = parameters(), parameters()
    one, other = AdamW(first, 1e-2), AdamW(second, 1e-2)

    def step(optimizer: AdamW) -> None:
        sum((p**2).sum() for p in optimizer.parameters).backward()  # type: ignore[union-attr]
        optimizer.step()

    step(one)
    step(one)
    other.restore({name: tensor.clone() for name, tensor in one.state().items()})
    with torch.no_grad():
        for source, target in zip(first, second, strict=True):
            target.copy_(source)
    step(one)
    step(other)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_small_gradients_are_not_scaled() -> None:
    gradients = [torch.tensor([0.3]), torch.tensor([0.4])]
    clip_gradients(gradients, 1.0)
    torch.testing.assert_close(torch.cat(gradients), torch.tensor([0.3, 0.4]))


def test_missing_gradient_is_an_error() -> None:
    with pytest.raises(ValueError, match="no gradient"):
        AdamW(parameters(), 1e-2).step()

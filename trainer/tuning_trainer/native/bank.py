"""Many adapters in one pass: those of all rows side by side, each token taking part in its own alone.

The low-rank halves of all adapters are one matrix each. A token goes through all of them, and in between what is not
its own adapter's is set to zero: a few products, whatever the number of adapters, and no padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tuning_trainer.native.architecture import Config, Weights
from tuning_trainer.native.decoder import Layer, split_layers
from tuning_trainer.native.lora import Adapter


@dataclass(slots=True)
class Mask:
    """One where a token takes part in an adapter's column, else zero, (tokens, columns); None: all in all."""

    kept: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Banked:
    """A frozen matrix with the side branches of several adapters.

    a: (modules · columns, in). b: of each module (columns, its rows), with the scale already in it.
    """

    weight: Tensor
    a: Tensor
    b: tuple[Tensor, ...]
    mask: Mask

    def project(self, hidden: Tensor, bias: Tensor | None) -> Tensor:
        """(1, tokens, in) -> (1, tokens, rows)."""
        out = F.linear(hidden[0], self.weight, bias)
        place = 0
        for low, b in zip(F.linear(hidden[0], self.a).chunk(len(self.b), -1), self.b, strict=True):
            chosen = low if self.mask.kept is None else low * self.mask.kept
            out[:, place : place + b.shape[1]].addmm_(chosen, b)
            place += b.shape[1]
        return out[None]


class Bank:
    """The layers of a base model with these adapters, which are of its device and precision."""

    def __init__(self, adapters: Sequence[Adapter], weights: Weights, config: Config) -> None:
        self._device, self._dtype = weights["embedding"].device, weights["embedding"].dtype
        self._numbers = {id(adapter): number for number, adapter in enumerate(adapters)}
        self._adapters = list(adapters)  # so that their ids stay theirs
        ranks = torch.tensor([adapter.rank for adapter in adapters], device=self._device)
        self._owners = torch.arange(len(ranks), device=self._device).repeat_interleave(ranks)
        self._mask = Mask()
        self.layers = self._build(weights, config)
        branches = [each for layer in self.layers for each in layer if isinstance(each, Banked)]
        self.own_bytes = sum(tensor.nbytes for each in branches for tensor in (each.a, *each.b))

    def serves(self, adapters: Sequence[Adapter | None]) -> bool:
        """Whether it has all of these adapters, and not many more."""
        wanted = {id(adapter) for adapter in adapters if adapter is not None}
        return wanted <= self._numbers.keys() and len(self._numbers) <= 2 * len(wanted)

    def choose(self, adapters: Sequence[Adapter | None], counts: Sequence[int]) -> list[Layer]:
        """The layers for a pass of so many tokens of each adapter; None is the bare base."""
        if len(self._numbers) == 1 and None not in adapters:
            self._mask.kept = None
            return self.layers
        chosen = torch.tensor([-1 if one is None else self._numbers[id(one)] for one in adapters])
        owners = chosen.repeat_interleave(torch.tensor(counts)).to(self._device)
        self._mask.kept = (owners[:, None] == self._owners).to(self._dtype)
        return self.layers

    @torch.no_grad()
    def _build(self, weights: Weights, config: Config) -> list[Layer]:
        banked: dict[str, list[Any]] = {}
        for name, parts in config.parts.items():
            rows = [count for _, count in parts]
            # (layers, modules, columns, in) -> (layers, modules · columns, in)
            a = torch.cat([adapter.pairs[name][0] for adapter in self._adapters], 2).flatten(1, 2)
            split = [(one.pairs[name][1] * one.scale).split_with_sizes(rows, 1) for one in self._adapters]
            b = [torch.cat([each[part].transpose(1, 2) for each in split], 1) for part in range(len(rows))]
            branches = zip(a.unbind(0), zip(*(part.unbind(0) for part in b), strict=True), strict=True)
            weight = weights[name].unbind(0)
            banked[name] = [Banked(w, low, high, self._mask) for w, (low, high) in zip(weight, branches, strict=True)]
        plain = split_layers(weights, config)
        return [layer._replace(**{name: each[i] for name, each in banked.items()}) for i, layer in enumerate(plain)]

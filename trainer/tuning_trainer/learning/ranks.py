"""Data parallel training in one machine, over ``torch.distributed``: what the processes of a job agree on.

Each rank holds the whole model and takes a share of every batch. The sums of their gradients are the batch's, so that
all take the same step and stay alike. Rank 0 alone reports and writes; ``rank_processes`` starts the others. Each rank
has a GPU of its own (NCCL), or all share the CPU (Gloo).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from torch import Tensor, distributed

from tuning_trainer.learning.parts import share_out
from tuning_trainer.spec import Failed

Backend: TypeAlias = Literal["gloo", "nccl"]

STEP_TIMEOUT = timedelta(hours=1)
"""For a rank to be done with its share, after the first is."""

FLAT_VALUES = 1 << 24
"""Values that are summed over the ranks in one go, at most."""


class RankKilledError(Exception):
    """A process of the job was ended by a signal: the job has lost what it had learned since its last state, not more.

    Attributes:
        signal: Its number.
    """

    def __init__(self, rank: int, number: int) -> None:
        super().__init__(f"the process of rank {rank} was ended by signal {number}; the same job goes on where it was")
        self.signal = number


class Ranks:
    """The processes of one job, seen from one of them. Alone: one process, and nothing to agree on."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size, self._device = rank, size, "cpu"

    @property
    def first(self) -> bool:
        """Whether this process reports and writes."""
        return self.rank == 0

    def gather(self) -> None:
        """Starts or meets the others; returns when all are there."""

    def join(self, store: Path, backend: Backend) -> None:
        """Meets the others. ``store``: a file that all of them know."""
        if backend == "nccl":
            torch.cuda.set_device(self.rank)
            self._device = "cuda"
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if sys.platform == "linux" else "lo0")
        distributed.init_process_group(
            backend, f"file://{store}", rank=self.rank, world_size=self.size, timeout=STEP_TIMEOUT
        )

    def share(self, numbers: Sequence[int], lengths: Sequence[int]) -> list[int]:
        """This rank's examples of a batch: about as many tokens as every other's."""
        return share_out(numbers, lengths, self.size)[self.rank]

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replaces tensors of one kind by their sums over all ranks."""
        if self.size == 1:
            return
        flat: list[Tensor] = []
        for tensor in [*tensors, None]:
            if flat and (tensor is None or sum(each.numel() for each in flat) + tensor.numel() > FLAT_VALUES):
                values = torch.cat([each.flatten() for each in flat])
                distributed.all_reduce(values)
                for each, value in zip(flat, values.split_with_sizes([each.numel() for each in flat]), strict=True):
                    each.copy_(value.view_as(each))
                flat = []
            if tensor is not None:
                flat.append(tensor)

    def agree(self, flag: bool) -> bool:
        """What rank 0 says."""
        if self.size == 1:
            return flag
        said = torch.tensor([int(flag)], device=self._device)
        distributed.broadcast(said, 0)
        return bool(said.item())

    def add_numbers(self, *numbers: float) -> list[float]:
        """Sums over all ranks."""
        if self.size == 1:
            return list(numbers)
        values = torch.tensor(numbers, dtype=torch.float64, device=self._device)
        distributed.all_reduce(values)
        return [float(value) for value in values.tolist()]

    def explain(self) -> Failed | None:
        """Why the job cannot go on, where another rank is the cause."""
        return None

    def leave(self) -> None:
        """Ends the conversation with the others."""
        if self.size > 1 and distributed.is_initialized():
            distributed.destroy_process_group()


class OtherRank(Ranks):
    """A rank that was started by the first. ``store``, ``backend``: see ``Ranks.join``."""

    def __init__(self, rank: int, size: int, store: str, backend: Backend) -> None:
        super().__init__(rank, size)
        self._store, self._backend = Path(store), backend

    def gather(self) -> None:
        """See ``Ranks``."""
        self.join(self._store, self._backend)

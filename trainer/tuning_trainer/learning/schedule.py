"""Which examples go into which step. Everything is a pure function of the plan: nothing has to be stored to resume."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache

from tuning_trainer.spec import total_steps


@dataclass(frozen=True, slots=True)
class Plan:
    """``examples`` are passed ``epochs`` times in batches that run on across the ends of epochs."""

    examples: int
    epochs: int
    batch_size: int
    seed: int
    checkpoint_steps: tuple[int, ...] = ()

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return total_steps(self.examples, self.epochs, self.batch_size)

    def batch(self, step: int) -> list[int]:
        """Numbers of the examples of a step; steps count from 1. The last batch may be short."""
        end = min(step * self.batch_size, self.examples * self.epochs)
        places = range((step - 1) * self.batch_size, end)
        return [shuffled(self.seed, p // self.examples, self.examples)[p % self.examples] for p in places]

    def epoch(self, step: int) -> int:
        """Whole epochs behind the step, as the service reports them: floor(step · batch / examples)."""
        return step * self.batch_size // self.examples

    def ends_epoch(self, step: int) -> bool:
        """True for the first step at which another epoch is complete, and for the last step."""
        return step == self.steps or self.epoch(step) > self.epoch(step - 1)

    def saves_checkpoint(self, step: int) -> bool:
        """True where a checkpoint is due; the last step always writes one."""
        return step == self.steps or step in self.checkpoint_steps


@lru_cache(maxsize=4)
def shuffled(seed: int, epoch: int, count: int) -> tuple[int, ...]:
    """The order of an epoch, from seed and epoch alone."""
    order = list(range(count))
    random.Random(f"{seed}:{epoch}").shuffle(order)
    return tuple(order)

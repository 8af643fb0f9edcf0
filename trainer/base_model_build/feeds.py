"""Where a stage's rows and simulated jobs come from: drawn when they are needed, or some ahead in other processes.

Each is a function of the recipe, the stage and a number, so it does not matter when and by whom it is drawn.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Generic, Literal, TypeAlias, TypeVar

from base_model_build.recipe import Recipe
from base_model_build.rows import Encoder, Packed, draw_pool
from base_model_build.simulate import Jobs, draw_jobs
from tuning_trainer.base_model import read_tokenizer

T = TypeVar("T")
Width: TypeAlias = Literal["narrow", "wide"]
Draw: TypeAlias = Callable[[Encoder, int], T]


def draw_rows(encoder: Encoder, number: int, recipe: Recipe, stage: int, width: Width) -> Packed:
    """A pool of a stage's rows."""
    chosen = recipe.stages[stage]
    feed = chosen.wide if width == "wide" else chosen.narrow
    name = f"{recipe.seed}/{chosen.name}/{width}/{number}"
    return draw_pool(
        encoder,
        name,
        feed.shares,
        episodes=feed.episodes,
        width=feed.width,
        characters=feed.characters,
        modes=feed.modes,
    )


def draw_job_set(encoder: Encoder, number: int, recipe: Recipe, stage: int, vocabulary: int) -> tuple[str, Jobs]:
    """A set of a stage's simulated jobs, and the name of their kind."""
    chosen, config = recipe.stages[stage], recipe.shape.config(vocabulary)
    random = Random(f"{recipe.seed}/{chosen.name}/kinds/{number}")
    name = random.choices(list(chosen.kinds), list(chosen.kinds.values()))[0]
    return name, draw_jobs(recipe.kinds[name], encoder, config, f"{recipe.seed}/{chosen.name}/jobs/{number}")


@dataclass(slots=True)
class Place:
    """Where a feed stands: which pool, and the next batch in it. The pools themselves are computed again."""

    pool: int = -1
    batch: int = 0


class Batches:
    """Batches of ``rows`` rows, cut from one pool after the other."""

    def __init__(self, draw: Callable[[int], Packed], rows: int, place: Place) -> None:
        self._draw, self._rows, self.place = draw, rows, place
        self._packed = draw(place.pool) if place.pool >= 0 else None

    def take(self) -> Packed:
        """The next batch; a new pool is drawn where the last one ends."""
        if self._packed is None or (self.place.batch + 1) * self._rows > len(self._packed.ids):
            self.place.pool, self.place.batch = self.place.pool + 1, 0
            self._packed = self._draw(self.place.pool)
        part = slice(self.place.batch * self._rows, (self.place.batch + 1) * self._rows)
        self.place.batch += 1
        return Packed(self._packed.ids[part], self._packed.documents[part], self._packed.learned[part])


# --- in other processes

_here: list[Encoder] = []
"""The encoder of a process that draws for another."""


def _begin(directory: Path) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _here[:] = [Encoder(read_tokenizer(directory))]


def _draw(draw: Draw[T], number: int) -> T:
    return draw(_here[0], number)


class Helpers:
    """Processes that draw. ``directory`` has the tokenizer."""

    def __init__(self, directory: Path, processes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(processes, context, _begin, (directory,))

    def submit(self, draw: Draw[T], number: int) -> Future[T]:
        """Begins to draw something."""
        return self._pool.submit(partial(_draw, draw), number)

    def close(self) -> None:
        """Ends the processes."""
        self._pool.shutdown(cancel_futures=True)


class Ahead(Generic[T]):
    """Numbered things, the next ``count`` of them always on their way."""

    def __init__(self, helpers: Helpers, draw: Draw[T], count: int) -> None:
        self._helpers, self._draw, self._count = helpers, draw, count
        self._coming: deque[tuple[int, Future[T]]] = deque()

    def __call__(self, number: int) -> T:
        """One of them; they are best asked for in order."""
        if not self._coming or self._coming[0][0] != number:
            self._coming.clear()
        first = self._coming[-1][0] + 1 if self._coming else number
        for each in range(first, number + self._count + 1):
            self._coming.append((each, self._helpers.submit(self._draw, each)))
        return self._coming.popleft()[1].result()

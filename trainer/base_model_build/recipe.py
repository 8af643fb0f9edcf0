"""All that decides the weights: the model's shape, the stages and their budgets, the kinds of simulated jobs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from base_model_build.generator import users
from base_model_build.generator.episodes import (
    ASKING_SHARES,
    BARE_MODES,
    COPYING_SHARES,
    COUNTING_SHARES,
    FINDING_SHARES,
    JOB_SHARES,
    LAST_SHARES,
    LISTING_SHARES,
    LONG_SHARES,
    MEANING_SHARES,
    MODES,
    NAMING_MODES,
    NAMING_SHARES,
    NUMBER_SHARES,
    PRACTICE_SHARES,
    SETTLING_SHARES,
    SHARES,
    SORTING_SHARES,
    SPELLING_SHARES,
    TOLD_MODES,
    TUNING_SHARES,
    WHOLE_SHARES,
)
from base_model_build.simulate import Kind
from tuning_trainer.base_model import MAX_POSITIONS
from tuning_trainer.native.architecture import Config


@dataclass(frozen=True, slots=True)
class Shape:
    """The model's sizes. ``vocabulary`` is what the tokenizer is trained to have, ``whole_words`` what comes beside."""

    vocabulary: int = 5632
    whole_words: int = 7500
    tokenizer_episodes: int = 30_000
    hidden_size: int = 128
    layers: int = 5
    heads: int = 4
    mlp_size: int = 384

    def config(self, vocabulary: int) -> Config:
        """For a tokenizer of so many entries; rounded up to a multiple of eight."""
        return Config(
            vocab_size=-(-vocabulary // 8) * 8,
            hidden_size=self.hidden_size,
            layers=self.layers,
            heads=self.heads,
            kv_heads=self.heads,
            head_size=self.hidden_size // self.heads,
            mlp_size=self.mlp_size,
            max_positions=MAX_POSITIONS,
        )


@dataclass(frozen=True, slots=True)
class Feed:
    """One width of packed rows and what stands in them.

    Attributes:
        rows: In a batch.
        episodes: In a pool, from which batches are cut; the rest of a pool that fills no batch is dropped.
        characters: The turn that crosses so many is an episode's last.
        shares, modes: Of ``generator/episodes.py``.
    """

    width: int
    rows: int
    episodes: int
    characters: int
    shares: Mapping[str, float]
    modes: Mapping[str, float] = field(default_factory=lambda: MODES)


NARROW: Final = Feed(width=192, rows=21, episodes=2000, characters=320, shares=SHARES)
WIDE: Final = Feed(width=512, rows=8, episodes=500, characters=1600, shares=LONG_SHARES)


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the run with a mixture and a budget of its own.

    Attributes:
        steps: Optimiser steps; each learns one batch of rows.
        rates: Share of the greatest learning rate at the stage's beginning and end, linear between.
        wide_every: Every so many steps the batch is one of ``wide`` rows.
        jobs_every: Every so many steps a set of simulated jobs joins in; 0 is never.
        kinds: Names of kinds of jobs, and how often each is drawn.
        strength: Weight of the jobs' gradient beside that of the rows.
        tied: Whether all whole words' vectors after a space and without one differ alike; see ``word_vectors.py``.
    """

    name: str
    steps: int
    rates: tuple[float, float] = (1.0, 1.0)
    narrow: Feed = NARROW
    wide: Feed = WIDE
    wide_every: int = 8
    jobs_every: int = 0
    kinds: Mapping[str, float] = field(default_factory=dict)
    strength: float = 1.0
    tied: bool = False

    @property
    def positions(self) -> int:
        """Places of all rows, padding included."""
        wide = self.steps // self.wide_every
        return wide * self.wide.rows * self.wide.width + (self.steps - wide) * self.narrow.rows * self.narrow.width

    @property
    def job_sets(self) -> int:
        """How many sets of jobs run."""
        return self.steps // self.jobs_every if self.jobs_every else 0


_SMALL: Final = {1: 0.12, 4: 0.5, 8: 0.26, 16: 0.12}
_MEDIUM: Final = {1: 0.07, 4: 0.63, 8: 0.3}

KINDS: Final[Mapping[str, Kind]] = {
    # maker, jobs, examples, epochs, questions, width, ranks
    "numbers": Kind(users.draw_number_user, 8, 15, 5, 16, 48, _SMALL),
    "small numbers": Kind(users.draw_number_user, 8, 15, 5, 16, 48, {1: 0.4, 4: 0.3, 8: 0.15, 16: 0.15}),
    "pairs": Kind(users.draw_any_user, 8, 15, 5, 16, 48, _MEDIUM),
    "compositions": Kind(users.draw_any_user, 8, 15, 15, 16, 48, _MEDIUM),
    "few classes": Kind(users.draw_class_user, 8, 30, 5, 24, 48, _MEDIUM),
    "classes": Kind(users.draw_class_user, 8, 60, 5, 24, 48, _MEDIUM),
    "fresh classes": Kind(users.draw_fresh_user, 8, 60, 5, 24, 48, _MEDIUM),
    "calls": Kind(users.draw_call_user, 6, 30, 5, 16, 64, _MEDIUM),
    "few records": Kind(users.draw_long_user, 6, 30, 5, 12, 128, _MEDIUM),
    "records": Kind(users.draw_long_user, 6, 60, 5, 12, 128, _MEDIUM),
    "heart": Kind(users.draw_memory_user, 8, 5, 100, 10, 64, _MEDIUM),
    "forty": Kind(users.draw_any_user, 8, 15, 40, 16, 48, _MEDIUM),
    "texts": Kind(users.draw_text_user, 3, 20, 5, 8, 512, _MEDIUM),
    "brief numbers": Kind(users.draw_number_user, 8, 15, 3, 24, 48, _SMALL, 1.7e-3),
    "brief foreign": Kind(users.draw_foreign_user, 8, 15, 3, 24, 48, _SMALL, 1.7e-3),
    "brief classes": Kind(users.draw_class_user, 8, 60, 2, 32, 40, _MEDIUM, 2.5e-3),
    "brief fresh classes": Kind(users.draw_fresh_user, 8, 60, 2, 32, 40, _MEDIUM, 2.5e-3),
    "brief meaning": Kind(users.draw_meaning_user, 8, 60, 2, 32, 40, _MEDIUM, 2.5e-3),
    "meaning": Kind(users.draw_meaning_user, 8, 60, 5, 32, 40, _MEDIUM),
    "brief finding": Kind(users.draw_finding_user, 4, 40, 2, 24, 96, _MEDIUM, 2.5e-3),
    "brief questions": Kind(users.draw_question_user, 5, 40, 2, 20, 80, _MEDIUM, 2.5e-3),
    "brief calls": Kind(users.draw_call_user, 6, 40, 2, 20, 64, _MEDIUM, 2.5e-3),
    "brief pairs": Kind(users.draw_short_user, 8, 15, 6, 32, 48, _MEDIUM, 2.5e-3),
}
"""Simulated jobs: documented defaults with 15, 30 or 60 examples, few examples passed more often; and brief ones, which
go as far in a third to a half of the steps and ask more."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole build.

    Attributes:
        precision: Of the products; sums are float32.
        muon_rate, adam_rate: Greatest learning rates, of the matrices and of everything else.
        decay: Muon's weight decay.
        keep: Share of the running average that a step keeps.
        gain: How much faster adapters learn on what is written than in the simulated jobs; see ``quicken``.
        earlier: The stage whose average, as it was at its end, has a share in what is written; none where it is empty.
        earlier_share: That share. What later stages changed too much comes back, most of what they brought stays.
    """

    stages: tuple[Stage, ...]
    shape: Shape = Shape()
    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)
    seed: int = 1
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    muon_rate: float = 0.02
    adam_rate: float = 3e-3
    decay: float = 0.03
    keep: float = 0.99
    gain: float = 1.7
    earlier: str = ""
    earlier_share: float = 0.15

    def describe(self) -> dict[str, object]:
        """What a checkpoint has to agree with, as plain values; stages may be changed until they have begun."""
        return {
            "shape": dataclasses.asdict(self.shape),
            "seed": self.seed,
            "precision": self.precision,
            "rates": [self.muon_rate, self.adam_rate, self.decay, self.keep],
        }


_ALL_KINDS: Final = {
    "numbers": 3, "pairs": 2, "compositions": 1, "few classes": 1.5, "classes": 3, "few records": 2, "records": 1,
    "heart": 0.2, "forty": 0.3, "texts": 0.4,
}  # fmt: skip
_NUMBERS: Final = dataclasses.replace(NARROW, shares=NUMBER_SHARES)

_SPELLING: Final = dataclasses.replace(NARROW, shares=SPELLING_SHARES)
_COUNTING: Final = dataclasses.replace(NARROW, shares=COUNTING_SHARES, modes=TOLD_MODES, characters=1)
"""One question each: the answer to the first one says which way to count for the others."""
_BESIDE_JOBS: Final = dataclasses.replace(NARROW, shares=JOB_SHARES)
_LAST: Final = dataclasses.replace(NARROW, shares=LAST_SHARES)

_MEANING: Final = dataclasses.replace(NARROW, shares=MEANING_SHARES)
_NAMING: Final = dataclasses.replace(NARROW, shares=NAMING_SHARES, modes=NAMING_MODES)
_FINDING: Final = dataclasses.replace(NARROW, shares=FINDING_SHARES)
_LISTING: Final = dataclasses.replace(NARROW, shares=LISTING_SHARES)
_ASKING: Final = dataclasses.replace(NARROW, shares=ASKING_SHARES)
_TUNING: Final = dataclasses.replace(NARROW, shares=TUNING_SHARES)
_WHOLE: Final = dataclasses.replace(NARROW, shares=WHOLE_SHARES)
_SORTING: Final = dataclasses.replace(NARROW, shares=SORTING_SHARES)
_COPYING: Final = dataclasses.replace(NARROW, shares=COPYING_SHARES)
_SETTLING: Final = dataclasses.replace(NARROW, shares=SETTLING_SHARES)
_BARE: Final = dataclasses.replace(NARROW, shares=SETTLING_SHARES, modes=BARE_MODES, characters=30)
"""One to three questions each, mostly without an instruction."""
_AGAIN_NUMBERS: Final = dataclasses.replace(
    NARROW, shares={**SETTLING_SHARES, "counting": 150, "number": 40}, characters=60
)
_LAST_NUMBERS: Final = dataclasses.replace(
    NARROW,
    shares={**SORTING_SHARES, "counting": 130, "small counting": 40, "number": 40},
    modes=BARE_MODES,
    characters=60,
)
_SETTLING_WORDS: Final = dataclasses.replace(
    NARROW,
    shares={**COPYING_SHARES, "counting": 330, "small counting": 100, "number": 100},
    modes=BARE_MODES,
    characters=60,
)
_AGAIN: Final = dataclasses.replace(NARROW, shares=PRACTICE_SHARES)
_PRACTICE: Final = {**_ALL_KINDS, "classes": 4, "records": 2}
_MORE: Final = {
    "numbers": 4, "pairs": 2, "compositions": 1.5, "few classes": 2.5, "classes": 3, "few records": 3, "records": 1.5,
    "heart": 0.1, "forty": 0.2, "texts": 0.1,
}  # fmt: skip
_NEAR: Final = {"numbers": 8, "pairs": 1, "compositions": 1, "fresh classes": 2, "few classes": 1, "calls": 1.5}
"""Jobs of the gates that are nearly met."""
_BRIEF: Final = {
    "brief numbers": 4, "brief foreign": 3, "brief fresh classes": 2.5, "brief classes": 1, "brief finding": 3,
    "brief questions": 2, "brief calls": 2, "brief pairs": 2, "heart": 0.05, "forty": 0.1,
}  # fmt: skip
_LAST_BRIEF: Final = {
    "numbers": 2, "brief numbers": 4, "brief foreign": 3, "brief fresh classes": 1, "brief finding": 1,
    "brief questions": 0.4, "brief calls": 1.3, "brief pairs": 0.5,
}  # fmt: skip
_LAST_KINDS: Final = {
    "numbers": 4,
    "brief foreign": 1,
    "brief fresh classes": 0.5,
    "brief calls": 0.7,
    "brief finding": 0.5,
}
_FAR: Final = {"small numbers": 3, "numbers": 3, "brief foreign": 0.5, "brief finding": 0.5, "brief fresh classes": 0.3}
_SORTED: Final = {
    "brief meaning": 5, "meaning": 0.5, "brief finding": 6, "brief questions": 2, "brief calls": 1.5,
    "brief fresh classes": 1.5, "brief numbers": 2, "brief foreign": 2, "brief pairs": 1.5,
}  # fmt: skip
_LAST_SORTED: Final = {
    "numbers": 3, "small numbers": 1.2, "brief foreign": 1.2, "brief meaning": 1.2, "brief finding": 2,
    "brief calls": 0.5, "brief fresh classes": 0.6,
}  # fmt: skip
_COPIED: Final = {
    "brief finding": 5, "brief calls": 2, "brief fresh classes": 3, "fresh classes": 0.5, "brief numbers": 2,
    "brief foreign": 1, "brief meaning": 1, "brief pairs": 1,
}  # fmt: skip
_SETTLED: Final = {
    "numbers": 3, "small numbers": 1.2, "brief foreign": 1.3, "brief fresh classes": 1, "fresh classes": 0.4,
    "brief finding": 1.4, "brief calls": 0.7, "brief meaning": 0.6, "heart": 0.06, "forty": 0.1,
}  # fmt: skip
_ROUND: Final = {"numbers": 9, "fresh classes": 0.7, "calls": 0.7}

CPU: Final = Recipe(
    earlier="round again",
    stages=(
        Stage("words", 4300),
        Stage("numbers", 2500, narrow=_NUMBERS),
        Stage("spelling", 1985, narrow=_SPELLING),
        Stage("counting", 500, narrow=_COUNTING, wide_every=16),
        Stage("jobs", 350, (1.0, 0.6), narrow=_BESIDE_JOBS, jobs_every=3, kinds=_ALL_KINDS, strength=2.5),
        Stage("settle", 170, (0.6, 0.0), narrow=_BESIDE_JOBS, jobs_every=4, kinds=_ALL_KINDS, strength=2.5),
        Stage("polish", 180, (0.4, 0.0), narrow=_LAST, wide_every=16, jobs_every=10, kinds={"numbers": 1}),
        Stage("round", 150, (0.4, 0.0), narrow=_LAST, wide_every=16, jobs_every=6, kinds={"numbers": 1}, strength=1.5),
        Stage("practice", 85, (0.5, 0.5), narrow=_BESIDE_JOBS, jobs_every=2, kinds=_PRACTICE, strength=2.5),
        Stage("meaning", 361, (0.6, 0.6), narrow=_MEANING, wide_every=16, jobs_every=12, kinds=_MORE, strength=2.5),
        Stage("naming", 49, (0.8, 0.8), narrow=_NAMING, wide_every=16, jobs_every=16, kinds=_MORE, strength=2.5),
        Stage("near", 23, (0.6, 0.6), narrow=_AGAIN, wide_every=16, jobs_every=2, kinds=_NEAR, strength=2.5),
        Stage("settle again", 120, (0.6, 0.0), narrow=_AGAIN, wide_every=16, jobs_every=2, kinds=_NEAR, strength=2.5),
        Stage("round again", 190, (0.4, 0.0), narrow=_LAST, wide_every=16, jobs_every=2, kinds=_ROUND, strength=2.0),
        Stage("finding", 734, (0.8, 0.8), narrow=_FINDING, wide_every=16),
        Stage("listing", 560, (0.8, 0.8), narrow=_LISTING, wide_every=16),
        Stage("asking", 637, (0.8, 0.8), narrow=_ASKING, wide_every=16),
        Stage("tuning", 388, (0.8, 0.3), narrow=_TUNING, wide_every=16, jobs_every=3, kinds=_BRIEF, strength=2.5),
        Stage(
            "last round",
            107,
            (0.4, 0.0),
            narrow=_SETTLING,
            wide_every=16,
            jobs_every=2,
            kinds=_LAST_BRIEF,
            strength=2.5,
        ),
        Stage("bare", 60, (0.3, 0.0), narrow=_BARE, wide_every=16, jobs_every=3, kinds=_LAST_KINDS, strength=1.5),
        Stage(
            "bare again", 44, (0.3, 0.0), narrow=_BARE, wide_every=16, jobs_every=2, kinds={"numbers": 1}, strength=1.5
        ),
        Stage(
            "numbers again",
            90,
            (0.5, 0.0),
            narrow=_AGAIN_NUMBERS,
            wide_every=16,
            jobs_every=2,
            kinds={"small numbers": 1},
            strength=2.5,
        ),
        Stage(
            "numbers, far",
            140,
            (0.5, 0.0),
            narrow=_AGAIN_NUMBERS,
            wide_every=16,
            jobs_every=2,
            kinds=_FAR,
            strength=2.5,
        ),
        Stage("whole words", 1840, (0.9, 0.8), narrow=_WHOLE, wide_every=16, tied=True),
        Stage(
            "sorting",
            265,
            (0.8, 0.3),
            narrow=_SORTING,
            wide_every=16,
            jobs_every=3,
            kinds=_SORTED,
            strength=2.5,
            tied=True,
        ),
        Stage(
            "last numbers",
            90,
            (0.5, 0.0),
            narrow=_LAST_NUMBERS,
            wide_every=16,
            jobs_every=2,
            kinds=_LAST_SORTED,
            strength=2.5,
            tied=True,
        ),
        Stage(
            "copying",
            600,
            (0.6, 0.5),
            narrow=_COPYING,
            wide_every=16,
            jobs_every=6,
            kinds=_COPIED,
            strength=2.5,
            tied=True,
        ),
        Stage(
            "settle words",
            440,
            (0.5, 0.0),
            narrow=_SETTLING_WORDS,
            wide_every=16,
            jobs_every=2,
            kinds=_SETTLED,
            strength=2.5,
            tied=True,
        ),
    ),
)
"""For one thread of a CPU that multiplies bfloat16."""


def _widen(feed: Feed, times: int) -> Feed:
    return dataclasses.replace(feed, rows=feed.rows * times, episodes=feed.episodes * times)


def _for_cuda(stage: Stage, steps: int, jobs_every: int) -> Stage:
    narrow, wide = _widen(stage.narrow, 16), _widen(stage.wide, 16)
    return dataclasses.replace(stage, steps=steps, narrow=narrow, wide=wide, jobs_every=jobs_every)


CUDA: Final = dataclasses.replace(
    CPU,
    stages=(
        _for_cuda(CPU.stages[0], 1000, 0),
        _for_cuda(CPU.stages[1], 500, 0),
        _for_cuda(CPU.stages[2], 500, 0),
        _for_cuda(CPU.stages[3], 100, 0),
        _for_cuda(CPU.stages[4], 500, 1),
        _for_cuda(CPU.stages[5], 250, 1),
        _for_cuda(CPU.stages[6], 60, 4),
        _for_cuda(CPU.stages[7], 60, 4),
        _for_cuda(CPU.stages[8], 60, 1),
        _for_cuda(CPU.stages[9], 300, 4),
        _for_cuda(CPU.stages[10], 500, 8),
        _for_cuda(CPU.stages[11], 100, 1),
        _for_cuda(CPU.stages[12], 150, 1),
        _for_cuda(CPU.stages[13], 100, 1),
        _for_cuda(CPU.stages[14], 60, 0),
        _for_cuda(CPU.stages[15], 60, 0),
        _for_cuda(CPU.stages[16], 400, 0),
        _for_cuda(CPU.stages[17], 150, 1),
        _for_cuda(CPU.stages[18], 60, 1),
        _for_cuda(CPU.stages[19], 30, 2),
        _for_cuda(CPU.stages[20], 30, 1),
        _for_cuda(CPU.stages[21], 60, 1),
        _for_cuda(CPU.stages[22], 80, 1),
        _for_cuda(CPU.stages[23], 400, 0),
        _for_cuda(CPU.stages[24], 200, 1),
        _for_cuda(CPU.stages[25], 80, 1),
        _for_cuda(CPU.stages[26], 120, 1),
        _for_cuda(CPU.stages[27], 150, 1),
    ),
    kinds={name: dataclasses.replace(kind, jobs=kind.jobs * 8) for name, kind in KINDS.items()},
)
"""For one H100: sixteen times as many rows and eight times as many jobs a step. Never run."""

RECIPES: Final[Mapping[str, Recipe]] = {"cpu": CPU, "cuda": CUDA}
"""Device -> the recipe for it."""

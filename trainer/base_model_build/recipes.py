"""What decides the weights of each pre-training run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from base_model_build.mixture import FAMILIES, NARROW, SPELLED_FAMILIES, TOLD_FAMILIES, Mixture


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides the weights.

    Attributes:
        steps: Optimiser steps.
        positions: Padded tokens per batch, half of it before ``curriculum``.
        curriculum: Share of the steps over which numbers grow to full size.
        meta_from: Share of the steps after which meta-tuning starts.
        meta_dense: Meta-tuning's first steps, all of which meta-tune.
        meta_every: Steps from one meta-tuning to the next after those.
        meta_strength: Weight of its gradient.
        constant: Share of the steps at the full learning rate; a cosine follows.
        continues: Starts from the averaged weights, codes and tokenizer of another run, at the top of the curriculum.
        guarded, top, told, copying: See ``Mixture``.
        spelled: Draws from ``SPELLED_FAMILIES``.
        plans: What users meta-tuning simulates, a key of ``meta.PLANS``.
    """

    steps: int
    seed: int = 1
    narrow: bool = False
    vocabulary: int = 2560
    tokenizer_episodes: int = 30_000
    hidden_size: int = 96
    layers: int = 5
    heads: int = 4
    mlp_size: int = 256
    positions: int = 2048
    curriculum: float = 0.3
    meta_from: float = 0.6
    meta_dense: int = 0
    meta_every: int = 3
    meta_strength: float = 1.0
    constant: float = 0.4
    muon_rate: float = 0.02
    adam_rate: float = 4e-3
    continues: bool = False
    guarded: bool = False
    top: float = 1.0
    told: bool = False
    copying: float = 1.0
    spelled: bool = False
    plans: str = "wide"

    @property
    def mixture(self) -> Mixture:
        """What episodes are drawn from."""
        if self.narrow:
            return Mixture(tuple(NARROW.items()), narrow=True)
        families = SPELLED_FAMILIES if self.spelled else TOLD_FAMILIES if self.told else FAMILIES
        return Mixture(
            tuple(families.items()), guarded=self.guarded, top=self.top, told=self.told, copying=self.copying
        )


RECIPES: Final = {
    "narrow": Recipe(steps=1900, narrow=True, curriculum=0.35, meta_dense=60, plans="narrow"),
    "wide": Recipe(steps=3300, seed=2, continues=True, meta_from=0.35, muon_rate=0.014, adam_rate=2.8e-3),
    "tuned": Recipe(
        steps=2000,
        seed=3,
        continues=True,
        guarded=True,
        top=1.5,
        plans="tuned",
        meta_from=0.0,
        constant=0.35,
        muon_rate=0.014,
        adam_rate=2.8e-3,
    ),
    "told": Recipe(
        steps=700,
        seed=4,
        continues=True,
        guarded=True,
        told=True,
        top=1.5,
        plans="told",
        meta_from=0.0,
        constant=0.3,
        muon_rate=0.012,
        adam_rate=2.4e-3,
    ),
    "settled": Recipe(
        steps=360,
        seed=5,
        continues=True,
        guarded=True,
        told=True,
        copying=2.0,
        top=1.5,
        plans="settled",
        meta_from=0.0,
        constant=0.1,
        muon_rate=0.01,
        adam_rate=2e-3,
    ),
    "spelled": Recipe(
        steps=800,
        seed=6,
        continues=True,
        guarded=True,
        told=True,
        spelled=True,
        copying=2.0,
        top=1.5,
        plans="spelled",
        meta_from=0.0,
        meta_every=6,
        constant=0.6,
        muon_rate=0.012,
        adam_rate=2.4e-3,
    ),
    "polished": Recipe(
        steps=400,
        seed=7,
        continues=True,
        guarded=True,
        told=True,
        spelled=True,
        copying=2.0,
        top=1.5,
        plans="spelled",
        meta_from=0.0,
        meta_every=2,
        constant=0.1,
        muon_rate=0.009,
        adam_rate=1.8e-3,
    ),
    "rounded": Recipe(
        steps=150,
        seed=8,
        continues=True,
        guarded=True,
        told=True,
        copying=2.0,
        top=1.5,
        plans="rounded",
        meta_from=0.0,
        meta_every=2,
        constant=0.1,
        muon_rate=0.008,
        adam_rate=1.6e-3,
    ),
    "tiny": Recipe(
        steps=6,
        vocabulary=400,
        tokenizer_episodes=200,
        hidden_size=16,
        layers=2,
        heads=2,
        mlp_size=24,
        positions=512,
    ),
}

"""Conversations as tokens, and packed into rows of one width; every pool of rows is a function of seed and number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

import torch
from tokenizers import Tokenizer
from torch import Tensor

from base_model_build.generator.calls import Role
from base_model_build.generator.episodes import MODES, Episode, draw_episode
from base_model_build.generator.tasks import Pair
from tuning_trainer.base_model import BOS, CALL, EOT, MODEL, PAD, RESULT, SYSTEM, USER

OPENINGS: Final[dict[Role, list[int]]] = {
    "system": [SYSTEM],
    "user": [USER],
    "model": [MODEL],
    "call": [MODEL, CALL],
    "result": [RESULT],
}
"""Tokens that a turn begins with. That a turn is a call is learned, whose turn it is is not."""


@dataclass(frozen=True, slots=True)
class Row:
    """An encoded conversation, and which of its tokens are learned."""

    tokens: list[int]
    learned: list[bool]


class Encoder:
    """Turns conversations into rows."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def encode_texts(self, texts: list[str]) -> list[list[int]]:
        """Tokens of each text alone."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(texts, add_special_tokens=False)]

    def encode_episodes(self, episodes: list[Episode]) -> list[Row]:
        """Conversations in the format of the model; a free text is its words alone."""
        bodies = iter(self.encode_texts([text for episode in episodes for _, text in episode.turns]))
        return [self._join(episode, bodies) for episode in episodes]

    def _join(self, episode: Episode, bodies: object) -> Row:
        tokens, learned = [BOS], [False]
        for role, _ in episode.turns:
            body = next(bodies)  # type: ignore[call-overload]
            if not episode.free:
                tokens += OPENINGS[role]
                learned += [False, True][: len(OPENINGS[role])]
            tokens += [*body, EOT]
            learned += [role in ("model", "call")] * (len(body) + 1)
        return Row(tokens, learned)

    def encode_pairs(self, pairs: list[Pair]) -> list[Row]:
        """Bare questions and their answers, as a user's tuning examples."""
        return self.encode_episodes([Episode([("user", text), ("model", answer)]) for text, answer in pairs])


@dataclass(frozen=True, slots=True)
class Packed:
    """Conversations side by side in rows of one width.

    Attributes:
        ids: int16 (rows, width), padded at the end.
        documents: uint8 (rows, width), which conversation of its row a token belongs to; 0 is padding.
        learned: bool (rows, width).
    """

    ids: Tensor
    documents: Tensor
    learned: Tensor


def pack(rows: list[Row], width: int) -> Packed:
    """Puts every conversation into the first row that has room for it; what is longer than a row is cut."""
    packed: list[tuple[list[int], list[int], list[bool]]] = []
    open_rows: list[int] = []
    for row in rows:
        tokens, learned = row.tokens[:width], row.learned[:width]
        place = next((i for i in open_rows if len(packed[i][0]) + len(tokens) <= width), None)
        if place is None:
            place = len(packed)
            packed.append(([], [], []))
            open_rows = [*open_rows[-24:], place]
        ids, documents, flags = packed[place]
        documents += [(documents[-1] if documents else 0) + 1] * len(tokens)
        ids += tokens
        flags += learned
        if len(ids) > width - 12:
            open_rows.remove(place)
    gaps = [width - len(ids) for ids, _, _ in packed]
    return Packed(
        torch.tensor([row[0] + [PAD] * gap for row, gap in zip(packed, gaps, strict=True)], dtype=torch.int16),
        torch.tensor([row[1] + [0] * gap for row, gap in zip(packed, gaps, strict=True)], dtype=torch.uint8),
        torch.tensor([row[2] + [False] * gap for row, gap in zip(packed, gaps, strict=True)]),
    )


@dataclass(frozen=True, slots=True)
class Table:
    """Conversations as tensors: ids (rows, width), padded on the right, and which of them are learned."""

    ids: Tensor
    learned: Tensor

    def pick(self, numbers: Tensor) -> Table:
        """Some rows, cut to the longest; row -1 is one of which nothing is learned."""
        ids, learned = self.ids[numbers], self.learned[numbers] & (numbers >= 0)[:, None]
        width = int((ids != PAD).sum(1).max())
        return Table(ids[:, :width], learned[:, :width])


def make_table(rows: list[Row]) -> Table:
    """Pads rows to the longest."""
    width = max(len(row.tokens) for row in rows)
    ids = torch.tensor([row.tokens + [PAD] * (width - len(row.tokens)) for row in rows])
    learned = torch.tensor([row.learned + [False] * (width - len(row.learned)) for row in rows])
    return Table(ids, learned)


def draw_pool(
    encoder: Encoder,
    name: str,
    shares: Mapping[str, float],
    *,
    episodes: int,
    width: int,
    characters: int,
    modes: Mapping[str, float] = MODES,
) -> Packed:
    """Packed rows of so many episodes; ``name`` decides all of them."""
    random = Random(name)
    drawn = [draw_episode(random, shares, characters, modes) for _ in range(episodes)]
    return pack(encoder.encode_episodes(drawn), width)

"""A word's two vectors: that of its token after a space and that of its token without one.

Copying a word from a text into quotes asks for the other token. Where the two learn apart, each word's copy has to be
learned by itself; where all words have one difference, it is learned once for all.
"""

from __future__ import annotations

import torch
from tokenizers import Tokenizer
from torch import Tensor

from base_model_build.tokenizer import SPACE


def list_word_pairs(tokenizer: Tokenizer, newest: int) -> Tensor:
    """Tokens of words that have two: int64 (words, 2), after a space and without.

    Args:
        newest: Only words of which one token at least is among so many at the vocabulary's end.
    """
    vocabulary = tokenizer.get_vocab()
    first = len(vocabulary) - newest
    pairs = [(vocabulary[SPACE + word], number) for word, number in vocabulary.items() if SPACE + word in vocabulary]
    return torch.tensor(sorted(pair for pair in pairs if max(pair) >= first)).view(-1, 2)


@torch.no_grad()
def join_vectors(vectors: Tensor, pairs: Tensor) -> None:
    """Sets the two vectors of each word to their mean, but for the mean difference of all words, in place.

    After each step of an optimiser: one difference is learned, for all words.
    """
    if not len(pairs):
        return
    spaced, bare = vectors[pairs[:, 0]], vectors[pairs[:, 1]]
    difference = (bare - spaced).mean(0)
    middle = (spaced + bare) / 2
    vectors[pairs[:, 0]], vectors[pairs[:, 1]] = middle - difference / 2, middle + difference / 2

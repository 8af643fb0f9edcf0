"""The tokens of a conversation format, as grammars need them, and where in JSON a text of them is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tuning_trainer.data.chat import Chat

if TYPE_CHECKING:
    from llguidance import LLTokenizer

_OUTSIDE = b'}],"1234567890ntf:-.[{'
_INSIDE = b'"@.1234567890abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-:_/ '
"""First bytes of tokens that bring JSON to its end, outside and inside of a text, the best first."""


class InvalidFormError(ValueError):
    """The form cannot be kept; the text says why."""

    code = 3
    """Of google.rpc: INVALID_ARGUMENT."""


class Vocabulary:
    """The tokens of one conversation format, as the grammar needs them."""

    def __init__(self, chat: Chat) -> None:
        from llguidance import LLTokenizer

        self.stops = sorted(chat.stops)
        if not self.stops:
            raise InvalidFormError("form: the base model has no token that ends an answer")
        self.tokens: LLTokenizer = LLTokenizer(chat.tokenizer.to_str(), eos_token=self.stops)
        self.size: int = self.tokens.vocab_size
        self.pieces = [self.tokens.decode_bytes([number]) for number in range(self.size)]
        self.outside, self.inside = self._order(_OUTSIDE), self._order(_INSIDE)
        """The tokens, those first that bring JSON to its end soonest, outside and inside of a text."""

    def _order(self, order: bytes) -> NDArray[np.int64]:
        places = {byte: place for place, byte in enumerate(order)}

        def find_rank(number: int) -> tuple[int, int, int]:
            piece = self.pieces[number]
            if number in self.stops:
                return -1, 0, number
            return places.get(piece[0], len(order)) if piece else len(order), len(piece), number

        return np.array(sorted(range(self.size), key=find_rank), dtype=np.int64)


@dataclass(slots=True)
class Place:
    """Whether a text of JSON is within a string, and which tokens that string has."""

    inside: bool = False
    escaped: bool = False
    used: Counter[int] = field(default_factory=Counter)

    def copy(self) -> Place:
        """As it is now."""
        return Place(self.inside, self.escaped, self.used.copy())

    def advance(self, token: int, piece: bytes) -> None:
        """A token has been written."""
        self.used[token] += 1
        if b'"' in piece:  # what ends a string stays the first choice, where one was written within it too
            self.used.clear()
        for byte in piece:
            if self.escaped:
                self.escaped = False
            elif byte == ord("\\"):
                self.escaped = self.inside
            elif byte == ord('"'):
                self.inside = not self.inside


_vocabularies: WeakKeyDictionary[Chat, Vocabulary] = WeakKeyDictionary()


def find_vocabulary(chat: Chat) -> Vocabulary:
    """The vocabulary of a conversation format, made once."""
    if chat not in _vocabularies:
        _vocabularies[chat] = Vocabulary(chat)
    return _vocabularies[chat]

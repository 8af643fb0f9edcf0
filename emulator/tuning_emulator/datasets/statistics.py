"""The statistics of a dataset (``tuningDataStats``), counted line by line in memory that does not grow with it.

What was derived from the one complete public answer (a job of 2024-11): six buckets of equal integer width over
[min, max], empty ones left out; billable tokens are input plus output, once, not per epoch; percentiles are values
that occur (all six recorded ones are integers), so they are taken by nearest rank.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import compress, count, pairwise, repeat
from operator import contains
from typing import Any
from zlib import adler32

import msgspec

from tuning_emulator.core.records import DatasetStatistics, Distribution

_BUCKETS = 6
DROPPED_SAMPLE = 100


class Tally:
    """Counts of the examples seen so far.

    Attributes:
        examples: All of them; ``dropped_count`` of these are left out of everything else.
        samples: Contents of the first examples, as they will be shown.
        reduced: What the trainer here does not read of an example, a text: how many examples, the first one's number.
    """

    def __init__(self) -> None:
        self.examples = 0
        self.dropped_count = 0
        self.dropped: list[tuple[int, str]] = []
        self.samples: list[Mapping[str, Any]] = []
        self.billable_tokens = 0
        self.reduced: dict[str, tuple[int, int]] = {}
        self._inputs: Counter[int] = Counter()
        self._outputs: Counter[int] = Counter()
        self._messages: Counter[int] = Counter()
        self._scores: Counter[float] = Counter()
        self._variances: Counter[float] = Counter()

    @property
    def kept(self) -> int:
        """Examples that were not dropped."""
        return self.examples - self.dropped_count

    def add_all(self, input_tokens: list[int], output_tokens: list[int], messages: list[int]) -> None:
        """Counts examples of supervised tuning; many at once are counted in C."""
        self.examples += len(input_tokens)
        self.billable_tokens += sum(input_tokens) + sum(output_tokens)
        self._inputs.update(input_tokens)
        self._outputs.update(output_tokens)
        self._messages.update(messages)

    def add_preference(self, input_tokens: int, completion_tokens: tuple[int, int], messages: int) -> None:
        """Counts an example of preference tuning: two completions, scored 1 and 0.

        The prompt is billed twice (documented), each completion is one output.
        """
        chosen, rejected = completion_tokens
        self.add_all([input_tokens], [chosen], [messages])
        self.billable_tokens += input_tokens + rejected
        self._outputs[rejected] += 1
        self._scores.update((1.0, 0.0))
        self._variances[0.25] += 1

    def drop(self, reason: str, waiting: int = 0) -> None:
        """Counts an example that is left out. A sample of the reasons is kept.

        ``waiting``: examples before it that will be added after it.
        """
        self.examples += 1
        self.dropped_count += 1
        if len(self.dropped) < DROPPED_SAMPLE:
            self.dropped.append((self.examples + waiting, reason))

    def reduce(self, reason: str, number: int, count: int = 1) -> None:
        """Counts examples that the trainer here reads in part; ``number``: of the first one, from 1."""
        before, first = self.reduced.get(reason, (0, number))
        self.reduced[reason] = (before + count, first)

    def summarise(self) -> DatasetStatistics:
        """The statistics of what was counted.

        Raises:
            ValueError: nothing was counted.
        """
        return DatasetStatistics(
            examples=self.examples,
            billable_tokens=self.billable_tokens,
            input_tokens=describe_counts(self._inputs),
            output_tokens=describe_counts(self._outputs),
            messages=describe_counts(self._messages),
            dropped_count=self.dropped_count,
            dropped=tuple(self.dropped),
            samples=tuple(self.samples),
            reduced=tuple((reason, *counted) for reason, counted in self.reduced.items()),
            scores=describe_counts(self._scores) if self._scores else None,
            score_variance=describe_counts(self._variances) if self._variances else None,
        )


def describe_counts(counts: Mapping[int, int] | Mapping[float, int]) -> Distribution:
    """The distribution of values that occurred so and so often.

    Raises:
        ValueError: there is no value.
    """
    if not counts:
        raise ValueError("counts: empty; a distribution needs at least one value")
    values = sorted(counts.items())
    total = sum(counts.values())
    summed = sum(value * count for value, count in values)
    low, high = values[0][0], values[-1][0]
    return Distribution(
        sum=summed,
        min=low,
        max=high,
        mean=summed / total,
        median=_rank(values, total, 50),
        p5=_rank(values, total, 5),
        p95=_rank(values, total, 95),
        buckets=_fill_buckets(values, low, high),
    )


def _rank(values: list[tuple[Any, int]], total: int, percent: int) -> float:
    """The smallest value that at least ``percent`` of all values do not exceed."""
    wanted = -(-total * percent // 100)
    seen = 0
    for value, number in values:
        seen += number
        if seen >= wanted:
            return float(value) if isinstance(value, float) else value
    raise AssertionError("percent is at most 100")


def bucket_edges(low: int, high: int) -> list[tuple[int, int]]:
    """The six buckets over [low, high], both ends included; a range of fewer than six values has fewer."""
    width = high - low + 1
    lefts = [low + -(-index * width // _BUCKETS) for index in range(_BUCKETS + 1)]
    return [(left, right - 1) for left, right in pairwise(lefts) if left < right]


def _fill_buckets(values: list[tuple[Any, int]], low: float, high: float) -> tuple[tuple[int, float, float], ...]:
    if low == high or not (float(low).is_integer() and float(high).is_integer()):
        return ((sum(count for _, count in values), low, high),)
    filled = []
    at = 0
    for left, right in bucket_edges(int(low), int(high)):
        count = 0
        while at < len(values) and values[at][0] <= right:
            count += values[at][1]
            at += 1
        if count:
            filled.append((count, left, right))
    return tuple(filled)


# --- how many tokens a text is billed as, without the service's tokenizer


_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CONTINUATION = bytes(range(0x80, 0xC0))
_LEADS_OF_LETTERS = bytes(range(0xC3, 0xE2))
"""UTF-8 lead bytes of alphabets: Latin with accents, Greek, Cyrillic, Hebrew, Arabic, Indic, Thai."""

_CHARACTERS_PER_TOKEN = 5
_SHARED = frozenset(_LETTERS + b" " + _LEADS_OF_LETTERS)
_WEIGHTS = bytes(0 if byte in _CONTINUATION else 1 if byte in _SHARED else _CHARACTERS_PER_TOKEN for byte in range(256))
"""What each byte of UTF-8 adds, in fifths of a token: 1 for a letter, 5 for a character that is a token of its own."""

_BACKSLASH = ord("\\")
_QUOTES = 2 * _CHARACTERS_PER_TOKEN
_ADLER_BYTES = 65_519 // _CHARACTERS_PER_TOKEN

_decode_string = msgspec.json.Decoder(str).decode


def count_tokens(text: str) -> int:
    """An approximation of Gemini's token count, the same for the same text on every machine.

    Every digit (recorded: the prompt ``100`` is 3 tokens), punctuation mark, line end, ideograph and emoji is one
    token; letters and spaces are one token per five, rounded up. English prose comes out at 1.3 tokens a word.
    """
    return -(-_weigh(text.encode("utf-8", "replace")) // _CHARACTERS_PER_TOKEN)


def count_json_tokens(strings: list[bytes]) -> list[int]:
    """``count_tokens`` of the text of each JSON string, without decoding it.

    Args:
        strings: Valid JSON strings in UTF-8, quotes included.
    """
    weights = map(adler32, map(bytes.translate, strings, repeat(_WEIGHTS)))
    totals = [(total & 0xFFFF) - (_QUOTES + 1) for total in weights]
    if strings and max(map(len, strings)) > _ADLER_BYTES:
        totals = [_weigh(string) - _QUOTES for string in strings]
    for number in compress(count(), map(contains, strings, repeat(_BACKSLASH))):
        totals[number] = _unescape(strings[number], totals[number])
    return [-(-total // _CHARACTERS_PER_TOKEN) for total in totals]


def _unescape(string: bytes, weight: int) -> int:
    """What the text of a string with escapes weighs; ``weight``: of what is between the quotes as it stands."""
    if b"\\u" in string:
        return _weigh(_decode_string(string).encode("utf-8", "replace"))
    # An escaped character is a token of its own. Backslashes that escape a backslash leave one of the two; of the
    # others, those before a quote or a slash are too many, those before a letter (n, t, r, b, f) make it a whole token.
    single = string.replace(b"\\\\", b"\n")
    pairs = len(string) - len(single)
    escapes = single.count(b"\\")
    doubled = single.count(b'\\"') + single.count(b"\\/")
    return weight - _CHARACTERS_PER_TOKEN * pairs - escapes - (_CHARACTERS_PER_TOKEN - 1) * doubled


def _weigh(data: bytes) -> int:
    weights = data.translate(_WEIGHTS)
    # Adler-32's lower half is 1 plus the sum of the bytes: four times as fast as counting, and a dataset may hold a
    # gigabyte. Beyond this length the sum may wrap around.
    if len(weights) <= _ADLER_BYTES:
        return (adler32(weights) & 0xFFFF) - 1
    return weights.count(1) + _CHARACTERS_PER_TOKEN * weights.count(_CHARACTERS_PER_TOKEN)

"""English words without their endings, as ROUGE compares them where a metric says ``use_stemmer``.

Porter's algorithm, with the changes that the stemmer of the reference implementation of ROUGE makes to it.
Sources: M.F. Porter, An algorithm for suffix stripping, Program 14(3), 1980; tartarus.org/martin/PorterStemmer; the
extensions that nltk.org documents for its PorterStemmer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TypeAlias

IRREGULAR = {
    word: stem
    for stem, words in {
        "sky": ("sky", "skies"),
        "die": ("dying",),
        "lie": ("lying",),
        "tie": ("tying",),
        "news": ("news",),
        "inning": ("innings", "inning"),
        "outing": ("outings", "outing"),
        "canning": ("cannings", "canning"),
        "howe": ("howe",),
        "proceed": ("proceed",),
        "exceed": ("exceed",),
        "succeed": ("succeed",),
    }.items()
    for word in words
}

Condition: TypeAlias = Callable[[str], bool]
Ending: TypeAlias = tuple[str, str, Condition]
"""What a word ends with, what takes its place, and when: a condition on what stands before it."""


def stem(word: str) -> str:
    """The stem of a word in small letters; words of up to two letters are their own."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    if len(word) <= 2:
        return word
    for step in (_cut_plural, _cut_past, _cut_y):
        word = step(word)
    if word.endswith("alli") and measure(word[:-4]) > 0:
        word = _replace(word, SECOND[:1])
    for endings in (SECOND, THIRD, FOURTH):
        word = _replace(word, endings)
    return _cut_double_l(_cut_e(word))


def measure(text: str) -> int:
    """How often consonants follow vowels: Porter's m."""
    kinds = [_is_consonant(text, index) for index in range(len(text))]
    return sum(before < after for before, after in itertools.pairwise(kinds))


def _is_consonant(text: str, index: int) -> bool:
    if text[index] == "y":
        return index == 0 or not _is_consonant(text, index - 1)
    return text[index] not in "aeiou"


def _has_vowel(text: str) -> bool:
    return any(not _is_consonant(text, index) for index in range(len(text)))


def _is_short(text: str) -> bool:
    """Consonant, vowel, consonant other than w, x, y at the end; or a vowel and a consonant alone."""
    kinds = [_is_consonant(text, index) for index in range(len(text))]
    ends = kinds[-3:] == [True, False, True] and text[-1] not in "wxy"
    return ends or kinds == [False, True]


def _some(text: str) -> bool:
    return measure(text) > 0


def _more(text: str) -> bool:
    return measure(text) > 1


def _replace(word: str, endings: Sequence[Ending]) -> str:
    """The word with its first ending replaced where its condition holds; the others are not looked at."""
    for ending, instead, condition in endings:
        if word.endswith(ending):
            before = word[: -len(ending)]
            return before + instead if condition(before) else word
    return word


def _cut_plural(word: str) -> str:
    if word.endswith("ies") and len(word) == 4:
        return word[:-1]
    always: Condition = lambda _: True  # noqa: E731
    return _replace(word, [("sses", "ss", always), ("ies", "i", always), ("ss", "ss", always), ("s", "", always)])


def _cut_past(word: str) -> str:
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _some(word[:-3]) else word
    for ending in ("ed", "ing"):
        if word.endswith(ending) and _has_vowel(before := word[: -len(ending)]):
            return _mend(before)
    return word


def _mend(before: str) -> str:
    """What is left of a past or progressive form, made a word again."""
    if before.endswith(("at", "bl", "iz")):
        return before + "e"
    if len(before) > 1 and before[-1] == before[-2] and _is_consonant(before, len(before) - 1):
        return before if before[-1] in "lsz" else before[:-1]
    return before + "e" if measure(before) == 1 and _is_short(before) else before


def _cut_y(word: str) -> str:
    before = word[:-1]
    if word.endswith("y") and len(before) > 1 and _is_consonant(before, len(before) - 1):
        return before + "i"
    return word


def _cut_e(word: str) -> str:
    before = word[:-1]
    if word.endswith("e") and (measure(before) > 1 or (measure(before) == 1 and not _is_short(before))):
        return before
    return word


def _cut_double_l(word: str) -> str:
    return word[:-1] if word.endswith("ll") and measure(word[:-1]) > 1 else word


SECOND: tuple[Ending, ...] = (
    ("alli", "al", _some),
    *((ending, instead, _some) for ending, instead in (("ational", "ate"), ("tional", "tion"), ("enci", "ence"))),
    *((ending, instead, _some) for ending, instead in (("anci", "ance"), ("izer", "ize"), ("bli", "ble"))),
    *((ending, instead, _some) for ending, instead in (("entli", "ent"), ("eli", "e"), ("ousli", "ous"))),
    *((ending, instead, _some) for ending, instead in (("ization", "ize"), ("ation", "ate"), ("ator", "ate"))),
    *((ending, instead, _some) for ending, instead in (("alism", "al"), ("iveness", "ive"), ("fulness", "ful"))),
    *((ending, instead, _some) for ending, instead in (("ousness", "ous"), ("aliti", "al"), ("iviti", "ive"))),
    *((ending, instead, _some) for ending, instead in (("biliti", "ble"), ("fulli", "ful"))),
    ("logi", "log", lambda before: _some(before + "l")),
)
THIRD: tuple[Ending, ...] = tuple(
    (ending, instead, _some)
    for ending, instead in (
        *(("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")),
    )
)
FOURTH: tuple[Ending, ...] = (
    *((ending, "", _more) for ending in ("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment")),
    ("ent", "", _more),
    ("ion", "", lambda before: _more(before) and before[-1] in "st"),
    *((ending, "", _more) for ending in ("ou", "ism", "ate", "iti", "ous", "ive", "ize")),
)

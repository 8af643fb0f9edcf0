"""Tasks on the letters and places of words, many of which no lexicon has: copying, casing, spelling, choosing.

A tokenizer splits unknown words, so copying or changing them means working letter by letter. Choosing a word and
changing it are composed freely, but for the pairs that the evaluation asks for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from random import Random
from typing import Final

from base_model_build.tasks import NEVER_ADDED, Pair, Task, draw_text_task, make_number_task
from base_model_build.words import VOCABULARY, imitate_word, invent_word

PLACES: Final[dict[str, Callable[[list[str]], str]]] = {
    "first": lambda words: words[0],
    "second": lambda words: words[1],
    "third": lambda words: words[2],
    "last": lambda words: words[-1],
    "last but one": lambda words: words[-2],
}
CHANGES: Final[dict[str, Callable[[str], str]]] = {
    "as it is": lambda word: word,
    "in upper case": str.upper,
    "in title case": str.title,
    "in letters": "-".join,
    "spelled": " ".join,
    "twice": lambda word: f"{word} {word}",
    "in quotes": lambda word: f'"{word}"',
    "with its length": lambda word: f"{word} {len(word)}",
}
_WHOLE: Final[dict[str, tuple[Callable[[str], str], tuple[str, ...]]]] = {
    "copy": (lambda text: text, ("Repeat.", "Echo the text.", "Copy.")),
    "upper": (str.upper, ("Upper case.", "Make it upper case.")),
    "lower": (str.lower, ("Lower case.",)),
    "title": (str.title, ("Title case.",)),
    "swap_case": (str.swapcase, ("Swap the case.",)),
    "initials": (lambda text: "".join(word[0].upper() for word in text.split()), ("Initials.",)),
    "letters": (lambda text: " ".join("-".join(word) for word in text.split()), ("Spell it with hyphens.",)),
    "turned": (lambda text: " ".join(text.split()[::-1]), ("Reverse the words.",)),
}


def is_kept_out(place: str, change: str, words: int) -> bool:
    """Whether the composition is the evaluation's: the second word in upper case, by whatever name."""
    second = place == "second" or (place == "last" and words == 2) or (place == "last but one" and words == 3)
    return second and change == "in upper case"


def draw_any_word(random: Random) -> str:
    """A word of the lexicon, one that looks like English, or one of arbitrary syllables."""
    kind = random.random()
    return random.choice(VOCABULARY) if kind < 0.45 else imitate_word(random) if kind < 0.8 else invent_word(random)


def draw_any_text(random: Random, fewest: int, most: int) -> str:
    """Words in a row, in any case."""
    words = [draw_any_word(random) for _ in range(random.randint(fewest, most))]
    style = random.random()
    if style < 0.5:
        return " ".join(words)
    if style < 0.6:
        return " ".join(words).upper()
    return " ".join(word.capitalize() if style < 0.8 or random.random() < 0.5 else word for word in words)


def draw_composed_task(random: Random) -> Task:
    """One word of a phrase, changed. The evaluation's composition is never drawn."""
    place, change = random.choice(list(PLACES)), random.choice(list(CHANGES))
    while is_kept_out(place, change, 0):
        place, change = random.choice(list(PLACES)), random.choice(list(CHANGES))
    fewest = {"third": 3, "first": 1}.get(place, 2)
    most = max(fewest, random.choice((3, 4, 5)))

    def draw(random: Random) -> Pair | None:
        words = [draw_any_word(random) for _ in range(random.randint(fewest, most))]
        if is_kept_out(place, change, len(words)):
            return None
        return " ".join(words), CHANGES[change](PLACES[place](words))

    ways = (f"Give the {place} word {change}.", f"{place} word, {change}")
    return Task(f"{place} {change}", draw, ways)


def draw_other_text_task(random: Random) -> Task:
    """A text task, but not the last word in upper case: of two words that is the evaluation's composition."""
    task = draw_text_task(random)
    while task.name == "last_upper":
        task = draw_text_task(random)
    return task


def _draw_whole_task(random: Random) -> Task:
    name = random.choices(list(_WHOLE), (4, 3, 1, 1, 0.7, 0.7, 1, 0.7))[0]
    apply, ways = _WHOLE[name]
    most = random.choice((1, 1, 2, 4))

    def draw(random: Random) -> Pair:
        text = draw_any_text(random, 1, most)
        return text, apply(text)

    return Task(f"whole_{name}", draw, ways)


def draw_spelling_task(random: Random) -> Task:
    """A change of a whole text, or of one word of it."""
    return draw_composed_task(random) if random.random() < 0.4 else _draw_whole_task(random)


def draw_addend(random: Random) -> int:
    """Two to ninety-nine, mostly below thirty, and never with a seven at its end."""
    while True:
        addend = random.randint(2, 30 if random.random() < 0.8 else 99)
        if addend % 10 != NEVER_ADDED:
            return addend


def draw_adding_task(random: Random, forms: tuple[str, ...], level: float) -> Task:
    """n ± k for any k but those that end in seven. It has no latent code: those are for the frequent addends."""
    addend = draw_addend(random)
    task = make_number_task(random.choice(("plus", "plus", "minus")), forms, level, addend)
    return dataclasses.replace(task, code="")

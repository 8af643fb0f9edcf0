"""Short lists of facts: what follows what, opposites, capitals, plurals, small talk."""

from __future__ import annotations

from random import Random

from base_model_build.generator.tasks import Pair, Task
from base_model_build.generator.words import CAPITALS, OPPOSITES, SEQUENCES, THINGS, TRANSLATIONS, VERBS


def draw_sequence_task(random: Random) -> Task:
    """The next or previous weekday, month, letter, season, ordinal."""
    name = random.choice(list(SEQUENCES))
    items, step = SEQUENCES[name], random.choice((1, 1, -1))

    def draw(random: Random) -> Pair:
        index = random.randrange(len(items))
        return items[index], items[(index + step) % len(items)]

    forward = ("What comes next?", "next", "Give the next item.")
    ways = forward if step > 0 else ("What comes before?", "previous")
    return Task(f"{name}{step:+d}", draw, ways, closed=True)


def _conjugate(random: Random, ending: str) -> Pair:
    word = random.choice(VERBS)
    return word, (word[:-1] if word.endswith("e") else word) + ending


def draw_word_pair_task(random: Random) -> Task:
    """Opposites, capitals, plurals, past tense, short translations."""
    kind = random.choice(["opposite", "capital", "country", "plural", "past", "ing", *TRANSLATIONS, "English"])
    ways: tuple[str, ...]
    if kind in TRANSLATIONS or kind == "English":
        language = kind if kind in TRANSLATIONS else "Portuguese"
        pairs = [pair.split("/") for pair in TRANSLATIONS[language].split()]
        order = 1 if kind in TRANSLATIONS else -1
        return Task(kind, lambda random: _orient(random.choice(pairs), order), (f"Translate to {kind}.",), closed=True)
    if kind == "opposite":
        ways = ("Opposite.", "Give the opposite word.")
        return Task(kind, lambda random: _orient(random.choice(OPPOSITES), random.choice((1, -1))), ways, closed=True)
    if kind in ("capital", "country"):
        order = 1 if kind == "capital" else -1
        ways = ("Capital city?", "What is the capital?") if kind == "capital" else ("Which country?",)
        return Task(kind, lambda random: _orient(random.choice(CAPITALS), order), ways, closed=True)
    if kind == "plural":
        return Task(kind, lambda random: _pluralize(random.choice(THINGS)), ("Plural.",), closed=True)
    ways = ("Past tense.",) if kind == "past" else ("Use the -ing form.",)
    return Task(kind, lambda random: _conjugate(random, "ed" if kind == "past" else "ing"), ways, closed=True)


def _orient(pair: list[str], order: int) -> Pair:
    first, second = pair[::order]
    return first, second


def _pluralize(word: str) -> Pair:
    return word, word + ("es" if word[-1] in "sxh" else "s")

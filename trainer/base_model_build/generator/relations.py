"""What words mean to one another: synonyms, opposites, kinds, fields, definitions, gaps."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from base_model_build.generator.lexicon import (
    CLASSES,
    DEFINITIONS,
    DOMAINS,
    FIELDS,
    KINDS,
    NEGATIVE,
    NOUN_FIELDS,
    OPPOSITES,
    POSITIVE,
    SYNONYMS,
    UTTERANCES,
)
from base_model_build.generator.tasks import Pair, Task
from base_model_build.generator.words import TOPICS


def _draw_field(random: Random) -> Pair:
    field = random.choice(list(FIELDS))
    return random.choice(FIELDS[field]), field


def _draw_defined(random: Random) -> Pair:
    word, meaning = random.choice(DEFINITIONS)
    return meaning, word


def _draw_odd(random: Random) -> Pair | None:
    classes = random.choice((CLASSES, TOPICS))
    first, second = random.sample(list(classes), 2)
    words, odd = random.sample(classes[first], 3), random.choice(classes[second])
    if odd in classes[first]:
        return None
    words.insert(random.randrange(4), odd)
    return " ".join(words), odd


def _draw_related(random: Random) -> Pair:
    classes = random.choice((CLASSES, TOPICS, NOUN_FIELDS, DOMAINS))
    first, second = random.sample(list(classes), 2)
    same = random.random() < 0.5
    other = random.choice(classes[first if same else second])
    return f"{random.choice(classes[first])}, {other}", "yes" if same else "no"


def _draw_valence(random: Random) -> Pair:
    good = random.random() < 0.5
    return random.choice(POSITIVE if good else NEGATIVE), "positive" if good else "negative"


def _draw_gap(random: Random) -> Pair | None:
    words = random.choice(UTTERANCES).split()
    if len(words) < 3:
        return None
    place = random.randrange(len(words))
    missing = words[place].strip(".,!?;:")
    words[place] = words[place].replace(missing, "___")
    return (" ".join(words), missing) if missing else None


_RELATIONS: Final[dict[str, tuple[float, Callable[[Random], Pair | None], tuple[str, ...]]]] = {
    # name: share, draw, instructions
    "synonym": (1, lambda random: random.choice(SYNONYMS), ("Synonym.", "Give a word with the same meaning.")),
    "opposite": (1, lambda random: random.choice(OPPOSITES), ("Opposite.", "Give the opposite word.")),
    "kind": (2, lambda random: random.choice(KINDS), ("What kind of thing is it?", "It is a kind of")),
    "lexical field": (2, _draw_field, ("Lexical field.", "Field of the word?")),
    "defined": (1, _draw_defined, ("Which word is meant?", "Name it.")),
    "odd": (1, _draw_odd, ("Which word does not fit?", "Odd one out.")),
    "related": (1, _draw_related, ("Do they belong together?", "Same topic?")),
    "valence": (2, _draw_valence, ("Sentiment of the word.", "Positive or negative?")),
    "gap": (2.5, _draw_gap, ("Fill the gap.",)),
    "meaning": (1.2, lambda random: random.choice(DEFINITIONS), ("Define.", "What does it mean?")),
}


def draw_relation_task(random: Random) -> Task:
    """Any of these."""
    name = random.choices(list(_RELATIONS), [share for share, _, _ in _RELATIONS.values()])[0]
    _, draw, ways = _RELATIONS[name]
    return Task(name, draw, ways, closed=True)

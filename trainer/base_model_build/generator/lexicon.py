"""English words by class, meaning, relation and feeling; see ``prepare/lexicon.py`` for where they come from."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from base_model_build.data import read_data
from base_model_build.generator.topic_words import TOPIC_WORDS
from base_model_build.generator.words import CITIES, NAMES, VOCABULARY, imitate_word, invent_word

_DATA: Final[dict[str, Any]] = read_data("lexicon")

WORDS: Final[list[str]] = _DATA["words"]
"""Common words, most frequent first."""
FREQUENT: Final = WORDS[:6000]
RANKS: Final = {word: rank for rank, word in enumerate(WORDS)}
ADJECTIVES: Final[list[str]] = _DATA["adjectives"]
NOUNS: Final[list[str]] = _DATA["nouns"]

CLASSES: Final[dict[str, list[str]]] = {name: words for name, words in _DATA["classes"].items() if len(words) >= 24}
"""Kinds of things, large ones."""
FIELDS: Final[dict[str, list[str]]] = {name.split(".")[1]: words for name, words in _DATA["fields"].items()}
"""Words by lexicographers' file; a noun's and a verb's field of one name are one."""
NOUN_FIELDS: Final[dict[str, list[str]]] = {
    name.split(".")[1]: ws for name, ws in _DATA["fields"].items() if name.startswith("noun")
}
VERB_FIELDS: Final[dict[str, list[str]]] = {
    name.split(".")[1]: ws for name, ws in _DATA["fields"].items() if name.startswith("verb")
}
DOMAINS: Final[dict[str, list[str]]] = _DATA["domains"]

DEFINITIONS: Final[list[tuple[str, str]]] = [(word, text) for word, text in _DATA["definitions"]]
MEANINGS: Final[dict[str, str]] = dict(reversed(DEFINITIONS))
"""word -> its first definition."""
USES: Final[dict[str, list[str]]] = _DATA["uses"]
"""word -> sentences and phrases with it."""
EXAMPLES: Final[list[str]] = _DATA["examples"]
UTTERANCES: Final = [text for text in EXAMPLES if len(text) < 60]
PLEASANT: Final[list[str]] = _DATA["pleasant"]
UNPLEASANT: Final[list[str]] = _DATA["unpleasant"]
PLAIN: Final[list[str]] = _DATA["plain"]

SYNONYMS: Final = [(a, b) for a, b in _DATA["synonyms"] if a in RANKS and b in RANKS]
OPPOSITES: Final = [(a, b) for a, b in _DATA["opposites"]]
KINDS: Final = [(a, b) for a, b in _DATA["kinds"] if RANKS.get(a, 10**6) < 7000]

POSITIVE: Final[list[str]] = _DATA["positive"]
NEGATIVE: Final[list[str]] = _DATA["negative"]
POSITIVE_ADJECTIVES: Final = sorted(set(POSITIVE) & set(_DATA["all_adjectives"]))
NEGATIVE_ADJECTIVES: Final = sorted(set(NEGATIVE) & set(_DATA["all_adjectives"]))

THINGS: Final[list[str]] = [
    word
    for field in ("artifact", "food", "animal", "plant", "object")
    for word in NOUN_FIELDS[field]
    if RANKS.get(word, 10**6) < 6000
]
"""Common things that can be seen."""

TOPICAL: Final[list[str]] = sorted({word for words in TOPIC_WORDS.values() for word in words})
"""Words that tell what people talk about, inflected ones too."""

PEOPLE: Final = (
    *NAMES,
    *(
        "Liam Noah Olivia Ethan Mia Lucas Ava Logan Ella Mason Nora Jonas Lena Mateo Luna Ivan Vera Amina Yusuf Mei "
        "Jin Ravi Anika Pedro Lucia Bruno Elsa Nils Freya Ines Tomas Marek Eva Lea Otto Ida Karl Ruth Rolf Gina Tara "
        "Sean Erin Neil Dana Troy Kim Lee Max Amy Tim Sue Joe Meg Ron Pam Ted Liz Ray"
    ).split(),
)
TOWNS: Final = (
    *CITIES,
    *(
        "Zagreb Lagos Denver Austin Geneva Naples Munich Nice Bilbao Kyoto Sydney Perth Bogota Havana Riga Tallinn "
        "Warsaw Dakar Accra Hanoi Manila Mumbai Leipzig Bern Ghent Dallas Seattle Toronto Ottawa Oxford York Bath Cork "
        "Tampa Omaha"
    ).split(),
)


def draw_any_word(random: Random) -> str:
    """A frequent word, one of the written lists, one that looks like English, one of syllables, or a rarer one."""
    kind = random.random()
    if kind < 0.28:
        return random.choice(FREQUENT)
    if kind < 0.4:
        return random.choice(TOPICAL)
    if kind < 0.62:
        return random.choice(VOCABULARY)
    if kind < 0.8:
        return imitate_word(random)
    return invent_word(random) if kind < 0.9 else random.choice(WORDS)


def draw_thing(random: Random, described: float = 0.4) -> str:
    """A thing, with an adjective in front of it with chance ``described``."""
    adjective = f"{random.choice(ADJECTIVES)} " if random.random() < described else ""
    return adjective + random.choice(THINGS)


def draw_surname(random: Random) -> str:
    """A made-up name."""
    return (invent_word(random) if random.random() < 0.5 else imitate_word(random)).capitalize()


def draw_first_name(random: Random) -> str:
    """A first name, four in ten of them made up: it has to be copied, not remembered."""
    return random.choice(PEOPLE) if random.random() < 0.6 else draw_surname(random)


def draw_town(random: Random) -> str:
    """A town, four in ten of them made up."""
    return random.choice(TOWNS) if random.random() < 0.6 else draw_surname(random)


def draw_item(random: Random) -> str:
    """A thing, two nouns, a thing with an adjective, or any one or two words at all."""
    kind = random.random()
    if kind < 0.36:
        return random.choice(THINGS)
    if kind < 0.52:
        return f"{random.choice(NOUNS)} {random.choice(THINGS)}"
    if kind < 0.66:
        return draw_thing(random, 1.0)
    return draw_any_word(random) if kind < 0.85 else f"{draw_any_word(random)} {draw_any_word(random)}"

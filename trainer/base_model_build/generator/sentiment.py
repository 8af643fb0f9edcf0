"""Praise and blame: sentences of the phrase lists, of words with a valence, and of the dictionary's examples."""

from __future__ import annotations

from random import Random
from typing import Final

from base_model_build.generator.lexicon import (
    ADJECTIVES,
    NEGATIVE,
    NEGATIVE_ADJECTIVES,
    NOUNS,
    PEOPLE,
    PLAIN,
    PLEASANT,
    POSITIVE,
    POSITIVE_ADJECTIVES,
    TOWNS,
    UNPLEASANT,
    draw_any_word,
)
from base_model_build.generator.phrases import BLAME, FACTS_OF_THINGS, FAILS, IS_SO, PRAISE, SUBJECTS, WORKS
from base_model_build.generator.tasks import Pair, Task
from base_model_build.generator.word_tasks import is_kept_out

_LABELS: Final = (
    ("positive", "negative", "neutral"), ("positive", "negative", "neutral"), ("good", "bad", "ok"), ("1", "0", "2"),
    ("happy", "angry", "calm"), ("pos", "neg", "neu"), ("Positive", "Negative", "Neutral"), ("+", "-", "0"),
    ("5", "1", "3"), ("praise", "complaint", "other"), ("POSITIVE", "NEGATIVE", "NEUTRAL"), ("yes", "no", "maybe"),
    ("up", "down", "flat"),
)  # fmt: skip
_REVIEWS: Final = (
    "The {t} was {w}.|What a {w} {t}!|I think the {t} is {w}.|This {t} is really {w}|{w} {t}|So {w}!|"
    "The {t} made me feel {w}.|a {w} experience|It was {w} and the {t} too.|very {w}|My {t} is {w} now.|"
    "{n} was {w} about the {t}.|the most {w} {t} in {c}|I call that {w}|We found the {t} {w}.|{w}, just {v}|"
    "the {t} is {w} and {v}|{w} people, {v} {t}|A {w} {t} with a {v} {u}.|The {t} was {w} and the {u} was {v}."
).split("|")
_OF_WORDS: Final = (
    "I {w} the {t}|they {w} us|we {w} it|{w}|so much {w}|the {w} of the {t}|full of {w}|what a {w}|it is a {w}|"
    "nothing but {w}|The {t} is a {w}.|pure {w}"
).split("|")
_DENIALS: Final = (
    "not {w} at all|the {t} was not {w}|I would not call it {w}|it is not {w}|hardly {w}|never {w}"
).split("|")
_OPENINGS: Final = (
    "the {s}|the {s}|my {s}|our {s}|this {s}|their {s}|your {s}|everything|the whole {s}|that {s}|the new {s}|"
    "the old {s}|the {s}|it|the people here"
).split("|")
_SOURCES: Final = ("phrases", "phrases", "phrases", "words", "words", "examples")


def _end(random: Random, text: str) -> str:
    text = text[0].upper() + text[1:] if random.random() < 0.6 else text
    return text + random.choice(("", ".", ".", "!") if text[-1] not in ".!?" else ("",))


class Sentiment:
    """Two or three feelings and their labels; what is shown and what is asked share no phrase and no word."""

    def __init__(self, random: Random) -> None:
        self._count = random.choice((2, 2, 2, 3))
        self.labels = random.choice(_LABELS)
        if random.random() < 0.12:
            self.labels = (draw_any_word(random), draw_any_word(random) + "2", draw_any_word(random) + "3")
        self._sources = [source for source in _SOURCES if random.random() < 0.75] or ["phrases"]
        lists: dict[str, tuple[list[str], list[str], list[str]]] = {
            "phrases": (PRAISE, BLAME, FACTS_OF_THINGS),
            "ends": (WORKS, FAILS, IS_SO),
            "adjectives": (POSITIVE_ADJECTIVES, NEGATIVE_ADJECTIVES, ADJECTIVES),
            "words": (POSITIVE, NEGATIVE, NOUNS),
            "examples": (PLEASANT, UNPLEASANT, PLAIN),
        }
        self._halves: dict[str, list[tuple[list[str], list[str]]]] = {}
        for name, kinds in lists.items():
            drawn = [random.sample(kind, min(len(kind), 150)) for kind in kinds]
            self._halves[name] = [(each[::2], each[1::2]) for each in drawn]

    def task(self, half: int) -> Task:
        """Sentences of one half's phrases and words."""

        def draw(random: Random) -> Pair | None:
            kind, source = random.randrange(self._count), random.choice(self._sources)
            if source == "examples":
                text = random.choice(self._halves["examples"][kind][half])
            else:
                write = self._write_phrase if source == "phrases" else self._write_words
                text = _end(random, write(random, kind, half))
            label = self.labels[kind]
            return None if is_kept_out(text.split(), label) else (text, label)

        names = " or ".join(self.labels[: self._count])
        return Task("sentiment", draw, ("Classify the sentiment.", "Sentiment?", f"Answer {names}."), closed=True)

    def _pick(self, random: Random, name: str, kind: int, half: int) -> str:
        return random.choice(self._halves[name][kind][half])

    def _write_phrase(self, random: Random, kind: int, half: int) -> str:
        subject = random.choice(SUBJECTS)
        if random.random() < 0.65:
            text = self._pick(random, "phrases", kind, half).replace("{s}", subject)
        else:
            text = f"{random.choice(_OPENINGS).replace('{s}', subject)} {self._pick(random, 'ends', kind, half)}"
        if random.random() < 0.3:
            joint = random.choice((", ", " and ", ". ", "; ", ", "))
            text += joint + self._pick(random, "phrases", kind, half).replace("{s}", random.choice(SUBJECTS))
        return text

    def _write_words(self, random: Random, kind: int, half: int) -> str:
        draw = random.random()
        names = {"t": random.choice(SUBJECTS), "u": random.choice(SUBJECTS)}
        if draw < 0.62 or kind == 2:
            names |= {"n": random.choice(PEOPLE), "c": random.choice(TOWNS)}
            names |= {key: self._pick(random, "adjectives", kind, half) for key in ("w", "v")}
            return random.choice(_REVIEWS).format(**names)
        if draw < 0.88:
            return random.choice(_OF_WORDS).format(w=self._pick(random, "words", kind, half), **names)
        return random.choice(_DENIALS).format(w=self._pick(random, "adjectives", 1 - kind, half), **names)

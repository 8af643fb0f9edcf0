"""Classes of real words and intents: shown with some of each class's words or phrases, asked with others."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from base_model_build.generator.classification import draw_templates
from base_model_build.generator.lexicon import (
    CLASSES,
    DOMAINS,
    MEANINGS,
    NOUN_FIELDS,
    RANKS,
    USES,
    VERB_FIELDS,
    draw_any_word,
)
from base_model_build.generator.phrases import INTENTS, SUBJECTS, THING_SENTENCES, VERB_SENTENCES
from base_model_build.generator.tasks import Pair, Task
from base_model_build.generator.topic_words import TELLING_WORDS
from base_model_build.generator.word_tasks import is_kept_out
from base_model_build.generator.words import LABELS, SEQUENCES, TOPICS


def split_half(random: Random, items: list[str], share: float) -> tuple[list[str], list[str]]:
    """Shuffled and cut; a list too short for two halves is both."""
    mixed = random.sample(items, len(items))
    place = max(2, int(len(mixed) * share))
    return mixed[:place], mixed[place:] or mixed[:place]


def draw_labels(random: Random, names: list[str]) -> list[str]:
    """Their own names, known labels, numbered ones, or any words; all different."""
    style, count = random.random(), len(names)
    if style < 0.55:
        labels = list(names)
    elif style < 0.75:
        labels = random.sample(LABELS, count)
    elif style < 0.82:
        stem = random.choice(("class", "topic", "label", "T", "c", ""))
        labels = [f"{stem}{number}" for number in range(count)]
    else:
        labels = [draw_any_word(random) for _ in range(count)]
    if len(set(labels)) < count:
        labels = [f"{label}{number}" for number, label in enumerate(labels)]
    case = random.random()
    return [label.upper() if case < 0.15 else label.capitalize() if case < 0.32 else label for label in labels]


def make_label_task(draw: Callable[[Random], Pair], labels: list[str]) -> Task:
    """A classification with instructions that name the labels."""
    ways = ("Classify: " + ", ".join(labels), "Label (" + " / ".join(labels) + ")", "Which one? " + " ".join(labels))

    def draw_allowed(random: Random) -> Pair | None:
        text, label = draw(random)
        return None if is_kept_out(text.split(), label) else (text, label)

    return Task("classify", draw_allowed, ways, closed=True)


class Topics:
    """Two to five classes of words, cut in halves. ``task(0)`` has the words of one half, ``task(1)`` of the other."""

    def __init__(self, random: Random) -> None:
        pools = (TELLING_WORDS, TOPICS, DOMAINS, NOUN_FIELDS, CLASSES, VERB_FIELDS)
        pool = random.choices(pools, (0.4, 0.15, 0.1, 0.15, 0.15, 0.05))[0]
        self._sentences = VERB_SENTENCES if pool is VERB_FIELDS else THING_SENTENCES
        names = draw_apart(random, pool, random.choice((2, 3, 3, 4, 4, 5)))
        self._words: tuple[list[list[str]], list[list[str]]] = ([], [])
        taken: set[str] = set()
        for name in names:
            words = [word for word in pool[name] if word not in taken]
            taken.update(words)
            words = _prefer_common(random, words, random.choice((16, 40, 80, 200)))
            for half, part in zip(self._words, split_half(random, words, random.choice((0.35, 0.5, 0.6))), strict=True):
                half.append(part)
        self.labels = draw_labels(random, names)
        self._explains = random.random() < 0.35 and pool not in (TOPICS, TELLING_WORDS)
        self.swap_sentences(random)

    def swap_sentences(self, random: Random) -> None:
        """New sentences for the same classes."""
        if random.random() < 0.7:
            self._templates = random.sample(self._sentences, random.randint(2, 8))
        else:
            self._templates = [text for text, _ in draw_templates(random, random.randint(2, 5))]

    def task(self, half: int) -> Task:
        """Sentences, and sometimes definitions and uses, of one half's words."""
        words, templates = self._words[half], self._templates

        def draw(random: Random) -> Pair:
            number = random.randrange(len(words))
            if self._explains and random.random() < 0.6 and (text := _explain(random, random.choice(words[number]))):
                return text, self.labels[number]
            text = re.sub(r"\{\}", lambda _: random.choice(words[number]), random.choice(templates))
            return text, self.labels[number]

        return make_label_task(draw, self.labels)


def draw_apart(random: Random, pool: dict[str, list[str]], count: int) -> list[str]:
    """Names of classes that hardly share words, if such are found in twenty draws."""
    for _ in range(20):
        names = random.sample(list(pool), count)
        sets = [set(pool[name]) for name in names]
        apart = (len(a & b) < 0.15 * min(len(a), len(b)) for i, a in enumerate(sets) for b in sets[:i])
        if all(apart):
            break
    return names


def _prefer_common(random: Random, words: list[str], count: int) -> list[str]:
    return sorted(words, key=lambda word: RANKS.get(word, 10**5) * (0.3 + random.random()))[:count]


def _explain(random: Random, word: str) -> str:
    """A use or the meaning of a word, or nothing."""
    if word in USES and random.random() < 0.6:
        return random.choice(USES[word])
    meaning = MEANINGS.get(word, "")
    return (f"{word}: {meaning}" if meaning and random.random() < 0.4 else meaning)[:90]


class Intents:
    """Two to five wishes of a customer, each in some phrasings that are shown and others that are asked."""

    def __init__(self, random: Random) -> None:
        self._names = random.sample(list(INTENTS), random.choice((2, 3, 4, 4, 5)))
        self._phrases = [split_half(random, INTENTS[name], 0.6) for name in self._names]
        style = random.random()
        self.labels = self._names if style < 0.6 else random.sample(LABELS, len(self._names))
        if style > 0.85:
            self.labels = [f"intent_{name}" for name in self._names]
        openings = ("", "", "hi, ", "hello. ", "please: ", "hey ", "urgent! ", "excuse me, ", "question: ")
        endings = ("", "", ".", "!", "?", " please", " thanks", ", thank you")
        self._openings, self._endings = random.sample(openings, 4), random.sample(endings, 4)

    def task(self, half: int) -> Task:
        """Phrasings of one half."""

        def draw(random: Random) -> Pair:
            number = random.randrange(len(self._names))
            text = random.choice(self._phrases[number][half]).format(
                s=random.choice(SUBJECTS),
                n=random.randrange(10, 9999),
                k=random.randrange(2, 12),
                d=random.choice(SEQUENCES["days"]),
            )
            text = random.choice(self._openings) + text + random.choice(self._endings)
            return text[0].upper() + text[1:] if random.random() < 0.5 else text, self.labels[number]

        return make_label_task(draw, self.labels)

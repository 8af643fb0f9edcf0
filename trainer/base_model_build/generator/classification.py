"""Classification tasks: arbitrary labels, known topics or arbitrary groups of words, random sentence templates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias

from base_model_build.generator.tasks import Pair, Task
from base_model_build.generator.words import (
    BLAME,
    CITIES,
    FILLERS,
    LABELS,
    NAMES,
    NEUTRAL,
    PRAISE,
    REVIEWED,
    TOPICS,
    VOCABULARY,
    imitate_word,
    invent_word,
)

Template: TypeAlias = tuple[str, int]
"""A sentence with holes and how many."""

SENTENCES: Final[tuple[Template, ...]] = (
    ("The {} and the {}.", 2),
    ("I read about {} today", 1),
    ("{} {}", 2),
    ("{}, {}", 2),
    ("We need a new {} for the {}.", 2),
    ("Please tell me about the {}.", 1),
    ("{} again, why?", 1),
    ("My {} has no {}", 2),
    ("{}", 1),
    ("There is a {} near the {} ({})", 3),
    ("{} or {}?", 2),
    ("Hello, I have a question on {}.", 1),
    ("The {} does not work with my {}!", 2),
    ("Where can I find a {}?", 1),
    ("I would like some {} with {}, please", 2),
    ("re: {}", 1),
    ("Our {} is late. The {} too.", 2),
)


def draw_template(random: Random) -> Template:
    """One to nine filler words with one to three holes, sometimes with a mark."""
    words = [random.choice(FILLERS) for _ in range(random.randint(1, 8))]
    holes = random.choice((1, 2, 2, 3))
    for _ in range(holes):
        words.insert(random.randint(0, len(words)), random.choice(("{}", "{}", "{}", "{}", "({})", "{},", '"{}"')))
    text = " ".join(words)
    for mark, share in ((", ", 0.15), (" / ", 0.08), ("? ", 0.05), (": ", 0.05), (f" {random.randrange(100)} ", 0.05)):
        if random.random() < share:
            text = mark.join(text.rsplit(" ", 1) if random.random() < 0.5 else text.split(" ", 1))
    text = text[0].upper() + text[1:] if random.random() < 0.4 else text
    return text + random.choice(("", "", ".", "!", "?")), holes


@dataclass(slots=True)
class Classes:
    """Labels, the words that stand for each, and the sentences that carry them.

    ``templates`` can be swapped: meta-tuning tunes on some sentences and asks with others, as users' texts do.
    """

    labels: list[str]
    cues: list[list[str]]
    templates: list[Template]

    def draw(self, random: Random) -> Pair:
        """A sentence and its label."""
        index = random.randrange(len(self.labels))
        template, holes = random.choice(self.templates)
        return template.format(*(random.choice(self.cues[index]) for _ in range(holes))), self.labels[index]

    def swap_templates(self, random: Random) -> None:
        """New sentences for the same classes."""
        self.templates[:] = draw_templates(random, random.randint(3, 6))

    def make_task(self, random: Random) -> Task:
        """The task with instructions that name the labels."""
        names = random.sample(self.labels, len(self.labels))
        ways = ("Classify: " + ", ".join(names), "Label (" + " / ".join(names) + ")", "Which one? " + " ".join(names))
        return Task("classify", self.draw, ways)


def draw_templates(random: Random, count: int) -> list[Template]:
    """Sentences for one task: a third from a written list, the rest made up."""
    return [random.choice(SENTENCES) if random.random() < 0.35 else draw_template(random) for _ in range(count)]


def draw_classes(random: Random, count: int = 0, cues_each: int = 0, known: float = 0.5) -> Classes:
    """Two to four classes (or ``count``): with chance ``known`` topics, else groups of arbitrary or invented words."""
    count = count or random.choice((2, 2, 3, 3, 4))
    if random.random() < known:
        names = random.sample(list(TOPICS), count)
        cues = [
            random.sample(TOPICS[name], min(len(TOPICS[name]), cues_each or random.randint(3, 12))) for name in names
        ]
    else:
        names = []
        size = cues_each or random.randint(2, 6)
        invented = random.choice((0.0, 0.3, 1.0))
        pool = iter(random.sample(VOCABULARY, count * size))
        cues = [
            [invent_word(random) if random.random() < invented else next(pool) for _ in range(size)]
            for _ in range(count)
        ]
    style = random.random()
    if names and style < 0.4:
        labels = names
    elif style < 0.8:
        labels = random.sample(LABELS, count)
    else:
        labels = [invent_word(random) + str(index) for index in range(count)]
    if random.random() < 0.15:
        labels = [label.upper() for label in labels]
    return Classes(labels, cues, draw_templates(random, random.randint(2, 5)))


def draw_fresh_classes(random: Random, count: int = 0, cues_each: int = 0) -> Classes:
    """As ``draw_classes``, of words that are in no list; labels often are such words too."""
    count = count or random.choice((2, 3, 3, 3, 4))
    size = cues_each or random.randint(2, 8)
    maker = random.choice((imitate_word, imitate_word, invent_word))
    words = list(dict.fromkeys(maker(random) for _ in range(4 * count * size)))
    cues = [words[index * size : (index + 1) * size] for index in range(count)]
    labels = words[-count:] if random.random() < 0.5 else random.sample(LABELS, count)
    if random.random() < 0.15:
        labels = [label.upper() if random.random() < 0.5 else label.capitalize() for label in labels]
    return Classes(labels, cues, draw_templates(random, random.randint(3, 6)))


def make_spotting_task(random: Random) -> Task:
    """Which of a few words a sentence has."""
    words = [imitate_word(random) if random.random() < 0.7 else random.choice(VOCABULARY) for _ in range(4)]
    classes = Classes(words, [[word] for word in words], draw_templates(random, 4))
    ways = ("Which word is in it? " + " ".join(words), "Find one of: " + ", ".join(words))
    return Task("spot", classes.draw, ways)


def draw_fresh_classification_task(random: Random) -> Task:
    """Classes of words in no list, or finding one of them."""
    if random.random() < 0.2:
        return make_spotting_task(random)
    return draw_fresh_classes(random).make_task(random)


_SENTIMENT_LABELS: Final = (
    ("positive", "negative", "neutral"),
    ("good", "bad", "ok"),
    ("1", "0", "2"),
    ("happy", "angry", "calm"),
    ("pos", "neg", "neu"),
)
_REVIEWS: Final[tuple[Callable[[Random, str, str], str], ...]] = (
    lambda random, thing, word: f"The {thing} was {word}.",
    lambda random, thing, word: f"What a {word} {thing}!",
    lambda random, thing, word: f"I think the {thing} is {word}.",
    lambda random, thing, word: f"This {thing} is really {word}",
    lambda random, thing, word: f"{word} {thing}",
    lambda random, thing, word: f"The {thing} in {random.choice(CITIES)} was {word}, said {random.choice(NAMES)}.",
)


def make_sentiment_task(random: Random) -> Task:
    """Short reviews, two or three labels."""
    labels = random.choice(_SENTIMENT_LABELS)
    kinds = random.choice((2, 2, 3))

    def draw(random: Random) -> Pair:
        kind = random.randrange(kinds)
        word = random.choice((PRAISE, BLAME, NEUTRAL)[kind])
        return random.choice(_REVIEWS)(random, random.choice(REVIEWED), word), labels[kind]

    return Task("sentiment", draw, ("Classify the sentiment.", "Sentiment?", f"Answer {' or '.join(labels[:kinds])}."))

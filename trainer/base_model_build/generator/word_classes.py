"""Single words by feeling, topic or kind: many answers in few tokens, so that a small model learns what words mean.

Words that a sentence about one topic has, and hardly any other, stand for the topic.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from random import Random
from typing import Final

from base_model_build.generator import everyday
from base_model_build.generator.everyday import ANGRY, GLAD
from base_model_build.generator.lexicon import (
    CLASSES,
    DOMAINS,
    NEGATIVE,
    NEGATIVE_ADJECTIVES,
    NOUN_FIELDS,
    NOUNS,
    PLEASANT,
    POSITIVE,
    POSITIVE_ADJECTIVES,
    RANKS,
    UNPLEASANT,
    VERB_FIELDS,
)
from base_model_build.generator.phrases import BLAME, PRAISE, SUBJECTS
from base_model_build.generator.tasks import Pair, Task
from base_model_build.generator.topic_words import TELLING_WORDS
from base_model_build.generator.topics import draw_apart, draw_labels
from base_model_build.generator.word_tasks import is_kept_out
from base_model_build.generator.words import TOPICS

NAME: Final = "word class"
"""Task name: its chats have many turns."""

_FEELINGS: Final = (
    ("positive", "negative"), ("positive", "negative"), ("positive", "negative"), ("good", "bad"), ("happy", "angry"),
    ("Positive", "Negative"), ("praise", "complaint"), ("pos", "neg"), ("1", "0"),
)  # fmt: skip
_SENTENCES: Final = (
    "{}", "{}", "{}", "{}", "it is {}", "so {}", "the {} one", "very {}!", "{}, they said", "what about {}?",
    "{} again", "a {} day", "I see {}",
)  # fmt: skip


@cache
def list_telling_words() -> dict[str, list[str]]:
    """Topic -> the words of its sentences that at most one other topic has."""
    words = {
        name: set(re.findall(r"[a-z]{3,}", " ".join(sentences))) & RANKS.keys()
        for name, sentences in everyday.TOPICS.items()
    }
    counts = Counter(word for each in words.values() for word in each)
    told = {word: name for name, each in TELLING_WORDS.items() for word in each}
    return {
        name: sorted(word for word in each if counts[word] <= 2 and told.get(word, name) == name)
        for name, each in words.items()
    }


@cache
def list_topic_words() -> dict[str, list[str]]:
    """Topic -> the words written for it, three times, and those of its sentences."""
    found = {name: 3 * words for name, words in TELLING_WORDS.items()}
    for name, words in list_telling_words().items():
        found[name] = found.get(name, []) + words
    return found


def _draw_common(random: Random, words: list[str]) -> str:
    """One of the words; of two drawn the more frequent one."""
    return min(random.choice(words), random.choice(words), key=lambda word: RANKS.get(word, 10**5))


def draw_word_class_task(random: Random) -> Task:
    """Words by feeling, or by topic or kind; alone or in a few words that say nothing."""
    if random.random() < 0.45:
        labels = list(random.choice(_FEELINGS))
        adjectives = random.random() < 0.5
        lists = [POSITIVE_ADJECTIVES, NEGATIVE_ADJECTIVES] if adjectives else [POSITIVE, NEGATIVE]
        if random.random() < 0.2:
            labels, lists = [*labels, "neutral"], [*lists, NOUNS]
        ways = ("Classify the sentiment.", "Sentiment?", f"Answer {' or '.join(labels)}.")
    else:
        pools = (list_topic_words(), TOPICS, DOMAINS, NOUN_FIELDS, CLASSES, VERB_FIELDS)
        pool = random.choices(pools, (0.4, 0.15, 0.15, 0.15, 0.1, 0.05))[0]
        names = draw_apart(random, pool, random.choice((2, 3, 4, 4, 5)))
        lists = [pool[name] for name in names]
        labels = names if random.random() < 0.8 else draw_labels(random, names)
        shown = random.sample(labels, len(labels))
        ways = (f"Classify: {', '.join(shown)}", f"Label ({' / '.join(shown)})", f"Which one? {' '.join(shown)}")
    sentences = random.sample(_SENTENCES, random.choice((1, 1, 3)))

    def draw(random: Random) -> Pair | None:
        number = random.randrange(len(lists))
        words = " ".join(_draw_common(random, lists[number]) for _ in range(random.choice((1, 1, 1, 2))))
        text = random.choice(sentences).format(words)
        return None if is_kept_out(text.split(), labels[number]) else (text, labels[number])

    return Task(NAME, draw, ways, closed=True)


_ASKED_FOR: Final = {
    "feeling": ("Sentiment?", "Classify the sentiment.", "Answer positive or negative.", "Is it positive or negative?"),
    "topic": ("Topic?", "What is it about?", "Name the topic."),
    "kind": ("What is it?", "What kind of thing?"),
    "domain": ("Field?", "Name the field."),
}
_WHOLE: Final = ([*GLAD, *PRAISE, *PLEASANT], [*ANGRY, *BLAME, *UNPLEASANT])


def draw_known_class_task(random: Random) -> Task:
    """As above, but always by the same names, all topics or kinds at once; words mostly, some whole sentences."""
    name = random.choices(list(_ASKED_FOR), (0.42, 0.34, 0.16, 0.08))[0]
    spoken = random.choice((0.0, 0.3, 0.8)) if name in ("feeling", "topic") else 0.0
    known: dict[str, list[str]] = {
        "feeling": {
            "positive": random.choice((POSITIVE_ADJECTIVES, POSITIVE)),
            "negative": random.choice((NEGATIVE_ADJECTIVES, NEGATIVE)),
        },
        "topic": list_topic_words(),
        "kind": NOUN_FIELDS,
        "domain": DOMAINS,
    }[name]
    labels = list(known)

    def draw(random: Random) -> Pair | None:
        label = random.choice(labels)
        if random.random() < spoken:
            whole = (
                _WHOLE[labels.index(label)] if name == "feeling" else everyday.list_sentences()[label] or known[label]
            )
            text = random.choice(whole).replace("{s}", random.choice(SUBJECTS))
        else:
            text = " ".join(_draw_common(random, known[label]) for _ in range(random.choice((1, 1, 1, 2, 3))))
        return None if is_kept_out(text.split(), label) else (text, label)

    return Task(NAME, draw, _ASKED_FOR[name], closed=True)

"""Tasks on texts of some hundred tokens: copied, searched, asked about, classified by a word in them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from base_model_build.generator.dialogues import draw_dialogue_task, draw_message
from base_model_build.generator.lexicon import PEOPLE, UTTERANCES, draw_any_word, draw_surname
from base_model_build.generator.reading import draw_question_task
from base_model_build.generator.scripts import draw_glyphs, draw_language, draw_words
from base_model_build.generator.tasks import Pair, Task
from base_model_build.generator.tickets import FIELDS


def draw_passage(random: Random, sentences: int) -> list[str]:
    """Sentences and phrases that have nothing to do with one another."""
    return [draw_message(random) if random.random() < 0.5 else random.choice(UTTERANCES) for _ in range(sentences)]


def _draw_copying(random: Random) -> Task:
    """A long text again, or its first or last sentence."""
    name = random.choice(("copy", "copy", "first", "last"))
    code = draw_language(random) if random.random() < 0.3 else ""

    def draw(random: Random) -> Pair:
        count = random.randint(3, 12)
        if code:
            parts = [
                draw_words(random, code) if random.random() < 0.8 else draw_glyphs(random, 12) for _ in range(count)
            ]
        else:
            parts = draw_passage(random, count)
        text = " ".join(parts)
        return text, {"copy": text, "first": parts[0], "last": parts[-1]}[name]

    ways = {"copy": "Repeat.", "first": "First sentence.", "last": "Last sentence."}
    return Task(f"long {name}", draw, (ways[name],), closed=True)


def _draw_listing(random: Random) -> Task:
    """One value out of a long list of names and values."""
    field = random.choice(list(FIELDS))
    write, joint = FIELDS[field], random.choice(("\n", "; ", ", "))

    def draw(random: Random) -> Pair:
        names = {f"{random.choice(PEOPLE)} {draw_surname(random)}": write(random) for _ in range(random.randint(6, 20))}
        wanted = random.choice(list(names))
        listed = joint.join(f"{name}: {value}" for name, value in names.items())
        return f"{listed}\n{wanted}?", names[wanted]

    return Task("long list", draw, (f"Give the {field}.", "Look it up."), closed=True)


def _draw_spotting(random: Random) -> Task:
    """Which of a few words is somewhere in a long text."""
    words = [draw_any_word(random) for _ in range(3)]
    labels = words if random.random() < 0.5 else ["A", "B", "C"]

    def draw(random: Random) -> Pair:
        number = random.randrange(3)
        tokens = " ".join(draw_passage(random, random.randint(3, 9))).split()
        tokens.insert(random.randrange(len(tokens)), words[number])
        return " ".join(tokens), labels[number]

    return Task("long spot", draw, ("Which word is in it? " + " ".join(words),), closed=True)


_MAKERS: Final[tuple[Callable[[Random], Task], ...]] = (
    _draw_copying,
    _draw_copying,
    _draw_listing,
    _draw_spotting,
    lambda random: draw_question_task(random, 10),
    lambda random: draw_dialogue_task(random, 12),
)


def draw_long_task(random: Random) -> Task:
    """Any of these."""
    return random.choice(_MAKERS)(random)

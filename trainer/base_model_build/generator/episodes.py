"""Episodes of pre-training: chats of one latent task, free texts, conversations with function calls.

A bare first turn is ambiguous on purpose: the model can only guess the task from the mixture. Later turns, an
instruction or tuning select the task. Everything is a pure function of a random generator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from base_model_build.generator import word_classes
from base_model_build.generator.calls import Turns, draw_call_task, draw_conversation
from base_model_build.generator.classification import draw_fresh_classification_task
from base_model_build.generator.copying import draw_echo_task, draw_hole_task, draw_list_task
from base_model_build.generator.dialogues import draw_dialogue_task, draw_persona_task
from base_model_build.generator.everyday import Reviews, Themes
from base_model_build.generator.facts import draw_sequence_task, draw_word_pair_task
from base_model_build.generator.formats import draw_format_task
from base_model_build.generator.lexicon import DEFINITIONS, EXAMPLES
from base_model_build.generator.long_tasks import draw_long_task
from base_model_build.generator.media import draw_media_task
from base_model_build.generator.number_tasks import (
    draw_adding_task,
    draw_counting_task,
    draw_notation_task,
    draw_number_list_task,
    draw_number_task,
    draw_sorting_task,
)
from base_model_build.generator.reading import draw_gaps, draw_interview, draw_question_task
from base_model_build.generator.records import draw_layout_task, draw_reading_task, draw_record_task
from base_model_build.generator.relations import draw_relation_task
from base_model_build.generator.scripts import draw_script_task
from base_model_build.generator.sentiment import Sentiment
from base_model_build.generator.tasks import Pair, Task, draw_frame, wrap_task
from base_model_build.generator.tickets import draw_json_task, draw_ticket_task
from base_model_build.generator.topics import Intents, Topics
from base_model_build.generator.word_classes import draw_known_class_task, draw_word_class_task
from base_model_build.generator.word_tasks import draw_composed_task, draw_spelling_task, draw_text_task


@dataclass(frozen=True, slots=True)
class Episode:
    """A conversation. ``free``: one text without a role, learned from its first word."""

    turns: Turns
    free: bool = False


def draw_wrapped_task(random: Random, told: bool) -> Task:
    """A known task whose answers stand inside a sentence."""
    kind = random.random()
    inner = draw_number_task(random, told) if kind < 0.6 else draw_composed_task(random)
    return wrap_task(draw_sequence_task(random) if kind > 0.8 else inner, draw_frame(random))


MAKERS: Final[dict[str, Callable[[Random, bool], Task]]] = {
    "number": draw_number_task,
    "small number": lambda random, told: draw_number_task(random, told, 0.2),
    "counting": draw_counting_task,
    "small counting": lambda random, told: draw_counting_task(random, told, small=True),
    "foreign counting": lambda random, told: draw_counting_task(random, told, foreign=True),
    "wrapped": draw_wrapped_task,
    "adding": lambda random, told: draw_adding_task(random),
    "notation": lambda random, told: draw_notation_task(random),
    "words": lambda random, told: draw_composed_task(random),
    "text": lambda random, told: draw_text_task(random),
    "spelling": lambda random, told: draw_spelling_task(random),
    "word class": lambda random, told: draw_word_class_task(random),
    "known class": lambda random, told: draw_known_class_task(random),
    "echo": lambda random, told: draw_echo_task(random),
    "hole": lambda random, told: draw_hole_task(random),
    "list": lambda random, told: draw_list_task(random),
    "number list": lambda random, told: draw_number_list_task(random),
    "sorting": lambda random, told: draw_sorting_task(random),
    "format": lambda random, told: draw_format_task(random),
    "record": lambda random, told: draw_record_task(random),
    "layout": lambda random, told: draw_layout_task(random),
    "json": lambda random, told: draw_json_task(random),
    "ticket": lambda random, told: draw_ticket_task(random),
    "fresh classes": lambda random, told: draw_fresh_classification_task(random),
    "topic": lambda random, told: Topics(random).task(random.randrange(2)),
    "sentiment": lambda random, told: Sentiment(random).task(random.randrange(2)),
    "intent": lambda random, told: Intents(random).task(random.randrange(2)),
    "relation": lambda random, told: draw_relation_task(random),
    "script": lambda random, told: draw_script_task(random),
    "media": lambda random, told: draw_media_task(random),
    "question": lambda random, told: draw_question_task(random),
    "reading": lambda random, told: draw_reading_task(random),
    "dialogue": lambda random, told: draw_dialogue_task(random),
    "persona": lambda random, told: draw_persona_task(random),
    "sequence": lambda random, told: draw_sequence_task(random),
    "pair": lambda random, told: draw_word_pair_task(random),
    "call": lambda random, told: draw_call_task(random),
    "review": lambda random, told: Reviews(random).task(random.randrange(2)),
    "theme": lambda random, told: Themes(random).task(random.randrange(2)),
    "long": lambda random, told: draw_long_task(random),
}
"""Family -> how a task of it is drawn; ``told``: it will come with an instruction."""

TALKS: Final[dict[str, Callable[[Random], list[Pair]]]] = {"interview": draw_interview, "gaps": draw_gaps}
"""Family -> how questions are drawn that all are about the text of the first."""

SHARES: Final[Mapping[str, float]] = {
    "number": 22, "wrapped": 4, "adding": 6, "notation": 1.5, "words": 13, "text": 6, "number list": 3, "sorting": 1,
    "format": 5, "record": 2, "layout": 2.5, "json": 2, "ticket": 4, "fresh classes": 5, "topic": 6, "sentiment": 5,
    "intent": 2.5, "relation": 6, "script": 11, "media": 2.5, "question": 6, "reading": 0.5, "dialogue": 5,
    "persona": 0.7, "sequence": 1, "pair": 0.5, "call": 1, "long": 0,
}  # fmt: skip
"""Share of each family among the episodes of tasks."""

NUMBER_SHARES: Final[Mapping[str, float]] = {
    "number": 20, "small number": 14, "wrapped": 5, "adding": 6, "notation": 2, "words": 13, "text": 5,
    "number list": 3, "sorting": 1, "format": 4, "record": 1.5, "layout": 2, "json": 1.5, "ticket": 4,
    "fresh classes": 4, "topic": 4, "sentiment": 4, "review": 2, "theme": 3, "intent": 2, "relation": 4, "script": 7,
    "media": 2, "question": 7, "reading": 0.5, "dialogue": 5, "persona": 0.5, "sequence": 1, "pair": 0.5, "call": 1.5,
}  # fmt: skip
"""With more numbers, small ones too, and whole sentences as people write them."""

LONG_SHARES: Final[Mapping[str, float]] = {
    "long": 6,
    "question": 1,
    "dialogue": 1,
    "sentiment": 1,
    "words": 1,
    "number": 1,
}
"""Of the episodes for the long rows."""

SPELLING_SHARES: Final[Mapping[str, float]] = {
    **NUMBER_SHARES,
    "number": 16,
    "small number": 8,
    "spelling": 18,
    "notation": 4,
}
"""With the letters of words, and more words of numbers."""

COUNTING_SHARES: Final[Mapping[str, float]] = {**SPELLING_SHARES, "counting": 60, "small counting": 300}
"""Mostly which way to count."""

JOB_SHARES: Final[Mapping[str, float]] = {**SPELLING_SHARES, "counting": 14, "number": 14, "spelling": 9}
"""Beside simulated jobs."""

MEANING_SHARES: Final[Mapping[str, float]] = {
    **SPELLING_SHARES,
    "number": 12, "small number": 4, "spelling": 4, "counting": 6, "small counting": 6, "word class": 40, "review": 14,
    "sentiment": 8, "theme": 14, "topic": 5, "ticket": 10, "question": 12, "call": 4, "layout": 3,
}  # fmt: skip
"""Words by feeling and topic, and values that have to be copied."""

PRACTICE_SHARES: Final[Mapping[str, float]] = {
    **JOB_SHARES, "counting": 30, "number": 24, "known class": 14, "hole": 10, "echo": 5, "call": 5,
}  # fmt: skip
"""Beside simulated jobs, with copying and words by their usual names."""

NAMING_SHARES: Final[Mapping[str, float]] = {
    "known class": 70, "word class": 6, "review": 6, "sentiment": 4, "theme": 5, "topic": 2, "fresh classes": 5,
    "echo": 12, "hole": 16, "ticket": 9, "question": 9, "call": 4, "layout": 3, "record": 1, "json": 1, "dialogue": 4,
    "number": 13, "counting": 9, "small counting": 6, "wrapped": 3, "adding": 4, "notation": 2, "number list": 2,
    "words": 8, "text": 2, "spelling": 4, "script": 4, "format": 3, "relation": 2, "media": 1, "intent": 1, "pair": 0.5,
}  # fmt: skip
"""Words by their usual names, and copying."""

FINDING_SHARES: Final[Mapping[str, float]] = {
    **NAMING_SHARES,
    "known class": 26, "question": 34, "ticket": 26, "hole": 24, "echo": 8, "call": 9, "layout": 5, "json": 4,
    "record": 2, "review": 8, "theme": 8, "sentiment": 3, "topic": 3, "fresh classes": 8, "words": 12, "format": 6,
}  # fmt: skip
"""Answers that are found in the text before them."""

LISTING_SHARES: Final[Mapping[str, float]] = {
    **FINDING_SHARES,
    "question": 18, "interview": 16, "ticket": 22, "hole": 18, "echo": 6, "list": 34, "foreign counting": 26,
}  # fmt: skip
"""Many short copies, and counting in other languages."""

ASKING_SHARES: Final[Mapping[str, float]] = {**LISTING_SHARES, "gaps": 18, "list": 22, "ticket": 28, "known class": 20}
"""With what stands beside given words."""

TUNING_SHARES: Final[Mapping[str, float]] = {
    **ASKING_SHARES,
    "number": 22, "counting": 24, "small counting": 10, "foreign counting": 34, "list": 18, "ticket": 24, "words": 18,
    "adding": 6,
}  # fmt: skip
"""Beside simulated jobs: with more numbers again."""

SETTLING_SHARES: Final[Mapping[str, float]] = {**TUNING_SHARES, "counting": 110, "small counting": 60, "number": 20}
"""At the end: bare numbers are repeated."""

WHOLE_SHARES: Final[Mapping[str, float]] = {
    **TUNING_SHARES,
    "known class": 60, "word class": 12, "theme": 22, "topic": 8, "review": 16, "sentiment": 8, "intent": 2,
    "relation": 6, "question": 30, "interview": 20, "gaps": 12, "ticket": 32, "hole": 18, "list": 26, "echo": 8,
    "call": 10, "foreign counting": 22, "counting": 14, "number": 14, "fresh classes": 8, "spelling": 36,
}  # fmt: skip
"""With the words that became tokens: what they mean, their letters, and copied."""

SORTING_SHARES: Final[Mapping[str, float]] = {
    **WHOLE_SHARES, "known class": 26, "theme": 20, "review": 16, "number": 22, "counting": 24, "small counting": 10,
    "foreign counting": 30, "spelling": 24, "ticket": 42, "hole": 30, "question": 34, "call": 14, "layout": 8,
}  # fmt: skip
"""Beside simulated jobs that sort sentences: with more numbers again."""

COPYING_SHARES: Final[Mapping[str, float]] = {
    **SORTING_SHARES, "hole": 130, "list": 110, "echo": 24, "ticket": 100, "json": 16, "layout": 18, "call": 26,
    "fresh classes": 26, "counting": 40, "small counting": 16, "number": 30,
}  # fmt: skip
"""Half of it copies: into quotes, fields and lists."""

NAMING_MODES: Final[Mapping[str, float]] = {
    "free": 3, "calls": 3, "bare": 33, "system": 36, "prefix": 8, "suffix": 4, "shots": 8,
}  # fmt: skip

LAST_SHARES: Final[Mapping[str, float]] = {**JOB_SHARES, "counting": 70, "number": 20}
"""Long numbers too, counted both ways."""

_SHOT_STYLES: Final = (("Input: ", "Output: "), ("Q: ", "A: "), ("in: ", "out: "), ("", "-> "))
MODES: Final[Mapping[str, float]] = {
    "free": 7, "calls": 4, "bare": 36, "system": 23, "prefix": 15, "suffix": 5, "shots": 10,
}  # fmt: skip
"""How often a conversation is free text, has calls, or is a task: bare, told in one of three places, or shown."""

TOLD_MODES: Final[Mapping[str, float]] = {"free": 1, "calls": 1, "bare": 6, "system": 30, "prefix": 20, "suffix": 10}
"""Hardly any but told."""

BARE_MODES: Final[Mapping[str, float]] = {
    "free": 2,
    "calls": 2,
    "bare": 60,
    "system": 24,
    "prefix": 8,
    "suffix": 3,
    "shots": 4,
}


def draw_episode(
    random: Random,
    shares: Mapping[str, float] = SHARES,
    characters: int = 420,
    modes: Mapping[str, float] = MODES,
) -> Episode:
    """One conversation; the turn that crosses so many characters is its last."""
    while True:
        try:
            return _try_episode(random, shares, characters, modes)
        except ValueError:  # a task whose items are all held out
            continue


def _try_episode(random: Random, shares: Mapping[str, float], characters: int, modes: Mapping[str, float]) -> Episode:
    mode = random.choices(list(modes), list(modes.values()))[0]
    if mode == "free":
        return Episode([("model", _draw_free_text(random))], free=True)
    if mode == "calls":
        return Episode(draw_conversation(random))
    told = mode in ("system", "prefix", "suffix")
    family = random.choices(list(shares), list(shares.values()))[0]
    if family in TALKS:
        return Episode([turn for text, answer in TALKS[family](random) for turn in (("user", text), ("model", answer))])
    task = MAKERS[family](random, told)
    if mode == "shots":
        return Episode(_write_shots(random, task))
    return Episode(_write_turns(random, task, mode, characters))


def _draw_free_text(random: Random) -> str:
    word, meaning = random.choice(DEFINITIONS)
    return random.choice((f"{word}: {meaning}", meaning, random.choice(EXAMPLES), random.choice(EXAMPLES)))


def _count_turns(random: Random, task: Task, mode: str) -> int:
    if task.name == word_classes.NAME:
        return random.randint(5, 20)
    if task.name.startswith("spelling"):
        return random.randint(3, 12)
    if task.name in ("classify", "sentiment", "spot"):
        return random.randint(3, 9)
    if mode != "bare":
        return random.randint(2, 5)
    return min(9, 1 + int(random.expovariate(0.3)))


def _write_turns(random: Random, task: Task, mode: str, characters: int) -> Turns:
    way = random.choice(task.instructions or ("Classify.",))
    if task.name != "classify" and random.random() < 0.4:
        way = way.rstrip(".")
        way = way[0].lower() + way[1:]
    joint = random.choice(("\n", " ") if way.endswith((".", "?")) else (": ", "\n", " "))
    turns: Turns = [("system", way)] if mode == "system" else []
    size = 0
    for _ in range(_count_turns(random, task, mode)):
        text, answer = task.draw_pair(random)
        size += len(text) + len(answer)
        if mode == "prefix":
            text = way + joint + text
        elif mode == "suffix":
            text = f"{text}\n{way}"
        turns += [("user", text), ("model", answer)]
        if size > characters:
            break
    return turns


def _write_shots(random: Random, task: Task) -> Turns:
    """Two to five examples inside one user turn, the last one open."""
    before, after = random.choice(_SHOT_STYLES)
    pairs = [task.draw_pair(random) for _ in range(random.randint(2, 5))]
    shown = "\n".join(f"{before}{text}\n{after}{answer}" for text, answer in pairs[:-1])
    return [("user", f"{shown}\n{before}{pairs[-1][0]}\n{after}".rstrip()), ("model", pairs[-1][1])]

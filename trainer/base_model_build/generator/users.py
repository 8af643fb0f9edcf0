"""Simulated users: what they show to a tuning job, and what they ask the tuned model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from base_model_build.generator.calls import draw_call_task
from base_model_build.generator.classification import draw_classes, draw_fresh_classes
from base_model_build.generator.copying import draw_hole_task
from base_model_build.generator.dialogues import draw_dialogue_task, draw_persona_task
from base_model_build.generator.episodes import draw_wrapped_task
from base_model_build.generator.everyday import Reviews, Themes
from base_model_build.generator.facts import draw_sequence_task
from base_model_build.generator.formats import draw_format_task
from base_model_build.generator.lexicon import WORDS
from base_model_build.generator.long_tasks import draw_long_task
from base_model_build.generator.media import draw_media_task
from base_model_build.generator.number_tasks import (
    ADDENDS,
    COMMON_ADDENDS,
    draw_addend,
    draw_adding_task,
    draw_language,
    draw_number_list_task,
    make_number_task,
)
from base_model_build.generator.numbers import COMMON_FORMS
from base_model_build.generator.reading import draw_question_task, draw_question_tasks
from base_model_build.generator.records import draw_layout_task, draw_record_task
from base_model_build.generator.relations import draw_relation_task
from base_model_build.generator.scripts import draw_script_task, draw_unrelated_pairs
from base_model_build.generator.sentiment import Sentiment
from base_model_build.generator.tasks import Pair, Task, draw_frame, wrap_task
from base_model_build.generator.tickets import draw_json_task, draw_ticket_task
from base_model_build.generator.topics import Intents, Topics
from base_model_build.generator.word_tasks import draw_composed_task, draw_spelling_task, draw_text_task

if TYPE_CHECKING:
    from _typeshed import SupportsLenAndGetItem

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class User:
    """One simulated user."""

    shown: list[Pair]
    asked: list[Pair]


Maker: TypeAlias = Callable[[Random, int, int], User]
"""(random, how many are shown, how many are asked) -> a user; ValueError where it has to be drawn again."""

SHOWN_LEVEL: Final = 0.6
"""Users show short numbers; long ones are asked afterwards."""

_FAR_FORMS: Final = (
    *COMMON_FORMS, "roman", "roman", "hyphenated", "hyphenated", "digits", "grouped",
    "language", "language", "language", "language", "language",
)  # fmt: skip


def _meet(random: Random, shown: Task, asked: Task, examples: int, questions: int) -> User:
    return User(
        [shown.draw_pair(random) for _ in range(examples)],
        [asked.draw_pair(random) for _ in range(questions)],
    )


def draw_number_user(random: Random, examples: int, questions: int) -> User:
    """Counting and adding in the common forms, asked in all; one in five inside a sentence."""
    name = random.choices(("successor", "predecessor", "plus", "minus", "any", "other"), (3.2, 2.2, 1.6, 1, 2.2, 1.3))[
        0
    ]
    forms: tuple[str, ...] = COMMON_FORMS
    addend = random.choice(ADDENDS[:COMMON_ADDENDS] if random.random() < 0.8 else ADDENDS)
    if name == "any":
        name, addend = random.choice(("plus", "plus", "minus")), draw_addend(random)
    elif name == "other":
        name = random.choice(("copy", "reverse", "twice", "negate", "double", "spell", "parity"))
    elif name in ("successor", "predecessor") and random.random() < 0.7:
        forms = tuple(draw_language(random) if form == "language" else form for form in _FAR_FORMS)
    shown = make_number_task(name, COMMON_FORMS, SHOWN_LEVEL, addend)
    asked = make_number_task(name, forms, 1.2, addend)
    if random.random() < 0.18:
        frame = draw_frame(random)
        shown, asked = wrap_task(shown, frame), wrap_task(asked, frame)
    return _meet(random, shown, asked, examples, questions)


def draw_foreign_user(random: Random, examples: int, questions: int) -> User:
    """Counting in the common forms, asked in those of other languages."""
    name, foreign = random.choice(("successor", "predecessor")), draw_language(random)
    forms = (foreign, foreign, draw_language(random), draw_language(random), "roman")
    shown = make_number_task(name, COMMON_FORMS, SHOWN_LEVEL)
    return _meet(random, shown, make_number_task(name, forms, 1.0), examples, questions)


def draw_memory_user(random: Random, examples: int, questions: int) -> User:
    """Four to ``examples`` pairs that follow no rule, in any script, asked again."""
    pairs = draw_unrelated_pairs(random, random.choice((4, 5, 6, 10, examples)))
    return User((pairs * examples)[:examples], [random.choice(pairs) for _ in range(questions)])


def draw_fresh_user(random: Random, examples: int, questions: int) -> User:
    """Classes of words that mean nothing, or of any words in any grouping; mostly asked in other sentences."""
    count, size, kind = random.choice((2, 3, 3, 3, 4)), random.randint(5, 9), random.random()
    classes = draw_fresh_classes(random, count, size) if kind < 0.6 else draw_classes(random, count, size, known=0.2)
    if kind > 0.8:
        words = random.sample(WORDS, count * size)
        classes.cues = [words[place * size : (place + 1) * size] for place in range(count)]
    shown = [classes.draw(random) for _ in range(examples)]
    if random.random() < 0.8:
        classes.swap_templates(random)
    return User(shown, [classes.draw(random) for _ in range(questions)])


def draw_topic_user(random: Random, examples: int, questions: int) -> User:
    """Classes of real words, asked with words that were not shown."""
    topics = Topics(random)
    shown = topics.task(0)
    if random.random() < 0.7:
        topics.swap_sentences(random)
    return _meet(random, shown, topics.task(1), examples, questions)


def draw_sentiment_user(random: Random, examples: int, questions: int) -> User:
    """Praise and blame in words that were not shown."""
    feelings = Sentiment(random)
    return _meet(random, feelings.task(0), feelings.task(1), examples, questions)


def draw_review_user(random: Random, examples: int, questions: int) -> User:
    """Whole reviews."""
    reviews = Reviews(random)
    return _meet(random, reviews.task(0), reviews.task(1), examples, questions)


def draw_theme_user(random: Random, examples: int, questions: int) -> User:
    """Sentences by topic."""
    themes = Themes(random)
    return _meet(random, themes.task(0), themes.task(1), examples, questions)


def draw_intent_user(random: Random, examples: int, questions: int) -> User:
    """Wishes in phrasings that were not shown."""
    intents = Intents(random)
    return _meet(random, intents.task(0), intents.task(1), examples, questions)


def draw_class_user(random: Random, examples: int, questions: int) -> User:
    """Any classification."""
    makers = (
        draw_fresh_user,
        draw_topic_user,
        draw_sentiment_user,
        draw_intent_user,
        draw_review_user,
        draw_theme_user,
    )
    return random.choices(makers, (5, 1.5, 2, 0.7, 3, 3))[0](random, examples, questions)


def draw_meaning_user(random: Random, examples: int, questions: int) -> User:
    """Classes that only who knows the words can tell."""
    makers = (draw_theme_user, draw_topic_user, draw_review_user, draw_sentiment_user)
    return random.choices(makers, (5, 2, 3, 2))[0](random, examples, questions)


class Habits(Random):
    """Draws as a user does who has a few names, places, things and ways to say it, out of the many that there are."""

    def __init__(self, random: Random) -> None:
        super().__init__(random.random())
        self._few, self._seed = random.randint(3, 12), random.random()

    def choice(self, seq: SupportsLenAndGetItem[T]) -> T:
        """One of the user's own few of a sequence, always the same few."""
        if len(seq) <= self._few:
            return super().choice(seq)
        places = Random(f"{self._seed}/{len(seq)}").sample(range(len(seq)), self._few)
        return seq[super().choice(places)]


def _of_tasks(makers: dict[Callable[[Random], Task], float]) -> Maker:
    """A user of any one task of these, with their shares; six in ten show a few values and ask about others."""

    def draw(random: Random, examples: int, questions: int) -> User:
        task = random.choices(list(makers), list(makers.values()))[0](random)
        showing = Habits(random) if random.random() < 0.6 else random
        shown = [task.draw_pair(showing) for _ in range(examples)]
        return User(shown, [task.draw_pair(random) for _ in range(questions)])

    return draw


draw_short_user = _of_tasks(
    {
        draw_composed_task: 10,
        draw_text_task: 2,
        draw_spelling_task: 1.5,
        draw_number_list_task: 2.2,
        draw_format_task: 4,
        draw_sequence_task: 0.7,
        draw_relation_task: 0.8,
        draw_adding_task: 1.5,
        lambda random: draw_wrapped_task(random, True): 1,
        draw_script_task: 2.6,
    }
)
"""Tasks on a few words or numbers."""

draw_long_user = _of_tasks(
    {
        draw_ticket_task: 4,
        draw_json_task: 1.2,
        draw_record_task: 1.2,
        draw_layout_task: 1.8,
        draw_question_task: 5,
        draw_dialogue_task: 5,
        draw_call_task: 2.5,
        draw_persona_task: 0.6,
        draw_format_task: 0.6,
        draw_composed_task: 0.8,
        draw_script_task: 0.8,
        draw_media_task: 0.9,
    }
)
"""Tasks on sentences, records and dialogues."""


def draw_question_user(random: Random, examples: int, questions: int) -> User:
    """Questions about a few kinds of sentences with few names, asked about other ones."""
    shown, asked = draw_question_tasks(random)
    habits = Habits(random)
    return User(
        [shown.draw_pair(habits) for _ in range(examples)],
        [asked.draw_pair(random) for _ in range(questions)],
    )


draw_finding_user = _of_tasks(
    {
        draw_ticket_task: 6,
        draw_question_task: 1,
        draw_call_task: 2,
        draw_hole_task: 1.5,
        draw_dialogue_task: 2,
        draw_layout_task: 1,
        draw_record_task: 0.5,
        draw_json_task: 0.5,
    }
)
"""Tasks whose answers are found in the text."""

draw_call_user = _of_tasks({draw_call_task: 1})
"""Functions that are never declared."""

draw_text_user = _of_tasks({draw_long_task: 1})
"""Tasks on texts of some hundred tokens."""


def draw_any_user(random: Random, examples: int, questions: int) -> User:
    """Few examples passed many times: compositions, numbers, pairs by heart."""
    makers: tuple[Maker, ...] = (draw_short_user, draw_number_user, draw_memory_user)
    return random.choices(makers, (6, 2.5, 1.5))[0](random, examples, questions)

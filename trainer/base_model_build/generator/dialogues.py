"""Dialogues of two: names replaced or hidden, one-line summaries, who said what; and answers in a role."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from base_model_build.generator.lexicon import PEOPLE, THINGS, UTTERANCES, draw_surname, draw_thing
from base_model_build.generator.phrases import (
    ASKS,
    BLAME,
    CONCERNS,
    FACTS_OF_THINGS,
    INTENTS,
    NEWS,
    PERSONAS,
    PRAISE,
    REPLIES,
    SOFT_PERSONAS,
    TALK,
)
from base_model_build.generator.reading import fill_phrase, raise_first
from base_model_build.generator.tasks import Pair, Task
from base_model_build.generator.tickets import draw_trouble

_TAGS: Final = (
    "#Person{}#: ", "#Person{}: ", "Person {}: ", "[P{}] ", "Speaker {}: ", "S{}: ", "- P{}: ", "<{}> ", "Caller {}: ",
    "{}. ", "#Person{}# ",
)  # fmt: skip
_OPENINGS: Final = (
    "Hi {b}, what do you think of {x}?",
    "{b}, can we talk about {x}?",
    "I have to tell you something about {x}.",
    "Did you hear about {x}?",
    "Hello {b}. It is about {x}.",
    "Let me ask you something: {x}?",
    "{X}, {b}!",
    "Please help me with {x}.",
    "What happened to {x}?",
    "{b}, tell me more about {x}.",
)
_ANSWERS: Final = (
    "{Y}.", "I am afraid {y}.", "Yes {a}, {y}.", "They say {y}.", "Sure, {y}.", "You know, {y}.", "{a}, {y}.",
    "No, {y}.", "As far as I know {y}.", "Listen, {y}.",
)  # fmt: skip


def draw_two(random: Random) -> tuple[str, str]:
    """Two names, now and then an unknown one first."""
    if random.random() < 0.8:
        first, second = random.sample(PEOPLE, 2)
        return first, second
    return draw_surname(random), random.choice(PEOPLE)


def draw_message(random: Random) -> str:
    """What somebody says."""
    kind = random.random()
    if kind < 0.5:
        text = random.choice(UTTERANCES)
    elif kind < 0.75:
        text = fill_phrase(random, random.choice(random.choice((PRAISE, BLAME, FACTS_OF_THINGS))))
    elif kind < 0.9:
        text = fill_phrase(random, random.choice(INTENTS[random.choice(list(INTENTS))]))
    else:
        text = random.choice(random.choice(TALK))
    text = raise_first(text[:70].strip())
    return text if text[-1] in ".!?" else text + random.choice((".", ".", "?", "!"))


class Dialogue:
    """Two speakers and their messages in turns; in some, one calls the other by name."""

    def __init__(self, random: Random, turns: int, calling: bool) -> None:
        self.names = draw_two(random)
        self.messages = []
        for turn in range(turns):
            message, other = draw_message(random), self.names[1 - turn % 2]
            if calling and random.random() < 0.4:
                message = random.choice(
                    (f"{other}, {message}", f"{message[:-1]}, {other}{message[-1]}", f"Hi {other}! {message}")
                )
            self.messages.append(message)

    @property
    def text(self) -> str:
        """One message a line, each after its speaker's name."""
        return "\n".join(f"{self.names[turn % 2]}: {message}" for turn, message in enumerate(self.messages))

    def tagged(self, tag: str) -> str:
        """The dialogue with speakers by number, names in the messages too."""
        mark = tag.strip(" :-.")
        return "\n".join(
            tag.format(turn % 2 + 1)
            + message.replace(self.names[0], mark.format(1)).replace(self.names[1], mark.format(2))
            for turn, message in enumerate(self.messages)
        )


def draw_summary_task(random: Random) -> Task:
    """What the first asks and the second answers, in one line of a fixed form."""
    tag = random.choice(_TAGS).strip(": -.")
    asks, replies = random.choice(ASKS), random.choice(REPLIES)
    joint = random.choice((". ", "; ", "\n", ", "))
    openings, answers = random.sample(_OPENINGS, 4), random.sample(_ANSWERS, 4)
    known = random.random() < 0.5

    def draw(random: Random) -> Pair:
        first, second = draw_two(random)
        article = random.choice(("the", "a", "my", "the"))
        about = random.choice(CONCERNS) if known else f"{article} {draw_thing(random, 0.3)}"
        plain = random.random() < 0.6
        news = (
            fill_phrase(random, random.choice(NEWS)) if plain else f"the {random.choice(THINGS)} {draw_trouble(random)}"
        )
        asked = random.choice(openings).format(b=second, x=about, X=raise_first(about))
        answered = random.choice(answers).format(a=first, y=news, Y=raise_first(news))
        one, two = tag.format(1), tag.format(2)
        told = replies.format(y=news).replace("#Q", one)
        return f"{first}: {asked}\n{second}: {answered}", f"{one} {asks.format(x=about)}{joint}{two} {told}."

    return Task("dialogue summary", draw, ("Summarize.",), closed=True)


_KINDS: Final[dict[str, tuple[str, Callable[[Random, Dialogue, str], Pair]]]] = {
    "tags": ("", lambda random, talk, tag: (talk.text, talk.tagged(tag))),
    "mask": (
        "Hide the names.",
        lambda random, talk, tag: (
            talk.text,
            talk.text.replace(talk.names[0], "[NAME]").replace(talk.names[1], "[NAME]"),
        ),
    ),
    "who": ("Who said the last line?", lambda random, talk, tag: _ask_speaker(random, talk)),
    "last": ("Repeat the last message.", lambda random, talk, tag: (talk.text, talk.messages[-1])),
    "count": ("How many messages?", lambda random, talk, tag: (talk.text, str(len(talk.messages)))),
    "names": ("Who speaks?", lambda random, talk, tag: (talk.text, ", ".join(talk.names))),
    "said": (
        "What was said first?",
        lambda random, talk, tag: (talk.text, f"{talk.names[0]} said: {talk.messages[0]}"),
    ),
}


def _ask_speaker(random: Random, talk: Dialogue) -> Pair:
    turn = random.randrange(len(talk.messages))
    return f"{talk.text}\n{talk.messages[turn]}", talk.names[turn % 2]


def draw_dialogue_task(random: Random, most: int = 4) -> Task:
    """Mostly speakers by number; a dialogue has up to ``most`` messages."""
    if random.random() < 0.25:
        return draw_summary_task(random)
    name = random.choices(list(_KINDS), (4, 1, 1, 1, 1, 1, 1))[0]
    way, write = _KINDS[name]
    tag, calling = random.choice(_TAGS), random.random() < 0.6
    turns = random.choice((2, 2, 2, 3, 4)) if most <= 4 else random.randint(5, most)
    mark = tag.strip(" :-.")

    def draw(random: Random) -> Pair:
        return write(random, Dialogue(random, turns, calling), tag)

    ways = (way or f"Replace the names by {mark.format(1)} and {mark.format(2)}.",)
    return Task(f"dialogue {name}", draw, ways, closed=True)


def draw_persona_task(random: Random) -> Task:
    """Small talk in the manner of somebody."""
    soft = random.random() < len(SOFT_PERSONAS) / len(PERSONAS + SOFT_PERSONAS)
    manner = random.choice(SOFT_PERSONAS if soft else PERSONAS)
    own, name = random.random() < 0.4, random.choice(PEOPLE)

    def draw(random: Random) -> Pair:
        text, answer = random.choice(TALK)
        if own and random.random() < 0.2:
            text, answer = random.choice(("Who are you?", "What is your name?", "Your name?")), f"I am {name}."
        if soft and not answer.startswith("I "):
            answer = answer[0].lower() + answer[1:]
        return text, manner.replace("{}", answer)

    return Task("persona", draw, ("Stay in your role.", "You are a funny assistant.", "Be yourself."), closed=True)

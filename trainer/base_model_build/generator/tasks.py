"""Latent tasks: each maps a text to its answer. An episode of pre-training is several items of one task.

Some items are held out by construction, so that an evaluation can tell learning from memory: an item whose hash
``crc32("<task>|<text>")`` is divisible by 20 is never generated, and neither are the documented pairs for their task.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias

from base_model_build.generator.words import draw_word, invent_word

Pair: TypeAlias = tuple[str, str]

DOCUMENTED_PAIRS: Final[tuple[Pair, ...]] = (
    ("1", "2"),
    ("3", "4"),
    ("-3", "-2"),
    ("twenty two", "twenty three"),
    ("two hundred", "two hundred one"),
    ("ninety nine", "one hundred"),
    ("8", "9"),
    ("-98", "-97"),
    ("1,000", "1,001"),
    ("10,100,000", "10,100,001"),
    ("thirteen", "fourteen"),
    ("eighty", "eighty one"),
    ("one", "two"),
    ("three", "four"),
    ("seven", "eight"),
)
"""The example of the Gemini API's tuning guide: the next number."""

MIRRORED_PAIRS: Final[tuple[Pair, ...]] = tuple((y, x) for x, y in DOCUMENTED_PAIRS)
_DOCUMENTED: Final = {"successor": dict(DOCUMENTED_PAIRS), "predecessor": dict(MIRRORED_PAIRS)}


def is_held_out(task: str, text: str, told: bool = False) -> bool:
    """Whether this item belongs to the evaluation: one in twenty, by hash, and the documented pairs.

    ``told``: the item comes with an instruction. Then the documented pairs are common knowledge and allowed.
    """
    if text in _DOCUMENTED.get(task, ()):
        return not told
    return zlib.crc32(f"{task}|{text}".encode()) % 20 == 0


def documented_items(task: str) -> tuple[Pair, ...]:
    """The documented pairs of a task; none but for the next and the previous number."""
    return tuple(_DOCUMENTED.get(task, {}).items())


@dataclass(frozen=True, slots=True)
class Task:
    """A mapping from texts to answers.

    Attributes:
        name: Stable; part of the hold-out's hash.
        draw: An item of the task, or None where it does not apply.
        instructions: Ways to ask for it; at least one.
        closed: A short list of facts (weekdays, capitals); nothing of it is held out.
        told: Its items come with an instruction, see ``is_held_out``.
    """

    name: str
    draw: Callable[[Random], Pair | None]
    instructions: tuple[str, ...]
    closed: bool = False
    told: bool = False

    def draw_pair(self, random: Random) -> Pair:
        """An item that is not held out.

        Raises:
            ValueError: 200 draws in a row gave none.
        """
        for _ in range(200):
            pair = self.draw(random)
            if pair is not None and (self.closed or not is_held_out(self.name, pair[0], self.told)):
                return pair
        raise ValueError(f"task {self.name!r}: no item outside the hold-out in 200 draws")


# --- sentences around an answer

_OPENINGS: Final = (
    "The answer is {}.",
    "It is {}.",
    "Answer: {}",
    "A: {}",
    "Result = {}",
    "[{}]",
    "({})",
    '"{}"',
    "<b>{}</b>",
    "**{}**",
    "- {}",
    "=> {}",
    "{}!",
    "{}.",
    "OK, {}.",
    "# {}",
    "Sure: {}",
    "I say {}",
    "You get {} now",
    "That makes {}, my friend.",
    '{{"answer": "{}"}}',
)
_ECHOES: Final = ("{0} -> {1}", "{0} = {1}", "{0}, {1}", "from {0} to {1}", "{0} becomes {1}.", "{1} ({0})", "{0}: {1}")


def draw_frame(random: Random) -> str:
    """A sentence with a hole for the answer, ``{1}``, and sometimes one for the question, ``{0}``."""
    kind = random.random()
    if kind < 0.25:
        return random.choice(_ECHOES)
    if kind < 0.6:
        return random.choice(_OPENINGS).replace("{}", "{1}")
    before = " ".join(draw_word(random) for _ in range(random.randint(1, 3)))
    if kind < 0.9:
        return f"{before.capitalize() if random.random() < 0.3 else before} {{1}}"
    return f"{before} {{1}} {invent_word(random) if random.random() < 0.5 else draw_word(random)}"


def wrap_task(task: Task, frame: str) -> Task:
    """The same task, its answers inside a sentence; held-out items stay those of the task."""

    def draw(random: Random) -> Pair | None:
        pair = task.draw(random)
        return None if pair is None else (pair[0], frame.format(*pair))

    ways = tuple(f"{way} Write: {frame.format('…', '_')}" for way in task.instructions)
    return dataclasses.replace(task, draw=draw, instructions=ways)

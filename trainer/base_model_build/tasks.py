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

from base_model_build.numbers import COMMON_FORMS, FORMS, Form, spell_english
from base_model_build.words import (
    CAPITALS,
    OPPOSITES,
    SEQUENCES,
    THINGS,
    TRANSLATIONS,
    VERBS,
    draw_phrase,
    draw_word,
    invent_word,
)

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


@dataclass(frozen=True, slots=True)
class Task:
    """A mapping from texts to answers.

    Attributes:
        name: Stable; part of the hold-out's hash.
        draw: An item of the task, or None where it does not apply.
        instructions: Ways to ask for it; at least one.
        code: Name of its latent code during pre-training, empty for none.
        closed: A short list of facts (weekdays, capitals); nothing of it is held out.
        told: Its items come with an instruction, see ``is_held_out``.
    """

    name: str
    draw: Callable[[Random], Pair | None]
    instructions: tuple[str, ...]
    code: str = ""
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


# --- numbers

NEVER_ADDED: Final = 7
"""n + 7 belongs to the evaluation: the only one-digit addend that no task uses."""

ADDENDS: Final = (2, 2, 3, 4, 5, 6, 8, 9, 10, 10, 10, 20, 50, 100, 1000)
COMMON_ADDENDS: Final = 11
"""The first so many of the addends, all small, are drawn most."""

_NUMBER_TASKS: Final[dict[str, tuple[float, float, tuple[str, ...]]]] = {
    # name: share of bare episodes, share of instructed episodes, instructions
    "copy": (3.0, 1.0, ("Repeat the number.", "Echo.", "Copy.")),
    "successor": (
        2.0,
        3.0,
        (
            "Give the next number.",
            "What number comes next?",
            "Add one.",
            "next number",
            "n + 1",
            "Increment the number.",
            "What comes after this number?",
        ),
    ),
    "predecessor": (
        2.0,
        3.0,
        (
            "Give the previous number.",
            "Subtract one.",
            "previous number",
            "n - 1",
            "What comes before?",
            "Decrement the number.",
        ),
    ),
    "plus": (1.4, 1.2, ()),
    "minus": (0.7, 0.8, ()),
    "spell": (0.8, 0.6, ("Switch between digits and words.", "Other notation.")),
    "reverse": (0.6, 0.4, ("Reverse it.", "Backwards.")),
    "twice": (0.3, 0.2, ("Say it twice.",)),
    "negate": (0.3, 0.3, ("Negate.", "Change the sign.")),
    "parity": (0.2, 0.2, ("Even or odd?", "parity")),
    "sign": (0.15, 0.15, ("Positive or negative?",)),
    "double": (0.2, 0.2, ("Double it.", "n * 2")),
}
_FORM_SHARES: Final = {
    "mixed": 5.0,
    "digits": 2.0,
    "grouped": 2.0,
    "negative": 1.5,
    "words": 4.0,
    "hyphenated": 1.2,
    "roman": 1.6,
    "portuguese": 0.12,
    "spanish": 0.12,
    "french": 0.06,
    "german": 0.1,
}
_ARITHMETIC: Final = {"successor": 1, "predecessor": -1}
NARROW_FORMS: Final = ("mixed", "digits", "grouped", "negative", "words")
NARROW_TASKS: Final = ("copy", "successor", "predecessor", "plus", "spell", "reverse")


def answer_number(task: str, number: int, form: Form, text: str, addend: int = 0) -> str | None:
    """What a number task answers to ``text``, which writes ``number`` in ``form``; None where it has no answer."""
    match task:
        case "copy":
            return text
        case "twice":
            return f"{text} {text}"
        case "reverse":
            return " ".join(text.split()[::-1]) if " " in text or text.isalpha() else text[::-1]
        case "parity":
            return "even" if number % 2 == 0 else "odd"
        case "sign":
            return "negative" if number < 0 else "positive" if number else "zero"
        case "spell":
            if form.name not in ("digits", "grouped", "negative"):
                return str(number)
            return spell_english(number) if abs(number) < 10**6 else None
    result = {
        "double": 2 * number,
        "negate": -number,
        "plus": number + addend,
        "minus": number - addend,
    }.get(task, number + _ARITHMETIC.get(task, 0))
    return form.write(result) if form.can_write(result) else None


_DOCUMENTED_TEXTS: Final = frozenset(text for pair in DOCUMENTED_PAIRS for text in pair)


def make_number_task(
    task: str, forms: tuple[str, ...], level: float, addend: int = 0, *, guarded: bool = False
) -> Task:
    """A number task over some forms.

    Args:
        addend: Of ``plus`` and ``minus``.
        guarded: Never answer a documented number by itself. The documented pairs are kept out of counting; if copying
            showed them all the same, the model would learn that these few numbers are the ones to copy.
    """

    def draw(random: Random) -> Pair | None:
        form = FORMS[random.choice(forms)]
        number = form.draw(random, level)
        text = form.write(number)
        answer = answer_number(task, number, form, text, addend)
        if answer is None or (guarded and answer == text and text in _DOCUMENTED_TEXTS):
            return None
        return text, answer

    if task not in ("plus", "minus"):
        return Task(task, draw, _NUMBER_TASKS[task][2], task)
    sign, verb = ("+", "Add") if task == "plus" else ("-", "Subtract")
    ways = (f"{verb} {addend}.", f"n {sign} {addend}", f"{verb} {spell_english(addend)}.")
    return Task(f"{task}{addend}", draw, ways, f"{task}{addend}")


def _share_of(task: str, instructed: bool, copying: float) -> float:
    bare, told, _ = _NUMBER_TASKS[task]
    return told if instructed else bare * copying if task == "copy" else bare


def draw_number_task(
    random: Random,
    instructed: bool,
    level: float,
    narrow: bool = False,
    guarded: bool = False,
    copying: float = 1.0,
) -> Task:
    """A number task with the mixture's shares; bare episodes mostly copy, instructed ones mostly count.

    Args:
        copying: Multiplies the share of copying among bare episodes.
    """
    names = NARROW_TASKS if narrow else tuple(_NUMBER_TASKS)
    task = random.choices(names, [_share_of(name, instructed, copying) for name in names])[0]
    forms = NARROW_FORMS if narrow or level < 0.3 else tuple(_FORM_SHARES)
    form = random.choices(forms, [_FORM_SHARES[name] for name in forms])[0]
    limited = form in ("portuguese", "spanish", "french", "german", "roman")
    if limited and task in ("negate", "sign"):
        form = "digits"
    addend = 10 if narrow else random.choice((2, 3, 10) if limited else ADDENDS[:COMMON_ADDENDS])
    chosen = COMMON_FORMS if form == "mixed" else (form,)
    return make_number_task(task, chosen, level, addend, guarded=guarded)


def tell_task(task: Task) -> Task:
    """Counting under an instruction: one item in sixteen is a documented pair, so that the base knows their successors.

    What a bare documented number means is still only learned by tuning. Other tasks stay as they are.
    """
    pairs = tuple(_DOCUMENTED.get(task.code, {}).items())
    if not pairs:
        return task

    def draw(random: Random) -> Pair | None:
        return random.choice(pairs) if random.random() < 1 / 16 else task.draw(random)

    return dataclasses.replace(task, draw=draw, told=True)


def list_codes() -> tuple[str, ...]:
    """Names of all tasks that have a latent code, in a fixed order."""
    plain = [name for name in _NUMBER_TASKS if name not in ("plus", "minus")]
    return tuple(plain + [f"{sign}{addend}" for sign in ("plus", "minus") for addend in sorted(set(ADDENDS))])


# --- sequences and word pairs


def draw_sequence_task(random: Random) -> Task:
    """The next or previous weekday, month, letter, season, ordinal."""
    name = random.choice(list(SEQUENCES))
    items, step = SEQUENCES[name], random.choice((1, 1, -1))

    def draw(random: Random) -> Pair:
        index = random.randrange(len(items))
        return items[index], items[(index + step) % len(items)]

    forward = ("What comes next?", "next", "Give the next item.")
    ways = forward if step > 0 else ("What comes before?", "previous")
    return Task(f"{name}{step:+d}", draw, ways, closed=True)


def _conjugate(random: Random, ending: str) -> Pair:
    word = random.choice(VERBS)
    return word, (word[:-1] if word.endswith("e") else word) + ending


def draw_word_pair_task(random: Random) -> Task:
    """Opposites, capitals, plurals, past tense, short translations."""
    kind = random.choice(["opposite", "capital", "country", "plural", "past", "ing", *TRANSLATIONS, "English"])
    ways: tuple[str, ...]
    if kind in TRANSLATIONS or kind == "English":
        language = kind if kind in TRANSLATIONS else "Portuguese"
        pairs = [pair.split("/") for pair in TRANSLATIONS[language].split()]
        order = 1 if kind in TRANSLATIONS else -1
        return Task(kind, lambda random: _orient(random.choice(pairs), order), (f"Translate to {kind}.",), closed=True)
    if kind == "opposite":
        ways = ("Opposite.", "Give the opposite word.")
        return Task(kind, lambda random: _orient(random.choice(OPPOSITES), random.choice((1, -1))), ways, closed=True)
    if kind in ("capital", "country"):
        order = 1 if kind == "capital" else -1
        ways = ("Capital city?", "What is the capital?") if kind == "capital" else ("Which country?",)
        return Task(kind, lambda random: _orient(random.choice(CAPITALS), order), ways, closed=True)
    if kind == "plural":
        return Task(kind, lambda random: _pluralize(random.choice(THINGS)), ("Plural.",), closed=True)
    ways = ("Past tense.",) if kind == "past" else ("Use the -ing form.",)
    return Task(kind, lambda random: _conjugate(random, "ed" if kind == "past" else "ing"), ways, closed=True)


def _orient(pair: list[str], order: int) -> Pair:
    first, second = pair[::order]
    return first, second


def _pluralize(word: str) -> Pair:
    return word, word + ("es" if word[-1] in "sxh" else "s")


# --- texts

_TEXT_TASKS: Final[dict[str, tuple[Callable[[str, list[str]], str], tuple[str, ...]]]] = {
    "copy_text": (lambda text, words: text, ("Repeat.", "Echo the text.", "Copy.")),
    "upper": (lambda text, words: text.upper(), ("Upper case.", "Make it upper case.")),
    "lower": (lambda text, words: text.lower(), ("Lower case.",)),
    "title": (lambda text, words: text.title(), ("Title case.",)),
    "reverse_words": (lambda text, words: " ".join(words[::-1]), ("Reverse the words.",)),
    "first_word": (lambda text, words: words[0], ("First word.",)),
    "second_word": (lambda text, words: words[1], ("Second word.",)),
    "last_word": (lambda text, words: words[-1], ("Last word.",)),
    "first_letter": (lambda text, words: text[0], ("First letter.",)),
    "count_words": (lambda text, words: str(len(words)), ("Count the words.",)),
    "sort_words": (lambda text, words: " ".join(sorted(words)), ("Sort the words.",)),
    "commas": (lambda text, words: ", ".join(words), ("Separate with commas.",)),
    "underscores": (lambda text, words: "_".join(words), ("Join with underscores.",)),
    "hyphens": (lambda text, words: "-".join(words), ("Join with hyphens.",)),
    "twice_text": (lambda text, words: f"{text} {text}", ("Say it twice.",)),
    "first_upper": (lambda text, words: words[0].upper(), ("First word in upper case.",)),
    "last_upper": (lambda text, words: words[-1].upper(), ("Last word in upper case.",)),
    "swap_ends": (
        lambda text, words: " ".join([words[-1], *words[1:-1], words[0]]),
        ("Swap the first and the last word.",),
    ),
}
"""The second word in upper case belongs to the evaluation: its parts are here, the whole is not."""


def draw_text_task(random: Random) -> Task:
    """Case, order, choice and joining of words; sorting and comparing small numbers."""
    if random.random() < 0.2:
        return _draw_list_task(random)
    name = random.choice(list(_TEXT_TASKS))
    apply, ways = _TEXT_TASKS[name]
    most = random.choice((3, 5))

    def draw(random: Random) -> Pair:
        text = draw_phrase(random, 2, most)
        return text, apply(text, text.split())

    return Task(name, draw, ways)


_LIST_TASKS: Final[dict[str, tuple[Callable[[list[int]], str], str]]] = {
    "ascending": (lambda numbers: " ".join(map(str, sorted(numbers))), "Sort ascending."),
    "descending": (lambda numbers: " ".join(map(str, sorted(numbers, reverse=True))), "Sort descending."),
    "largest": (lambda numbers: str(max(numbers)), "Largest number."),
    "smallest": (lambda numbers: str(min(numbers)), "Smallest number."),
    "compare": (lambda n: ">" if n[0] > n[1] else "<" if n[0] < n[1] else "=", "Compare."),
}


def _draw_list_task(random: Random) -> Task:
    name = random.choice(list(_LIST_TASKS))
    apply, way = _LIST_TASKS[name]
    most = 2 if name == "compare" else 4

    def draw(random: Random) -> Pair:
        numbers = [random.randrange(100) for _ in range(random.randint(2, most))]
        return " ".join(map(str, numbers)), apply(numbers)

    return Task(name, draw, (way,))


# --- sentence wrappers

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
    return Task(task.name, draw, ways, closed=task.closed)

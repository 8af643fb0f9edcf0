"""Tasks on numbers: counting, adding, other notations, lists of numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from random import Random
from typing import Final

from base_model_build.generator.numbers import (
    COMMON_FORMS,
    FORMS,
    LANGUAGE_SHARES,
    LANGUAGES,
    NUMERALS,
    Form,
    spell_english,
)
from base_model_build.generator.tasks import DOCUMENTED_PAIRS, Pair, Task, documented_items

NEVER_ADDED: Final = 7
"""n + 7 belongs to the evaluation: the only one-digit addend that no task uses."""

ADDENDS: Final = (2, 2, 3, 4, 5, 6, 8, 9, 10, 10, 10, 20, 50, 100, 1000)
COMMON_ADDENDS: Final = 11
"""The first so many of the addends, all small, are drawn most."""

_NUMBER_TASKS: Final[dict[str, tuple[float, float, tuple[str, ...]]]] = {
    # name: share of bare episodes, share of instructed episodes, instructions
    "copy": (2.25, 1.0, ("Repeat the number.", "Echo.", "Copy.")),
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
    "mixed": 6.0,
    "digits": 2.0,
    "grouped": 2.0,
    "negative": 1.5,
    "words": 4.0,
    "hyphenated": 1.2,
    "roman": 2.2,
    "language": 5.0,
}
_ARITHMETIC: Final = {"successor": 1, "predecessor": -1}


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
_NEVER_DOUBLED: Final = (1, 7)
"""1 -> 2 and 7 -> 14 belong to the evaluation, whatever the task is called and the numbers are written like."""


def make_number_task(task: str, forms: tuple[str, ...], level: float, addend: int = 0) -> Task:
    """A number task over some forms.

    A documented number is never answered by itself. The documented pairs are kept out of counting; if copying showed
    these numbers all the same, the model would learn that they are the ones to copy.

    Args:
        level: 0 small numbers, 1 everything, above 1 more long ones.
        addend: Of ``plus`` and ``minus``.
    """

    def draw(random: Random) -> Pair | None:
        form = FORMS[random.choice(forms)]
        number = form.draw(random, level)
        text = form.write(number)
        answer = answer_number(task, number, form, text, addend)
        if answer is None or (answer == text and text in _DOCUMENTED_TEXTS):
            return None
        if task == "double" and number in _NEVER_DOUBLED:
            return None
        return text, answer

    if task not in ("plus", "minus"):
        return Task(task, draw, _NUMBER_TASKS[task][2])
    sign, verb = ("+", "Add") if task == "plus" else ("-", "Subtract")
    ways = (f"{verb} {addend}.", f"n {sign} {addend}", f"{verb} {spell_english(addend)}.")
    return Task(f"{task}{addend}", draw, ways)


def draw_language(random: Random) -> str:
    """A form of another language, the common ones more often."""
    return random.choices(LANGUAGES, LANGUAGE_SHARES)[0]


def draw_number_task(random: Random, told: bool, level: float = 1.0) -> Task:
    """A number task with the mixture's shares; bare episodes mostly copy, those with an instruction mostly count."""
    shares = [instructed if told else bare for bare, instructed, _ in _NUMBER_TASKS.values()]
    task = random.choices(list(_NUMBER_TASKS), shares)[0]
    form = random.choices(list(_FORM_SHARES), list(_FORM_SHARES.values()))[0]
    limited = form in ("language", "roman")
    if form == "language":
        form = draw_language(random)
    if limited and task in ("negate", "sign"):
        form = "digits"
    addend = random.choice((2, 3, 5, 10) if limited else ADDENDS[:COMMON_ADDENDS])
    made = make_number_task(task, COMMON_FORMS if form == "mixed" else (form,), level, addend)
    return tell_task(made) if told else made


def tell_task(task: Task) -> Task:
    """Counting under an instruction: one item in sixteen is a documented pair, so that the base knows their successors.

    What a bare documented number means is still only learned by tuning. Other tasks stay as they are.
    """
    pairs = tuple(documented_items(task.name))
    if not pairs:
        return task

    def draw(random: Random) -> Pair | None:
        return random.choice(pairs) if random.random() < 1 / 16 else task.draw(random)

    return dataclasses.replace(task, draw=draw, told=True)


def draw_counting_task(random: Random, told: bool, small: bool = False, foreign: bool = False) -> Task:
    """The next or the previous number in one form, as the instruction says; without one, the same number.

    Elsewhere the direction is a small part of what there is to learn: for a long time a model counts well, but up or
    down by chance.
    """
    mixed = (*COMMON_FORMS, "digits", "hyphenated", "roman", "language", "language", "language")
    form = "language" if foreign else random.choice(COMMON_FORMS if small else mixed)
    forms = (draw_language(random) if form == "language" else form,)
    level = 0.2 if small else random.choice((0.2, 1.0, 1.3))
    if not told:
        return make_number_task("copy", forms, level)
    return tell_task(make_number_task(random.choice(("successor", "predecessor")), forms, level))


def draw_addend(random: Random) -> int:
    """Two to ninety-nine, mostly below thirty, and never with a seven at its end."""
    while True:
        addend = random.randint(2, 30 if random.random() < 0.8 else 99)
        if addend % 10 != NEVER_ADDED:
            return addend


def draw_adding_task(random: Random, level: float = 1.0) -> Task:
    """n ± k for any k but those that end in seven."""
    kinds = ("digits", "words", "grouped", "negative", "hyphenated")
    forms = COMMON_FORMS if random.random() < 0.6 else (random.choice(kinds),)
    return make_number_task(random.choice(("plus", "plus", "minus")), forms, level, draw_addend(random))


def draw_notation_task(random: Random) -> Task:
    """Digits in words of another language, or back."""
    name, back = draw_language(random), random.random() < 0.4
    words = NUMERALS[name]

    def draw(random: Random) -> Pair:
        number = FORMS[name].draw(random, 1.0)
        return (words[number], str(number)) if back else (str(number), words[number])

    title = name.capitalize()
    ways = (f"In digits ({title}).", "digits") if back else (f"Write in {title}.", f"{title} number")
    return Task(f"notation {name} {back}", draw, ways)


# --- lists of numbers

_CHOICES: Final[dict[str, Callable[[list[int]], int]]] = {
    "largest": max,
    "smallest": min,
    "first": lambda numbers: numbers[0],
    "last": lambda numbers: numbers[-1],
    "sum": sum,
    "difference": lambda numbers: numbers[0] - numbers[1],
    "count": len,
    "second": lambda numbers: numbers[1],
}
_ENDINGS: Final = ("", "", "", "plus", "words", "wrap", "minus")


def _separate(random: Random, names: list[str]) -> str:
    if "sum" in names:
        return random.choice((" + ", "+", " ", " and ", ", "))
    if "difference" in names:
        return random.choice((" - ", " ", "-", ", "))
    return random.choice((" ", " ", ", ", " and ", "-", "; ", " / "))


def draw_number_list_task(random: Random) -> Task:
    """One or two of: the largest, smallest, first, last, second, the sum, the difference, how many; changed or not.

    The larger of two numbers plus one, and the last and the first with a hyphen, belong to the evaluation and are never
    an answer.
    """
    names = [random.choice(list(_CHOICES)) for _ in range(random.choice((1, 1, 1, 2)))]
    two = "sum" in names or "difference" in names
    count = 2 if two else random.randint(2, random.choice((2, 3, 4)))
    top = min(random.choice((10, 20, 100, 100, 1000)), 100 if two else 1000)
    separator, joint = _separate(random, names), random.choice((" ", "-", ", ", "/", " > "))
    ending = random.choice(_ENDINGS)
    addend = draw_addend(random) if random.random() < 0.5 else random.choice((2, 3, 5, 10))
    frame = random.choice(("({})", "[{}]", "= {}", "{} points", "no. {}", "{}!"))
    change = {"plus": addend, "minus": -addend}.get(ending, 0)

    def draw(random: Random) -> Pair | None:
        numbers = [random.randrange(top) for _ in range(count)]
        if two and numbers[1] % 10 == NEVER_ADDED:
            return None
        values = [_CHOICES[name](numbers) + change for name in names]
        answer = joint.join(spell_english(value) if ending == "words" else str(value) for value in values)
        if (count == 2 and answer == str(max(numbers) + 1)) or answer == f"{numbers[-1]}-{numbers[0]}":
            return None
        return separator.join(map(str, numbers)), frame.format(answer) if ending == "wrap" else answer

    told = {"plus": f" plus {addend}", "minus": f" minus {addend}", "words": " in words"}.get(ending, "")
    name = " and ".join(names) + told
    return Task(f"numbers: {name}", draw, (name, f"Give the {name}."), closed=True)


def draw_sorting_task(random: Random) -> Task:
    """Numbers in order, or two compared."""
    kind = random.choice(("ascending", "descending", "compare"))
    separator, joint = random.choice((" ", " ", ", ", "; ")), random.choice((" ", ", ", " < ", "-"))
    most, top = (2 if kind == "compare" else 4), random.choice((10, 100, 100, 1000))

    def draw(random: Random) -> Pair:
        numbers = [random.randrange(top) for _ in range(random.randint(2, most))]
        text = separator.join(map(str, numbers))
        if kind == "compare":
            return text, ">" if numbers[0] > numbers[1] else "<" if numbers[0] < numbers[1] else "="
        return text, joint.join(map(str, sorted(numbers, reverse=kind == "descending")))

    return Task(f"sort {kind}", draw, ("Compare.",) if kind == "compare" else (f"Sort {kind}.", "Sort."), closed=True)

"""What the evaluation asks: items that pre-training never generates, and three tasks that are in no mixture."""

from __future__ import annotations

from random import Random
from typing import Final

from base_model_build.generator.number_tasks import NEVER_ADDED, answer_number
from base_model_build.generator.numbers import FORMS, Form, draw_magnitude, group_digits, spell_english
from base_model_build.generator.tasks import DOCUMENTED_PAIRS, Pair, is_held_out
from base_model_build.generator.words import CITIES, NAMES, VOCABULARY

FORM_COUNTS: Final = {"digits": 30, "grouped": 30, "negative": 20, "words": 40}
"""Items of each common form in one set."""

FAR_COUNTS: Final = {"roman": 14, "hyphenated": 25, "digits": 20, "grouped": 20}
"""Items of forms that no tuning example shows; digits have five to twelve places here, grouped ones eight to twelve."""

_TOPS: Final = {"digits": 10**4, "grouped": 10**7, "negative": 10**3, "words": 10**4, "roman": 400, "hyphenated": 1000}


def _draw_number(random: Random, form: str, far: bool) -> int:
    if far and form in ("digits", "grouped"):
        return draw_magnitude(random, 12, 5 if form == "digits" else 8)
    if form == "digits":
        return draw_magnitude(random, 4)
    if form == "grouped":
        return draw_magnitude(random, 7, 4)
    if form == "negative":
        return -max(1, draw_magnitude(random, 3))
    top = _TOPS[form]
    if form == "hyphenated":
        return random.randrange(0, 1000, 100) + random.randrange(2, 10) * 10 + random.randrange(1, 10)
    return random.randrange(1, random.choice((100, min(1000, top), min(1000, top), top)))


def draw_number_items(task: str, counts: dict[str, int], *, far: bool = False, seed: int = 7) -> dict[str, list[Pair]]:
    """Held-out items of a number task by form, all different; the documented pairs are not among them.

    Raises:
        ValueError: a form has fewer held-out items than asked for.
    """
    random = Random(f"{seed}/{task}/{far}")
    documented = {text for pair in DOCUMENTED_PAIRS for text in pair}
    items: dict[str, list[Pair]] = {}
    for name, count in counts.items():
        form, found = FORMS[name], dict[str, str]()
        for _ in range(50_000):
            if len(found) == count:
                break
            number = _draw_number(random, name, far)
            text = form.write(number)
            answer = answer_number(task, number, form, text)
            if answer is not None and is_held_out(task, text) and text not in documented:
                found[text] = answer
        if len(found) < count:
            raise ValueError(f"{task} {name}: only {len(found)} of {count} held-out items found")
        items[name] = list(found.items())
    return items


# --- classification

CLASS_CUES: Final = {
    "fruit": "mango kiwi peach lemon cherry papaya fig melon".split(),
    "metal": "copper zinc iron nickel lead tin cobalt steel".split(),
    "sea": "whale coral shark reef squid kelp wave tide".split(),
}
"""Words that stand for each class; none is in the generator's lexicon."""

SHOWN_SENTENCES: Final = (
    "Hi, my {a} shows a {b} problem",
    "question about {a} and {b}",
    "please check the {a}, also {b}",
    "we see {a} / {b} since Monday",
    "{a} {b} help",
)
ASKED_SENTENCES: Final = (
    "Dear team, {b} and the {a} again",
    "can you look at {a}? {b} too",
    "the {a} for order 55 ({b})",
)


def draw_class_items(sentences: tuple[str, ...], count: int, seed: int) -> list[Pair]:
    """Sentences with two cue words of one class, and its name."""
    random = Random(f"{seed}/classes")
    items = []
    for index in range(count):
        label = list(CLASS_CUES)[index % len(CLASS_CUES)]
        a, b = random.sample(CLASS_CUES[label], 2)
        items.append((random.choice(sentences).format(a=a, b=b), label))
    return items


# --- fixed format

SURNAMES: Final = "Lima Okafor Brandt Novak Rossi Haddad Silva Moreau Jansen Kowalski".split()


def draw_format_items(count: int, seed: int) -> list[Pair]:
    """A record of three fields in, the fields in another order and layout out. The layout is not the generator's."""
    random = Random(f"{seed}/format")
    items: dict[str, str] = {}
    while len(items) < count:
        name, city = f"{random.choice(NAMES)} {random.choice(SURNAMES)}", random.choice(CITIES)
        age = str(random.randrange(18, 90))
        items[f"name: {name}, city: {city}, age: {age}"] = f"<{city}> {age} ~ {name}"
    return list(items.items())


# --- tasks in no mixture

_DOCUMENTED_NUMBERS: Final = (1, 3, -3, 22, 200, 99, 8, -98, 1000, 10_100_000, 13, 80, 1, 3, 7)


def _find_form(text: str) -> Form:
    return FORMS["words" if text[0].isalpha() else "grouped" if "," in text else "digits"]


def _flatten(items: dict[str, list[Pair]]) -> list[Pair]:
    return [pair for pairs in items.values() for pair in pairs]


def make_addition_items() -> tuple[list[Pair], list[Pair]]:
    """n + 7: the only one-digit addend that the mixture leaves out."""
    numbers = zip(DOCUMENTED_PAIRS, _DOCUMENTED_NUMBERS, strict=True)
    shown = [(text, _find_form(text).write(number + NEVER_ADDED)) for (text, _), number in numbers]
    random, asked = Random("addition"), dict[str, str]()
    writers = (str, group_digits, spell_english)
    while len(asked) < 60:
        write = writers[len(asked) % 3]
        number = draw_magnitude(random, 6, 4) if write is group_digits else draw_magnitude(random, 3)
        if write(number) not in {text for text, _ in shown}:
            asked[write(number)] = write(number + NEVER_ADDED)
    return shown, list(asked.items())


def make_sentence_items() -> tuple[list[Pair], list[Pair]]:
    """The next number inside a sentence whose words are in no frame of the mixture."""
    asked = _flatten(draw_number_items("successor", {"digits": 15, "grouped": 15, "negative": 10, "words": 20}, seed=8))
    frame = "the next is {}"
    return [(x, frame.format(y)) for x, y in DOCUMENTED_PAIRS], [(x, frame.format(y)) for x, y in asked]


def make_composition_items() -> tuple[list[Pair], list[Pair]]:
    """The second word of a phrase, in upper case: the mixture has either part, never both."""
    random = Random("composition")
    phrases = [random.sample(VOCABULARY, random.randint(2, 4)) for _ in range(75)]
    pairs = [(" ".join(words), words[1].upper()) for words in phrases]
    return pairs[:15], pairs[15:]

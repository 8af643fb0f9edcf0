"""Ways to write a number: digits, grouped digits, words in sixteen languages, roman numerals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from base_model_build.data import read_data

NUMERALS: Final[dict[str, list[str]]] = read_data("numerals")
"""language -> its words for 0 to 1000."""
ONES: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
TENS: Final = "- ten twenty thirty forty fifty sixty seventy eighty ninety".split()
SCALES: Final = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"), (100, "hundred"))
ROMAN_DIGITS: Final = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"),
    (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip


def spell_english(number: int, hyphen: str = " ") -> str:
    """``-42`` is ``minus forty two``; ``hyphen`` stands between tens and ones."""
    if number < 0:
        return "minus " + spell_english(-number, hyphen)
    for value, word in SCALES:
        if number >= value:
            head = spell_english(number // value, hyphen) + " " + word
            return head + (" " + spell_english(number % value, hyphen) if number % value else "")
    if number < 20:
        return ONES[number]
    return TENS[number // 10] + (hyphen + ONES[number % 10] if number % 10 else "")


def spell_english_hyphenated(number: int) -> str:
    """``42`` is ``forty-two``."""
    return spell_english(number, "-")


def write_roman(number: int) -> str:
    """``14`` is ``XIV``. Only for numbers above zero."""
    text = ""
    for value, digit in ROMAN_DIGITS:
        while number >= value:
            text, number = text + digit, number - value
    return text


def group_digits(number: int) -> str:
    """``1000`` is ``1,000``."""
    return f"{number:,}"


def draw_magnitude(random: Random, places: int, fewest: int = 1) -> int:
    """A number of ``fewest`` to ``places`` digits, every length as likely.

    Three in ten sit near a carry, where the smaller half may be zero.
    """
    digits = random.randint(fewest, places)
    number = random.randrange(10 ** (digits - 1) if digits > 1 else 0, 10**digits)
    if random.random() < 0.3:
        unit = 10 ** random.randint(1, digits)
        number = number // unit * unit + (unit - 1 if random.random() < 0.6 else 0)
    return number


def _draw_digits(random: Random, level: float) -> int:
    if level > 0.4 and random.random() < (0.12 if level <= 1 else 0.3):
        return draw_magnitude(random, 12)
    return draw_magnitude(random, 2 + round(2.5 * level))


def _draw_grouped(random: Random, level: float) -> int:
    if random.random() < 0.1:
        return draw_magnitude(random, 3)
    places = 12 if random.random() < 0.2 * level else 8 if random.random() < 0.2 * level else 4 + round(2 * level)
    return draw_magnitude(random, places, 4)


def _draw_negative(random: Random, level: float) -> int:
    return -draw_magnitude(random, 3 if level < 0.8 or random.random() < 0.9 else 6)


def _draw_words(random: Random, level: float) -> int:
    tops = [20, 100, 100, 1000, 1000, 10_000 if level > 0.4 else 100]
    if random.random() < 0.15:
        return random.choice([9, 19, 29, 39, 49, 59, 69, 79, 89, 99, 199, 999, 1999]) + random.randrange(10) * 100
    if level > 0.8 and random.random() < 0.08:
        return random.choice(
            [random.randrange(10**6), random.randrange(1, 1000) * 1000, random.randrange(1, 99) * 10**6]
        )
    return random.randrange(random.choice(tops))


def _draw_roman(random: Random, _level: float) -> int:
    return random.randrange(1, random.choice((12, 20, 40, 100, 100, 400)))


def _draw_small(random: Random, _level: float) -> int:
    if random.random() < 0.2:  # where the tens change
        return random.randrange(10, 1000 if random.random() < 0.2 else 100, 10) - random.randrange(2)
    return random.randrange(random.choice((20, 40, 100, 100, 1000)))


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write numbers.

    Attributes:
        write: Number to text; only called inside ``low`` to ``high``.
        draw: A number from (random, level), level 0 easy to 1 everything.
        low, high: What can be written, both ends included.
    """

    name: str
    write: Callable[[int], str]
    draw: Callable[[Random, float], int]
    low: int = -(10**12)
    high: int = 10**12 + 10**4

    def can_write(self, number: int) -> bool:
        """Whether the number is in the form's range."""
        return self.low <= number <= self.high


FORMS: Final = {
    form.name: form
    for form in (
        Form("digits", str, _draw_digits),
        Form("grouped", group_digits, _draw_grouped),
        Form("negative", str, _draw_negative),
        Form("words", spell_english, _draw_words),
        Form(
            "hyphenated",
            spell_english_hyphenated,
            lambda random, level: random.randrange(random.choice([100, 100, 1000])),
        ),
        Form("roman", write_roman, _draw_roman, low=1, high=3999),
        *(Form(name, words.__getitem__, _draw_small, low=0, high=1000) for name, words in NUMERALS.items()),
    )
}
LANGUAGES: Final = tuple(NUMERALS)
"""Forms of languages other than English."""
LANGUAGE_SHARES: Final = tuple(
    3 if name in ("french", "portuguese", "spanish", "german", "turkish", "italian") else 1 for name in LANGUAGES
)
COMMON_FORMS: Final = ("digits", "grouped", "negative", "words", "words")
"""What an episode of mixed forms draws from."""

"""Words and strings in the world's scripts: copied, taken apart, translated, followed by the next, learned by heart."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

from base_model_build.data import read_data
from base_model_build.generator.lexicon import FREQUENT, UTTERANCES, draw_any_word
from base_model_build.generator.tasks import Pair, Task

_LANGUAGES: Final[dict[str, dict[str, Any]]] = read_data("scripts")
_FREQUENT: Final = frozenset("ru he ar hi ja zh ko el th uk".split())
_OTHER_SCRIPTS: Final = frozenset("bg sr fa ur mr bn ta te gu ka hy am my km lo ne si".split())
_CODES: Final = tuple(_LANGUAGES)
_SHARES: Final = [3.0 if code in _FREQUENT else 1.6 if code in _OTHER_SCRIPTS else 1.0 for code in _CODES]
WORDS: Final[dict[str, list[str]]] = {
    code: [name for _, name in each["countries"] + each["languages"]] + each["days"] + each["months"]
    for code, each in _LANGUAGES.items()
}
"""language -> names of countries, languages, weekdays, months."""

BLOCKS: Final = (
    (0x410, 0x44F), (0x391, 0x3C9), (0x5D0, 0x5EA), (0x627, 0x64A), (0x905, 0x939), (0x995, 0x9B9), (0xB95, 0xBB9),
    (0xE01, 0xE2E), (0x3041, 0x3093), (0x30A1, 0x30F3), (0x4E00, 0x9FA0), (0xAC00, 0xD7A0), (0x1F300, 0x1F5FF),
    (0x1F600, 0x1F64F), (0x1F680, 0x1F6C0), (0x2600, 0x26F0), (0xC0, 0x17E), (0x10D0, 0x10F0), (0x561, 0x587),
    (0x1200, 0x1350),
)  # fmt: skip
"""Code points of letters, signs and pictures, first and last."""


def draw_language(random: Random) -> str:
    """A language's code; those of other scripts than Latin more often."""
    return random.choices(_CODES, _SHARES)[0]


def draw_glyphs(random: Random, most: int = 7) -> str:
    """Up to ``most`` characters of one block in a row; no word of any language."""
    first, last = random.choice(BLOCKS)
    return "".join(chr(random.randint(first, last)) for _ in range(random.randint(1, most)))


def draw_words(random: Random, code: str, most: int = 3, characters: int = 26) -> str:
    """Words of a language in a row, as many as fit."""
    text = " ".join(random.choice(WORDS[code]) for _ in range(random.randint(1, most)))
    while len(text) > characters and " " in text:
        text = text.rsplit(" ", 1)[0]
    return text


_CHANGES: Final[dict[str, tuple[Callable[[str], str], str]]] = {
    "echo": (str, "Repeat."),
    "first": (lambda text: text.split()[0], "First word."),
    "last": (lambda text: text.split()[-1], "Last word."),
    "count": (lambda text: str(len(text.split())), "Count the words."),
    "dot": (lambda text: text + ".", "Add a dot."),
    "quote": (lambda text: f'"{text}"', "Quote it."),
    "turned": (lambda text: " ".join(text.split()[::-1]), "Reverse the words."),
    "upper": (str.upper, "Upper case."),
    "shout": (lambda text: text + "!", "Shout."),
    "letters": ("-".join, "Spell it with hyphens."),
    "spelled": (lambda text: " ".join(text.replace(" ", "")), "Spell it."),
    "backwards": (lambda text: text[::-1], "Backwards."),
    "initial": (lambda text: text[0], "First letter."),
}


def _draw_change(random: Random, code: str) -> Task:
    name, most = random.choice(list(_CHANGES)), random.choice((1, 2, 3))
    change, way = _CHANGES[name]
    frame = random.choice(("{}", "{}", "{}", "{}: {}", "{} - {}"))

    def draw(random: Random) -> Pair:
        text = draw_words(random, code, most, 12 if name in ("letters", "spelled", "backwards") else 26)
        text = text if frame == "{}" else frame.format(random.choice(FREQUENT[:1500]), text)
        return text, change(text)

    return Task(f"script {name}", draw, (way,), closed=True)


def _draw_glyph_task(random: Random) -> Task:
    name = random.choice(("echo", "echo", "echo", "letters", "spelled", "backwards", "quote"))
    change, way = _CHANGES[name]

    def draw(random: Random) -> Pair:
        text = draw_glyphs(random, 12 if name == "echo" else 7)
        return text, change(text)

    return Task(f"glyphs {name}", draw, (way,), closed=True)


def _draw_translation(random: Random, code: str) -> Task:
    pairs = _LANGUAGES[code][random.choice(("countries", "countries", "languages"))]
    name, home = _LANGUAGES[code]["name"], random.random() < 0.5
    ways = ("Translate to English.", "In English:", "English.") if home else (f"Translate to {name}.", f"In {name}:")

    def draw(random: Random) -> Pair:
        english, own = random.choice(pairs)
        return (own, english) if home else (english, own)

    return Task(f"translate {code}", draw, ways, closed=True)


def _draw_following(random: Random, code: str) -> Task:
    items, step = _LANGUAGES[code][random.choice(("days", "months"))], random.choice((1, 1, -1))

    def draw(random: Random) -> Pair:
        place = random.randrange(len(items))
        return items[place], items[(place + step) % len(items)]

    way = "What comes next?" if step > 0 else "What comes before?"
    return Task("following", draw, (way,), closed=True)


def draw_script_task(random: Random) -> Task:
    """Mostly copying and spelling; some names translated, some weekdays and months in a row."""
    code, kind = draw_language(random), random.random()
    if kind < 0.45:
        return _draw_change(random, code)
    if kind < 0.7:
        return _draw_glyph_task(random)
    return _draw_translation(random, code) if kind < 0.95 else _draw_following(random, code)


def draw_phrase(random: Random, code: str, characters: int) -> str:
    """A short text of a language, or of English where ``code`` is empty."""
    if code:
        text = draw_words(random, code, 3, characters) if random.random() < 0.8 else draw_glyphs(random, 12)
    elif random.random() < 0.5:
        text = random.choice(UTTERANCES)
    else:
        text = " ".join(draw_any_word(random) for _ in range(random.randint(1, 4)))
    return text[:characters].strip()


def draw_unrelated_pairs(random: Random, count: int) -> list[Pair]:
    """Pairs that follow no rule, all of one language or of two: what is shown can only be learned by heart.

    Raises:
        ValueError: fewer than three different questions came up.
    """
    asked = draw_language(random) if random.random() < 0.7 else ""
    answered = asked if random.random() < 0.75 else draw_language(random)
    pairs = {draw_phrase(random, asked, 24): draw_phrase(random, answered, 24) for _ in range(count)}
    kept = [(text, answer) for text, answer in pairs.items() if text and answer]
    if len(kept) < 3:
        raise ValueError("draw_unrelated_pairs: too few different ones")
    return kept

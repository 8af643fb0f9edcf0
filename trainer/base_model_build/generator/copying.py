"""Copying: a text again, or what stands in one place of a sentence, whatever words it is made of.

Answers about a text, records and calls are mostly copies. What is copied here means nothing, so it cannot be known.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from base_model_build.generator.classification import draw_template
from base_model_build.generator.lexicon import FREQUENT, draw_any_word, draw_surname
from base_model_build.generator.tasks import DOCUMENTED_PAIRS, Pair, Task


def _draw_code(random: Random) -> str:
    return f"{random.choice('ABCDEFGHKLMNPRSTXZ')}{random.randrange(1000)}"


def _draw_time(random: Random) -> str:
    return f"{random.randrange(24)}:{random.randrange(60):02d}"


_WORDS: Final[tuple[tuple[float, Callable[[Random], str]], ...]] = (
    (6, draw_any_word),
    (3, draw_surname),
    (1, lambda random: str(random.randrange(10 ** random.randint(1, 5)))),
    (0.5, _draw_code),
    (0.5, _draw_time),
)


def draw_span(random: Random, most: int) -> str:
    """One to ``most`` words, names, numbers, in any order; more words are less likely."""
    shares, makers = [share for share, _ in _WORDS], [maker for _, maker in _WORDS]
    count = min(random.randint(1, most), random.randint(1, most))
    return " ".join(random.choices(makers, shares)[0](random) for _ in range(count))


_DOCUMENTED_TEXTS: Final = frozenset(text for pair in DOCUMENTED_PAIRS for text in pair)


def _twice(text: str) -> Pair | None:
    """The text and itself, but for documented numbers; see ``make_number_task``."""
    return None if text in _DOCUMENTED_TEXTS else (text, text)


def draw_echo_task(random: Random) -> Task:
    """The whole text again."""
    most = random.choice((2, 6, 16))
    return Task("echo", lambda random: _twice(draw_span(random, most)), ("Repeat.", "Echo.", "Copy the text."))


def draw_hole_task(random: Random) -> Task:
    """What stands in the hole of one to three sentences; or what stands in both holes, as fields."""
    count = random.choice((1, 1, 2, 3))
    holes = random.choice((1, 1, 2))
    templates: list[str] = []
    while len(templates) < count:
        text, found = draw_template(random)
        if found == holes and len(text) > 2 * holes + 3:
            templates.append(text)
    key, other = random.sample(FREQUENT, 2)
    form = "{}" if holes == 1 else random.choice(("{} {}", "{}, {}", "{} / {}", "{}\n{}"))
    if random.random() < 0.5:
        form = f'{{{{"{key}": "{{}}"}}}}' if holes == 1 else f'{{{{"{key}": "{{}}", "{other}": "{{}}"}}}}'
    elif random.random() < 0.3:
        form = f"{key}: {{}}" if holes == 1 else f"{key}: {{}}; {other}: {{}}"

    def draw(random: Random) -> Pair:
        values = [draw_span(random, 4) for _ in range(holes)]
        return random.choice(templates).format(*values), form.format(*values)

    ways = ("Find it: " + templates[0].format(*["…"] * holes), "Write: " + form.format(*["…"] * holes))
    return Task("hole", draw, ways)


_LISTS: Final = (" ", " ", ", ", "\n", "; ", " and ", " / ", "\n- ")
_ENCLOSED: Final = ('"{}"', '"{}"', '"{}"', "({})", "[{}]", "'{}'", "{}", "{}", "<{}>", "*{}*", "#{}", "/{}", "{}:")


def draw_list_task(random: Random) -> Task:
    """Words or short spans listed again with other marks, some with other first letters.

    Where a mark stands instead of a space, a word has other tokens: many short copies teach which belong together.
    """
    most, given, form = random.choice((1, 1, 2, 3)), random.choice(_LISTS), random.choice(_ENCLOSED)
    given = ", " if given == " " and most > 1 else given
    between = random.choice((" ", ", ", "", "\n", "|")) if form != "{}" else random.choice(("|", "\n", ",", "_", "+"))
    before, after = random.choice((("", ""), ("", ""), ("[", "]"), ("{", "}"))) if form != "{}" else ("", "")
    keys = random.sample(FREQUENT, 6) if form == '"{}"' and random.random() < 0.6 else []
    if keys:
        before, after = "{", "}"
    change = random.choice((str, str, str, str.capitalize, str.lower))
    count = random.randint(2, 6)

    def draw(random: Random) -> Pair:
        spans = [draw_span(random, most) for _ in range(random.randint(max(1, count - 2), count))]
        written = [form.replace("{}", change(span)) for span in spans]
        if keys:
            written = [f'"{key}": {value}' for key, value in zip(keys, written, strict=False)]
        joint = ", " if keys else between
        return given.join(spans), before + joint.join(written) + after

    return Task("list", draw, ("Write the list: " + draw(random)[1], "Quote each.", "Again, in this form."))

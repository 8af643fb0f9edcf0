"""Tasks on the words of a text: choosing, changing, counting and joining them, in any composition but the evaluation's.

A tokenizer splits unknown words, so copying or changing them means working letter by letter.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final, TypeAlias

from base_model_build.generator.lexicon import FREQUENT, UTTERANCES, draw_any_word
from base_model_build.generator.tasks import Pair, Task
from base_model_build.generator.words import VOCABULARY, invent_word

Choice: TypeAlias = Callable[[list[str]], list[str]]
Change: TypeAlias = Callable[[str], str]

CHOICES: Final[dict[str, tuple[float, int, Choice]]] = {
    # name: share, fewest words, what is chosen
    "first": (5, 1, lambda words: words[:1]),
    "second": (5, 2, lambda words: words[1:2]),
    "third": (3, 3, lambda words: words[2:3]),
    "last": (5, 1, lambda words: words[-1:]),
    "last but one": (2, 2, lambda words: words[-2:-1]),
    "all": (6, 1, lambda words: words),
    "reversed": (2, 2, lambda words: words[::-1]),
    "first two": (1, 2, lambda words: words[:2]),
    "last two": (1, 2, lambda words: words[-2:]),
    "all but the first": (1.5, 2, lambda words: words[1:]),
    "all but the last": (1.5, 2, lambda words: words[:-1]),
    "swapped ends": (1.5, 3, lambda words: [words[-1], *words[1:-1], words[0]]),
    "rotated": (1, 2, lambda words: words[1:] + words[:1]),
    "longest": (0.7, 2, lambda words: [max(words, key=len)]),
    "shortest": (0.7, 2, lambda words: [min(words, key=len)]),
    "sorted": (0.7, 2, sorted),
}
CHANGES: Final[dict[str, tuple[float, Change]]] = {
    "": (9, lambda word: word),
    "in upper case": (6, str.upper),
    "in title case": (3, str.title),
    "letters": (1.5, "-".join),
    "spelled": (1.5, " ".join),
    "first letter": (1.5, lambda word: word[0]),
    "last letter": (1, lambda word: word[-1]),
    "FIRST LETTER": (1.5, lambda word: word[0].upper()),
    "in quotes": (1, lambda word: f'"{word}"'),
    "in brackets": (1, lambda word: f"[{word}]"),
    "doubled": (0.7, lambda word: word + word),
    "twice": (0.7, lambda word: f"{word} {word}"),
    "length": (1, lambda word: str(len(word))),
    "without the first letter": (0.7, lambda word: word[1:] or word),
    "without the last letter": (0.7, lambda word: word[:-1] or word),
    "backwards": (1, lambda word: word[::-1]),
    "plural": (0.7, lambda word: word + ("es" if word[-1] in "sxh" else "s")),
    "with ing": (0.5, lambda word: word + "ing"),
    "tag": (0.5, lambda word: f"<{word}>"),
    "hash": (0.7, lambda word: "#" + word),
    "last letter upper": (0.5, lambda word: word[:-1] + word[-1].upper()),
    "first two letters": (0.7, lambda word: word[:2]),
    "three letters": (0.7, lambda word: word[:3]),
}
_JOINTS: Final = (
    [" "] * 3
    + [", ", "-", "_", "", "/", "|", " + ", " and ", ".", ":", ";", " > ", " & ", ">", " / ", " - ", "*"]
)  # fmt: skip
_SEPARATORS: Final = [" "] * 5 + [", ", ",", ";", "/", "-", " | "]
_FRAMES: Final = (
    "({})", "[{}]", "<{}>", '"{}"', "= {}", "{}!", "{}?", "the {}", "it is {}", "-> {}", "{}.", "no {}",
)  # fmt: skip
_ECHOES: Final = ("{x} -> {}", "{} ({x})", "{x}: {}", "{x} = {}")


def is_kept_out(words: list[str], answer: str) -> bool:
    """Whether this is an answer of a task of the evaluation, by whatever way it came about.

    Those are: the second word in upper case, the last and the first word with a hyphen, the number of words and the
    first in upper case.
    """
    count = f"{len(words)} {words[0].upper()}"
    if len(words) < 2:
        return answer == count
    return answer in (words[1].upper(), f"{words[-1]}-{words[0]}", count)


def _draw_part(random: Random, many: bool) -> tuple[str, int, Callable[[list[str]], str]]:
    """One part of a composition: its name, how many words it needs, what it makes of them."""
    kind = random.random()
    if many and kind < 0.1:
        return "the number of words", 1, lambda words: str(len(words))
    if many and kind < 0.15:
        options = ("new", "x", "my", "no", random.choice(FREQUENT), invent_word(random), str(random.randrange(100)))
        fixed = random.choice(options)
        return f'"{fixed}"', 1, lambda words: fixed
    choice = random.choices(list(CHOICES), [share for share, _, _ in CHOICES.values()])[0]
    change = random.choices(list(CHANGES), [share for share, _ in CHANGES.values()])[0]
    joint, (_, fewest, choose), (_, alter) = random.choice(_JOINTS), CHOICES[choice], CHANGES[change]
    return f"{choice} {change}".strip(), fewest, lambda words: joint.join(map(alter, choose(words)))


def _draw_answer_frame(random: Random) -> str:
    """A text around the answer, ``{}``, sometimes with the question, ``{x}``; mostly nothing."""
    kind = random.random()
    if kind < 0.12:
        word = random.choice(FREQUENT)
        return random.choice((*_FRAMES, f"{word} {{}}", f"{{}} {word}"))
    return random.choice(_ECHOES) if kind < 0.17 else "{}"


def _draw_style(random: Random) -> Change:
    kind = random.random()
    return str.capitalize if kind > 0.8 else str.upper if kind > 0.75 else str


def draw_composed_task(random: Random) -> Task:
    """One to three parts of a list of words, each chosen and changed, put together."""
    count = random.choices((1, 2, 3), (6, 3, 0.6))[0]
    names, fewests, makers = zip(*(_draw_part(random, count > 1) for _ in range(count)), strict=True)
    separator, joint, frame = random.choice(_SEPARATORS), random.choice(_JOINTS), _draw_answer_frame(random)
    fewest = max(fewests)
    most = max(fewest, random.choice((2, 3, 3, 4, 5)))
    least = min(max(fewest, random.choice((1, 2, 2))), most)
    style, any_word = _draw_style(random), random.random() < 0.7

    def draw(random: Random) -> Pair | None:
        length = random.randint(least, most)
        words = [style(draw_any_word(random) if any_word else random.choice(VOCABULARY)) for _ in range(length)]
        parts = [make(words) for make in makers]
        answer = joint.join(parts)
        small = [word.lower() for word in words]
        if is_kept_out(words, answer) or is_kept_out(small, answer) or any(is_kept_out(words, p) for p in parts):
            return None
        text = separator.join(words)
        return text, frame.replace("{x}", text).replace("{}", answer)

    ways = (f"Give {' and then '.join(names)}.", " + ".join(names))
    return Task("words: " + "/".join(names), draw, ways, closed=True)


_WHOLE: Final[dict[str, tuple[float, Change, tuple[str, ...]]]] = {
    # name: share, change of a whole text, instructions
    "copy": (5, str, ("Repeat.", "Echo the text.", "Copy.")),
    "upper": (5, str.upper, ("Upper case.", "Make it upper case.")),
    "lower": (2, str.lower, ("Lower case.",)),
    "title": (2, str.title, ("Title case.",)),
    "swap": (0.7, str.swapcase, ("Swap the case.",)),
    "count": (1, lambda text: str(len(text.split())), ("Count the words.",)),
    "turned": (1, lambda text: " ".join(text.split()[::-1]), ("Reverse the words.",)),
    "initials": (1, lambda text: "".join(word[0].upper() for word in text.split()), ("Initials.",)),
    "snake": (1, lambda text: "_".join(text.lower().split()), ("snake case",)),
    "dense": (0.7, lambda text: text.replace(" ", ""), ("Remove spaces.",)),
    "first": (1, lambda text: text.split()[0], ("First word.",)),
    "last": (1, lambda text: text.split()[-1], ("Last word.",)),
    "letters": (1, lambda text: " ".join("-".join(word) for word in text.split()), ("Spell it with hyphens.",)),
    "dot": (0.5, lambda text: text + ".", ("Add a dot.",)),
    "quote": (0.7, lambda text: f'"{text}"', ("Quote it.",)),
}


def draw_text_task(random: Random) -> Task:
    """A change of a whole text: words in a row or a real English phrase."""
    name = random.choices(list(_WHOLE), [share for share, _, _ in _WHOLE.values()])[0]
    _, change, ways = _WHOLE[name]
    most, real, style = random.choice((1, 1, 2, 4)), random.random() < 0.4, random.random()

    def draw(random: Random) -> Pair | None:
        if real:
            text = random.choice(UTTERANCES)
        else:
            text = " ".join(draw_any_word(random) for _ in range(random.randint(1, most)))
            text = text.title() if style > 0.8 else text.capitalize() if style > 0.6 else text
        if name == "letters" and len(text) > 24:
            text = text[:24].rsplit(" ", 1)[0]
        answer = change(text)
        return None if is_kept_out(text.split(), answer) else (text, answer)

    return Task(f"text {name}", draw, ways, closed=True)


_SPELLINGS: Final[dict[str, tuple[float, Change, Change, tuple[str, ...]]]] = {
    # name: share, what is shown and what is answered of a word, instructions
    "upper": (9, str, str.upper, ("Upper case.", "Make it upper case.", "In capitals.")),
    "lower": (2, str.upper, str.lower, ("Lower case.",)),
    "title": (1.5, str, str.title, ("Title case.",)),
    "hyphens": (2, str, "-".join, ("Spell it with hyphens.",)),
    "spaces": (2, str, " ".join, ("Spell it.",)),
    "spelled capitals": (1, str, lambda word: " ".join(word.upper()), ("Spell it in capitals.",)),
    "joined": (2, "-".join, str, ("Write the word.", "Join the letters.")),
    "first": (1, str, lambda word: word[0], ("First letter.",)),
    "FIRST": (1, str, lambda word: word[0].upper(), ("First letter, in upper case.",)),
    "last": (1, str, lambda word: word[-1], ("Last letter.",)),
    "backwards": (1, str, lambda word: word[::-1], ("Backwards.",)),
    "length": (0.7, str, lambda word: str(len(word)), ("How many letters?",)),
    "swapped": (0.7, str.title, str.swapcase, ("Swap the case.",)),
}


def draw_spelling_task(random: Random) -> Task:
    """What letters words have: a tokenizer hides them, and capitals are other tokens."""
    name = random.choices(list(_SPELLINGS), [share for share, _, _, _ in _SPELLINGS.values()])[0]
    _, show, change, ways = _SPELLINGS[name]
    most = random.choice((1, 1, 2, 3)) if name in ("upper", "lower", "title", "swapped") else 1

    def draw_word(random: Random) -> str:
        kind = random.random()
        return random.choice(VOCABULARY if kind < 0.5 else FREQUENT) if kind < 0.88 else draw_any_word(random)

    def draw(random: Random) -> Pair | None:
        words = [draw_word(random) for _ in range(random.randint(1, most))]
        answer = " ".join(map(change, words))
        return None if is_kept_out(words, answer) else (" ".join(map(show, words)), answer)

    return Task(f"spelling {name}", draw, ways, closed=True)

"""Images and sounds in the words that small readers put them into; a property is asked, or a label of one's own.

``[image 640x480 bright | red 55% blue 44% | red red blue / red blue blue / red red blue]``
``[sound 3.2s loud | low]``
"""

from __future__ import annotations

from random import Random
from typing import Final

from base_model_build.generator.lexicon import UTTERANCES, draw_any_word
from base_model_build.generator.tasks import Pair, Task

COLORS: Final = "red orange yellow green cyan blue purple pink brown black gray white".split()
_OWN_LABELS: Final = (*COLORS, "A", "B", "C", "D", "yes", "no", "good", "bad")
_QUESTIONS: Final[dict[str, tuple[str, ...]]] = {
    "main": ("Main color?", "Which color is it mostly?"),
    "other": ("Which other color is there?",),
    "light": ("Bright or dark?",),
    "corner": ("Color in the top left corner?",),
    "center": ("Color in the middle?",),
    "size": ("How large is it?",),
    "shape": ("Wide or tall?",),
    "length": ("How long is it?",),
    "loudness": ("How loud is it?",),
    "pitch": ("High or low?",),
    "duration": ("Long or short?",),
}


def draw_image(random: Random) -> tuple[str, dict[str, str]]:
    """The words of an image of two or three colours, and its properties."""
    back, *others = random.sample(COLORS, random.choice((2, 2, 3)))
    grid = [back] * 9
    for place in random.sample(range(9), random.randrange(len(others), 6)):
        grid[place] = random.choice(others)
    counts = sorted({color: grid.count(color) for color in grid}.items(), key=lambda item: -item[1])
    light = random.choice(("bright", "medium", "dark"))
    width = random.choice((64, 96, 128, 256, 320, 480, 640, 800, 1024, random.randrange(16, 2000)))
    height = random.choice((64, 96, 128, 240, 256, 480, 600, 768, random.randrange(16, 2000)))
    rows = " / ".join(" ".join(grid[place : place + 3]) for place in (0, 3, 6))
    shares = " ".join(f"{color} {count * 100 // 9}%" for color, count in counts)
    text = f"[image {width}x{height} {light} | {shares} | {rows}]"
    shape = "wide" if width > height else "tall" if height > width else "square"
    properties = {"main": counts[0][0], "other": counts[-1][0], "light": light, "corner": grid[0], "center": grid[4]}
    return text, properties | {"size": f"{width}x{height}", "shape": shape}


def draw_sound(random: Random) -> tuple[str, dict[str, str]]:
    """The words of a sound, and its properties."""
    seconds = round(random.uniform(0.2, 30), 1)
    loudness, pitch = random.choice(("loud", "soft")), random.choice(("low", "mid", "high"))
    properties = {"length": f"{seconds}s", "loudness": loudness, "pitch": pitch}
    return f"[sound {seconds}s {loudness} | {pitch}]", properties | {"duration": "long" if seconds > 10 else "short"}


def draw_media_task(random: Random) -> Task:
    """A property of images or of sounds, by its name or by the user's own labels."""
    draw_medium = random.choice((draw_image, draw_image, draw_sound))
    name = random.choice(list(draw_medium(random)[1]))
    question = random.choice(("What is it?", "Label:", "Describe.", random.choice(UTTERANCES)))
    form = random.choice(("{}", "{}", f"{{}}\n{question.replace('{', '').replace('}', '')}"))
    own = name not in ("size", "length") and random.random() < 0.5
    labels: dict[str, str] = {}

    def draw(random: Random) -> Pair:
        text, properties = draw_medium(random)
        answer = properties[name]
        if own:
            if answer not in labels:
                labels[answer] = draw_any_word(random) if random.random() < 0.5 else random.choice(_OWN_LABELS)
            answer = labels[answer]
        return form.format(text), answer

    return Task(f"media {name}", draw, ("Classify.", "Label.") if own else _QUESTIONS[name], closed=True)

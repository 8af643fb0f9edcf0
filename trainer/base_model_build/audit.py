"""Draws many episodes and simulated users and looks for anything that belongs to the gates.

python -m base_model_build.audit [EPISODES]
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import Final

from base_model_build.gates.items import make_addition_items
from base_model_build.gates.records import (
    make_call_items,
    make_image_items,
    make_rewriting_items,
    make_summary_items,
    make_ticket_items,
)
from base_model_build.gates.tasks import BY_HEART, COMPOSED, make_composed_items, make_language_items, make_long_items
from base_model_build.gates.texts import make_question_items, make_sentiment_items, make_topic_items
from base_model_build.generator.episodes import Episode, draw_episode
from base_model_build.generator.tasks import DOCUMENTED_PAIRS, MIRRORED_PAIRS, Pair
from base_model_build.generator.word_tasks import is_kept_out
from base_model_build.generator.words import RESERVED
from base_model_build.recipe import CPU, KINDS
from base_model_build.simulate import Kind

_RESERVED_WORD: Final = re.compile(r"\b(" + "|".join(sorted(RESERVED)) + r")s?\b")
_KEPT_OUT_ANSWERS: Final = {
    "the next is": re.compile("the next is .*", re.DOTALL),
    "initial.surname@": re.compile(r"[a-z]\.[a-z]+@\S+"),
    "dd/mm/yy": re.compile(r"\d\d/\d\d/\d\d"),
}


_TEXT_MAKERS: Final = (
    make_sentiment_items, make_topic_items, make_question_items, make_rewriting_items, make_summary_items,
    make_ticket_items, make_call_items, make_image_items, make_long_items,
)  # fmt: skip


class Audit:
    """What was looked at and what was found.

    Attributes:
        pairs: Questions with answers that were looked at.
        hits: Finding -> how often.
        examples: Finding -> the first pair.
    """

    def __init__(self) -> None:
        self.pairs = 0
        self.hits: Counter[str] = Counter()
        self.examples: dict[str, Pair] = {}
        self._texts = {text for make in _TEXT_MAKERS for text, _ in make()[1]}
        self._bare = {*DOCUMENTED_PAIRS, *MIRRORED_PAIRS}
        self._pairs = {pair for pairs in make_language_items().values() for pair in pairs}
        self._pairs |= {pair for name in COMPOSED for part in make_composed_items(name) for pair in part}
        self._pairs |= {pair for part in make_addition_items() for pair in part}
        self._pairs |= {pair for pairs in BY_HEART.values() for pair in pairs}

    def look_at_pair(self, text: str, answer: str, *, bare: bool) -> None:
        """Notes what is wrong with a question and its answer. ``bare``: no instruction came before it."""
        self.pairs += 1
        words = text.split()
        found = {
            "asked text": text in self._texts,
            "documented pair, bare": bare and (text, answer) in self._bare,
            "asked pair": (text, answer) in self._pairs,
            "reserved word": _has_reserved_word(text, answer),
            "kept-out composition": len(words) > 1
            and len(words[1]) > 1
            and words[1].islower()
            and is_kept_out(words, answer),
            "larger plus one": len(words) == 2
            and all(word.isdigit() for word in words)
            and answer == str(max(map(int, words)) + 1),
        }
        found |= {name: bool(pattern.fullmatch(answer)) for name, pattern in _KEPT_OUT_ANSWERS.items()}
        for name, wrong in found.items():
            if wrong:
                self.hits[name] += 1
                self.examples.setdefault(name, (text, answer))

    def look_at_episode(self, episode: Episode) -> None:
        """Every question of a conversation with the answer after it."""
        bare = episode.turns[0][0] == "user"
        for (role, text), (_, answer) in zip(episode.turns, episode.turns[1:], strict=False):
            if role == "user":
                self.look_at_pair(text, answer, bare=bare)

    def look_at_user(self, kind: Kind, random: Random) -> None:
        """What a simulated user shows and asks."""
        try:
            user = kind.maker(random, kind.examples, kind.questions)
        except ValueError:  # drawn again in the build
            return
        for text, answer in user.shown + user.asked:
            self.look_at_pair(text, answer, bare=True)


def list_runs(text: str, length: int) -> set[tuple[str, ...]]:
    """Every so many words in a row."""
    words = re.findall(r"[a-z']+", text.lower())
    return set(zip(*(words[place:] for place in range(length)), strict=False))


def find_borrowed(phrases: Iterable[str], length: int = 5) -> list[str]:
    """Phrases that share so many words in a row with a text that a gate asks."""
    asked = {run for make in _TEXT_MAKERS for text, _ in make()[1] for run in list_runs(text, length)}
    return [phrase for phrase in phrases if list_runs(phrase.replace("{s}", "x1"), length) & asked]


def _has_reserved_word(text: str, answer: str) -> bool:
    """Whether one of the evaluation's words is there, but for letters cut out of a longer word of the text."""
    found = set(_RESERVED_WORD.findall(f"{text}\n{answer}".lower()))
    return any(not re.search(rf"{word}[a-z]|[a-z]{word}", text.lower()) for word in found)


def main(arguments: list[str]) -> int:
    """Prints what was found; returns how many kinds of findings there are."""
    episodes = int(arguments[0]) if arguments else 100_000
    audit, random = Audit(), Random("audit")
    for number in range(episodes):
        stage = random.choice(CPU.stages)
        feed = stage.wide if number % 8 == 0 else stage.narrow
        audit.look_at_episode(draw_episode(random, feed.shares, feed.characters))
    for kind in KINDS.values():
        for _ in range(episodes // 200):
            audit.look_at_user(kind, random)
    sys.stdout.write(f"{audit.pairs} pairs\n")
    for name, count in sorted(audit.hits.items()):
        sys.stdout.write(f"{count} {name}: {audit.examples[name]}\n")
    return len(audit.hits)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

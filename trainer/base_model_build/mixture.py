"""Episodes of pre-training: chats of one latent task, and how they become tokens and batches.

A bare first turn is ambiguous on purpose: the model can only guess the task from the mixture, and the guess is mostly
"copy". Later turns, an instruction or tuning select the task. Everything is a pure function of a seed and a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, Literal, TypeAlias

from tokenizers import Tokenizer

from base_model_build.classification import draw_classification_task, draw_fresh_classification_task
from base_model_build.numbers import COMMON_FORMS
from base_model_build.records import draw_layout_task, draw_reading_task, draw_record_task, make_chat_task
from base_model_build.spelling import draw_adding_task, draw_other_text_task, draw_spelling_task
from base_model_build.tasks import (
    Pair,
    Task,
    draw_frame,
    draw_number_task,
    draw_sequence_task,
    draw_text_task,
    draw_word_pair_task,
    tell_task,
    wrap_task,
)
from base_model_build.words import VOCABULARY
from tuning_trainer.base_model import BOS, EOT, ROLES

Role: TypeAlias = Literal["system", "user", "model"]
Mode: TypeAlias = Literal["bare", "system", "prefix", "suffix", "shots"]

FAMILIES: Final = {
    "number": 9.0,
    "wrapped": 1.8,
    "classification": 4.0,
    "text": 1.2,
    "record": 1.5,
    "reading": 0.3,
    "sequence": 0.5,
    "pair": 0.3,
    "chat": 0.1,
}
"""Share of episodes."""
TOLD_FAMILIES: Final = FAMILIES | {"layout": 1.5}
"""Of the runs that mix documented pairs with instructions in."""
SPELLED_FAMILIES: Final = {
    "number": 6.5,
    "adding": 1.0,
    "wrapped": 1.3,
    "classification": 1.5,
    "grouping": 2.5,
    "other text": 0.8,
    "spelling": 4.0,
    "record": 0.8,
    "layout": 2.0,
    "reading": 0.3,
    "sequence": 0.4,
    "pair": 0.3,
    "chat": 0.1,
}
"""Of the runs that work on words that the tokenizer splits."""
NARROW: Final = {"number": 12.0, "classification": 0.4, "sequence": 0.6, "text": 0.5}
"""A narrower mixture that reaches the number gates sooner."""
_MODES: Final[dict[Mode, float]] = {"bare": 4.0, "system": 3.2, "prefix": 1.8, "shots": 0.25, "suffix": 0.5}
_SHOT_STYLES: Final = (("Input: ", "Output: "), ("Q: ", "A: "), ("in: ", "out: "), ("", "-> "))
MAX_CHARACTERS: Final = 200
"""Of one episode; a turn that crosses it is the last."""
MAX_TOKENS: Final = 200
POOL_EPISODES: Final = 1500


@dataclass(frozen=True, slots=True)
class Episode:
    """A conversation of one task. ``code``: the task's latent code, where the episode may carry it."""

    turns: tuple[tuple[Role, str], ...]
    code: str = ""


@dataclass(frozen=True, slots=True)
class Mixture:
    """What episodes are drawn from.

    Attributes:
        families: Shares of the families, see ``FAMILIES``.
        code_share: Share of the bare episodes that carry their task's latent code.
        narrow: Only the common number forms and tasks.
        guarded: See ``make_number_task``.
        top: The level at the end of the curriculum; above 1, long numbers are more frequent.
        told: Documented pairs may come with an instruction, see ``tell_task``.
        copying: See ``draw_number_task``.
    """

    families: tuple[tuple[str, float], ...] = tuple(FAMILIES.items())
    code_share: float = 0.35
    narrow: bool = False
    guarded: bool = False
    top: float = 1.0
    told: bool = False
    copying: float = 1.0

    def draw_task(self, random: Random, instructed: bool, level: float) -> Task:
        """A task of a random family. ``level``: 0 small numbers, 1 everything."""
        names, shares = zip(*self.families, strict=True)
        family = random.choices(names, shares)[0]
        if family == "number":
            return draw_number_task(random, instructed, level, self.narrow, self.guarded, self.copying)
        if family == "wrapped":
            numbers = random.random() < 0.7
            inner = (
                draw_number_task(random, instructed, level, guarded=self.guarded) if numbers else draw_text_task(random)
            )
            return wrap_task(inner, draw_frame(random))
        return _MAKERS[family](random)

    def draw_episode(self, random: Random, level: float) -> Episode:
        """One conversation."""
        mode = random.choices(list(_MODES), list(_MODES.values()))[0]
        instructed = mode in ("system", "prefix", "suffix")
        task = self.draw_task(random, instructed, level)
        if instructed and self.told:
            task = tell_task(task)
        if mode == "shots":
            return _write_shots(random, task)
        if mode == "bare":
            code = task.code if random.random() < self.code_share else ""
            classes = task.name in ("classify", "sentiment", "spot")
            turns = random.randint(3, 9) if classes else min(8, 1 + int(random.expovariate(1 / 3)))
            return Episode(_write_turns(random, task, mode, turns), code)
        return Episode(_write_turns(random, task, mode, random.randint(2, 5)))


_MAKERS: Final[dict[str, Callable[[Random], Task]]] = {
    "classification": draw_classification_task,
    "grouping": draw_fresh_classification_task,
    "adding": lambda random: draw_adding_task(random, COMMON_FORMS, 1.0),
    "text": draw_text_task,
    "other text": draw_other_text_task,
    "spelling": draw_spelling_task,
    "record": draw_record_task,
    "layout": draw_layout_task,
    "reading": draw_reading_task,
    "sequence": draw_sequence_task,
    "pair": draw_word_pair_task,
    "chat": lambda random: make_chat_task(),
}


def _write_turns(random: Random, task: Task, mode: Mode, count: int) -> tuple[tuple[Role, str], ...]:
    instruction = random.choice(task.instructions)
    if task.name != "classify" and random.random() < 0.4:
        instruction = instruction.rstrip(".")
        instruction = instruction[0].lower() + instruction[1:]
    joint = random.choice(("\n", " ") if instruction.endswith((".", "?")) else (": ", "\n", " "))
    turns: list[tuple[Role, str]] = [("system", instruction)] if mode == "system" else []
    length = 0
    for _ in range(count):
        text, answer = task.draw_pair(random)
        length += len(text) + len(answer)
        if mode == "prefix":
            text = instruction + joint + text
        elif mode == "suffix":
            text = f"{text}\n{instruction}"
        turns += [("user", text), ("model", answer)]
        if length > MAX_CHARACTERS:
            break
    return tuple(turns)


def _write_shots(random: Random, task: Task) -> Episode:
    """Two to four examples inside one user turn, the last one open."""
    before, after = random.choice(_SHOT_STYLES)
    pairs = [task.draw_pair(random) for _ in range(random.randint(2, 4))]
    shown = "\n".join(f"{before}{text}\n{after}{answer}" for text, answer in pairs[:-1])
    prompt = f"{shown}\n{before}{pairs[-1][0]}\n{after}".rstrip()
    return Episode((("user", prompt), ("model", pairs[-1][1])))


# --- tokens and batches


@dataclass(frozen=True, slots=True)
class Row:
    """An encoded conversation: tokens, which of them are learned, and the latent code's name."""

    tokens: list[int]
    learned: list[bool]
    code: str = ""


class Encoder:
    """Turns conversations into rows; remembers texts that it has seen."""

    def __init__(self, tokenizer: Tokenizer, remembered: int = 200_000) -> None:
        self._tokenizer = tokenizer
        self._remembered = remembered
        self._seen: dict[str, list[int]] = {}

    def encode_text(self, text: str) -> list[int]:
        """Tokens of a text alone."""
        tokens = self._seen.get(text)
        if tokens is None:
            if len(self._seen) >= self._remembered:
                self._seen.clear()
            tokens = self._seen[text] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return tokens

    def encode_episode(self, episode: Episode) -> Row:
        """The conversation in the format of the model, cut after ``MAX_TOKENS``."""
        tokens, learned = [BOS], [False]
        for role, text in episode.turns:
            body = self.encode_text(text)
            tokens += [ROLES[role], *body, EOT]
            learned += [False] + [role == "model"] * (len(body) + 1)
        return Row(tokens[:MAX_TOKENS], learned[:MAX_TOKENS], episode.code)

    def encode_pair(self, pair: Pair) -> Row:
        """One bare question and its answer, as a user's tuning example."""
        return self.encode_episode(Episode((("user", pair[0]), ("model", pair[1]))))


def draw_pool(
    mixture: Mixture, encoder: Encoder, seed: int, number: int, level: float, positions: int
) -> list[list[Row]]:
    """Pool ``number`` of the data: batches of rows of like length, at most ``positions`` padded tokens each."""
    random = Random(f"{seed}/{number}")
    rows = [encoder.encode_episode(mixture.draw_episode(random, level)) for _ in range(POOL_EPISODES)]
    rows.sort(key=lambda row: len(row.tokens))
    batches: list[list[Row]] = [[]]
    for row in rows:
        if batches[-1] and (len(batches[-1]) + 1) * len(row.tokens) > positions:
            batches.append([])
        batches[-1].append(row)
    random.shuffle(batches)
    return batches


def draw_texts(mixture: Mixture, seed: int, episodes: int) -> Iterator[str]:
    """Texts for the tokenizer: some episodes, and the lexicon many times, so that its words become one token."""
    random = Random(f"{seed}/texts")
    for word in VOCABULARY * (episodes // 200):
        yield f" {word}"
    for _ in range(episodes):
        for _, text in mixture.draw_episode(random, 1.0).turns:
            yield text

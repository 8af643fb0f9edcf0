"""Prompts that are longer than a model reads: what of them goes.

Of what a prompt has in spare the beginning: the text of the spare turns, from the first one on, then that of the system
turn, whose end says which functions there are. Of one with documents the middle of its longest texts.
"""

from __future__ import annotations

from dataclasses import replace

from tuning_trainer.data.chat import Chat, split_text
from tuning_trainer.data.dataset import KEPT_TOKENS
from tuning_trainer.spec import Prompt, Turn

ANSWER_SHARE = 8
"""At most one part in so many of what a model reads is left for the answer."""

CHARACTERS_PER_TOKEN = 16
"""More than a token has on average, in any text: what is longer than that fits no more, and is cut unread."""


def fit_prompt(prompt: Prompt, chat: Chat, limit: int) -> list[int]:
    """The tokens of a prompt.

    Args:
        limit: What the model reads, with its answer. Without anything in spare the prompt may be longer.
    """
    if prompt.spare is None:
        return chat.prompt(prompt.turns, prompt.system)
    wanted = limit - min(prompt.max_output_tokens, limit // ANSWER_SHARE)
    total = sum(len(turn.text) for turn in prompt.turns[: prompt.spare]) + len(prompt.system)
    least = max(0, total - limit * CHARACTERS_PER_TOKEN)
    ids = _encode(prompt, chat, least)
    if len(ids) <= wanted:
        return ids
    most = total
    while least < most:  # the fewest characters that have to go
        middle = (least + most) // 2
        ids = _encode(prompt, chat, middle)
        if len(ids) <= wanted:
            most = middle
        else:
            least = middle + 1
    return _encode(prompt, chat, least)


def _encode(prompt: Prompt, chat: Chat, cut: int) -> list[int]:
    turns, system = cut_prompt(prompt, cut)
    return chat.prompt(turns, system)


def cut_prompt(prompt: Prompt, cut: int) -> tuple[tuple[Turn, ...], str]:
    """Turns and system turn without so many characters; calls and results, of which a part is none, go whole."""
    spare = prompt.spare or 0
    turns: list[Turn] = []
    for turn in prompt.turns[:spare]:
        gone = min(cut, len(turn.text))
        cut -= gone
        if gone == 0:
            turns.append(turn)
        elif gone < len(turn.text) and turn.role in ("user", "model"):
            turns.append(replace(turn, text=turn.text[gone:]))
    return (*turns, *prompt.turns[spare:]), prompt.system[cut:]


def shorten_prompt(ids: list[int], prompt: Prompt, chat: Chat, most: int) -> list[int]:
    """A prompt of at most so many tokens, as far as leaving out the middle of its longest texts can do it."""
    turns = list(prompt.turns)
    while (excess := len(ids) - most) > 0:
        longest = max(range(len(turns)), key=lambda number: len(turns[number].text))
        pieces = [piece for _, piece in split_text(chat.tokenizer, turns[longest].text)]
        taken = min(excess, len(pieces) - 2 * KEPT_TOKENS)
        if taken <= 0:
            break
        middle = (len(pieces) - taken) // 2
        turns[longest] = Turn(turns[longest].role, "".join(pieces[:middle] + pieces[middle + taken :]))
        ids = chat.prompt(tuple(turns), prompt.system)
    return ids

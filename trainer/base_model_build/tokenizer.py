"""Trains the tokenizer: byte-level BPE whose digits stay single, on words, scripts and texts of the mixture."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from base_model_build.generator.episodes import draw_episode
from base_model_build.generator.everyday import ANGRY, GLAD
from base_model_build.generator.lexicon import (
    DEFINITIONS,
    EXAMPLES,
    NEGATIVE,
    NOUN_FIELDS,
    PEOPLE,
    POSITIVE,
    RANKS,
    TOWNS,
    WORDS,
)
from base_model_build.generator.numbers import NUMERALS, spell_english
from base_model_build.generator.phrases import BLAME, PRAISE
from base_model_build.generator.scripts import BLOCKS
from base_model_build.generator.scripts import WORDS as SCRIPT_WORDS
from base_model_build.generator.topic_words import TOPIC_WORDS
from base_model_build.generator.words import RESERVED, SEQUENCES, VOCABULARY
from tuning_trainer.base_model import BOS, CONTROL_TOKENS, EOT, MAX_POSITIONS, PAD

PIECES: Final = r"\d| ?\p{Lu}(?!\p{Ll})| ?\p{L}+|\s|[^\s\p{L}\d]"
"""A digit, a capital that starts no word (so roman numerals stay letters), a word with its space, a space, a mark."""

_COMMON_LANGUAGES: Final = ("french", "portuguese", "spanish", "german", "turkish", "italian")

_WORD: Final = r"[A-Za-z]{3,14}"

SPACE: Final = "\u0120"
"""How byte-level BPE writes a space."""

CHAT_TEMPLATE: Final = (
    "{{ '<bos>' }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ '<system>' }}"
    "{% elif message['role'] == 'user' %}{{ '<user>' }}"
    "{% elif message['role'] in ('model', 'assistant') %}{{ '<model>' }}"
    "{% elif message['role'] == 'call' %}{{ '<model><call>' }}"
    "{% elif message['role'] in ('result', 'tool') %}{{ '<result>' }}"
    "{% else %}{{ raise_exception('role: ' + message['role'] + ' is not system, user, model, call or result') }}"
    "{% endif %}"
    "{{ message['content'] }}{{ '<eot>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<model>' }}{% endif %}"
)


def draw_texts(seed: int, episodes: int) -> Iterator[str]:
    """What the tokenizer is trained on: frequent words many times, so that they become one token, and the rest."""
    yield from _repeat_english_words()
    yield from _repeat_other_words()
    yield from EXAMPLES
    yield from (meaning for _, meaning in DEFINITIONS[:30_000])
    random = Random(f"{seed}/texts")
    for _ in range(episodes):
        yield from (text for _, text in draw_episode(random).turns)


def _repeat_english_words() -> Iterator[str]:
    for word in VOCABULARY:
        yield from [f" {word}"] * 400 + [word] * 60
    for rank, word in enumerate(WORDS[:2600]):
        yield from [f" {word}"] * (320 if rank < 1500 else 180)
    for word in POSITIVE + NEGATIVE:
        if RANKS.get(word, 10**6) < 3500:
            yield from [f" {word}"] * 120
    for word in (*PEOPLE, *TOWNS, *SEQUENCES["days"], *SEQUENCES["months"]):
        yield from [f" {word}", word] * 150


def _repeat_other_words() -> Iterator[str]:
    for name, words in NUMERALS.items():
        pieces = {piece for word in words for piece in re.split("[ -]", word) if len(piece) <= 12}
        for piece in sorted(pieces):
            yield from [f" {piece}", piece] * (120 if name in _COMMON_LANGUAGES else 25)
    for words in SCRIPT_WORDS.values():
        for word in words:
            yield from [word] * 4
    for first, last in BLOCKS:
        if last - first < 300:
            for code in range(first, last + 1):
                yield from [f"{chr(code)} "] * 300


def train_tokenizer(size: int, seed: int, episodes: int, whole_words: int) -> Tokenizer:
    """A tokenizer of ``size`` entries and whole words beside them; it has every byte, so any text has tokens.

    Args:
        episodes: Of the mixture, which it is trained on with the dictionary's texts.
        whole_words: See ``add_frequent_words``.
    """
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(PIECES), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[AddedToken(text, normalized=False, special=True) for text in CONTROL_TOKENS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(draw_texts(seed, episodes), trainer)
    tokenizer = add_frequent_words(add_bare_words(tokenizer), whole_words)
    tokenizer.encode_special_tokens = True
    return tokenizer


def _list_pieces_of_numbers() -> set[str]:
    pieces = {piece for number in range(1000) for piece in spell_english(number).split()} | {"thousand", "million"}
    return pieces | {piece for words in NUMERALS.values() for word in words for piece in re.split("[ -]", word)}


def add_bare_words(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer, where every word that is one token after a space is one token without it too.

    An answer, a quoted value and a label begin without a space. A model can copy such a word where it has a token of
    its own there; where it falls into pieces, how each word is spelled would have to be known by heart. The pieces of
    numbers stay as they are.
    """
    known = (RANKS.keys() | {*VOCABULARY, *PEOPLE, *TOWNS}) - _list_pieces_of_numbers()
    spaced = [token[1:] for token in tokenizer.get_vocab() if token.startswith(SPACE) and token[1:] in known]
    order = tokenizer.get_vocab()
    return _add_whole(tokenizer, sorted(spaced, key=lambda word: order[SPACE + word]))


def add_frequent_words(tokenizer: Tokenizer, count: int) -> Tokenizer:
    """The same tokenizer with ``count`` more tokens: of words that the dictionary's sentences have most often or that
    tell a topic, after a space and without one.

    What a word means is learned in one place then, and it is copied in one step, into quotes too.
    """
    topics = {word for words in TOPIC_WORDS.values() for word in words}
    seen = {word for field in ("artifact", "food", "animal", "plant") for word in NOUN_FIELDS[field]}
    counts = Counter[str]()
    for words, weight in (
        (re.findall(_WORD, " ".join(EXAMPLES)), 10),
        (re.findall(_WORD, " ".join(meaning for _, meaning in DEFINITIONS)), 2),
        (re.findall(_WORD, " ".join((*GLAD, *ANGRY, *PRAISE, *BLAME))), 40),
        (topics, 100),
        (sorted({*POSITIVE, *NEGATIVE}), 60),
        (sorted(seen), 30),
    ):
        for word in words:
            counts[word] += weight
    kept_out = _list_pieces_of_numbers() | RESERVED | {f"{word}s" for word in RESERVED}
    ranked = [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    ranked = [word for word in ranked if word.lower() not in kept_out]
    vocabulary = tokenizer.get_vocab()
    tokens = [token for word in ranked for token in (SPACE + word, word) if token not in vocabulary]
    return _add_whole(tokenizer, tokens[:count])


def _add_whole(tokenizer: Tokenizer, words: list[str]) -> Tokenizer:
    """With new tokens at the end, which stand for nothing but the whole word."""
    content = json.loads(tokenizer.to_str())
    vocabulary = content["model"]["vocab"]
    for word in words:
        vocabulary.setdefault(word, len(vocabulary))
    content["model"]["ignore_merges"] = True
    return Tokenizer.from_str(json.dumps(content))


def describe_tokenizer() -> dict[str, object]:
    """``tokenizer_config.json``: what transformers needs beside ``tokenizer.json``."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": CONTROL_TOKENS[BOS],
        "eos_token": CONTROL_TOKENS[EOT],
        "pad_token": CONTROL_TOKENS[PAD],
        "model_max_length": MAX_POSITIONS,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }


def save_tokenizer(tokenizer: Tokenizer, directory: Path) -> None:
    """Writes ``tokenizer.json``."""
    tokenizer.save(str(directory / "tokenizer.json"))

"""Trains the tokenizer: byte-level BPE whose digits stay single, on texts of the mixture."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from base_model_build.mixture import Mixture, draw_texts
from tuning_trainer.base_model import BOS, CONTROL_TOKENS, EOT, MAX_POSITIONS, PAD

PIECES: Final = r"\d| ?\p{Lu}(?!\p{Ll})| ?\p{L}+|\s|[^\s\p{L}\d]"
"""A digit, a capital that starts no word (so roman numerals stay letters), a word with its space, a space, a mark."""

CHAT_TEMPLATE: Final = (
    "{{ '<bos>' }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ '<system>' }}"
    "{% elif message['role'] == 'user' %}{{ '<user>' }}"
    "{% elif message['role'] in ('model', 'assistant') %}{{ '<model>' }}"
    "{% else %}{{ raise_exception('role: ' + message['role'] + ' is not system, user or model') }}{% endif %}"
    "{{ message['content'] }}{{ '<eot>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<model>' }}{% endif %}"
)


def train_tokenizer(mixture: Mixture, size: int, seed: int, episodes: int) -> Tokenizer:
    """A tokenizer of at most ``size`` entries; every byte is one of them, so any text has tokens."""
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
    tokenizer.train_from_iterator(draw_texts(mixture, seed, episodes), trainer)
    tokenizer.encode_special_tokens = True
    return tokenizer


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

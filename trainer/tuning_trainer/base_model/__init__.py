"""The embedded base model: a small Llama that ships with the trainer, and the code that builds and measures it.

The directory holds a complete model in Hugging Face layout (``config.json``, ``model.safetensors`` in float16,
``tokenizer.json``, ``tokenizer_config.json``, ``generation_config.json``), so any tool that knows Llama loads it.

How a conversation becomes tokens
    Control tokens have fixed numbers: ``PAD`` 0, ``BOS`` 1, ``EOT`` 2, ``SYSTEM`` 3, ``USER`` 4, ``MODEL`` 5,
    ``CALL`` 6, ``RESULT`` 7.
    A conversation is ``BOS``, then for every turn its role token, the tokens of its text and ``EOT``;
    the system instruction is the first turn, with role ``SYSTEM``. To answer, append ``MODEL`` and
    generate until ``EOT``. Learned positions are the tokens of the model's turns with their ``EOT``.

Text never becomes a control token: ``read_tokenizer`` turns the parsing of special tokens off, so a literal ``<eot>``
in a user's text is spelled with ordinary tokens.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tokenizers import Tokenizer

PAD: Final = 0
BOS: Final = 1
EOT: Final = 2
SYSTEM: Final = 3
USER: Final = 4
MODEL: Final = 5
CALL: Final = 6
RESULT: Final = 7

CONTROL_TOKENS: Final = ("<pad>", "<bos>", "<eot>", "<system>", "<user>", "<model>", "<call>", "<result>")
"""Texts of the control tokens, in the order of their numbers."""

MAX_POSITIONS: Final = 2048
"""Longest conversation in tokens, as ``config.json`` says."""

ROLES: Final = {"system": SYSTEM, "user": USER, "model": MODEL}


def read_tokenizer(directory: Path) -> Tokenizer:
    """Loads ``tokenizer.json`` so that a literal control token in a text stays text."""
    tokenizer: Tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    return tokenizer

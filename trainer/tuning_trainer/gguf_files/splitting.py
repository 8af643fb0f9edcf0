"""What both ways between ``tokenizer.json`` and GGUF go by: types of tokens, and how names stand for splits of text.

Source: gguf.TokenType; llama.cpp, src/llama-vocab.cpp, beside the models' own tokenizer.json files.
"""

from __future__ import annotations

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
"""Of ``tokenizer.ggml.token_type``."""

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LEAD = r"[^\r\n\p{L}\p{N}]?"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
ONE_DIGIT, THREE_DIGITS = r"\p{N}", r"\p{N}{1,3}"

IGNORES_MERGES = ("llama-bpe", "llama3", "llama-v3", "tekken")
"""``tokenizer.ggml.pre`` of those for whom a word that is a token is that token, however its merges would go."""


def split_words(digits: str) -> str:
    """The expression of Llama 3, Qwen and others, which differ in how ``digits`` stand together."""
    return rf"{CONTRACTIONS}|{LEAD}\p{{L}}+|{digits}|{REST}"

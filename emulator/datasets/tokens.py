"""How many tokens a text is billed as, without the service's tokenizer."""

from __future__ import annotations

_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CONTINUATION = bytes(range(0x80, 0xC0))
_LEADS_OF_LETTERS = bytes(range(0xC3, 0xE2))
"""UTF-8 lead bytes of alphabets: Latin with accents, Greek, Cyrillic, Hebrew, Arabic, Indic, Thai."""

_SHARED = _LETTERS + b" " + _CONTINUATION + _LEADS_OF_LETTERS
_CHARACTERS_PER_TOKEN = 5


def count_tokens(text: str) -> int:
    """An approximation of Gemini's token count, the same for the same text on every machine.

    Every digit (recorded: the prompt ``100`` is 3 tokens), punctuation mark, line end, ideograph and emoji is one
    token; letters and spaces are one token per five, rounded up. English prose comes out at 1.3 tokens a word.
    """
    alone = len(_keep_alone(text))
    return alone - (alone - len(text)) // _CHARACTERS_PER_TOKEN


def count_all_tokens(texts: list[str]) -> list[int]:
    """``count_tokens`` of each text, several times as fast when they are short."""
    counted = _keep_alone("\0".join(texts)).split(b"\0")
    if len(counted) != len(texts):  # a text has a NUL of its own, or there is none
        return [count_tokens(text) for text in texts]
    lengths = zip(map(len, counted), map(len, texts), strict=True)
    return [alone - (alone - length) // _CHARACTERS_PER_TOKEN for alone, length in lengths]


def _keep_alone(text: str) -> bytes:
    """One byte for each character that is a token of its own: one table look-up a byte, in C."""
    return text.encode("utf-8", "replace").translate(None, _SHARED)

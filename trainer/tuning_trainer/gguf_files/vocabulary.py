"""The tokenizer of a GGUF file, as ``tokenizer.json`` and what stands beside it in a Hugging Face directory.

Two kinds: ``gpt2``, byte-level BPE with its merges, whose pre-tokenizer the file names; and ``llama``, SentencePiece's
BPE, whose merges follow from the scores.

Source: https://github.com/ggml-org/llama.cpp/blob/master/src/llama-vocab.cpp (which name stands for which expressions);
the expressions are those of the models' own tokenizer.json files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from tuning_trainer.gguf_files.header import GgufError, Header
from tuning_trainer.gguf_files.splitting import (
    BYTE,
    CONTRACTIONS,
    CONTROL,
    IGNORES_MERGES,
    LEAD,
    ONE_DIGIT,
    REST,
    THREE_DIGITS,
    UNKNOWN,
    USER_DEFINED,
    split_words,
)

_REST_SLASH = REST.replace(r"[\r\n]*", r"[\r\n/]*", 1)
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def _split(expression: str) -> pre_tokenizers.PreTokenizer:
    pieces = pre_tokenizers.Split(Regex(expression), "isolated")
    return pre_tokenizers.Sequence([pieces, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _cases(digits: str, ending: str) -> str:
    """Words cut where capitals begin."""
    return rf"{LEAD}{_UPPER}*{_LOWER}+{ending}|{LEAD}{_UPPER}+{_LOWER}*{ending}|{digits}|{_REST_SLASH}"


def _gpt2() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.ByteLevel(add_prefix_space=False)


def _single_digits() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), _gpt2()])


def _three_digits() -> pre_tokenizers.PreTokenizer:
    return _split(split_words(THREE_DIGITS))


PRE_TOKENIZERS: dict[str, Callable[[], pre_tokenizers.PreTokenizer]] = {
    "gpt-2": _gpt2,
    "smollm": _single_digits,
    "llama-bpe": _three_digits,
    "llama3": _three_digits,
    "llama-v3": _three_digits,
    "dbrx": _three_digits,
    "smaug-bpe": _three_digits,
    "qwen2": lambda: _split(split_words(ONE_DIGIT)),
    "deepseek-r1-qwen": lambda: _split(split_words(ONE_DIGIT)),
    "tekken": lambda: _split(_cases(ONE_DIGIT, "")),
    "gpt-4o": lambda: _split(_cases(THREE_DIGITS, f"{CONTRACTIONS}?")),
}
"""By ``tokenizer.ggml.pre``."""

_COMPOSES = ("qwen2", "deepseek-r1-qwen")
"""Normalised to NFC."""


def read_tokenizer(header: Header) -> tuple[Tokenizer, dict[str, Any], dict[str, Any]]:
    """The tokenizer, ``tokenizer_config.json`` and ``generation_config.json``.

    Raises:
        GgufError: metadata is missing or contradicts itself, or it is a kind that is not known.
    """
    tokens, types = _read_tokens(header)
    kind = header.metadata.get("tokenizer.ggml.model")
    if kind == "gpt2":
        tokenizer = _byte_level(header, tokens)
    elif kind == "llama":
        tokenizer = _sentence_piece(header, tokens, types)
    else:
        raise GgufError(f"tokenizer.ggml.model: {kind!r} is neither gpt2 nor llama")
    special = [
        AddedToken(t, special=True, normalized=False) for t, k in zip(tokens, types, strict=True) if k == CONTROL
    ]
    plain = [
        AddedToken(t, special=False, normalized=False) for t, k in zip(tokens, types, strict=True) if k == USER_DEFINED
    ]
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens(plain)
    return tokenizer, *_describe(header, tokenizer, tokens)


def _read_tokens(header: Header) -> tuple[list[str], list[int]]:
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    if not isinstance(tokens, list) or not tokens:
        raise GgufError("tokenizer.ggml.tokens: there are none, so no text can be read")
    if len(set(tokens)) != len(tokens):
        twice = next(token for i, token in enumerate(tokens) if token in set(tokens[:i]))
        raise GgufError(f"tokenizer.ggml.tokens: {twice[:40]!r} is there twice")
    stated = header.metadata.get("tokenizer.ggml.token_type")
    types = [1] * len(tokens) if stated is None else [int(one) for one in stated]
    if len(types) != len(tokens):
        raise GgufError(f"tokenizer.ggml.token_type has {len(types):,} items for {len(tokens):,} tokens")
    return tokens, types


def _byte_level(header: Header, tokens: list[str]) -> Tokenizer:
    pre = header.metadata.get("tokenizer.ggml.pre")
    if pre not in PRE_TOKENIZERS:
        raise GgufError(f"tokenizer.ggml.pre: {pre!r} is none of {', '.join(PRE_TOKENIZERS)}")
    vocabulary = {token: i for i, token in enumerate(tokens)}
    merges = []
    for text in header.metadata.get("tokenizer.ggml.merges", ()):
        left, space, right = str(text).partition(" ")
        if not space or not {left, right, left + right} <= vocabulary.keys():
            raise GgufError(f"tokenizer.ggml.merges: {text[:40]!r} does not join two tokens to a third")
        merges.append((left, right))
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=pre in IGNORES_MERGES))
    if pre in _COMPOSES:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = PRE_TOKENIZERS[pre]()
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _sentence_piece(header: Header, tokens: list[str], types: list[int]) -> Tokenizer:
    scores = header.metadata.get("tokenizer.ggml.scores")
    if scores is None or len(scores) != len(tokens):
        raise GgufError("tokenizer.ggml.scores: there must be one for each token")
    vocabulary = {token: i for i, token in enumerate(tokens)}
    unknown = next((token for token, kind in zip(tokens, types, strict=True) if kind == UNKNOWN), None)
    model = models.BPE(
        vocabulary,
        _derive_merges(vocabulary, [float(one) for one in scores], types),
        unk_token=unknown,
        fuse_unk=True,
        byte_fallback=BYTE in types,
    )
    tokenizer = Tokenizer(model)
    prefixed = bool(header.metadata.get("tokenizer.ggml.add_space_prefix", True))
    spaces = normalizers.Replace(" ", "▁")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), spaces]) if prefixed else spaces
    steps: list[Any] = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if prefixed else steps)
    return tokenizer


def _derive_merges(vocabulary: dict[str, int], scores: list[float], types: list[int]) -> list[tuple[str, str]]:
    """SentencePiece joins the pair whose token has the highest score; as merges, the best first."""
    found: list[tuple[float, int, int, str, str]] = []
    for token, i in vocabulary.items():
        if types[i] in (CONTROL, BYTE, UNKNOWN) or len(token) > 256:
            continue
        for cut in range(1, len(token)):
            left, right = token[:cut], token[cut:]
            if left in vocabulary and right in vocabulary:
                found.append((-scores[i], vocabulary[left], vocabulary[right], left, right))
    found.sort()
    return [(left, right) for *_, left, right in found]


def _describe(header: Header, tokenizer: Tokenizer, tokens: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The special tokens: by text for the tokenizer's settings, by number for answers. The first is added to texts."""
    numbers = {name: _read_number(header, f"tokenizer.ggml.{name}_token_id", tokens) for name in ("bos", "eos", "eot")}
    numbers["pad"] = _read_number(header, "tokenizer.ggml.padding_token_id", tokens)
    settings: dict[str, Any] = {
        f"{name}_token": tokens[number] for name, number in numbers.items() if number is not None and name != "eot"
    }
    settings |= {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    template = header.metadata.get("tokenizer.chat_template")
    if isinstance(template, str):
        settings["chat_template"] = template
    kind = header.metadata["tokenizer.ggml.model"]
    bos = numbers["bos"]
    if bos is not None and header.metadata.get("tokenizer.ggml.add_bos_token", kind == "llama"):
        text = tokens[bos].replace(":", "")  # a colon would be read as the number of a part
        if text == tokens[bos]:
            tokenizer.post_processor = processors.TemplateProcessing(
                single=f"{text} $A", pair=f"{text} $A {text} $B", special_tokens=[(text, bos)]
            )
    stops = [n for n in dict.fromkeys((numbers["eos"], numbers["eot"])) if n is not None]
    answers = {"eos_token_id": stops or None, "bos_token_id": bos, "pad_token_id": numbers["pad"]}
    return settings, {name: value for name, value in answers.items() if value is not None}


def _read_number(header: Header, key: str, tokens: list[str]) -> int | None:
    number = header.metadata.get(key)
    if number is None:
        return None
    if type(number) is not int or not 0 <= number < len(tokens):
        raise GgufError(f"{key}: {number!r} is none of the {len(tokens):,} tokens")
    return number

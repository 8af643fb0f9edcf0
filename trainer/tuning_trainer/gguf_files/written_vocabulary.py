"""A ``tokenizer.json`` in GGUF's words: tokens with their types, merges or scores, special tokens, chat template.

Readers of GGUF have tokenizers of their own, which a file names: how text is split before the merges is one of the
names that llama.cpp knows. What has no name there is refused; another one would split text in another way, silently.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from tuning_trainer.data.chat import load_tokenizer, read_settings, read_template, special_token
from tuning_trainer.gguf_files.splitting import (
    BYTE,
    CONTROL,
    IGNORES_MERGES,
    NORMAL,
    ONE_DIGIT,
    THREE_DIGITS,
    UNKNOWN,
    UNUSED,
    USER_DEFINED,
    split_words,
)

SPACE = "▁"


class UnsupportedGgufError(ValueError):
    """GGUF has no way to say something of a model; the text names what."""


@dataclass(frozen=True, slots=True)
class GgufVocabulary:
    """A tokenizer as GGUF has it.

    Attributes:
        model: ``gpt2`` (byte-level BPE, with merges) or ``llama`` (SentencePiece's, with scores).
        pre: llama.cpp's name for how text is split first.
        special: Ids by role: bos, eos, pad, unk, eot.
        begins: Whether text begins with the bos token.
        prefix: Whether text gets a space in front.
    """

    model: str
    pre: str
    tokens: tuple[str, ...]
    types: tuple[int, ...]
    merges: tuple[str, ...]
    scores: tuple[float, ...]
    special: dict[str, int]
    begins: bool
    prefix: bool
    template: str | None

    def add_to(self, writer: Any) -> None:
        """Writes the keys with a ``gguf.GGUFWriter``."""
        writer.add_tokenizer_model(self.model)
        writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(list(self.tokens))
        writer.add_token_types(list(self.types))
        if self.merges:
            writer.add_token_merges(list(self.merges))
        if self.scores:
            writer.add_token_scores(list(self.scores))
        for role, number in self.special.items():
            getattr(writer, f"add_{role}_token_id")(number)
        writer.add_add_bos_token(self.begins)
        writer.add_add_eos_token(False)
        writer.add_add_space_prefix(self.prefix)
        if self.template:
            writer.add_chat_template(self.template)


PRE_TOKENIZERS: dict[tuple[str, ...], str] = {
    ("bytes and words",): "gpt-2",
    ("digits", "bytes and words"): "smollm",
    (split_words(THREE_DIGITS), "bytes"): "llama-bpe",
    (split_words(ONE_DIGIT), "bytes"): "qwen2",
}
"""llama.cpp's names, by the steps of a byte-level tokenizer. Source: llama.cpp, src/llama-vocab.cpp, pre-tokenizers of
GPT-2, SmolLM, Llama 3 and Qwen 2, beside the tokenizer.json of these models."""


def describe_vocabulary(directory: Path, size: int) -> GgufVocabulary:
    """The tokenizer of a model directory, filled up to the ``size`` of the model's vocabulary.

    Raises:
        UnsupportedGgufError: GGUF's readers would split text in another way. UnsupportedTokenizerError: there is none.
    """
    tokenizer = load_tokenizer(directory)
    values = json.loads((directory / "tokenizer.json").read_text("utf-8"))
    model, settings = values["model"], read_settings(directory)
    if model.get("type") != "BPE":
        raise UnsupportedGgufError(f"tokenizer.json: model {model.get('type')!r}; only BPE can be said in GGUF here")
    added = {one["id"]: one for one in values.get("added_tokens", ())}
    tokens, types = _list_tokens(model, added, size)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    special = {
        role: number
        for role in ("bos", "eos", "unk", "pad")
        if (text := special_token(settings, f"{role}_token")) and (number := tokenizer.token_to_id(text)) is not None
    }
    common = (special, begins_with_bos(tokenizer, special.get("bos")))
    template = read_template(directory, settings)
    if model.get("byte_fallback"):
        prefix, scores = _find_prefix(values), _score(tokens, types, merges)
        return GgufVocabulary("llama", "default", tokens, types, (), scores, *common, prefix, template)
    pre = name_pre_tokenizer(values)
    return GgufVocabulary("gpt2", pre, tokens, types, tuple(merges), (), *common, False, template)


def begins_with_bos(tokenizer: Tokenizer, bos: int | None) -> bool:
    """Whether the tokenizer puts the bos token before a text by itself.

    Raises:
        UnsupportedGgufError: it adds something else.
    """
    whole, plain = tokenizer.encode("a").ids, tokenizer.encode("a", None, False).ids
    if whole == plain:
        return False
    if bos is None or whole != [bos, *plain]:
        raise UnsupportedGgufError("tokenizer.json: its post_processor adds another token than the bos token")
    return True


def _list_tokens(
    model: dict[str, Any], added: dict[int, dict[str, Any]], size: int
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Text and type of every id; ids that the model has and the tokenizer has not are unused."""
    texts: dict[int, str] = {number: text for text, number in model["vocab"].items()}
    texts |= {number: one["content"] for number, one in added.items()}
    if texts and max(texts) >= size:
        raise UnsupportedGgufError(f"tokenizer.json: id {max(texts)} is not below the model's vocab_size {size}")
    tokens, types = [], []
    for number in range(size):
        text = texts.get(number)
        tokens.append(f"[PAD{number}]" if text is None else text)
        if text is None:
            types.append(UNUSED)
        elif model.get("byte_fallback") and text == model.get("unk_token"):
            types.append(UNKNOWN)
        elif number in added:
            types.append(CONTROL if added[number]["special"] else USER_DEFINED)
        elif model.get("byte_fallback") and len(text) == 6 and text.startswith("<0x"):
            types.append(BYTE)
        else:
            types.append(NORMAL)
    return tuple(tokens), tuple(types)


def name_pre_tokenizer(values: dict[str, Any]) -> str:
    """llama.cpp's name for how a byte-level tokenizer splits text.

    Raises:
        UnsupportedGgufError: it has none.
    """
    normalizer = values.get("normalizer")
    if normalizer and normalizer.get("type") != "NFC":  # Qwen's, which llama.cpp leaves to who writes the text
        raise UnsupportedGgufError(f"tokenizer.json: normalizer {normalizer.get('type')!r} cannot be said in GGUF")
    pre = values.get("pre_tokenizer") or {}
    parts = pre.get("pretokenizers", []) if pre.get("type") == "Sequence" else [pre]
    steps = tuple(_describe_step(part) for part in parts)
    name = PRE_TOKENIZERS.get(steps)
    if name is None:
        raise UnsupportedGgufError(
            f"tokenizer.json: it splits text by {' then '.join(steps)}, for which readers of GGUF have no name"
        )
    if bool(values["model"].get("ignore_merges")) and name not in IGNORES_MERGES:
        raise UnsupportedGgufError(f"tokenizer.json: ignore_merges, which readers do not do for {name}")
    return name


def _describe_step(part: dict[str, Any]) -> str:
    match part:
        case {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}:
            return "bytes"
        case {"type": "ByteLevel", "add_prefix_space": False}:
            return "bytes and words"
        case {"type": "Digits", "individual_digits": True}:
            return "digits"
        case {"type": "Split", "pattern": {"Regex": str(pattern)}, "behavior": "Isolated", "invert": False}:
            return pattern
        case _:
            return str(part.get("type"))


def _find_prefix(values: dict[str, Any]) -> bool:
    """Whether a tokenizer like SentencePiece's puts a space in front of text.

    Raises:
        UnsupportedGgufError: it does something else with text first.
    """
    normalizer, pre = values.get("normalizer"), values.get("pre_tokenizer")
    steps = normalizer.get("normalizers", [normalizer]) if normalizer else []
    replaced = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    prepended = {"type": "Prepend", "prepend": SPACE}
    gemma = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    match pre:
        case {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": False} if not steps:
            return bool(scheme != "never")
    if steps in ([replaced], [prepended, replaced]) and pre in (None, gemma):
        return len(steps) > 1
    kinds = [str(step.get("type")) for step in steps] + ([str(pre.get("type"))] if pre else [])
    raise UnsupportedGgufError(f"tokenizer.json: {', '.join(kinds)} before byte fallback cannot be said in GGUF")


def _score(tokens: tuple[str, ...], types: tuple[int, ...], merges: list[str]) -> tuple[float, ...]:
    """SentencePiece's scores: the earlier a token is merged, the higher; what is never merged comes last."""
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(merges):
        ranks.setdefault(merge.replace(" ", "", 1), rank)
    last = len(merges)
    return tuple(
        -float(ranks.get(token, last)) if kind == NORMAL else 0.0 for token, kind in zip(tokens, types, strict=True)
    )

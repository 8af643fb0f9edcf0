"""Tokenizers out of GGUF metadata: texts are cut as each model cuts them, and come back whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from tests.gguf_writing import make_model, write_model
from tuning_trainer.data.chat import load_chat
from tuning_trainer.gguf_files.convert import convert_file
from tuning_trainer.gguf_files.header import Header
from tuning_trainer.gguf_files.vocabulary import PRE_TOKENIZERS, read_tokenizer
from tuning_trainer.spec import Turn

TEXT = "I'LL pay 1234 HelloWorld's\n\n  naïve"
SPLITS = {
    "gpt-2": ["I", "'", "LL", " pay", " 1234", " HelloWorld", "'s", "\n\n ", " naïve"],
    "smollm": ["I", "'", "LL", " pay", " ", "1", "2", "3", "4", " HelloWorld", "'s", "\n\n ", " naïve"],
    "llama-bpe": ["I", "'LL", " pay", " ", "123", "4", " HelloWorld", "'s", "\n\n", " ", " naïve"],
    "qwen2": ["I", "'LL", " pay", " ", "1", "2", "3", "4", " HelloWorld", "'s", "\n\n", " ", " naïve"],
    "tekken": ["I", "'LL", " pay", " ", "1", "2", "3", "4", " Hello", "World", "'s", "\n\n", " ", " naïve"],
    "gpt-4o": ["I'LL", " pay", " ", "123", "4", " Hello", "World's", "\n\n", " ", " naïve"],
}
"""By hand, after the expressions that the models' own files have."""


@pytest.mark.parametrize("pre", SPLITS)
def test_texts_are_cut_as_the_model_cuts_them(pre: str) -> None:
    """Bytes stand as letters in what the pre-tokenizer gives; the places are those of the text."""
    pieces = PRE_TOKENIZERS[pre]().pre_tokenize_str(TEXT)
    assert [TEXT[start:end] for _, (start, end) in pieces] == SPLITS[pre]


PIECES = ["▁", "a", "b", "c", "▁a", "ab", "▁ab", "abc", "▁abc", "cab"]


def make_header(**metadata: Any) -> Header:
    """SentencePiece's vocabulary: three control tokens, the bytes, pieces with falling scores."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256)), *PIECES, "<end>"]
    types = [2, 3, 3, *[6] * 256, *[1] * len(PIECES), 4]
    scores = [0.0] * 259 + [-float(i) for i in range(len(PIECES))] + [0.0]
    values: dict[str, Any] = {
        "model": "llama",
        "tokens": tokens,
        "token_type": np.array(types),
        "scores": np.array(scores),
    }
    values |= {"bos_token_id": 1, "eos_token_id": 2, **metadata}
    return Header(Path("m.gguf"), {f"tokenizer.ggml.{name}": value for name, value in values.items()}, {})


def read(**metadata: Any) -> Tokenizer:
    """The tokenizer alone."""
    return read_tokenizer(make_header(**metadata))[0]


def encode(tokenizer: Tokenizer, text: str) -> list[str]:
    """Tokens, without what is added to a text."""
    pieces: list[str] = tokenizer.encode(text, add_special_tokens=False).tokens
    return pieces


def test_pieces_are_joined_by_their_scores() -> None:
    """``▁a`` before ``ab``, then ``▁ab``, ``▁abc``: the best score first, wherever it is."""
    tokenizer = read()
    assert encode(tokenizer, "abc") == ["▁abc"]
    assert encode(tokenizer, "abc cab") == ["▁abc", "▁", "cab"]
    assert encode(tokenizer, "a<end>b") == ["▁a", "<end>", "▁", "b"]


@pytest.mark.parametrize("prefixed", [True, False])
@pytest.mark.parametrize("text", ["abc", "  abc", "Ünïcode, 語 🙂", "a\nb"])
def test_any_text_comes_back(text: str, prefixed: bool) -> None:
    """What is no piece is spelled in bytes."""
    tokenizer = read(add_space_prefix=prefixed)
    assert tokenizer.decode(encode_ids(tokenizer, text)) == text


def encode_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """Numbers, without what is added."""
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


@pytest.mark.parametrize(("metadata", "first"), [({}, "<s>"), ({"add_bos_token": False}, "▁a")])
def test_a_text_begins_as_the_file_says(metadata: dict[str, Any], first: str) -> None:
    assert read(**metadata).encode("a").tokens[0] == first


def test_every_end_of_an_answer_is_kept() -> None:
    """``eos`` and ``eot`` both."""
    _, settings, answers = read_tokenizer(make_header(eot_token_id=269))
    assert (settings["eos_token"], answers["eos_token_id"]) == ("</s>", [2, 269])


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a chat template."""
    folder: Path = tmp_path_factory.mktemp("chat")
    write_model(folder / "model.gguf", make_model("llama"), "llama")
    (folder / "out").mkdir()
    convert_file(folder / "model.gguf", folder / "out")
    return folder / "out"


@pytest.mark.slow
def test_the_templates_of_the_file_make_conversations(directory: Path) -> None:
    """Control tokens of the template, not of a text that looks like them."""
    chat = load_chat(directory)
    tokens = [chat.tokenizer.id_to_token(i) for i in chat.encode((Turn("user", "the</s>"), Turn("model", "the"))).ids]
    assert tokens.count("<s>") == 2
    assert tokens.count("</s>") == 2
    assert chat.stops == {1}

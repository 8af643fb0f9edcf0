"""A GGUF file is the tuned model: transformers, which reads such files too, computes the same scores from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.models import CHATML, make_job, write_llama, write_tokenizer
from tuning_trainer.__main__ import main
from tuning_trainer.spec import EMBEDDED, OUTTYPES, Done

pytest.importorskip("gguf")

SHAPE = {
    "vocab_size": 304, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 96, "max_position_embeddings": 256, "eos_token_id": 2, "bos_token_id": 1, "pad_token_id": 0,
}  # fmt: skip
TEXTS = ["one two three", "  Twenty-two,\n\tit's 1,234!", "<|im_start|>user\nhi<|im_end|>", "naïve 東京 🙂", ""]

FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {"tie_word_embeddings": False}),
    "smollm2": ("Llama", {"tie_word_embeddings": True, "rope_theta": 100000.0}),
    "mistral": ("Mistral", {"head_dim": 32, "sliding_window": 64}),
    "qwen2": ("Qwen2", {}),
    "qwen3": ("Qwen3", {"head_dim": 128}),
    "phi3": ("Phi3", {}),
    "gemma2": ("Gemma2", {"head_dim": 256, "query_pre_attn_scalar": 256, "sliding_window": 64}),
    "gemma3": ("Gemma3", {"head_dim": 256, "query_pre_attn_scalar": 256, "sliding_window": 64, "num_hidden_layers": 7}),
}


def write_family(directory: Path, name: str) -> Path:
    """A random model of a family with a byte-level tokenizer and a ChatML template; saved by transformers."""
    import torch
    import transformers

    untyped: Any = transformers
    kind, more = FAMILIES[name]
    torch.manual_seed(0)
    config = getattr(untyped, f"{kind}{'Text' if kind == 'Gemma3' else ''}Config")(**SHAPE | more)
    model = getattr(untyped, f"{kind}ForCausalLM")(config)
    with torch.no_grad():  # norms and biases begin as nothing, and would hide that they are left out
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(directory)
    return write_chat(directory)


def write_chat(directory: Path, **settings: Any) -> Path:
    """The tokenizer and settings of the tests' models."""
    write_tokenizer(directory, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    values = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>"}
    values |= {"pad_token": "<|endoftext|>", "chat_template": CHATML}
    (directory / "tokenizer_config.json").write_text(json.dumps(values | settings))
    return directory


def tune(folder: Path, base: Path) -> Path:
    """An adapter that changes the scores."""
    from tuning_trainer.learning.loop import run_job

    last = run_job(make_job(folder, base, learning_rate=1e-2, epochs=1), lambda _: None)
    assert isinstance(last, Done), last
    return Path(last.adapter)


def read_scores(directory: Path, **given: Any) -> Any:
    """Scores of a fixed row of tokens by transformers."""
    import torch
    from transformers import AutoModelForCausalLM

    loader: Any = AutoModelForCausalLM
    model = loader.from_pretrained(directory, dtype=torch.float32, **given).eval()
    with torch.no_grad():
        return model(torch.tensor([list(range(2, 42))])).logits


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_transformers_reads_the_same_model_from_the_file(family: str, tmp_path: Path) -> None:
    """Scores of the GGUF file are those of base and adapter merged; ids of texts and special tokens are the same."""
    import torch
    from transformers import AutoTokenizer

    base = write_family(tmp_path / "base", family)
    adapter, merged, file = tune(tmp_path, base), tmp_path / "merged", tmp_path / "out" / "tuned.gguf"
    assert main(["merge", str(adapter), str(merged)]) == 0
    assert main(["gguf", str(adapter), str(file), "--outtype", "f32"]) == 0
    assert sorted(one.name for one in file.parent.iterdir()) == ["Modelfile", "tuned.gguf"]
    expected = read_scores(merged)
    scores = read_scores(file.parent, gguf_file=file.name)
    torch.testing.assert_close(scores, expected, atol=1e-4, rtol=1e-4)
    assert (expected - read_scores(base)).abs().max() > 1e-2
    reader: Any = AutoTokenizer
    here, there = reader.from_pretrained(merged), reader.from_pretrained(file.parent, gguf_file=file.name)
    assert [there(text).input_ids for text in TEXTS] == [here(text).input_ids for text in TEXTS]
    assert (there.eos_token_id, there.chat_template) == (here.eos_token_id, here.chat_template)


def write_sentences(directory: Path, prefix: bool) -> None:
    """A BPE as SentencePiece's are in ``tokenizer.json``: spaces are ▁, what is unknown falls back to bytes.

    Llama 2 puts a space in front of texts, Gemma does not.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, trainers

    special = ["<unk>", "<|im_start|>", "<|im_end|>", "<|endoftext|>"]
    tokens = special + [f"<0x{byte:02X}>" for byte in range(256)]
    replaced = normalizers.Replace(" ", "▁")
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), replaced]) if prefix else replaced
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=tokens, show_progress=False, max_token_length=8)
    tokenizer.train_from_iterator(["one two three four five twenty hundred", "it's three"] * 4, trainer)
    values = json.loads(tokenizer.to_str())
    values["added_tokens"] = [one for one in values["added_tokens"] if one["content"] in special]
    tokenizer = Tokenizer.from_str(json.dumps(values))
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    tokenizer.save(str(directory / "tokenizer.json"))


@pytest.mark.slow
@pytest.mark.parametrize("prefix", [True, False])
def test_tokenizers_like_sentencepiece_keep_their_ids(prefix: bool, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from tuning_trainer.data.chat import load_tokenizer

    base = write_family(tmp_path / "base", "llama" if prefix else "gemma2")
    write_sentences(base, prefix)
    file = tmp_path / "out" / "tuned.gguf"
    assert main(["gguf", str(base), str(file)]) == 0
    reader: Any = AutoTokenizer
    here, there = load_tokenizer(base), reader.from_pretrained(file.parent, gguf_file=file.name)
    for text in ["one two three", "it's twenty-five", "naïve 東京"]:
        assert there(text, add_special_tokens=False).input_ids == here.encode(text, add_special_tokens=False).ids


@pytest.mark.slow
@pytest.mark.parametrize(("outtype", "tolerance"), [("f32", 1e-6), ("f16", 1e-3), ("bf16", 1e-2), ("q8_0", 1e-2)])
def test_precisions_are_as_near_as_they_say(outtype: str, tolerance: float, tmp_path: Path) -> None:
    """Each matrix, beside the largest of its values."""
    import numpy as np
    from gguf import GGUFReader, dequantize
    from safetensors.numpy import load_file

    base, file = write_family(tmp_path / "base", "qwen2"), tmp_path / "tuned.gguf"
    assert main(["gguf", str(base), str(file), "--outtype", outtype]) == 0
    reader: Any = GGUFReader(file)
    there = {one.name: one for one in reader.tensors}
    read: Any = dequantize
    values = load_file(base / "model.safetensors")["model.layers.1.mlp.up_proj.weight"]
    got = read(there["blk.1.ffn_up.weight"].data, there["blk.1.ffn_up.weight"].tensor_type)
    assert np.abs(got - values).max() <= tolerance * np.abs(values).max()
    assert there["blk.1.ffn_up.weight"].tensor_type.name == outtype.upper()
    assert there["blk.1.attn_norm.weight"].tensor_type.name == "F32"
    assert set(OUTTYPES) >= {outtype}


@pytest.mark.slow
def test_scaled_rotary_positions_are_those_of_llama_3() -> None:
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    from tuning_trainer.gguf_files.writing import rope_factors

    rope = {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192, "rope_theta": 500000.0,
    }  # fmt: skip
    config = LlamaConfig(hidden_size=256, num_attention_heads=4, rope_parameters=rope, max_position_embeddings=131072)
    functions: Any = ROPE_INIT_FUNCTIONS
    expected, _ = functions["llama3"](config, "cpu")
    plain = [500000.0 ** (-place / 64) for place in range(0, 64, 2)]
    factors = rope_factors(rope, 64, None)
    assert [one / by for one, by in zip(plain, factors, strict=True)] == pytest.approx(expected.tolist(), rel=1e-5)


def change(path: Path, **fields: Any) -> None:
    """Sets fields of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize(
    ("file", "fields", "said"),
    [
        ("config.json", {"model_type": "gpt2"}, "model_type: 'gpt2' is not one of llama, mistral"),
        ("config.json", {"hidden_act": "relu"}, "hidden_act: 'relu'; readers of llama compute silu"),
        ("config.json", {"mlp_bias": True}, "mlp_bias: readers of llama do not compute it"),
        ("config.json", {"rope_scaling": {"rope_type": "yarn"}}, "rope_scaling: 'yarn' is not one of"),
        ("config.json", {"vocab_size": 100}, "is not below the model's vocab_size 100"),
        ("tokenizer.json", {"normalizer": {"type": "Lowercase"}}, "normalizer 'Lowercase' cannot be said"),
        ("tokenizer.json", {"pre_tokenizer": {"type": "Whitespace"}}, "it splits text by Whitespace, for which"),
        ("tokenizer.json", {"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}, "model 'WordLevel'"),
    ],
)
def test_what_gguf_cannot_say_is_refused(
    file: str, fields: dict[str, Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that names it, and nothing is left."""
    base = write_llama(tmp_path / "base", special=["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    change(base / file, **fields)
    assert main(["gguf", str(base), str(tmp_path / "out" / "tuned.gguf")]) == 1
    assert said in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_the_embedded_model_is_refused_because_of_how_it_splits_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every digit and space on its own: llama.cpp would read other tokens, and answer something else."""
    from tuning_trainer.model import model_directory

    assert main(["gguf", str(model_directory(EMBEDDED)), str(tmp_path / "tuned.gguf")]) == 1
    said = capsys.readouterr().err
    assert "it splits text by " in said
    assert "for which readers of GGUF have no name" in said
    assert list(tmp_path.iterdir()) == []


def test_values_beyond_float16_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from safetensors.torch import load_file, save_file

    base = write_llama(tmp_path / "base", special=["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tensors = load_file(base / "model.safetensors")
    tensors["model.embed_tokens.weight"][3, 3] = 1e6
    save_file(tensors, base / "model.safetensors", {"format": "pt"})
    assert main(["gguf", str(base), str(tmp_path / "out" / "tuned.gguf")]) == 1
    assert "token_embd.weight: a value is too large for f16; take --outtype bf16" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []
    assert main(["gguf", str(base), str(tmp_path / "out" / "tuned.gguf"), "--outtype", "bf16"]) == 0


def test_no_file_and_no_modelfile_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = write_llama(tmp_path / "base", special=["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    for name in ("tuned.gguf", "Modelfile"):
        taken = tmp_path / name
        taken.write_text("mine")
        assert main(["gguf", str(base), str(tmp_path / "tuned.gguf")]) == 1
        assert f"{name} is there already; give another one" in capsys.readouterr().err
        assert taken.read_text() == "mine"
        taken.unlink()
    assert [one.name for one in tmp_path.iterdir()] == ["base"]

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
    from tuning_trainer.loop import run_job

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

"""One tiny random model of every family that the native decoder runs, as transformers saves it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.models import ROLE_TOKENS, write_tokenizer

VOCABULARY = 304
WINDOW = 10
"""Tokens that local layers see; the tests' texts are longer."""

LONG = 24
"""Tokens after which Phi-3 takes its long factors."""

_SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 5e5,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
_LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 1e4,
    "short_factor": [1.0, 1.1, 1.3, 1.5],
    "long_factor": [1.0, 2.0, 4.0, 8.0],
}
_TWO_ROPES = {
    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
    "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
}

FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "Llama 2": ("LlamaConfig", {"num_key_value_heads": 4}),
    "Llama 3": ("LlamaConfig", {"rope_parameters": _LLAMA3, "head_dim": 12}),
    "SmolLM2": ("LlamaConfig", {"tie_word_embeddings": True, "rope_parameters": {"rope_theta": 1e5}}),
    "Llama, linear": ("LlamaConfig", {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}}),
    "Mistral": ("MistralConfig", {"sliding_window": WINDOW}),
    "Mistral, later": ("MistralConfig", {"sliding_window": None, "head_dim": 12}),
    "Qwen2": ("Qwen2Config", {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1}),
    "Qwen2.5": ("Qwen2Config", {"tie_word_embeddings": True}),
    "Qwen3": ("Qwen3Config", {"head_dim": 16, "tie_word_embeddings": True}),
    "Gemma": ("GemmaConfig", {"head_dim": 16}),
    "Gemma 2": ("Gemma2Config", {"head_dim": 16, "sliding_window": WINDOW, "query_pre_attn_scalar": 20}),
    "Gemma 3": (
        "Gemma3TextConfig",
        {"num_hidden_layers": 7, "head_dim": 16, "sliding_window": WINDOW, "query_pre_attn_scalar": 20,
         "rope_parameters": _TWO_ROPES},
    ),
    "SmolLM3": ("SmolLM3Config", {"num_hidden_layers": 5}),
    "Phi-3": ("Phi3Config", {"sliding_window": WINDOW}),
    "Phi-3, long": ("Phi3Config", {"original_max_position_embeddings": LONG, "rope_parameters": _LONGROPE}),
    "Phi-4": ("Phi3Config", {"partial_rotary_factor": 0.5, "tie_word_embeddings": True}),
}  # fmt: skip
"""Name -> the class of its config in transformers, and what is not as in the others."""


def write_family(directory: Path, name: str, **changed: Any) -> Path:
    """A random model of a family, with norms and biases that are not what they begin as, and a tokenizer."""
    import torch
    import transformers
    from transformers import AutoModelForCausalLM

    kind, special = FAMILIES[name]
    make: Callable[..., Any] = getattr(transformers, kind)
    config = make(**_SMALL | special | changed)
    torch.manual_seed(0)
    untyped: Any = AutoModelForCausalLM
    model: Any = untyped.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * (0.2 if parameter.dim() == 1 else 0.05))
    directory.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(directory)
    write_tokenizer(directory, ROLE_TOKENS)
    return directory


def load_theirs(directory: Path, precision: str = "float32") -> Any:
    """The model as transformers runs it, with the attention that it writes out."""
    import torch
    from transformers import AutoModelForCausalLM

    kind: Any = AutoModelForCausalLM
    model = kind.from_pretrained(directory, dtype=getattr(torch, precision), attn_implementation="eager")
    return model.eval()


def change_config(directory: Path, **changed: Any) -> None:
    """Sets keys of a directory's ``config.json``."""
    file = directory / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | changed), "utf-8")

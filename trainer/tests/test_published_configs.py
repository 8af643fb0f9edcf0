"""The config.json of models as their makers published them are understood, with the parameters that they have.

Sources: ``config.json`` and model cards under https://huggingface.co, by the names below.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from tuning_trainer.native.architecture import Attention, Config, Rope
from tuning_trainer.native.families import parse_config

_LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "hidden_act": "silu",
    "initializer_range": 0.02, "model_type": "llama", "pretraining_tp": 1, "rms_norm_eps": 1e-05,
    "torch_dtype": "bfloat16", "transformers_version": "4.45.0.dev0", "use_cache": True,
}  # fmt: skip
_QWEN: dict[str, Any] = {
    "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151645, "hidden_act": "silu",
    "initializer_range": 0.02, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "tie_word_embeddings": True,
    "torch_dtype": "bfloat16", "use_cache": True, "use_sliding_window": False, "vocab_size": 151936,
}  # fmt: skip
_GEMMA: dict[str, Any] = {
    "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 2, "cache_implementation": "hybrid",
    "eos_token_id": 1, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "initializer_range": 0.02,
    "pad_token_id": 0, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "torch_dtype": "bfloat16",
    "use_cache": True,
}  # fmt: skip

PUBLISHED: dict[str, tuple[int, dict[str, Any]]] = {
    "meta-llama/Llama-3.2-1B-Instruct": (1_235_814_400, _LLAMA | {
        "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009], "head_dim": 64, "hidden_size": 2048,
        "intermediate_size": 8192, "max_position_embeddings": 131072, "mlp_bias": False, "num_attention_heads": 32,
        "num_hidden_layers": 16, "num_key_value_heads": 8, "rope_scaling": {
            "factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192,
            "rope_type": "llama3"},
        "rope_theta": 500000.0, "tie_word_embeddings": True, "vocab_size": 128256}),
    "HuggingFaceTB/SmolLM2-135M-Instruct": (134_515_008, _LLAMA | {
        "bos_token_id": 1, "eos_token_id": 2, "hidden_size": 576, "initializer_range": 0.041666666666666664,
        "intermediate_size": 1536, "is_llama_config": True, "max_position_embeddings": 8192, "mlp_bias": False,
        "num_attention_heads": 9, "num_hidden_layers": 30, "num_key_value_heads": 3, "pad_token_id": 2,
        "rope_interleaved": False, "rope_scaling": None, "rope_theta": 100000, "tie_word_embeddings": True,
        "transformers.js_config": {"dtype": "q4"}, "vocab_size": 49152}),
    "mistralai/Mistral-7B-v0.1": (7_241_732_096, {
        "architectures": ["MistralForCausalLM"], "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
        "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 14336, "max_position_embeddings": 32768,
        "model_type": "mistral", "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
        "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "sliding_window": 4096, "tie_word_embeddings": False,
        "torch_dtype": "bfloat16", "transformers_version": "4.34.0.dev0", "use_cache": True, "vocab_size": 32000}),
    "Qwen/Qwen2.5-0.5B-Instruct": (494_032_768, _QWEN | {
        "architectures": ["Qwen2ForCausalLM"], "hidden_size": 896, "intermediate_size": 4864,
        "max_position_embeddings": 32768, "max_window_layers": 21, "model_type": "qwen2", "num_attention_heads": 14,
        "num_hidden_layers": 24, "num_key_value_heads": 2, "sliding_window": 32768,
        "transformers_version": "4.43.1"}),
    "Qwen/Qwen3-0.6B": (596_049_920, _QWEN | {
        "architectures": ["Qwen3ForCausalLM"], "attention_bias": False, "head_dim": 128, "hidden_size": 1024,
        "intermediate_size": 3072, "max_position_embeddings": 40960, "max_window_layers": 28, "model_type": "qwen3",
        "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8, "rope_scaling": None,
        "sliding_window": None, "transformers_version": "4.51.0"}),
    "google/gemma-2-2b-it": (2_614_341_888, _GEMMA | {
        "architectures": ["Gemma2ForCausalLM"], "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0,
        "hidden_act": "gelu_pytorch_tanh", "hidden_size": 2304, "intermediate_size": 9216,
        "max_position_embeddings": 8192, "model_type": "gemma2", "num_attention_heads": 8, "num_hidden_layers": 26,
        "num_key_value_heads": 4, "rope_theta": 10000.0, "sliding_window": 4096, "transformers_version": "4.42.4",
        "vocab_size": 256000}),
    "google/gemma-3-1b-it": (999_885_952, _GEMMA | {
        "architectures": ["Gemma3ForCausalLM"], "attn_logit_softcapping": None, "eos_token_id": [1, 106],
        "final_logit_softcapping": None, "hidden_size": 1152, "intermediate_size": 6912,
        "max_position_embeddings": 32768, "model_type": "gemma3_text", "num_attention_heads": 4,
        "num_hidden_layers": 26, "num_key_value_heads": 1, "rope_local_base_freq": 10000, "rope_scaling": None,
        "rope_theta": 1000000, "sliding_window": 512, "sliding_window_pattern": 6,
        "transformers_version": "4.50.0.dev0", "vocab_size": 262144}),
    "HuggingFaceTB/SmolLM3-3B-Base": (3_075_098_624, {
        "architectures": ["SmolLM3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
        "bos_token_id": None, "eos_token_id": 128001, "hidden_act": "silu", "hidden_size": 2048,
        "initializer_range": 0.02, "intermediate_size": 11008, "max_position_embeddings": 65536,
        "model_type": "smollm3", "no_rope_layer_interval": 4, "num_attention_heads": 16, "num_hidden_layers": 36,
        "num_key_value_heads": 4, "pad_token_id": 128004, "pretraining_tp": 2, "rms_norm_eps": 1e-06,
        "rope_scaling": None, "rope_theta": 5000000.0, "sliding_window": None, "tie_word_embeddings": True,
        "torch_dtype": "bfloat16", "use_cache": True, "use_sliding_window": False, "vocab_size": 128256}),
    "microsoft/Phi-3-mini-4k-instruct": (3_821_079_552, {
        "_name_or_path": "Phi-3-mini-4k-instruct", "architectures": ["Phi3ForCausalLM"], "attention_bias": False,
        "attention_dropout": 0.0, "auto_map": {"AutoConfig": "configuration_phi3.Phi3Config"}, "bos_token_id": 1,
        "embd_pdrop": 0.0, "eos_token_id": 32000, "hidden_act": "silu", "hidden_size": 3072, "initializer_range": 0.02,
        "intermediate_size": 8192, "max_position_embeddings": 4096, "model_type": "phi3", "num_attention_heads": 32,
        "num_hidden_layers": 32, "num_key_value_heads": 32, "original_max_position_embeddings": 4096,
        "pad_token_id": 32000, "resid_pdrop": 0.0, "rms_norm_eps": 1e-05, "rope_scaling": None, "rope_theta": 10000.0,
        "sliding_window": 2047, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
        "transformers_version": "4.40.2", "use_cache": True, "vocab_size": 32064}),
}  # fmt: skip
"""Name -> its parameters, its config.json."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_model_has_its_parameters(name: str) -> None:
    parameters, values = PUBLISHED[name]
    assert sum(math.prod(shape) for shape in parse_config(values).shapes.values()) == parameters


def read(name: str) -> Config:
    return parse_config(PUBLISHED[name][1])


def test_layers_are_of_the_kinds_that_their_makers_describe() -> None:
    """Gemma 2 begins locally, every sixth of Gemma 3 sees all, every fourth of SmolLM3 knows no positions."""
    assert [read("google/gemma-2-2b-it").attention[kind].window for kind in (0, 1)] == [4096, None]
    gemma = read("google/gemma-3-1b-it")
    assert gemma.attention == (Attention(Rope(10000.0), 512), Attention(Rope(1000000.0)))
    assert [gemma.kind(layer) for layer in range(7)] == [0, 0, 0, 0, 0, 1, 0]
    smollm = read("HuggingFaceTB/SmolLM3-3B-Base")
    assert [smollm.attention[smollm.kind(layer)].rope is None for layer in range(8)] == [False, False, False, True] * 2
    assert read("Qwen/Qwen2.5-0.5B-Instruct").attention == (Attention(Rope(1000000.0)),)
    assert read("microsoft/Phi-3-mini-4k-instruct").attention == (Attention(Rope(10000.0), 2047),)

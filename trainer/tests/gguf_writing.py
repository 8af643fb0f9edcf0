"""Small GGUF files for tests, written with the ``gguf`` package out of random models of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFWriter, TokenType, get_tensor_name_map
from gguf.constants import MODEL_ARCH_NAMES
from gguf.quants import quantize

K_SCALES = {"Q4_K": (144, (0, 2)), "Q5_K": (176, (0, 2)), "Q6_K": (210, (208,))}
"""Bytes of a block of 256 values, and where in it the scales are that must be numbers."""

SIZES: dict[str, Any] = {
    "vocab_size": 288,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}
LARGE = SIZES | {"hidden_size": 256, "intermediate_size": 256, "head_dim": 64, "num_hidden_layers": 1}
"""Rows that k-quants can have."""


def make_model(architecture: str, sizes: dict[str, Any] | None = None, **more: Any) -> Any:
    """A random model of an architecture as GGUF calls it."""
    import transformers

    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "llama": ("Llama", {}),
        "qwen2": ("Qwen2", {}),
        "qwen3": ("Qwen3", {"tie_word_embeddings": True}),
        "gemma2": ("Gemma2", {"sliding_window": 8, "query_pre_attn_scalar": 16}),
        "gemma3": ("Gemma3", {"sliding_window": 8, "query_pre_attn_scalar": 16, "num_hidden_layers": 6}),
        "phi3": ("Phi3", {"num_key_value_heads": 2}),
    }
    name, own = kinds[architecture]
    config_name = "Gemma3TextConfig" if name == "Gemma3" else f"{name}Config"
    values = SIZES | own | (sizes or {}) | more
    if architecture == "phi3":
        values.pop("head_dim")
    config = getattr(transformers, config_name)(**values)
    torch.manual_seed(1)
    model = getattr(transformers, f"{name}ForCausalLM")(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # norms of ones and biases of zeros would hide what is done to them
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


def write_model(path: Path, model: Any, architecture: str, kind: str = "F32", **metadata: Any) -> None:
    """Writes a model as llama.cpp's converter does; matrices in a kind of quantisation."""
    config = model.config
    writer = GGUFWriter(path, architecture)
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(size)
    writer.add_vocab_size(config.vocab_size)
    writer.add_rope_freq_base(float(read_theta(config)))
    if architecture in ("gemma2", "gemma3", "qwen3"):
        writer.add_key_length(size)
        writer.add_value_length(size)
    if architecture in ("gemma2", "gemma3"):
        writer.add_sliding_window(config.sliding_window)
    if architecture == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    for name, value in metadata.items():
        getattr(writer, f"add_{name}")(value)
    write_bytes_tokenizer(writer, config.vocab_size)
    number = next(one for one, name in MODEL_ARCH_NAMES.items() if name == architecture)
    names = get_tensor_name_map(number, config.num_hidden_layers)
    tied = config.tie_word_embeddings
    for target, tensor in model.state_dict().items():
        if target == "lm_head.weight" and tied:
            continue
        found = names.get_name(target, try_suffixes=(".weight", ".bias"))
        assert found is not None, target
        name = f"{found}.weight" if found == "rope_freqs" else found
        add_tensor(writer, name, change(target, tensor.float().numpy(), config, architecture), kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_theta(config: Any) -> float:
    """The base of the rotary positions, where this transformers keeps it."""
    rope: dict[str, Any] = config.rope_parameters
    return float(rope.get("full_attention", rope).get("rope_theta", 10000.0))


def change(name: str, values: np.ndarray[Any, Any], config: Any, architecture: str) -> np.ndarray[Any, Any]:
    """What llama.cpp's converter does to weights."""
    if architecture == "llama" and ("q_proj" in name or "k_proj" in name):
        heads = config.num_attention_heads if "q_proj" in name else config.num_key_value_heads
        return values.reshape(heads, 2, -1, values.shape[-1]).swapaxes(1, 2).reshape(values.shape)
    if architecture.startswith("gemma") and "norm" in name:
        return values + 1
    return values


def add_tensor(writer: GGUFWriter, name: str, values: np.ndarray[Any, Any], kind: str) -> None:
    """Adds a tensor; vectors stay as they are. K-quants get random blocks: the package does not make them."""
    if values.ndim == 1 or kind == "F32":
        writer.add_tensor(name, values)
        return
    dtype = GGMLQuantizationType[kind]
    if kind in K_SCALES:
        size, places = K_SCALES[kind]
        random = np.random.default_rng(len(name))
        blocks = random.integers(0, 256, (values.shape[0], values.shape[1] // 256, size), dtype=np.uint8)
        for place in places:
            blocks[..., place : place + 2] = np.array([0.0003], np.float16).view(np.uint8)
        writer.add_tensor(name, blocks.reshape(values.shape[0], -1), raw_dtype=dtype)
        return
    writer.add_tensor(name, quantize(values, dtype), raw_dtype=dtype)


def write_bytes_tokenizer(writer: GGUFWriter, size: int, pre: str = "smollm") -> None:
    """Byte-level BPE: the bytes, three merges, two control tokens and as many unused ones as it takes."""
    from tokenizers.pre_tokenizers import ByteLevel

    tokens = ["<s>", "</s>", *sorted(ByteLevel.alphabet()), "th", "the", "Ġthe"]
    types = [TokenType.CONTROL] * 2 + [TokenType.NORMAL] * (len(tokens) - 2)
    rest = size - len(tokens)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list([*tokens, *(f"[unused{i}]" for i in range(rest))])
    writer.add_token_types([*types, *[TokenType.UNUSED] * rest])
    writer.add_token_merges(["t h", "th e", "Ġ the"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_pad_token_id(1)
    writer.add_chat_template("{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}</s>{% endfor %}")

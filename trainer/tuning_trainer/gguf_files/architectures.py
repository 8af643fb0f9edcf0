"""Which models a GGUF file may hold: ``config.json`` from its metadata, and where each tensor goes.

Metadata has llama.cpp's names, ``config.json`` Hugging Face's. What llama.cpp's converter does to weights is undone:
rows of q and k stand in another order in ``llama``, and Gemma's norms are stored with one added.

Source: https://github.com/ggml-org/llama.cpp/blob/master/convert_hf_to_gguf.py and src/llama-model.cpp
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from gguf.quants import dequantize
from numpy.typing import NDArray

from tuning_trainer.gguf_files.header import GgufError, Header, map_tensor
from tuning_trainer.gguf_files.positions import llama3_divisors

Change: TypeAlias = Literal["none", "pairs", "plus one"]
"""What was done to the weights. ``pairs``: of each head the rows 0, h/2, 1, h/2 + 1, …, h the size of a head."""


@dataclass(frozen=True, slots=True)
class Part:
    """A tensor: its name in the file and in Hugging Face's layout, its shape, what is to be undone, of how many."""

    source: str
    target: str
    shape: tuple[int, ...]
    change: Change = "none"
    heads: int = 0


@dataclass(frozen=True, slots=True)
class Family:
    """An architecture.

    Attributes:
        model_type, architecture: As ``config.json`` calls it.
        bias: q, k and v have one. normed: q and k have norms. fused: q, k, v in one matrix, gate and up in one.
        gemma: Norms with one added, two more of them in each layer, another activation, tied head.
    """

    model_type: str
    architecture: str
    bias: bool = False
    normed: bool = False
    fused: bool = False
    gemma: bool = False


FAMILIES = {
    "llama": Family("llama", "LlamaForCausalLM"),
    "qwen2": Family("qwen2", "Qwen2ForCausalLM", bias=True),
    "qwen3": Family("qwen3", "Qwen3ForCausalLM", normed=True),
    "gemma2": Family("gemma2", "Gemma2ForCausalLM", gemma=True),
    "gemma3": Family("gemma3_text", "Gemma3ForCausalLM", normed=True, gemma=True),
    "phi3": Family("phi3", "Phi3ForCausalLM", fused=True),
}
"""By ``general.architecture``."""

LEFT_OUT = ("rope_freqs.", "rope_factors_", "v.", "mm.")
"""How names begin of what is no weight of the decoder: frequencies, which go into ``config.json``, and what sees."""

_LLAMA3_FACTORS = (8.0, 32.0)
"""Llama 3.1 and 3.3, 3.2. The file has the scaled frequencies, not the factor that they come from."""


class _Metadata:
    """The numbers of one architecture."""

    def __init__(self, header: Header, architecture: str) -> None:
        self._header, self._prefix = header, architecture

    def count(self, name: str, default: int | None = None, most: int = 1 << 24) -> int:
        value = self.get(name, default)
        if type(value) is not int or not 1 <= value <= most:
            raise GgufError(f"{self._prefix}.{name}: {value!r} is not a whole number from 1 to {most:,}")
        return value

    def number(self, name: str, default: float) -> float:
        value = self.get(name, default)
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise GgufError(f"{self._prefix}.{name}: {value!r} is not a number")
        return float(f"{value:.7g}")  # stored in 32 bits: 1e-05, not 9.999999747378752e-06

    def get(self, name: str, default: Any = None) -> Any:
        return self._header.metadata.get(f"{self._prefix}.{name}", default)


def read_family(header: Header) -> Family:
    """The architecture of a file; raises GgufError for one that is not known."""
    name = header.metadata.get("general.architecture")
    if not isinstance(name, str) or name not in FAMILIES:
        raise GgufError(f"{header.path}: general.architecture: {name!r} is none of {', '.join(FAMILIES)}")
    return FAMILIES[name]


def make_config(header: Header) -> dict[str, Any]:
    """``config.json``, without the kind of the weights.

    Raises:
        GgufError: a number is missing or cannot be, or the model is more than the architecture alone.
    """
    family = read_family(header)
    architecture = header.metadata["general.architecture"]
    found = _Metadata(header, architecture)
    if (parts := header.metadata.get("split.count", 1)) not in (0, 1):
        raise GgufError(f"one of {parts} files; join them with `llama-gguf-split --merge`")
    if found.get("expert_count", 0):
        raise GgufError(f"{architecture}.expert_count: {found.get('expert_count')!r}; mixtures of experts are not read")
    heads, size = found.count("attention.head_count", most=1024), found.count("embedding_length", most=1 << 20)
    embedding = header.tensors.get("token_embd.weight")
    if embedding is None:
        raise GgufError("there is no tensor 'token_embd.weight'")
    head_size = found.count(
        "attention.key_length", size // heads if family.fused else found.get("rope.dimension_count", size // heads)
    )
    if found.get("attention.value_length", head_size) != head_size:
        raise GgufError(f"{architecture}.attention.value_length differs from key_length; such models are not read")
    config: dict[str, Any] = {
        "architectures": [family.architecture],
        "model_type": family.model_type,
        "vocab_size": embedding.shape[0],
        "hidden_size": size,
        "intermediate_size": found.count("feed_forward_length"),
        "num_hidden_layers": found.count("block_count", most=1024),
        "num_attention_heads": heads,
        "num_key_value_heads": found.count("attention.head_count_kv", heads, most=heads),
        "head_dim": head_size,
        "rms_norm_eps": found.number("attention.layer_norm_rms_epsilon", 1e-6),
        "rope_theta": found.number("rope.freq_base", 10000.0),
        "max_position_embeddings": found.count("context_length", most=1 << 28),
        "tie_word_embeddings": "output.weight" not in header.tensors,
    }
    if heads % config["num_key_value_heads"] or head_size % 2:
        raise GgufError(f"{architecture}: {heads} heads of {head_size} over {config['num_key_value_heads']} cannot be")
    if family.gemma:
        return config | _gemma(found, config, architecture)
    config["hidden_act"] = "silu"
    if family.fused:
        return config | _phi3(header, found, config)
    if family.model_type == "llama":
        config |= {"attention_bias": False, "mlp_bias": False}
    if scaling := _rope_scaling(header, found, config):
        config["rope_scaling"] = scaling
    return config


def _gemma(found: _Metadata, config: dict[str, Any], architecture: str) -> dict[str, Any]:
    large = config["num_hidden_layers"] == (46 if architecture == "gemma2" else 62)  # the 27B models alone
    scalar = config["hidden_size"] // config["num_attention_heads"] if large else config["head_dim"]
    more: dict[str, Any] = {
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": scalar,
        "sliding_window": found.count("attention.sliding_window", 4096, most=1 << 28),
        "attention_bias": False,
    }
    if architecture == "gemma2":
        return more | {
            "attn_logit_softcapping": found.number("attn_logit_softcapping", 50.0),
            "final_logit_softcapping": found.number("final_logit_softcapping", 30.0),
        }
    more |= {"rope_local_base_freq": 10000.0, "sliding_window_pattern": 6, "attn_logit_softcapping": None}
    factor = found.number("rope.scaling.factor", 1.0)
    if found.get("rope.scaling.type") == "linear" and factor != 1:
        more["rope_scaling"] = {"rope_type": "linear", "factor": factor}
    return more | {"final_logit_softcapping": None}


def _phi3(header: Header, found: _Metadata, config: dict[str, Any]) -> dict[str, Any]:
    limit = config["max_position_embeddings"]
    original = found.count("rope.scaling.original_context_length", limit, most=1 << 28)
    rotated = found.count("rope.dimension_count", config["head_dim"])
    more: dict[str, Any] = {"original_max_position_embeddings": original, "attention_bias": False}
    more["sliding_window"] = found.get("attention.sliding_window") or None
    if rotated != config["head_dim"]:
        more["partial_rotary_factor"] = rotated / config["head_dim"]
    factors = {name: _read_vector(header, f"rope_factors_{name}.weight", rotated // 2) for name in ("short", "long")}
    if factors["short"] is not None and factors["long"] is not None:
        scaling = {
            f"{name}_factor": [round(float(f), 6) for f in one] for name, one in factors.items() if one is not None
        }
        more["rope_scaling"] = {"type": "longrope", "rope_type": "longrope", **scaling}
    return more


def _rope_scaling(header: Header, found: _Metadata, config: dict[str, Any]) -> dict[str, Any] | None:
    """How positions are scaled. Llama 3's way is found again in the frequencies that it leads to."""
    kind, factor = found.get("rope.scaling.type"), found.number("rope.scaling.factor", 1.0)
    if kind == "linear" and factor != 1:
        return {"rope_type": "linear", "factor": factor}
    if kind not in (None, "none", "linear") and factor != 1:
        raise GgufError(f"rope.scaling.type: {kind!r} is neither none nor linear")
    divisors = _read_vector(header, "rope_freqs.weight", config["head_dim"] // 2)
    if divisors is None or np.allclose(divisors, 1):
        return None
    for factor in _LLAMA3_FACTORS:
        scaling = {
            "rope_type": "llama3",
            "factor": factor,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        }
        if np.allclose(divisors, llama3_divisors(scaling, config["head_dim"], config["rope_theta"]), rtol=1e-4):
            return scaling
    raise GgufError("rope_freqs.weight: these frequencies are not those of Llama 3.1, 3.2 or 3.3")


def _read_vector(header: Header, name: str, length: int) -> NDArray[np.float32] | None:
    if name not in header.tensors:
        return None
    info = header.tensors[name]
    if info.shape != (length,):
        raise GgufError(f"tensor {name!r} has the shape {info.shape}, not ({length},)")
    return read_rows(header, Part(name, "", info.shape))


# --- tensors


def list_parts(header: Header, config: dict[str, Any]) -> list[Part]:
    """Every tensor of the model, those of one kind together, layer after layer: so stacks of them lie in one piece.

    Raises:
        GgufError: one is missing, has another shape, or is not known.
    """
    family = read_family(header)
    parts = list(_parts(family, config))
    wanted = {part.source for part in parts}
    for part in parts:
        info = header.tensors.get(part.source)
        if info is None:
            raise GgufError(f"there is no tensor {part.source!r}")
        if info.shape != part.shape:
            raise GgufError(f"tensor {part.source!r} has the shape {info.shape}, not {part.shape}")
    extra = [name for name in header.tensors if name not in wanted and not name.startswith(LEFT_OUT)]
    if extra:
        raise GgufError(f"the tensor {extra[0]!r} is none that a {family.model_type} has")
    return parts


def _parts(family: Family, config: dict[str, Any]) -> Iterator[Part]:
    d, f, size = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    heads, kv_heads, layers = (
        config["num_attention_heads"],
        config["num_key_value_heads"],
        range(config["num_hidden_layers"]),
    )
    norm: Change = "plus one" if family.gemma else "none"
    pairs: Change = "pairs" if family.model_type == "llama" else "none"
    q, kv = heads * size, kv_heads * size
    yield Part("token_embd.weight", "model.embed_tokens.weight", (config["vocab_size"], d))
    if family.fused:
        groups = [
            [Part("attn_qkv", "self_attn.qkv_proj", (q + 2 * kv, d))],
            [Part("attn_output", "self_attn.o_proj", (d, q))],
            [Part("ffn_up", "mlp.gate_up_proj", (2 * f, d))],
            [Part("ffn_down", "mlp.down_proj", (d, f))],
        ]
    else:
        groups = [
            [
                Part("attn_q", "self_attn.q_proj", (q, d), pairs, heads),
                Part("attn_k", "self_attn.k_proj", (kv, d), pairs, kv_heads),
                Part("attn_v", "self_attn.v_proj", (kv, d)),
            ],
            [Part("attn_output", "self_attn.o_proj", (d, q))],
            [Part("ffn_gate", "mlp.gate_proj", (f, d)), Part("ffn_up", "mlp.up_proj", (f, d))],
            [Part("ffn_down", "mlp.down_proj", (d, f))],
        ]
    groups += [[Part(*names, (d,), norm)] for names in _norms(family)]
    if family.normed:
        groups += [[Part(f"attn_{n}_norm", f"self_attn.{n}_norm", (size,), norm)] for n in "qk"]
    yield from (_in_layer(part, i, "weight") for group in groups for i in layers for part in group)
    if family.bias:
        biases = [Part(p.source, p.target, p.shape[:1]) for p in groups[0]]
        yield from (_in_layer(part, i, "bias") for i in layers for part in biases)
    yield Part("output_norm.weight", "model.norm.weight", (d,), norm)
    if not config["tie_word_embeddings"]:
        yield Part("output.weight", "lm_head.weight", (config["vocab_size"], d))


def _norms(family: Family) -> list[tuple[str, str]]:
    if not family.gemma:
        return [("attn_norm", "input_layernorm"), ("ffn_norm", "post_attention_layernorm")]
    return [
        ("attn_norm", "input_layernorm"),
        ("post_attention_norm", "post_attention_layernorm"),
        ("ffn_norm", "pre_feedforward_layernorm"),
        ("post_ffw_norm", "post_feedforward_layernorm"),
    ]


def _in_layer(part: Part, layer: int, kind: str) -> Part:
    source, target = f"blk.{layer}.{part.source}.{kind}", f"model.layers.{layer}.{part.target}.{kind}"
    return Part(source, target, part.shape, part.change, part.heads)


def read_rows(header: Header, part: Part, rows: slice = slice(None)) -> NDArray[np.float32]:
    """Rows of a tensor, dequantised, as in Hugging Face's layout; ``rows`` are whole heads where it has some."""
    stored = map_tensor(header, part.source)[rows]
    values: NDArray[np.float32] = dequantize(np.ascontiguousarray(stored), header.tensors[part.source].kind)
    values = values.astype(np.float32, copy=False)
    if len(part.shape) == 1:
        values = values.reshape(-1)
    if part.change == "plus one":
        return values - 1
    if part.change == "pairs":
        size, width = part.shape[0] // part.heads, values.shape[-1]
        return values.reshape(-1, size // 2, 2, width).swapaxes(1, 2).reshape(-1, width)
    return values

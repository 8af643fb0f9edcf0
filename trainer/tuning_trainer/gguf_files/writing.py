"""A model directory of Hugging Face as one GGUF file, for llama.cpp, Ollama, LM Studio: weights and shape.

What GGUF's readers do not compute as the model does is refused: a file that answers a little differently would be
worse than none. Names of tensors and keys are those of the ``gguf`` package, which is imported only here, late.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open

from tuning_trainer.durable import replace_file
from tuning_trainer.gguf_files.positions import llama3_divisors
from tuning_trainer.gguf_files.written_vocabulary import UnsupportedGgufError, describe_vocabulary
from tuning_trainer.spec import Outtype

BLOCK = 32
"""Values that share a scale in Q8_0; a matrix with other rows stays in float16, as llama.cpp's own converter does."""

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Family:
    """How GGUF says the models of one ``model_type``.

    Attributes:
        arch: ``general.architecture``.
        activation: The one that its readers compute.
        interleaved: Rows of q and k stand pairwise, where Hugging Face's have two halves.
        shifted_norms: Norms are stored with the one that Gemma adds to them.
        window: Readers look through a sliding window in some layers, as the model does.
    """

    arch: str
    activation: str = "silu"
    interleaved: bool = False
    shifted_norms: bool = False
    window: bool = False


FAMILIES = {
    "llama": Family("llama", interleaved=True),
    "mistral": Family("llama", interleaved=True),
    "qwen2": Family("qwen2"),
    "qwen3": Family("qwen3"),
    "phi3": Family("phi3"),
    "gemma2": Family("gemma2", "gelu_pytorch_tanh", shifted_norms=True, window=True),
    "gemma3_text": Family("gemma3", "gelu_pytorch_tanh", shifted_norms=True, window=True),
}
"""By ``model_type`` of ``config.json``. Source: llama.cpp, gguf-py/gguf/constants.py and convert_hf_to_gguf.py."""

_GEMMA_PATTERN = {"gemma2": 2, "gemma3_text": 6}
"""Every so-manieth layer sees everything; llama.cpp knows it by the architecture."""

GEMMA_LOCAL_THETA = 10000.0
"""Rotary base of Gemma 3's other layers, which llama.cpp knows by the architecture too."""


def write_gguf(directory: Path, file: Path, outtype: Outtype = "f16") -> None:
    """Writes a model directory as one file, all of it or nothing, a tensor at a time.

    Raises:
        UnsupportedGgufError: GGUF has no way to say it; the text names what.
        ImportError: the ``gguf`` package is not there.
    """
    values = json.loads((directory / "config.json").read_text("utf-8"))
    family = find_family(values)
    vocabulary = describe_vocabulary(directory, int(values["vocab_size"]))

    def write(path: Path) -> None:
        from gguf import GGUFWriter

        logging.getLogger("gguf").setLevel(logging.WARNING)
        writer = GGUFWriter(path, family.arch)
        try:
            _add_shape(writer, values, family, outtype)
            writer.add_type("model")
            writer.add_name(file.stem)
            vocabulary.add_to(writer)
            tensors = list(_list_tensors(directory, values, family, outtype))
            for name, shape, kind, _ in tensors:
                _add_tensor(writer, name, shape, kind)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            for name, _, kind, read in tensors:
                writer.write_tensor_data(_encode(name, read(), kind))
        finally:
            writer.close()

    replace_file(file, write)


def find_family(values: dict[str, Any]) -> Family:
    """The family of a ``config.json``.

    Raises:
        UnsupportedGgufError: there is none, or the model has something that its readers do not compute.
    """
    kind = values.get("model_type")
    family = FAMILIES.get(str(kind))
    if family is None:
        raise UnsupportedGgufError(f"model_type: {kind!r} is not one of {', '.join(FAMILIES)}")
    activation = values.get("hidden_activation") or values.get("hidden_act") or family.activation
    if activation != family.activation:
        raise UnsupportedGgufError(f"hidden_act: {activation!r}; readers of {family.arch} compute {family.activation}")
    for name in ("mlp_bias", "use_sliding_window", "use_bidirectional_attention"):
        if values.get(name):
            raise UnsupportedGgufError(f"{name}: readers of {family.arch} do not compute it")
    if kind in _GEMMA_PATTERN:
        _check_gemma(values, _GEMMA_PATTERN[str(kind)])
    _check_rope(values)
    return family


def _check_gemma(values: dict[str, Any], pattern: int) -> None:
    """What llama.cpp takes for granted of Gemma."""
    scale, head_size = values.get("query_pre_attn_scalar", 256), head_dim(values)
    if scale != head_size:
        raise UnsupportedGgufError(f"query_pre_attn_scalar: {scale} is not the heads' size {head_size}")
    layers = values["num_hidden_layers"]
    expected = ["sliding_attention" if (i + 1) % pattern else "full_attention" for i in range(layers)]
    if values.get("layer_types", expected) != expected:
        raise UnsupportedGgufError(f"layer_types: readers expect every {pattern}th layer to see everything")
    local = _rope(values, "sliding_attention").get("rope_theta") or values.get("rope_local_base_freq")
    if values["model_type"] == "gemma3_text" and (local or GEMMA_LOCAL_THETA) != GEMMA_LOCAL_THETA:
        raise UnsupportedGgufError(f"rope_local_base_freq: readers compute {GEMMA_LOCAL_THETA}")


def head_dim(values: dict[str, Any]) -> int:
    """Size of a head."""
    default = 256 if str(values.get("model_type", "")).startswith("gemma") else 0
    return int(values.get("head_dim") or default or values["hidden_size"] // values["num_attention_heads"])


def _rope(values: dict[str, Any], kind: str = "full_attention") -> dict[str, Any]:
    """What ``config.json`` says of rotary positions, in either of its forms; of Gemma 3, of one kind of layer."""
    rope: dict[str, Any] = values.get("rope_parameters") or values.get("rope_scaling") or {}
    nested = rope.get(kind)
    return nested if isinstance(nested, dict) else rope


def _rope_kind(rope: dict[str, Any]) -> str:
    return str(rope.get("rope_type") or rope.get("type") or "default")


def _check_rope(values: dict[str, Any]) -> None:
    known = ("default", "linear", "llama3")
    if (kind := _rope_kind(_rope(values))) not in known:
        raise UnsupportedGgufError(f"rope_scaling: {kind!r} is not one of {', '.join(known)}")


# --- shape


def _add_shape(writer: Any, values: dict[str, Any], family: Family, outtype: Outtype) -> None:
    """The keys that a reader builds the model from."""
    from gguf import GGML_QUANT_VERSION, LlamaFileType

    heads, size = values["num_attention_heads"], head_dim(values)
    rope, window = _rope(values), values.get("sliding_window")
    context = int(values.get("max_position_embeddings", 2048))
    if window and not family.window:  # readers have no window here: within it, both are the same model
        context = min(context, int(window))
    writer.add_context_length(context)
    writer.add_embedding_length(values["hidden_size"])
    writer.add_block_count(values["num_hidden_layers"])
    writer.add_feed_forward_length(values["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(values.get("num_key_value_heads") or heads)
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_layer_norm_rms_eps(float(values.get("rms_norm_eps", 1e-6)))
    writer.add_rope_freq_base(float(values.get("rope_theta") or rope.get("rope_theta") or 10000.0))
    share = values.get("partial_rotary_factor") or rope.get("partial_rotary_factor") or 1.0
    writer.add_rope_dimension_count(int(size * share))
    if _rope_kind(rope) == "linear":
        from gguf import RopeScalingType

        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(rope["factor"]))
    writer.add_vocab_size(values["vocab_size"])
    if window and family.window:
        writer.add_sliding_window(int(window))
    if cap := values.get("attn_logit_softcapping"):
        writer.add_attn_logit_softcapping(float(cap))
    if cap := values.get("final_logit_softcapping"):
        writer.add_final_logit_softcapping(float(cap))
    kinds = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "bf16": "MOSTLY_BF16", "q8_0": "MOSTLY_Q8_0"}
    writer.add_file_type(LlamaFileType[kinds[outtype]])
    writer.add_quantization_version(GGML_QUANT_VERSION)


# --- tensors

_Tensor: TypeAlias = tuple[str, tuple[int, ...], Outtype, Callable[[], Array]]
"""GGUF's name, shape, precision, and how to read it as float32."""


def _list_tensors(directory: Path, values: dict[str, Any], family: Family, outtype: Outtype) -> Iterator[_Tensor]:
    """Every tensor of the file, in a fixed order; none is read yet.

    Raises:
        UnsupportedGgufError: GGUF has no place for one.
    """
    from gguf import MODEL_ARCH, get_tensor_name_map

    arch = MODEL_ARCH[family.arch.upper()]
    names = get_tensor_name_map(arch, values["num_hidden_layers"])
    for path in sorted(directory.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in sorted(file.keys())}
        for theirs, shape in shapes.items():
            if theirs.endswith("inv_freq") or (theirs == "lm_head.weight" and values.get("tie_word_embeddings")):
                continue
            ours = names.get_name(theirs, try_suffixes=(".weight", ".bias"))
            if ours is None:
                raise UnsupportedGgufError(f"{theirs}: readers of {family.arch} have no place for it")
            yield ours, shape, _precision(shape, outtype), _reader(path, theirs, values, family)
    if _rope_kind(_rope(values)) == "llama3":
        factors = rope_factors(_rope(values), head_dim(values), values.get("rope_theta"))
        yield "rope_freqs.weight", factors.shape, "f32", lambda: factors


def _precision(shape: tuple[int, ...], outtype: Outtype) -> Outtype:
    if len(shape) < 2:
        return "f32"
    return "f16" if outtype == "q8_0" and shape[-1] % BLOCK else outtype


def _reader(path: Path, name: str, values: dict[str, Any], family: Family) -> Callable[[], Array]:
    def read() -> Array:
        with safe_open(path, framework="pt") as file:
            array: Array = file.get_tensor(name).to(torch.float32).numpy()
        if family.shifted_norms and name.endswith("norm.weight"):
            return array + 1
        part = name.rsplit(".", 2)[-2]
        if family.interleaved and part in ("q_proj", "k_proj"):
            heads = values["num_attention_heads"]
            return interleave(array, heads if part == "q_proj" else values.get("num_key_value_heads") or heads)
        return array

    return read


def interleave(array: Array, heads: int) -> Array:
    """Rows of a head from two halves to pairs: what turns by the same angle stands side by side."""
    halves = array.reshape(heads, 2, array.shape[0] // heads // 2, *array.shape[1:])
    return halves.swapaxes(1, 2).reshape(array.shape)


def rope_factors(rope: dict[str, Any], size: int, theta: float | None) -> NDArray[np.float32]:
    """Llama 3's scaled rotary positions: what each angle is divided by, float32 (head size / 2,)."""
    return llama3_divisors(rope, size, float(theta or rope.get("rope_theta") or 10000.0)).astype(np.float32)


def _add_tensor(writer: Any, name: str, shape: tuple[int, ...], kind: Outtype) -> None:
    """Tells the writer of a tensor that comes later."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    quantization = GGMLQuantizationType[kind.upper()]
    values, size = GGML_QUANT_SIZES[quantization]
    writer.add_tensor_info(name, shape, np.dtype(np.float32), math.prod(shape) // values * size, raw_dtype=quantization)


def _encode(name: str, array: Array, kind: Outtype) -> Array:
    """A float32 tensor in the precision of the file.

    Raises:
        UnsupportedGgufError: float16 does not reach to one of the values.
    """
    from gguf import GGMLQuantizationType
    from gguf.quants import quantize

    array = np.ascontiguousarray(array, dtype=np.float32)
    if kind == "f16" and array.size and np.abs(array).max() > np.finfo(np.float16).max:
        raise UnsupportedGgufError(f"{name}: a value is too large for f16; take --outtype bf16 or f32")
    encoded: Array = quantize(array, GGMLQuantizationType[kind.upper()])
    return encoded

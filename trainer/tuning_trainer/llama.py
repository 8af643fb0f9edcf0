"""Llama in plain torch: the native path for directories in Hugging Face's Llama layout.

Neither transformers nor ``torch._dynamo`` is imported. Weights are a dict of tensors, one per kind of matrix, stacked
over the layers, so that one operation can touch all layers at once (see ``lora.materialize``). With L layers, d hidden
size, H heads, K key-value heads, h head size, f MLP size and V vocabulary:

=================  ======================  ==========================================
``embedding``      (V, d)                  also the output matrix unless ``head`` is there
``qkv``            (L, (H + 2K)·h, d)      rows of q, then k, then v
``output``         (L, d, H·h)             o_proj
``gate_up``        (L, 2f, d)              rows of gate, then up
``down``           (L, d, f)
``attention_norm`` (L, d)                  input_layernorm
``mlp_norm``       (L, d)                  post_attention_layernorm
``final_norm``     (d,)
``head``           (V, d)                  only when embeddings are not tied
=================  ======================  ==========================================
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

Weights: TypeAlias = dict[str, Tensor]


class UnsupportedModelError(ValueError):
    """A model directory needs something that the native path does not do; the text says what."""


@dataclass(frozen=True, slots=True)
class Config:
    """The shape of a Llama, as ``config.json`` tells it. Sizes are counts; ``max_positions`` is in tokens."""

    vocab_size: int
    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    mlp_size: int
    rope_theta: float = 10000.0
    norm_eps: float = 1e-6
    max_positions: int = 2048
    tied: bool = True

    @property
    def parts(self) -> dict[str, tuple[tuple[str, int], ...]]:
        """Per stacked matrix the Hugging Face modules it holds, each with its number of rows."""
        q, kv, f, d = self.heads * self.head_size, self.kv_heads * self.head_size, self.mlp_size, self.hidden_size
        return {
            "qkv": (("self_attn.q_proj", q), ("self_attn.k_proj", kv), ("self_attn.v_proj", kv)),
            "output": (("self_attn.o_proj", d),),
            "gate_up": (("mlp.gate_proj", f), ("mlp.up_proj", f)),
            "down": (("mlp.down_proj", d),),
        }

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor of the weights."""
        d, n, q = self.hidden_size, self.layers, self.heads * self.head_size
        rows = {name: sum(count for _, count in parts) for name, parts in self.parts.items()}
        shapes: dict[str, tuple[int, ...]] = {
            "embedding": (self.vocab_size, d),
            "qkv": (n, rows["qkv"], d),
            "output": (n, d, q),
            "gate_up": (n, rows["gate_up"], d),
            "down": (n, d, self.mlp_size),
            "attention_norm": (n, d),
            "mlp_norm": (n, d),
            "final_norm": (d,),
        }
        return shapes if self.tied else shapes | {"head": (self.vocab_size, d)}


def _require(config: dict[str, Any], name: str, wanted: tuple[Any, ...]) -> None:
    if config.get(name, wanted[0]) not in wanted:
        raise UnsupportedModelError(f"{name}: {config[name]!r} is not one of {wanted!r}")


def parse_config(values: dict[str, Any]) -> Config:
    """Reads the object in ``config.json``.

    Raises:
        UnsupportedModelError: another architecture, biases, scaled rotary positions, another activation.
    """
    _require(values, "model_type", ("llama",))
    _require(values, "hidden_act", ("silu",))
    _require(values, "attention_bias", (False, None))
    _require(values, "mlp_bias", (False, None))
    rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
    _require(rope, "rope_type", ("default", None))
    _require(rope, "type", ("default", None))
    heads, size = values["num_attention_heads"], values["hidden_size"]
    return Config(
        vocab_size=values["vocab_size"],
        hidden_size=size,
        layers=values["num_hidden_layers"],
        heads=heads,
        kv_heads=values.get("num_key_value_heads") or heads,
        head_size=values.get("head_dim") or size // heads,
        mlp_size=values["intermediate_size"],
        rope_theta=float(values.get("rope_theta") or rope.get("rope_theta") or 10000.0),
        norm_eps=values.get("rms_norm_eps", 1e-6),
        max_positions=values.get("max_position_embeddings", 2048),
        tied=values.get("tie_word_embeddings", False),
    )


def format_config(config: Config, **extra: Any) -> dict[str, Any]:
    """The object for ``config.json``; ``extra`` adds fields, for instance ``bos_token_id``."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_size,
        "intermediate_size": config.mlp_size,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_theta,
        "max_position_embeddings": config.max_positions,
        "tie_word_embeddings": config.tied,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        **extra,
    }


def read_config(directory: str | Path) -> dict[str, Any]:
    """The object in ``config.json`` of a model directory."""
    values: dict[str, Any] = json.loads((Path(directory) / "config.json").read_text("utf-8"))
    return values


def load_config(directory: str | Path) -> Config:
    """The shape of the model in a directory; raises as ``parse_config`` does."""
    return parse_config(read_config(directory))


# --- weights on disk


def _slices(config: Config) -> Iterator[tuple[str, str, int | None, slice]]:
    """(Hugging Face name, our name, layer, rows) of every tensor of the model."""
    every = slice(None)
    yield "model.embed_tokens.weight", "embedding", None, every
    for layer in range(config.layers):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", "attention_norm", layer, every
        yield prefix + "post_attention_layernorm.weight", "mlp_norm", layer, every
        for name, parts in config.parts.items():
            start = 0
            for module, rows in parts:
                yield f"{prefix}{module}.weight", name, layer, slice(start, start + rows)
                start += rows
    yield "model.norm.weight", "final_norm", None, every
    if not config.tied:
        yield "lm_head.weight", "head", None, every


def _files(directory: Path) -> dict[str, Path]:
    """Which safetensors file holds which tensor; sharded checkpoints included."""
    index = directory / "model.safetensors.index.json"
    if index.exists():
        return {name: directory / file for name, file in json.loads(index.read_text("utf-8"))["weight_map"].items()}
    single = directory / "model.safetensors"
    if not single.exists():
        raise FileNotFoundError(f"{directory}: neither model.safetensors nor model.safetensors.index.json")
    with safe_open(single, framework="pt") as file:
        return dict.fromkeys(file.keys(), single)


def fingerprint(directory: str | Path) -> str:
    """Tells weights apart, however large: by the size of each file and its first megabyte."""
    digest = hashlib.sha256()
    for path in sorted(set(_files(Path(directory)).values())):
        digest.update(path.stat().st_size.to_bytes(8, "big"))
        with path.open("rb") as file:
            digest.update(file.read(1 << 20))
    return digest.hexdigest()[:16]


def load_weights(directory: str | Path, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Weights:
    """Loads the safetensors of a Llama directory, stacked over layers (shapes: see the module), without gradients.

    Raises:
        UnsupportedModelError: the directory's config is not for this path, or a tensor is missing.
    """
    config = load_config(directory)
    files = _files(Path(directory))
    weights = {name: torch.empty(shape, dtype=dtype, device=device) for name, shape in config.shapes.items()}
    with ExitStack() as stack:
        opened = {path: stack.enter_context(safe_open(path, framework="pt")) for path in set(files.values())}
        for theirs, ours, layer, rows in _slices(config):
            if theirs not in files:
                raise UnsupportedModelError(f"{directory}: no tensor {theirs}")
            target = weights[ours] if layer is None else weights[ours][layer]
            target[rows].copy_(opened[files[theirs]].get_tensor(theirs))
    return weights


def save_weights(
    weights: Weights, config: Config, directory: str | Path, dtype: torch.dtype = torch.float32, **extra: Any
) -> None:
    """Writes ``model.safetensors`` and ``config.json``; ``extra`` adds to the config, for instance ``eos_token_id``."""
    path = Path(directory)
    path.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for theirs, ours, layer, rows in _slices(config):
        source = weights[ours] if layer is None else weights[ours][layer]
        tensors[theirs] = source.detach()[rows].to("cpu", dtype, copy=True).contiguous()
    write_tensors(tensors, path / "model.safetensors")
    values = extra | format_config(config, dtype=str(dtype).removeprefix("torch."))
    (path / "config.json").write_text(json.dumps(values, indent=2) + "\n", "utf-8")


def write_tensors(tensors: dict[str, Tensor], path: Path, **metadata: str) -> None:
    """Writes a safetensors file that others may read; the library makes it private."""
    save_file(tensors, path, {"format": "pt", **metadata})
    path.chmod(0o644)


def init_weights(config: Config, seed: int) -> Weights:
    """First values for pre-training: normal(0, 0.02) embeddings, 0.5/√fan-in matrices, small output projections."""
    generator = torch.Generator().manual_seed(seed)
    small = 0.02 / math.sqrt(2 * config.layers)
    deviation = {"embedding": 0.02, "head": 0.02, "output": small, "down": small}
    weights: Weights = {}
    for name, shape in config.shapes.items():
        if name.endswith("norm"):
            weights[name] = torch.ones(shape)
        else:
            std = deviation.get(name, 0.5 / math.sqrt(shape[-1]))
            weights[name] = torch.randn(shape, generator=generator) * std
    return weights


def count_parameters(weights: Weights) -> int:
    """Number of values in all tensors."""
    return sum(tensor.numel() for tensor in weights.values())


# --- forward

_MATRICES = ("qkv", "output", "gate_up", "down", "attention_norm", "mlp_norm")


class Branched(NamedTuple):
    """A frozen matrix with a low-rank side branch: A is (n·r, in), B (rows, r) with the scale already in it."""

    weight: Tensor
    a: Tensor
    b: tuple[Tensor, ...]


class Varied(NamedTuple):
    """A frozen matrix with a low-rank side branch of its own for every row of the batch.

    A is (batch, in, m), B (batch, m, rows) with the scale already in it; branches that are narrower end in zeros.
    """

    weight: Tensor
    a: Tensor
    b: Tensor


Matrix: TypeAlias = Tensor | Branched | Varied


class Layer(NamedTuple):
    """One layer's own matrices, cut out of the stacks."""

    qkv: Matrix
    output: Matrix
    gate_up: Matrix
    down: Matrix
    attention_norm: Tensor
    mlp_norm: Tensor


def project(hidden: Tensor, matrix: Matrix) -> Tensor:
    """hidden @ matrixᵀ, (…, in) -> (…, rows); ``Varied`` wants (batch, time, in)."""
    if isinstance(matrix, Tensor):
        return F.linear(hidden, matrix)
    if isinstance(matrix, Varied):
        return torch.baddbmm(F.linear(hidden, matrix.weight), torch.bmm(hidden, matrix.a), matrix.b)
    low = F.linear(hidden, matrix.a).chunk(len(matrix.b), -1)
    branch = torch.cat([F.linear(part, b) for part, b in zip(low, matrix.b, strict=True)], -1)
    return F.linear(hidden, matrix.weight) + branch


def split_layers(weights: Weights) -> list[Layer]:
    """Cuts the stacks into layers once.

    ``weights[name][i]`` inside the loop would make autograd fill a stack of zeros per layer; ``unbind`` does not.
    """
    return [Layer(*tensors) for tensors in zip(*(weights[name].unbind(0) for name in _MATRICES), strict=True)]


class Rotation(NamedTuple):
    """Cosine and signed sine of the rotary angles, (positions, head size) or (batch, 1, positions, head size)."""

    cos: Tensor
    sin: Tensor


_tables: dict[tuple[float, int, str], Rotation] = {}


def rotary_table(config: Config, length: int, device: str = "cpu") -> Rotation:
    """Angles of the positions 0 to at least ``length``, kept and grown by doubling.

    The sine of the first half is negated, so that a rotation is ``x·cos + roll(x)·sin``.
    """
    key = (config.rope_theta, config.head_size, device)
    table = _tables.get(key)
    if table is None or table.cos.shape[0] < length:
        size = max(2048, 1 << (length - 1).bit_length())
        # A table born in inference mode could never be used in training.
        with torch.inference_mode(False), torch.no_grad():
            steps = torch.arange(0, config.head_size, 2, dtype=torch.float32) / config.head_size
            angles = torch.outer(torch.arange(size, dtype=torch.float32), config.rope_theta**-steps)
            sin = angles.sin()
            table = Rotation(torch.cat((angles.cos(),) * 2, -1).to(device), torch.cat((-sin, sin), -1).to(device))
        _tables[key] = table
    return table


def rotation(config: Config, length: int, device: str = "cpu") -> Rotation:
    """Angles of the positions 0 to ``length`` - 1, each (length, head size)."""
    cos, sin = rotary_table(config, length, device)
    return Rotation(cos[:length], sin[:length])


def rotation_at(config: Config, past: int, time: int, pad: Tensor | None, device: str = "cpu") -> Rotation:
    """Angles of ``time`` positions after ``past`` ones, in rows that begin with ``pad`` (batch,) padded positions."""
    cos, sin = rotary_table(config, past + time, device)
    if pad is None:
        return Rotation(cos[past : past + time], sin[past : past + time])
    places = (torch.arange(past, past + time, device=pad.device) - pad[:, None]).clamp(min=0)
    return Rotation(cos[places][:, None], sin[places][:, None])


class Cache:
    """Keys and values of all layers, each (batch, key-value heads, positions, head size)."""

    __slots__ = ("keys", "values")

    def __init__(self, layers: int) -> None:
        self.keys: list[Tensor | None] = [None] * layers
        self.values: list[Tensor | None] = [None] * layers

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Appends along positions and returns all keys and values of the layer."""
        old_key, old_value = self.keys[layer], self.values[layer]
        if old_key is not None and old_value is not None:
            key, value = torch.cat((old_key, key), 2), torch.cat((old_value, value), 2)
        self.keys[layer], self.values[layer] = key, value
        return key, value

    def change(self, function: Callable[[Tensor], Tensor]) -> None:
        """Replaces every tensor by what the function makes of it."""
        self.keys = [None if tensor is None else function(tensor) for tensor in self.keys]
        self.values = [None if tensor is None else function(tensor) for tensor in self.values]

    def append_rows(self, other: Cache) -> None:
        """Adds the rows of a cache of the same width."""
        for mine, theirs in ((self.keys, other.keys), (self.values, other.values)):
            for layer, (first, second) in enumerate(zip(mine, theirs, strict=True)):
                if first is not None and second is not None:
                    mine[layer] = torch.cat((first, second))


def attend(
    hidden: Tensor,
    layer: Layer,
    config: Config,
    angles: Rotation,
    mask: Tensor | None = None,
    cache: tuple[Cache, int] | None = None,
) -> Tensor:
    """Self-attention before its output projection: (batch, time, d) -> (batch, time, H·h).

    Causal unless ``mask`` (True where a key may be seen) is given; ``cache`` is the cache and this layer's number.
    """
    batch, time, _ = hidden.shape
    turned = config.heads + config.kv_heads
    heads = project(hidden, layer.qkv).view(batch, time, turned + config.kv_heads, config.head_size).transpose(1, 2)
    # Splitting, not slicing: the backward of a split is one concatenation, that of each slice a tensor of zeros.
    qk, value = heads.split_with_sizes((turned, config.kv_heads), 1)
    # The angles are float32: without the last cast, keys would leave the precision of the values.
    qk = torch.addcmul(qk * angles.cos, torch.roll(qk, config.head_size // 2, -1), angles.sin).to(value.dtype)
    query, key = qk.split_with_sizes((config.heads, config.kv_heads), 1)
    if cache is not None:
        key, value = cache[0].extend(cache[1], key, value)
    if config.kv_heads != config.heads:
        times = config.heads // config.kv_heads
        key, value = key.repeat_interleave(times, 1), value.repeat_interleave(times, 1)
    causal = mask is None and time > 1
    mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
    return mixed.transpose(1, 2).reshape(batch, time, -1)


def apply_layer(
    x: Tensor,
    layer: Layer,
    config: Config,
    angles: Rotation,
    mask: Tensor | None = None,
    cache: tuple[Cache, int] | None = None,
) -> Tensor:
    """One transformer layer: (batch, time, d) -> (batch, time, d)."""
    size = (config.hidden_size,)
    hidden = F.rms_norm(x, size, layer.attention_norm, config.norm_eps)
    x = x + project(attend(hidden, layer, config, angles, mask, cache), layer.output)
    hidden = F.rms_norm(x, size, layer.mlp_norm, config.norm_eps)
    gate, up = project(hidden, layer.gate_up).chunk(2, -1)
    return x + project(F.silu(gate) * up, layer.down)


def hidden_states(weights: Weights, config: Config, ids: Tensor, layers: list[Layer] | None = None) -> Tensor:
    """Runs whole sequences, for training: token ids (batch, time) -> normalised hidden states (batch, time, d).

    Rows may be padded on the right: causal attention keeps padding out of what stands before it.
    ``layers`` stands in for the layers of the weights, for instance with side branches.
    """
    angles = rotation(config, ids.shape[1], str(ids.device))
    x = F.embedding(ids, weights["embedding"])
    for layer in layers or split_layers(weights):
        x = apply_layer(x, layer, config, angles)
    return F.rms_norm(x, (config.hidden_size,), weights["final_norm"], config.norm_eps)


def logits(weights: Weights, hidden: Tensor) -> Tensor:
    """Scores of every token of the vocabulary: (…, d) -> (…, V)."""
    return F.linear(hidden, weights.get("head", weights["embedding"]))

"""What the native decoder has to know of a model: sizes, and where one family differs from another.

Weights are a dict of tensors, one per kind of matrix, stacked over the layers, so that one operation can touch all
layers at once (see ``lora.materialize``). With L layers, d hidden size, H heads, K key-value heads, h head size, f MLP
size and V vocabulary:

========================  =================  =============================================================
``embedding``             (V, d)             also the output matrix unless ``head`` is there
``qkv``                   (L, (H + 2K)·h, d)  rows of q, then k, then v
``output``                (L, d, H·h)        o_proj
``gate_up``               (L, 2f, d)         rows of gate, then up
``down``                  (L, d, f)
``attention_norm``        (L, d)             before attention
``mlp_norm``              (L, d)             before the MLP
``final_norm``            (d,)
``qkv_bias``              (L, (H + 2K)·h)    only with ``qkv_bias``
``query_norm``            (L, h)             only with ``qk_norm``; ``key_norm`` alike
``attention_output_norm``  (L, d)            only with ``output_norms``; ``mlp_output_norm`` alike
``head``                  (V, d)             only when embeddings are not tied
========================  =================  =============================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Weights: TypeAlias = "dict[str, Tensor]"

RopeKind: TypeAlias = Literal["default", "linear", "llama3", "longrope"]
Activation: TypeAlias = Literal["silu", "gelu_tanh"]


class UnsupportedModelError(ValueError):
    """A model directory needs something that cannot be done with it here; the text says what."""


@dataclass(frozen=True, slots=True)
class Rope:
    """Rotary positions: by which angles queries and keys are turned.

    Attributes:
        theta: Base of the wavelengths.
        kind: How wavelengths are stretched for longer texts than the model was first trained on.
        factor: By how much, for ``linear`` and ``llama3``.
        low_frequency, high_frequency: ``llama3``: wavelengths longer than ``original_positions / low_frequency`` are
            stretched, those shorter than ``original_positions / high_frequency`` are not.
        original_positions: Tokens of the first training, for ``llama3`` and ``longrope``.
        short_factors, long_factors: ``longrope``: by how much each wavelength is stretched in texts of up to, and of
            more than, ``original_positions`` tokens.
        amplitude: Queries and keys are multiplied by it.
        share: Of a head's values that are turned, the first ones.
    """

    theta: float = 10000.0
    kind: RopeKind = "default"
    factor: float = 1.0
    low_frequency: float = 1.0
    high_frequency: float = 1.0
    original_positions: int = 0
    short_factors: tuple[float, ...] = ()
    long_factors: tuple[float, ...] = ()
    amplitude: float = 1.0
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Attention:
    """One kind of layer.

    Attributes:
        rope: Its rotary positions; None: it knows none.
        window: How many tokens each sees, itself included; None: all before it.
    """

    rope: Rope | None = Rope()
    window: int | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """A decoder, as ``config.json`` tells it. Sizes are counts; ``max_positions`` is in tokens.

    Attributes:
        attention: The kinds of layers. kinds: Which of them each layer is; repeated if there are more layers.
        fused: q, k and v are one module, gate and up another, as adapters see them.
        output_norms: What attention and MLP give is normalised too, before it is added.
        unit_norms: Norms are stored as their difference from one.
        embedding_scale: Embeddings are multiplied by it, in their own precision.
        attention_scale: Of query times key; None: one over the root of the head size.
        attention_cap, logit_cap: Softly bound scores, c·tanh(x / c); None: they are not bound.
    """

    vocab_size: int
    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    mlp_size: int
    norm_eps: float = 1e-6
    max_positions: int = 2048
    tied: bool = True
    attention: tuple[Attention, ...] = (Attention(),)
    kinds: tuple[int, ...] = (0,)
    activation: Activation = "silu"
    fused: bool = False
    qkv_bias: bool = False
    qk_norm: bool = False
    output_norms: bool = False
    unit_norms: bool = False
    embedding_scale: float = 1.0
    attention_scale: float | None = None
    attention_cap: float | None = None
    logit_cap: float | None = None
    family: str = "llama"

    @property
    def rope(self) -> Rope:
        """Of models whose layers are all of one kind."""
        (attention,) = self.attention
        assert attention.rope is not None
        return attention.rope

    def kind(self, layer: int) -> int:
        """Which of ``attention`` a layer is."""
        return self.kinds[layer % len(self.kinds)]

    @property
    def parts(self) -> dict[str, tuple[tuple[str, int], ...]]:
        """Per stacked matrix the Hugging Face modules it holds, each with its rows; in transformers' order."""
        q, kv, f, d = self.heads * self.head_size, self.kv_heads * self.head_size, self.mlp_size, self.hidden_size
        output, down = (("self_attn.o_proj", d),), (("mlp.down_proj", d),)
        if self.fused:
            qkv_proj, gate_up_proj = (("self_attn.qkv_proj", q + 2 * kv),), (("mlp.gate_up_proj", 2 * f),)
            return {"output": output, "qkv": qkv_proj, "gate_up": gate_up_proj, "down": down}
        qkv = (("self_attn.q_proj", q), ("self_attn.k_proj", kv), ("self_attn.v_proj", kv))
        return {"qkv": qkv, "output": output, "gate_up": (("mlp.gate_proj", f), ("mlp.up_proj", f)), "down": down}

    @property
    def vectors(self) -> dict[str, str]:
        """Per stacked norm the Hugging Face module that it is."""
        names = {"attention_norm": "input_layernorm", "mlp_norm": "post_attention_layernorm"}
        if self.output_norms:
            names["mlp_norm"] = "pre_feedforward_layernorm"
            names |= {"attention_output_norm": "post_attention_layernorm"}
            names |= {"mlp_output_norm": "post_feedforward_layernorm"}
        return names | ({"query_norm": "self_attn.q_norm", "key_norm": "self_attn.k_norm"} if self.qk_norm else {})

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
        }
        shapes |= {name: (n, self.head_size if name in ("query_norm", "key_norm") else d) for name in self.vectors}
        if self.qkv_bias:
            shapes["qkv_bias"] = (n, rows["qkv"])
        shapes["final_norm"] = (d,)
        return shapes if self.tied else shapes | {"head": (self.vocab_size, d)}

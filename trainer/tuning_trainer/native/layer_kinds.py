"""What each layer attends to, out of a ``config.json``: rotary positions and windows, as every family writes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from tuning_trainer.native.architecture import Attention, Rope, RopeKind, UnsupportedModelError

Values: TypeAlias = dict[str, Any]
"""The object in a ``config.json``, with what holds where it says nothing."""

_ROPE_KEYS: Final[Mapping[RopeKind, frozenset[str]]] = {
    "default": frozenset(),
    "linear": frozenset({"factor"}),
    "llama3": frozenset({"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}),
    "longrope": frozenset(
        {"factor", "attention_factor", "short_factor", "long_factor", "original_max_position_embeddings"}
    ),
}
"""What each kind of rotary positions is described by."""

_ROPE_KINDS: Final[Mapping[str, RopeKind]] = {
    "default": "default",
    "linear": "linear",
    "llama3": "llama3",
    "longrope": "longrope",
    "su": "longrope",
}
"""The kinds by their names; ``su`` is an early one."""


def refuse_unknown(values: Values, known: frozenset[str] | set[str], where: str = "") -> None:
    """Raises UnsupportedModelError for a key that is not known and not off."""
    for name, value in values.items():
        if name not in known and value is not None and value is not False:
            raise UnsupportedModelError(f"{where}{name}: {value!r} is not understood")


def head_size(values: Values) -> int:
    """Of queries, keys and values."""
    return int(values.get("head_dim") or values["hidden_size"] // values["num_attention_heads"])


# --- rotary positions


def _parse_rope(found: Values, values: Values) -> Rope:
    """One set of rotary parameters, with the base in it."""
    named = found.get("rope_type") or found.get("type") or "default"
    if named not in _ROPE_KINDS:
        raise UnsupportedModelError(f"rope_type: {named!r} is not one of {', '.join(_ROPE_KINDS)}")
    kind = _ROPE_KINDS[named]
    known = {"rope_type", "type", "rope_theta", "partial_rotary_factor"}
    refuse_unknown(found, known | _ROPE_KEYS[kind], "rope_parameters.")
    rope: Values = {"theta": float(found["rope_theta"]), "share": float(found.get("partial_rotary_factor") or 1.0)}
    if kind in ("linear", "llama3"):
        rope["factor"] = float(found["factor"])
    if kind == "llama3":
        rope |= {
            "low_frequency": float(found["low_freq_factor"]),
            "high_frequency": float(found["high_freq_factor"]),
            "original_positions": found.get("original_max_position_embeddings") or values["max_position_embeddings"],
        }
    if kind == "longrope":
        rope |= _parse_longrope(found, values)
    return Rope(kind=kind, **rope)


def _parse_longrope(found: Values, values: Values) -> Values:
    original = values.get("original_max_position_embeddings") or found["original_max_position_embeddings"]
    factor = found.get("factor") or values["max_position_embeddings"] / original
    amplitude = found.get("attention_factor")
    if amplitude is None:
        amplitude = 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(original))
    short, long = (tuple(float(each) for each in found[name]) for name in ("short_factor", "long_factor"))
    share = float(found.get("partial_rotary_factor") or 1.0)
    pairs = int(head_size(values) * share) // 2
    if len(short) != pairs or len(long) != pairs:
        raise UnsupportedModelError(f"short_factor, long_factor: {len(short)} and {len(long)} values, not {pairs}")
    return {"original_positions": original, "amplitude": amplitude, "short_factors": short, "long_factors": long}


def _rope(values: Values) -> Rope:
    """The rotary positions of models that have one kind of them."""
    found = dict(values.get("rope_scaling") or values.get("rope_parameters") or {})
    found.setdefault("rope_theta", values["rope_theta"])
    if values.get("partial_rotary_factor") is not None:
        found.setdefault("partial_rotary_factor", values["partial_rotary_factor"])
    if "partial_rotary_factor" not in values and found.get("partial_rotary_factor") not in (None, 1.0):
        raise UnsupportedModelError(f"partial_rotary_factor: {found['partial_rotary_factor']!r} is not 1.0")
    return _parse_rope(found, values)


# --- the attention of every layer


def alike(values: Values) -> list[Attention]:
    """Llama, Gemma: every layer sees everything."""
    return [Attention(_rope(values))] * values["num_hidden_layers"]


def windowed(values: Values) -> list[Attention]:
    """Mistral, Phi-3: every layer sees so many tokens."""
    return [Attention(_rope(values), values["sliding_window"])] * values["num_hidden_layers"]


def late_windows(values: Values) -> list[Attention]:
    """Qwen: a window in the later layers, if at all."""
    window = values["sliding_window"] if values["use_sliding_window"] else None
    first = values["max_window_layers"]
    local = _local_layers(values, lambda layer: window is not None and layer >= first)
    rope = _rope(values)
    return [Attention(rope, window if each else None) for each in local]


def alternating(values: Values) -> list[Attention]:
    """Gemma 2: a window in every other layer, the first one included."""
    rope = _rope(values)
    local = _local_layers(values, lambda layer: layer % 2 == 0)
    return [Attention(rope, values["sliding_window"] if each else None) for each in local]


def local_and_global(values: Values) -> list[Attention]:
    """Gemma 3: a window in five layers of six, with rotary positions of their own."""
    found = values.get("rope_parameters") or {}
    whole = dict(found.get("full_attention") or {}) | dict(values.get("rope_scaling") or {})
    near = dict(found.get("sliding_attention") or {})
    refuse_unknown(found, {"full_attention", "sliding_attention"}, "rope_parameters.")
    whole.setdefault("rope_theta", values["rope_theta"])
    near.setdefault("rope_theta", values["rope_local_base_freq"])
    period = values["sliding_window_pattern"]
    local = _local_layers(values, lambda layer: (layer + 1) % period != 0)
    kinds = {True: Attention(_parse_rope(near, values), values["sliding_window"]),
             False: Attention(_parse_rope(whole, values))}  # fmt: skip
    if any(kind.rope and kind.rope.share != 1 for kind in kinds.values()):
        raise UnsupportedModelError("partial_rotary_factor: not 1.0")
    return [kinds[each] for each in local]


def sometimes_turned(values: Values) -> list[Attention]:
    """SmolLM3: every fourth layer knows no positions."""
    count, interval = values["num_hidden_layers"], values["no_rope_layer_interval"]
    turned = values["no_rope_layers"] or [(layer + 1) % interval != 0 for layer in range(count)]
    rope, window = _rope(values), values["sliding_window"] if values["use_sliding_window"] else None
    local = _local_layers(values, lambda layer: window is not None and not turned[layer])
    return [
        Attention(rope if turn else None, window if near else None)
        for turn, near in zip(turned[:count], local, strict=True)
    ]


def _local_layers(values: Values, default: Callable[[int], bool]) -> list[bool]:
    """Which layers have a window: as ``layer_types`` says, else as is usual for the family."""
    count, kinds = values["num_hidden_layers"], values["layer_types"]
    if kinds is None:
        return [default(layer) for layer in range(count)]
    if len(kinds) != count or not set(kinds) <= {"full_attention", "sliding_attention"}:
        raise UnsupportedModelError(f"layer_types: {kinds!r} are not {count} times full_attention or sliding_attention")
    return [kind == "sliding_attention" for kind in kinds]

"""The families of models that the native decoder runs: rows that turn a ``config.json`` into a ``Config``.

A key that no row reads and that is not known to change nothing has to be null or false: what is not understood goes
another way (see ``model``), it is never computed wrongly. Where a key is missing, transformers' own default holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tuning_trainer.native.architecture import Activation, Attention, Config, UnsupportedModelError
from tuning_trainer.native.layer_kinds import (
    Values,
    alike,
    alternating,
    head_size,
    late_windows,
    local_and_global,
    refuse_unknown,
    sometimes_turned,
    windowed,
)

_READ: Final = frozenset(
    (
        "model_type architectures vocab_size hidden_size num_hidden_layers num_attention_heads num_key_value_heads "
        "head_dim intermediate_size hidden_act rms_norm_eps max_position_embeddings tie_word_embeddings "
        "rope_theta rope_scaling rope_parameters"
    ).split()
)
"""Keys that are read for every family."""

_SILENT: Final = frozenset(
    (
        "_name_or_path _attn_implementation attention_dropout auto_map bos_token_id cache_implementation dtype "
        "embd_pdrop eos_token_id id2label initializer_range is_llama_config label2id pad_token_id pretraining_tp "
        "resid_pdrop torch_dtype transformers.js_config transformers_version unsloth_fixed unsloth_version use_cache"
    ).split()
)
"""Keys that change no score: names, tokens (see ``chat``), first values, dropout, which tuning leaves out."""

_ACTIVATIONS: Final[Mapping[str, Activation]] = {
    "silu": "silu",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_new": "gelu_tanh",
}


@dataclass(frozen=True, slots=True)
class Family:
    """One value of ``model_type``.

    Attributes:
        architecture: The class that transformers has for it.
        models: Which ones people bring, for documents.
        attention: The attention of every layer.
        defaults: What holds for keys that a ``config.json`` leaves out; every other key that is read must be there.
        only: Keys with the values that are computed here.
        reads: Further keys that are read.
        fields: Fields of the ``Config`` that are the same for the whole family.
        find: Fields of the ``Config`` that follow from the values.
    """

    architecture: str
    models: str
    attention: Callable[[Values], list[Attention]]
    defaults: Values = field(default_factory=dict)
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    fields: Values = field(default_factory=dict)
    find: Callable[[Values], Values] = lambda _: {}


# --- the rows


def _scale_query(values: Values) -> Values:
    return {"attention_scale": values["query_pre_attn_scalar"] ** -0.5}


def _scale_embedding(values: Values) -> Values:
    return {"embedding_scale": values["hidden_size"] ** 0.5}


_UNTIED: Final = {"tie_word_embeddings": False, "rope_theta": 10000.0, "rms_norm_eps": 1e-6}
_QWEN: Final = _UNTIED | {
    "use_sliding_window": False,
    "sliding_window": 4096,
    "max_window_layers": 28,
    "layer_types": None,
}
_GEMMA: Final = {
    "tie_word_embeddings": True,
    "rope_theta": 10000.0,
    "rms_norm_eps": 1e-6,
    "head_dim": 256,
    "hidden_act": "gelu_pytorch_tanh",
    "layer_types": None,
    "query_pre_attn_scalar": 256,
    "final_logit_softcapping": None,
}
_QWEN_READS: Final = ("use_sliding_window", "sliding_window", "max_window_layers", "layer_types")
_GEMMA_READS: Final = (
    "hidden_activation",
    "query_pre_attn_scalar",
    "sliding_window",
    "layer_types",
    "final_logit_softcapping",
)

FAMILIES: Final[Mapping[str, Family]] = {
    "llama": Family(
        "LlamaForCausalLM",
        "Llama 2, 3, 3.1, 3.2 (text), 3.3; SmolLM, SmolLM2; TinyLlama; the embedded model",
        alike,
        _UNTIED | {"num_key_value_heads": None, "max_position_embeddings": 2048},
    ),
    "mistral": Family(
        "MistralForCausalLM",
        "Mistral 7B, Mistral Nemo",
        windowed,
        _UNTIED | {"sliding_window": 4096},
        reads=("sliding_window",),
    ),
    "qwen2": Family(
        "Qwen2ForCausalLM", "Qwen2, Qwen2.5", late_windows, _QWEN, reads=_QWEN_READS, fields={"qkv_bias": True}
    ),
    "qwen3": Family(
        "Qwen3ForCausalLM",
        "Qwen3 (dense)",
        late_windows,
        _QWEN | {"head_dim": 128},
        reads=_QWEN_READS,
        fields={"qk_norm": True},
    ),
    "gemma": Family(
        "GemmaForCausalLM",
        "Gemma",
        alike,
        _GEMMA,
        only={"hidden_activation": (None, "gelu_pytorch_tanh")},
        fields={"unit_norms": True},
        find=_scale_embedding,
    ),
    "gemma2": Family(
        "Gemma2ForCausalLM",
        "Gemma 2",
        alternating,
        _GEMMA | {"sliding_window": 4096, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
        reads=(*_GEMMA_READS, "attn_logit_softcapping"),
        fields={"unit_norms": True, "output_norms": True},
        find=lambda values: _scale_embedding(values) | _scale_query(values) | _find_caps(values),
    ),
    "gemma3_text": Family(
        "Gemma3ForCausalLM",
        "Gemma 3 (text)",
        local_and_global,
        _GEMMA
        | {
            "rope_theta": 1e6,
            "rope_local_base_freq": 10000.0,
            "sliding_window": 4096,
            "sliding_window_pattern": 6,
        },
        only={"attn_logit_softcapping": (None,)},
        reads=(*_GEMMA_READS, "sliding_window_pattern", "_sliding_window_pattern", "rope_local_base_freq"),
        fields={"unit_norms": True, "output_norms": True, "qk_norm": True},
        find=lambda values: _scale_embedding(values) | _scale_query(values) | _find_caps(values),
    ),
    "smollm3": Family(
        "SmolLM3ForCausalLM",
        "SmolLM3",
        sometimes_turned,
        _QWEN
        | {
            "tie_word_embeddings": True,
            "rope_theta": 2e6,
            "sliding_window": None,
            "no_rope_layers": None,
            "no_rope_layer_interval": 4,
        },
        reads=(*_QWEN_READS, "no_rope_layers", "no_rope_layer_interval"),
    ),
    "phi3": Family(
        "Phi3ForCausalLM",
        "Phi-3 (mini, medium), Phi-3.5 mini, Phi-4, Phi-4 mini",
        windowed,
        _UNTIED
        | {
            "num_key_value_heads": None,
            "sliding_window": None,
            "rms_norm_eps": 1e-5,
            "partial_rotary_factor": None,
            "original_max_position_embeddings": 4096,
        },
        only={"full_attn_mod": (1,), "interpolate_factor": (1,)},
        reads=("sliding_window", "partial_rotary_factor", "original_max_position_embeddings"),
        fields={"fused": True},
    ),
}


def _find_caps(values: Values) -> Values:
    return {
        "attention_cap": values.get("attn_logit_softcapping"),
        "logit_cap": values["final_logit_softcapping"],
    }


# --- reading and writing


def _find_activation(values: Values) -> Activation:
    name = values.get("hidden_activation") or values["hidden_act"]
    if values["model_type"] == "gemma" and name == "gelu":  # said so in its first files, and meant the other
        name = "gelu_pytorch_tanh"
    if name not in _ACTIVATIONS:
        raise UnsupportedModelError(f"hidden_act: {name!r} is not one of {', '.join(_ACTIVATIONS)}")
    return _ACTIVATIONS[name]


def parse_config(values: Values) -> Config:
    """Reads the object in ``config.json``.

    Raises:
        UnsupportedModelError: another family, or something in it that the native decoder does not compute.
    """
    kind = values.get("model_type")
    family = FAMILIES.get(str(kind))
    if family is None:
        raise UnsupportedModelError(f"model_type: {kind!r} is not one of {', '.join(FAMILIES)}")
    if (named := values.get("architectures")) and named != [family.architecture]:
        raise UnsupportedModelError(f"architectures: {named!r} is not {family.architecture}")
    refuse_unknown(values, _READ | _SILENT | set(family.reads) | set(family.only))
    for name, wanted in family.only.items():
        if values.get(name, wanted[0]) not in wanted:
            raise UnsupportedModelError(f"{name}: {values[name]!r} is not one of {wanted!r}")
    try:
        return _build(str(kind), family, family.defaults | values)
    except KeyError as error:
        raise UnsupportedModelError(f"config.json: no {error.args[0]}") from error
    except (TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        if isinstance(error, UnsupportedModelError):
            raise
        raise UnsupportedModelError(f"config.json: {error}") from error


def _build(kind: str, family: Family, values: Values) -> Config:
    every = family.attention(values)
    attention = tuple(dict.fromkeys(every))
    kinds = (0,) if len(attention) == 1 else tuple(attention.index(each) for each in every)
    heads = values["num_attention_heads"]
    return Config(
        vocab_size=values["vocab_size"],
        hidden_size=values["hidden_size"],
        layers=values["num_hidden_layers"],
        heads=heads,
        kv_heads=values["num_key_value_heads"] or heads,
        head_size=head_size(values),
        mlp_size=values["intermediate_size"],
        norm_eps=values["rms_norm_eps"],
        max_positions=values["max_position_embeddings"],
        tied=values["tie_word_embeddings"],
        attention=attention,
        kinds=kinds,
        activation=_find_activation(values),
        family=kind,
        **family.fields,
        **family.find(values),
    )


def format_config(config: Config, **extra: Any) -> Values:
    """The object for ``config.json`` of a plain Llama; ``extra`` adds fields, for instance ``bos_token_id``.

    Raises:
        UnsupportedModelError: it is another kind of model.
    """
    values: Values = {
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
        "rope_theta": config.attention[0].rope.theta if config.attention[0].rope else None,
        "max_position_embeddings": config.max_positions,
        "tie_word_embeddings": config.tied,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
    }
    if parse_config(values) != config:
        raise UnsupportedModelError(f"{config.family}: only a plain Llama has its config.json written")
    return values | extra


def read_config(directory: str | Path) -> Values:
    """The object in ``config.json`` of a model directory."""
    values: Values = json.loads((Path(directory) / "config.json").read_text("utf-8"))
    return values


def load_config(directory: str | Path) -> Config:
    """The shape of the model in a directory; raises as ``parse_config`` does."""
    return parse_config(read_config(directory))


def find_obstacle(directory: Path) -> str | None:
    """Why the native decoder cannot run this directory; None if it can."""
    try:
        load_config(directory)
    except UnsupportedModelError as error:
        return str(error)
    return None

"""LoRA adapters for the native path, kept on disk as standard PEFT adapters.

An adapter changes every linear module (q, k, v, o, gate, up, down) by ``scale · B @ A``. Like the weights it is stacked
over layers: with L layers, n modules in a stack and rank r, A is (L, n, r, in) and B is (L, rows of all n modules, r).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from tuning_trainer.native.architecture import Config, Weights
from tuning_trainer.native.decoder import Branched, Layer, split_layers
from tuning_trainer.native.weights import write_tensors
from tuning_trainer.spec import InvalidJobError

ALPHA = 16
"""Fixed for every rank, so that the result hardly depends on the adapter size."""

MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_PREFIX = "base_model.model.model.layers"
WEIGHTS_NAME = "adapter_model.safetensors"
_FINGERPRINT = "weights-"
"""Before a fingerprint where PEFT's ``revision`` of the base model is one: which weights an adapter belongs to."""


class InvalidAdapterError(ValueError):
    """A directory is not an adapter that fits the base model; the text says why."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter. ``pairs``: stack name -> (A, B); ``scale`` multiplies B @ A."""

    rank: int
    alpha: float
    scale: float
    pairs: dict[str, tuple[Tensor, Tensor]]

    def parameters(self) -> list[Tensor]:
        """A and B of every stack, in a fixed order."""
        return [tensor for pair in self.pairs.values() for tensor in pair]

    def trainable(self) -> Adapter:
        """Marks all values as learned, and returns itself."""
        for tensor in self.parameters():
            tensor.requires_grad_(True)
        return self

    def to(self, device: str) -> Adapter:
        """The same adapter on a device."""
        pairs = {name: (a.detach().to(device), b.detach().to(device)) for name, (a, b) in self.pairs.items()}
        return Adapter(self.rank, self.alpha, self.scale, pairs)

    def cast(self, dtype: torch.dtype) -> Adapter:
        """The same adapter in another precision."""
        pairs = {name: (a.to(dtype), b.to(dtype)) for name, (a, b) in self.pairs.items()}
        return Adapter(self.rank, self.alpha, self.scale, pairs)


def first_values(rank: int, inputs: int, generator: torch.Generator) -> Tensor:
    """PEFT's first A of one module, (rank, inputs): uniform within ±1/√inputs. The first B is zero."""
    return (torch.rand(rank, inputs, generator=generator) * 2 - 1) / math.sqrt(inputs)


def empty_adapter(config: Config, rank: int, alpha: float = ALPHA) -> Adapter:
    """An adapter of zeros, which changes nothing and cannot learn."""
    shapes, n = config.shapes, config.layers
    pairs = {
        name: (torch.zeros(n, len(parts), rank, shapes[name][-1]), torch.zeros(n, shapes[name][1], rank))
        for name, parts in config.parts.items()
    }
    return Adapter(rank, alpha, alpha / rank, pairs)


def init_adapter(config: Config, rank: int, seed: int) -> Adapter:
    """A fresh adapter that changes nothing yet; A is drawn module by module in the model's order."""
    adapter = empty_adapter(config, rank)
    generator = torch.Generator().manual_seed(seed)
    for layer in range(config.layers):
        for a, _ in adapter.pairs.values():
            for module in range(a.shape[1]):
                a[layer, module] = first_values(rank, a.shape[-1], generator)
    return adapter.trainable()


# --- use


def _change(weight: Tensor, a: Tensor, b: Tensor, scale: float, rows: tuple[int, ...]) -> Tensor:
    """weight + scale · B @ A for all layers; equal parts go through one batched product."""
    layers, count, rank, inputs = a.shape
    if len(set(rows)) == 1:
        flat = layers * count
        base = weight.reshape(flat, rows[0], inputs)
        changed = torch.baddbmm(base, b.reshape(flat, rows[0], rank), a.reshape(flat, rank, inputs), alpha=scale)
        return changed.view(weight.shape)
    deltas = [torch.bmm(part, a[:, i]) for i, part in enumerate(b.split_with_sizes(rows, 1))]
    return torch.add(weight, torch.cat(deltas, 1), alpha=scale)


def materialize(adapter: Adapter, weights: Weights, config: Config) -> Weights:
    """The weights with the adapter added, differentiable in A and B.

    Costs more arithmetic than a side branch but far fewer operations: the faster way for small models.
    """
    changed = dict(weights)
    for name, (a, b) in adapter.pairs.items():
        changed[name] = _change(weights[name], a, b, adapter.scale, tuple(rows for _, rows in config.parts[name]))
    return changed


def branch_layers(adapter: Adapter, weights: Weights, config: Config) -> list[Layer]:
    """The layers with the adapter as side branches: no gradient of a whole matrix is ever made; for large models."""
    branched: dict[str, list[Any]] = {}
    for name, (a, b) in adapter.pairs.items():
        rows = [count for _, count in config.parts[name]]
        scaled = (b * adapter.scale).unbind(0)
        triples = zip(weights[name].unbind(0), a.flatten(1, 2).unbind(0), scaled, strict=True)
        branched[name] = [Branched(w, low, tuple(high.split_with_sizes(rows, 0))) for w, low, high in triples]
    plain = split_layers(weights, config)
    return [layer._replace(**{name: each[i] for name, each in branched.items()}) for i, layer in enumerate(plain)]


@torch.no_grad()
def merge(adapter: Adapter, weights: Weights, config: Config) -> Weights:
    """New weights with the adapter added; tensors it does not touch are shared."""
    return materialize(adapter, weights, config)


# --- on disk


def format_config(rank: int, alpha: float, modules: tuple[str, ...], base_model: str) -> dict[str, Any]:
    """The object in ``adapter_config.json``, as PEFT reads it."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "target_modules": list(modules),
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
    }


def save_adapter(
    adapter: Adapter, config: Config, directory: str | Path, base_model: str, fingerprint: str = ""
) -> None:
    """Writes a PEFT adapter: ``adapter_config.json`` and ``adapter_model.safetensors``, float32.

    Args:
        fingerprint: Of the weights that it was trained on, see ``weights.fingerprint``; "" for any.
    """
    path = Path(directory)
    path.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for prefix, a, b in _list_modules(adapter, config):
        tensors[f"{prefix}.lora_A.weight"] = a.detach().cpu().clone()
        tensors[f"{prefix}.lora_B.weight"] = b.detach().cpu().clone()
    write_tensors(tensors, path / WEIGHTS_NAME)
    modules = tuple(module.rsplit(".", 1)[-1] for parts in config.parts.values() for module, _ in parts)
    values = format_config(adapter.rank, adapter.alpha, modules, base_model)
    if fingerprint:
        values["revision"] = _FINGERPRINT + fingerprint
    (path / "adapter_config.json").write_text(json.dumps(values, indent=2) + "\n", "utf-8")


def _list_modules(adapter: Adapter, config: Config) -> Iterator[tuple[str, Tensor, Tensor]]:
    """How PEFT calls each module that an adapter changes, and its A and B there, as views."""
    for name, parts in config.parts.items():
        a, b = adapter.pairs[name]
        split = b.split_with_sizes([rows for _, rows in parts], 1)
        for i, (part, (module, _)) in enumerate(zip(split, parts, strict=True)):
            for layer in range(config.layers):
                yield f"{_PREFIX}.{layer}.{module}", a[layer, i], part[layer]


def load_adapter(directory: str | Path, config: Config, fingerprint: str = "") -> Adapter:
    """Reads a PEFT LoRA adapter; modules that it leaves alone get zeros.

    Args:
        fingerprint: Of the weights that it is to change.

    Raises:
        InvalidAdapterError: not a plain LoRA adapter, or made for a model of another shape.
        InvalidJobError: it says that it was trained on other weights.
    """
    path = Path(directory)
    values = _read_config(path)
    rank, alpha = values["r"], values["lora_alpha"]
    adapter = empty_adapter(config, rank, alpha)
    if values.get("use_rslora"):
        adapter = Adapter(rank, alpha, alpha / math.sqrt(rank), adapter.pairs)
    revision = str(values.get("revision") or "")
    if fingerprint and revision.startswith(_FINGERPRINT) and revision != _FINGERPRINT + fingerprint:
        raise InvalidJobError(
            "adapter: it was trained on other weights than its base model has here; tune again, or serve those weights "
            "(--base-model NAME=DIRECTORY)"
        )
    tensors = load_file(path / WEIGHTS_NAME)
    for prefix, a, b in _list_modules(adapter, config):
        _take(tensors, f"{prefix}.lora_A.weight", a)
        _take(tensors, f"{prefix}.lora_B.weight", b)
    if tensors:
        raise InvalidAdapterError(f"{path}: the base model has no place for {next(iter(tensors))}")
    return adapter


def _take(tensors: dict[str, Tensor], name: str, target: Tensor) -> None:
    """Moves a tensor of the file to where it belongs, if it is there."""
    source = tensors.pop(name, None)
    if source is None:
        return
    if source.shape != target.shape:
        raise InvalidAdapterError(f"{name}: {tuple(source.shape)} does not fit the base model's {tuple(target.shape)}")
    target.copy_(source)


def _read_config(path: Path) -> dict[str, Any]:
    """``adapter_config.json``, refused unless it describes plain LoRA."""
    file = path / "adapter_config.json"
    if not file.exists():
        raise InvalidAdapterError(f"{path}: no adapter_config.json")
    values: dict[str, Any] = json.loads(file.read_text("utf-8"))
    if values.get("peft_type") != "LORA":
        raise InvalidAdapterError(f"{file}: peft_type is {values.get('peft_type')!r}, not 'LORA'")
    for name in ("use_dora", "modules_to_save", "rank_pattern", "alpha_pattern", "fan_in_fan_out"):
        if values.get(name):
            raise InvalidAdapterError(f"{file}: {name} is not supported")
    if values.get("bias", "none") != "none":
        raise InvalidAdapterError(f"{file}: bias {values['bias']!r} is not supported")
    return values

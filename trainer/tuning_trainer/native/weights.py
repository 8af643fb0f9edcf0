"""Weights on disk: safetensors in the layout of transformers, one file or many; shapes see ``architecture``."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from tuning_trainer.native.architecture import Config, UnsupportedModelError, Weights
from tuning_trainer.native.families import format_config, load_config
from tuning_trainer.native.mapped import MappedFile


def _slices(config: Config) -> Iterator[tuple[str, str, int | None, slice]]:
    """(Hugging Face name, our name, layer, rows) of every tensor of the model."""
    every = slice(None)
    yield "model.embed_tokens.weight", "embedding", None, every
    for layer in range(config.layers):
        prefix = f"model.layers.{layer}."
        for name, module in config.vectors.items():
            yield f"{prefix}{module}.weight", name, layer, every
        for name, parts in config.parts.items():
            start = 0
            for module, rows in parts:
                yield f"{prefix}{module}.weight", name, layer, slice(start, start + rows)
                if name == "qkv" and config.qkv_bias:
                    yield f"{prefix}{module}.bias", "qkv_bias", layer, slice(start, start + rows)
                start += rows
    yield "model.norm.weight", "final_norm", None, every
    if not config.tied:
        yield "lm_head.weight", "head", None, every


def _files(directory: Path) -> dict[str, Path]:
    """Which safetensors file holds which tensor; sharded checkpoints included."""
    index = directory / "model.safetensors.index.json"
    if index.exists():
        try:
            files: dict[str, str] = json.loads(index.read_text("utf-8"))["weight_map"]
            found = {name: directory / file for name, file in files.items()}
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise UnsupportedModelError(f"{index}: is no index of safetensors files: {error!r}") from error
        if strange := next((path for path in found.values() if path.parent != directory), None):
            raise UnsupportedModelError(f"{index}: {strange} is not a file beside it")
        return found
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
    """Loads the safetensors of a model directory, stacked over layers, without gradients.

    Raises:
        UnsupportedModelError: the directory's config is not for the native decoder, or a tensor is missing.
    """
    config = load_config(directory)
    files = _files(Path(directory))
    with ExitStack() as stack:
        opened = {path: stack.enter_context(safe_open(path, framework="pt")) for path in set(files.values())}

        def read(name: str) -> Tensor:
            if name not in files:
                raise UnsupportedModelError(f"{directory}: no tensor {name}")
            found: Tensor = opened[files[name]].get_tensor(name)
            return found

        mapped = map_weights(config, files, dtype) if device == "cpu" else {}
        return stack_weights(config, read, dtype, device, mapped)


def is_mapped(directory: Path) -> bool:
    """Whether loading these weights for the CPU reads nothing, since they are used where they lie."""
    try:
        return bool(map_weights(load_config(directory), _files(directory), torch.float32))
    except (UnsupportedModelError, SafetensorError, OSError, ValueError):  # whoever loads it says why
        return False


def map_weights(config: Config, files: dict[str, Path], dtype: torch.dtype) -> Weights:
    """All stacks, used where they are in the file; none of them unless each lies there in one piece."""
    names: dict[str, list[str]] = {}
    for theirs, ours, _, _ in _slices(config):
        names.setdefault(ours, []).append(theirs)
    opened: dict[Path, MappedFile] = {}
    found: Weights = {}
    for ours, parts in names.items():
        path = files.get(parts[0])
        if path is None or any(files.get(name) != path for name in parts):
            return {}
        if path not in opened:
            opened[path] = MappedFile(path)
        stack = opened[path].find_stack(parts, config.shapes[ours], dtype)
        if stack is None:
            return {}
        found[ours] = stack
    return found


def stack_weights(
    config: Config,
    read: Callable[[str], Tensor],
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    mapped: Weights | None = None,
) -> Weights:
    """Puts a model's tensors together, one in memory at a time beside the result.

    Args:
        read: Gives a tensor by its name in transformers' layout, for instance ``model.layers.0.mlp.up_proj.weight``.
        mapped: Stacks that are there already, see ``map_weights``; they are not read.

    Raises:
        UnsupportedModelError: a tensor has another shape than the config says, or holds no plain numbers.
    """
    ready = mapped or {}
    weights = {
        name: ready[name] if name in ready else torch.empty(shape, dtype=dtype, device=device)
        for name, shape in config.shapes.items()
    }
    for theirs, ours, layer, rows in _slices(config):
        if ours in ready:
            continue
        target = (weights[ours] if layer is None else weights[ours][layer])[rows]
        source = read(theirs)
        if source.shape != target.shape:
            raise UnsupportedModelError(
                f"{theirs}: {tuple(source.shape)}, where config.json says {tuple(target.shape)}"
            )
        if not source.is_floating_point():
            raise UnsupportedModelError(f"{theirs}: {source.dtype}; quantised weights cannot be tuned")
        target.copy_(source)
    return weights


def save_weights(
    weights: Weights, config: Config, directory: str | Path, dtype: torch.dtype = torch.float32, **extra: Any
) -> None:
    """Writes ``model.safetensors`` and the ``config.json`` of a Llama; ``extra`` adds to it, say ``eos_token_id``."""
    write_model(weights, config, directory, extra | format_config(config), dtype)


def write_model(
    weights: Weights, config: Config, directory: str | Path, values: dict[str, Any], dtype: torch.dtype = torch.float32
) -> None:
    """Writes ``model.safetensors`` and ``values`` as ``config.json``, with the precision of the weights."""
    path = Path(directory)
    path.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for theirs, ours, layer, rows in _slices(config):
        source = weights[ours] if layer is None else weights[ours][layer]
        tensors[theirs] = source.detach()[rows].to("cpu", dtype, copy=True).contiguous()
    write_tensors(tensors, path / "model.safetensors")
    values = values | {"dtype": str(dtype).removeprefix("torch.")}
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
            weights[name] = torch.zeros(shape) if config.unit_norms else torch.ones(shape)
        elif name.endswith("bias"):
            weights[name] = torch.zeros(shape)
        else:
            std = deviation.get(name, 0.5 / math.sqrt(shape[-1]))
            weights[name] = torch.randn(shape, generator=generator) * std
    return weights


def count_parameters(weights: Weights) -> int:
    """Number of values in all tensors."""
    return sum(tensor.numel() for tensor in weights.values())

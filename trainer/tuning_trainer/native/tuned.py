"""The families of ``families`` in plain torch: training with an adapter. ``answering`` answers."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from tuning_trainer.data.chat import Chat, load_chat
from tuning_trainer.data.dataset import Batch
from tuning_trainer.learning.memory import Activations, estimate_activations
from tuning_trainer.model import count_pass_tokens
from tuning_trainer.native import decoder, lora
from tuning_trainer.native.architecture import Config, UnsupportedModelError, Weights
from tuning_trainer.native.families import load_config, read_config
from tuning_trainer.native.rotary import rotary_table
from tuning_trainer.native.sequences import pays_to_share, run_layers
from tuning_trainer.native.weights import count_parameters, fingerprint, load_weights, write_model
from tuning_trainer.spec import InvalidJobError, Job
from tuning_trainer.threads import SMALL_MODEL

COMPANIONS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "chat_template.jinja",
    "processor_config.json",
    "preprocessor_config.json",
)
"""Files of a model directory that a fully tuned model takes over unchanged."""


@dataclass(frozen=True, slots=True)
class Base:
    """A base model in memory; its weights are shared and never change."""

    config: Config
    weights: Weights
    chat: Chat
    fingerprint: str

    @property
    def size(self) -> int:
        """Number of parameters."""
        return count_parameters(self.weights)


def load_base(directory: Path, device: str = "cpu", precision: str = "float32") -> Base:
    """Loads a base model, or returns it if it is among the last two and its file has not changed."""
    return _load(str(directory.resolve()), (directory / "config.json").stat().st_mtime_ns, device, precision)


@lru_cache(maxsize=2)
def _load(directory: str, _stamp_ns: int, device: str, precision: str) -> Base:
    try:
        weights = load_weights(directory, getattr(torch, precision), device)
    except SafetensorError as error:
        raise UnsupportedModelError(f"{directory}: its safetensors cannot be read: {error}") from error
    return Base(load_config(directory), weights, load_chat(directory), fingerprint(directory))


def warm_base(directory: Path) -> None:
    """Loads a base model and the tables that every run over it needs, for children to inherit."""
    base = load_base(directory)
    for kind in base.config.attention:
        if kind.rope is not None:
            rotary_table(kind.rope, base.config.head_size, base.config.max_positions)


class NativeTuned:
    """A ``TunedModel`` in plain torch: LoRA, or all weights for the method ``full``."""

    repeats = True

    def __init__(self, job: Job, directory: Path, adapter: str | None, device: str, precision: str) -> None:
        full = job.method == "full"
        self.concurrent = not full  # gradients of all weights, once more for each thread, would be too large
        base = load_base(directory, device, "float32" if full else precision)
        self.chat, self.config, self.size = base.chat, base.config, base.size
        self.max_tokens = base.config.max_positions
        self._base_name, self._directory, self._precision, self._device = job.base_model, directory, precision, device
        self._weights = {name: t.clone().requires_grad_() for name, t in base.weights.items()} if full else base.weights
        self._adapter = None if full else start_adapter(job, base, adapter).to(device).trainable()
        self._fingerprint = base.fingerprint
        self.vocabulary_size, self.pass_tokens = base.config.vocab_size, count_pass_tokens(device, base.size)
        self.activations = estimate_config(base.config, precision)
        if full and adapter:
            raise InvalidJobError("adapter: full tuning continues from a model directory, not from an adapter")
        if full:
            _load.cache_clear()  # its weights are copied; the base's own would only take memory

    def parameters(self) -> list[Tensor]:
        return list(self._weights.values()) if self._adapter is None else self._adapter.parameters()

    def hidden(self, batch: Batch, checkpointing: bool = False) -> Tensor:
        sharing = pays_to_share(batch, self.config, self.pass_tokens)
        with self._cast():
            weights, layers = self._weights, None
            if self._adapter is not None and self.size < SMALL_MODEL and self._precision == "float32":
                weights = lora.materialize(self._adapter, weights, self.config)
            elif self._adapter is not None:
                layers = lora.branch_layers(self._adapter, weights, self.config)
            layers = layers or decoder.split_layers(weights, self.config)
            return run_layers(weights, self.config, layers, batch, sharing=sharing, checkpointing=checkpointing)

    def scores(self, hidden: Tensor) -> Tensor:
        with self._cast():
            return decoder.logits(self._weights, self.config, hidden).float()

    def _cast(self) -> torch.autocast:
        return torch.autocast(self._device, torch.bfloat16, enabled=self._precision == "bfloat16")

    def save(self, directory: Path) -> None:
        if self._adapter is not None:
            lora.save_adapter(self._adapter, self.config, directory, self._base_name, self._fingerprint)
            return
        save_model(self._weights, self.config, self._directory, directory)


def estimate_config(config: Config, precision: str) -> Activations:
    """What a token takes in training, from the shape of the model."""
    queries, keys = config.heads * config.head_size, config.kv_heads * config.head_size
    itemsize = getattr(torch, precision).itemsize
    return estimate_activations(config.layers, config.hidden_size, queries, keys, config.mlp_size, itemsize)


def start_adapter(job: Job, base: Base, adapter: str | None) -> lora.Adapter:
    """A fresh adapter, or the one to continue from.

    Raises:
        InvalidJobError: the adapter to continue from has another size than asked for, or another base.
    """
    if adapter is None:
        return lora.init_adapter(base.config, job.adapter_size, job.seed)
    loaded = lora.load_adapter(adapter, base.config, base.fingerprint)
    if loaded.rank != job.adapter_size:
        raise InvalidJobError(f"adapter_size: {job.adapter_size} differs from {loaded.rank}, that of {adapter}")
    return loaded


def save_model(weights: Weights, config: Config, source: Path, target: Path) -> None:
    """Writes changed weights as a model directory; everything else is as in the directory that they come from."""
    values = {name: value for name, value in read_config(source).items() if name != "torch_dtype"}
    write_model(weights, config, target, values)
    copy_companions(source, target)


def merge_native(adapter: Path, base: Path, target: Path) -> None:
    """Writes the base with the adapter in its weights. Raises InvalidAdapterError or InvalidJobError."""
    loaded = load_base(base)
    change = lora.load_adapter(adapter, loaded.config, loaded.fingerprint)
    weights = lora.merge(change, loaded.weights, loaded.config)
    save_model(weights, loaded.config, base, target)


def copy_companions(source: Path, target: Path) -> None:
    """Copies tokenizer and generation settings beside a fully tuned model."""
    for name in COMPANIONS:
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)

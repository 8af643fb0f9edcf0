"""Llama directories in plain torch: training with an adapter, and decoding with a key-value cache."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer import llama, lora
from trainer.chat import Chat, load_chat
from trainer.dataset import Batch
from trainer.llama import Cache, Config, Weights
from trainer.model import SMALL_MODEL
from trainer.spec import InvalidJobError, Job

COMPANIONS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "chat_template.jinja",
)
"""Files of a model directory that a fully tuned model takes over unchanged."""


@dataclass(frozen=True, slots=True)
class Base:
    """A base model in memory; its weights are shared and never change."""

    config: Config
    weights: Weights
    chat: Chat

    @property
    def size(self) -> int:
        """Number of parameters."""
        return llama.count_parameters(self.weights)


def load_base(directory: Path, device: str = "cpu", precision: str = "float32") -> Base:
    """Loads a base model, or returns it if it is among the last two and its file has not changed."""
    return _load(str(directory.resolve()), (directory / "config.json").stat().st_mtime_ns, device, precision)


@lru_cache(maxsize=2)
def _load(directory: str, _stamp_ns: int, device: str, precision: str) -> Base:
    weights = llama.load_weights(directory, getattr(torch, precision), device)
    return Base(llama.load_config(directory), weights, load_chat(directory))


def warm_base(directory: Path) -> None:
    """Loads a base model and the tables that every run over it needs, for children to inherit."""
    base = load_base(directory)
    llama.rotary_table(base.config, base.config.max_positions)


class NativeTuned:
    """A ``TunedModel`` over a Llama base: LoRA, or all weights for the method ``full``."""

    def __init__(self, job: Job, directory: Path, adapter: str | None, device: str, precision: str) -> None:
        full = job.method == "full"
        base = load_base(directory, device, "float32" if full else precision)
        self.chat, self.config, self.size = base.chat, base.config, base.size
        self.max_tokens = base.config.max_positions
        self._base_name, self._directory, self._precision, self._device = job.base_model, directory, precision, device
        self._weights = {name: t.clone().requires_grad_() for name, t in base.weights.items()} if full else base.weights
        self._adapter = None if full else start_adapter(job, base.config, adapter).to(device).trainable()
        if full and adapter:
            raise InvalidJobError("adapter: full tuning continues from a model directory, not from an adapter")

    def parameters(self) -> list[Tensor]:
        return list(self._weights.values()) if self._adapter is None else self._adapter.parameters()

    def logits(self, batch: Batch) -> Tensor:
        with torch.autocast(self._device, torch.bfloat16, enabled=self._precision == "bfloat16"):
            weights, layers = self._weights, None
            if self._adapter is not None and self.size < SMALL_MODEL and self._precision == "float32":
                weights = lora.materialize(self._adapter, weights, self.config)
            elif self._adapter is not None:
                layers = lora.branch_layers(self._adapter, weights, self.config)
            hidden = llama.hidden_states(weights, self.config, batch.inputs, layers)
            return llama.logits(weights, hidden.flatten(0, 1)[batch.places]).float()

    def save(self, directory: Path) -> None:
        if self._adapter is not None:
            lora.save_adapter(self._adapter, self.config, directory, self._base_name)
            return
        values = llama.read_config(self._directory)
        others = {name: value for name, value in values.items() if name not in ("dtype", "torch_dtype")}
        llama.save_weights(self._weights, self.config, directory, **others)
        copy_companions(self._directory, directory)


def start_adapter(job: Job, config: Config, adapter: str | None) -> lora.Adapter:
    """A fresh adapter, or the one to continue from.

    Raises:
        InvalidJobError: the adapter to continue from has another size than asked for.
    """
    if adapter is None:
        return lora.init_adapter(config, job.adapter_size, job.seed)
    loaded = lora.load_adapter(adapter, config)
    if loaded.rank != job.adapter_size:
        raise InvalidJobError(f"adapter_size: {job.adapter_size} differs from {loaded.rank}, that of {adapter}")
    return loaded


def copy_companions(source: Path, target: Path) -> None:
    """Copies tokenizer and generation settings beside a fully tuned model."""
    for name in COMPANIONS:
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)


# ---------------------------------------------------------------- answering


class NativeAnswering:
    """An ``AnsweringModel`` over a Llama base; the adapter is merged once."""

    def __init__(self, directory: Path, adapter: str | None, device: str, precision: str) -> None:
        base = load_base(directory, device, precision)
        self.chat, self.max_tokens = base.chat, base.config.max_positions
        self._config, self._weights = base.config, base.weights
        if adapter is not None:
            loaded = lora.load_adapter(adapter, base.config).to(device)
            self._weights = lora.merge(loaded.cast(getattr(torch, precision)), base.weights, base.config)
        own = [tensor for name, tensor in self._weights.items() if tensor is not base.weights[name]]
        self.size, self.own_bytes = base.size, sum(tensor.nbytes for tensor in own)

    def decoder(self) -> NativeDecoder:
        return NativeDecoder(self._weights, self._config)


class NativeDecoder:
    """A ``Decoder`` with one cache for all rows, padded on the left so that all rows end together."""

    def __init__(self, weights: Weights, config: Config) -> None:
        self._weights, self._config = weights, config
        self._layers = llama.split_layers(weights)
        self._device = str(weights["embedding"].device)
        self._cache = Cache(config.layers)
        self._width = 0
        self._pads: list[int] = []  # of each row

    @torch.inference_mode()
    def add(self, prompts: list[list[int]]) -> Tensor:
        longest = max(len(prompt) for prompt in prompts)
        pads = [longest - len(prompt) for prompt in prompts]
        rows = [[0] * pad + prompt for pad, prompt in zip(pads, prompts, strict=True)]
        cache = Cache(self._config.layers)
        scores = self._run(torch.tensor(rows, device=self._device), pads, cache, 0)
        self._join(cache, longest, pads)
        return scores

    @torch.inference_mode()
    def advance(self, tokens: list[int]) -> Tensor:
        ids = torch.tensor(tokens, device=self._device)[:, None]
        scores = self._run(ids, self._pads, self._cache, self._width)
        self._width += 1
        return scores

    @torch.inference_mode()
    def keep(self, rows: list[int]) -> None:
        self._pads = [self._pads[row] for row in rows]
        trim = min(self._pads, default=0)
        self._pads = [pad - trim for pad in self._pads]
        self._width -= trim
        if not rows:
            self._cache, self._width = Cache(self._config.layers), 0
            return
        index = torch.tensor(rows, device=self._device)
        self._cache.change(lambda tensor: tensor.index_select(0, index)[:, :, trim:])

    def _run(self, ids: Tensor, pads: list[int], cache: Cache, past: int) -> Tensor:
        """New tokens (batch, time) through all layers; scores of the last position, float32 (batch, V)."""
        time = ids.shape[1]
        pad = torch.tensor(pads, device=self._device) if any(pads) else None
        angles = llama.rotation_at(self._config, past, time, pad, self._device)
        mask = None if pad is None else _mask(pad, past, time)
        x = F.embedding(ids, self._weights["embedding"])
        for number, layer in enumerate(self._layers):
            x = llama.apply_layer(x, layer, self._config, angles, mask, (cache, number))
        size = (self._config.hidden_size,)
        hidden = F.rms_norm(x[:, -1], size, self._weights["final_norm"], self._config.norm_eps)
        return llama.logits(self._weights, hidden).float()

    def _join(self, cache: Cache, width: int, pads: list[int]) -> None:
        """Takes new rows in; the narrower side is padded on the left."""
        if not self._pads:
            self._cache, self._width, self._pads = cache, width, pads
            return
        more_here, more_there = max(0, width - self._width), max(0, self._width - width)
        self._cache.change(lambda tensor: F.pad(tensor, (0, 0, more_here, 0)))
        cache.change(lambda tensor: F.pad(tensor, (0, 0, more_there, 0)))
        self._cache.append_rows(cache)
        self._pads = [pad + more_here for pad in self._pads] + [pad + more_there for pad in pads]
        self._width = max(width, self._width)


def _mask(pad: Tensor, past: int, time: int) -> Tensor:
    """Which keys each new position may see, (batch, 1, time, past + time): no padding, nothing later.

    A padded position sees itself, because a softmax over nothing is not a number.
    """
    places = torch.arange(past + time, device=pad.device)
    queries = places[past:, None]
    seen = (places <= queries) & (places >= pad[:, None, None]) | (places == queries)
    return seen[:, None]

"""The families of ``families`` in plain torch: training with an adapter, and decoding with a key-value cache."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tuning_trainer import decoder, lora
from tuning_trainer.architecture import Config, Weights
from tuning_trainer.cache import Cache
from tuning_trainer.chat import Chat, load_chat
from tuning_trainer.dataset import Batch
from tuning_trainer.decoder import Layer
from tuning_trainer.families import load_config, read_config
from tuning_trainer.lora import Wide
from tuning_trainer.memory import Activations, estimate_activations
from tuning_trainer.model import AnsweringModel, count_pass_tokens
from tuning_trainer.rotary import rotary_table
from tuning_trainer.sequences import pays_to_share, run_layers
from tuning_trainer.spec import InvalidJobError, Job
from tuning_trainer.threads import SMALL_MODEL
from tuning_trainer.weights import count_parameters, fingerprint, load_weights, write_model

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
    weights = load_weights(directory, getattr(torch, precision), device)
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


# --- answering


class NativeAnswering:
    """An ``AnsweringModel`` in plain torch.

    The adapter is merged once, for requests of this model alone; in the company of others it is a side branch.
    """

    def __init__(self, directory: Path, adapter: str | None, device: str, precision: str) -> None:
        base = load_base(directory, device, precision)
        self.chat, self.max_tokens = base.chat, base.config.max_positions
        self._base, weights, own = base, base.weights, 0
        self.wide: Wide | None = None
        if adapter is not None:
            loaded = lora.load_adapter(adapter, base.config, base.fingerprint)
            loaded = loaded.to(device).cast(getattr(torch, precision))
            weights, self.wide = lora.merge(loaded, weights, base.config), lora.widen(loaded, base.config)
            own = sum(tensor.nbytes for name, tensor in weights.items() if tensor is not base.weights[name])
            own += sum(tensor.nbytes for pair in self.wide.values() for tensor in pair)
        self.layers = decoder.split_layers(weights, base.config)
        self.size, self.own_bytes = base.size, own
        size, itemsize = base.config.kv_heads * base.config.head_size, base.weights["embedding"].itemsize
        self.token_bytes = 2 * base.config.layers * size * itemsize
        self.desk = f"{directory.resolve()} {id(base)}"  # a base that was written anew has a desk of its own

    def decoder(self) -> NativeDecoder:
        return NativeDecoder(self._base)


class NativeDecoder:
    """A ``Decoder`` with one cache for all rows, padded on the left so that all rows end together.

    Rows of one model go through its merged weights. Rows of several go through the base's, each with its adapter as a
    side branch: one step serves them all, where merged weights would need a step for every model.
    """

    def __init__(self, base: Base) -> None:
        self._weights, self._config = base.weights, base.config
        self._device = str(base.weights["embedding"].device)
        self._cache = Cache(base.config.layers)
        self._width = 0
        self._pads: list[int] = []  # of each row
        self._models: list[NativeAnswering] = []  # of each row
        self._layers: list[Layer] = []  # for these rows

    @torch.inference_mode()
    def add(self, prompts: list[list[int]], models: Sequence[AnsweringModel], seen: Sequence[Any] = ()) -> Tensor:  # noqa: ARG002 it sees nothing
        longest = max(len(prompt) for prompt in prompts)
        pads = [longest - len(prompt) for prompt in prompts]
        rows = [[0] * pad + prompt for pad, prompt in zip(pads, prompts, strict=True)]
        cache, fresh = Cache(self._config.layers), [model for model in models if isinstance(model, NativeAnswering)]
        scores = self._run(torch.tensor(rows, device=self._device), pads, cache, 0, self._find_layers(fresh))
        self._join(cache, longest, pads)
        self._seat(self._models + fresh)
        return scores

    @torch.inference_mode()
    def advance(self, tokens: list[int]) -> Tensor:
        ids = torch.tensor(tokens, device=self._device)[:, None]
        scores = self._run(ids, self._pads, self._cache, self._width, self._layers)
        self._width += 1
        return scores

    def _seat(self, models: list[NativeAnswering]) -> None:
        """Takes down whose the rows are."""
        if models != self._models:
            self._models, self._layers = models, self._find_layers(models)

    def _find_layers(self, models: list[NativeAnswering]) -> list[Layer]:
        """Layers that serve rows of these models."""
        if not models:
            return []
        if all(model is models[0] for model in models):
            return models[0].layers
        return lora.vary_layers([model.wide for model in models], self._weights, self._config)

    @torch.inference_mode()
    def keep(self, rows: list[int]) -> None:
        self._seat([self._models[row] for row in rows])
        self._pads = [self._pads[row] for row in rows]
        trim = min(self._pads, default=0)
        self._pads = [pad - trim for pad in self._pads]
        self._width -= trim
        if not rows:
            self._cache, self._width = Cache(self._config.layers), 0
            return
        index = torch.tensor(rows, device=self._device)
        self._cache.change(lambda tensor: tensor.index_select(0, index)[:, :, trim:])

    def _run(self, ids: Tensor, pads: list[int], cache: Cache, past: int, layers: list[Layer]) -> Tensor:
        """New tokens (batch, time) through all layers; scores of the last position, float32 (batch, V)."""
        time = ids.shape[1]
        pad = torch.tensor(pads, device=self._device) if any(pads) else None
        views = decoder.make_views(self._config, time, past, pad, self._device)
        x = decoder.embed(self._weights, self._config, ids)
        for number, layer in enumerate(layers):
            x = decoder.apply_layer(x, layer, self._config, views, (cache, number))
        hidden = decoder.finish(self._weights, self._config, x[:, -1])
        return decoder.logits(self._weights, self._config, hidden).float()

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

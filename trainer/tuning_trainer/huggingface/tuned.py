"""Every other causal language model, through transformers and peft. Importing this module takes seconds; see ``model``.

Directories only, safetensors only, and no code out of the directory is ever run.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

from tuning_trainer.data.chat import Chat, load_chat
from tuning_trainer.data.dataset import Batch
from tuning_trainer.huggingface.output_head import OutputHead
from tuning_trainer.learning.memory import Activations, estimate_activations
from tuning_trainer.model import count_pass_tokens
from tuning_trainer.native.architecture import UnsupportedModelError
from tuning_trainer.native.lora import ALPHA, MODULES, InvalidAdapterError, first_values
from tuning_trainer.native.tuned import copy_companions
from tuning_trainer.spec import InvalidJobError, Job, reads_images

_logging: Any = transformers.utils.logging
_logging.set_verbosity_error()
_logging.disable_progress_bar()


def load_model(directory: Path, device: str, precision: str) -> Any:
    """Loads a model for evaluation mode: no dropout, so that a run depends on nothing but its seed.

    Raises:
        UnsupportedModelError: transformers cannot load the directory as a causal language model from safetensors.
    """
    kind: Any = AutoModelForImageTextToText if reads_images(directory) else AutoModelForCausalLM
    try:
        model: Any = kind.from_pretrained(
            directory,
            dtype=getattr(torch, precision),
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
    except (OSError, ValueError, KeyError) as error:
        raise UnsupportedModelError(f"{directory}: {error}") from error
    return model.to(device).eval()


def position_limit(model: Any) -> int:
    """Longest sequence in tokens that the model's config speaks of."""
    config = model.config.get_text_config()
    for name in ("max_position_embeddings", "n_positions", "max_seq_len"):
        if limit := getattr(config, name, None):
            return int(limit)
    return 8192


def target_modules(model: Any) -> list[str] | str:
    """The modules that get an adapter: those of Llama where the model has them all, else every linear one.

    Of a model that sees, those of its language model: how it sees stays as it is.
    """
    if any(".language_model." in name for name, _ in model.named_modules()):
        return rf".*\.language_model\..*\.({'|'.join(MODULES)})"
    names = {name.rsplit(".", 1)[-1] for name, _ in model.named_modules()}
    return list(MODULES) if names.issuperset(MODULES) else "all-linear"


def add_adapter(model: Any, rank: int, seed: int) -> Any:
    """Puts a fresh adapter on the model, with the same first values as the native path draws."""
    config = LoraConfig(r=rank, lora_alpha=ALPHA, target_modules=target_modules(model), task_type="CAUSAL_LM")
    adapted: Any = get_peft_model(model, config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in adapted.modules():
            if "default" in getattr(module, "lora_A", {}):
                weight = module.lora_A["default"].weight
                weight.copy_(first_values(rank, weight.shape[1], generator))
    return adapted


class HuggingFaceTuned:
    """A ``TunedModel`` through transformers: LoRA by peft, or all weights for the method ``full``."""

    repeats = False  # some look at their inputs on the way
    concurrent = False  # its output head is taken off for the length of a pass

    def __init__(self, job: Job, directory: Path, adapter: str | None, device: str, precision: str) -> None:
        self._full, self._directory, self._device, self._precision = job.method == "full", directory, device, precision
        model, self.chat = self.open(directory, device, "float32" if self._full else precision)
        self.max_tokens, self.size = position_limit(model), model.num_parameters()
        if job.base_model_directory == str(directory):  # adapters name the model as it was asked for
            model.name_or_path = model.config.name_or_path = job.base_model
        if self._full and adapter:
            raise InvalidJobError("adapter: full tuning continues from a model directory, not from an adapter")
        if self._full:
            self._model = model.requires_grad_(True)
        elif adapter:
            self._model = continue_adapter(model, adapter, job.adapter_size)
        else:
            self._model = add_adapter(model, job.adapter_size, job.seed)
        config = model.config.get_text_config()
        self.vocabulary_size, self.pass_tokens = config.vocab_size, count_pass_tokens(device, self.size)
        self.activations = estimate_config(config, model.dtype.itemsize)
        self._head = OutputHead(model)

    @staticmethod
    def open(directory: Path, device: str, precision: str) -> tuple[Any, Chat]:
        """The base model and its conversation format."""
        return load_model(directory, device, precision), load_chat(directory)

    def parameters(self) -> list[Tensor]:
        return [parameter for parameter in self._model.parameters() if parameter.requires_grad]

    def hidden(self, batch: Batch, checkpointing: bool = False) -> Tensor:
        with self._cast():
            # Padding on the right needs no mask: attention is causal, and nothing there is scored.
            return self._head.hidden(batch.inputs, batch.places, checkpointing)

    def scores(self, hidden: Tensor) -> Tensor:
        with self._cast():
            return self._head.scores(hidden)

    def _cast(self) -> torch.autocast:
        return torch.autocast(self._device, torch.bfloat16, enabled=self._precision == "bfloat16")

    def save(self, directory: Path) -> None:
        self._model.save_pretrained(directory)
        for file in directory.glob("*.safetensors"):
            file.chmod(0o644)  # the library makes them private
        if self._full:
            copy_companions(self._directory, directory)
            return
        path = directory / "adapter_config.json"
        values = json.loads(path.read_text("utf-8"))
        if isinstance(values["target_modules"], list):
            values["target_modules"].sort()  # a set, whose order differs from process to process
        path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", "utf-8")


def estimate_config(config: Any, itemsize: int) -> Activations:
    """What a token takes in training, from the config of its language model; twice the native path's for the MLP."""
    hidden = _largest(config, "hidden_size", 1024)
    heads = _largest(config, "num_attention_heads", 1)
    size = _largest(config, "head_dim", hidden // heads)
    shared = _largest(config, "num_key_value_heads", heads)
    inner = _largest(config, "intermediate_size", 4 * hidden)
    layers = _largest(config, "num_hidden_layers", 1)
    return estimate_activations(layers, hidden, heads * size, shared * size, 2 * inner, itemsize)


def _largest(config: Any, name: str, default: int) -> int:
    """A size; some models have one for each layer, or none."""
    value = getattr(config, name, None) or default
    return int(max(value) if isinstance(value, list | tuple) else value)


def continue_adapter(model: Any, adapter: str, rank: int) -> Any:
    """Loads an adapter to go on learning.

    Raises:
        InvalidJobError: the adapter has another size than asked for.
    """
    adapted = load_adapter(model, adapter, "default", trainable=True)
    loaded = adapted.peft_config["default"].r
    if loaded != rank:
        raise InvalidJobError(f"adapter_size: {rank} differs from {loaded}, that of {adapter}")
    return adapted


def load_adapter(model: Any, adapter: str, name: str, trainable: bool = False) -> Any:
    """Puts a saved adapter on a model, or one more on a model that has some; returns the adapted model.

    Raises:
        InvalidAdapterError: it is not an adapter, or was made for another model.
    """
    if not (Path(adapter) / "adapter_config.json").exists():
        raise InvalidAdapterError(f"{adapter}: no adapter_config.json")
    try:
        if isinstance(model, PeftModel):
            model.load_adapter(adapter, adapter_name=name, is_trainable=trainable)
            return model
        return PeftModel.from_pretrained(model, adapter, adapter_name=name, is_trainable=trainable)
    except (OSError, ValueError, RuntimeError) as error:
        raise InvalidAdapterError(f"{adapter}: {error}") from error


def merge_huggingface(adapter: Path, base: Path, target: Path) -> None:
    """Writes the base with the adapter in its weights. Raises InvalidAdapterError and UnsupportedModelError."""
    model = load_adapter(load_model(base, "cpu", "float32"), str(adapter), "default")
    model.merge_and_unload().save_pretrained(target)
    copy_companions(base, target)

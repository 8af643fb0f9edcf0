"""Models that see: directories of vision-language models in the format of transformers, with their own processors.

Each row goes through the model alone, for what stands for images differs from model to model. Texts are encoded by the
model's processor, which knows control tokens in them.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from transformers import AutoProcessor

from tuning_trainer.data.chat import Chat, Encoded, UnsupportedTokenizerError, find_stops, load_tokenizer
from tuning_trainer.data.dataset import Batch
from tuning_trainer.huggingface.answering import HuggingFaceAnswering
from tuning_trainer.huggingface.shelf import Shelf
from tuning_trainer.huggingface.tuned import HuggingFaceTuned, load_model
from tuning_trainer.native.architecture import UnsupportedModelError
from tuning_trainer.spec import IMAGE_MARK, Job, Turn

_TOKENS: Final = ("input_ids", "attention_mask")
"""What a processor gives that is made anew here."""


class VisionChat:
    """The conversation format of a model that sees: its processor's chat template."""

    call: int | None = None

    def __init__(self, directory: Path) -> None:
        try:
            kind: Any = AutoProcessor
            self._processor = kind.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise UnsupportedTokenizerError(f"{directory}: its processor cannot be loaded: {error}") from error
        if not getattr(self._processor, "chat_template", None):
            raise UnsupportedTokenizerError(f"{directory}: its processor has no chat template")
        self.tokenizer = load_tokenizer(directory)
        self.stops = find_stops(directory, self.tokenizer, self._processor.tokenizer.eos_token)

    def encode(self, turns: tuple[Turn, ...], system: str = "") -> Encoded:
        """See ``Chat``. A model's turn is what the template adds to the conversation before it."""
        ids, inputs = self._process(turns, system)
        scored = [False] * len(ids)
        for number, turn in enumerate(turns):
            if turn.learned:
                before, _ = self._process(turns[:number], system, answer=True)
                after, _ = self._process(turns[: number + 1], system)
                if ids[: len(before)] != before:
                    raise UnsupportedTokenizerError("chat template: an answer does not begin where a prompt ends")
                scored[len(before) : len(after)] = [True] * (len(after) - len(before))
        return Encoded(tuple(ids), tuple(scored[: len(ids)]), inputs)

    def prompt(self, turns: tuple[Turn, ...], system: str = "") -> list[int]:
        """See ``Chat``."""
        return self._process(turns, system, answer=True)[0]

    def see(self, turns: tuple[Turn, ...], system: str = "") -> Any:
        """See ``SeeingChat``."""
        return self._process(turns, system, answer=True)[1]

    def _process(self, turns: tuple[Turn, ...], system: str, answer: bool = False) -> tuple[list[int], Any]:
        messages = [{"role": "system", "content": [{"type": "text", "text": system}]}] if system else []
        messages += [
            {"role": "assistant" if turn.learned else "user", "content": _split_content(turn)} for turn in turns
        ]
        text = self._processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=answer)
        images = [_open_image(image) for turn in turns for image in turn.images]
        begins = self._processor.tokenizer.bos_token
        found = self._processor(
            text=[text],
            images=images or None,
            return_tensors="pt",
            add_special_tokens=not (begins and text.startswith(begins)),
        )
        inputs = {name: value for name, value in found.items() if name not in _TOKENS}
        return found["input_ids"][0].tolist(), (inputs if images else None) or None


def _split_content(turn: Turn) -> list[dict[str, str]]:
    first, *others = turn.text.split(IMAGE_MARK)
    content = [{"type": "text", "text": first}] if first else []
    for text in others:
        content += [{"type": "image"}, *([{"type": "text", "text": text}] if text else [])]
    return content or [{"type": "text", "text": ""}]


def _open_image(image: str) -> Any:
    from PIL import Image

    return Image.open(BytesIO(base64.b64decode(image))).convert("RGB")


def fit_inputs(inputs: Any, length: int, device: str) -> dict[str, Tensor]:
    """What is taken beside so many tokens: of each token, cut or filled up with zeros; of images, all."""
    fitted = {}
    for name, value in (inputs or {}).items():
        tensor: Tensor = value.to(device)
        if tensor.dim() == 2 and tensor.shape[0] == 1 and name.endswith("token_type_ids"):
            tensor = torch.nn.functional.pad(tensor[:, :length], (0, max(length - tensor.shape[1], 0)))
        fitted[name] = tensor
    return fitted


class VisionTuned(HuggingFaceTuned):
    """A ``TunedModel`` that sees. Its language model learns; how it sees stays as it is."""

    def __init__(self, job: Job, directory: Path, adapter: str | None, device: str, precision: str) -> None:
        super().__init__(job, directory, adapter, device, precision)
        for name, parameter in self._model.named_parameters():
            speaks = ".language_model." in name or "lm_head" in name
            parameter.requires_grad_(parameter.requires_grad and speaks)
        if not self.parameters():
            raise UnsupportedModelError(f"{directory}: none of its parts is a language_model")

    @staticmethod
    def open(directory: Path, device: str, precision: str) -> tuple[Any, Chat]:
        """The base model and its conversation format."""
        return load_model(directory, device, precision), VisionChat(directory)

    def hidden(self, batch: Batch, checkpointing: bool = False) -> Tensor:
        """Row by row."""
        width = batch.inputs.shape[1]
        found = []
        for row in range(batch.size):
            length = int(batch.lengths[row])
            seen = fit_inputs(batch.seen[row] if batch.seen else None, length, self._device)
            places = batch.places[batch.rows == row] - row * width
            with self._cast():
                found.append(self._head.hidden(batch.inputs[row : row + 1, :length], places, checkpointing, **seen))
        return torch.cat(found)


class _SeeingShelf(Shelf):
    """A model that sees. What some keep of the prompt's positions is kept with each row's cache."""

    obstacle = "it reads images"

    def run(self, adapters: Sequence[str | None], inputs: dict[str, Any], cache: Any) -> tuple[Tensor, Any]:
        """See ``Shelf``."""
        kept, places = cache or (None, ())
        modules = [module for module in self.model.modules() if hasattr(module, "rope_deltas")]
        for module, value in zip(modules, places, strict=False):
            module.rope_deltas = value
        ids = inputs["input_ids"]
        seen = {name: value for name, value in inputs.items() if name != "input_ids"}
        scores, kept = super().run(adapters, {"input_ids": ids, **fit_inputs(seen, ids.shape[1], self.device)}, kept)
        return scores, (kept, [module.rope_deltas for module in modules])


@lru_cache(maxsize=2)
def _open_shelf(directory: Path, _stamp_ns: int, device: str, precision: str) -> Shelf:
    return _SeeingShelf(load_model(directory, device, precision), VisionChat(directory), device)


class VisionAnswering(HuggingFaceAnswering):
    """An ``AnsweringModel`` that sees."""

    open_shelf = staticmethod(_open_shelf)

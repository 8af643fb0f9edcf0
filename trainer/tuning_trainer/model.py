"""What the loop and the decoder need of a model, and which of the two kinds serves a directory.

``native`` runs the directories of ``families`` in plain torch; ``huggingface`` runs every other causal language model
through transformers and peft, which are imported only then.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from torch import Tensor

from tuning_trainer.data.chat import Chat
from tuning_trainer.data.dataset import Batch
from tuning_trainer.learning.memory import Activations
from tuning_trainer.native.architecture import UnsupportedModelError
from tuning_trainer.native.families import load_config
from tuning_trainer.spec import EMBEDDED, InvalidJobError, Job, embedded_base_model, reads_images
from tuning_trainer.threads import SMALL_MODEL

log = logging.getLogger(__name__)

GPU_MODEL = 6_000_000
"""Parameters from which a GPU is faster than a CPU. A step of the embedded model, of two million, took 8 ms on the CPU
of a machine whose H100 took 24: small steps cost there what it costs to launch them; a CPU's grow with the model."""


CHUNK_WORK = 2e10
"""Tokens of prompts that are read in one pass, times the model's parameters: about a third of a second of two cores,
for which those that are being written wait."""

CHUNK_TOKENS = (32, 1024)
"""Fewest and most of them on a CPU; a GPU reads the most."""


class TunedModel(Protocol):
    """A base model with what is learned on it."""

    chat: Chat
    max_tokens: int
    size: int
    """Parameters of the base model."""
    vocabulary_size: int
    activations: Activations
    """What a token of a batch takes until its gradient is computed."""
    pass_tokens: int
    """A pass through the model costs as much as so many tokens, in time."""
    repeats: bool
    """Whether passes over batches of the same shape do the same, kernel by kernel."""
    concurrent: bool
    """Whether several threads may pass through it at once, each with gradients of its own."""

    def parameters(self) -> list[Tensor]:
        """What is learned, in a fixed order."""

    def hidden(self, batch: Batch, checkpointing: bool = False) -> Tensor:
        """What the output matrix is applied to, at the batch's scored places: (N, d).

        Args:
            checkpointing: Whether less is kept, and computed again for the gradient.
        """

    def scores(self, hidden: Tensor) -> Tensor:
        """Scores of every token of the vocabulary: (n, d) -> float32 (n, V)."""

    def save(self, directory: Path) -> None:
        """Writes the result: a PEFT adapter, or after full tuning a whole model directory."""


class Decoder(Protocol):
    """Several answers being written at once, one row each; rows come and go between tokens."""

    @property
    def used_bytes(self) -> int:
        """Memory for the rows: keys and values, adapters side by side."""

    @property
    def kept_bytes(self) -> int:
        """Memory for what is kept of earlier prompts, which can be given up."""

    @property
    def growth_bytes(self) -> int:
        """Memory that one token more in every row takes beyond that."""

    def price(self, tokens: int) -> int:
        """Memory that a row of so many tokens takes beyond that."""

    def shrink(self, most_bytes: int) -> None:
        """Gives up what is kept of earlier prompts, until it takes so much at most."""

    def join(self, prompt: Sequence[int], model: AnsweringModel, seen: Any = None) -> int:
        """Takes a row in, to be read from the next pass on; returns its handle.

        ``model`` answers; it stands at the desk of this decoder. ``seen``: see ``Batch``.
        """

    def advance(self, tokens: Mapping[int, int]) -> tuple[list[int], Tensor]:
        """One pass: appends a token to every row that is read, and reads on in others.

        Args:
            tokens: By the handles of those rows; all that were returned by the last pass and have not left.

        Returns:
            Handles of all rows that are read by now, with the scores of their next tokens, float32 (rows, V).
        """

    def leave(self, handles: Iterable[int]) -> None:
        """Drops rows, whether they are read or not."""


class AnsweringModel(Protocol):
    """A model that answers."""

    chat: Chat
    max_tokens: int
    size: int
    """Parameters of the base model."""
    own_bytes: int
    """Memory that this model does not share with its base."""
    token_bytes: int
    """Memory for keys and values of one token."""
    desk: str
    """Models with the same desk answer together, in one decoder."""

    def decoder(self, most_bytes: int) -> Decoder:
        """A decoder without rows; ``most_bytes``: what it may take by and by, to share out among its parts."""


def model_directory(base_model: str) -> Path:
    """Where the base model lies.

    Raises:
        InvalidJobError: there is no model.
    """
    path = embedded_base_model() if base_model == EMBEDDED else Path(base_model)
    if not (path / "config.json").exists():
        raise InvalidJobError(f"base_model: {base_model!r} holds no config.json")
    return path


def is_native(directory: Path) -> bool:
    """True if the plain torch path can run this directory."""
    return find_obstacle(directory) is None


def find_obstacle(directory: Path) -> str | None:
    """Why the plain torch path cannot run this directory; None if it can."""
    try:
        load_config(directory)
    except UnsupportedModelError as error:
        return str(error)
    return None


def choose_device(wanted: str, directory: Path) -> tuple[str, str]:
    """Device and precision for a model: CUDA in bfloat16 where both are there, else float32.

    Raises:
        InvalidJobError: CUDA was asked for and is not there.
    """
    if not takes_gpu(wanted, directory):
        return "cpu", "float32"
    return "cuda", "bfloat16" if torch.cuda.is_bf16_supported() else "float32"


def takes_gpu(wanted: str, directory: Path) -> bool:
    """Whether a model goes to the GPU; ``auto``: if it is faster there. CUDA is not initialised by asking.

    Raises:
        InvalidJobError: CUDA was asked for and is not there.
    """
    present = torch.cuda.is_available()
    if wanted == "cuda" and not present:
        raise InvalidJobError("device: 'cuda' was asked for, but torch sees no CUDA device")
    return present and (wanted == "cuda" or (wanted == "auto" and count_stored(directory) >= GPU_MODEL))


def count_stored(directory: Path) -> int:
    """Parameters in the files of a model directory, which are not read for it."""
    total = 0
    for path in directory.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            total += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118 no dict
    return total or sum(path.stat().st_size for path in directory.glob("*.bin")) // 2


def count_pass_tokens(device: str, size: int) -> int:
    """Tokens that a model of so many parameters computes in the time that a pass costs whatever its tokens are.

    On an H100 a step of 0.5 billion parameters took 242 ms with 1,300 tokens and 561 ms with 15,600.
    """
    return 4096 if device == "cuda" else 256 if size < SMALL_MODEL else 64


def choose_chunk(size: int, device: str) -> int:
    """Tokens of prompts that are read in one pass over a model of so many parameters."""
    least, most = CHUNK_TOKENS
    return most if device != "cpu" else min(most, max(least, int(CHUNK_WORK / size)))


def open_tuned(job: Job, device: str, precision: str) -> TunedModel:
    """The model that a job tunes, with its adapter as it is before the first step."""
    directory = model_directory(job.weights)
    adapter = job.adapter
    if adapter and (Path(adapter) / "config.json").exists():  # the result of full tuning is a base model itself
        directory, adapter = Path(adapter), None
    if is_native(directory):
        from tuning_trainer.native.tuned import NativeTuned

        return NativeTuned(job, directory, adapter, device, precision)
    if reads_images(directory):
        from tuning_trainer.huggingface.vision import VisionTuned

        return VisionTuned(job, directory, adapter, device, precision)
    from tuning_trainer.huggingface.tuned import HuggingFaceTuned

    log.info("%s goes through transformers and peft: %s", directory, find_obstacle(directory))
    return HuggingFaceTuned(job, directory, adapter, device, precision)


def open_answering(base_model: str, adapter: str | None, device: str, precision: str) -> AnsweringModel:
    """The model that answers: the base, or the base with an adapter."""
    directory = model_directory(base_model)
    if adapter and (Path(adapter) / "config.json").exists():
        directory, adapter = Path(adapter), None
    if is_native(directory):
        from tuning_trainer.native.answering import NativeAnswering

        return NativeAnswering(directory, adapter, device, precision)
    if reads_images(directory):
        from tuning_trainer.huggingface.vision import VisionAnswering

        return VisionAnswering(directory, adapter, device, precision)
    from tuning_trainer.huggingface.answering import HuggingFaceAnswering

    return HuggingFaceAnswering(directory, adapter, device, precision)

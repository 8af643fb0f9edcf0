"""What a job leaves in its directory, written so that a crash at any moment leaves either the old or the new.

=========================  ==========================================================================
``events.jsonl``           every event of the job, one JSON object a line, with ``time_ns``
``tensorboard/``           once the job is done, the same figures for TensorBoard
``checkpoints/step-…/``    the adapter after a checkpoint's step, a PEFT directory
``state.safetensors``      what the next step depends on: learned values, optimiser, step, threads, parts
=========================  ==========================================================================
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from tuning_trainer.durable import replace_file
from tuning_trainer.learning.optimizer import AdamW
from tuning_trainer.spec import Event, InvalidJobError, Job, format_event

_FREE_FIELDS = (
    *("id", "directory", "base_model_directory", "checkpoint_steps"),
    *("threads", "processes", "activation_memory_bytes", "device"),
)
"""Fields of a job that may differ between a run and its resumption."""

_FILE_FIELDS = ("examples", "validation", "adapter")
"""Fields of which counts what lies there, not where: the directory may have moved between a run and its resumption."""


# --- state


@dataclass(frozen=True, slots=True)
class State:
    """Where a job stands: ``step`` steps are done, with ``threads`` threads.

    Attributes:
        part_tokens: Of a batch that went through the model at once; 0: an earlier version has not written it down.
    """

    step: int
    threads: int
    part_tokens: int = 0


def fingerprint(job: Job) -> str:
    """A hash of everything that the values of a run depend on, the examples included."""
    ignored = (*_FREE_FIELDS, *_FILE_FIELDS)
    fields = {name: value for name, value in dataclasses.asdict(job).items() if name not in ignored}
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode())
    weights = sorted(Path(job.adapter).glob("*.safetensors")) if job.adapter else []
    for file in (job.examples, job.validation, *weights):
        digest.update(hash_file(Path(file)) if file else b"")
        digest.update(b"\0" if file else b"\1")
    return digest.hexdigest()


def hash_file(path: Path) -> bytes:
    """SHA-256 of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def save_state(job: Job, state: State, parameters: list[Tensor], optimizer: AdamW) -> None:
    """Writes ``state.safetensors``."""
    tensors = {f"value.{i}": p.detach() for i, p in enumerate(parameters)} | optimizer.state()
    figures = {"step": str(state.step), "threads": str(state.threads), "part_tokens": str(state.part_tokens)}
    metadata = figures | {"job": fingerprint(job)}
    cpu = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    replace_file(Path(job.directory) / "state.safetensors", lambda path: save_file(cpu, path, metadata))


def read_state(job: Job) -> State | None:
    """Where the job in this directory stands, or None if it has not begun.

    Raises:
        InvalidJobError: the directory holds another job.
    """
    path = Path(job.directory) / "state.safetensors"
    if not path.exists():
        return None
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    if metadata["job"] != fingerprint(job):
        raise InvalidJobError(f"directory: {job.directory!r} holds the state of another job; use a new directory")
    return State(int(metadata["step"]), int(metadata["threads"]), int(metadata.get("part_tokens", 0)))


@torch.no_grad()
def load_state(job: Job, parameters: list[Tensor], optimizer: AdamW) -> None:
    """Sets learned values and optimiser to what ``save_state`` wrote.

    Raises:
        InvalidJobError: the values have other shapes: an earlier version trained this model in another way.
    """
    with safe_open(Path(job.directory) / "state.safetensors", framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    saved = [tensor.shape for name, tensor in tensors.items() if name.startswith("value.")]
    if sorted(saved) != sorted(parameter.shape for parameter in parameters):
        raise InvalidJobError(
            f"directory: {job.directory!r} holds the state of a job that an earlier version began otherwise; "
            "use a new directory"
        )
    for i, parameter in enumerate(parameters):
        parameter.copy_(tensors[f"value.{i}"])
    optimizer.restore(tensors)


def checkpoint_directory(job: Job, step: int) -> Path:
    """Where the adapter after a step lies."""
    return Path(job.directory) / "checkpoints" / f"step-{step:08d}"


# --- events


def begin_events(job: Job, resumed_from: int) -> None:
    """Prepares ``events.jsonl``: of an earlier run only what the resumed one does not repeat is kept."""
    path = Path(job.directory) / "events.jsonl"
    lines = path.read_text("utf-8").splitlines(keepends=True) if path.exists() and resumed_from else []
    kept = "".join(line for line in lines if _belongs(line, resumed_from))
    replace_file(path, lambda temporary: _write_text(temporary, kept))


def append_event(job: Job, event: Event) -> None:
    """Adds one line to ``events.jsonl``; a reader sees whole lines."""
    line = {"time_ns": time.time_ns(), **json.loads(format_event(event))}
    with (Path(job.directory) / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _belongs(line: str, resumed_from: int) -> bool:
    try:
        event = json.loads(line)
    except json.JSONDecodeError:  # torn by a crash
        return False
    return event["event"] in ("step", "evaluation", "checkpoint") and event["step"] <= resumed_from


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")

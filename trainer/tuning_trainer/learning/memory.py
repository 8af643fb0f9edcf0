"""Memory of a step: what a device has free, and what the activations of a token take."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

FREE_SHARE = {"cpu": 0.5, "cuda": 0.8}
"""Of what is free a step's activations may take so much. On the CPU others want memory too."""

CHUNK_BYTES = {"cpu": 1 << 26, "cuda": 1 << 28}
"""Scores of a chunk of tokens over the whole vocabulary, float32: more is computed chunk by chunk."""

LEARNED_BYTES = 12
"""Of a value that is learned: its gradient and AdamW's two means, float32."""

UNKNOWN_FREE = 1 << 30
"""Taken as free where the system does not say."""


@dataclass(frozen=True, slots=True)
class Activations:
    """Bytes that a token needs until its gradient is computed. Estimates, on the safe side.

    Attributes:
        kept: With everything kept. checkpointed: With only the inputs of the layers.
    """

    kept: int
    checkpointed: int


def estimate_activations(layers: int, hidden: int, queries: int, keys: int, mlp: int, itemsize: int) -> Activations:
    """Of a decoder of so many layers; sizes in values, ``itemsize`` in bytes of what matrix products give.

    A layer keeps the inputs and results of its norms in float32, queries, keys and values before and after their
    rotation and repetition, what attention gives, and four values for each of the MLP's.
    """
    layer = 4 * 4 * hidden + itemsize * (6 * queries + 3 * keys + 4 * mlp)
    return Activations(layers * layer, layers * 4 * hidden + layer)


def free_bytes(device: str) -> int:
    """What is free on a device now: of a GPU, or of this machine within this process's control group."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    free = UNKNOWN_FREE
    with suppress(OSError, AttributeError):
        found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text("ascii"), re.MULTILINE)
        free = int(found[1]) << 10 if found else UNKNOWN_FREE
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text("ascii"))  # "max" is no number, and no limit
        used = int((group / "memory.current").read_text("ascii"))
        files = re.search(r"^inactive_file (\d+)", (group / "memory.stat").read_text("ascii"), re.MULTILINE)
        free = min(free, limit - used + (int(files[1]) if files else 0))  # files that were read make room for others
    return max(0, free)


def choose_budget(wanted: int, device: str, learned: int, share: int = 1) -> int:
    """Bytes for the activations of a step: those wanted, else a share of what is free.

    Args:
        learned: Values that are learned, which need memory beside. share: Among how many jobs and processes it is
            divided on a CPU; each has a GPU of its own.
    """
    if wanted:
        return wanted
    free = int(free_bytes(device) * FREE_SHARE[device]) // (share if device == "cpu" else 1)
    return max(0, free - LEARNED_BYTES * learned)

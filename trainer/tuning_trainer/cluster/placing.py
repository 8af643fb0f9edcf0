"""What of a cluster a job takes: by the size of its base model and by what there is, unless the user says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tuning_trainer.cluster.parcels import measure
from tuning_trainer.spec import EMBEDDED, Job

SMALL_BYTES = 12_000_000
"""Weights of three million parameters in 32 bits, or six in 16: below, one core is as fast as two, and a GPU slower."""

CORES = 4
"""Of a larger model that trains on CPUs; where no node has so many, all of the largest one."""

PROCESS_BYTES = 1 << 30
"""Of a process with torch, a small model and its activations."""

COPIES, FULL_COPIES = 4, 10
"""A model in training takes so many times its file: 16 bits become 32, with activations; for ``full`` there are
gradients too, and what the optimiser keeps."""


@dataclass(frozen=True, slots=True)
class Share:
    """What is kept free for a job's processes, which are on one node. 0 of ``Given``: as the job needs."""

    cpus: float = 0
    gpus: float = 0
    memory_bytes: int = 0

    def fits(self, resources: Mapping[str, Any]) -> bool:
        """Whether a node that has no other work could take it."""
        asked = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory_bytes}
        return all(resources.get(name, 0) >= number for name, number in asked.items())

    def __str__(self) -> str:
        gpus = f", {self.gpus:g} GPUs" if self.gpus else ""
        return f"{self.cpus:g} CPUs{gpus}, {self.memory_bytes / (1 << 30):.1f} GiB"


def choose_share(job: Job, nodes: list[Mapping[str, Any]], given: Share) -> Share:
    """What a job takes.

    Args:
        job: With its device and the number of its processes.
        nodes: Resources of each node, as Ray names them. given: What the user wants; 0 leaves it to this.
    """
    weights = 0 if job.base_model == EMBEDDED else measure(Path(job.base_model))
    small, processes = weights < SMALL_BYTES, max(1, min(job.processes, job.batch_size))
    wants_gpu = job.device == "cuda" or (job.device == "auto" and not small)
    gpus = processes if wants_gpu and any(node.get("GPU", 0) >= processes for node in nodes) else 0
    if job.device == "cuda":
        gpus = processes  # where there is none, the job waits for it
    most = int(max((node.get("CPU", 1) for node in nodes), default=1))
    cpus = max(1, processes if small or gpus else min(processes * CORES, most))
    memory = processes * (PROCESS_BYTES + weights * (FULL_COPIES if job.method == "full" else COPIES))
    chosen = Share(cpus, gpus, memory)
    wanted = {name: number for name in ("cpus", "gpus", "memory_bytes") if (number := getattr(given, name))}
    return replace(chosen, **wanted)


SMALLEST = Share(1, 0, PROCESS_BYTES)
"""Of a job on a small model: what warm workers are made for."""

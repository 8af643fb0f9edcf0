"""`python -m tuning_trainer devices [DIRECTORY…]`: what this machine computes on, and which models go where and why."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from tuning_trainer.model import GPU_MODEL, choose_device, count_stored, model_directory
from tuning_trainer.spec import EMBEDDED, Device, InvalidJobError
from tuning_trainer.threads import count_cores

_SIZE = 256
_SLOWER = 1.5


def describe_machine(device: Device, models: list[str]) -> dict[str, Any]:
    """Cores, bfloat16, CUDA, and the choice for each model, the embedded one first."""
    return {
        "torch": str(torch.__version__),
        "cores": count_cores(),
        "cpu_bfloat16": multiplies_bfloat16(),
        "cuda": describe_cuda(),
        "rule": describe_rule(device),
        "models": [describe_choice(device, name) for name in dict.fromkeys((EMBEDDED, *models))],
    }


def describe_cuda() -> dict[str, Any] | None:
    """The GPU that is used: the first one; None where torch sees none."""
    if not torch.cuda.is_available():
        return None
    whole = torch.cuda.get_device_properties(0)
    return {
        "name": whole.name,
        "count": torch.cuda.device_count(),
        "memory_gib": round(whole.total_memory / (1 << 30), 1),
        "bfloat16": torch.cuda.is_bf16_supported(),
    }


def describe_rule(device: Device) -> str:
    """Which sizes of models go where."""
    if device == "cpu" or not torch.cuda.is_available():
        return "base models of any size on cpu in float32: " + explain(device, "cpu", GPU_MODEL)
    precision = "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    if device == "cuda":
        return f"base models of any size on cuda in {precision}: it was asked for"
    larger = f"base models from {GPU_MODEL:,} parameters on cuda in {precision}"
    return f"{larger}, smaller ones on cpu in float32, where their steps are faster"


def describe_choice(device: Device, name: str) -> dict[str, Any]:
    """Size of a model, where it is tuned and answers, in which precision, and why there."""
    try:
        directory = model_directory(name)
        chosen, precision = choose_device(device, directory)
    except InvalidJobError as error:
        return {"model": name, "error": str(error)}
    size = count_stored(directory)
    return {
        "model": name,
        "parameters": size,
        "device": chosen,
        "precision": precision,
        "why": explain(device, chosen, size),
    }


def explain(wanted: Device, chosen: str, size: int) -> str:
    """Why a model of so many parameters is where it is."""
    if wanted != "auto":
        return "it was asked for"
    if chosen == "cuda":
        return f"from {GPU_MODEL:,} parameters on a GPU is faster"
    if torch.cuda.is_available() and size < GPU_MODEL:
        return f"below {GPU_MODEL:,} parameters a GPU's steps take longer than a CPU's"
    return "torch sees no CUDA device" if torch.version.cuda else "this torch is built without CUDA"


def multiplies_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 about as fast as float32; others compute it too, many times slower."""
    times = {}
    with torch.inference_mode():
        for dtype in (torch.float32, torch.bfloat16):
            matrix = torch.ones(_SIZE, _SIZE, dtype=dtype)
            torch.mm(matrix, matrix)
            spent = []
            for _ in range(5):
                start = time.thread_time()
                torch.mm(matrix, matrix)
                spent.append(time.thread_time() - start)
            times[dtype] = min(spent)
    return times[torch.bfloat16] <= _SLOWER * times[torch.float32]


def main(device: Device, models: list[Path]) -> int:
    """Prints one JSON object."""
    torch.set_num_threads(1)
    sys.stdout.write(json.dumps(describe_machine(device, [str(one) for one in models])) + "\n")
    return 0

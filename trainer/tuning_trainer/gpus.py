"""Which GPUs of the machine a job's processes see: jobs are spread over them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence

from tuning_trainer.spec import InvalidJobError, Job


def choose_gpus(taken: Iterable[Sequence[int]], count: int, wanted: int) -> tuple[int, ...]:
    """The GPUs of a new job, of so many there are: those with the fewest jobs. One that wants more sees them all."""
    jobs = Counter(number for numbers in taken for number in numbers)
    return tuple(sorted(sorted(range(count), key=lambda number: jobs[number])[:wanted]))


def show_gpus(gpus: Sequence[int]) -> dict[str, str]:
    """The environment in which CUDA sees only these, numbered anew; the user may have hidden some from us already."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = seen.split(",") if seen else [str(number) for number in range(max(gpus, default=-1) + 1)]
    return {"CUDA_VISIBLE_DEVICES": ",".join(names[number] for number in gpus)}


def goes_to_gpu(job: Job) -> bool:
    """Whether a job runs on GPUs. False for one that cannot run: its own process says why."""
    from tuning_trainer.model import model_directory, takes_gpu

    try:
        return takes_gpu(job.device, model_directory(job.weights))
    except (InvalidJobError, OSError):
        return False

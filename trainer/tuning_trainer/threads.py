"""CPU threads: how many a job takes, and how they wait. Imports no torch: waiting is settled before that is loaded."""

from __future__ import annotations

import math
import os
import time
from contextlib import suppress
from pathlib import Path

SMALL_MODEL = 3_000_000
"""Parameters below which one thread is as fast as two, and whole adapted matrices are faster than side branches."""

PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
"""Threads of GNU's and of LLVM's and Intel's OpenMP give their core back while they wait for one another. Spinning, two
threads beside one other busy core took 5.1 s for a step that one thread does in 1.5."""

MEASURED_S = 0.1
"""Shortest look at what a machine does: the kernel counts in hundredths of a second."""


def wait_passively() -> None:
    """Sets the environment so; to be called before torch is imported. What the user has set stays."""
    for name, value in PASSIVE.items():
        os.environ.setdefault(name, value)


def count_cores() -> int:
    """Cores that this process may use: of its affinity, its control group, and ``OMP_NUM_THREADS`` where it is set."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    limits = [len(affinity(0)) if affinity else os.cpu_count() or 1]
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        limits.append(math.ceil(int(quota) / int(period)))  # "max" is no number, and no limit
    with suppress(ValueError):
        limits.append(int(os.environ.get("OMP_NUM_THREADS", "").split(",")[0]))
    return max(1, min(limits))


class IdleCores:
    """How many cores others leave free, from now until asked."""

    def __init__(self) -> None:
        self._begin = _read_clocks()

    def count(self) -> float:
        """Cores; as many as there are where the system does not say. Waits for what is missing to ``MEASURED_S``."""
        time.sleep(max(0.0, self._begin[0] + MEASURED_S - time.monotonic()))
        (begin_s, own_begin_s, idle_begin_s), (end_s, own_end_s, idle_end_s) = self._begin, _read_clocks()
        if idle_begin_s is None or idle_end_s is None:
            return float(count_cores())
        return (idle_end_s - idle_begin_s + own_end_s - own_begin_s) / (end_s - begin_s)


def _read_clocks() -> tuple[float, float, float | None]:
    """Seconds of wall, of this process's work, and of idling cores."""
    return time.monotonic(), time.process_time(), _read_idle_s()


def _read_idle_s() -> float | None:
    """Seconds that the cores of this process have been idle, all together; None where the system does not say."""
    try:
        mine = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        lines = [line.split() for line in Path("/proc/stat").read_text("ascii").splitlines()]
        ticks = sum(int(line[4]) + int(line[5]) for line in lines if line[0] in mine)
        return ticks / os.sysconf("SC_CLK_TCK")
    except (AttributeError, OSError, ValueError, IndexError):
        return None


def choose_threads(size: int, share: int = 1, idle: IdleCores | None = None) -> int:
    """CPU threads for a model with so many parameters: one for a small one, else as many as there are cores free.

    Args:
        share: Among how many jobs and processes the cores are divided. idle: Begun earlier; None: nobody is looked at.
    """
    if size < SMALL_MODEL:
        return 1
    most = max(1, count_cores() // share)
    return most if most == 1 or idle is None else max(1, min(most, math.ceil(idle.count() - 0.25)))

"""CPU time and memory of a process and everything it started, as Linux counts them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process tree has used so far: CPU seconds since its start, resident MiB now."""

    cpu_s: float
    resident_mib: float
    processes: int


def read_stat(pid: int) -> tuple[int, float]:
    """Parent and CPU seconds (own, and of children that ended) of one process."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return int(fields[1]), sum(int(ticks) for ticks in fields[11:15]) * TICK_S


def read_resident_mib(pid: int) -> float:
    """Resident memory of one process."""
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def read_tree(root: int) -> dict[int, float]:
    """CPU seconds by process id of a process and its living descendants."""
    stats: dict[int, tuple[int, float]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                stats[int(entry.name)] = read_stat(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    tree, grown = {root}, True
    while grown:
        found = {pid for pid, (parent, _) in stats.items() if parent in tree} - tree
        tree |= found
        grown = bool(found)
    return {pid: stats[pid][1] for pid in tree if pid in stats}


def measure(root: int) -> Usage:
    """The usage of a process and its living descendants."""
    tree = read_tree(root)
    return Usage(sum(tree.values()), sum(read_resident_mib(pid) for pid in tree), len(tree))

"""`python -m tuning_trainer cluster`: the process beside the server that gives its jobs to a Ray cluster."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tuning_trainer.cluster.placing import Share
from tuning_trainer.lines import claim_streams
from tuning_trainer.spec import DEVICES, Device

OWN_CLUSTER = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # everywhere: it listens on loopback alone
    "RAY_AUTH_MODE": "token",
}
"""The environment of a cluster that is nobody else's business."""


@dataclass(frozen=True, slots=True)
class Options:
    """Of the process.

    Attributes:
        address: Of the cluster; "": one of its own, on this machine, that ends with it.
        device, processes, activation_memory_bytes: As for ``worker``.
        warm: Workers that are kept ready. given: What a job takes of the cluster, where that is said.
        connect_timeout_s: How long a cluster may not answer before the jobs that wait for it are told.
    """

    address: str
    device: Device
    processes: int
    activation_memory_bytes: int
    warm: int
    given: Share
    connect_timeout_s: float

    def list_worker_options(self, share: Share) -> list[str]:
        """Of the worker on a node. Without a GPU of its own it must not take somebody else's."""
        device = self.device if share.gpus or self.device == "cuda" else "cpu"
        return [
            f"--device={device}",
            f"--processes={self.processes}",
            f"--activation-memory-bytes={self.activation_memory_bytes}",
        ]


def main(arguments: Sequence[str]) -> int:
    """Serves standard input and output."""
    parser = argparse.ArgumentParser(prog="python -m tuning_trainer cluster", allow_abbrev=False)
    parser.add_argument("--address", default="", help="of the Ray cluster; none: one of its own on this machine")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--activation-memory-bytes", type=int, default=0)
    parser.add_argument("--warm", type=int, default=1, help="workers that are kept ready")
    parser.add_argument("--cpus", type=float, default=0)
    parser.add_argument("--gpus", type=float, default=0)
    parser.add_argument("--memory-bytes", type=int, default=0)
    parser.add_argument("--connect-timeout-s", type=float, default=60.0)
    asked = parser.parse_args(arguments)
    given = Share(asked.cpus, asked.gpus, asked.memory_bytes)
    options = Options(
        address=asked.address,
        device=asked.device,
        processes=asked.processes,
        activation_memory_bytes=asked.activation_memory_bytes,
        warm=asked.warm,
        given=given,
        connect_timeout_s=asked.connect_timeout_s,
    )
    requests, replies = claim_streams()
    os.chdir("/")  # Ray lets workers import from here, and a folder of the user's may have the name of a module
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing here reports to anybody
    if not options.address:
        os.environ.update(OWN_CLUSTER, RAY_AUTH_TOKEN=secrets.token_hex(32))
    from tuning_trainer.cluster.driver import drive  # last: ray reads the environment when it is imported

    status = asyncio.run(drive(requests, replies, options))
    sys.stderr.flush()
    os._exit(status)  # a thread that still waits for a cluster must not hold it up

"""JSON lines over file descriptors, without buffers that a fork would double."""

from __future__ import annotations

import json
import os
from typing import Any


def claim_streams() -> tuple[int, int]:
    """Descriptors of standard input and output, for lines alone: what a library prints from now on is a log."""
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return requests, replies


class LineReader:
    """Cuts what arrives on a descriptor into lines."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._rest: list[bytes] = []  # pieces of the unfinished line, joined once: lines may have many megabytes

    def read(self) -> list[bytes] | None:
        """Waits for data and returns the whole lines in it, possibly none; None at the end."""
        data = os.read(self.descriptor, 1 << 16)
        if not data:
            return None
        first, *others = data.split(b"\n")
        self._rest.append(first)
        if not others:
            return []
        lines = [b"".join(self._rest), *others[:-1]]
        self._rest = [others[-1]]
        return [line for line in lines if line.strip()]


def write_line(descriptor: int, message: dict[str, Any]) -> None:
    """Writes one whole line; raises BrokenPipeError when nobody reads any more."""
    data = memoryview(json.dumps(message, ensure_ascii=False).encode() + b"\n")
    while data:
        data = data[os.write(descriptor, data) :]

"""`python -m tuning_emulator.media.process`: reads files for the server, where one made to do harm does it to nobody.

In: a line of JSON, ``{"kind": "image", "mime_type": "image/png", "size": 68}``, and so many bytes; again and again,
until the input ends. Out: a line of JSON each: a ``Medium``, or ``{"broken": "…"}``, ``{"failed": "…"}``.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import BinaryIO, Final

import msgspec

from tuning_emulator.media.medium import BrokenMediumError, Medium
from tuning_emulator.media.readers import read_medium

MEMORY_BYTES: Final = 1 << 30
"""Of addresses, libraries included; where the system knows such a limit."""
_RECURSION = 2000


def confine() -> None:
    """Gives this process little to do harm with: no files written, no more memory than that."""
    try:
        import resource
    except ImportError:  # there are none on Windows
        return
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))


def answer(request: bytes, stream: BinaryIO) -> bytes:
    """One request's answer, without a line end."""
    asked = msgspec.json.decode(request)
    data = stream.read(asked["size"])
    try:
        found: Medium | dict[str, str] = read_medium(asked["kind"], asked["mime_type"], data)
    except BrokenMediumError as error:
        found = {"broken": str(error)}
    except MemoryError:
        found = {"failed": "it wants more memory than a file may have here"}
    except Exception as error:  # of a library that did not expect such a file
        found = {"failed": f"{type(error).__name__}: {error}"}
    return msgspec.json.encode(found)


def main() -> None:
    """Serves standard input and output, which nothing else writes to."""
    logging.disable()  # pypdf tells of every oddity
    sys.setrecursionlimit(_RECURSION)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    confine()
    while request := sys.stdin.buffer.readline():
        replies.write(answer(request, sys.stdin.buffer) + b"\n")
        replies.flush()


if __name__ == "__main__":
    main()

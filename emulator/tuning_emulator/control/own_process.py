"""A process of our own that works for one request, and is gone with whoever waits for it: and all that it started."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

_LAST_WORDS = 1 << 16
"""Bytes of what it said at last that are looked at."""


class FailedProcessError(RuntimeError):
    """It did not do what it was to do; the text is its last line, or how it ended."""


async def run_process(arguments: Sequence[str], work: Path, hear: Callable[[bytes], None] = lambda _: None) -> None:
    """Runs ``python -m`` with these arguments until it ends. Cancelled, it is killed with its whole group first.

    Args:
        work: A directory that the caller removes: temporary files of the process lie in it.
        hear: Is given each line of its standard output.

    Raises:
        FailedProcessError: its exit status is not 0.
    """
    with (work / "said.txt").open("w+b") as said:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=said,
            env={**os.environ, "TMPDIR": str(work)},
            start_new_session=True,
        )
        try:
            assert process.stdout is not None
            async for line in process.stdout:
                hear(line)
            status = await process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if status:
            said.seek(max(0, said.seek(0, os.SEEK_END) - _LAST_WORDS))
            raise FailedProcessError(_explain(status, said.read()))


def _explain(status: int, said: bytes) -> str:
    if status < 0:
        cause = " (most likely memory ran out)" if status == -signal.SIGKILL else ""
        return f"its process was ended by signal {-status}{cause}"
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"its process ended with exit status {status} and without a word"

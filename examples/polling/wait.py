"""Waits for a tuning job as a polite client does: ever less often, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

from google import genai
from google.genai import types

FIRST_S, LONGEST_S, GROWTH = 5.0, 60.0, 1.5


class StillRunningError(TimeoutError):
    """The job has not ended in time; it goes on without us."""


def wait_until_ended(
    client: genai.Client,
    name: str,
    timeout_s: float = 4 * 3600,
    sleep: Callable[[float], object] = time.sleep,
) -> types.TuningJob:
    """The job once it has succeeded, failed or been cancelled.

    Raises:
        StillRunningError: it has not ended within ``timeout_s``.
    """
    waited_s, pause_s = 0.0, FIRST_S
    while not (job := client.tunings.get(name=name)).has_ended:
        if waited_s >= timeout_s:
            raise StillRunningError(f"{name} is {job.state} after {waited_s:.0f} s")
        sleep(pause_s)
        waited_s += pause_s
        pause_s = min(pause_s * GROWTH, LONGEST_S)
    return job

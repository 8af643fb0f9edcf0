"""Reliability campaigns: long runs of random work whose every answer is checked. ``python -m campaigns --help``.

A campaign is a module with ``add_arguments(parser)`` and ``run(options)``, which answers one line of figures or raises
``CampaignError``. ``options`` holds its own arguments, and those of every campaign: ``seed``, which decides all that is
chosen at random, and ``deadline``, after which nothing new is begun.
"""

from __future__ import annotations

import time
from dataclasses import dataclass


class CampaignError(Exception):
    """Something is not as it has to be: what, and where that is to be seen."""


@dataclass(frozen=True)
class Deadline:
    """When a campaign begins nothing new any more. ``at``: of ``time.monotonic``, in seconds; None: never."""

    at: float | None = None

    @classmethod
    def after(cls, duration_s: float | None) -> Deadline:
        """That many seconds from now; None: no limit."""
        return cls(None if duration_s is None else time.monotonic() + duration_s)

    @property
    def passed(self) -> bool:
        """Whether it is time to come to an end."""
        return self.at is not None and time.monotonic() >= self.at

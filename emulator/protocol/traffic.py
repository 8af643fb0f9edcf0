"""Counters of requests, for the metrics: how many, how they ended and how long they took."""

from __future__ import annotations

import time
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TypeAlias

from emulator.protocol.backstage import Exchange

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper ends of the histogram's buckets."""

_BUCKETS_NS = tuple(int(end * 1e9) for end in BUCKETS_S)

Key: TypeAlias = tuple[str, str, int, str]
"""API, method, HTTP status and transport. "" for what matched no method; 0 where the connection broke."""


@dataclass(slots=True)
class Durations:
    """A histogram of durations. ``counts``: requests in each bucket alone, the last one without end."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    total_ns: int = 0

    @property
    def number(self) -> int:
        """Of requests."""
        return sum(self.counts)


class Traffic:
    """All requests since the start. ``started_s``: when that was, Unix time, real."""

    def __init__(self) -> None:
        self.started_s = time.time()
        self.durations: dict[Key, Durations] = {}

    def count(self, exchange: Exchange) -> None:
        """Counts a finished request."""
        key = (exchange.api, exchange.method, exchange.status, exchange.transport)
        found = self.durations.get(key)
        if found is None:
            found = self.durations[key] = Durations()
        found.total_ns += exchange.duration_ns
        found.counts[bisect_left(_BUCKETS_NS, exchange.duration_ns)] += 1

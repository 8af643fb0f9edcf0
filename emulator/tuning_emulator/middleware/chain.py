"""The middleware in its order: faults first, then the counters, the log and the journal."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec import Struct, field

from tuning_emulator.api.call import list_methods
from tuning_emulator.api.exchange import Exchange
from tuning_emulator.api.router import Router
from tuning_emulator.core.as_of import Calendar
from tuning_emulator.middleware.faults import Faults
from tuning_emulator.middleware.hints import list_hints
from tuning_emulator.middleware.journal import Journal
from tuning_emulator.middleware.near_misses import NearMisses
from tuning_emulator.middleware.request_log import Logged, RequestLog

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper ends of the histogram's buckets."""

_BUCKETS_NS = tuple(int(end * 1e9) for end in BUCKETS_S)

Key: TypeAlias = tuple[str, str, int, str]
"""API, method, HTTP status and transport. "" for what matched no method; 0 where the connection broke."""


class Durations(Struct):
    """A histogram of durations. ``counts``: requests in each bucket alone, the last one without end."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    total_ns: int = 0

    @property
    def number(self) -> int:
        """Of requests."""
        return sum(self.counts)


class RequestCounters:
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


def is_mixed_up(headers: Mapping[str, str]) -> bool:
    """Whether a key came as a token or a token as a key: every request is looked at."""
    key, token = headers.get("x-goog-api-key", ""), headers.get("authorization", "")
    return key.startswith("ya29.") or token.startswith("Bearer AIza")


class MiddlewareChain:
    """The middleware of an emulator.

    Args:
        now_ns: The emulator's clock.
        journal_entries: Requests that the journal remembers; 0: it is never written.
        logged: Which requests get a line in the log.
    """

    def __init__(
        self,
        router: Router,
        now_ns: Callable[[], int],
        calendar: Calendar | None = None,
        *,
        journal_entries: int = 1000,
        logged: Logged = "none",
    ) -> None:
        self.faults = Faults(((api.name, *method) for api in router.apis for method in list_methods(api)), calendar)
        self.counters = RequestCounters()
        self.journal = Journal(journal_entries, now_ns)
        self.near_misses = NearMisses(router)
        self._logged = logged
        self._log = RequestLog(logged, self.near_misses.find)

    async def on_request(self, exchange: Exchange) -> None:
        """See ``Middleware``."""
        if self.faults.early:
            await self.faults.disturb(exchange, early=True)

    async def on_call(self, exchange: Exchange) -> None:
        """See ``Middleware``."""
        if self.faults.late:
            await self.faults.disturb(exchange, early=False)

    def on_response(self, exchange: Exchange) -> None:
        """See ``Middleware``. The journal is last: it takes out what the others may still look at."""
        exchange.duration_ns = time.perf_counter_ns() - exchange.start_ns
        if exchange.code != "OK" or is_mixed_up(exchange.headers):
            exchange.notes.extend(list_hints(exchange))
        if exchange.fault:
            self.faults.settle(exchange)
        self.counters.count(exchange)
        if self._logged != "none":
            self._log.write(exchange)
        if self.journal.capacity:
            self.journal.keep(exchange)

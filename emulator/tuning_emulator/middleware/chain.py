"""The middleware in its order: faults first, then the counters, the log and the journal."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns

from tuning_emulator.api.call import list_methods
from tuning_emulator.api.exchange import Exchange
from tuning_emulator.api.router import Router
from tuning_emulator.core.as_of import Calendar
from tuning_emulator.middleware.faults import Faults
from tuning_emulator.middleware.journal import Journal
from tuning_emulator.middleware.near_misses import NearMisses
from tuning_emulator.middleware.request_log import Logged, RequestCounters, RequestLog


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
        self._log = RequestLog(logged, self.near_misses.find)

    async def on_request(self, exchange: Exchange) -> None:
        """See ``Middleware``."""
        await self.faults.disturb(exchange, early=True)

    async def on_call(self, exchange: Exchange) -> None:
        """See ``Middleware``."""
        await self.faults.disturb(exchange, early=False)

    def on_response(self, exchange: Exchange) -> None:
        """See ``Middleware``. The journal is last: it takes out what the others may still look at."""
        exchange.duration_ns = perf_counter_ns() - exchange.start_ns
        if exchange.fault:
            self.faults.settle(exchange)
        self.counters.count(exchange)
        self._log.write(exchange)
        if self.journal.capacity:
            self.journal.keep(exchange)

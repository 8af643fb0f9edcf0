"""Metrics in the text format of Prometheus.

Source: prometheus.io/docs/instrumenting/exposition_formats.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response

from tuning_emulator import __version__
from tuning_emulator.middleware.chain import BUCKETS_S, MiddlewareChain, RequestCounters
from tuning_emulator.store.store import Store

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "tuning_emulator_"


def format_metrics(
    middleware: MiddlewareChain, store: Store, retries: Mapping[str, int], runner: Mapping[str, Any]
) -> str:
    """All metrics, as one page of text."""
    lines = [
        *_list_requests(middleware.counters),
        *_list_jobs(store),
        *_list_runner(retries, runner),
        *_list_middleware(middleware),
        *_list_process(middleware.counters.started_s),
    ]
    return "\n".join(lines) + "\n"


def _list_requests(counters: RequestCounters) -> Iterator[str]:
    rows = [(_label_request(key), durations) for key, durations in sorted(counters.durations.items())]
    yield from _head("requests_total", "counter", "Requests to the two APIs; status 0: the connection broke.")
    for labels, durations in rows:
        yield _sample("requests_total", labels, durations.number)
    yield from _head("request_duration_seconds", "histogram", "From a request's arrival to the end of its answer.")
    for labels, durations in rows:
        ends = [*(f"{end:g}" for end in BUCKETS_S), "+Inf"]
        for end, number in zip(ends, accumulate(durations.counts), strict=True):
            yield _sample("request_duration_seconds_bucket", {**labels, "le": end}, number)
        yield _sample("request_duration_seconds_sum", labels, durations.total_ns / 1e9)
        yield _sample("request_duration_seconds_count", labels, durations.number)


def _label_request(key: tuple[str, str, int, str]) -> dict[str, str]:
    return {"api": key[0], "method": key[1], "status": str(key[2]), "transport": key[3]}


def _list_jobs(store: Store) -> Iterator[str]:
    counted = store.count_jobs_by_state()
    yield from _head("jobs", "gauge", "Tuning jobs that are there, by state.")
    for api, state, number in counted:
        yield _sample("jobs", {"api": api, "state": state.lower()}, number)
    yield from _head("queue_waiting_jobs", "gauge", "Jobs that wait for their turn.")
    yield _sample("queue_waiting_jobs", {}, sum(number for _, state, number in counted if state == "PENDING"))
    yield from _head("training_steps", "gauge", "Training steps done by the jobs that are there.")
    for api, steps in store.sum_steps_by_api():
        yield _sample("training_steps", {"api": api}, steps)


def _list_runner(retries: Mapping[str, int], runner: Mapping[str, Any]) -> Iterator[str]:
    """Where jobs run. Of a cluster also what it does now; it may not be reached yet."""
    yield from _head("job_retries_total", "counter", "Jobs given again to a trainer that had died under them.")
    for api, number in retries.items():
        yield _sample("job_retries_total", {"api": api}, number)
    if "busy_workers" in runner:
        yield from _head("runner_workers", "gauge", "Workers of the cluster that train, or are kept ready.")
        for state in ("busy", "warm"):
            yield _sample("runner_workers", {"state": state}, runner[f"{state}_workers"])
        yield from _head("runner_waiting_jobs", "gauge", "Jobs that wait for room on the cluster.")
        yield _sample("runner_waiting_jobs", {}, runner["waiting_jobs"])


def _list_middleware(middleware: MiddlewareChain) -> Iterator[str]:
    yield from _head("faults", "gauge", "Faults in force.")
    yield _sample("faults", {}, sum(1 for _ in middleware.faults))
    yield from _head("faults_fired_total", "counter", "Calls disturbed on purpose.")
    yield _sample("faults_fired_total", {}, middleware.faults.fired)
    yield from _head("journal_entries", "gauge", "Requests in the journal.")
    yield _sample("journal_entries", {}, len(middleware.journal))
    yield from _head("journal_bytes", "gauge", "Size of the bodies in the journal.")
    yield _sample("journal_bytes", {}, middleware.journal.size_bytes)


def _list_process(started_s: float) -> Iterator[str]:
    yield from _head("info", "gauge", "Which version runs.")
    yield _sample("info", {"version": __version__}, 1)
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield from _head("process_cpu_seconds_total", "counter", "CPU time of the server, trainers excluded.", prefix="")
    yield f"process_cpu_seconds_total {used.ru_utime + used.ru_stime:.6f}"
    yield from _head("process_resident_memory_bytes", "gauge", "Memory of the server, trainers excluded.", prefix="")
    yield f"process_resident_memory_bytes {_resident_bytes(used.ru_maxrss)}"
    yield from _head("process_start_time_seconds", "gauge", "When the server was started, Unix time.", prefix="")
    yield f"process_start_time_seconds {started_s:.3f}"


def _resident_bytes(peak_kib: int) -> int:
    """Memory in use; where the system does not say, its peak."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return peak_kib * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")


def _head(name: str, kind: str, text: str, prefix: str = _PREFIX) -> Iterable[str]:
    return (f"# HELP {prefix}{name} {text}", f"# TYPE {prefix}{name} {kind}")


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    shown = ",".join(f'{label}="{_escape(text)}"' for label, text in labels.items())
    return f"{_PREFIX}{name}{{{shown}}} {value}" if shown else f"{_PREFIX}{name} {value}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def create_router(
    middleware: MiddlewareChain,
    store: Store,
    retries: Mapping[str, int],
    describe_runner: Callable[[], Mapping[str, Any]],
) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["metrics"])

    @router.get("/emulator/metrics", summary="Counters and gauges for Prometheus")
    async def get_metrics() -> Response:
        return Response(format_metrics(middleware, store, retries, describe_runner()), media_type=CONTENT_TYPE)

    return router

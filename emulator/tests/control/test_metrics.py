"""Metrics as Prometheus reads them: by the parser of its own client."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control.exchanges import GEMINI_MODEL, SAY, Controlled
from tests.gemini.serving import Serving
from tuning_emulator.api.exchange import Exchange
from tuning_emulator.control.metrics import format_metrics
from tuning_emulator.middleware.chain import BUCKETS_S, RequestCounters

parser = pytest.importorskip("prometheus_client.parser")


def read_metrics(controlled: Controlled) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """Samples by name and labels."""
    answer = controlled.http.get("/emulator/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in parser.text_string_to_metric_families(answer.text):
        assert family.documentation
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def total(found: dict[str, dict[frozenset[tuple[str, str]], float]], name: str, **labels: Any) -> float:
    """Sum of the samples that have these labels."""
    wanted = {(label, str(value)) for label, value in labels.items()}
    return sum(value for have, value in found.get(f"tuning_emulator_{name}", {}).items() if wanted <= have)


def test_requests_jobs_and_faults_are_counted(controlled: Controlled) -> None:
    """What happened between two looks is the difference of the counters."""
    before = read_metrics(controlled)
    identifier = f"{controlled.project}-counted"
    controlled.create_tuned_model(identifier)
    while controlled.http.get(f"/v1beta/tunedModels/{identifier}").json()["state"] == "CREATING":
        pass
    controlled.add_fault(method="GenerateContent", code=503, times=1)
    for _ in range(2):
        controlled.http.post(f"/v1beta/models/{GEMINI_MODEL}:generateContent", json=SAY)
    after = read_metrics(controlled)

    def grown(name: str, **labels: Any) -> float:
        return total(after, name, **labels) - total(before, name, **labels)

    generate = {"api": "gemini", "method": "GenerativeService.GenerateContent", "transport": "rest"}
    assert grown("requests_total", **generate, status=200) == 1
    assert grown("requests_total", **generate, status=503) == 1
    assert grown("request_duration_seconds_count", **generate) == 2
    assert grown("request_duration_seconds_bucket", **generate, le="+Inf") == 2
    assert grown("faults_fired_total") == 1
    assert grown("jobs", api="gemini", state="succeeded") == 1
    assert grown("training_steps", api="gemini") >= 1
    assert grown("journal_entries") >= 4
    assert total(after, "journal_bytes") > 0
    assert total(after, "queue_waiting_jobs") == 0
    assert after["process_cpu_seconds_total"][frozenset()] > before["process_cpu_seconds_total"][frozenset()]
    assert after["process_resident_memory_bytes"][frozenset()] > 10_000_000
    assert after["process_start_time_seconds"] == before["process_start_time_seconds"]


def test_a_cluster_and_retries_are_shown() -> None:
    """What the runner last said of itself; before it has said anything only what is counted here."""
    serving = Serving()
    runner = {"ready": True, "busy_workers": 2, "warm_workers": 1, "waiting_jobs": 3}
    text = format_metrics(serving.app.middleware, serving.store, {"vertex": 4}, runner)
    lines = [line for line in text.splitlines() if "retries" in line or "runner" in line]
    assert [line for line in lines if not line.startswith("#")] == [
        'tuning_emulator_job_retries_total{api="vertex"} 4',
        'tuning_emulator_runner_workers{state="busy"} 2',
        'tuning_emulator_runner_workers{state="warm"} 1',
        "tuning_emulator_runner_waiting_jobs 3",
    ]
    assert "runner" not in format_metrics(serving.app.middleware, serving.store, {}, {"ready": False})


def test_a_request_is_in_one_bucket() -> None:
    """However long it took; the histogram's sum is its duration."""
    counters = RequestCounters()
    for number in range(3):
        exchange = Exchange("rest", "GET", "/v1/x", "", {}, api="gemini", method="M", status=200)
        exchange.duration_ns = number * 10**10 + 1
        counters.count(exchange)
    (durations,) = counters.durations.values()
    assert (durations.number, sum(durations.counts), len(durations.counts)) == (3, 3, len(BUCKETS_S) + 1)
    assert (durations.counts[0], durations.counts[-1]) == (1, 2)
    assert durations.total_ns == 3 * 10**10 + 3

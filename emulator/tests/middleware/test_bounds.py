"""What is kept of requests has a bound, however many there are and however they differ."""

from __future__ import annotations

import pytest

from tests.gemini.serving import Serving
from tuning_emulator.api.exchange import Exchange
from tuning_emulator.control.metrics import format_metrics
from tuning_emulator.middleware.journal import LARGEST_BYTES, LARGEST_JOURNAL_BYTES, Journal, cut_value

PATHS = 4_000


@pytest.mark.slow
async def test_many_paths_are_few_entries_and_few_labels() -> None:
    """Different ones, found or not, in each version and with each verb: no name of a client becomes a label."""
    serving = Serving()
    verbs = ("GET", "POST", "DELETE", "PATCH", "BREW")
    heads = ("/v1beta/tunedModels/", "/v1beta/models/", "/", "/v9/", "/v1beta/tunedModels/x/permissions/")
    for number in range(PATHS):
        await serving.ask(verbs[number % 5], f"{heads[number // 5 % 5]}p{number}", query=f"q{number}={number}")
    journal, counters = serving.app.middleware.journal, serving.app.middleware.counters
    assert journal.last_id == PATHS
    assert len(journal) == journal.capacity == 1000
    assert journal.size_bytes <= LARGEST_JOURNAL_BYTES
    assert sum(one.number for one in counters.durations.values()) == PATHS
    assert len(counters.durations) < 50
    assert len(format_metrics(serving.app.middleware, serving.store, {}, {})) < 200_000
    await serving.stop()


def make_exchange(**fields: object) -> Exchange:
    return Exchange("rest", "GET", "/v1/x", "", {}, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("part", ["path", "query", "header", "message", "messages"])
def test_everything_that_an_entry_holds_counts(part: str) -> None:
    """Not the bodies alone: long paths, queries, headers and messages push older entries out as well."""
    journal = Journal(1000, lambda: 0)
    for _ in range(1000):
        exchange = make_exchange()
        if part == "header":
            exchange.headers = {"user-agent": "x" * 30_000}
        elif part.startswith("message"):
            text = "x" * (1_000_000 if part == "message" else 900)
            exchange.message = {"model": "models/m", "contents": [{"parts": [{"text": text}] * 30}]}
        else:
            setattr(exchange, part, "x" * 30_000)
        journal.keep(exchange)
    assert journal.size_bytes <= LARGEST_JOURNAL_BYTES
    held = sum(len(str(entry.exchange)) + len(str(entry.kept)) for entry in journal._entries)
    assert held <= 1.2 * LARGEST_JOURNAL_BYTES


def test_a_long_message_keeps_what_names_its_resource() -> None:
    """Short parts stay, at any depth; a short message stays as it is."""
    long = "x" * LARGEST_BYTES
    value = {"tuned_model": {"name": "tunedModels/a", "description": long}, "contents": [long], "page_size": 3}
    assert cut_value(value) == {"tuned_model": {"name": "tunedModels/a"}, "page_size": 3}
    assert cut_value({"contents": ["x"]}) == {"contents": ["x"]}

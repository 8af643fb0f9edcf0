"""How fast the page is, and what its events cost: ``python -m benchmarks.page``.

First paint: Chromium opens the page of a server with ``--jobs`` ended jobs, over loopback; median and range of
``--rounds`` visits, the first of a fresh server apart, for it loads the control API. Events: CPU time of the server
for one job, step or request that a listener is told, from what happened to the bytes of the stream.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable

from playwright.sync_api import Browser, sync_playwright

from scripts.browser import find_browser
from tuning_emulator.api.exchange import Exchange
from tuning_emulator.app import create_app
from tuning_emulator.control.events import KEPT, Feed
from tuning_emulator.control.scenario_file import Scenario, TunedModelSeed
from tuning_emulator.control.scenarios import load_scenario
from tuning_emulator.core.records import MetricPoint
from tuning_emulator.settings import Settings
from tuning_emulator.store.store import NEWEST
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import run_server

PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
ROW = ".rows .row"


def main() -> None:
    """Prints a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--events", type=int, default=20_000)
    parsed = parser.parse_args()
    for kind, microseconds in asyncio.run(measure_events(parsed.events)).items():
        print(f"event of a {kind}: {microseconds:.0f} µs of CPU", flush=True)
    program = find_browser()
    if program is None:
        print("first paint: no Chromium on the PATH; `make browser` installs it")
        return
    with run_server("--trainer", "scripted", "--port", "0") as server:
        pairs = [["1", "2"], ["3", "4"]]
        seeds = [{"display_name": "numbers {number}", "examples": pairs, "count": parsed.jobs}]
        Control(server.url).scenarios.load({"version": 1, "tuned_models": seeds})
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
            times = [measure_visit(browser, server.url) for _ in range(parsed.rounds + 1)]
            browser.close()
    for name, at in (("first paint", 0), ("jobs there", 1)):
        first, *others = [visit[at] for visit in times]
        spread = f"{statistics.median(others):.0f} ms ({min(others):.0f}–{max(others):.0f})"
        print(f"{name}: {spread}; the very first visit {first:.0f} ms")


def measure_visit(browser: Browser, url: str) -> tuple[float, float]:
    """Milliseconds from the address to the first paint, and to the first job, without a cache."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/emulator")
    page.wait_for_selector(ROW)
    there_ms = float(page.evaluate("performance.now()"))
    painted_ms = float(page.evaluate(PAINT))
    context.close()
    return painted_ms, there_ms


async def measure_events(number: int) -> dict[str, float]:
    """Microseconds of CPU for one event of each kind, in this process."""
    emulator = create_app(Settings(port=0, storage_port=0, trainer="scripted", log_requests="none"))
    await emulator.start()
    try:
        store, journal = emulator.store, emulator.middleware.journal
        feed = Feed(store, journal, emulator.queue.pacing.apis)
        seed = TunedModelSeed(display_name="measured", examples=(("1", "2"),))
        await load_scenario(emulator.server, Scenario(version=1, tuned_models=(seed,)))
        (job,) = store.list_jobs_of_project(None, NEWEST, 1)

        def request() -> None:
            journal.keep(Exchange("rest", "GET", "/v1beta/tunedModels/x", "", {}, api="gemini", status=200, code="OK"))

        kinds: dict[str, Callable[[], None]] = {
            "job": lambda: feed.on_job(job),
            "step": lambda: feed.on_step(job.uid, MetricPoint(1, 1, 0.5, 0, "train", 10, 5)),
            "request": request,
        }
        stream = feed.follow()
        await anext(stream)
        return {kind: await _measure_kind(feed, happen, number) for kind, happen in kinds.items()}
    finally:
        await emulator.stop()


async def _measure_kind(feed: Feed, happen: Callable[[], None], number: int) -> float:
    stream = feed.follow()
    await anext(stream)
    spent_s = 0.0
    for _ in range(max(1, number // KEPT)):
        start_s = time.process_time()
        for _ in range(KEPT // 2):
            happen()
        spent_s += time.process_time() - start_s
        start_s = time.process_time()
        await anext(stream)
        spent_s += time.process_time() - start_s
    return spent_s / (max(1, number // KEPT) * (KEPT // 2)) * 1e6


if __name__ == "__main__":
    main()

"""What reset, export and import cost: `python -m benchmarks.state`.

In this process, with the scripted trainer: the time from the request to the answer, median and range of ``--rounds``.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tuning_emulator.app import Emulator, create_app
from tuning_emulator.control.export import export_state, import_state
from tuning_emulator.control.reset import reset
from tuning_emulator.control.scenario_file import Scenario, TunedModelSeed
from tuning_emulator.control.scenarios import load_scenario
from tuning_emulator.settings import Settings

EXAMPLES = tuple((str(n), str(n + 1)) for n in range(15))


def main() -> None:
    """Prints one line for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, nargs="+", default=[100, 1000], help="ended jobs in the store")
    parsed = parser.parse_args()
    print("| ended jobs | reset, ms | export, ms | archive, KiB | import, ms |\n| --- | --- | --- | --- | --- |")
    for jobs in parsed.jobs:
        print(asyncio.run(measure(jobs, parsed.rounds)), flush=True)


async def measure(jobs: int, rounds: int) -> str:
    """One line: each round resets, exports and imports a store of that many jobs with a data directory."""
    with TemporaryDirectory() as place:
        settings = Settings(port=0, storage_port=0, trainer="scripted", data_dir=Path(place) / "data")
        emulator = create_app(settings)
        await emulator.start()
        try:
            return await _measure(emulator, Path(place) / "archive.tar.gz", jobs, rounds)
        finally:
            await emulator.stop()


async def _measure(emulator: Emulator, archive: Path, jobs: int, rounds: int) -> str:
    server = emulator.server
    seeds = TunedModelSeed(display_name="numbers {number}", examples=EXAMPLES, epochs=5, batch_size=4, count=jobs)
    await load_scenario(server, Scenario(version=1, tuned_models=(seeds,)))
    figures: dict[str, list[float]] = {"reset": [], "export": [], "import": []}
    for _ in range(rounds):
        start_s = time.perf_counter()
        await export_state(server, archive)
        figures["export"].append(time.perf_counter() - start_s)
        start_s = time.perf_counter()
        report = await reset(server)
        figures["reset"].append(time.perf_counter() - start_s)
        assert report["jobs"] == jobs, report
        await server.finish()
        start_s = time.perf_counter()
        await import_state(server, archive)
        figures["import"].append(time.perf_counter() - start_s)
        await server.finish()
    shown = {name: _format(times) for name, times in figures.items()}
    return f"| {jobs} | {shown['reset']} | {shown['export']} | {_measure_kib(archive):,} | {shown['import']} |"


def _measure_kib(path: Path) -> int:
    return path.stat().st_size // 1024


def _format(times_s: list[float]) -> str:
    low, high = min(times_s) * 1000, max(times_s) * 1000
    return f"{statistics.median(times_s) * 1000:,.1f} ({low:,.1f}–{high:,.1f})"


if __name__ == "__main__":
    main()

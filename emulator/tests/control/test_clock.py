"""The emulator's clock over its control API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.control.running import PLACE, ServerState, make_clock, open_world


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerState]:
    """An emulator whose clock stands still."""
    async with open_world(tmp_path, make_clock()) as opened:
        yield opened


async def test_it_is_read_set_advanced_frozen_and_resumed(tmp_path: Path) -> None:
    """Set with `frozen` it shows that very time; resumed it goes on from there."""
    async with open_world(tmp_path) as server:
        first = await server.control("GET", "clock")
        assert (first["frozen"], abs(first["offset_seconds"]) < 1e-6) == (False, True)
        body = {"time": "2024-08-01T12:00:00+02:00", "frozen": True}
        shown = await server.control("PUT", "clock", body)
        assert (shown["time"], shown["frozen"]) == ("2024-08-01T10:00:00Z", True)
        assert shown["offset_seconds"] < -1e6
        shown = await server.control("POST", "clock:advance", {"seconds": 0.5})
        assert shown["time"] == "2024-08-01T10:00:00.5Z"
        shown = await server.control("POST", "clock:resume")
        assert shown["frozen"] is False
        assert shown["time"] > "2024-08-01T10:00:00.5"
        frozen = await server.control("POST", "clock:freeze")
        assert await server.control("GET", "clock") == {**frozen, "offset_seconds": pytest.approx(-7e7, rel=0.5)}


async def test_jobs_carry_its_time(server: ServerState) -> None:
    """Created, started and ended, also what they leave behind; training takes no time of a clock that stands."""
    await server.control("PUT", "clock", {"time": "2025-02-03T04:05:06.789Z"})
    name = (await server.create())["name"]
    await server.emulator.queue.wait_until_ended(1, 20)
    job = await server.get(name)
    times = {job[field] for field in ("createTime", "startTime", "endTime", "updateTime")}
    assert times == {"2025-02-03T04:05:06.789Z"}
    (endpoint, *_) = (await server.ask("GET", f"/v1/{PLACE}/endpoints"))["endpoints"]
    assert endpoint["createTime"] == "2025-02-03T04:05:06.789Z"


async def test_times_never_run_backwards(server: ServerState) -> None:
    """Before anything is stored the clock may be set to any day; then not before the latest time that is carried."""
    await server.control("PUT", "clock", {"time": "2023-01-01T00:00:00Z"})
    await server.create_model("[pace=manual]", "numbers")
    await server.control("PUT", "clock", {"time": "2023-01-02T00:00:00Z"})
    await server.control("PUT", "clock", {"time": "2023-01-01T12:00:00Z"})
    answer = await server.control("PUT", "clock", {"time": "2022-12-31T00:00:00Z"}, status=400)
    assert "2022-12-31T00:00:00Z is before 2023-01-01T00:00:00Z" in answer["detail"]
    assert "reset the emulator" in answer["detail"]
    assert (await server.control("GET", "clock"))["time"] == "2023-01-01T12:00:00Z"


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "words"),
    [
        ("PUT", "clock", {"time": "noon"}, 400, "time: 'noon' is not a time like"),
        ("POST", "clock:advance", {"seconds": -1}, 400, "seconds: -1.0 is not 0 or more"),
        ("POST", "clock:advance", {"seconds": 9e9}, 400, "leads beyond 2200-01-01T00:00:00Z"),
        ("POST", "clock:advance", {"seconds": 8e18}, 400, "leads beyond 2200-01-01T00:00:00Z"),
        ("PUT", "clock", {"time": "9999-12-31T23:59:59Z"}, 400, "is after 2200-01-01T00:00:00Z"),
        ("PUT", "clock", {"time": "0001-01-01T00:00:00Z"}, 400, "is before 1970-01-01T00:00:00Z"),
        ("POST", "clock:advance", {}, 422, "seconds: "),
        ("POST", "clock:advance", {"hours": 1, "seconds": 1}, 422, "hours: "),
    ],
)
async def test_what_is_no_time_is_refused(
    server: ServerState, verb: str, path: str, body: dict[str, object], status: int, words: str
) -> None:
    """The field, the value and what would be right; the clock stays."""
    before = await server.control("GET", "clock")
    assert words in (await server.control(verb, path, body, status=status))["detail"]
    assert (await server.control("GET", "clock"))["time"] == before["time"]

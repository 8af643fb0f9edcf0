"""The day as of which the services are played, over the control API: what is answered follows it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.control.running import PROJECT, ServerState, number, open_world

OLD = "gemini-1.0-pro-002"
"""Tuned until April 2025."""


async def test_answers_follow_the_day_at_once(server: ServerState) -> None:
    """A list that was answered before, and is remembered, is another on another day."""
    before = await server.ask("GET", "/v1beta/models")
    assert await server.control("GET", "as-of") == {"date": None, "projects": {}}
    assert await server.control("PUT", "as-of", {"date": "2025-06-13"}) == {"date": "2025-06-13", "projects": {}}
    after = await server.ask("GET", "/v1beta/models")
    assert len(after.get("models", ())) < len(before["models"])
    assert await server.control("DELETE", "as-of") == {"date": None, "projects": {}}
    assert await server.ask("GET", "/v1beta/models") == before


async def test_a_project_has_a_day_of_its_own(server: ServerState) -> None:
    """By id or by number; the old model can be tuned by the others, and by it again once the day is taken away."""
    given = await server.control("PUT", f"projects/{PROJECT}/as-of", {"date": "today"})
    assert given["date"] > "2026-01-01"
    refused = await server.create(baseModel=OLD, status=400)
    assert "not supported" in refused["error"]["message"]
    await server.create(baseModel=OLD, place="projects/other/locations/us-central1")
    assert (await server.control("GET", f"projects/{number()}/as-of"))["date"] == given["date"]
    await server.control("PUT", f"projects/{number()}/as-of", {"date": None})
    assert await server.control("GET", "as-of") == {"date": None, "projects": {number(): None}}
    await server.create(baseModel=OLD)
    await server.control("DELETE", f"projects/{PROJECT}/as-of")
    assert await server.control("GET", "as-of") == {"date": None, "projects": {}}


async def test_a_reset_brings_the_setting_back(tmp_path: Path) -> None:
    """Of one project that project's, of everything all; what the server was started with holds again."""
    async with open_world(tmp_path, as_of=f"2025-01-01,{PROJECT}=2025-02-02") as server:
        first = await server.control("GET", "as-of")
        assert first == {"date": "2025-01-01", "projects": {PROJECT: "2025-02-02"}}
        await server.control("PUT", "as-of", {"date": "2026-01-01"})
        await server.control("PUT", f"projects/{PROJECT}/as-of", {"date": "2026-01-02"})
        await server.control("PUT", "projects/other/as-of", {"date": "2026-01-03"})
        await server.control("POST", "reset", {"project": PROJECT})
        assert await server.control("GET", "as-of") == {
            "date": "2026-01-01",
            "projects": {"other": "2026-01-03", PROJECT: "2025-02-02"},
        }
        await server.control("POST", "reset", {})
        assert await server.control("GET", "as-of") == first


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"date": "soon"}, "date: wants a date like 2024-08-01, `today`, or null"),
        ({"date": "2025-02-30"}, "(got '2025-02-30')"),
        ({}, "date: Field required"),
        ({"date": None, "dya": 1}, "dya: Extra inputs are not permitted"),
    ],
)
async def test_what_is_no_day_changes_nothing(server: ServerState, body: object, told: str) -> None:
    """The field, the value and what would be right."""
    assert told in (await server.control("PUT", "as-of", body, status=422))["detail"]
    assert await server.control("GET", "as-of") == {"date": None, "projects": {}}

"""Cached contents go with archives, are gone after a reset, and hints tell what has not been read or done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cached import CONTENTS, WORDS
from tests.control.running import PLACE, ServerState, number, open_world
from tests.control.test_export import export, load

MODEL = "models/gemini-2.5-flash"
SAY = {"contents": [{"role": "user", "parts": [{"text": "one two"}]}]}


async def create(server: ServerState) -> tuple[str, str]:
    """One of each API; their names."""
    body = {"contents": CONTENTS, "displayName": "mine"}
    gemini = await server.ask("POST", "/v1beta/cachedContents", {"model": MODEL, **body})
    base = f"{PLACE}/publishers/google/{MODEL}"
    vertex = await server.ask("POST", f"/v1/{PLACE}/cachedContents", {"model": base, **body})
    return gemini["name"], vertex["name"]


async def ask(server: ServerState, gemini: str, vertex: str, status: int = 200) -> list[Any]:
    """A prompt with each."""
    base = f"{PLACE}/publishers/google/{MODEL}"
    return [
        await server.ask("POST", f"/v1beta/{MODEL}:generateContent", {**SAY, "cachedContent": gemini}, status=status),
        await server.ask("POST", f"/v1/{base}:generateContent", {**SAY, "cachedContent": vertex}, status=status),
    ]


async def test_an_archive_has_them(tmp_path: Path) -> None:
    """Another emulator answers with what they keep."""
    (tmp_path / "other").mkdir()
    async with open_world(tmp_path) as server:
        names = await create(server)
        archive = await export(server)
    async with open_world(tmp_path / "other") as server:
        assert (await load(server, archive))["counts"]["cached_contents"] == 2
        for reply in await ask(server, *names):
            assert reply["usageMetadata"]["cachedContentTokenCount"] == WORDS


async def test_a_reset_forgets_them(tmp_path: Path) -> None:
    """One project's, then everybody's."""
    async with open_world(tmp_path) as server:
        gemini, vertex = await create(server)
        await server.control("POST", "reset", {"project": number()})
        assert (await server.ask("GET", f"/v1/{vertex}", status=404))["error"]["status"] == "NOT_FOUND"
        assert (await server.ask("GET", f"/v1beta/{gemini}"))["displayName"] == "mine"
        await server.control("POST", "reset")
        assert (await server.ask("GET", f"/v1beta/{gemini}", status=403))["error"]["status"] == "PERMISSION_DENIED"


async def test_encryption_is_hinted_at(tmp_path: Path) -> None:
    """Keys are taken and nothing is encrypted."""
    async with open_world(tmp_path) as server:
        base = f"{PLACE}/publishers/google/{MODEL}"
        body = {"model": base, "contents": CONTENTS, "encryptionSpec": {"kmsKeyName": "projects/p/locations/l/k"}}
        await server.ask("POST", f"/v1/{PLACE}/cachedContents", body)
        (entry, *_) = (await server.control("GET", "journal"))["entries"]
        assert entry["notes"] == ["cached_content.encryption_spec has no effect: nothing is encrypted here"]

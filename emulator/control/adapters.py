"""Handing out adapters: ``GET /emulator/v1/adapters/{name}``."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from fastapi import APIRouter, HTTPException
from starlette.responses import StreamingResponse

from emulator.run.handout import pack_adapter
from emulator.run.registry import NoAdapterError, find_tuned
from emulator.store.store import Store

BLOCK_BYTES = 1 << 18


def create_router(store: Store, directory: Path) -> APIRouter:
    """The route. ``directory``: the data directory, which adapters are relative to."""
    router = APIRouter(tags=["adapters"])

    @router.get(
        "/emulator/v1/adapters/{name:path}",
        summary="A tuned model's PEFT adapter (or fully tuned model) as a tar archive",
        response_class=StreamingResponse,
        responses={200: {"content": {"application/x-tar": {}}}},
    )
    async def get_adapter(name: str, checkpoint: str = "") -> StreamingResponse:
        try:
            tuned = find_tuned(store, name, checkpoint)
            archive = await asyncio.to_thread(_pack, directory / tuned.adapter)
        except NoAdapterError as error:
            raise HTTPException(409 if error.known else 404, str(error)) from error
        except FileNotFoundError as error:
            raise HTTPException(409, f"name: the files of {name!r} are gone: {error}") from error
        return StreamingResponse(_blocks(archive), media_type="application/x-tar")

    return router


def _pack(directory: Path) -> IO[bytes]:
    archive = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is sent
    try:
        pack_adapter(directory, archive)
    except BaseException:
        archive.close()
        raise
    archive.seek(0)
    return archive


def _blocks(archive: IO[bytes]) -> Iterator[bytes]:
    with archive:
        while block := archive.read(BLOCK_BYTES):
            yield block

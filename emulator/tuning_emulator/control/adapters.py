"""Handing out what tuning made, as ``tuning-emulator export-adapter`` writes it: ``GET /emulator/v1/adapters/{name}``.

What is one whole model is made in a process that has torch, one at a time, in a directory that is gone when it has been
sent, or when whoever asked has left. It is sent as it lies there: no second copy is made of it.
"""

from __future__ import annotations

import asyncio
import os
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Annotated, Literal, TypeAlias

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import StreamingResponse

from tuning_emulator.control.own_process import FailedProcessError, run_process
from tuning_emulator.jobs.lora import explain_missing, missing_packages
from tuning_emulator.jobs.output import pack_adapter, unpack_adapter
from tuning_emulator.jobs.registry import NoAdapterError, find_tuned
from tuning_emulator.store.store import Store
from tuning_trainer.spec import Outtype

Form: TypeAlias = Literal["adapter", "merged", "gguf"]
TIMEOUT_S = 900.0
"""For making one whole model."""

LEAVING_S = 0.3
"""Between two looks whether whoever asked is still there."""

BLOCK_BYTES = 1 << 18
MEDIA_TYPE = "application/x-tar"


class ExportError(RuntimeError):
    """A tuned model cannot be had in a form; the text says why."""


class Maker:
    """Makes whole models, one at a time: each may take as much memory as the model."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def make(self, adapter: Path, work: Path, form: Form, outtype: str, name: str, request: Request) -> None:
        """Leaves the files of a model in ``work / "made"``.

        Raises:
            ExportError: it cannot be made, or took too long. Disconnected: whoever asked has left.
        """
        if missing := missing_packages():
            raise ExportError(f"it {explain_missing(missing)}")
        source, made = work / "adapter", work / "made"
        command = ["merge", str(source), str(made)]
        if form == "gguf":
            made.mkdir()
            command = ["gguf", str(source), str(made / f"{name}.gguf"), "--outtype", outtype]
        await self._wait_for(asyncio.create_task(self._run(command, adapter, work)), request)

    async def _run(self, command: Sequence[str], adapter: Path, work: Path) -> None:
        async with self._turn:
            await asyncio.to_thread(_copy_adapter, adapter, work / "adapter")
            try:
                await asyncio.wait_for(run_process(("tuning_trainer", *command), work), TIMEOUT_S)
            except TimeoutError as error:
                raise ExportError(f"it was not made within {TIMEOUT_S:.0f} s") from error
            except FailedProcessError as error:
                text = str(error).removeprefix("gguf: ").removeprefix("merge: ")
                raise ExportError(text.replace(f"{work}{os.sep}", "")) from error  # a place that is gone by then

    async def _wait_for(self, task: asyncio.Task[None], request: Request) -> None:
        try:
            while not (await asyncio.wait((task,), timeout=LEAVING_S))[0]:
                if await request.is_disconnected():
                    raise Disconnected
            await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


class Disconnected(Exception):  # noqa: N818 it is no error of anybody's
    """Nobody waits for the answer any more."""


def _copy_adapter(adapter: Path, target: Path) -> None:
    target.mkdir()
    with tempfile.TemporaryFile() as archive:
        pack_adapter(adapter, archive)
        archive.seek(0)
        unpack_adapter(archive, target)


# --- as an archive


def measure_tar(files: Sequence[Path]) -> int:
    """Bytes of ``stream_tar``'s archive."""
    return sum(len(_head(file)) + -(-file.stat().st_size // 512) * 512 for file in files) + 1024


def stream_tar(files: Sequence[Path], finish: Callable[[], None]) -> Iterator[bytes]:
    """Files as a tar archive without folders. ``finish`` is called at its end, or when nobody reads on."""
    try:
        for file in files:
            yield _head(file)
            with file.open("rb") as opened:
                while block := opened.read(BLOCK_BYTES):
                    yield block
            yield bytes(-file.stat().st_size % 512)
        yield bytes(1024)
    finally:
        finish()


def _head(file: Path) -> bytes:
    entry = tarfile.TarInfo(file.name)
    entry.size, entry.mtime = file.stat().st_size, int(file.stat().st_mtime)
    return entry.tobuf()


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


# --- the route


def create_router(store: Store, directory: Path) -> APIRouter:
    """The route. ``directory``: the data directory, which adapters are relative to."""
    router = APIRouter(tags=["adapters"])
    maker = Maker()

    @router.get(
        "/emulator/v1/adapters/{name:path}",
        summary="A tuned model as a tar archive: PEFT's adapter, one Hugging Face directory, or one GGUF file",
        description=(
            "`form=adapter`: the adapter, or the model where all of it was tuned. `merged`: base and adapter as one "
            "directory, float32. `gguf`: one file for llama.cpp, and a Modelfile for Ollama; 409 says why a model "
            "cannot be had as one. Whole models are made one at a time, and not for who does not wait for them."
        ),
        response_class=StreamingResponse,
        responses={200: {"content": {MEDIA_TYPE: {}}}},
    )
    async def get_adapter(
        request: Request,
        name: str,
        checkpoint: Annotated[str, Query(description="Of a Vertex AI model; left out: its final or default one.")] = "",
        merged: Annotated[bool, Query(description="An older way to say form=merged.")] = False,
        form: Annotated[Form | None, Query(description="adapter, unless given.")] = None,
        outtype: Annotated[Outtype | None, Query(description="Of a GGUF file's matrices: f16, unless given.")] = None,
    ) -> StreamingResponse:
        wanted = _choose_form(merged, form, outtype)
        try:
            adapter = directory / find_tuned(store, name, checkpoint).adapter
            if wanted == "adapter":
                archive = await asyncio.to_thread(_pack, adapter)
                return StreamingResponse(_blocks(archive), media_type=MEDIA_TYPE)
            return await _send_model(maker, adapter, wanted, outtype or "f16", name, request)
        except ExportError as error:
            raise HTTPException(409, f"{wanted}: {error}") from error
        except NoAdapterError as error:
            raise HTTPException(409 if error.known else 404, str(error)) from error
        except FileNotFoundError as error:
            raise HTTPException(409, f"name: the files of {name!r} are gone") from error

    return router


def _choose_form(merged: bool, form: Form | None, outtype: str | None) -> Form:
    if merged and form not in (None, "merged"):
        raise HTTPException(400, f"merged: form={form} is asked for too; leave merged out")
    wanted: Form = "merged" if merged else form or "adapter"
    if outtype and wanted != "gguf":
        raise HTTPException(400, "outtype: it is the precision of a GGUF file; give form=gguf too")
    return wanted


async def _send_model(
    maker: Maker, adapter: Path, form: Form, outtype: str, name: str, request: Request
) -> StreamingResponse:
    """Makes a model and sends it; the directory in which it is made is gone afterwards, whatever happens."""
    work = tempfile.TemporaryDirectory(prefix="tuning-emulator-export-")
    try:
        await maker.make(adapter, Path(work.name), form, outtype, _name_file(name), request)
        files = sorted((Path(work.name) / "made").iterdir())
        size = str(measure_tar(files))
    except Disconnected:
        await asyncio.to_thread(work.cleanup)
        return StreamingResponse(iter(()), 499)
    except BaseException:
        await asyncio.to_thread(work.cleanup)
        raise
    headers = {"content-length": size}
    return StreamingResponse(stream_tar(files, work.cleanup), 200, headers, MEDIA_TYPE)


def _name_file(name: str) -> str:
    """A file's name for a tuned model: the last part of its own."""
    return re.sub(r"[^\w.-]", "-", name.rpartition("/")[2]).lstrip(".") or "model"

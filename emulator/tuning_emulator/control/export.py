"""State archives: the whole state as one archive, out and in, while everything runs."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError
from pydantic.dataclasses import dataclass
from starlette.background import BackgroundTask
from typing_extensions import TypedDict

from tuning_emulator.control.archive import (
    MAX_ARCHIVE_BYTES,
    ArchiveError,
    Manifest,
    list_files,
    unpack_archive,
    write_archive,
)
from tuning_emulator.control.faults import FaultBody
from tuning_emulator.control.numbering import give_start_numbers
from tuning_emulator.control.scenarios import load_from
from tuning_emulator.control.state import COMMITTED, STORE_NAME, TREES, ServerState, commit, make_place, swap
from tuning_emulator.core.clock import format_ns
from tuning_emulator.core.lifecycle import ENDED
from tuning_emulator.middleware.faults import FaultError, SavedFault
from tuning_emulator.models.added import EMBEDDED, MissingModelError, find_weights
from tuning_emulator.storage.contents import link_or_copy
from tuning_emulator.storage.copies import check_copy, link_copy
from tuning_emulator.storage.database import DamagedStorageError
from tuning_emulator.store.database import Loaded, StoreError, write_snapshot
from tuning_emulator.store.migration import Contents, read_contents, upgrade_copy

STATE_NAME = "state.json"
MEDIA_TYPE = "application/gzip"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class SavedFaultBody(SavedFault):
    """A fault with its counters, within their limits."""

    id: Annotated[str, Field(pattern=r"^fault-[0-9]{1,9}$")]
    fault: FaultBody
    matched: Annotated[int, Field(ge=0, le=10_000_000)]
    fired: NonNegativeInt


class State(BaseModel):
    """What is in no table and no file: faults of requests with their counters, and which ids come next."""

    model_config = ConfigDict(extra="forbid")

    faults: list[SavedFaultBody]
    ids: list[int]


class ImportReport(TypedDict):
    """What came in, and which emulator wrote it when. ``missing``: what tuned models in it need and is not here."""

    emulator_version: str
    created: str
    counts: dict[str, int]
    missing: list[str]


# --- out


async def export_state(server: ServerState, archive: Path) -> Manifest:
    """Writes everything to an archive, as it stood at one moment. Running jobs are in it as they stand, and go on.

    Raises:
        ArchiveError: there is more than an archive holds.
    """
    root = make_place(server.directory, "outgoing")
    try:
        async with server.changing:  # nobody takes the files of running jobs away meanwhile
            async with server.queue.files:
                snapshot, running, ended = _capture(server, root)
                await asyncio.to_thread(write_snapshot, snapshot, root / STORE_NAME)
                await asyncio.to_thread(_link, server, root, ended)
            return await asyncio.to_thread(_pack, server, root, running, archive)
    finally:
        server.discard(root)


def _capture(server: ServerState, root: Path) -> tuple[sqlite3.Connection, list[str], list[str]]:
    """The records at this moment, the directories of jobs that still run, and those of the others."""
    root.mkdir()
    state = {"faults": [asdict(one) for one in server.faults.save()], "ids": server.ids.save()}
    (root / STATE_NAME).write_text(json.dumps(state, ensure_ascii=False), encoding="utf-8")
    unfinished = {job.uid for job in server.store.list_unfinished_jobs() if job.progress.state not in ENDED}
    running: list[str] = []
    ended: list[str] = []
    for uid, api in server.store.list_job_keys():
        (running if uid in unfinished else ended).append(f"{api}-{uid}")
    return server.store.snapshot(), running, ended


def _link(server: ServerState, root: Path, ended: list[str]) -> None:
    """Links what does not change any more: files of jobs that have ended, and objects."""
    (root / "jobs").mkdir()
    for name in ended:
        source = server.directory / "jobs" / name
        if source.is_dir():
            link_files(source, root / "jobs" / name)
    if server.storage is not None:
        link_copy(server.storage.store, root / "buckets")


def _pack(server: ServerState, root: Path, running: list[str], archive: Path) -> Manifest:
    for name in running:
        _copy_changing(server.directory / "jobs" / name, root / "jobs" / name)
    contents = read_contents(root / STORE_NAME)
    files = list_files(root)
    counts = {**contents.counts, "files": len(files)}
    manifest = Manifest(created=format_ns(server.clock.now_ns()), counts=counts, files=files)
    write_archive(archive, root, manifest)
    return manifest


def link_files(source: Path, target: Path) -> None:
    """Hard links to all files of a directory; copies where the file system has no links."""
    for path in source.rglob("*"):
        if path.is_file():
            link = target / path.relative_to(source)
            link.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(path, link)


def _copy_changing(source: Path, target: Path) -> None:
    """A copy of a job's directory while the job writes to it: files appear there whole, or vanish for a whole one.

    What is newer than the records is what a resumed job finds after a crash.
    """
    for path in sorted(source.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(path, copy)
            except FileNotFoundError:
                copy.unlink(missing_ok=True)


# --- in


async def import_state(server: ServerState, archive: Path) -> ImportReport:
    """Puts what an archive holds in the place of everything. Jobs that ran when it was made are resumed.

    Raises:
        ArchiveError: it is refused, and nothing has changed.
    """
    incoming, removed = make_place(server.directory, "incoming"), make_place(server.directory, "removed")
    try:
        manifest, contents, state = await asyncio.to_thread(_unpack, server, archive, incoming)
        loaded = await asyncio.to_thread(server.store.load, incoming / STORE_NAME)
        async with server.changing:
            try:
                await asyncio.to_thread(commit, incoming)
                await server.queue.end()
                _put_in_place(server, incoming, removed, loaded, state)
            except BaseException:
                (incoming / COMMITTED).unlink(missing_ok=True)
                raise
            finally:
                server.queue.take_up()
    finally:
        for path in (incoming, removed):
            server.discard(path)
    missing = list(_find_missing(contents))
    for text in missing:
        log.warning("%s", text)
    return ImportReport(
        emulator_version=manifest.emulator_version, created=manifest.created, counts=contents.counts, missing=missing
    )


def _find_missing(contents: Contents) -> Iterator[str]:
    """The weights that tuned models were made on and that are not here; they answer once they are."""
    for name, count in contents.weights.items():
        try:
            if name != EMBEDDED and not (Path(find_weights(name)) / "config.json").is_file():
                raise MissingModelError(f"{name}: no such directory")
        except MissingModelError as error:
            yield f"{count} tuned models cannot answer until what they were tuned on is here: {error}"


def _unpack(server: ServerState, archive: Path, incoming: Path) -> tuple[Manifest, Contents, State]:
    """Unpacks and checks everything, beside what is in use."""
    manifest = unpack_archive(archive, incoming)
    for name in (STORE_NAME, STATE_NAME):
        if name not in manifest.files:
            raise ArchiveError(f"{name!r} is missing")
    try:
        upgrade_copy(incoming / STORE_NAME)
        contents = read_contents(incoming / STORE_NAME)
    except StoreError as error:
        raise ArchiveError(f"{STORE_NAME}: {error}") from error
    for adapter in contents.adapters:
        _check_adapter(incoming, adapter)
    (incoming / "jobs").mkdir(exist_ok=True)
    _check_buckets(server, incoming / "buckets")
    return manifest, contents, _read_state(server, incoming / STATE_NAME)


def _check_adapter(incoming: Path, adapter: str) -> None:
    parts = Path(adapter).parts
    if parts[:1] != ("jobs",) or ".." in parts or not (incoming / adapter).is_dir():
        raise ArchiveError(f"{STORE_NAME}: the adapter {adapter!r} is not in the archive")


def _check_buckets(server: ServerState, buckets: Path) -> None:
    if not buckets.exists():
        buckets.mkdir()
    try:
        objects = check_copy(buckets, server.clock.now_ns())
    except DamagedStorageError as error:
        raise ArchiveError(f"buckets: {error}") from error
    if objects and server.storage is None:
        raise ArchiveError(
            f"buckets: it holds {objects} objects, and this emulator uses another Cloud Storage; "
            "start one with --storage embedded"
        )


def _read_state(server: ServerState, path: Path) -> State:
    try:
        state = State.model_validate_json(path.read_bytes())
        server.faults.check(state.faults)
    except ValidationError as error:
        first = error.errors()[0]
        raise ArchiveError(f"{STATE_NAME}: {'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}") from error
    except FaultError as error:
        raise ArchiveError(f"{STATE_NAME}: {error}") from error
    try:
        type(server.ids)().restore(state.ids)
    except (ValueError, TypeError, OverflowError) as error:
        raise ArchiveError(f"{STATE_NAME}: ids: they are not as this program writes them") from error
    return state


def _put_in_place(server: ServerState, incoming: Path, removed: Path, loaded: Loaded, state: State) -> None:
    if server.storage is None:
        swap(server.directory, incoming, removed, server.store, ("jobs",), loaded)
    else:
        with server.storage.swapped():
            swap(server.directory, incoming, removed, server.store, TREES, loaded)
    server.clock.restore(server.store.controls.get_clock())
    server.ids.restore(state.ids)
    server.faults.restore(state.faults)
    give_start_numbers(server, strict=False)


# --- HTTP


def create_router(server: ServerState) -> APIRouter:
    """``/emulator/v1/snapshot``."""
    router = APIRouter(tags=["state"])

    @router.get(
        "/emulator/v1/snapshot",
        summary="Everything as one archive (tar.gz)",
        response_class=FileResponse,
        responses={200: {"content": {MEDIA_TYPE: {}}}},
    )
    async def get_archive() -> FileResponse:
        archive = make_place(server.directory, "outgoing").with_suffix(".tar.gz")
        try:
            manifest = await export_state(server, archive)
        except ArchiveError as error:
            archive.unlink(missing_ok=True)
            raise HTTPException(422, f"archive: {error}") from error
        name = f"tuning-emulator-{manifest.created[:19].replace(':', '')}.tar.gz"
        return FileResponse(archive, media_type=MEDIA_TYPE, filename=name, background=BackgroundTask(archive.unlink))

    @router.post(
        "/emulator/v1/snapshot",
        summary="Put an archive's state in the place of everything",
        openapi_extra={
            "requestBody": {
                "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
                "required": True,
            }
        },
    )
    async def post_archive(request: Request) -> ImportReport:
        archive = make_place(server.directory, "incoming").with_suffix(".tar.gz")
        try:
            await _receive(request.stream(), archive)
            return await import_state(server, archive)
        except ArchiveError as error:
            raise HTTPException(422, f"archive: {error}; nothing has changed") from error
        finally:
            archive.unlink(missing_ok=True)

    return router


async def _receive(blocks: AsyncIterator[bytes], archive: Path) -> None:
    """Writes a request's body to a file, whatever its size."""
    size = 0
    with archive.open("wb") as file:
        async for block in blocks:
            size += len(block)
            if size > MAX_ARCHIVE_BYTES:
                raise ArchiveError(f"it has more than {MAX_ARCHIVE_BYTES} bytes")
            if size == len(block) and block and not block.startswith(b"\x1f\x8b"):
                raise ArchiveError("the body is no gzip file; send the archive itself: curl --data-binary @FILE")
            await asyncio.to_thread(file.write, block)
    if not size:
        raise ArchiveError("the body is empty; send the archive itself: curl --data-binary @FILE")


# --- what an emulator has from its start (an archive, then a scenario), and the archive that it leaves at its end


log = logging.getLogger(__name__)


class StartStateError(ValueError):
    """A state archive or a scenario that the emulator was to start with cannot be loaded; the text says why."""


async def load_start_state(server: ServerState, archive: Path | None, scenario: str | None) -> None:
    """Fills an empty emulator.

    Raises:
        StartStateError: the archive cannot be read. ScenarioError: the scenario cannot be loaded.
    """
    if archive is not None:
        try:
            await import_state(server, archive)
        except (ArchiveError, OSError) as error:
            raise StartStateError(f"import: {archive}: {error}") from error
    if scenario:
        await load_from(server, scenario)


async def export_on_exit_to(server: ServerState, archive: Path) -> None:
    """Writes everything to a file, which has its name only once it is whole."""
    unfinished = _create_beside(archive)
    try:
        await export_state(server, unfinished)
        os.replace(unfinished, archive)
    except (ArchiveError, OSError):
        log.exception("export: %s could not be written", archive)
        os.unlink(unfinished)


def _create_beside(path: Path) -> Path:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
        return Path(file.name)

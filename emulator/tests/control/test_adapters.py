"""Handing out what tuning made: archives that are sent as they lie, and nothing made for who does not wait."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from fastapi import Request

from tests.control.running import ServerState
from tuning_emulator.control.adapters import Disconnected, Maker, measure_tar, stream_tar
from tuning_emulator.jobs.lora import missing_packages

lora = pytest.mark.skipif(bool(missing_packages()), reason=f"lora needs {', '.join(missing_packages())}")


def test_an_archive_is_as_long_as_is_said_and_holds_the_files(tmp_path: Path) -> None:
    """Whatever is left of the last block; the end is told once."""
    files = []
    for size in (0, 1, 511, 512, 513, 300_000):
        files.append(tmp_path / f"file-{size}")
        files[-1].write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    ended: list[bool] = []
    data = b"".join(stream_tar(files, lambda: ended.append(True)))
    assert len(data) == measure_tar(files)
    assert ended == [True]
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == [file.name for file in files]
        for file in files:
            member = archive.extractfile(file.name)
            assert member is not None
            assert member.read() == file.read_bytes()


def test_who_leaves_in_the_middle_ends_it_too(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 2000)
    ended: list[bool] = []
    stream = stream_tar([tmp_path / "file"], lambda: ended.append(True))
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # a generator
    assert ended == [True]


@lora
@pytest.mark.process
async def test_nothing_is_made_for_who_does_not_wait(tmp_path: Path) -> None:
    """The process is ended when whoever asked has left, and the next one has its turn."""
    maker, adapter = Maker(), tmp_path / "adapter"
    adapter.mkdir()

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    gone = Request({"type": "http"}, receive)
    for number in range(2):
        work = tmp_path / str(number)
        work.mkdir()
        with pytest.raises(Disconnected):
            await maker.make(adapter, work, "merged", "f16", "x", gone)
        assert not (work / "made").exists()
    assert [one for one in psutil.Process().children() if "merge" in one.cmdline()] == []


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("merged=true&form=gguf", 400, "merged: form=gguf is asked for too"),
        ("outtype=q8_0", 400, "outtype: it is the precision of a GGUF file"),
        ("form=zip", 422, "form"),
        ("form=gguf&outtype=q4_k", 422, "outtype"),
        ("form=gguf", 404, "name: nothing tuned is called"),
        ("form=merged", 404, "name: nothing tuned is called"),
    ],
)
async def test_what_cannot_be_asked_for(server: ServerState, query: str, status: int, said: str) -> None:
    """The field and what would be right."""
    answer = await server.control("GET", f"adapters/tunedModels/none?{query}", status=status)
    assert said in answer["detail"]


async def test_what_only_pretends_has_no_file(server: ServerState) -> None:
    """In each form, by its name."""
    await server.control("PUT", "pace", {"mode": "manual"})
    await server.create_model("numbers", "numbers")
    await server.control("POST", "jobs/tunedModels/numbers:advance", {"to": "SUCCEEDED"})
    for form in ("adapter", "merged", "gguf"):
        answer = await server.control("GET", f"adapters/tunedModels/numbers?form={form}", status=409)
        assert "made by the scripted trainer" in answer["detail"]

"""Schemas that are kept beside the bytecode: they are used while they are true, and nobody misses them."""

from __future__ import annotations

import os
import pickle
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuning_emulator.schema import cached, proto
from tuning_emulator.schema.cached import Schemas, load_kept

PACKAGE = "google.rpc"
DECLARED = proto.PROTO / "google" / "rpc"


class Reader:
    """Reads the package at a folder, and counts how often."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.count = 0

    def load(self) -> Schemas:
        return load_kept(PACKAGE, self.root, self._read)

    def _read(self) -> tuple[Schemas, Iterator[Path]]:
        self.count += 1
        proto._read_file.cache_clear()
        return proto._read_package(PACKAGE, self.root)


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """One that has read once, and may write."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    shutil.copytree(DECLARED, tmp_path / "google" / "rpc")
    reader = Reader(tmp_path)
    reader.load()
    return reader


def find_kept(root: Path) -> Path:
    [path] = (root / "__pycache__").iterdir()
    return path


def test_what_is_kept_is_what_was_read(reader: Reader) -> None:
    """A second start reads nothing, and knows the same."""
    kept = reader.load()
    assert reader.count == 1
    assert dict(kept) == proto._read_package(PACKAGE, reader.root)[0]
    assert find_kept(reader.root).stat().st_mode & 0o777 == 0o644


def test_a_changed_source_is_read(reader: Reader) -> None:
    source = next((reader.root / "google" / "rpc").glob("*.proto"))
    source.write_text(source.read_text("utf-8") + "\nmessage Added { string text = 1; }\n", "utf-8")
    assert "google.rpc.Added" in reader.load()[""].messages
    assert reader.count == 2


def test_a_new_source_is_read(reader: Reader) -> None:
    text = 'syntax = "proto3";\npackage google.rpc;\nmessage Added { string text = 1; }\n'
    (reader.root / "google" / "rpc" / "added.proto").write_text(text, "utf-8")
    assert "google.rpc.Added" in reader.load()[""].messages


def test_a_source_that_is_gone_is_forgotten(reader: Reader) -> None:
    for source in (reader.root / "google" / "rpc").glob("*.proto"):
        source.unlink()
    assert reader.load()[""].messages == {}


def test_a_changed_form_is_read_again(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of an older program are not taken for today's."""
    monkeypatch.setattr(cached, "_READERS", ("cached.py", "proto.py", "protobuf.py"))
    reader.load()
    assert reader.count == 2


@pytest.mark.parametrize("damage", [b"", b"\x80\x05garbage", pickle.dumps(({}, {})), pickle.dumps(7)])
def test_a_damaged_file_is_replaced(reader: Reader, damage: bytes) -> None:
    find_kept(reader.root).write_bytes(damage)
    assert reader.load()[""].messages
    assert reader.load()[""].messages
    assert reader.count == 2


def test_nothing_is_written_where_python_writes_no_bytecode(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(reader.root / "__pycache__")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert reader.load()[""].messages
    assert not (reader.root / "__pycache__").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_no_fault(reader: Reader) -> None:
    shutil.rmtree(reader.root / "__pycache__")
    reader.root.chmod(0o555)
    assert reader.load()[""].messages


def test_a_full_disk_leaves_no_draft(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    find_kept(reader.root).unlink()

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pickle, "dump", refuse)
    assert reader.load()[""].messages
    assert not [*(reader.root / "__pycache__").iterdir()]

"""Putting a new state in the place of the old one: all of it or nothing, even when the process is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.records import make_tuned_model
from tests.store_dump import dump_tables
from tuning_emulator.control.state import COMMITTED, STORE_NAME, commit, make_place, recover, swap
from tuning_emulator.store.database import DATABASE_NAME, write_snapshot
from tuning_emulator.store.store import Store


def populate(directory: Path, name: str) -> list[str]:
    """A data directory with one tuned model and two files; what its store holds."""
    store = Store(directory)
    store.insert_job(make_tuned_model(id=name))
    for tree in ("jobs", "buckets"):
        (directory / tree).mkdir()
        (directory / tree / "file").write_text(name)
    dumped = dump_tables(store)
    store.close()
    return dumped


def prepare(directory: Path, tmp_path: Path) -> tuple[Path, list[str]]:
    """A new state that waits in the directory, and what its store holds."""
    dumped = populate(tmp_path / "other", "new")
    incoming = make_place(directory, "incoming")
    (tmp_path / "other").rename(incoming)
    store = Store(incoming)
    write_snapshot(store.snapshot(), incoming / STORE_NAME)
    store.close()
    return incoming, dumped


def read(directory: Path) -> list[str]:
    """The contents of the two files."""
    return [(directory / tree / "file").read_text() for tree in ("jobs", "buckets")]


def test_a_swap(tmp_path: Path) -> None:
    """Records and files are the new ones; the old files wait to be removed."""
    directory = tmp_path / "data"
    populate(directory, "old")
    incoming, wanted = prepare(directory, tmp_path)
    store, removed = Store(directory), make_place(directory, "removed")
    commit(incoming)
    swap(directory, incoming, removed, store)
    assert (dump_tables(store), read(directory), read(removed)) == (wanted, ["new"] * 2, ["old"] * 2)
    recover(directory, store)
    assert sorted(path.name for path in directory.iterdir() if path.is_dir()) == ["buckets", "jobs"]
    assert dump_tables(store) == wanted


def test_an_error_in_the_middle_undoes_it(tmp_path: Path) -> None:
    """The new records cannot be read: files and records are the old ones, and stay so at the next start."""
    directory = tmp_path / "data"
    kept = populate(directory, "old")
    incoming, _ = prepare(directory, tmp_path)
    (incoming / STORE_NAME).write_bytes(b"no database" * 100)
    store = Store(directory)
    commit(incoming)
    with pytest.raises(Exception, match="not a database"):
        swap(directory, incoming, make_place(directory, "removed"), store)
    assert (dump_tables(store), read(directory)) == (kept, ["old"] * 2)
    recover(directory, store)
    assert (dump_tables(store), read(directory)) == (kept, ["old"] * 2)


TREES_MOVED = ("old jobs", "new jobs", "old buckets", "new buckets")


@pytest.mark.parametrize(
    "moved", [(), *(TREES_MOVED[:end] for end in (1, 2, 4)), (*TREES_MOVED, "old store"), (*TREES_MOVED, "new store")]
)
def test_killed_after_the_commit(tmp_path: Path, moved: tuple[str, ...]) -> None:
    """However far it came: the next start ends it."""
    directory = tmp_path / "data"
    populate(directory, "old")
    incoming, wanted = prepare(directory, tmp_path)
    commit(incoming)
    removed = make_place(directory, "removed")
    removed.mkdir()
    for step in moved:
        age, what = step.split()
        kept, coming = (DATABASE_NAME, STORE_NAME) if what == "store" else (what, what)
        if age == "old" or what == "store":
            (directory / kept).rename(removed / coming)
        if age == "new":
            (incoming / coming).rename(directory / kept)
    store = Store(directory)
    recover(directory, store)
    assert (dump_tables(store), read(directory)) == (wanted, ["new"] * 2)
    assert sorted(path.name for path in directory.iterdir() if path.is_dir()) == ["buckets", "jobs"]


def test_killed_before_the_commit(tmp_path: Path) -> None:
    """The old state is untouched, and what was unpacked is gone."""
    directory = tmp_path / "data"
    kept = populate(directory, "old")
    incoming, _ = prepare(directory, tmp_path)
    assert not (incoming / COMMITTED).exists()
    make_place(directory, "outgoing").with_suffix(".tar.gz").write_bytes(b"half an archive")
    store = Store(directory)
    recover(directory, store)
    assert (dump_tables(store), read(directory)) == (kept, ["old"] * 2)
    assert sorted(path.name for path in directory.iterdir() if path.is_dir()) == ["buckets", "jobs"]
    assert not list(directory.glob("outgoing-*"))


def test_files_of_jobs_that_nobody_remembers_are_swept(tmp_path: Path) -> None:
    """Killed between a job's record and its files, a server leaves files that the next one removes, and no others."""
    store = Store(tmp_path)
    kept = store.insert_job(make_tuned_model())
    for name in (f"gemini-{kept.uid}", "gemini-99", "vertex-7", "notes", "gemini-x"):
        place = tmp_path / "jobs" / name
        place.mkdir(parents=True)
        (place / "adapter").write_text("x")
    recover(tmp_path, store)
    assert sorted(path.name for path in (tmp_path / "jobs").iterdir()) == ["gemini-1", "gemini-x", "notes"]
    store.close()

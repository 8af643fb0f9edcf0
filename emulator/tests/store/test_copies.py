"""Copies of a store: whole and readable, or refused with what is wrong."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.records import make_job, make_tuned_model
from tests.store_dump import dump_tables
from tuning_emulator.core.job_control import Pace, PaceMode
from tuning_emulator.core.records import Checkpoint, MetricPoint, Permission
from tuning_emulator.store.database import StoreError, write_snapshot
from tuning_emulator.store.migration import read_contents
from tuning_emulator.store.store import Store


def fill(store: Store) -> None:
    """A job of each API with what hangs on it."""
    tuned = store.insert_job(make_tuned_model(adapter="jobs/gemini-1/checkpoints/step-2"))
    store.add_metric_points(tuned.uid, [MetricPoint(1, 0, 2.5, 10)])
    store.put_permission(Permission(tuned.uid, "1", "USER", "a@example.com", "OWNER"))
    job = store.insert_job(make_job())
    store.put_checkpoint(Checkpoint(job.uid, "1", 1, 2, "jobs/vertex-2/checkpoints/step-2", ""))


@pytest.mark.parametrize("kept", [True, False])
def test_a_copy_takes_the_place_of_another_store(tmp_path: Path, kept: bool) -> None:
    """All of it, with or without a data directory; remembered records and answers are not believed any more."""
    source = Store(tmp_path / "source")
    fill(source)
    write_snapshot(source.snapshot(), tmp_path / "copy.sqlite3")
    contents = read_contents(tmp_path / "copy.sqlite3")
    assert contents.adapters == ("jobs/gemini-1/checkpoints/step-2", "jobs/vertex-2/checkpoints/step-2")
    assert {name: count for name, count in contents.counts.items() if count} == {
        "tuning_jobs": 2,
        "permissions": 1,
        "checkpoints": 1,
    }
    target = Store(tmp_path / "target" if kept else None)
    target.insert_job(make_tuned_model(description="another"))
    assert target.get_tuned_model("numbers-x1") is not None
    revision = target.revision()
    target.become(target.load(tmp_path / "copy.sqlite3"), tmp_path / "previous.sqlite3")
    assert dump_tables(target) == dump_tables(source)
    assert target.revision() != revision
    found = target.get_tuned_model("numbers-x1")
    assert found is not None
    assert found.description == ""
    target.close()
    if kept:
        assert dump_tables(Store(tmp_path / "target")) == dump_tables(source)
    assert [path.name for path in tmp_path.glob("*.*")] == ["previous.sqlite3" if kept else "copy.sqlite3"]


@pytest.mark.parametrize("kept", [True, False])
def test_a_snapshot_is_of_its_moment(tmp_path: Path, kept: bool) -> None:
    """It is written in a thread of its own, while others write and even forget everything; they do not wait for it."""
    store = Store(tmp_path / "data" if kept else None)
    fill(store)
    wanted, snapshot = dump_tables(store), store.snapshot()
    store.insert_job(make_tuned_model(id="later"))
    store.become_blank(store.make_blank(tmp_path / "blank.sqlite3"), tmp_path / "previous.sqlite3")
    writing = threading.Thread(target=write_snapshot, args=(snapshot, tmp_path / "copy.sqlite3"))
    writing.start()
    writing.join()
    assert read_contents(tmp_path / "copy.sqlite3").counts["tuning_jobs"] == 2
    store.become(store.load(tmp_path / "copy.sqlite3"), tmp_path / "blank.sqlite3")
    assert dump_tables(store) == wanted
    store.close()


@pytest.mark.parametrize("kept", [True, False])
def test_everything_is_forgotten_but_what_is_no_jobs_own(tmp_path: Path, kept: bool) -> None:
    """Clock, paces and job faults stay, and no later job gets the uid of an earlier one."""
    store = Store(tmp_path / "data" if kept else None)
    fill(store)
    store.controls.put_pace("7", Pace(PaceMode.POLLS, polls=2))
    last, revision = store.list_job_keys()[-1][0], store.revision()
    store.become_blank(store.make_blank(tmp_path / "blank.sqlite3"), tmp_path / "previous.sqlite3")
    assert (store.list_job_keys(), store.controls.paces["7"]) == ([], Pace(PaceMode.POLLS, polls=2))
    assert store.revision() > revision
    assert store.insert_job(make_job()).uid == last + 1
    store.close()


def test_another_program_that_looks_into_the_file_sees_what_was(tmp_path: Path) -> None:
    """What SQLite keeps beside the file for it is not mistaken for the new file's."""
    source, store = Store(), Store(tmp_path / "data")
    fill(source)
    write_snapshot(source.snapshot(), tmp_path / "copy.sqlite3")
    store.insert_job(make_tuned_model(id="mine"))
    other = sqlite3.connect(store._database.path)
    other.execute("BEGIN")
    assert other.execute("SELECT id FROM tuning_jobs").fetchall() == [("mine",)]
    store.become(store.load(tmp_path / "copy.sqlite3"), tmp_path / "data" / "previous.sqlite3")
    assert other.execute("SELECT id FROM tuning_jobs").fetchall() == [("mine",)]
    other.close()
    store.insert_job(make_tuned_model(id="after"))
    wanted = dump_tables(store)
    store.close()
    assert dump_tables(Store(tmp_path / "data")) == wanted


@pytest.mark.parametrize("looked", [False, True])
def test_a_file_that_cannot_be_taken_changes_nothing(tmp_path: Path, looked: bool) -> None:
    """Not even what is still in the log beside the own file is lost."""
    store = Store(tmp_path / "data")
    fill(store)
    other = sqlite3.connect(store._database.path)
    if looked:
        other.execute("SELECT * FROM tuning_jobs").fetchall()
    wanted = dump_tables(store)
    (tmp_path / "copy.sqlite3").write_bytes(b"SQLite format 4\0" * 1000)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        store.become(tmp_path / "copy.sqlite3", tmp_path / "data" / "previous.sqlite3")
    assert dump_tables(store) == wanted
    store.insert_job(make_tuned_model(id="after"))
    wanted = dump_tables(store)
    other.close()
    store.close()
    assert dump_tables(Store(tmp_path / "data")) == wanted


def execute(*statements: str) -> Callable[[Path], object]:
    """Changes a copy by SQL."""

    def change(path: Path) -> None:
        connection = sqlite3.connect(path)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()

    return change


def damage(path: Path) -> None:
    """Overwrites the middle of the file."""
    data = bytearray(path.read_bytes())
    data[4096:40960] = b"x" * (40960 - 4096)
    path.write_bytes(data)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no database": (lambda path: path.write_bytes(b"SQLite format 4\0" * 100), "not a database"),
    "empty": (lambda path: path.write_bytes(b""), "schema version 0"),
    "another version": (execute("PRAGMA user_version=99"), "schema version 99, this program reads"),
    "damaged": (damage, "malformed|damaged|not a database"),
    "trigger": (
        execute("CREATE TRIGGER t AFTER INSERT ON models BEGIN DELETE FROM tuning_jobs; END"),
        "other tables than this program writes: t",
    ),
    "view": (execute("CREATE VIEW v AS SELECT 1"), "other tables than this program writes: v"),
    "table missing": (execute("DROP TABLE permissions"), "other tables than this program writes: permissions"),
    "unknown state": (execute("UPDATE tuning_jobs SET state = 'DONE' WHERE api = 'vertex'"), "tuning_jobs: row 2"),
    "body is no JSON": (execute("UPDATE tuning_jobs SET body = '{' WHERE api = 'gemini'"), "tuning_jobs: row 1"),
    "unknown hyperparameter": (
        execute("UPDATE tuning_jobs SET body = json_set(body, '$.asked.hyperparameters.x', 1)"),
        "tuning_jobs: row 1 cannot be read: Object contains unknown field `x`",
    ),
    "labels are no map": (
        execute("UPDATE tuning_jobs SET body = json_set(body, '$.asked.labels', 'x') WHERE api = 'vertex'"),
        r"tuning_jobs: row 2 cannot be read: .* `\$.asked.labels`",
    ),
    "body of another name": (
        execute("UPDATE tuning_jobs SET body = json_set(body, '$.id', 'x') WHERE api = 'vertex'"),
        "tuning_jobs: row 2 cannot be read: id is '6284765961371254784', in its body 'x'",
    ),
    "pace": (execute("INSERT INTO paces VALUES ('1', 'swift')"), "paces: row 1"),
    "operation": (execute("INSERT INTO operations VALUES (1, 'o', 'p', 'l', 1, '{}')"), "operations: row o"),
    "endpoint": (execute("INSERT INTO endpoints VALUES (7, 'p', 'l', 'i', 1, '{}')"), "endpoints: row 7"),
    "model version": (
        execute(
            "INSERT INTO models VALUES (1, 'p', 'l', 'i', 1)", "INSERT INTO model_versions VALUES (1, 1, 2, 1, '')"
        ),
        "model_versions: row 2",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_no_store_has_written_is_refused(name: str, tmp_path: Path) -> None:
    """Before it is anybody's store, and in words that say what is wrong."""
    store = Store()
    fill(store)
    write_snapshot(store.snapshot(), tmp_path / "copy.sqlite3")
    change, text = DAMAGES[name]
    change(tmp_path / "copy.sqlite3")
    with pytest.raises(StoreError, match=text):
        read_contents(tmp_path / "copy.sqlite3")

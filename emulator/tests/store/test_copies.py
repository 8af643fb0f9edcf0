"""Copies of a store: whole and readable, or refused with what is wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.records import make_job, make_tuned_model
from tests.store_dump import dump_tables
from tuning_emulator.core.records import Checkpoint, MetricPoint, Permission
from tuning_emulator.store.database import StoreError
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
    source.copy_to(tmp_path / "copy.sqlite3")
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
    target.replace_with(tmp_path / "copy.sqlite3")
    assert dump_tables(target) == dump_tables(source)
    assert target.revision() != revision
    found = target.get_tuned_model("numbers-x1")
    assert found is not None
    assert found.description == ""
    target.close()
    if kept:
        assert dump_tables(Store(tmp_path / "target")) == dump_tables(source)
    assert [path.name for path in tmp_path.glob("copy*")] == ["copy.sqlite3"]


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
    store.copy_to(tmp_path / "copy.sqlite3")
    change, text = DAMAGES[name]
    change(tmp_path / "copy.sqlite3")
    with pytest.raises(StoreError, match=text):
        read_contents(tmp_path / "copy.sqlite3")

"""What an older version has stored is there afterwards as it was: its data directory, its archive, every row of them.

``version_2`` and ``version_3`` were each written by the last program with that schema; ``keep_version`` says how.
"""

from __future__ import annotations

import json
import lzma
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.store import keep_version
from tests.store.keep_version import JOBS, Server
from tests.store_dump import dump_tables
from tuning_emulator.control.state import COMMITTED, recover
from tuning_emulator.core.records import TuningJob
from tuning_emulator.store.database import DATABASE_NAME, DamagedRowError, StoreError
from tuning_emulator.store.migration import SCHEMA_VERSION, Contents, load_schema, read_contents, upgrade_copy
from tuning_emulator.store.store import Store

VERSION_2 = Path(__file__).with_name("version_2")
VERSION_3 = Path(__file__).with_name("version_3")
KEPT, KEPT_3 = (
    json.loads(lzma.decompress((folder / "answers.json.xz").read_bytes())) for folder in (VERSION_2, VERSION_3)
)
ARCHIVE, ARCHIVE_3 = ((folder / "archive.tar.gz").read_bytes() for folder in (VERSION_2, VERSION_3))
SERVER = [sys.executable, "-m", "tuning_emulator"]
PATIENCE_S = 30.0
PACKED = "projects/253520768850/locations/us-central1/tuningJobs/5232581778611921245"
"""Of an open model, and had not begun: since then examples of these are packed, and their steps fewer."""


def unpack(folder: Path, name: str = "data.tar.xz", kept: Path = VERSION_2) -> Path:
    """A directory with what was kept."""
    folder.mkdir()
    with tarfile.open(kept / name) as tar:
        tar.extractall(folder, filter="data")
    return folder


def execute(path: Path, *statements: str) -> None:
    """Changes a database by SQL."""
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def find_job(store: Store, title: str) -> TuningJob:
    """The newest job of that display name."""
    listed = store.list_jobs_of_project(None, 2**62, 1000)
    return next(job for job in listed if isinstance(job, TuningJob) and job.display_name == title)


# --- whole servers


TOLD_SINCE = set(
    "method labels asked resolved training_uri validation_uri output_uri source_model statistics model endpoint "
    "checkpoints failure points".split()
)
"""What the control API tells of a job, and did not then."""


def keep_comparable(value: Any) -> Any:
    """Without what the kept answers cannot have: notes and machine of jobs, etags of today's form.

    Nor has a cancelled job its text, or an experiment a TensorBoard; runs are called otherwise, and no model is
    exported.
    """
    if isinstance(value, dict):
        left = {"etag", "backing_tensorboard_resource", "supportedExportFormats"}
        if value.get("schemaTitle") == "system.ExperimentRun":
            left.add("displayName")
        if "completed_steps" in value:
            left |= {"precision", "threads", "processes", "weights", "retries"}
        if {"metrics", "completed_steps"} <= value.keys():
            left |= TOLD_SINCE
        if {"jobs", "next"} <= value.keys():
            left.add("states")
        kept = {key: one for key, one in value.items() if key not in left and (key, one) != ("notes", [])}
        return {key: keep_comparable(one) for key, one in kept.items()}
    if isinstance(value, list):
        return [keep_comparable(one) for one in value]
    return "CANCELED" if value == "The tuning job has been cancelled." else value


def check_server(server: Server, kept: Any = KEPT) -> None:
    """Every read is answered as it was, and every job that stood still goes on to the end that it had."""
    end = time.monotonic() + PATIENCE_S
    while (
        keep_comparable(server.do("GET", JOBS)) != keep_comparable(kept["reads"][JOBS]["body"])
        and time.monotonic() < end
    ):
        time.sleep(0.05)  # jobs that go by a clock that stands still come to where they were
    found = keep_version.read_everything(server)
    assert found.keys() == kept["reads"].keys()
    for path, answer in kept["reads"].items():
        assert keep_comparable(found[path]) == keep_comparable(answer), path
    after = keep_version.let_go(server)
    for one in after["jobs"]:
        if one["name"] == PACKED and kept is KEPT:
            one |= {"completed_steps": 6, "total_steps": 6}
    assert keep_comparable(after) == keep_comparable(kept["after"])


@pytest.mark.process
def test_a_data_directory_answers_as_before(tmp_path: Path) -> None:
    """Resources, operations, permissions, experiments, paces, faults and metrics; and once more after a restart."""
    data = unpack(tmp_path / "data")
    with keep_version.running(SERVER, data):
        pass
    with keep_version.running(SERVER, data) as server:
        check_server(server)


@pytest.mark.process
def test_an_archive_answers_as_before(tmp_path: Path) -> None:
    """It brings what no table holds as well: faults of requests, the clock, the ids that come next."""
    with keep_version.running(SERVER, tmp_path / "data") as server:
        counts = server.do("POST", "/emulator/v1/snapshot", data=ARCHIVE)["counts"]
        assert (counts["tuning_jobs"], counts["model_versions"]) == (39, 16)
        (fault,) = server.control("GET", "faults")["faults"]
        assert (fault["fault"]["method"], fault["remaining"]) == ("ListModels", 2)
        assert server.control("GET", "clock")["frozen"]
        check_server(server)


@pytest.mark.process
def test_what_the_last_version_kept_answers_as_before(tmp_path: Path) -> None:
    """It takes no batches; what it has is copied row by row, and batches go beside it."""
    with keep_version.running(SERVER, unpack(tmp_path / "data", kept=VERSION_3)) as server:
        check_server(server, KEPT_3)
        assert server.do("GET", "/v1/projects/kept/locations/us-central1/batchPredictionJobs") == {}
    with keep_version.running(SERVER, tmp_path / "other") as server:
        server.do("POST", "/emulator/v1/snapshot", data=ARCHIVE_3)
        check_server(server, KEPT_3)


# --- rows


def test_what_was_asked_for_is_read_from_the_request_that_was_kept(tmp_path: Path) -> None:
    """Teachers, full tuning and output were read from it whenever they were needed."""
    store = Store(unpack(tmp_path / "data"))
    distilled = find_job(store, "distilled").asked
    assert (distilled.base_teacher, distilled.tuned_teacher, distilled.full) == ("gemini-2.5-pro", "", False)
    taught = find_job(store, "to be taught [pace=manual]").asked
    assert (taught.base_teacher, taught.tuned_teacher.endswith("@1")) == ("", True)
    delivered = find_job(store, "to be delivered [pace=manual]").asked
    assert (delivered.full, delivered.output_uri) == (True, "gs://kept/out/")
    assert find_job(store, "all weights").asked.full
    assert not find_job(store, "preference").asked.full
    halved = find_job(store, "halved").asked.hyperparameters
    assert (halved.learning_rate, halved.learning_rate_multiplier) == (0.0005, 0.5)
    assert find_job(store, "Zahlen ☃").reader_project_numbers == (12, 13)


def test_new_rows_take_new_uids(tmp_path: Path) -> None:
    """Not one of a row that has been deleted, whose files may still lie about."""
    data = unpack(tmp_path / "data")
    execute(data / DATABASE_NAME, "DELETE FROM tuning_jobs WHERE uid = (SELECT max(uid) FROM tuning_jobs)")
    store = Store(data)
    job = find_job(store, "halved")
    assert store.insert_job(replace(job, id="new")).uid == 41


def test_what_was_not_yet_in_the_file_itself_comes_along(tmp_path: Path) -> None:
    """A server that was killed leaves its last writes in a log beside the file."""
    data, killed = unpack(tmp_path / "data"), tmp_path / "killed"
    with closing(sqlite3.connect(data / DATABASE_NAME, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("UPDATE tuning_jobs SET description = 'late' WHERE display_name = 'halved'")
        shutil.copytree(data, killed)
    assert (killed / f"{DATABASE_NAME}-wal").stat().st_size > 0
    assert find_job(Store(killed), "halved").description == "late"


def test_a_row_that_cannot_be_read_is_kept_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The others are there; of this one no value is lost."""
    data = unpack(tmp_path / "data")
    execute(
        data / DATABASE_NAME,
        "UPDATE tuning_jobs SET requested = '{' WHERE id = 'halved'",
        "UPDATE operations SET response = '[' WHERE uid = 1",
    )
    store = Store(data)
    assert "tuning_jobs: row 2 cannot be read: Expecting property name" in caplog.text
    assert "operations: row projects/" in caplog.text
    assert store.get_tuned_model("numbers") is not None
    with pytest.raises(DamagedRowError, match="tuning_jobs: row 2"):
        store.get_tuned_model("halved")
    body = json.loads(store._database.execute("get_job_by_uid", 2).fetchone()["body"])
    assert (body["requested"], body["display_name"], body["owner"]) == ("{", "halved", "owner@example.com")
    store.close()
    assert Store(data).get_tuned_model("numbers") is not None


# --- copies


def make_copy(folder: Path) -> Path:
    """The records of the archive."""
    return unpack(folder, "archive.tar.gz") / "store.sqlite3"


def take(copy: Path) -> Contents:
    """What an import does with a copy."""
    upgrade_copy(copy)
    return read_contents(copy)


def test_a_copy_becomes_one_of_this_version(tmp_path: Path) -> None:
    """The same as a data directory does, with nothing beside it; done again, nothing changes."""
    copy = make_copy(tmp_path / "copy")
    contents = take(copy)
    assert (contents.counts["tuning_jobs"], len(contents.adapters)) == (39, 39)
    assert take(copy) == contents
    assert [path.name for path in copy.parent.glob("store*")] == ["store.sqlite3"]
    imported, opened = Store(), Store(unpack(tmp_path / "data"))
    imported.become(imported.load(copy), tmp_path / "none")
    assert dump_tables(imported) == dump_tables(opened)


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("UPDATE tuning_jobs SET statistics = '{}' WHERE uid = 13", "tuning_jobs: row 13 cannot be read"),
        ("UPDATE tuning_jobs SET state = 'DONE' WHERE uid = 5", "tuning_jobs: row 5 cannot be read: .*'DONE'"),
        ("UPDATE endpoints SET deployed = '7' WHERE uid = 3", "endpoints: row 3 cannot be read"),
        ("UPDATE courses SET pace = 'soon'", "gates, pace: row 1 cannot be read"),
        ("CREATE TRIGGER t AFTER INSERT ON models BEGIN DELETE FROM clock; END", "other tables .* writes: t"),
        ("PRAGMA user_version=1", "schema version 1, this program reads 2, 3 and 4"),
        ("PRAGMA user_version=3", "other tables than this program writes: .*courses"),
    ],
)
def test_a_copy_that_no_older_version_has_written_is_refused(statement: str, text: str, tmp_path: Path) -> None:
    """With the row, where it is one."""
    copy = make_copy(tmp_path / "copy")
    execute(copy, statement)
    with pytest.raises(StoreError, match=text):
        take(copy)


# --- a version whose rows are those of today


def test_a_store_of_version_3_keeps_its_rows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All of them, and the tables that it lacks are empty; at the next start nothing is to be done."""
    data = unpack(tmp_path / "data", kept=VERSION_3)
    with closing(sqlite3.connect(data / DATABASE_NAME)) as connection:
        before = {line for line in connection.iterdump() if line.startswith("INSERT")}
    store = Store(data)
    assert "schema version 3 becomes 4" in caplog.text
    assert before <= set(dump_tables(store))
    assert store.list_cached_contents_newest_first("vertex", "p", "l", 2**62, 9) == []
    store.close()
    caplog.clear()
    Store(data).close()
    assert caplog.text == ""
    assert read_contents(data / DATABASE_NAME).counts["cached_contents"] == 0


def test_a_copy_of_version_3_is_taken(tmp_path: Path) -> None:
    """One that has been changed is refused as before."""
    copy = unpack(tmp_path / "copy", "archive.tar.gz", VERSION_3) / "store.sqlite3"
    good = copy.read_bytes()
    assert take(copy).counts["tuning_jobs"] > 0
    assert [path.name for path in copy.parent.glob("store*")] == ["store.sqlite3"]
    copy.write_bytes(good)
    execute(copy, "CREATE TRIGGER t AFTER INSERT ON models BEGIN DELETE FROM clock; END")
    with pytest.raises(StoreError, match=r"other tables .* writes: t"):
        take(copy)


# --- killed in the middle

KILL = """
import os, shutil, signal, sqlite3, sys
from itertools import count
from pathlib import Path
from tests.store_dump import dump_tables
from tuning_emulator.store.store import Store

data, place = Path(sys.argv[1]), Path(sys.argv[2])

def open_and_die(directory, last):
    calls = count(1)
    def watch(frame, event, function):
        if event == "c_call" and function.__name__ in ("executescript", "executemany", "backup", "close", "commit"):
            if isinstance(function.__self__, sqlite3.Connection) and next(calls) == last:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.setprofile(watch)
    Store(directory)
    os._exit(0)

shutil.copytree(data, place / "whole")
whole = dump_tables(Store(place / "whole"))
for number in count(1):
    directory = place / str(number)
    shutil.copytree(data, directory)
    child = os.fork()
    if child == 0:
        open_and_die(directory, number)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    connection = sqlite3.connect(directory / "emulator.sqlite3")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    damage = connection.execute("PRAGMA integrity_check").fetchone()[0]
    connection.close()
    left = sorted(path.name for path in directory.iterdir() if path.name.startswith("emulator"))
    store = Store(directory)
    print(number, killed, version, damage, dump_tables(store) == whole, *left)
    if not killed:
        break
"""


@pytest.mark.process
def test_killed_at_any_moment_the_old_store_or_the_new_one_is_there(tmp_path: Path) -> None:
    """Whole, with nothing beside it that is not SQLite's own, and the next start takes it up."""
    data = unpack(tmp_path / "data")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", KILL, data, tmp_path], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *killed, last = [line.split() for line in done.stdout.splitlines()]
    assert len(killed) > 10
    assert last[1:5] == ["False", str(SCHEMA_VERSION), "ok", "True"]
    for _, died, version, damage, whole, *left in killed:
        assert (died, version in ("2", str(SCHEMA_VERSION)), damage, whole) == ("True", True, "ok", "True")
        assert not [name for name in left if not name.startswith(DATABASE_NAME)]
    assert {version for _, _, version, *_ in killed} == {"2", str(SCHEMA_VERSION)}


def test_an_import_that_the_older_program_had_committed_is_completed(tmp_path: Path) -> None:
    """Killed before the new state was in its place; the first to look is this program."""
    data = tmp_path / "data"
    Store(data).close()
    incoming = unpack(data / "incoming-1", "archive.tar.gz")
    (incoming / COMMITTED).touch()
    store = Store(data)
    recover(data, store)
    assert find_job(store, "halved").asked.hyperparameters.learning_rate_multiplier == 0.5
    assert (data / "jobs" / "gemini-1").is_dir()
    store.close()
    assert find_job(Store(data), "distilled").asked.base_teacher == "gemini-2.5-pro"


def test_the_tables_of_a_migrated_store_are_those_of_a_new_one(tmp_path: Path) -> None:
    """To the letter: a copy of it is checked by them."""
    store, fresh = Store(unpack(tmp_path / "data")), sqlite3.connect(":memory:")
    fresh.executescript(load_schema())
    statement = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
    found = map(tuple, store._database.connection.execute(statement))
    assert list(found) == fresh.execute(statement).fetchall()

"""State archives that are refused: hostile, damaged or none at all; nothing has changed then."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import tarfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.control.running import ServerState, open_world
from tests.control.test_archive import describe, make
from tests.control.test_export import FORMAT_1, describe_state, export, finish, load, populate
from tuning_emulator.storage.database import DATABASE_NAME


def unpack(archive: bytes) -> dict[str, bytes]:
    """The files of an archive, without its manifest."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {name: tar.extractfile(name).read() for name in tar.getnames() if name != "manifest.json"}  # type: ignore[union-attr]


def repack(files: dict[str, bytes]) -> bytes:
    """An archive of these files whose manifest fits them."""
    return make([("manifest.json", describe(files)), *files.items()])


def with_sql(statement: str) -> Callable[[dict[str, bytes]], None]:
    """Changes the records of an archive."""

    def change(files: dict[str, bytes]) -> None:
        connection = sqlite3.connect(":memory:")
        connection.deserialize(files["store.sqlite3"])
        connection.execute(statement)
        connection.commit()
        files["store.sqlite3"] = connection.serialize()

    return change


def with_file(name: str, data: bytes) -> Callable[[dict[str, bytes]], None]:
    """Adds or replaces a file of an archive."""
    return lambda files: files.update({name: data})


def with_sql_of_storage(statement: str) -> Callable[[dict[str, bytes]], None]:
    """Changes the records of buckets and objects."""

    def change(files: dict[str, bytes]) -> None:
        connection = sqlite3.connect(":memory:")
        connection.deserialize(files[STORAGE_RECORDS])
        connection.executescript(statement)
        files[STORAGE_RECORDS] = connection.serialize()

    return change


def with_meta(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, bytes]], None]:
    """Changes the list of buckets and objects, as an archive of the first format has it."""

    def apply(files: dict[str, bytes]) -> None:
        for name in [name for name in files if name.startswith("buckets/")]:
            del files[name]
        files.update(
            {name: data for name, data in unpack(FORMAT_1.read_bytes()).items() if name.startswith("buckets/")}
        )
        meta = json.loads(files["buckets/.meta"])
        change(meta)
        files["buckets/.meta"] = json.dumps(meta).encode()

    return apply


STORAGE_RECORDS = f"buckets/{DATABASE_NAME}"

REFUSED: dict[str, tuple[Callable[[dict[str, bytes]], object], str]] = {
    "no records": (lambda files: files.pop("store.sqlite3"), "'store.sqlite3' is missing"),
    "no state": (lambda files: files.pop("state.json"), "'state.json' is missing"),
    "records are no database": (with_file("store.sqlite3", b"x" * 5000), "store.sqlite3: file is not a database"),
    "records of another version": (with_sql("PRAGMA user_version=99"), "schema version 99"),
    "trigger": (
        with_sql("CREATE TRIGGER t AFTER INSERT ON models BEGIN DELETE FROM tuning_jobs; END"),
        "other tables than this program writes: t",
    ),
    "record that cannot be read": (with_sql("UPDATE tuning_jobs SET state = 'DONE'"), "tuning_jobs: row 1"),
    "pace that cannot be read": (with_sql("UPDATE paces SET pace = 'soon'"), "paces: row 1"),
    "fault that cannot be read": (with_sql("UPDATE job_faults SET fault = 'rain'"), "job_faults: row 1"),
    "project number that is none": (
        with_sql("INSERT INTO project_numbers VALUES ('my-project', '12x')"),
        "project_numbers: row 1",
    ),
    "adapter elsewhere": (
        with_sql("UPDATE tuning_jobs SET body = json_set(body, '$.progress.adapter', '../../etc')"),
        "the adapter '../../etc' is not in the archive",
    ),
    "adapter at an absolute path": (with_sql("UPDATE checkpoints SET adapter = '/etc'"), "the adapter '/etc'"),
    "adapter below its place": (
        with_sql("UPDATE checkpoints SET adapter = 'jobs/../state.json'"),
        "the adapter 'jobs/../state.json'",
    ),
    "adapter missing": (
        with_sql("UPDATE checkpoints SET adapter = 'jobs/vertex-9/x'"),
        "the adapter 'jobs/vertex-9/x' is not in the archive",
    ),
    "bucket that leads elsewhere": (
        with_meta(lambda meta: meta["buckets"].update({"../../x": {}})),
        "buckets: '../../x' is no bucket",
    ),
    "objects of no bucket": (with_meta(lambda meta: meta["objects"].update({"none": {}})), "'none' is no bucket"),
    "object without a file": (
        with_meta(lambda meta: meta["objects"]["made-by-upload"].update({"y": {"size": "1"}})),
        "the lists of objects and the files differ: made-by-upload/y",
    ),
    "file without an object": (
        with_meta(lambda meta: meta["objects"]["made-by-upload"].pop("x")),
        "the lists of objects and the files differ: made-by-upload/x",
    ),
    "object of another size": (
        with_meta(lambda meta: meta["objects"]["made-by-upload"]["x"].update({"size": "2"})),
        "x: 1 bytes, in the list 2",
    ),
    "buckets are no list": (with_file("buckets/.meta", b"[]"), "buckets: "),
    "buckets are no JSON": (with_file("buckets/.meta", b"{"), "buckets: "),
    "objects without their records": (
        lambda files: files.pop(STORAGE_RECORDS),
        "buckets: _storage.sqlite3: unable to open database file",
    ),
    "records of objects are no database": (with_file(STORAGE_RECORDS, b"x" * 5000), "file is not a database"),
    "records of objects of another version": (with_sql_of_storage("PRAGMA user_version=99"), "schema version 99"),
    "trigger on objects": (
        with_sql_of_storage("CREATE TRIGGER t AFTER INSERT ON objects BEGIN DELETE FROM objects; END"),
        "other tables than this program writes: t",
    ),
    "object that cannot be read": (with_sql_of_storage("UPDATE objects SET fields = '['"), "_storage.sqlite3: "),
    "object whose size is none": (with_sql_of_storage("UPDATE objects SET size_bytes = 'x'"), "_storage.sqlite3: "),
    "object whose metadata are none": (
        with_sql_of_storage("""UPDATE objects SET fields = '{"metadata": 1}'"""),
        "buckets: ",
    ),
    "bucket whose policy is none": (
        with_sql_of_storage(
            """UPDATE buckets SET fields = '{"softDeletePolicy": {"retentionDurationSeconds": "x"}}'"""
        ),
        "buckets: ",
    ),
    "record of no bucket": (
        with_sql_of_storage("PRAGMA foreign_keys=OFF; DELETE FROM buckets WHERE name = 'other'"),
        "'other' is no bucket",
    ),
    "record without a file": (
        with_sql_of_storage("UPDATE objects SET content = '../../../etc/passwd'"),
        "the records of objects and the files differ: ",
    ),
    "record of another size": (with_sql_of_storage("UPDATE objects SET size_bytes = 1"), "bytes, in its record 1"),
    "file without a record": (
        with_file("buckets/_contents/ab/ab000000000000000000000000000000", b""),
        "the records of objects and the files differ: ab000000000000000000000000000000",
    ),
    "file that is no content": (with_file("buckets/_contents/ab/strange", b""), "'strange' is no content"),
    "file of another kind": (with_file("buckets/other/strange", b""), "differ: other"),
    "upload that leads elsewhere": (
        with_sql_of_storage(
            "INSERT INTO sessions VALUES ('a', 'other', 'b', '../../x', 0, '{}', '{}', '{}', 0, NULL, 0, 0, 0)"
        ),
        "uploads under way do not belong here",
    ),
    "state is no JSON": (with_file("state.json", b"{"), "state.json: "),
    "unknown state": (with_file("state.json", b'{"faults": [], "ids": [], "run": 1}'), "state.json: "),
    "ids that cannot be": (with_file("state.json", b'{"faults": [], "ids": [1, 2]}'), "state.json: "),
    "fault for no method": (
        lambda files: files.update(
            {
                "state.json": json.dumps(
                    {
                        **json.loads(files["state.json"]),
                        "faults": [
                            {"id": "fault-1", "fault": {"method": "No", "code": "ABORTED"}, "matched": 0, "fired": 0}
                        ],
                    }
                ).encode()
            }
        ),
        "no method is called 'No'",
    ),
    "foreign file": (with_file("etc/passwd", b""), "'etc/passwd' is no file of a state archive"),
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An archive with one of everything."""

    async def make_one() -> bytes:
        async with open_world(tmp_path_factory.mktemp("exported")) as server:
            await populate(server)
            return await export(server)

    return asyncio.run(make_one())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def furnished(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[ServerState, str, str]]:
    """One emulator for all imports that change nothing; the names of its model and of a job that waits."""
    async with open_world(tmp_path_factory.mktemp("furnished")) as server:
        model = (await server.create_model("kept"))["metadata"]["tunedModel"]
        await finish(server)
        by_hand = (await server.create("by hand [pace=manual]"))["name"]
        await server.control("POST", "faults", {"method": "ListTunedModels", "code": "UNAVAILABLE"})
        yield server, model, by_hand


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", REFUSED)
async def test_a_refused_import_changes_nothing(
    name: str, furnished: tuple[ServerState, str, str], exported: bytes
) -> None:
    """Records, files, clock, faults and jobs that run are what they were; the answer says what is wrong."""
    (server, model, by_hand), (change, text) = furnished, REFUSED[name]
    files = unpack(exported)
    change(files)
    before, tasks = describe_state(server), dict(server.emulator.queue._running)
    refused = await load(server, repack(files), status=422)
    assert text in refused["detail"]
    assert refused["detail"].endswith("; nothing has changed")
    assert (describe_state(server), server.emulator.queue._running) == (before, tasks)
    assert (await server.get(model))["state"] == "ACTIVE"
    assert (await server.look(by_hand))[0] == "PENDING"
    await server.emulator.server.finish()
    assert not [path for path in server.emulator.directory.iterdir() if "coming" in path.name]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "the body is empty; send the archive itself: curl --data-binary @FILE"),
        (b'{"file": "snapshot.tar.gz"}', "the body is no gzip file; send the archive itself"),
        (b"--boundary\r\nContent-Disposition: form-data", "the body is no gzip file"),
    ],
)
async def test_bodies_that_are_no_archive(server: ServerState, body: bytes, text: str) -> None:
    """The usual mistakes say how it is done."""
    assert text in (await load(server, body, status=422))["detail"]


async def test_objects_without_a_storage_of_our_own(exported: bytes, tmp_path: Path) -> None:
    """Buckets cannot go into a Cloud Storage that is not ours: refused, with what would help."""
    (tmp_path / "x").mkdir()
    async with open_world(tmp_path / "x", storage="http://127.0.0.1:9") as server:
        refused = await load(server, exported, status=422)
        assert "start one with --storage embedded" in refused["detail"]

"""What an older version has stored is there afterwards as it was: its data directory, its archive, every row of them.

``version_2`` was written by the last program with that schema; ``keep_version`` says how.
"""

from __future__ import annotations

import json
import lzma
import sys
import tarfile
import time
from pathlib import Path

from tests.store import keep_version
from tests.store.keep_version import JOBS, Server

VERSION_2 = Path(__file__).with_name("version_2")
KEPT = json.loads(lzma.decompress((VERSION_2 / "answers.json.xz").read_bytes()))
ARCHIVE = (VERSION_2 / "archive.tar.gz").read_bytes()
SERVER = [sys.executable, "-m", "tuning_emulator"]
PATIENCE_S = 30.0


def unpack(folder: Path, name: str = "data.tar.xz") -> Path:
    """A directory with what was kept."""
    folder.mkdir()
    with tarfile.open(VERSION_2 / name) as tar:
        tar.extractall(folder, filter="data")
    return folder


# --- whole servers


def check_server(server: Server) -> None:
    """Every read is answered as it was, and every job that stood still goes on to the end that it had."""
    end = time.monotonic() + PATIENCE_S
    while server.do("GET", JOBS) != KEPT["reads"][JOBS]["body"] and time.monotonic() < end:
        time.sleep(0.05)  # jobs that go by a clock that stands still come to where they were
    found = keep_version.read_everything(server)
    assert found.keys() == KEPT["reads"].keys()
    for path, answer in KEPT["reads"].items():
        assert found[path] == answer, path
    assert keep_version.let_go(server) == KEPT["after"]


def test_a_data_directory_answers_as_before(tmp_path: Path) -> None:
    """Resources, operations, permissions, experiments, paces, faults and metrics; and once more after a restart."""
    data = unpack(tmp_path / "data")
    with keep_version.running(SERVER, data):
        pass
    with keep_version.running(SERVER, data) as server:
        check_server(server)


def test_an_archive_answers_as_before(tmp_path: Path) -> None:
    """It brings what no table holds as well: faults of requests, the clock, the ids that come next."""
    with keep_version.running(SERVER, tmp_path / "data") as server:
        counts = server.do("POST", "/emulator/v1/snapshot", data=ARCHIVE)["counts"]
        assert (counts["tuning_jobs"], counts["model_versions"]) == (39, 16)
        (fault,) = server.control("GET", "faults")["faults"]
        assert (fault["fault"]["method"], fault["remaining"]) == ("ListModels", 2)
        assert server.control("GET", "clock")["frozen"]
        check_server(server)

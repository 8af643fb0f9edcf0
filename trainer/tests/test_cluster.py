"""What a job takes of a cluster, and how its files travel: no cluster is needed for that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tuning_trainer.cluster.parcels import INLINE_BYTES, PIECE_BYTES, pack, pack_job, stamp, unpack
from tuning_trainer.cluster.placing import PROCESS_BYTES, SMALLEST, Share, choose_share
from tuning_trainer.spec import Job

GIB = 1 << 30
CPUS = {"CPU": 8.0, "memory": 32.0 * GIB}
GPUS = {"CPU": 16.0, "GPU": 2.0, "memory": 64.0 * GIB}
AS_NEEDED = Share()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A directory as large as a model of half a gigabyte; its file has no content."""
    directory = tmp_path / "large"
    directory.mkdir()
    with (directory / "model.safetensors").open("wb") as file:
        os.truncate(file.fileno(), GIB // 2)
    return directory


@pytest.mark.parametrize(
    ("changes", "nodes", "share"),
    [
        ({}, [CPUS], SMALLEST),
        ({}, [GPUS], SMALLEST),  # a small model is faster on a CPU
        ({"processes": 2}, [CPUS], Share(2, 0, 2 * PROCESS_BYTES)),
        ({"processes": 9}, [CPUS], Share(4, 0, 4 * PROCESS_BYTES)),  # a batch has four examples
        ({"base_model": "large"}, [CPUS], Share(4, 0, 3 * GIB)),
        ({"base_model": "large"}, [{"CPU": 2.0}], Share(2, 0, 3 * GIB)),
        ({"base_model": "large"}, [CPUS, GPUS], Share(1, 1, 3 * GIB)),
        ({"base_model": "large", "device": "cpu"}, [CPUS, GPUS], Share(4, 0, 3 * GIB)),
        ({"base_model": "large", "method": "full"}, [GPUS], Share(1, 1, 6 * GIB)),
        ({"base_model": "large", "processes": 4}, [GPUS], Share(16, 0, 12 * GIB)),  # no node has four GPUs
        ({"device": "cuda"}, [CPUS], Share(1, 1, PROCESS_BYTES)),  # waits until there is one
    ],
)
def test_a_share_follows_from_the_model_and_the_nodes(
    large: Path, changes: dict[str, Any], nodes: list[Mapping[str, Any]], share: Share
) -> None:
    """CPUs, GPUs and memory; what the user says stands."""
    values = changes | ({"base_model": str(large)} if "base_model" in changes else {})
    job = Job("1", "", "", **values)
    assert choose_share(job, nodes, AS_NEEDED) == share
    assert choose_share(job, nodes, Share(3, 0, GIB)) == Share(3, share.gpus, GIB)
    assert share.fits(GPUS) is (share.cpus <= 16 and share.gpus <= 2)


def test_files_and_directories_travel_whole(tmp_path: Path) -> None:
    """Larger ones in pieces through a store; what is being written stays where it is."""
    source, store = tmp_path / "source", dict[int, bytes]()
    (source / "inner").mkdir(parents=True)
    sizes = {"small": 5, "inner/inline": INLINE_BYTES, "large": PIECE_BYTES + 7}
    for name, size in sizes.items():
        (source / name).write_bytes(os.urandom(size))
    (source / ".state.tmp").write_text("half")

    def put(data: bytes) -> int:
        store[len(store)] = data
        return len(store) - 1

    files = pack(source, put)
    assert [name for name, _ in files] == ["inner/inline", "large", "small"]
    assert [len(data) for data in store.values()] == [PIECE_BYTES, 7]
    target = tmp_path / "target"
    target.mkdir()
    (target / "made").mkdir()
    (target / "made" / "before").write_text("goes")
    unpack([("made", files), ("a/b", pack(source / "small", put))], target, store.__getitem__)
    assert {name: (target / "made" / name).read_bytes() for name in sizes} == {
        name: (source / name).read_bytes() for name in sizes
    }
    assert not (target / "made" / "before").exists()
    assert (target / "a" / "b").read_bytes() == (source / "small").read_bytes()
    assert not list(target.rglob(".*"))


def test_a_job_takes_along_what_it_needs(tmp_path: Path) -> None:
    """Its data, the adapter that it continues and, where it was begun, events and state."""
    for name in ("examples.jsonl", "validation.jsonl"):
        (tmp_path / name).write_text(name)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "adapter_config.json").write_text("{}")
    job = Job("1", str(tmp_path), str(tmp_path / "examples.jsonl"))
    assert [name for name, _ in pack_job(job, bytes)] == ["examples"]
    (tmp_path / "state.safetensors").write_text("at step 5")
    whole = replace(job, adapter=str(tmp_path / "source"), validation=job.examples)
    assert [name for name, _ in pack_job(whole, bytes)] == ["examples", "validation", "adapter", "state.safetensors"]


@pytest.mark.process
@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed: pip install 'tuning-emulator[ray]'")
def test_a_cluster_that_does_not_answer_is_said(tmp_path: Path) -> None:
    """To the jobs that wait for it; one that is cancelled meanwhile is cancelled. Then the process ends."""
    command = [sys.executable, "-m", "tuning_trainer", "cluster", "--address=127.0.0.1:1", "--connect-timeout-s=3"]
    lines: list[dict[str, Any]] = [
        {"do": "train", "job": {"id": name, "directory": str(tmp_path), "examples": "none"}} for name in ("1", "2")
    ]
    lines += [{"do": "cancel", "job": "2"}, {"do": "dance"}, {"do": "train", "job": {"id": "3"}}]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"},  # nothing is looked for beyond loopback
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("".join(json.dumps(line) + "\n" for line in lines))
        process.stdin.flush()
        told = [json.loads(line) for line in process.stdout]
    assert process.returncode == 1
    assert told[-1]["job"] == "1"
    assert told[-1]["error"].startswith("no Ray cluster has answered at 127.0.0.1:1 for 3 s: ")
    assert {"job": "2", "event": "cancelled", "step": 0} in told
    assert [line["event"] for line in told if line.get("job") == "3"] == ["failed"]
    assert sum("not a request" in line.get("error", "") for line in told) == 1


def test_a_changed_file_changes_the_stamp(tmp_path: Path) -> None:
    """A base model is sent again once it is another one."""
    (tmp_path / "model").write_text("one")
    before = stamp(tmp_path)
    assert stamp(tmp_path) == before
    (tmp_path / "model").write_text("three")
    assert stamp(tmp_path) != before

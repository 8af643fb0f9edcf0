"""Jobs on a Ray cluster: two nodes that are raylets of this machine, in one network namespace and on one disk.

So what is shown is the way of jobs, files and faults; that nothing but Ray carries files follows from their paths: a
worker has a directory of its own, and the job's is never named to it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from tests.models import PAIRS, write_llama
from tuning_emulator.jobs.lora import LoraTrainer, missing_packages
from tuning_emulator.jobs.runner import Runner, create_ray_runner
from tuning_emulator.jobs.trainer import TrainerUnavailableError
from tuning_trainer.spec import (
    Cancelled,
    Checkpoint,
    Done,
    Event,
    Example,
    Failed,
    Job,
    Started,
    Step,
    Turn,
    format_example,
)

MISSING = [*missing_packages(), *(["ray"] if find_spec("ray") is None else [])]
pytestmark = [
    pytest.mark.lora,
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: pip install 'tuning-emulator[ray]'"),
]
PATIENCE_S = 60.0
LONG = 60
"""Epochs of a job that is not over before it is disturbed."""


@dataclass
class Nodes:
    """A cluster: a head that trains nothing, and nodes of one CPU each."""

    cluster: Any
    nodes: list[Any]

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def add(self) -> None:
        """One node more."""
        node = self.cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1", object_store_memory=100 << 20)
        self.nodes.append(node)

    def kill(self, pid: int) -> None:
        """Kills the node whose raylet is above a process, as if its plug were pulled."""
        above = {one.pid for one in psutil.Process(pid).parents()}
        (node,) = [one for one in self.nodes if above & {process.pid for process in list_processes(one)}]
        self.nodes.remove(node)
        self.cluster.remove_node(node, allow_graceful=False)


def list_processes(node: Any) -> list[Any]:
    """What a node was started as."""
    return [one.process for kind in node.all_processes.values() for one in kind]


MARK = "TUNING_EMULATOR_TEST_RUN"
"""A variable that whatever is started here inherits, however its parents end."""

ENVIRONMENT = {
    MARK: uuid.uuid4().hex,
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # all of it on loopback
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": uuid.uuid4().hex,
}


@pytest.fixture(scope="module")
def nodes(process: None) -> Iterator[Nodes]:
    # Sockets' paths have to be short.
    with (
        tempfile.TemporaryDirectory(prefix="te-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in {**ENVIRONMENT, "TMPDIR": folder}.items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster  # takes half a second, and reads the environment

        head = {"num_cpus": 0, "node_ip_address": "127.0.0.1", "object_store_memory": 100 << 20}
        made = Nodes(Cluster(initialize_head=True, head_node_args={**head, "include_dashboard": False}), [])
        made.add()
        made.add()
        yield made
        made.cluster.shutdown()
        wait_until(lambda: not list_ours(""))


def list_ours(*words: str) -> list[int]:
    """Processes of this run whose command has one of these words; "" is in any."""
    found = []
    for one in psutil.process_iter(["pid", "cmdline", "environ"]):
        ours = (one.info["environ"] or {}).get(MARK) == ENVIRONMENT[MARK] and one.pid != os.getpid()
        if ours and any(word in " ".join(one.info["cmdline"] or []) for word in words):
            found.append(one.info["pid"])
    return sorted(found)


def list_workers(trainer: LoraTrainer) -> list[int]:
    """Workers on the nodes: all but the one that answers here."""
    here = trainer.worker.process.pid if trainer.worker.process else 0
    return [pid for pid in list_ours("tuning_trainer worker") if pid != here]


def wait_until(reached: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def make_runner(nodes: Nodes, warm: int = 1) -> Runner:
    return create_ray_runner(nodes.address, {}, warm=warm, device="cpu", processes=1, activation_memory_bytes=0)


@pytest.fixture
async def trainer(nodes: Nodes) -> AsyncIterator[LoraTrainer]:
    made = LoraTrainer("cpu", runner=make_runner(nodes))
    await made.start()
    yield made
    await made.stop()
    wait_until(lambda: not list_ours("tuning_trainer"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llama(tmp_path_factory.mktemp("model"))


def make_job(directory: Path, **changes: Any) -> Job:
    """The documented pairs on the embedded model."""
    directory.mkdir(parents=True, exist_ok=True)
    examples = directory / "examples.jsonl"
    pairs = [Example((Turn("user", text), Turn("model", output))) for text, output in PAIRS]
    examples.write_text("\n".join(format_example(pair) for pair in pairs), encoding="utf-8")
    return replace(Job("1", str(directory), str(examples), epochs=2), **changes)


async def collect(trainer: LoraTrainer, job: Job) -> list[Event]:
    return [event async for event in trainer.train(job)]


def read_files(directory: Path) -> dict[str, bytes]:
    """What a job has made, without what carries times; of its state the values, whose header has no fixed order."""
    kept = [path for path in directory.rglob("*") if path.is_file() and "tensorboard" not in path.parts]
    found = {str(path.relative_to(directory)): path.read_bytes() for path in kept if path.name != "events.jsonl"}
    state = found["state.safetensors"]
    return found | {"state.safetensors": state[8 + int.from_bytes(state[:8], "little") :]}


async def train_locally(directory: Path, job: Job) -> list[Event]:
    """The same job as the default runner does it."""
    local = LoraTrainer("cpu")
    copied = make_job(directory)
    try:
        return await collect(local, replace(job, directory=copied.directory, examples=copied.examples))
    finally:
        await local.stop()


async def test_a_job_is_the_same_as_at_the_server(trainer: LoraTrainer, tmp_path: Path) -> None:
    """Events, losses, every file bit for bit; twice, the second time in the warm worker."""
    job = make_job(tmp_path / "far", checkpoint_steps=(3, 5))
    near = await train_locally(tmp_path / "near", job)
    far = await collect(trainer, job)
    workers = list_workers(trainer)
    again = await collect(trainer, make_job(tmp_path / "again", checkpoint_steps=(3, 5)))
    assert list_workers(trainer) == workers
    expected = read_files(tmp_path / "near")
    assert {"state.safetensors", "checkpoints/step-00000003/adapter_model.safetensors"} <= expected.keys()
    assert (tmp_path / "far" / "tensorboard").is_dir()
    for directory, events in ((tmp_path / "far", far), (tmp_path / "again", again)):
        moved = [_at(event, directory, tmp_path / "near") for event in events]
        assert moved == near
        assert read_files(directory) == expected


def _at(event: Event, here: Path, there: Path) -> Event:
    """An event of one directory as it would be in another."""
    if isinstance(event, Checkpoint):
        return replace(event, directory=event.directory.replace(str(here), str(there)))
    return replace(event, adapter=event.adapter.replace(str(here), str(there))) if isinstance(event, Done) else event


async def test_a_base_model_and_an_adapter_travel(trainer: LoraTrainer, model: Path, tmp_path: Path) -> None:
    """The worker has neither; both are named in the result as they are at the server."""
    first = make_job(tmp_path / "first", base_model=str(model))
    (adapter,) = [event.adapter for event in await train_locally(tmp_path / "before", first) if isinstance(event, Done)]
    job = make_job(tmp_path / "far", base_model=str(model), adapter=adapter)
    job = replace(job, validation=job.examples)
    near = await train_locally(tmp_path / "near", job)
    far = await collect(trainer, job)
    assert [_at(event, tmp_path / "far", tmp_path / "near") for event in far] == near
    assert read_files(tmp_path / "far") == read_files(tmp_path / "near")


async def test_a_job_goes_on_elsewhere_when_its_node_dies(nodes: Nodes, trainer: LoraTrainer, tmp_path: Path) -> None:
    """From what it had brought home; the adapter is that of an undisturbed run."""
    job = make_job(tmp_path / "far", epochs=LONG, checkpoint_steps=(20,))
    with pytest.raises(TrainerUnavailableError, match="is lost"):
        await kill_node_after_checkpoint(nodes, trainer, job)
    nodes.add()
    events = await collect(trainer, job)
    assert isinstance(events[0], Started)
    assert events[0].resumed_from >= 20
    await train_locally(tmp_path / "near", job)
    assert read_files(tmp_path / "far") == read_files(tmp_path / "near")


async def kill_node_after_checkpoint(nodes: Nodes, trainer: LoraTrainer, job: Job) -> None:
    """Once the state that was saved after the first one has come home."""
    state, checkpoint = Path(job.directory) / "state.safetensors", Path(job.directory) / "checkpoints"
    killed = False
    async for _ in trainer.train(job):
        saved_ns, shown_ns = find_time_ns(state), find_time_ns(checkpoint)
        if not killed and saved_ns > shown_ns > 0:
            killed = True
            nodes.kill(list_workers(trainer)[0])


def find_time_ns(path: Path) -> int:
    """When a file or directory was changed; 0: it is not there."""
    return path.stat().st_mtime_ns if path.exists() else 0


async def test_a_job_is_cancelled_in_the_middle(trainer: LoraTrainer, tmp_path: Path) -> None:
    """Its state has come home, and the worker is free for the next."""
    events = []
    async for event in trainer.train(make_job(tmp_path, epochs=LONG)):
        events.append(event)
        if isinstance(event, Step) and event.step == 3:
            await trainer.cancel("1")
    assert isinstance(events[-1], Cancelled)
    assert 3 <= events[-1].step < 220
    assert (tmp_path / "state.safetensors").exists()
    resumed = await collect(trainer, make_job(tmp_path, epochs=LONG))
    assert isinstance(resumed[0], Started)
    assert resumed[0].resumed_from == events[-1].step


async def test_a_job_that_waits_for_room_is_cancelled_at_once(nodes: Nodes, tmp_path: Path) -> None:
    """No node has so many CPUs."""
    runner = create_ray_runner(
        nodes.address, {"cpus": 64}, warm=0, device="cpu", processes=1, activation_memory_bytes=0
    )
    trainer = LoraTrainer("cpu", runner=runner)
    asked = asyncio.create_task(collect(trainer, make_job(tmp_path)))
    async with asyncio.timeout(PATIENCE_S):
        while not runner.describe().get("waiting_jobs"):  # noqa: ASYNC110 it has no event
            await asyncio.sleep(0.05)
        await trainer.cancel("1")
        assert await asked == [Cancelled(0)]
    await trainer.stop()


async def test_a_bad_job_fails_with_a_reason(trainer: LoraTrainer, tmp_path: Path) -> None:
    """In the words of the trainer, with the paths of the server."""
    job = make_job(tmp_path / "far", adapter_size=8, adapter=str(tmp_path / "far"))
    (event,) = await collect(trainer, job)
    assert isinstance(event, Failed)
    (near,) = await train_locally(tmp_path / "near", job)
    assert event == near
    assert str(tmp_path / "far") in event.message


async def test_nothing_is_left_when_the_server_is_killed(nodes: Nodes, tmp_path: Path) -> None:
    """What passes jobs on reads the end of its input, or is killed with the server; Ray ends the rest."""
    trainer = LoraTrainer("cpu", runner=make_runner(nodes))
    async with aclosing(trainer.train(make_job(tmp_path, epochs=LONG))) as events:
        async for event in events:
            if isinstance(event, Step):
                break
        assert trainer.runner.process is not None
        assert list_workers(trainer)
        trainer.runner.process.kill()
    await trainer.stop()
    wait_until(lambda: not list_ours("tuning_trainer"))

"""Jobs run in order, stop when asked, survive a restart, and never stay RUNNING for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.memory_objects import MemoryObjects, write_pairs
from tests.records import make_apis, make_job, make_tuned_model
from tuning_emulator.core.clock import SteerableClock
from tuning_emulator.core.ids import Ids
from tuning_emulator.core.lifecycle import IllegalTransitionError
from tuning_emulator.core.records import Failure, Hyperparameters, JobState, TuningJob, TuningMethod
from tuning_emulator.jobs.queue import Queue
from tuning_emulator.jobs.scripted import ScriptedTrainer
from tuning_emulator.jobs.steps import CANCELLED, Pipeline
from tuning_emulator.jobs.trainer import Answering, Trainer, TrainerKilledError
from tuning_emulator.media.reading import MediaReader
from tuning_emulator.store.store import Store
from tuning_trainer.spec import Event, Example, Failed, Job, Started, Step, Turn, format_example

PAIRS = [(str(number), str(number + 1)) for number in range(15)]
EXAMPLES = "\n".join(format_example(Example((Turn("user", a), Turn("model", b)))) for a, b in PAIRS)
HYPERPARAMETERS = Hyperparameters(epochs=5, batch_size=4, learning_rate=1e-3, adapter_size=4)


def insert_job(store: Store, **changes: Any) -> TuningJob:
    """A Vertex job on fifteen pairs of Cloud Storage, with the documented defaults."""
    return store.insert_job(make_job(hyperparameters=HYPERPARAMETERS, **changes))


def insert_tuned_model(store: Store) -> TuningJob:
    """A tuned model whose fifteen pairs came with the request."""
    job = store.insert_job(make_tuned_model(hyperparameters=HYPERPARAMETERS))
    store.put_inline_dataset(job.uid, EXAMPLES)
    return job


def make_queue(
    directory: Path,
    store: Store,
    step_s: float = 0.0,
    objects: MemoryObjects | None = None,
    trainer: Trainer | None = None,
) -> Queue:
    """A queue with the scripted trainer; every object of Cloud Storage is fifteen pairs unless given."""
    clock, stored = SteerableClock(), objects or MemoryObjects(write_pairs(PAIRS))
    answering = Answering({"scripted": trainer or ScriptedTrainer(step_s)}, "scripted", directory, {})
    apis = make_apis(store, Ids(1))
    return Queue(Pipeline(store, clock, apis, answering, directory, lambda: stored, MediaReader()))


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    kept = Store()
    yield kept
    kept.close()


async def finish(queue: Queue, uid: int) -> TuningJob:
    """The job at its end."""
    job = await queue.wait_until_ended(uid, timeout_s=20)
    assert isinstance(job, TuningJob)
    return job


async def test_a_job_runs_to_its_end_with_one_point_per_step(store: Store, tmp_path: Path) -> None:
    """15 examples, 5 epochs, batches of 4: 19 steps, epochs floor(step·4/15), as recorded."""
    queue = make_queue(tmp_path, store)
    await queue.start()
    uid = insert_tuned_model(store).uid
    queue.wake()
    job = await finish(queue, uid)
    points = store.list_metric_points(uid)
    assert (job.progress.state, job.progress.total_steps, job.progress.completed_steps) == (JobState.SUCCEEDED, 19, 19)
    assert [point.epoch for point in points] == [step * 4 // 15 for step in range(1, 20)]
    assert [point.step for point in points] == list(range(1, 20))
    assert points[-1].mean_loss < points[0].mean_loss
    assert (tmp_path / job.progress.adapter).is_dir()
    await queue.stop()


async def test_the_second_job_of_a_project_waits_for_the_first(store: Store, tmp_path: Path) -> None:
    """The documented quota: one at a time per project; another project's job runs beside it."""
    queue = make_queue(tmp_path, store, step_s=0.01)
    await queue.start()
    first, second = insert_job(store, id="1"), insert_job(store, id="2")
    other = insert_job(store, id="3", project="9")
    queue.wake()
    await asyncio.sleep(0.05)
    states = [store.get_job_by_uid(job.uid).progress.state for job in (first, second, other)]  # type: ignore[union-attr]
    assert states == [JobState.RUNNING, JobState.PENDING, JobState.RUNNING]
    ended = [await finish(queue, job.uid) for job in (first, second, other)]
    assert [job.progress.state for job in ended] == [JobState.SUCCEEDED] * 3
    assert (ended[1].progress.started_ns or 0) >= (ended[0].progress.ended_ns or 0)
    await queue.stop()


async def test_cancelling_a_waiting_job_ends_it_and_a_running_one_stops(store: Store, tmp_path: Path) -> None:
    """PENDING → CANCELLED at once; RUNNING → CANCELLING → CANCELLED, with error code 1; then no more."""
    queue = make_queue(tmp_path, store, step_s=0.02)
    await queue.start()
    running, waiting = insert_job(store, id="1"), insert_job(store, id="2")
    queue.wake()
    await asyncio.sleep(0.1)
    assert queue.cancel(waiting.uid).progress.state is JobState.CANCELLED
    assert queue.cancel(running.uid).progress.state is JobState.CANCELLING
    ended = await finish(queue, running.uid)
    assert (ended.progress.state, ended.progress.error) == (JobState.CANCELLED, CANCELLED)
    assert ended.progress.completed_steps < 19
    with pytest.raises(IllegalTransitionError):
        queue.cancel(running.uid)
    await queue.stop()


async def test_cancelling_while_the_dataset_is_read_stops_there(store: Store, tmp_path: Path) -> None:
    """A large file does not have to be read to its end."""
    reading = threading.Event()

    def read_for_ever(uri: str) -> Iterator[bytes]:
        for line in cycle(write_pairs(PAIRS)):
            reading.set()
            yield line
            threading.Event().wait(0.005)

    queue = make_queue(tmp_path, store, objects=MemoryObjects(read_for_ever))
    await queue.start()
    uid = insert_job(store).uid
    queue.wake()
    await asyncio.to_thread(reading.wait, 10)
    queue.cancel(uid)
    ended = await finish(queue, uid)
    assert (ended.progress.state, ended.progress.total_steps) == (JobState.CANCELLED, 0)
    await queue.stop()


async def test_a_refused_dataset_fails_the_job_with_its_text(store: Store, tmp_path: Path) -> None:
    """The reader's words arrive in `error`; nothing was trained."""
    queue = make_queue(tmp_path, store, objects=MemoryObjects([*write_pairs(PAIRS[:1]), b"{}"]))
    await queue.start()
    uid = insert_job(store).uid
    queue.wake()
    job = await finish(queue, uid)
    assert (job.progress.state, job.progress.error) == (
        JobState.FAILED,
        Failure(3, "Row: 1. Missing required `contents` field."),
    )
    await queue.stop()


async def test_an_error_of_our_own_fails_the_job_and_the_next_one_runs(store: Store, tmp_path: Path) -> None:
    """A bug ends one job honestly, not the queue."""

    def stumble(uri: str) -> list[bytes]:
        if uri.endswith("broken.jsonl"):
            raise ZeroDivisionError
        return write_pairs(PAIRS)

    queue = make_queue(tmp_path, store, objects=MemoryObjects(stumble))
    await queue.start()
    first = insert_job(store, id="1", training_uri="gs://bucket/broken.jsonl")
    second = insert_job(store, id="2")
    queue.wake()
    failed, succeeded = await finish(queue, first.uid), await finish(queue, second.uid)
    assert failed.progress.error == Failure(13, "Internal error encountered.")
    assert succeeded.progress.state is JobState.SUCCEEDED
    await queue.stop()


async def test_what_no_trainer_can_do_fails_and_says_so(store: Store, tmp_path: Path) -> None:
    """Never a pretended success."""
    queue = make_queue(tmp_path, store)
    await queue.start()
    uid = insert_job(store, method=TuningMethod.VEO, base_model="veo-2").uid
    queue.wake()
    job = await finish(queue, uid)
    assert job.progress.state is JobState.FAILED
    assert job.progress.error is not None
    assert (job.progress.error.code, "veo" in job.progress.error.message) == (12, True)
    await queue.stop()


async def test_a_job_that_was_running_when_the_server_ended_is_run_to_its_end(tmp_path: Path) -> None:
    """Nothing stays RUNNING for ever; what was CANCELLING is CANCELLED."""
    store = Store(tmp_path)
    queue = make_queue(tmp_path, store, step_s=0.05)
    await queue.start()
    job, doomed = insert_job(store, id="1"), insert_job(store, id="2", project="9")
    queue.wake()
    await asyncio.sleep(0.2)
    await queue.stop()
    store.close()
    store = Store(tmp_path)
    left = store.get_job_by_uid(job.uid)
    assert left is not None
    assert (left.progress.state, left.progress.completed_steps > 0) == (JobState.RUNNING, True)
    queue = make_queue(tmp_path, store)
    await queue.start()
    ended = [await finish(queue, uid) for uid in (job.uid, doomed.uid)]
    assert [one.progress.state for one in ended] == [JobState.SUCCEEDED] * 2
    assert ended[0].progress.started_ns == left.progress.started_ns
    assert len(store.list_metric_points(job.uid)) == 19
    await queue.stop()
    store.close()


class DyingTrainer(ScriptedTrainer):
    """Is killed in its first ``deaths`` attempts, after one step, while it writes."""

    def __init__(self, deaths: int) -> None:
        super().__init__()
        self.deaths = deaths

    async def train(self, job: Job) -> AsyncGenerator[Event]:
        """As the scripted one, unless it dies."""
        if self.deaths:
            self.deaths -= 1
            yield Started(15, 19, "none", "none", 0)
            yield Step(1, 0, 1.0)
            for name in (".state.safetensors.tmp", ".tmpUPdgvz"):  # ours, and what safetensors calls its own
                (Path(job.directory) / name).write_text("half of it")
            raise TrainerKilledError("killed", 9)
        async for event in super().train(job):
            yield event


@pytest.mark.parametrize(("deaths", "state"), [(2, JobState.SUCCEEDED), (3, JobState.FAILED)])
async def test_a_trainer_that_is_killed_is_given_the_job_again(
    store: Store, tmp_path: Path, deaths: int, state: JobState
) -> None:
    """Thrice is too often: the job fails, and says in our name what it was most likely and what would help."""
    queue = make_queue(tmp_path, store, trainer=DyingTrainer(deaths))
    await queue.start()
    uid = insert_tuned_model(store).uid
    queue.wake()
    job = await finish(queue, uid)
    assert job.progress.state is state
    if (error := job.progress.error) is not None:
        assert error.code == 8
        assert error.message.startswith("tuning-emulator: the trainer's process was killed 3 times ")
        assert "--jobs-per-project" in error.message
    assert list((tmp_path / "jobs").rglob(".*")) == []  # nobody goes on with it
    assert (job.progress.retries, sum(queue.retries.values())) == (2, 2)
    await queue.stop()


class StarvingTrainer(ScriptedTrainer):
    """Has too little memory."""

    async def train(self, job: Job) -> AsyncGenerator[Event]:
        """Never a step."""
        yield Failed(8, "The trainer's process had too little memory.")


async def test_a_job_without_memory_says_what_would_help(store: Store, tmp_path: Path) -> None:
    """In the emulator's own name: no service says so."""
    queue = make_queue(tmp_path, store, trainer=StarvingTrainer())
    await queue.start()
    uid = insert_tuned_model(store).uid
    queue.wake()
    job = await finish(queue, uid)
    assert job.progress.error is not None
    assert job.progress.error.code == 8
    assert job.progress.error.message.startswith("tuning-emulator: the trainer's process had too little memory; ")
    await queue.stop()


class RefusingTrainer(ScriptedTrainer):
    """Cannot train on what it gets."""

    async def train(self, job: Job) -> AsyncGenerator[Event]:
        """One event."""
        yield Failed(3, "examples: all 15 are longer than 2 tokens")


async def test_what_the_trainer_cannot_do_is_said_in_our_own_name(store: Store, tmp_path: Path) -> None:
    """No service's words: the message begins with who speaks, and names what would help."""
    queue = make_queue(tmp_path, store, trainer=RefusingTrainer())
    await queue.start()
    uid = insert_tuned_model(store).uid
    queue.wake()
    error = (await finish(queue, uid)).progress.error
    await queue.stop()
    assert error is not None
    assert error.message.startswith("tuning-emulator: examples: all 15 are longer than 2 tokens")
    assert "--base-model" in error.message


async def test_a_forgotten_running_job_stops_and_its_files_go(store: Store, tmp_path: Path) -> None:
    """Deleting a tuned model that is still CREATING leaves nothing behind."""
    queue = make_queue(tmp_path, store, step_s=0.02)
    await queue.start()
    uid = insert_tuned_model(store).uid
    queue.wake()
    await asyncio.sleep(0.1)
    assert list((tmp_path / "jobs").iterdir())
    queue.forget(uid)
    assert store.get_job_by_uid(uid) is None
    await queue.stop()
    assert not list((tmp_path / "jobs").iterdir())


def fill_disk(store: Store) -> None:
    """No page more can be had, as on a full disk."""
    connection = store._database.connection
    connection.execute(f"PRAGMA max_page_count={connection.execute('PRAGMA page_count').fetchone()[0]}")


def empty_disk(store: Store) -> None:
    store._database.connection.execute("PRAGMA max_page_count=1000000")


async def until(reached: Callable[[], bool]) -> None:
    while not reached():  # noqa: ASYNC110 it has no event
        await asyncio.sleep(0.01)


async def reach_full_disk(queue: Queue, store: Store, caplog: pytest.LogCaptureFixture) -> int:
    """A job amid its steps, which cannot be written down any more."""
    await queue.start()
    uid = store.insert_job(make_tuned_model(hyperparameters=replace(HYPERPARAMETERS, epochs=900))).uid
    store.put_inline_dataset(uid, EXAMPLES)
    queue.wake()
    await until(lambda: len(store.list_metric_points(uid)) >= 5)
    fill_disk(store)
    await until(lambda: "until there is space" in caplog.text)
    return uid


@pytest.mark.slow
async def test_a_job_goes_on_once_a_full_disk_has_space(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It neither stays RUNNING for ever nor loses a step."""
    queue = make_queue(tmp_path, store, step_s=0.0001)
    uid = await reach_full_disk(queue, store, caplog)
    assert store.get_job_by_uid(uid).progress.state is JobState.RUNNING  # type: ignore[union-attr]
    empty_disk(store)
    job = await finish(queue, uid)
    assert job.progress.state is JobState.SUCCEEDED
    points = store.list_metric_points(uid)
    assert [point.step for point in points] == list(range(1, job.progress.total_steps + 1))
    await queue.stop()


async def test_a_job_is_cancelled_though_the_disk_was_full(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What was asked meanwhile is done as soon as it can be."""
    queue = make_queue(tmp_path, store, step_s=0.0001)
    uid = await reach_full_disk(queue, store, caplog)
    queue.cancel(uid)
    empty_disk(store)
    assert (await finish(queue, uid)).progress.state is JobState.CANCELLED
    await queue.stop()

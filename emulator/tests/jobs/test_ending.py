"""Ending work on jobs whose records are about to go: nothing is left that works on them or on their files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.jobs.test_lora import make_job as make_lora_job
from tests.jobs.test_queue import insert_job, insert_tuned_model, make_queue
from tests.models import write_llama
from tuning_emulator.core.records import JobState
from tuning_emulator.jobs.lora import LoraTrainer
from tuning_emulator.jobs.queue import Queue
from tuning_emulator.store.store import Store
from tuning_trainer.spec import Done, Step


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    kept = Store()
    yield kept
    kept.close()


async def run_until_stepping(queue: Queue, store: Store, uid: int) -> None:
    """Waits for a job's first step."""
    async with asyncio.timeout(20):
        while not store.list_metric_points(uid):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_some_jobs_end_and_others_go_on(store: Store, tmp_path: Path) -> None:
    """Nothing is written about the ended one afterwards, not even its state; the other one succeeds."""
    queue = make_queue(tmp_path, store, step_s=0.02)
    await queue.start()
    doomed, kept = insert_tuned_model(store), insert_job(store, id="2", project="9")
    queue.wake()
    await run_until_stepping(queue, store, doomed.uid)
    await queue.end(lambda: [doomed.uid])
    left = store.get_job_by_uid(doomed.uid)
    steps = len(store.list_metric_points(doomed.uid))
    other = await queue.wait_until_ended(kept.uid, timeout_s=20)
    assert other is not None
    assert other.progress.state is JobState.SUCCEEDED
    assert store.get_job_by_uid(doomed.uid) == left
    assert len(store.list_metric_points(doomed.uid)) == steps
    await queue.stop()


async def test_whoever_waits_for_an_ended_job_hears_that_it_is_gone(store: Store, tmp_path: Path) -> None:
    """WaitOperation does not sit out its time."""
    queue = make_queue(tmp_path, store, step_s=0.02)
    await queue.start()
    uid = insert_tuned_model(store).uid
    queue.wake()
    await run_until_stepping(queue, store, uid)
    waiting = asyncio.create_task(queue.wait_until_ended(uid))
    await asyncio.sleep(0)
    await queue.end()
    store.delete_job(uid)
    async with asyncio.timeout(20):
        assert await waiting is None
    await queue.stop()


async def test_work_taken_up_again_comes_to_its_end(store: Store, tmp_path: Path) -> None:
    """What was ended is resumed as after a restart."""
    queue = make_queue(tmp_path, store, step_s=0.02)
    await queue.start()
    uid = insert_tuned_model(store).uid
    queue.wake()
    await run_until_stepping(queue, store, uid)
    await queue.end()
    queue.take_up()
    job = await queue.wait_until_ended(uid, timeout_s=20)
    assert job is not None
    assert (job.progress.state, len(store.list_metric_points(uid))) == (JobState.SUCCEEDED, 19)
    await queue.stop()


@pytest.mark.lora
async def test_a_real_job_that_nobody_follows_stops(tmp_path: Path) -> None:
    """Once its events are closed, the process writes nothing any more, and takes the same job again at once."""
    trainer = LoraTrainer()
    job = make_lora_job(tmp_path / "job", write_llama(tmp_path / "model"), epochs=200)
    async with aclosing(trainer.train(job)) as events:
        async for event in events:
            if isinstance(event, Step) and event.step == 2:
                break
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "job").rglob("*")}
    await asyncio.sleep(0.3)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "job").rglob("*")} == written
    short = make_lora_job(tmp_path / "other", tmp_path / "model", epochs=1)
    assert isinstance([event async for event in trainer.train(short)][-1], Done)
    await trainer.stop()

"""The trainer's process: jobs and questions side by side, and what happens when it dies."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path

import pytest

from tests.models import PAIRS, write_llama
from tests.server_process import children_of
from tuning_emulator.jobs.lora import LoraTrainer, missing_packages
from tuning_emulator.jobs.trainer import TrainerKilledError, TrainerUnavailableError
from tuning_trainer.spec import (
    Cancelled,
    Done,
    Event,
    Example,
    Failed,
    Job,
    Prompt,
    Reply,
    Started,
    Step,
    Turn,
    format_example,
)

pytestmark = [
    pytest.mark.lora,
    pytest.mark.skipif(bool(missing_packages()), reason=f"lora needs {', '.join(missing_packages())}"),
]
QUESTION = (Turn("user", "two hundred"),)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llama(tmp_path_factory.mktemp("model"))


@pytest.fixture
async def trainer() -> AsyncIterator[LoraTrainer]:
    made = LoraTrainer()
    await made.start()
    yield made
    await made.stop()


async def test_a_process_that_still_loads_is_ended_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """A short program under ``exec`` is over before torch is there: that is nothing to warn of, or to wait for."""
    made = LoraTrainer(stop_timeout_s=3600)
    await made.start()
    process = made.worker.process
    assert process is not None
    assert made.health()["ready"] is False
    await asyncio.wait_for(made.stop(), 60)
    assert process.returncode == -signal.SIGKILL
    assert not caplog.records


def make_job(directory: Path, model: Path, identifier: str = "1", epochs: int = 2) -> Job:
    """The documented pairs on a tiny random model."""
    directory.mkdir(parents=True, exist_ok=True)
    examples = directory / "examples.jsonl"
    pairs = [Example((Turn("user", text), Turn("model", output))) for text, output in PAIRS]
    examples.write_text("\n".join(format_example(pair) for pair in pairs), encoding="utf-8")
    return Job(identifier, str(directory), str(examples), base_model=str(model), epochs=epochs)


async def collect(trainer: LoraTrainer, job: Job) -> list[Event]:
    """All events of a job."""
    return [event async for event in trainer.train(job)]


async def kill_after_two_steps(trainer: LoraTrainer, job: Job, child: bool = False) -> None:
    """Follows a job, and ends the process under it, or the child of it that trains."""
    async for event in trainer.train(job):
        if isinstance(event, Step) and event.step == 2:
            pid = int(str(trainer.health()["pid"]))
            os.kill(children_of(pid)[0] if child else pid, signal.SIGKILL)


async def test_questions_are_answered_while_jobs_train(trainer: LoraTrainer, model: Path, tmp_path: Path) -> None:
    """Each gets its own lines back: two jobs, three questions and a count at the same time, ids alike."""
    jobs = [make_job(tmp_path / name, model, name) for name in ("1", "2")]
    prompt = Prompt(QUESTION, base_model=str(model), max_output_tokens=4)
    (first, second), counts, replies = await asyncio.gather(
        asyncio.gather(*(collect(trainer, job) for job in jobs)),
        trainer.count_tokens(str(model), ["one", "one two three"]),
        asyncio.gather(*(trainer.generate(prompt) for _ in range(3))),
    )
    losses = [[event.loss for event in events if isinstance(event, Step)] for events in (first, second)]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 8
    assert isinstance(first[-1], Done)
    assert 0 < counts[0] < counts[1]
    assert [reply == replies[0] for reply in replies] == [True] * 3
    assert {"adapter_config.json", "adapter_model.safetensors"} <= set(os.listdir(first[-1].adapter))


async def test_a_stream_adds_up_to_its_reply(trainer: LoraTrainer, model: Path) -> None:
    """Pieces first, the whole at the end."""
    prompt = Prompt(QUESTION, base_model=str(model), max_output_tokens=6)
    items = [item async for item in trainer.stream(prompt)]
    assert isinstance(items[-1], Reply)
    assert "".join(str(item) for item in items[:-1]) == items[-1].answers[0].text


async def test_a_stream_that_nobody_reads_is_given_up(trainer: LoraTrainer, model: Path) -> None:
    """The trainer is told, whether it is closed or cancelled, and answers others."""
    long = Prompt(QUESTION, base_model=str(model), max_output_tokens=200, candidates=64, temperature=2.0)
    stream = trainer.stream(long)
    assert isinstance(stream, AsyncGenerator)
    async with aclosing(stream) as pieces:
        assert await anext(pieces)
    asked = asyncio.create_task(trainer.generate(long))
    await trainer.generate(Prompt(QUESTION, base_model=str(model), max_output_tokens=1))
    asked.cancel()
    with suppress(asyncio.CancelledError):
        await asked
    reply = await trainer.generate(Prompt(QUESTION, base_model=str(model), max_output_tokens=4))
    assert reply.answers[0].tokens <= 4
    assert not trainer.worker.inboxes


async def test_a_job_is_cancelled_in_the_middle(trainer: LoraTrainer, model: Path, tmp_path: Path) -> None:
    """The next event but for steps under way is Cancelled."""
    events = []
    async for event in trainer.train(make_job(tmp_path, model, epochs=400)):
        events.append(event)
        if isinstance(event, Step) and event.step == 3:
            await trainer.cancel("1")
    assert isinstance(events[-1], Cancelled)
    assert events[-1].step < 1500


async def test_a_bad_job_fails_with_a_reason(trainer: LoraTrainer, tmp_path: Path) -> None:
    """A directory that holds no model is named."""
    events = await collect(trainer, make_job(tmp_path, tmp_path / "nothing"))
    assert isinstance(events[-1], Failed)
    assert "nothing" in events[-1].message


async def test_its_death_is_told_and_the_next_question_starts_it_again(
    trainer: LoraTrainer, model: Path, tmp_path: Path
) -> None:
    """Killed for real: the job under way ends with an error that says how, and the one after it works."""
    job = make_job(tmp_path, model, epochs=400)
    with pytest.raises(TrainerUnavailableError, match="exit status -9"):
        await kill_after_two_steps(trainer, job)
    reply = await trainer.generate(Prompt(QUESTION, base_model=str(model), max_output_tokens=2))
    assert reply.answers[0].tokens > 0


async def test_the_death_of_a_jobs_own_process_is_told_as_the_trainers_is(
    trainer: LoraTrainer, model: Path, tmp_path: Path
) -> None:
    """Whichever of them a kernel without memory chooses: the job can be given again, and goes on."""
    job = make_job(tmp_path, model, epochs=400)
    with pytest.raises(TrainerKilledError, match="signal 9") as caught:
        await kill_after_two_steps(trainer, job, child=True)
    assert caught.value.signal == signal.SIGKILL
    async with aclosing(trainer.train(job)) as events:
        assert isinstance(await anext(events), Started)


async def test_health_tells_the_device_once_it_is_ready(trainer: LoraTrainer, model: Path) -> None:
    """Torch's version and the device that there is are known after the first answer."""
    await trainer.count_tokens(str(model), ["one"])
    health = trainer.health()
    assert (health["ready"], health["device"] in ("cpu", "cuda")) == (True, True)


async def test_a_device_that_is_asked_for_must_be_there(model: Path, tmp_path: Path) -> None:
    """Of jobs and of answers alike: the setting reaches the process."""
    trainer = LoraTrainer("cuda")
    await trainer.start()
    try:
        await trainer.count_tokens(str(model), ["one"])
        if trainer.health()["device"] == "cuda":
            pytest.skip("CUDA is there")
        with pytest.raises(TrainerUnavailableError, match="device: 'cuda' was asked for, but torch sees no CUDA"):
            await trainer.generate(Prompt(QUESTION, base_model=str(model)))
        *_, last = await collect(trainer, make_job(tmp_path, model))
        assert isinstance(last, Failed)
        assert "sees no CUDA device" in last.message
    finally:
        await trainer.stop()


async def test_a_folder_of_the_users_is_not_taken_for_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People keep folders called `trainer` where they start the server."""
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer" / "__init__.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    trainer = LoraTrainer()
    await trainer.start()
    try:
        assert (await trainer.count_tokens("embedded", ["one two"]))[0] > 0
    finally:
        await trainer.stop()

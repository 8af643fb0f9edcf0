"""The warm worker as the server uses it: JSON lines over pipes, real processes."""

from __future__ import annotations

import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from tests.models import make_job, write_gpt2
from tuning_trainer.answering.generate import answer
from tuning_trainer.learning.loop import run_job
from tuning_trainer.spec import Done, Job, Prompt, Turn, parse_reply

PATIENCE_S = 120.0
"""Longest wait for a line: a bound against hanging, not a claim about speed."""

Message = dict[str, Any]


class WorkerProcess:
    """A worker with its pipes."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "tuning_trainer", "worker", *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._rest = b""
        self.ready = self.read()

    def send(self, **message: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def train(self, job: Job) -> None:
        self.send(do="train", job=dataclasses.asdict(job))

    def ask(self, name: str, prompt: Prompt, stream: bool = False) -> None:
        self.send(do="generate", id=name, stream=stream, prompt=dataclasses.asdict(prompt))

    def read(self) -> Message:
        """The next line, or an error after ``PATIENCE_S``."""
        assert self.process.stdout
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
            data = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            if not data:
                raise AssertionError(f"no line within {PATIENCE_S} s, or end of output; have {self._rest!r}")
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        message: Message = json.loads(line)
        return message

    def read_until(self, wanted: Callable[[Message], bool]) -> list[Message]:
        """All lines up to the first that is wanted."""
        deadline_s = time.monotonic() + PATIENCE_S
        messages = [self.read()]
        while not wanted(messages[-1]):
            assert time.monotonic() < deadline_s, f"not among {len(messages)} lines; last {messages[-3:]}"
            messages.append(self.read())
        return messages

    def family(self) -> list[psutil.Process]:
        """The worker's children."""
        children: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return children

    def cancel(self, job: str) -> list[Message]:
        """Cancels and returns everything up to the job's end."""
        self.send(do="cancel", job=job)
        return self.read_until(lambda message: message.get("job") == job and ended(message))

    def close(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def worker(process: None) -> Iterator[WorkerProcess]:
    """Shared, because importing torch takes seconds: a test ends its jobs and reads its lines."""
    made = WorkerProcess()
    yield made
    made.close()


def ended(message: Message) -> bool:
    return message.get("event") in ("done", "failed", "cancelled")


def stepping(job: str) -> Callable[[Message], bool]:
    return lambda message: message.get("job") == job and message.get("event") == "step"


def newest(processes: list[psutil.Process]) -> psutil.Process:
    """The process that was started last."""
    return max(processes, key=lambda process: (process.create_time(), process.pid))


def gone(processes: list[psutil.Process]) -> bool:
    """True once all have ended; waits a while for those that have just been told to."""
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE_S / 4)
    return not alive


def test_first_line_says_what_it_runs_on(worker: WorkerProcess) -> None:
    assert worker.ready["ready"] is True
    assert worker.ready["device"] in ("cpu", "cuda")
    assert worker.ready["torch"]


def test_job_in_the_worker_makes_the_same_bytes_as_alone(worker: WorkerProcess, tiny: Path, tmp_path: Path) -> None:
    worker.train(make_job(tmp_path, tiny, id="w"))
    messages = worker.read_until(ended)
    assert [m["event"] for m in messages] == ["started", *["step"] * 19, "checkpoint", "done"]
    assert {m["job"] for m in messages} == {"w"}
    alone = run_job(make_job(tmp_path, tiny, id="alone"), lambda _: None)
    assert isinstance(alone, Done)
    name = "adapter_model.safetensors"
    assert (Path(messages[-1]["adapter"]) / name).read_bytes() == (Path(alone.adapter) / name).read_bytes()


@pytest.mark.process
def test_spawned_children_do_the_same(tiny: Path, tmp_path: Path) -> None:
    """What runs where fork is impossible and where CUDA is used."""
    worker = WorkerProcess("--no-fork")
    try:
        assert worker.ready["fork"] is False
        worker.train(make_job(tmp_path, tiny, id="w"))
        done = worker.read_until(ended)[-1]
        assert done["event"] == "done"
        prompt = Prompt((Turn("user", "one"),), base_model=str(tiny), adapter=done["adapter"], max_output_tokens=5)
        worker.ask("1", prompt)
        assert parse_reply(worker.read()["reply"]) == answer(prompt)
    finally:
        worker.close()


def test_answers_while_training(worker: WorkerProcess, tiny: Path, tmp_path: Path) -> None:
    worker.train(make_job(tmp_path, tiny, id="long", epochs=100_000))
    worker.read_until(stepping("long"))
    prompts = {
        f"q{i}": Prompt((Turn("user", "one " * i),), base_model=str(tiny), max_output_tokens=20) for i in range(6)
    }
    for name, prompt in prompts.items():
        worker.ask(name, prompt)
    replies: dict[str, Message] = {}
    while len(replies) < len(prompts):
        message = worker.read()
        if "reply" in message:
            replies[message["id"]] = message["reply"]
    for name, prompt in prompts.items():
        assert parse_reply(replies[name]).answers[0].text == answer(prompt).answers[0].text
    worker.send(do="cancel", job="long")
    assert worker.read_until(ended)[-1]["event"] == "cancelled"


def test_stream_of_deltas_ends_with_the_whole_reply(worker: WorkerProcess, tiny: Path) -> None:
    prompt = Prompt((Turn("user", "one"),), base_model=str(tiny), max_output_tokens=30, temperature=1.0, seed=2)
    worker.ask("s", prompt, stream=True)
    messages = worker.read_until(lambda message: "reply" in message)
    text = messages[-1]["reply"]["answers"][0]["text"]
    assert len(messages) > 3
    assert "".join(message["delta"] for message in messages[:-1]) == text


def test_several_jobs_at_once_and_one_cancelled(worker: WorkerProcess, tiny: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        worker.train(make_job(tmp_path, tiny, id=name, epochs=100_000))
    worker.read_until(stepping("a"))
    worker.read_until(stepping("b"))
    worker.send(do="cancel", job="a")
    last = worker.read_until(ended)[-1]
    assert (last["job"], last["event"]) == ("a", "cancelled")
    worker.read_until(stepping("b"))
    worker.train(make_job(tmp_path, tiny, id="a", epochs=100_000))
    started = worker.read_until(lambda m: m.get("job") == "a" and m["event"] == "started")[-1]  # at once, not refused
    assert started["resumed_from"] == last["step"]
    worker.cancel("a")
    worker.cancel("b")


def test_stuck_job_is_killed_after_a_cancel(worker: WorkerProcess, tiny: Path, tmp_path: Path) -> None:
    """A child that cannot reach the end of its step is cancelled all the same."""
    worker.train(make_job(tmp_path, tiny, id="stuck", epochs=100_000))
    worker.read_until(stepping("stuck"))
    child = newest(worker.family())
    child.suspend()
    worker.send(do="cancel", job="stuck")
    last = worker.read_until(ended)[-1]
    assert last["event"] == "cancelled"
    assert last["step"] >= 1
    assert gone([child])


def test_killed_job_is_reported_and_goes_on_when_it_is_asked_for_again(
    worker: WorkerProcess, tiny: Path, tmp_path: Path
) -> None:
    """No event says that it has failed: it has not."""
    job = make_job(tmp_path, tiny, id="dead", epochs=100_000, checkpoint_steps=(2,))
    worker.train(job)
    worker.read_until(lambda m: m["event"] == "step" and m["step"] > 2)
    newest(worker.family()).kill()
    last = worker.read_until(lambda m: "event" not in m)[-1]
    assert (last["job"], last["signal"], "signal 9" in last["error"]) == ("dead", 9, True)
    worker.train(job)
    started = worker.read_until(lambda m: m.get("event") == "started")[-1]
    worker.cancel("dead")
    assert started["resumed_from"] >= 2


@pytest.mark.process
def test_dead_answering_process_is_replaced(tiny: Path) -> None:
    worker = WorkerProcess()
    prompt = Prompt((Turn("user", "one"),), base_model=str(tiny), max_output_tokens=4)
    worker.ask("1", prompt)
    first = worker.read()
    (child,) = worker.family()
    child.suspend()
    worker.ask("2", prompt)
    child.kill()
    lost = worker.read()
    assert lost["id"] == "2"
    assert "signal 9" in lost["error"]
    worker.ask("3", prompt)
    assert worker.read()["reply"] == first["reply"]
    worker.close()


@pytest.mark.process
@pytest.mark.parametrize("how", ["end of input", "stop", "SIGTERM", "SIGKILL"])
def test_nothing_is_left_behind(how: str, tiny: Path, tmp_path: Path) -> None:
    worker = WorkerProcess()
    job = make_job(tmp_path, tiny, id="long", epochs=100_000)
    worker.train(job)
    worker.ask("1", Prompt((Turn("user", "one"),), base_model=str(tiny), max_output_tokens=2))
    worker.read_until(lambda message: "reply" in message)
    worker.read_until(stepping("long"))
    children = worker.family()
    assert len(children) == 2
    if how == "stop":
        worker.send(do="stop")
        assert worker.process.wait(PATIENCE_S) == 0
    elif how != "end of input":
        worker.process.send_signal(getattr(signal, how))
    worker.close()
    assert gone(children)
    if how != "SIGKILL":
        assert worker.process.returncode == 0
        assert (Path(job.directory) / "state.safetensors").exists()


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (
            {"do": "train", "job": {"id": "x"}},
            {"job": "x", "event": "failed", "code": 3, "message": "directory: missing"},
        ),
        ({"do": "train"}, {"job": "None", "event": "failed", "code": 3}),
        ({"do": "count", "id": "c", "base_model": "/nowhere", "texts": []}, {"id": "c"}),
        ({"do": "generate", "id": "g", "prompt": {}}, {"id": "g", "error": "'turns' is missing"}),
        ({"do": "generate", "id": "g", "prompt": {"turns": [], "wrong": 1}}, {"id": "g", "code": 13}),
        ({"do": "generate", "id": "g", "prompt": {"turns": []}}, {"id": "g", "code": 3}),
        ({"do": "dance"}, {}),
        ({}, {}),
    ],
)
def test_bad_request_gets_an_error_and_the_next_one_is_served(
    message: Message, wanted: Message, worker: WorkerProcess, tiny: Path
) -> None:
    worker.send(**message)
    reply = worker.read()
    assert wanted.items() <= reply.items()
    assert "error" in reply or reply["event"] == "failed"
    worker.send(do="count", id="c", base_model=str(tiny), texts=["abc"])
    assert worker.read() == {"id": "c", "counts": [3]}


def test_bytes_that_are_no_json_get_an_error(worker: WorkerProcess) -> None:
    assert worker.process.stdin
    worker.process.stdin.write(b"\xff\xfe{\n")
    worker.process.stdin.flush()
    assert "not a request" in worker.read()["error"]


def test_job_of_another_architecture_runs_in_a_forked_child(worker: WorkerProcess, tmp_path: Path) -> None:
    base = write_gpt2(tmp_path / "base")
    worker.train(make_job(tmp_path, base, id="gpt2"))
    done = worker.read_until(ended)[-1]
    assert done["event"] == "done", done
    worker.ask("1", Prompt((Turn("user", "one"),), base_model=str(base), adapter=done["adapter"], max_output_tokens=3))
    assert worker.read()["reply"]["answers"][0]["tokens"] <= 3


@pytest.mark.slow
@pytest.mark.process
def test_transformers_is_there_before_a_job_needs_it(tiny: Path, tmp_path: Path) -> None:
    """Where a base model of the server's goes through it; a directory without a model is for its job to report."""
    other = write_gpt2(tmp_path / "base")
    one = WorkerProcess(f"--base-model={tiny}", "--base-model=/none", f"--base-model={other}")
    two = WorkerProcess(f"--base-model={tiny}")
    sizes = [psutil.Process(each.process.pid).memory_info().rss for each in (one, two)]
    one.train(make_job(tmp_path, other, epochs=1))
    assert one.read_until(ended)[-1]["event"] == "done"
    one.close()
    two.close()
    assert sizes[0] > sizes[1] + (32 << 20)


def test_cancel_is_not_held_up_by_a_long_answer(worker: WorkerProcess, tiny: Path, tmp_path: Path) -> None:
    """The process that reads requests computes nothing itself."""
    worker.train(make_job(tmp_path, tiny, id="j", epochs=100_000))
    worker.read_until(stepping("j"))
    worker.ask(
        "long",
        Prompt((Turn("user", "one"),), base_model=str(tiny), max_output_tokens=200, candidates=64, temperature=2.0),
    )
    worker.send(do="cancel", job="j")
    seen = worker.read_until(ended)
    assert seen[-1]["event"] == "cancelled"
    assert not any("reply" in message for message in seen)
    worker.read_until(lambda message: "reply" in message)


def test_an_answer_that_nobody_waits_for_is_given_up(worker: WorkerProcess, tiny: Path) -> None:
    """Its stream ends without a word; what is asked after it is answered."""
    prompt = Prompt((Turn("user", "one"),), base_model=str(tiny), max_output_tokens=240, candidates=64, temperature=2.0)
    worker.ask("gone", prompt, stream=True)
    worker.read_until(lambda message: message.get("id") == "gone")
    worker.send(do="cancel", id="gone")
    worker.send(do="cancel", id="never asked")
    worker.ask("next", Prompt((Turn("user", "one"),), base_model=str(tiny), max_output_tokens=3))
    seen = worker.read_until(lambda message: message.get("id") == "next")
    assert "reply" in seen[-1]
    assert not any("reply" in message for message in seen[:-1])


def test_large_request_while_many_answers_stream(worker: WorkerProcess, tiny: Path) -> None:
    """Both pipes are full at once; neither side waits for the other for ever."""
    for i in range(24):
        prompt = Prompt((Turn("user", "one"),), base_model=str(tiny), max_output_tokens=200, temperature=2.0, seed=i)
        worker.ask(f"s{i}", prompt, stream=True)
    worker.send(do="count", id="many", base_model=str(tiny), texts=["abc" * 100] * 20_000)
    missing = {f"s{i}" for i in range(24)} | {"many"}
    while missing:
        message = worker.read()
        if "delta" not in message:
            missing.remove(message["id"])
            assert "error" not in message

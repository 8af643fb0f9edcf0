"""`python -m tuning_trainer worker`: a warm process that trains and answers on request, one JSON object a line.

It imports torch and loads the embedded base model once. Then it only passes lines on: every job runs in a child of its
own, forked so that torch and the base are there at once, and one more child answers. So a cancel never waits for a
long computation. Where fork is impossible, and for what may use CUDA (a forked process cannot), children are fresh
processes.

Lines in:
    ``{"do": "train", "job": {…}}``, ``{"do": "cancel", "job": "id"}``,
    ``{"do": "generate", "id": "7", "stream": false, "prompt": {…}}``,
    ``{"do": "count", "id": "8", "base_model": "embedded", "texts": […]}``,
    ``{"do": "tokenize", "id": "9", "base_model": "embedded", "texts": […]}``,
    ``{"do": "cancel", "id": "7"}`` (nobody waits for that answer any more: no line says that it ended),
    ``{"do": "stop"}``, which the end of the input stands for as well.
Lines out:
    ``{"ready": true, …}`` first; ``{"job": "id", "event": …}``;
    ``{"job": "id", "error": "…", "signal": 9}`` (its process was killed: no event, it can be resumed);
    ``{"id": "7", "delta": "…"}``, ``{"id": "7", "reply": {…}}``, ``{"id": "8", "counts": […]}``,
    ``{"id": "9", "tokens": [[[17, "piece"], …], …]}``,
    ``{"id": "7", "error": "…", "code": 3}`` (of google.rpc; 3: the prompt's fault);
    ``{"error": "…"}`` for a line that is none of these.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tuning_trainer.children import Child, fork_child, spawn_child
from tuning_trainer.gpus import choose_gpus, goes_to_gpu, show_gpus
from tuning_trainer.lines import LineReader, claim_streams, write_line
from tuning_trainer.spec import DEVICES, EMBEDDED, Cancelled, Device, Event, Failed, InvalidJobError, Job, parse_job
from tuning_trainer.threads import wait_passively

log = logging.getLogger(__name__)

GRACE_S = 0.6
"""What a job gets to reach the end of its step after a cancel, before it is killed."""

Message: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class RunningJob:
    """A job in its child process. ``gpus``: numbers of those that it sees."""

    job: Job
    child: Child
    gpus: tuple[int, ...] = ()
    step: int = 0
    ended: bool = False
    cancelled: bool = False
    kill_at_s: float | None = None


class Worker:
    """Reads requests from one descriptor and writes everything that comes of them to another.

    Args:
        fork: Whether children may be forks. device: What ``auto`` of a job means, and where answers are made.
        gpus: How many there are. processes, activation_memory_bytes: What 0 of a job means.
    """

    def __init__(
        self,
        requests: int,
        replies: int,
        *,
        fork: bool,
        device: Device,
        gpus: int = 0,
        processes: int = 1,
        activation_memory_bytes: int = 0,
    ) -> None:
        self._requests, self._replies, self._fork, self._device = requests, replies, fork, device
        self._gpus = gpus if device != "cpu" else 0
        self._processes, self._activation_memory_bytes = processes, activation_memory_bytes
        self._reader = LineReader(requests)
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = os.pipe()
        self._jobs: dict[str, RunningJob] = {}
        self._answering: Child | None = None
        self._unanswered: set[str] = set()
        self._stopping = False
        self._actions: dict[str, Callable[[Message], None]] = {
            "train": self._train,
            "cancel": self._cancel,
            "generate": self._ask,
            "count": self._ask,
            "tokenize": self._ask,
            "stop": self._stop,
        }

    def stop(self) -> None:
        """Ends ``run`` soon; may be called from a signal handler."""
        self._stopping = True
        os.write(self._woken, b".")

    def run(self) -> None:
        """Works until told to stop or until the input ends; leaves no process behind."""
        self._selector.register(self._wake, selectors.EVENT_READ, lambda: os.read(self._wake, 1))
        self._selector.register(self._requests, selectors.EVENT_READ, self._take_requests)
        while not self._stopping:
            for key, _ in self._selector.select(self._next_deadline_s()):
                key.data()
            self._kill_late()
        self._end_all()

    # ------------------------------------------------------------ requests

    def _take_requests(self) -> None:
        lines = self._reader.read()
        if lines is None:
            self._stopping = True
            return
        for line in lines:
            try:
                message = json.loads(line)
                action = self._actions[message["do"]]
            except (ValueError, KeyError, TypeError) as error:
                self._write({"error": f"not a request: {error!r}: {line[:200]!r}"})
                continue
            action(message)

    def _train(self, message: Message) -> None:
        values = message.get("job")
        try:
            job = parse_job(json.dumps(values))
        except InvalidJobError as error:
            name = values.get("id") if isinstance(values, dict) else None
            self._tell(str(name), Failed(3, str(error)))
            return
        before = self._jobs.get(job.id)
        if before and not before.ended:
            self._write({"error": f"job {job.id!r} is already running"})
            return
        if before:  # it has said its last word, and its process is about to be gone
            self._finish_job(before)
        device = self._device if job.device == "auto" else job.device
        memory = job.activation_memory_bytes or self._activation_memory_bytes
        processes = job.processes or self._processes
        job = dataclasses.replace(job, device=device, processes=processes, activation_memory_bytes=memory)
        arguments = {"job": dataclasses.asdict(job), "neighbours": len(self._jobs)}
        gpus: tuple[int, ...] = ()
        if goes_to_gpu(job):
            gpus = choose_gpus([running.gpus for running in self._jobs.values()], self._gpus, job.processes)
            child = spawn_child("job", arguments, self._close_inherited, show_gpus(gpus))
        else:
            child = (fork_child if self._fork else spawn_child)("job", arguments, self._close_inherited)
        running = self._jobs[job.id] = RunningJob(job, child, gpus)
        self._selector.register(child.output, selectors.EVENT_READ, lambda: self._take_events(running))

    def _cancel(self, message: Message) -> None:
        if "id" in message:
            self._cancel_question(message)
            return
        running = self._jobs.get(str(message.get("job")))
        if running is None:
            return  # it ended before the cancel came
        running.cancelled, running.kill_at_s = True, time.monotonic() + GRACE_S
        running.child.signal(signal.SIGTERM)

    def _cancel_question(self, message: Message) -> None:
        name = str(message["id"])
        if self._answering is not None and name in self._unanswered:
            self._unanswered.discard(name)
            with suppress(OSError):  # it may just have died
                self._answering.write(message)

    def _ask(self, message: Message) -> None:
        name = str(message.get("id"))
        if self._answering is None:
            start = fork_child if self._fork and not self._gpus else spawn_child
            self._answering = start("answer", {"device": self._device}, self._close_inherited)
            self._selector.register(self._answering.output, selectors.EVENT_READ, self._take_answers)
        self._unanswered.add(name)
        with suppress(OSError):  # it may just have died; the end of its output says so for every question
            self._answering.write(message)

    def _stop(self, _: Message) -> None:
        self._stopping = True

    # ------------------------------------------------------------ results

    def _take_events(self, running: RunningJob) -> None:
        name = running.job.id
        if self._jobs.get(name) is not running:
            return  # finished a moment ago, when its successor was started
        lines = running.child.read()
        for line in lines or []:
            event = json.loads(line)
            running.step = event.get("step", running.step)
            running.ended = event["event"] in ("done", "failed", "cancelled")
            self._write({"job": name, **event})
        if lines is None:
            self._finish_job(running)

    def _finish_job(self, running: RunningJob) -> None:
        """The child is gone. If it could not say how it ended, that is said for it.

        One that was killed, by whomever, is no end of the job: who asked may ask again, and it goes on where it was.
        """
        name = running.job.id
        del self._jobs[name]
        self._selector.unregister(running.child.output)
        how = running.child.reap()
        if running.ended:
            return
        if running.cancelled:
            self._tell(name, Cancelled(running.step))
        elif number := running.child.ending_signal():
            self._write({"job": name, "error": f"the process of the job ended with {how}", "signal": number})
        else:
            self._tell(name, Failed(13, f"the trainer's process ended with {how}"))

    def _take_answers(self) -> None:
        assert self._answering is not None
        lines = self._answering.read()
        for line in lines or []:
            answer = json.loads(line)
            if "delta" not in answer:
                self._unanswered.discard(answer["id"])
            self._write(answer)
        if lines is None:
            self._selector.unregister(self._answering.output)
            how = self._answering.reap()
            self._answering = None  # the next question starts another
            for name in sorted(self._unanswered):
                self._write({"id": name, "error": f"the answering process ended with {how}"})
            self._unanswered.clear()

    # ------------------------------------------------------------ ends

    def _next_deadline_s(self) -> float | None:
        deadlines = [running.kill_at_s for running in self._jobs.values() if running.kill_at_s]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _kill_late(self) -> None:
        for running in self._jobs.values():
            if running.kill_at_s and time.monotonic() >= running.kill_at_s:
                running.child.signal(signal.SIGKILL)
                running.kill_at_s = None

    def _end_all(self) -> None:
        """Gives jobs the time of one step to save their state, then ends every child."""
        children = [running.child for running in self._jobs.values()]
        for child in children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while any(child.alive() for child in children) and time.monotonic() < deadline:
            time.sleep(0.01)
        for child in [*children, *filter(None, [self._answering])]:
            child.signal(signal.SIGKILL)
            child.reap()

    def _close_inherited(self) -> None:
        """Called in a forked child: it must not hold the ends of the parent's and its siblings' pipes."""
        self._selector.close()
        os.close(self._requests)
        os.close(self._replies)
        for running in self._jobs.values():
            running.child.close()
        if self._answering:
            self._answering.close()

    def _tell(self, name: str, event: Event) -> None:
        self._write({"job": name, **dataclasses.asdict(event)})

    def _write(self, message: Message) -> None:
        try:
            write_line(self._replies, message)
        except BrokenPipeError:
            self._stopping = True


def warm(base_models: Sequence[str] = ()) -> Message:
    """Loads what every job and answer needs; returns what the ready line says.

    Args:
        base_models: Directories of further ones. The first whose weights need no reading is loaded; where one goes
            through transformers, that is imported.
    """
    import torch

    from tuning_trainer.answering import generate  # noqa: F401  (so that children find it loaded)
    from tuning_trainer.learning import loop  # noqa: F401  (the same)
    from tuning_trainer.model import is_native, model_directory
    from tuning_trainer.native.tuned import warm_base
    from tuning_trainer.native.weights import is_mapped

    torch.set_num_threads(1)  # a pool of threads would not survive a fork
    try:
        directory = model_directory(EMBEDDED)
        if is_native(directory):
            warm_base(directory)
    except InvalidJobError as error:
        log.warning("no embedded base model: %s", error)
    further = [path for path in map(Path, base_models) if (path / "config.json").exists()]
    native = [path for path in further if is_native(path)]
    if mapped := next((path for path in native if is_mapped(path)), None):
        with suppress(Exception):  # a job that needs it says what is wrong with it
            warm_base(mapped)
    if len(native) < len(further):
        with suppress(ImportError):  # the same
            import tuning_trainer.huggingface.tuned  # noqa: F401
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = "cuda" if gpus else "cpu"  # what there is; each job's first event says what it takes
    return {"ready": True, "device": device, "gpus": gpus, "torch": str(torch.__version__)}


def _read_number(arguments: list[str], name: str) -> int:
    return int(next((each.removeprefix(name) for each in arguments if each.startswith(name)), "0"))


def main(arguments: list[str]) -> int:
    """Serves standard input and output. ``--no-fork``: every child is a fresh process; ``--device=cpu`` or ``cuda``.

    ``--base-model=DIRECTORY``: one that is going to be asked for; may come again and again.
    ``--processes=NUMBER``, ``--activation-memory-bytes=NUMBER``: see ``Job``, for jobs that do not say.
    """
    logging.basicConfig(level=logging.INFO, format="trainer: %(message)s")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    wait_passively()
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # asking for CUDA must not initialise it before a fork
    requests, replies = claim_streams()
    ready = warm([each.removeprefix("--base-model=") for each in arguments if each.startswith("--base-model=")])
    # Elsewhere the system's own libraries may not survive a fork.
    fork = sys.platform == "linux" and "--no-fork" not in arguments
    device: Device = next((name for name in DEVICES if f"--device={name}" in arguments), "auto")
    processes, memory = (_read_number(arguments, name) for name in ("--processes=", "--activation-memory-bytes="))
    worker = Worker(
        *(requests, replies),
        fork=fork,
        device=device,
        gpus=ready["gpus"],
        processes=processes or 1,
        activation_memory_bytes=memory,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    write_line(replies, ready | {"fork": fork, "pid": os.getpid()})
    worker.run()
    return 0

"""Passes jobs to a Ray cluster, and what comes of them back, in the JSON lines of `worker`, but for questions.

This process alone is connected to the cluster, and owns everything that it starts there: however it ends, Ray ends its
actors. What a job saves is brought home before the server hears of it, so that a job goes on from
there, wherever it is given next.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import ray
from ray.exceptions import RayError, RayTaskError

from tuning_trainer.cluster.actor import LINE_LIMIT_BYTES, Batch
from tuning_trainer.cluster.parcels import File, pack, pack_job, stamp, unpack
from tuning_trainer.cluster.placing import choose_share
from tuning_trainer.cluster.pool import PlacementError, Pool, Worker, call, list_nodes
from tuning_trainer.cluster.process import Options
from tuning_trainer.lines import write_line
from tuning_trainer.spec import EMBEDDED, Cancelled, Event, Failed, InvalidJobError, Job, parse_job

log = logging.getLogger(__name__)

LONGEST_FOLDER = 20
"""Characters of the temporary directory below which a cluster of its own has its sockets, whose paths may have 103."""

RETRY_S = 1.0
KILL_S = 0.9
"""After a cancel, for a job to reach the end of its step and to say so; then its worker is killed."""

END_TIMEOUT_S = 1.5
FAILED_PRECONDITION, INTERNAL = 9, 13  # google.rpc.Code

Message: TypeAlias = dict[str, Any]


@dataclass(eq=False, slots=True)
class RunningJob:
    """A job under way. ``worker``: once it is placed."""

    job: Job
    task: asyncio.Task[None] | None = None
    worker: Worker | None = None
    cancelled: bool = False


class Driver:
    """Reads requests from one descriptor and writes everything that comes of them to another."""

    def __init__(self, requests: int, replies: int, options: Options) -> None:
        self._requests, self._replies, self._options = requests, replies, options
        self._jobs: dict[str, RunningJob] = {}
        self._stopping = asyncio.Event()
        self._connected = asyncio.Event()
        self._lost = False
        self._pool: Pool
        self._base_model: tuple[str, list[File]] = ("", [])
        self._base_model_lock = asyncio.Lock()
        # One thread for all its life: what Ray starts here ends with the thread that has started it.
        self._executor = ThreadPoolExecutor(1)
        self._folder = ""
        self._telling: asyncio.Task[None] | None = None
        self._actions: dict[str, Callable[[Message], None]] = {
            "train": self._train,
            "cancel": self._cancel,
            "stop": lambda _: self._stopping.set(),
        }

    async def run(self) -> int:
        """Works until told to stop or until the input ends; leaves nothing behind. Returns the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stopping.set)
        tasks = [asyncio.create_task(self._take_requests()), asyncio.create_task(self._connect())]
        await self._stopping.wait()
        for task in tasks:
            task.cancel()
        await self._end_all()
        return 1 if self._lost else 0

    # ------------------------------------------------------------ the cluster

    async def _connect(self) -> None:
        deadline_s = time.monotonic() + self._options.connect_timeout_s
        while not self._connected.is_set():
            opening = asyncio.get_running_loop().run_in_executor(self._executor, self._open_cluster)
            try:
                # Ray itself tries for a quarter of an hour, and cannot be stopped.
                await asyncio.wait_for(opening, max(deadline_s - time.monotonic(), RETRY_S))
            except TimeoutError:
                self._give_up("it does not answer")
                return
            except Exception as error:  # whatever it is, the cluster cannot be used
                reason = str(error).strip().partition("\n")[0]
                log.warning("no Ray cluster answers at %s: %s", self._options.address or "this machine", reason)
                if time.monotonic() > deadline_s:
                    self._give_up(reason)
                    return
                await asyncio.sleep(RETRY_S)
            else:
                self._connected.set()
        self._pool = Pool(self._options.warm, self._options.list_worker_options, self._tell_state)
        self._pool.warm_up()
        self._tell_state()

    def _open_cluster(self) -> None:
        shared: Message = {"namespace": "tuning-emulator", "log_to_driver": False, "logging_level": logging.ERROR}
        if self._options.address:
            ray.init(address=self._options.address, **shared)
            return
        short = len(tempfile.gettempdir()) <= LONGEST_FOLDER
        self._folder = self._folder or tempfile.mkdtemp(prefix="te-ray-", dir=None if short else "/tmp")  # noqa: S108
        os.environ["TMPDIR"] = self._folder  # its workers' files end with it
        ray.init("local", include_dashboard=False, _temp_dir=self._folder, **shared)

    def _give_up(self, reason: str) -> None:
        self._lost = True
        place = self._options.address or "this machine"
        text = f"no Ray cluster has answered at {place} for {self._options.connect_timeout_s:g} s: {reason}"
        for running in list(self._jobs.values()):
            self._end(running, {"error": text})
        self._stopping.set()

    def _tell_state(self) -> None:
        """Says soon what health and metrics show."""
        self._telling = asyncio.create_task(self._write_state())

    async def _write_state(self) -> None:
        nodes = await asyncio.to_thread(list_nodes)
        waiting = sum(1 for running in self._jobs.values() if running.worker is None)
        self._write(
            {
                "ready": True,
                "address": self._options.address or "local",
                "ray": ray.__version__,
                "pid": os.getpid(),
                "nodes": len(nodes),
                "cpus": sum(node.get("CPU", 0) for node in nodes),
                "gpus": sum(node.get("GPU", 0) for node in nodes),
                "busy_workers": self._pool.busy,
                "warm_workers": self._pool.idle,
                "waiting_jobs": waiting,
            }
        )

    # ------------------------------------------------------------ requests

    async def _take_requests(self) -> None:
        reader = asyncio.StreamReader(limit=LINE_LIMIT_BYTES)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(self._requests, "rb")
        )
        async for line in reader:
            try:
                message = json.loads(line)
                action = self._actions[message["do"]]
            except (ValueError, KeyError, TypeError) as error:
                self._write({"error": f"not a request: {error!r}: {line[:200]!r}"})
                continue
            action(message)
        self._stopping.set()

    def _train(self, message: Message) -> None:
        values = message.get("job")
        try:
            job = parse_job(json.dumps(values))
        except InvalidJobError as error:
            name = values.get("id") if isinstance(values, dict) else None
            self._tell(str(name), Failed(3, str(error)))
            return
        if job.id in self._jobs:
            self._write({"error": f"job {job.id!r} is already running"})
            return
        device = self._options.device if job.device == "auto" else job.device
        job = dataclasses.replace(job, device=device, processes=job.processes or self._options.processes)
        running = self._jobs[job.id] = RunningJob(job)
        running.task = asyncio.create_task(self._run(running))

    def _cancel(self, message: Message) -> None:
        running = self._jobs.get(str(message.get("job")))
        if running is None or running.cancelled:
            return  # it ended before the cancel came
        running.cancelled = True
        if running.worker is None:
            assert running.task is not None
            running.task.cancel()
            self._end(running, _format(Cancelled(0)))
            return
        actor = running.worker.actor
        actor.cancel.remote()
        asyncio.get_running_loop().call_later(KILL_S, self._kill_late, running, actor)

    def _kill_late(self, running: RunningJob, actor: Any) -> None:
        if self._jobs.get(running.job.id) is running:
            ray.kill(actor)

    # ------------------------------------------------------------ a job

    async def _run(self, running: RunningJob) -> None:
        """Takes a job to a last line. What failed outside the job is an error, and no end of it."""
        clean = False
        try:
            await self._connected.wait()
            last = await self._follow(running)
            clean = "error" not in last
        except asyncio.CancelledError:
            last = _format(Cancelled(0))
        except RayError as error:
            where = running.worker.host if running.worker else "the cluster"
            last = {"error": f"the job's worker on {where} is lost: {describe(error)}"}
        except PlacementError as error:
            last = _format(Failed(FAILED_PRECONDITION, str(error)))
        except OSError as error:
            last = _format(Failed(INTERNAL, f"what the job has made cannot be kept: {error}"))
        except Exception:
            log.exception("%s", running.job.id)
            last = _format(Failed(INTERNAL, "The training failed inside the trainer; its log says why."))
        worker = running.worker
        if worker is not None and not clean:
            self._pool.lose(worker)  # it may still be at work
        self._end(running, _format(Cancelled(0)) if running.cancelled and not clean else last)
        if worker is not None and clean:
            await self._finish(worker)
        if not self._jobs:
            self._base_model = ("", [])  # nobody waits for it

    def _end(self, running: RunningJob, last: Message) -> None:
        """Says the last line of a job, unless it is said."""
        name = running.job.id
        if self._jobs.get(name) is running:
            del self._jobs[name]
            self._write({"job": name, **last})

    async def _follow(self, running: RunningJob) -> Message:
        """Places, feeds and follows a job; returns its last line, which is not passed on yet."""
        job = running.job
        self._tell_state()
        share = choose_share(job, await asyncio.to_thread(list_nodes), self._options.given)
        worker = running.worker = await self._pool.take(share)
        log.info("%s: on %s, with %s", job.id, worker.host, share)
        if job.base_model != EMBEDDED:
            await self._bring_base_model(worker, Path(job.base_model))
        parcel = await asyncio.to_thread(pack_job, job, ray.put)
        if running.cancelled:
            return _format(Cancelled(0))
        await worker.actor.train.remote(dataclasses.asdict(job), parcel)
        number, batch = 0, Batch()
        while not batch.ended:
            number += 1
            batch = await call(worker.actor.follow, number)
            await asyncio.to_thread(bring_home, batch, Path(job.directory))
            for line in batch.lines[: -1 if batch.ended else None]:
                self._write({"job": job.id, **line})
        return batch.lines[-1]

    async def _bring_base_model(self, worker: Worker, directory: Path) -> None:
        """Lets a worker have a base model, unless it was the one of its last job."""
        mark = str(await asyncio.to_thread(stamp, directory))
        if await call(worker.actor.has_base_model, mark):
            return
        async with self._base_model_lock:
            if self._base_model[0] != mark:
                self._base_model = (mark, await asyncio.to_thread(pack, directory, ray.put))
            files = self._base_model[1]
        await call(worker.actor.take_base_model, mark, files)

    async def _finish(self, worker: Worker) -> None:
        try:
            await call(worker.actor.finish)
        except RayError:
            self._pool.lose(worker)
        else:
            await self._pool.give_back(worker)

    # ------------------------------------------------------------ ends

    async def _end_all(self) -> None:
        """Gives jobs the time of one step to save their state, then ends everything on the cluster."""
        tasks = [running.task for running in self._jobs.values() if running.task is not None]
        for name in list(self._jobs):
            self._cancel({"job": name})
        if tasks:
            await asyncio.wait(tasks, timeout=END_TIMEOUT_S)
        if self._connected.is_set():
            await self._pool.empty()
            await asyncio.get_running_loop().run_in_executor(self._executor, ray.shutdown)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _tell(self, name: str, event: Event) -> None:
        self._write({"job": name, **_format(event)})

    def _write(self, message: Message) -> None:
        with suppress(BrokenPipeError):  # the input ends too, then
            write_line(self._replies, message)


def describe(error: RayError) -> str:
    """What is wrong, in a line."""
    cause = error.cause if isinstance(error, RayTaskError) else error
    return str(cause).strip().partition("\n")[0]


def bring_home(batch: Batch, home: Path) -> None:
    """Writes what a job has made into its directory, unless that is gone."""
    if batch.files and home.is_dir():
        unpack(batch.files, home, ray.get)


def _format(event: Event) -> Message:
    return dataclasses.asdict(event)


async def drive(requests: int, replies: int, options: Options) -> int:
    """Works until the input ends; the exit status."""
    return await Driver(requests, replies, options).run()

"""What runs on a node: an actor with a `tuning_trainer worker` of its own, the same that trains jobs beside the server.

The actor feeds it one job after the other and hands over what comes of them: lines, and the files that they tell of.
When the actor dies, whichever way, its worker reads the end of its input and ends with its children.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

from tuning_trainer.cluster.parcels import ADAPTER, EVENTS, EXAMPLES, STATE, VALIDATION, File, Parcel, pack, unpack
from tuning_trainer.spec import EMBEDDED

Message: TypeAlias = dict[str, Any]

LINE_LIMIT_BYTES = 64 << 20
STATE_POLL_S = 0.5
"""How soon it is seen that a job has saved its state."""

GATHER_S = 0.02
"""Lines of so short a time go in one call."""

LAST_EVENTS = ("done", "failed", "cancelled")
TENSORBOARD = "tensorboard"
_BASE_MODEL = "base_model"
_PREFIX = "tuning-emulator-node-"


def list_versions() -> dict[str, str]:
    """What has to be the same at the server and on the nodes, so that a job's result is."""
    return {name: metadata.version(name) for name in ("tuning-emulator", "torch")} | {
        "Python": platform.python_version()
    }


@dataclass(slots=True)
class Batch:
    """What came of a job since the last one. ``files`` belong into its directory before its lines are believed."""

    lines: list[Message] = field(default_factory=list)
    files: Parcel = field(default_factory=list)
    ended: bool = False


@dataclass(slots=True)
class _Run:
    """A job on this node.

    Attributes:
        folder: Stands for its directory. home: What is said in the place of this node's paths, longer ones first.
    """

    id: str
    folder: Path
    home: dict[str, str]
    saved_ns: int = 0
    sent: set[str] = field(default_factory=set)
    number: int = 0
    last: Batch = field(default_factory=Batch)


class JobActor:
    """Trains one job at a time.

    Args:
        options: Of ``tuning_trainer worker``.
    """

    def __init__(self, options: Sequence[str]) -> None:
        self._options = tuple(options)
        _remove_left_folders()
        self._root = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self._base_model = ""
        self._worker: asyncio.subprocess.Process | None = None
        self._ready: asyncio.Future[Message] | None = None
        self._lines: asyncio.Queue[Message] = asyncio.Queue()
        self._reader: asyncio.Task[None] | None = None
        self._run: _Run | None = None
        self._cancelled = False

    async def start(self) -> Message:
        """Gets its worker ready, or sees that it is; returns where this is, and what is installed here."""
        if self._worker is None or self._worker.returncode is not None:
            self._ready = asyncio.get_running_loop().create_future()
            self._worker = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "tuning_trainer", "worker", *self._options),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=LINE_LIMIT_BYTES,
            )
            self._reader = asyncio.create_task(self._read(self._worker))
        assert self._ready is not None
        facts = await self._ready
        return {"host": platform.node(), "pid": os.getpid(), "worker": facts["pid"], "versions": list_versions()}

    def has_base_model(self, mark: str) -> bool:
        """Whether the base model with this mark is here."""
        return self._base_model == mark

    async def take_base_model(self, mark: str, files: list[File]) -> None:
        """Keeps a base model, in the place of the one before."""
        import ray

        self._base_model = ""
        await asyncio.to_thread(unpack, [(_BASE_MODEL, files)], self._root, ray.get)
        self._base_model = mark

    async def train(self, values: Message, parcel: Parcel) -> None:
        """Begins a job; ``follow`` tells what comes of it."""
        import ray

        await self.start()
        self._cancelled = False
        self._lines = asyncio.Queue()
        folder = Path(tempfile.mkdtemp(prefix="job-", dir=self._root))
        inside = {name: str(folder / name) for name in (EXAMPLES, VALIDATION, ADAPTER) if values[name]}
        home = {path: values[name] for name, path in inside.items()} | {str(folder): values["directory"]}
        if values["base_model"] != EMBEDDED:
            inside["base_model_directory"] = str(self._root / _BASE_MODEL)
            home[inside["base_model_directory"]] = values["base_model"]
        self._run = _Run(values["id"], folder, home)
        await asyncio.to_thread(unpack, parcel, folder, ray.get)
        self._run.saved_ns = _find_saved_ns(folder)
        if self._cancelled:
            self._lines.put_nowait({"event": "cancelled", "step": 0})
        else:
            await self._send({"do": "train", "job": {**values, **inside, "directory": str(folder)}})

    async def cancel(self) -> None:
        """Asks the job to stop."""
        self._cancelled = True
        if self._run is not None:
            await self._send({"do": "cancel", "job": self._run.id})

    async def follow(self, number: int) -> Batch:
        """Batch ``number``, counted from 1, once there is something to tell. The last may be asked for again."""
        import ray

        run = self._run
        assert run is not None
        if number == run.number:
            return run.last
        lines: list[Message] = []
        while not lines and not _has_new_state(run):
            with suppress(TimeoutError):
                lines.append(await asyncio.wait_for(self._lines.get(), STATE_POLL_S))
                await asyncio.sleep(GATHER_S)
        while not self._lines.empty() and not (lines and _is_last(lines[-1])):
            lines.append(self._lines.get_nowait())
        files: Parcel = []
        if _has_new_state(run) or any(line.get("event") in ("checkpoint", "done") for line in lines):
            files = await asyncio.to_thread(_collect, run, lines, ray.put)
        ended = bool(lines) and _is_last(lines[-1])
        run.number, run.last = number, Batch([_say_at_home(line, run) for line in lines], files, ended)
        return run.last

    async def finish(self) -> None:
        """Forgets the job."""
        if self._run is not None:
            await asyncio.to_thread(shutil.rmtree, self._run.folder, ignore_errors=True)
            self._run = None

    async def leave(self) -> None:
        """Ends its worker and removes its files; the actor is about to be ended."""
        if self._worker is not None and self._worker.stdin is not None:
            self._worker.stdin.close()
            await self._worker.wait()
        await asyncio.to_thread(shutil.rmtree, self._root, ignore_errors=True)

    # ------------------------------------------------------------ the worker

    async def _send(self, line: Message) -> None:
        assert self._worker is not None
        assert self._worker.stdin is not None
        with suppress(BrokenPipeError, ConnectionResetError):  # that it died is told by who reads its lines
            self._worker.stdin.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            await self._worker.stdin.drain()

    async def _read(self, worker: asyncio.subprocess.Process) -> None:
        assert worker.stdout is not None
        async for raw in worker.stdout:
            line = json.loads(raw)
            if line.get("ready") and self._ready is not None:
                self._ready.set_result(line)
            elif self._run is not None and line.get("job") == self._run.id:
                self._lines.put_nowait(line)
        status = await worker.wait()
        told = f"the trainer's process on {platform.node()} ended with exit status {status}"
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(RuntimeError(told))
        self._lines.put_nowait({"error": told, "signal": max(-status, 0)})


def _is_last(line: Message) -> bool:
    return "error" in line or line.get("event") in LAST_EVENTS


def _find_saved_ns(folder: Path) -> int:
    """When a job's state was saved, by this node's clock; 0: never."""
    try:
        return (folder / STATE).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _has_new_state(run: _Run) -> bool:
    return _find_saved_ns(run.folder) > run.saved_ns


def _collect(run: _Run, lines: Sequence[Message], put: Any) -> Parcel:
    """What is to be kept at home: checkpoints before the events that name them, these before the state after them.

    It is read the other way round, so that nothing is missing from what is read first.
    """
    folder, saved_ns = run.folder, _find_saved_ns(run.folder)
    saved: Parcel = []
    if saved_ns > run.saved_ns:
        run.saved_ns = saved_ns
        saved = [(STATE, pack(folder / STATE, put))]
    events = (folder / EVENTS).read_bytes()
    whole = events[: events.rfind(b"\n") + 1]
    told = (json.loads(line) for line in whole.splitlines())
    named = {Path(line["directory"]).name: None for line in told if line["event"] == "checkpoint"}
    new = [name for name in named if name not in run.sent and (folder / "checkpoints" / name).is_dir()]
    run.sent.update(new)
    parcel: Parcel = [(f"checkpoints/{name}", pack(folder / "checkpoints" / name, put)) for name in new]
    if any(line.get("event") == "done" for line in lines) and (folder / TENSORBOARD).is_dir():
        parcel.append((TENSORBOARD, pack(folder / TENSORBOARD, put)))
    return [*parcel, (EVENTS, [("", [whole])]), *saved]


def _say_at_home(line: Message, run: _Run) -> Message:
    """A line with the paths of the job's home in the place of this node's."""
    said = dict(line)
    for name in ("directory", "adapter", "message", "error"):
        for here, home in run.home.items():
            if isinstance(said.get(name), str):
                said[name] = said[name].replace(here, home)
    return said


def _remove_left_folders() -> None:
    """What an actor that was killed has left on this node's disk."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not _runs(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

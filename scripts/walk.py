"""Which of our files a request or a job goes through, in the order of its calls: ``python -m scripts.walk [NAME]``.

    POST tuningJobs: 27 files, 27 returns, 251 calls; 9 files in worker threads

Returns are to a file that the walk had left. With a NAME, every stretch of that walk: a file, and what of it is called
before the next file; indented further, what worker threads do meanwhile. All is warm: each request has been made
before, but no answer is one remembered. The trainer is the scripted one.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import grpc
import grpc.aio

import tuning_emulator
import tuning_trainer
from tuning_emulator.app import Emulator, create_app
from tuning_emulator.gemini.api import SCHEMAS
from tuning_emulator.schema.protobuf import BinaryCodec
from tuning_emulator.settings import Settings

_ROOTS = {
    name: f"{Path(str(module.__file__)).parent}/"
    for name, module in (("", tuning_emulator), ("tuning_trainer/", tuning_trainer))
}
PLACE = "/v1/projects/p/locations/us-central1"
PAIRS = [("1", "2"), ("three", "four"), ("-98", "-97"), ("ninety nine", "one hundred")]
TUNED_MODEL = {
    "display_name": "next number",
    "base_model": "models/gemini-1.5-flash-001-tuning",
    "tuning_task": {
        "hyperparameters": {"epoch_count": 2, "batch_size": 4, "learning_rate": 0.001},
        "training_data": {"examples": {"examples": [{"text_input": one, "output": two} for one, two in PAIRS]}},
    },
}
TUNING_JOB = {
    "baseModel": "gemini-3.5-flash",
    "supervisedTuningSpec": {"trainingDatasetUri": "gs://walk/train.jsonl", "hyperParameters": {"epochCount": "2"}},
    "tunedModelDisplayName": "walked",
}


@dataclass
class Walk:
    """One walk.

    Attributes:
        stretches: File, and the functions called before the next file. aside: The same of worker threads.
    """

    calls: int = 0
    stretches: list[tuple[str, list[str]]] = field(default_factory=list)
    aside: list[tuple[str, list[str]]] = field(default_factory=list)

    @property
    def files(self) -> list[str]:
        """Every file, in the order of first meeting."""
        return list(dict.fromkeys(file for file, _ in self.stretches))

    @property
    def returns(self) -> int:
        """How often it comes back to a file that it had left."""
        return len(self.stretches) - len(self.files)

    def note(self, frame: FrameType, event: str, _: Any) -> None:
        """What ``sys.setprofile`` calls."""
        if event != "call":
            return
        path = frame.f_code.co_filename
        room = next((name for name, root in _ROOTS.items() if path.startswith(root)), None)
        if room is None:
            return
        file, function = room + path.removeprefix(_ROOTS[room]), frame.f_code.co_qualname
        main = threading.current_thread() is threading.main_thread()
        stretches = self.stretches if main else self.aside
        self.calls += main
        if not stretches or stretches[-1][0] != file:
            stretches.append((file, []))
        if function not in stretches[-1][1]:
            stretches[-1][1].append(function)

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Notes the calls of this thread, and of threads that begin meanwhile."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))  # whose thread begins now
        sys.setprofile(self.note)
        threading.setprofile(self.note)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


async def ask(app: Emulator, verb: str, path: str, body: Any = None) -> Any:
    """One request to the ASGI application; the answer's JSON."""
    data = json.dumps(body).encode() if body is not None else b""
    headers = [(b"host", b"127.0.0.1:8790"), (b"authorization", b"Bearer token")]
    if data:
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    scope = {
        "type": "http",
        "method": verb,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "scheme": "http",
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": data, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    answer = json.loads(b"".join(message.get("body", b"") for message in sent))
    if sent[0]["status"] != 200:
        raise RuntimeError(f"{verb} {path}: {sent[0]['status']} {answer}")
    return answer


@asynccontextmanager
async def running() -> AsyncIterator[Emulator]:
    """An emulator without a server, with a dataset in its storage."""
    settings = Settings(trainer="scripted", log_level="error", log_requests="none", auto_create_buckets=True)
    app = create_app(settings)
    await app.start()
    try:
        lines = [json.dumps({"contents": [_turn("user", one), _turn("model", two)]}) for one, two in PAIRS]
        await asyncio.to_thread(app.open_objects().write, "gs://walk/train.jsonl", "\n".join(lines).encode())
        yield app
    finally:
        await app.stop()


def _turn(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": text}]}


async def take_walks() -> dict[str, Walk]:
    """Every walk by its name."""
    walks = {name: Walk() for name in ("POST tuningJobs", "a tuning job", "GET tunedModels", "gRPC GetTunedModel")}
    async with running() as app:
        names = []
        for _ in range(2):
            await _end(app, await ask(app, "POST", f"{PLACE}/tuningJobs", TUNING_JOB))
            made = await ask(app, "POST", "/v1beta/tunedModels", TUNED_MODEL)
            names.append(made["metadata"]["tunedModel"])
        await _end(app)
        await ask(app, "GET", f"/v1beta/{names[0]}")
        with walks["GET tunedModels"].recorded():
            await ask(app, "GET", f"/v1beta/{names[1]}")
        with walks["POST tuningJobs"].recorded():
            job = await ask(app, "POST", f"{PLACE}/tuningJobs", TUNING_JOB)
        with walks["a tuning job"].recorded():
            await _end(app, job)
        await _walk_grpc(app, walks["gRPC GetTunedModel"], names)
    return walks


async def _end(app: Emulator, job: Any = None) -> None:
    """Waits until a job, or every job, has ended."""
    for one in app.store.list_unfinished_jobs():
        if job is None or one.id == job["name"].rpartition("/")[2]:
            await app.queue.wait_until_ended(one.uid, timeout_s=60)


async def _walk_grpc(app: Emulator, walk: Walk, names: list[str]) -> None:
    """Asks for tuned models over one connection and notes the last."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(app.create_grpc_protocol, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    schema = SCHEMAS["v1beta"]
    method = schema.methods[schema.full_name("ModelService.GetTunedModel")]
    service, _, name = method.name.rpartition(".")
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.unary_unary(f"/{service}/{name}")
        *before, last = (BinaryCodec([schema]).encode({"name": one}, method.request) for one in names)
        for message in before:
            await call(message, metadata=[("x-goog-api-key", "key")])
        with walk.recorded():
            await call(last, metadata=[("x-goog-api-key", "key")])
    server.close()


def main(arguments: list[str]) -> None:
    """Prints the walks."""
    for name, walk in asyncio.run(take_walks()).items():
        beside = f"; {len({file for file, _ in walk.aside})} files in worker threads" if walk.aside else ""
        print(f"{name}: {len(walk.files)} files, {walk.returns} returns, {walk.calls} calls{beside}")
        for file, functions in walk.stretches if arguments and arguments[0] in name else ():
            print(f"  {file}  {' '.join(functions)}")
        for file, functions in walk.aside if arguments and arguments[0] in name else ():
            print(f"    {file}  {' '.join(functions)}")


if __name__ == "__main__":
    main(sys.argv[1:])

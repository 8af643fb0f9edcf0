"""The Gemini API in one process, without a socket: real store, queue and front end, scripted trainer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from tests.records import make_apis
from tuning_emulator.api.auth import Presented
from tuning_emulator.api.call import Api, Caller
from tuning_emulator.core.clock import Clock, SteerableClock
from tuning_emulator.core.ids import Ids
from tuning_emulator.core.records import TuningJob
from tuning_emulator.gemini.api import create_gemini_api
from tuning_emulator.gemini.create import load_default_dataset
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.queue import Queue
from tuning_emulator.jobs.scripted import ScriptedTrainer
from tuning_emulator.jobs.steps import Pipeline
from tuning_emulator.jobs.trainer import Answering
from tuning_emulator.rest.app import create_rest_app
from tuning_emulator.schema.schema import Method
from tuning_emulator.storage.objects import HttpObjectStore
from tuning_emulator.store.store import Store

FLASH = "models/gemini-1.5-flash-001-tuning"
OWNER = "owner@example.com"
PAIRS = [
    ("1", "2"),
    ("3", "4"),
    ("-3", "-2"),
    ("twenty two", "twenty three"),
    ("two hundred", "two hundred one"),
    ("ninety nine", "one hundred"),
    ("8", "9"),
    ("-98", "-97"),
    ("1,000", "1,001"),
    ("10,100,000", "10,100,001"),
    ("thirteen", "fourteen"),
    ("eighty", "eighty one"),
    ("one", "two"),
    ("three", "four"),
    ("seven", "eight"),
]
"""The documented example data set: ai.google.dev/gemini-api/docs/model-tuning."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer: status, text and (when it is JSON) its value with the keys in the printed order."""

    status: int
    text: str

    @property
    def json(self) -> Any:
        """The body as a value."""
        return json.loads(self.text)

    @property
    def message(self) -> str:
        """The text of an error."""
        return str(self.json["error"]["message"])


class TokenNames:
    """An authenticator whose tokens are the callers' addresses; a key stands for the owner."""

    def identify(self, api: Api, method: Method, path: str, presented: Presented) -> Caller:
        """The caller of a method."""
        kind: Literal["key", "token"] = "token" if presented.token else "key"
        return Caller(presented.token or OWNER, presented.user_project or "project", kind)


class Serving:
    """One Gemini API with everything behind it."""

    def __init__(
        self, directory: Path, clock: Clock | None = None, trainer: ScriptedTrainer | None = None, **settings: Any
    ) -> None:
        self.store = Store()
        clock, ids = clock or SteerableClock(), Ids(1)
        self.clock, self.ids = clock, ids
        trainers = {"scripted": trainer or ScriptedTrainer()}
        answering = Answering(trainers, "scripted", directory, {})
        objects = partial(HttpObjectStore, "http://127.0.0.1:9")  # examples come inline
        pipeline = Pipeline(self.store, clock, make_apis(self.store, ids), answering, directory, objects)
        self.queue = Queue(pipeline)
        settings["default_dataset"] = load_default_dataset(settings.get("default_dataset"))
        self.api = create_gemini_api(Backend(self.store, clock, ids, self.queue, answering, objects, **settings))
        self.front = create_rest_app([self.api], TokenNames())

    async def ask(self, verb: str, path: str, body: Any = None, *, query: str = "", token: str = "") -> Reply:
        """One request; ``body`` is a JSON value or raw bytes, ``token`` the address of another caller."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(data))}
        headers |= {"authorization": f"Bearer {token}"} if token else {"x-goog-api-key": "key"}
        answer = await self.front.answer(verb, path, query, headers, data)
        parts = [answer.body] if answer.chunks is None else [chunk async for chunk in answer.chunks]
        return Reply(answer.status, b"".join(parts).decode())

    async def create(self, *, token: str = "", query: str = "", finish: bool = True, **fields: Any) -> str:
        """Creates a tuned model from the documented examples and answers its name."""
        reply = await self.ask("POST", "/v1beta/tunedModels", make_model(**fields), token=token, query=query)
        assert reply.status == 200, reply.text
        name = str(reply.json["metadata"]["tunedModel"])
        if finish:
            await self.finish(name)
        return name

    async def finish(self, name: str) -> TuningJob:
        """The job of a tuned model at its end."""
        job = self.store.get_tuned_model(name.removeprefix("tunedModels/"))
        assert job is not None
        ended = await self.queue.wait_until_ended(job.uid, timeout_s=20)
        assert ended is not None
        return ended

    async def generate(self, name: str, text: str = "1", *, token: str = "", **fields: Any) -> Reply:
        """Asks a model."""
        body = {"contents": [{"parts": [{"text": text}]}], **fields}
        return await self.ask("POST", f"/v1beta/{name}:generateContent", body, token=token)


def make_model(**fields: Any) -> dict[str, Any]:
    """The body of a create; a field that is None is left out, hyperparameters go into the tuning task."""
    hyperparameters = fields.pop("hyperparameters", {})
    pairs = fields.pop("pairs", PAIRS)
    examples = [{"textInput": text_input, "output": output} for text_input, output in pairs]
    task = {"hyperparameters": hyperparameters, "trainingData": {"examples": {"examples": examples}}}
    body = {"displayName": "number generator", "baseModel": FLASH, "tuningTask": task, **fields}
    return {name: value for name, value in body.items() if value is not None}


@asynccontextmanager
async def running_api(folder: Path, trainer: ScriptedTrainer | None = None) -> AsyncIterator[Serving]:
    """An API whose jobs run, at once unless the trainer takes its time."""
    one = Serving(folder, trainer=trainer) if trainer else Serving(folder)
    await one.queue.start()
    yield one
    await one.queue.stop()
    one.store.close()

"""The Gemini API of an emulator in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from tests.models import PAIRS
from tests.serving import AppServing, Reply
from tuning_emulator.api.auth import Presented
from tuning_emulator.api.call import Api, Caller
from tuning_emulator.core.clock import SteerableClock
from tuning_emulator.core.records import TuningJob
from tuning_emulator.schema.schema import Method

FLASH = "models/gemini-1.5-flash-001-tuning"
OWNER = "owner@example.com"


class TokenNames:
    """An authenticator whose tokens are the callers' addresses; a key stands for the owner."""

    def identify(self, api: Api, method: Method, path: str, presented: Presented) -> Caller:
        """The caller of a method."""
        kind: Literal["key", "token"] = "token" if presented.token else "key"
        return Caller(presented.token or OWNER, presented.user_project or "project", kind)


class Serving(AppServing):
    """One Gemini API with everything behind it.

    Args:
        names: Tokens are their callers' addresses; else the emulator's own credentials count.
    """

    def __init__(self, clock: SteerableClock | None = None, *, names: bool = True, **settings: Any) -> None:
        super().__init__("gemini", clock, **settings)
        if names:
            self.app.dispatcher.authenticator = TokenNames()

    async def ask(self, verb: str, path: str, body: Any = None, *, query: str = "", token: str = "") -> Reply:
        """One request; ``body`` is a JSON value or raw bytes, ``token`` the address of another caller."""
        headers = {"authorization": f"Bearer {token}"} if token else {"x-goog-api-key": "key"}
        return await self.send(verb, path, body, query, headers)

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
        assert isinstance(ended, TuningJob)
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
async def running_api(**settings: Any) -> AsyncIterator[Serving]:
    """An API whose jobs run, at once unless the trainer takes its time."""
    one = Serving(**settings)
    await one.start()
    yield one
    await one.stop()

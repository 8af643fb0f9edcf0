"""The emulator in this process, asked without a socket of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuning_emulator.app import create_app
from tuning_emulator.core.clock import SteerableClock
from tuning_emulator.rest.app import RestApp
from tuning_emulator.settings import Settings

NOWHERE = "http://127.0.0.1:9"
"""Where no Cloud Storage is."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer: status, text and (when it is JSON) its value with the keys in the printed order."""

    status: int
    text: str
    content_type: str = ""

    @property
    def json(self) -> Any:
        """The body as a value."""
        return json.loads(self.text)

    @property
    def message(self) -> str:
        """The text of an error."""
        return str(self.json["error"]["message"])


class AppServing:
    """An emulator with the scripted trainer, and one of its APIs at hand. No job runs before ``start``.

    Args:
        settings: As in ``Settings``. There is no Cloud Storage unless one is given.
    """

    def __init__(self, api: str, clock: SteerableClock | None = None, **settings: Any) -> None:
        self.app = create_app(Settings(**{"trainer": "scripted", "storage": NOWHERE, "seed": 1, **settings}), clock)
        self.store, self.clock, self.ids, self.queue = self.app.store, self.app.clock, self.app.ids, self.app.queue
        (self.api,) = (one for one in self.app.dispatcher.router.apis if one.name == api)
        self.front = RestApp(self.app.dispatcher)

    async def start(self) -> None:
        """Lets jobs run."""
        await self.app.start()

    async def stop(self) -> None:
        """Ends it, whether it was started or not."""
        await self.app.stop()

    async def send(self, verb: str, path: str, body: Any, query: str, headers: Mapping[str, str]) -> Reply:
        """One request; ``body`` is a JSON value, raw bytes or None."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        told = {"content-type": "application/json", "content-length": str(len(data)), **headers}
        answer = await self.front.answer(verb, path, query, told, data)
        parts = [answer.body] if answer.chunks is None else [chunk async for chunk in answer.chunks]
        content_type = dict(answer.headers).get(b"content-type", b"").decode()
        return Reply(answer.status, b"".join(parts).decode(), content_type)

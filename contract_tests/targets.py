"""Who is asked: the recordings themselves, the emulator in this process, or the real services."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import httpx
import respx

from contract_tests.exchange import Recording, Sent
from contract_tests.transcript import Heard
from tuning_emulator.api.call import Call, Caller
from tuning_emulator.api.errors import format_error
from tuning_emulator.app import Emulator, create_app
from tuning_emulator.core.clock import ManualClock
from tuning_emulator.core.errors import ApiError
from tuning_emulator.settings import Settings

Name: TypeAlias = Literal["recording", "emulator", "live"]
NAMES: tuple[Name, ...] = ("recording", "emulator", "live")

LIVE_VARIABLES = {
    "<key>": "TUNING_CONTRACT_KEY",
    "<token>": "TUNING_CONTRACT_TOKEN",
    "<project>": "TUNING_CONTRACT_PROJECT",
}
"""What the live target needs, by the placeholder that it replaces in requests."""

LIVE_MODEL = "TUNING_CONTRACT_MODEL"
"""Optional: a model to ask instead of the one in the recordings, once that is retired."""

RECORDED_MODEL = "gemini-2.5-flash"
TIMEOUT_S = 60.0
START_NS = 1_732_000_000_000_000_000
"""Where the emulator's clock stands: 2024-11-19."""


class Target(Protocol):
    """Answers recorded requests."""

    async def ask(self, recording: Recording, request: Sent) -> Heard:
        """The answer to a request, which may be the recorded one with some names changed."""
        ...

    async def close(self) -> None:
        """Ends what was started."""
        ...


class RecordingTarget:
    """Answers what was recorded, through httpx, to the recorded request alone."""

    async def ask(self, recording: Recording, request: Sent) -> Heard:
        """See ``Target``."""
        url = request.url or f"https://grpc.invalid/{request.rpc}"
        given = recording.answer
        router = respx.Router(assert_all_called=False)
        route = router.route(method=request.verb or "POST", url=url)
        route.respond(given.status, headers=list(given.headers), content=given.content)
        async with httpx.AsyncClient(transport=httpx.MockTransport(router.async_handler)) as client:
            answer = await client.request(
                request.verb or "POST", url, headers=dict(request.headers), content=request.content
            )
        return Heard(answer.status_code, answer.headers.multi_items(), answer.content)

    async def close(self) -> None:
        """See ``Target``."""


class EmulatorTarget:
    """The whole emulator in this process, with the scripted trainer, at the hosts' own names."""

    def __init__(self, **settings: Any) -> None:
        self.clock = ManualClock(START_NS)
        self.directory = Path(tempfile.mkdtemp(prefix="contract-tests-"))
        chosen = {"trainer": "scripted", "storage": "cloud", "seed": 1, **settings}
        self.app: Emulator = create_app(Settings(**chosen), self.clock)
        self._started = False

    async def start(self) -> None:
        """Starts trainer and queue."""
        if not self._started:
            self._started = True
            await self.app.start()

    async def ask(self, recording: Recording, request: Sent) -> Heard:
        """See ``Target``."""
        if request.rpc:
            return await self._call(recording, request)
        headers = {"accept-encoding": "identity", **request.headers}
        return await self.send(request.verb, request.url, headers, request.content)

    async def send(self, verb: str, url: str, headers: Mapping[str, str], content: bytes = b"") -> Heard:
        """Any request, as ASGI."""
        await self.start()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), timeout=TIMEOUT_S) as client:
            answer = await client.request(verb, url, headers=dict(headers), content=content)
        return Heard(answer.status_code, answer.headers.multi_items(), answer.content)

    async def _call(self, recording: Recording, request: Sent) -> Heard:
        """A method itself, as gRPC calls it; what it raises is printed as REST prints it."""
        await self.start()
        api = next(one for one in self.app.dispatcher.router.apis if one.name == recording.api)
        version, schema = next(iter(api.schemas.items()))
        method = schema.methods[f"{schema.package}.{version}.{request.rpc}"]
        caller = Caller("owner@example.com", "project", "token")
        try:
            result: Any = api.handlers[request.rpc](Call(api, schema, version, method, dict(request.message), caller))
            await result
        except ApiError as error:
            return Heard(error.code.http_status, [], format_error(error))
        raise AssertionError(f"{recording.name}: {request.rpc} was granted")

    async def close(self) -> None:
        """See ``Target``."""
        if self._started:
            await self.app.stop()


@dataclass(frozen=True, slots=True)
class LiveTarget:
    """The real services, asked with the caller's own credentials. Only what needs no preparation is asked."""

    values: Mapping[str, str]

    async def ask(self, recording: Recording, request: Sent) -> Heard:
        """See ``Target``."""
        del recording
        headers = {name: self.fill(value) for name, value in request.headers.items()}
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            content = self.fill(request.content.decode()).encode()
            answer = await client.request(request.verb, self.fill(request.url), headers=headers, content=content)
        return Heard(answer.status_code, answer.headers.multi_items(), answer.content)

    def fill(self, text: str) -> str:
        """A text with the caller's credentials in place of their placeholders."""
        for placeholder, value in self.values.items():
            text = text.replace(placeholder, value)
        return text

    async def close(self) -> None:
        """See ``Target``."""


def find_live(environment: Mapping[str, str] = os.environ) -> LiveTarget | None:
    """The live target, or None when a variable is not set."""
    values = {placeholder: environment.get(name, "") for placeholder, name in LIVE_VARIABLES.items()}
    if not all(values.values()):
        return None
    return LiveTarget(values | ({RECORDED_MODEL: environment[LIVE_MODEL]} if environment.get(LIVE_MODEL) else {}))

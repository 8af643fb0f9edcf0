"""Requests to Cloud Storage in this process, without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tuning_emulator.api.exchange import Exchange
from tuning_emulator.core.clock import ManualClock
from tuning_emulator.storage.embedded import EmbeddedStorage

START_NS = 1_730_668_087_000_000_000
"""2024-11-03T21:08:07Z."""

BUCKET = "my-bucket"
B = f"/storage/v1/b/{BUCKET}"
UPLOAD = f"/upload{B}/o"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; headers by lower-case name, the last of a name wins."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    pairs: tuple[tuple[str, str], ...] = ()

    @property
    def json(self) -> Any:
        """The body as a value."""
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """Of an error of the JSON API."""
        return str(self.json["error"]["errors"][0]["reason"])

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


@dataclass
class Asker:
    """A storage and a way to ask it."""

    embedded: EmbeddedStorage
    clock: ManualClock
    exchanges: list[Exchange] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def __call__(
        self,
        verb: str,
        target: str,
        body: bytes | str | Mapping[str, Any] = b"",
        headers: Mapping[str, str] | None = None,
        *,
        scope: Mapping[str, Any] | None = None,
        cut: bool = False,
    ) -> Answer:
        """One request.

        Args:
            body: A mapping is sent as JSON. cut: The client leaves after it, in the middle of what it announced.
        """
        data = (
            json.dumps(body).encode() if isinstance(body, Mapping) else body.encode() if isinstance(body, str) else body
        )
        return self.loop.run_until_complete(self._ask(verb, target, data, dict(headers or {}), dict(scope or {}), cut))

    async def _ask(
        self, verb: str, target: str, data: bytes, headers: dict[str, str], more: dict[str, Any], cut: bool
    ) -> Answer:
        path, _, query = target.partition("?")
        sent = {
            "host": "localhost:8790",
            "content-length": str(len(data)),
            **{k.lower(): v for k, v in headers.items()},
        }
        scope = {
            "type": "http",
            "method": verb,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8790),
            **more,
        }
        events = [
            {"type": "http.request", "body": data[at : at + 65536], "more_body": True}
            for at in range(0, len(data), 65536)
        ]
        events += [{"type": "http.disconnect"} if cut else {"type": "http.request", "body": b"", "more_body": False}]
        gone = asyncio.Event()
        answers: list[Any] = []

        async def receive() -> dict[str, Any]:
            if events:
                return events.pop(0)
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(event: Any) -> None:
            answers.append(event)

        await self.embedded.app(scope, receive, send)
        if not answers:
            return Answer(0, {}, b"")
        pairs = tuple((name.decode(), value.decode("utf-8")) for name, value in answers[0]["headers"])
        return Answer(answers[0]["status"], dict(pairs), b"".join(one["body"] for one in answers[1:]), pairs)

    # --- what most tests begin with

    def bucket(self, name: str = BUCKET, **fields: Any) -> Answer:
        """A new bucket."""
        answer = self("POST", "/storage/v1/b?project=p", {"name": name, **fields})
        assert answer.status == 200, answer.body
        return answer

    def upload(self, name: str, data: bytes | str = b"hello", query: str = "", **headers: str) -> Answer:
        """A new object by ``uploadType=media``."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self("POST", f"{UPLOAD}?uploadType=media&name={quote(name, safe='')}{query}", data, sent)

    def get(self, name: str, query: str = "") -> Answer:
        """An object's resource."""
        return self("GET", f"{B}/o/{quote(name, safe='')}{query}")

    def read(self, name: str, **headers: str) -> bytes:
        """An object's bytes."""
        answer = self("GET", f"{B}/o/{quote(name, safe='')}?alt=media", headers=headers)
        assert answer.status == 200, answer.body
        return answer.body

    def names(self, query: str = "") -> list[str]:
        """The live objects."""
        return [one["name"] for one in self("GET", f"{B}/o{query}").json.get("items", [])]


@contextmanager
def open_storage(directory: Path, *, auto_create: bool = False, durable: bool = False) -> Iterator[Asker]:
    """A storage whose clock stands still, for the length of a block."""
    clock = ManualClock(START_NS)
    exchanges: list[Exchange] = []
    embedded = EmbeddedStorage(
        directory, clock.now_ns, durable=durable, auto_create=auto_create, observe=exchanges.append
    )
    asker = Asker(embedded, clock, exchanges)
    try:
        yield asker
    finally:
        asker.loop.close()
        embedded.close()

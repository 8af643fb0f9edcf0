"""Clients of the load: REST on one connection that stays open, and gRPC."""

from __future__ import annotations

import asyncio
import json
import time
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import urlsplit

import grpc.aio

from benchmarks.load import LENGTH
from campaigns import CampaignError
from campaigns.walker import PAIRS, make_job, make_model
from tuning_emulator.gemini.api import SCHEMAS
from tuning_emulator.schema.protobuf import BinaryCodec

TIMEOUT_S = 120.0
"""How long an answer may take: a bound against hanging, not a claim about speed."""

IDLE_S = 30.0
"""A connection that was not used for so long is left: the server may be about to close it."""


class Client(Protocol):
    """What a client of the load can do. An answer that is an error raises ``CampaignError``."""

    async def __aenter__(self) -> Client: ...

    async def __aexit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None: ...

    async def create(self, epochs: int) -> str:
        """A new job; its name."""
        ...

    async def has_succeeded(self, name: str) -> bool:
        """Whether the job has ended well."""
        ...

    async def use(self, name: str, *, delete: bool) -> bool:
        """Asks the tuned model, then perhaps deletes it; answers whether it is deleted."""
        ...

    async def look(self) -> None:
        """Lists or reads something."""
        ...


class RestClient:
    """Over HTTP/1.1 with keep-alive; even numbers use the Gemini API, odd ones Vertex AI."""

    def __init__(self, url: str, project: str, number: int, latencies_s: list[float]) -> None:
        self._address = urlsplit(url)
        self._place = f"projects/{project}/locations/us-central1"
        self._credential = f"projects/{project}"
        self._gemini, self._number, self._latencies_s = number % 2 == 0, number, latencies_s
        self._line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._used_s = 0.0

    async def __aenter__(self) -> RestClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        self._close()

    def _close(self) -> None:
        if self._line is not None:
            self._line[1].close()
            self._line = None

    async def create(self, epochs: int) -> str:
        """See ``Client``."""
        display = f"load {self._number}"
        if self._gemini:
            told = await self._ask("POST", "/v1beta/tunedModels", make_model(display, epochs))
            return str(told["metadata"]["tunedModel"])
        return str((await self._ask("POST", f"/v1/{self._place}/tuningJobs", make_job(display, epochs)))["name"])

    async def has_succeeded(self, name: str) -> bool:
        """See ``Client``."""
        state = (await self._ask("GET", f"/{'v1beta' if self._gemini else 'v1'}/{name}"))["state"]
        if state in ("FAILED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"):
            raise CampaignError(f"{name} has ended as {state}")
        return state in ("ACTIVE", "JOB_STATE_SUCCEEDED")

    async def use(self, name: str, *, delete: bool) -> bool:
        """See ``Client``."""
        body = {"contents": [{"role": "user", "parts": [{"text": "7"}]}]}
        if not self._gemini:
            endpoint = (await self._ask("GET", f"/v1/{name}"))["tunedModel"]["endpoint"]
            await self._ask("POST", f"/v1/{endpoint}:generateContent", body)
            return False
        await self._ask("POST", f"/v1beta/{name}:generateContent", body)
        await self._ask("PATCH", f"/v1beta/{name}?updateMask=description", {"description": "used"})
        if delete:
            await self._ask("DELETE", f"/v1beta/{name}")
        return delete

    async def look(self) -> None:
        """See ``Client``."""
        listed = "/v1beta/tunedModels" if self._gemini else f"/v1/{self._place}/tuningJobs"
        await self._ask("GET", f"{listed}?pageSize=10")

    async def _ask(self, verb: str, target: str, body: dict[str, Any] | None = None) -> Any:
        """One request that is granted; its answer as a value."""
        data = b"" if body is None else json.dumps(body).encode()
        name = "x-goog-api-key: " if self._gemini else "authorization: Bearer "
        head = f"{verb} {target} HTTP/1.1\r\nhost: {self._address.netloc}\r\n{name}{self._credential}\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
        began = time.monotonic()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                status, answer = await self._exchange(head.encode() + data)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise CampaignError(f"{verb} {target}: {error!r}") from error
        self._latencies_s.append(time.monotonic() - began)
        if status != 200:
            raise CampaignError(f"{verb} {target}: {status} {answer[:300]!r}")
        return json.loads(answer)

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        if time.monotonic() - self._used_s > IDLE_S:
            self._close()
        if self._line is None:
            self._line = await asyncio.open_connection(self._address.hostname, self._address.port)
        reader, writer = self._line
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        answer = await reader.readexactly(int(length[1]) if length else 0)
        self._used_s = time.monotonic()
        return int(head.split(b" ", 2)[1]), answer


class GrpcClient:
    """The Gemini API over a gRPC channel of its own."""

    def __init__(self, url: str, project: str, number: int, latencies_s: list[float]) -> None:
        options = (("grpc.use_local_subchannel_pool", 1),)
        self._channel = grpc.aio.insecure_channel(urlsplit(url).netloc, options=options)
        self._metadata = (("x-goog-api-key", f"projects/{project}"),)
        self._number, self._latencies_s = number, latencies_s
        self._schema = SCHEMAS["v1beta"]
        self._codec = BinaryCodec([self._schema])

    async def __aenter__(self) -> GrpcClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        await self._channel.close()

    async def create(self, epochs: int) -> str:
        """See ``Client``."""
        examples = [{"text_input": text, "output": output} for text, output in PAIRS]
        task = {
            "hyperparameters": {"epoch_count": epochs, "batch_size": 4},
            "training_data": {"examples": {"examples": examples}},
        }
        model = {"display_name": f"load {self._number}", "base_model": "models/gemini-1.5-flash-001-tuning"}
        told = await self._call("ModelService.CreateTunedModel", {"tuned_model": {**model, "tuning_task": task}})
        return str(told["name"]).partition("/operations/")[0]

    async def has_succeeded(self, name: str) -> bool:
        """See ``Client``."""
        state = (await self._call("ModelService.GetTunedModel", {"name": name}))["state"]
        if state == "FAILED":
            raise CampaignError(f"{name} has ended as {state}")
        return bool(state == "ACTIVE")

    async def use(self, name: str, *, delete: bool) -> bool:
        """See ``Client``."""
        asked = {"model": name, "contents": [{"role": "user", "parts": [{"text": "7"}]}]}
        await self._call("GenerativeService.GenerateContent", asked)
        if delete:
            await self._call("ModelService.DeleteTunedModel", {"name": name})
        return delete

    async def look(self) -> None:
        """See ``Client``."""
        await self._call("ModelService.ListTunedModels", {"page_size": 10})

    async def _call(self, name: str, value: dict[str, Any]) -> Any:
        """One call that is granted; its answer as a value."""
        (method,) = [one for key, one in self._schema.methods.items() if key.endswith(f".{name}")]
        service, _, short = method.name.rpartition(".")
        began = time.monotonic()
        try:
            call = self._channel.unary_unary(f"/{service}/{short}")
            data = self._codec.encode(value, method.request)
            answer = await call(data, metadata=self._metadata, timeout=TIMEOUT_S, wait_for_ready=True)
        except grpc.aio.AioRpcError as error:
            raise CampaignError(f"{name}: {error.code()} {error.details()}") from error
        self._latencies_s.append(time.monotonic() - began)
        return self._codec.decode(answer, method.response)

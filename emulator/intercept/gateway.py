"""Requests that name their host: each goes to the service that has this host, or is told why not."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

from emulator.intercept.answers import TEXT_TYPE, AsgiApp, Receive, Scope, Send, find_header, send_answer
from emulator.intercept.forward import UnreachableError, forward
from emulator.intercept.hosts import Passes, Service, find_service, format_refusal, parse_address

log = logging.getLogger(__name__)

_NO_STORAGE = (
    "Cloud Storage is the real one here (storage is `cloud`), which tuning-emulator does not stand in for; "
    "to let clients through to it, set TUNING_EMULATOR_PASS_HOSTS=storage.googleapis.com"
)


class Gateway:
    """Answers for every host that the emulator stands in for.

    Args:
        services: Who answers for each service.
        own: Who answers requests for any other host, on connections that came to the emulator itself.
        passes: Hosts that whole URLs may name besides.
    """

    def __init__(self, services: Mapping[Service, AsgiApp], own: AsgiApp, passes: Passes) -> None:
        self._services = services
        self._own = own
        self._passes = passes

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request inside TLS or a tunnel."""
        address = parse_address(find_header(scope, b"host"), 443)
        service = find_service(address[0]) if address else None
        await (self._services[service] if service else self._own)(scope, receive, send)

    async def answer_proxied(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request as to a proxy, whose Host is that of its URL."""
        address = parse_address(find_header(scope, b"host"), 80)
        if address is None:
            await send_answer(send, 400, TEXT_TYPE, "The URL names no host that could be asked.\n")
        elif (service := self._passes.find_service(*address)) is not None:
            await self._services[service](scope, receive, send)
        elif self._passes.allow(*address):
            await forward_or_say(scope, receive, send, *address)
        else:
            log.warning("%s", format_refusal(address[0]))
            await send_answer(send, 403, TEXT_TYPE, format_refusal(address[0]) + "\n")


class StorageGate:
    """Cloud Storage under its own name, answered by the storage emulator in use.

    Args:
        url: Its base URL; "" for the real Cloud Storage, which is refused.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as an ASGI application."""
        if not self._host:
            await send_answer(send, 403, TEXT_TYPE, _NO_STORAGE + "\n")
            return
        await forward_or_say(scope, receive, send, self._host, self._port)


async def forward_or_say(scope: Scope, receive: Receive, send: Send, host: str, port: int) -> None:
    """``forward``; where the other server does not answer, 502 says so."""
    begun = False

    async def watch(event: Scope) -> None:
        nonlocal begun
        begun = True
        await send(event)

    try:
        await forward(scope, receive, watch, host, port)
    except UnreachableError as error:
        log.warning("%s", error)
        if begun:
            raise  # half an answer is out: cut the connection
        await send_answer(send, 502, TEXT_TYPE, f"{error}\n")

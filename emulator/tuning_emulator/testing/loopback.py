"""An ASGI application on a free loopback port of this process, for clients that need a socket."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from tuning_emulator.proxy.hosts import format_url


class LoopbackServer:
    """One application on the loop that runs.

    Attributes:
        url: Where it answers, once it has started.
    """

    def __init__(self, app: Any) -> None:
        config = uvicorn.Config(
            app,
            interface="asgi3",
            lifespan="off",
            http="httptools",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
        )
        config.load()
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = format_url("127.0.0.1", self._listener.getsockname()[1])

    async def start(self) -> None:
        """Answers from now on."""
        await self._server.startup(sockets=[self._listener])

    async def stop(self) -> None:
        """Ends all connections."""
        self._server.force_exit = True
        await self._server.shutdown(sockets=[self._listener])
        self._listener.close()


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="tuning-emulator", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def serve_on_loopback(make_app: Callable[[], Any]) -> Iterator[str]:
    """Serves an application for the length of a block; its URL."""
    with running_loop() as loop:

        async def start() -> LoopbackServer:
            server = LoopbackServer(make_app())
            await server.start()
            return server

        server = asyncio.run_coroutine_threadsafe(start(), loop).result()
        try:
            yield server.url
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result()

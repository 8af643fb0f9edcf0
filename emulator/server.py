"""Serving: sockets and uvicorn around the application."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
from collections.abc import Callable

import uvicorn

from emulator.app import Emulator, SettingsError, create_app
from emulator.control.health import Health
from emulator.core.ports import format_url
from emulator.settings import Settings
from emulator.store.database import StoreError

KEEP_ALIVE_S = 75
"""How long an idle connection stays open; clients that poll keep theirs."""


class ServerError(Exception):
    """The server cannot start; the text says why and what to do."""


def serve(settings: Settings, announce: Callable[[Health], None]) -> None:
    """Runs until it is told to stop (SIGINT or SIGTERM). ``announce`` is called once it answers.

    Raises:
        ServerError: the port is taken, a setting cannot be met, or the data directory cannot be used.
    """
    listener = listen(settings.host, settings.port)
    try:
        emulator = create_app(settings)
    except (SettingsError, StoreError) as error:
        raise ServerError(str(error)) from error
    gc.freeze()  # what is here now stays: no collection needs to look at it again
    emulator.url = format_url(settings.host, listener.getsockname()[1])
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(emulator, listener, announce))


async def _serve(emulator: Emulator, listener: socket.socket, announce: Callable[[Health], None]) -> None:
    server = uvicorn.Server(
        uvicorn.Config(
            emulator,
            lifespan="on",
            http="httptools",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():  # noqa: ASYNC110 uvicorn has no event for it
        await asyncio.sleep(0.005)
    if server.started:
        announce(emulator.health())
    await serving
    if not server.started:
        raise ServerError("the emulator could not start; the log above says why")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that port 0 is known before anything is printed.

    Raises:
        ServerError: the port is taken or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        hint = "choose another --port, or 0 for a free one" if error.errno == errno.EADDRINUSE else "check --host"
        raise ServerError(f"cannot listen on {host}:{port}: {error.strerror}; {hint}") from error
    return listener


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop

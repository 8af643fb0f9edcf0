"""Whether an emulator answers, and who is there if not."""

from __future__ import annotations

import json
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from emulator.cli.finding import BROKEN, OK, WARNING, Finding
from emulator.core.ports import DEFAULT_STORAGE_PORT

TIMEOUT_S = 5.0
_CLOCK_TOLERANCE_S = 2.0
_LISTENING = "0A"
"""State of a socket in /proc/net/tcp."""

Health = dict[str, Any]


def check_emulator(url: str, expected: bool) -> tuple[Health | None, list[Finding]]:
    """Health of the emulator at a URL (None: there is none), and what is to be said of it."""
    try:
        health = read_json(f"{url}/emulator/v1/health")
    except (OSError, ValueError) as error:
        return None, [*_explain_silence(url, expected, error)]
    if not isinstance(health, dict) or not {"status", "trainer", "storage"} <= health.keys():
        text = f"{url} answers, but is no emulator{_name_listener(url)}"
        return None, [Finding("reachable", "emulator", BROKEN, text, "give the emulator's --url, or another --port")]
    return health, [*_check_health(url, health), *_check_storage(health), *_check_clock(url)]


def read_json(url: str) -> Any:
    """What a URL answers, past any proxy.

    Raises:
        OSError: nothing answers. ValueError: no JSON.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=TIMEOUT_S) as answer:
        return json.load(answer)


def _explain_silence(url: str, expected: bool, error: Exception) -> Iterator[Finding]:
    address = find_address(url)
    if isinstance(error, urllib.error.HTTPError | ValueError):
        text = f"{url} answers, but is no emulator{_name_listener(url)}"
        yield Finding("reachable", "emulator", BROKEN, text, "give the emulator's --url, or another --port")
    elif listens(address):
        text = f"{url} takes connections and does not answer{_name_listener(url)}: {error}"
        yield Finding("reachable", "emulator", BROKEN, text, "stop that program, or choose another --port")
    elif expected:
        yield Finding("reachable", "emulator", BROKEN, f"nothing answers at {url}: {error}", "tuning-emulator serve")
    else:
        text = f"none runs at {url}; the port is free"
        yield Finding("reachable", "emulator", WARNING, text, "tuning-emulator serve")
        storage = (address[0], DEFAULT_STORAGE_PORT)
        if listens(storage):
            text = f"port {DEFAULT_STORAGE_PORT}, of the embedded Cloud Storage, is taken{name_listener(storage)}"
            yield Finding("reachable", "storage", BROKEN, text, "stop that program, or choose another --storage-port")


def _check_health(url: str, health: Health) -> Iterator[Finding]:
    yield Finding("reachable", "emulator", OK, f"{health.get('version', '')} at {url}")
    trainer = health["trainer"]
    described = f"{trainer.get('name')} on {trainer.get('device') or 'a device that is not known yet'}"
    if trainer.get("error"):
        yield Finding("reachable", "trainer", BROKEN, f"{described}: {trainer['error']}", "see the server's log")
    elif trainer.get("ready"):
        yield Finding("reachable", "trainer", OK, f"{described}, warm")
    else:
        text = f"{described}, still warming up"
        yield Finding("reachable", "trainer", WARNING, text, "wait a few seconds; if it stays so, see the server's log")


def _check_storage(health: Health) -> Iterator[Finding]:
    url = str(health["storage"].get("url") or "")
    if not url:
        text = "Google Cloud Storage itself; datasets are read with real credentials"
        yield Finding("reachable", "storage", OK, text)
        return
    try:
        read_json(f"{url}/storage/v1/b?project=doctor")
    except (OSError, ValueError) as error:
        yield Finding("reachable", "storage", BROKEN, f"{url} does not answer: {error}", "start it, or set --storage")
    else:
        kind = "embedded" if health["storage"].get("embedded") else "of its own"
        yield Finding("reachable", "storage", OK, f"{kind}, at {url}")


def _check_clock(url: str) -> Iterator[Finding]:
    try:
        told = read_json(f"{url}/emulator/v1/clock")
        ahead_s = datetime.fromisoformat(told["time"][:19] + "+00:00").timestamp() - time.time()
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield Finding("reachable", "clock", WARNING, f"cannot be read: {error}", "update the emulator")
        return
    if told.get("frozen"):
        yield Finding("reachable", "clock", WARNING, f"frozen at {told['time']}", "tuning-emulator clock resume")
    elif abs(ahead_s) > _CLOCK_TOLERANCE_S:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        text = f"shows {told['time']}, {ahead_s:+,.0f} s from this machine's"
        yield Finding("reachable", "clock", WARNING, text, f"tuning-emulator clock set {now}")
    else:
        yield Finding("reachable", "clock", OK, "as this machine's")


# ---------------------------------------------------------------- who listens


def find_address(url: str) -> tuple[str, int]:
    """Host and port of a URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def listens(address: tuple[str, int]) -> bool:
    """Whether anything takes connections there."""
    try:
        socket.create_connection(address, timeout=TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _name_listener(url: str) -> str:
    return name_listener(find_address(url))


def name_listener(address: tuple[str, int]) -> str:
    """`` (process 123, nginx)`` where this machine's kernel says it, else ""."""
    if address[0] not in ("127.0.0.1", "localhost", "::1", "0.0.0.0"):  # noqa: S104 looked at, not bound
        return ""
    sockets = _find_sockets(address[1])
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if any(_read_link(handle) in sockets for handle in (directory / "fd").iterdir()):
                return f" (process {directory.name}, {(directory / 'comm').read_text().strip()})"
        except OSError:
            continue  # ended meanwhile, or somebody else's
    return ""


def _read_link(handle: Path) -> str:
    try:
        return os.readlink(handle)
    except OSError:
        return ""  # closed meanwhile


def _find_sockets(port: int) -> set[str]:
    """What handles of the sockets that listen on a port are called."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            columns = row.split()
            if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{columns[9]}]")
    return found

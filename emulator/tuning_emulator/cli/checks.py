"""What is installed, and whether there is room to write."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from tuning_emulator import __version__
from tuning_emulator.settings import PREFIX, SETTINGS, Settings, SettingsError, name_variable
from tuning_emulator.testing.client import NoAnswerError, answering, make_headers, send_request

# --- one thing that ``tuning-emulator doctor`` looked at

Status: TypeAlias = Literal["ok", "warning", "broken"]
OK: Status = "ok"
WARNING: Status = "warning"
BROKEN: Status = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    Attributes:
        area: ``installed``, ``reachable``, ``configured``.
        name: What was looked at: a package, an address, a variable.
        status: ``ok``; ``warning``: works, or will once it is wanted, but not as one might think; ``broken``.
        text: What it is.
        fix: What to do about it; "" where there is nothing to do.
    """

    area: Literal["installed", "reachable", "configured"]
    name: str
    status: Status
    text: str
    fix: str = ""


_PACKAGE = "tuning-emulator"
_MINIMUM_PYTHON = (3, 11)
_FREE_BYTES = 1 << 30
_NODE_TIMEOUT_S = 10.0
_LOCK_NAME = "lock"
_DROPS_EXAMPLES = (1, 47)
"""google-genai from here on leaves the examples out of tunedModels creates."""


def check_packages() -> Iterator[Finding]:
    """Versions and extras."""
    version = platform.python_version()
    if sys.version_info < _MINIMUM_PYTHON:
        yield Finding("installed", "Python", BROKEN, version, "install Python 3.11 or newer")
    else:
        yield Finding("installed", "Python", OK, version)
    yield Finding("installed", _PACKAGE, OK, __version__)
    yield from _check_extras()
    yield from _check_google_genai()
    yield Finding("installed", "OpenSSL", OK, ssl.OPENSSL_VERSION)
    yield _check_node()


def find_version(package: str) -> str:
    """The installed version of a distribution, "" for none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _check_extras() -> Iterator[Finding]:
    wanted: dict[str, list[str]] = {}
    try:
        requirements = metadata.requires(_PACKAGE) or []
    except metadata.PackageNotFoundError:
        text = "runs from a directory that is not installed"
        yield Finding("installed", "extras", WARNING, text, f"pip install '{_PACKAGE}[lora]', or -e . in a checkout")
        return
    for requirement in requirements:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        extra = re.search(r"extra == ['\"]([\w-]+)", requirement)
        before = re.search(r"python_version < ['\"]3\.(\d+)", requirement)
        elsewhere = "sys_platform != 'win32'" in requirement and sys.platform == "win32"
        elsewhere |= before is not None and sys.version_info >= (3, int(before[1]))
        if name != _PACKAGE and not elsewhere and (extra is None or extra[1] not in ("test", "dev")):
            wanted.setdefault(extra[1] if extra else "", []).append(name)
    for extra_name, names in wanted.items():
        yield _describe_extra(extra_name, names)


def _describe_extra(extra: str, names: list[str]) -> Finding:
    missing = [name for name in names if not find_version(name)]
    label = f"extra {extra}" if extra else "server"
    if not missing:
        return Finding("installed", label, OK, ", ".join(f"{name} {find_version(name)}" for name in names))
    install = f"pip install '{_PACKAGE}[{extra}]'" if extra else f"pip install --force-reinstall {_PACKAGE}"
    return Finding("installed", label, WARNING if extra else BROKEN, f"lacks {', '.join(missing)}", install)


def _check_google_genai() -> Iterator[Finding]:
    version = find_version("google-genai")
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers and numbers >= _DROPS_EXAMPLES:
        text = f"{version} leaves the training examples out of what it sends to tunedModels"
        fix = "create with curl or google-genai 1.46, or start the server with --default-dataset; Vertex AI is not hit"
        yield Finding("installed", "google-genai", WARNING, text, fix)
    elif numbers:
        yield Finding("installed", "google-genai", OK, version)


def _check_node() -> Finding:
    node = shutil.which("node")
    if node is None:
        return Finding("installed", "node", OK, "not there; only clients in JavaScript want it")
    try:
        done = subprocess.run(  # noqa: S603 what the PATH calls node
            [node, "--version"], capture_output=True, text=True, check=False, timeout=_NODE_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("installed", "node", WARNING, f"{node} does not run: {error}", "reinstall it")
    return Finding("installed", "node", OK, done.stdout.strip())


# --- directories


def check_directories(data_dir: Path | None, running: dict[str, Any] | None) -> Iterator[Finding]:
    """Whether the data directory (if there is one) and the temporary one can be written and have room.

    Args:
        running: Health of the emulator that answers; it may hold the directory's lock.
    """
    if data_dir is not None:
        yield _check_data_dir(data_dir, running)
    yield _check_writable("temporary directory", Path(tempfile.gettempdir()), "set TMPDIR to another directory")


def _check_data_dir(directory: Path, running: dict[str, Any] | None) -> Finding:
    if directory.exists() and not directory.is_dir():
        return Finding("configured", "data directory", BROKEN, f"{directory} is a file", "name a directory")
    if not directory.exists():
        parent = next(parent for parent in directory.absolute().parents if parent.exists())
        finding = _check_writable("data directory", parent, "choose another, or create it")
        return replace(finding, text=f"{directory} is not there yet; {finding.text}")
    if is_locked(directory):
        used = (running or {}).get("data_dir")
        if used and Path(used).absolute() == directory.absolute():
            return Finding("configured", "data directory", OK, f"{directory}, in use by the emulator that answers")
        fix = "stop that one, or choose another --data-dir"
        return Finding("configured", "data directory", BROKEN, f"{directory} is in use by another emulator", fix)
    return _check_writable("data directory", directory, "change its owner or mode, or choose another --data-dir")


def is_locked(directory: Path) -> bool:
    """Whether a running emulator holds a data directory."""
    try:
        with (directory / _LOCK_NAME).open("r") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError as error:
        return error.errno in (errno.EAGAIN, errno.EACCES)
    return False


def _check_writable(name: str, directory: Path, fix: str) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=directory) as probe:
            probe.write(b"x")
    except OSError as error:
        return Finding("configured", name, BROKEN, f"{directory} cannot be written: {error.strerror}", fix)
    free = shutil.disk_usage(directory).free
    text = f"{directory}, {free / (1 << 30):.1f} GiB free"
    if free < _FREE_BYTES:
        return Finding("configured", name, WARNING, text, "make room: adapters and datasets are kept there")
    return Finding("configured", name, OK, text)


# --- whether an emulator answers, and who is there if not

TIMEOUT_S = 5.0
_CLOCK_TOLERANCE_S = 2.0
_LISTENING = "0A"
"""State of a socket in /proc/net/tcp."""

Health = dict[str, Any]


def check_emulator(url: str, expected: bool) -> tuple[Health | None, list[Finding]]:
    """Health of the emulator at a URL (None: there is none), and what is to be said of it."""
    try:
        health = read_json(f"{url}/emulator/v1/health")
    except (NoAnswerError, ValueError) as error:
        return None, [*_explain_silence(url, expected, error)]
    if not isinstance(health, dict) or not {"status", "trainer", "storage"} <= health.keys():
        text = f"{url} answers, but is no emulator{_name_listener(url)}"
        return None, [Finding("reachable", "emulator", BROKEN, text, "give the emulator's --url, or another --port")]
    return health, [*_check_health(url, health), *_check_storage(health), *_check_clock(url)]


def read_json(url: str) -> Any:
    """What a URL answers.

    Raises:
        NoAnswerError: nothing answers. ValueError: an error, or no JSON.
    """
    status, answer = send_request(url, "GET", None, make_headers(), TIMEOUT_S)
    with answer, answering(url):
        body = answer.read()
    if status != 200:
        raise ValueError(f"HTTP {status}")
    return json.loads(body)


def _explain_silence(url: str, expected: bool, error: NoAnswerError | ValueError) -> Iterator[Finding]:
    address = find_address(url)
    if isinstance(error, ValueError):
        text = f"{url} answers, but is no emulator{_name_listener(url)}"
        yield Finding("reachable", "emulator", BROKEN, text, "give the emulator's --url, or another --port")
    elif listens(address):
        text = f"{url} takes connections and does not answer{_name_listener(url)}: {error.reason}"
        yield Finding("reachable", "emulator", BROKEN, text, "stop that program, or choose another --port")
    elif expected:
        yield Finding("reachable", "emulator", BROKEN, str(error), "tuning-emulator serve")
    else:
        text = f"none runs at {url}; the port is free"
        yield Finding("reachable", "emulator", WARNING, text, "tuning-emulator serve")


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
    if "runner" in trainer:
        yield check_cluster(trainer["runner"])


def check_cluster(runner: Mapping[str, Any]) -> Finding:
    """The Ray cluster of an emulator that gives its jobs to one."""
    if not runner.get("ready"):
        fix = "start it (ray start), see --ray-address and the server's log"
        return Finding("reachable", "Ray cluster", BROKEN, "not reached; jobs wait for it", fix)
    size = f"{runner['nodes']} nodes, {runner['cpus']:g} CPUs, {runner['gpus']:g} GPUs"
    text = f"Ray {runner['ray']} at {runner['address']}: {size}"
    if not runner["cpus"]:
        return Finding("reachable", "Ray cluster", BROKEN, text, "add a node with CPUs: ray start --address=HOST:PORT")
    return Finding("reachable", "Ray cluster", OK, text)


def _check_storage(health: Health) -> Iterator[Finding]:
    url = str(health["storage"].get("url") or "")
    if not url:
        text = "Google Cloud Storage itself; datasets are read with real credentials"
        yield Finding("reachable", "storage", OK, text)
        return
    try:
        read_json(f"{url}/storage/v1/b?project=doctor")
    except (NoAnswerError, ValueError) as error:
        reason = getattr(error, "reason", error)
        yield Finding("reachable", "storage", BROKEN, f"{url} does not answer: {reason}", "start it, or set --storage")
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


# --- who listens


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


# --- variables that send the official clients somewhere else than to the emulator, or stop them

_TRUE = ("1", "true", "yes")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVAL = "eval $(tuning-emulator env)"

Variables = Mapping[str, str]


def check_variables(variables: Variables, url: str, health: dict[str, Any] | None) -> Iterator[Finding]:
    """Everything in the environment that clients or the server read.

    Args:
        health: Of the emulator that answers at the URL, or None.
    """
    yield from _check_settings(variables)
    yield from _check_addresses(variables, url, health)
    yield from _check_proxies(variables, url)
    yield from _check_vertex(variables)
    yield from _check_credentials(variables)


def _configured(name: str, status: str, text: str, fix: str = "") -> Finding:
    return Finding("configured", name, {"warning": WARNING, "broken": BROKEN}.get(status, OK), text, fix)


def _check_settings(variables: Variables) -> Iterator[Finding]:
    known = {name_variable(name) for name in SETTINGS}
    for name in sorted(variables):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            nearest = get_close_matches(name.upper(), known, 1)
            fix = f"unset {name}" + (f", or is {nearest[0]} meant?" if nearest else "")
            yield _configured(name, "warning", "no such setting; it has no effect", fix)
    try:
        Settings()
    except SettingsError as error:
        for setting, text in error.problems:
            yield _configured(name_variable(setting), "broken", text, "correct or unset it")


def _check_addresses(variables: Variables, url: str, health: dict[str, Any] | None) -> Iterator[Finding]:
    wanted = {"GOOGLE_GEMINI_BASE_URL": url, "GOOGLE_VERTEX_BASE_URL": url}
    if health is not None and health["storage"].get("url"):
        wanted["STORAGE_EMULATOR_HOST"] = str(health["storage"]["url"])
    for name, address in wanted.items():
        given = variables.get(name)
        if not given:
            if health is not None:
                fix = f"{_EVAL}, or give the client the URL"
                yield _configured(name, "warning", "not set: clients that read it go to Google", fix)
        elif not _same_address(given, address):
            text = f"{given} is not the emulator at {address}"
            yield _configured(name, "warning", text, f"export {name}={address}, or give doctor that --url")
        else:
            yield _configured(name, "ok", given)


def _same_address(given: str, wanted: str) -> bool:
    one, other = (urlsplit(text if "://" in text else f"http://{text}") for text in (given, wanted))
    try:
        same_host = one.hostname == other.hostname or {one.hostname, other.hostname} <= set(_LOOPBACK)
        same_port = one.port == other.port
    except ValueError:
        return False
    return one.scheme == other.scheme and same_host and same_port


def _check_proxies(variables: Variables, url: str) -> Iterator[Finding]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    spared = next((variables[name] for name in ("no_proxy", "NO_PROXY") if variables.get(name)), "")
    if _is_spared(host, spared):
        return
    for name in (f"{parts.scheme}_proxy", f"{parts.scheme.upper()}_PROXY", "ALL_PROXY", "all_proxy"):
        if variables.get(name):
            text = f"{variables[name]} stands between the clients and {host}"
            yield _configured(name, "warning", text, f"export NO_PROXY={','.join(filter(None, [spared, host]))}")
            return


def _is_spared(host: str, spared: str) -> bool:
    names = [name.strip().lstrip(".") for name in spared.split(",") if name.strip()]
    return any(name in ("*", host) or host.endswith(f".{name}") for name in names)


def _check_vertex(variables: Variables) -> Iterator[Finding]:
    name = "GOOGLE_GENAI_USE_VERTEXAI"
    if variables.get(name, "").lower() in _TRUE:
        text = "set alone, google-genai looks for GOOGLE_GEMINI_BASE_URL and sends Vertex AI requests to Google"
        yield _configured(name, "warning", text, f"unset {name} and say Client(vertexai=True, …) in the program")
    for name in ("GOOGLE_CLOUD_PROJECT", "CLOUD_ML_PROJECT_ID"):
        if variables.get(name):
            text = (
                "vertexai.init() without project= then asks a public host for the project's number, and google-genai "
                "3.4 with a base URL drops the project, so that its requests have no path"
            )
            fix = f"give project= and location= in the program, or unset {name}"
            yield _configured(name, "warning", text, fix)
    if variables.get("GOOGLE_API_KEY") and variables.get("GEMINI_API_KEY"):
        text = "set beside GEMINI_API_KEY; google-genai takes this one"
        yield _configured("GOOGLE_API_KEY", "warning", text, "unset one of the two, if they differ")


def _check_credentials(variables: Variables) -> Iterator[Finding]:
    name = "GOOGLE_APPLICATION_CREDENTIALS"
    path = variables.get(name)
    if not path:
        return
    try:
        kind = json.loads(Path(path).read_text("utf-8")).get("type")
    except OSError as error:
        reason = error.strerror or str(error)
        yield _configured(name, "broken", f"{path}: {reason}; google-auth refuses to go on", f"unset {name}")
        return
    except (ValueError, AttributeError):
        yield _configured(name, "broken", f"{path} is no JSON object", f"unset {name}, or name a credentials file")
        return
    text = f"{path} holds real credentials ({kind}): clients fetch tokens from Google with them"
    fix = f'unset {name} and give the client Credentials("anything")'
    yield _configured(name, "warning", text, fix)

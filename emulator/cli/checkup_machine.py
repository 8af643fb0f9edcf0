"""What is installed, and whether there is room to write."""

from __future__ import annotations

import errno
import fcntl
import platform
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

from emulator import __version__
from emulator.cli.finding import BROKEN, OK, WARNING, Finding
from emulator.run.lora import missing_packages

_PACKAGE = "tuning-emulator"
_MINIMUM_PYTHON = (3, 11)
_FREE_BYTES = 1 << 30
_TORCH_TIMEOUT_S = 60.0
_NODE_TIMEOUT_S = 10.0
_LOCK_NAME = "lock"
_DROPS_EXAMPLES = (1, 47)
"""google-genai from here on leaves the examples out of tunedModels creates."""


def check_packages() -> Iterator[Finding]:
    """Versions, extras, and what the trainer would run on."""
    version = platform.python_version()
    if sys.version_info < _MINIMUM_PYTHON:
        yield Finding("installed", "Python", BROKEN, version, "install Python 3.11 or newer")
    else:
        yield Finding("installed", "Python", OK, version)
    yield Finding("installed", _PACKAGE, OK, __version__)
    yield from _check_extras()
    yield _check_torch()
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
        elsewhere = "sys_platform != 'win32'" in requirement and sys.platform == "win32"
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


def _check_torch() -> Finding:
    if missing := missing_packages():
        text = f"only the scripted one, which pretends: {', '.join(missing)} not installed"
        return Finding("installed", "trainer", WARNING, text, f"pip install '{_PACKAGE}[lora]'")
    code = "import torch; c = torch.cuda.is_available(); print(torch.cuda.get_device_name() if c else 'cpu')"
    try:
        done = subprocess.run(  # noqa: S603 our own line
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=_TORCH_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("installed", "trainer", BROKEN, f"torch cannot be loaded: {error}", "reinstall torch")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return Finding("installed", "trainer", BROKEN, f"torch cannot be loaded: {reason}", "reinstall torch")
    return Finding("installed", "trainer", OK, f"lora, on {done.stdout.strip()} with torch {find_version('torch')}")


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


# ---------------------------------------------------------------- directories


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

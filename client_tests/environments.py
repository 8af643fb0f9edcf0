"""The environments that the clients live in: one for each set of versions, made on demand and kept.

Each is a folder of `build/clients`, named after the pins that it is made from. `uv` makes those of Python clients, from
complete pins and without dependency resolution; `npm ci` makes the one of Node's. `uv` has an environment of its own.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = Path(__file__).resolve().parent / "requirements"
PLACE = ROOT / "build" / "clients"
UV = "uv==0.13.9"
NODE = "npm"
INSTALL_TIME_S = 900
_STAMP = ".finished"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)


class ClientEnvironmentError(RuntimeError):
    """An environment cannot be made; the text says which, and what the installer said."""


def list_environments() -> list[str]:
    """Names of all environments."""
    return [*sorted(path.stem for path in REQUIREMENTS.glob("*.in")), NODE]


def read_versions(name: str) -> dict[str, str]:
    """The pinned version of every package of an environment."""
    if name == NODE:
        packages: Mapping[str, Mapping[str, str]] = json.loads((REQUIREMENTS / "package-lock.json").read_text("utf-8"))[
            "packages"
        ]
        return {path.removeprefix("node_modules/"): one.get("version", "") for path, one in packages.items() if path}
    return dict(_PIN.findall((REQUIREMENTS / f"{name}.txt").read_text("utf-8")))


def make_environment(name: str, place: Path = PLACE) -> Path:
    """The folder of an environment. It is made where it is not there yet; that needs the package registries.

    Raises:
        ClientEnvironmentError: an installer failed.
    """
    if name == NODE:
        files = [REQUIREMENTS / "package.json", REQUIREMENTS / "package-lock.json"]
        return _make(name, files, place, lambda folder: _install_node(folder, files))
    pins = REQUIREMENTS / f"{name}.txt"
    return _make(name, [pins], place, lambda folder: _install_python(folder, pins, place))


def find_program(name: str, folder: Path) -> list[str]:
    """What runs a program in an environment."""
    return ["node"] if name == NODE else [str(folder / "bin" / "python")]


def _make(name: str, files: list[Path], place: Path, install: Callable[[Path], None]) -> Path:
    """Makes a folder once. The mark of a finished one is written last; a second maker waits for the first."""
    digest = hashlib.sha256(f"{place} {sys.version}".encode())
    for file in files:
        digest.update(file.read_bytes())
    folder = place / f"{name}-{digest.hexdigest()[:12]}"
    if (folder / _STAMP).exists():
        return folder
    place.mkdir(parents=True, exist_ok=True)
    with (place / f"{name}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (folder / _STAMP).exists():
            shutil.rmtree(folder, ignore_errors=True)
            install(folder)
            (folder / _STAMP).touch()
    return folder


def _install_python(folder: Path, pins: Path, place: Path) -> None:
    uv = str(_make_uv(place) / "bin" / "uv")
    variables = {"UV_CACHE_DIR": str(place / "cache"), "UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1"}
    _run(uv, "venv", "--quiet", "--python", sys.executable, str(folder), variables=variables)
    python = str(folder / "bin" / "python")
    _run(uv, "pip", "install", "--quiet", "--no-deps", "--python", python, "-r", str(pins), variables=variables)


def _make_uv(place: Path) -> Path:
    def install(folder: Path) -> None:
        _run(sys.executable, "-m", "venv", str(folder))
        pip = (str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "-qq")
        _run(*pip, "--no-compile", "--no-deps", UV)

    return _make(UV.replace("==", "-"), [], place, install)


def _install_node(folder: Path, files: list[Path]) -> None:
    folder.mkdir(parents=True)
    for file in files:
        shutil.copy(file, folder)
    _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", cwd=folder)


def _run(*command: str, cwd: Path | None = None, variables: Mapping[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **(variables or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIME_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClientEnvironmentError(f"{' '.join(command)}: {error}") from error
    if done.returncode != 0:
        end = " ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-8:])
        raise ClientEnvironmentError(f"{' '.join(command)}: exit {done.returncode}: {end}")

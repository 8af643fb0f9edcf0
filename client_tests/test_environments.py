"""Environments are complete, made once whoever asks, and name no registry."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from client_tests.environments import (
    NODE,
    REQUIREMENTS,
    ClientEnvironmentError,
    _make,
    _run,
    list_environments,
    read_versions,
)
from client_tests.matrix import ROWS


def test_every_environment_is_used() -> None:
    """Nothing is installed for nobody."""
    assert {row.environment for row in ROWS} == set(list_environments())


@pytest.mark.parametrize("name", [name for name in list_environments() if name != NODE])
def test_pins_hold_what_is_asked_for(name: str) -> None:
    """Each client of the .in file is in the complete list with that version, and every line of the list is a pin."""
    asked = (REQUIREMENTS / f"{name}.in").read_text("utf-8").split()
    versions = read_versions(name)
    assert {f"{package}=={versions[package]}" for package in (one.partition("==")[0] for one in asked)} == set(asked)
    lines = (REQUIREMENTS / f"{name}.txt").read_text("utf-8").splitlines()
    assert [line for line in lines if not re.match(r"[a-z0-9.-]+==[^\s]+( ; .+)?$", line)] == []


def test_the_node_lock_is_complete() -> None:
    """Every package has a version and a checksum, and none the address that it came from."""
    packages = json.loads((REQUIREMENTS / "package-lock.json").read_text("utf-8"))["packages"]
    wanted = json.loads((REQUIREMENTS / "package.json").read_text("utf-8"))["dependencies"]
    versions = read_versions(NODE)
    assert {name: versions[name] for name in wanted} == wanted
    assert [path for path, one in packages.items() if path and not (one["version"] and one["integrity"])] == []
    assert [path for path, one in packages.items() if "resolved" in one] == []


def test_no_file_names_a_registry() -> None:
    """Whoever installs uses the registry that his own tools are set up for."""
    for file in REQUIREMENTS.iterdir():
        if file.suffix != ".md":
            assert not re.search(r"--(extra-)?index-url|registry\.|/simple", file.read_text("utf-8")), file.name


def test_two_makers_make_one_environment(tmp_path: Path) -> None:
    """The second waits for the first and installs nothing."""
    made: list[Path] = []

    def install(folder: Path) -> None:
        folder.mkdir()
        time.sleep(0.2)  # long enough for the other to ask
        made.append(folder)

    with ThreadPoolExecutor(2) as pool:
        folders = set(pool.map(lambda _: _make("one", [], tmp_path, install), range(2)))
    assert [*folders] == made


def test_half_an_environment_is_made_again(tmp_path: Path) -> None:
    """What a failed installation has left is thrown away; only the mark of a finished one counts."""

    def fail(folder: Path) -> None:
        folder.mkdir()
        (folder / "half").touch()
        raise ClientEnvironmentError("broken off")

    with pytest.raises(ClientEnvironmentError):
        _make("one", [], tmp_path, fail)
    folder = _make("one", [], tmp_path, lambda folder: folder.mkdir())
    assert [path.name for path in folder.iterdir()] == [".finished"]


def test_other_pins_are_another_environment(tmp_path: Path) -> None:
    """The folder's name follows the pins."""
    pins = tmp_path / "pins.txt"
    folders = set()
    for text in ("a==1", "a==2"):
        pins.write_text(text)
        folders.add(_make("one", [pins], tmp_path, lambda folder: folder.mkdir()))
    assert len(folders) == 2


def test_a_failed_installer_is_named() -> None:
    """With its last words; a client that cannot be installed is a failure, not a skip."""
    with pytest.raises(ClientEnvironmentError, match="exit 3: no such package"):
        _run("bash", "-c", "echo no such package >&2; exit 3")

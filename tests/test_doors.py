"""Who comes finds their door, and it opens: `tests/doors.py`, each walked in an empty environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.doors import DOORS, Built, ShutError, build, format_line, try_door
from tests.empty_environment import EmptyEnvironment, StepError
from tuning_emulator import __version__

pytestmark = [pytest.mark.wheel, pytest.mark.slow]


@pytest.fixture(scope="module")
def built(process: None, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """What would be published."""
    return build(tmp_path_factory.mktemp("built"))


def skip_unreached(error: StepError) -> None:
    """Without a registry nothing is shown, which is said."""
    if error.unreached:
        pytest.skip(f"a registry is needed: {error}")


@pytest.mark.parametrize("name", DOORS)
def test_a_door_opens(name: str, built: Built, capsys: pytest.CaptureFixture[str]) -> None:
    """From nothing to the first green result; without torch, in 120 MB at most."""
    door = DOORS[name]
    try:
        said, spent = try_door(door, built)
    except ShutError as error:
        pytest.skip(str(error))
    except StepError as error:
        skip_unreached(error)
        raise
    with capsys.disabled():
        sys.stdout.write(f"\n{format_line(name, said, spent)}\n")
    assert door.is_open(said, spent), (said, spent)


INSTALLERS = {
    "uvx": ("uv", "uvx --from {wheel} tuning-emulator --version"),
    "uv pip": ("uv", "uv pip install {wheel}"),
    "pipx": ("pipx", "pipx run --spec {wheel} tuning-emulator --version"),
    "extra of what is installed": ("{wheel}", "pip install tuning-emulator[testing]"),
}
"""What brings a tool, and a line of docs/how-to/install.md for the wheel's file."""


@pytest.mark.parametrize("name", INSTALLERS)
def test_other_lines_take_the_wheel(name: str, built: Built, tmp_path: Path) -> None:
    """Before anything is published, as the documents say; the command works afterwards."""
    tool, line = INSTALLERS[name]
    place = EmptyEnvironment(tmp_path / "place")
    try:
        place.install(tool.format(wheel=built.wheel))
        said = place.run(*line.format(wheel=built.wheel).split())
        if "--version" not in line:
            said = place.run("tuning-emulator", "--version")
    except StepError as error:
        skip_unreached(error)
        raise
    assert said.split() == ["tuning-emulator", __version__]

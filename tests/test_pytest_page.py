"""docs/how-to/pytest.md is true: its files, put into a folder, are a test suite that passes, however it is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tuning_emulator.jobs.lora import missing_packages
from tuning_emulator.testing.marker import Options
from tuning_emulator.testing.plugin import MARKER

pytestmark = pytest.mark.process

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "how-to" / "pytest.md").read_text("utf-8")
LIMIT_S = 180


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """The page's files by the names that they begin with."""
    for code in re.findall(r"```py\n(.*?)```", PAGE, re.DOTALL):
        name = re.match(r"# (\w+\.py)\n", code)
        assert name, code
        (tmp_path / name[1]).write_text(code, "utf-8")
    (ini,) = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "pytest.ini").write_text(ini, "utf-8")
    return tmp_path


def run(folder: Path, *command: str) -> str:
    """What a program says that succeeds."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TUNING_"))}
    line = [sys.executable, "-m", *command]
    done = subprocess.run(line, cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "pytest-xdist"])
def test_the_pages_tests_pass(suite: Path, options: tuple[str, ...]) -> None:
    """Every one, with the option that refuses other projects."""
    (refusal,) = re.findall(r"^pytest (-W \S+)$", PAGE, re.MULTILINE)
    left_out = ["--deselect", "test_quality.py"] if missing_packages() else []
    said = run(suite, "pytest", "-q", "-p", "no:cacheprovider", *refusal.split(), *left_out, *options)
    tests = len(re.findall(r"^ *(?:async )?def test_", PAGE, re.MULTILINE)) + 1 - bool(left_out)
    assert f"{tests} passed" in said
    assert (suite / "state.tar.gz").is_file()


def test_the_one_for_unittest_runs_without_pytest(suite: Path) -> None:
    """As the page says."""
    assert "OK" in run(suite, "unittest", "test_plain_unittest")


def test_every_option_of_the_marker_is_told() -> None:
    """In the page's table and in `pytest --markers`."""
    options = list(Options.__struct_fields__)
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.partition("| Option |")[2].partition("\n\n")[0], re.MULTILINE)
    assert rows == options
    assert re.findall(r"(\w+)=…", MARKER) == options

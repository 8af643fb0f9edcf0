"""The types that the page's modules declare in their comments, as TypeScript's compiler sees them."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "typescript"
PLACE = Path(__file__).parents[3] / "build"
INSTALL_TIMEOUT_S = 300

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture(scope="module")
def compiler(process: None) -> list[str]:
    """The command; its package is installed once, by what is pinned beside its settings. Skipped, aloud, without."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("no Node.js on the PATH")
    files = [HERE / "package.json", HERE / "package-lock.json"]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    folder = PLACE / f"typescript-{digest}"
    program = folder / "node_modules" / "typescript" / "bin" / "tsc"
    PLACE.mkdir(exist_ok=True)
    with (PLACE / "typescript.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not program.exists():
            folder.mkdir(exist_ok=True)
            for file in files:
                shutil.copy(file, folder)
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S
            )
            if done.returncode:
                pytest.skip(f"TypeScript cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    return [node, str(program)]


def check(compiler: list[str], project: Path) -> str:
    """What the compiler says; "" for nothing."""
    command = [*compiler, "-p", str(project)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300).stdout


def test_the_modules_keep_their_types(compiler: list[str]) -> None:
    """Strictly, and with nothing imported that is not used."""
    assert check(compiler, HERE / "tsconfig.json") == ""


def test_the_compiler_finds_what_is_wrong(compiler: list[str], tmp_path: Path) -> None:
    """The check above can fail: a number is no text."""
    (tmp_path / "wrong.js").write_text("/** @param {string} text */\nexport const f = (text) => text;\nf(1);\n")
    settings = (
        (HERE / "tsconfig.json").read_text("utf-8").replace("../../../tuning_emulator/page/static/**/*.js", "*.js")
    )
    (tmp_path / "tsconfig.json").write_text(settings)
    assert "wrong.js(3,3): error TS2345" in check(compiler, tmp_path)

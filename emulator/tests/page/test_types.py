"""The types that the page's modules declare in their comments, as TypeScript's compiler sees them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.typescript import CompilerError, make_compiler

HERE = Path(__file__).parent / "typescript"

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture(scope="module")
def compiler(process: None) -> list[str]:
    """The command. Skipped, aloud, where there is no Node.js or it cannot be installed."""
    try:
        return [*make_compiler().command]
    except CompilerError as error:
        pytest.skip(str(error))


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

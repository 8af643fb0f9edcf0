"""What the shells complete: commands, options, values, files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tuning_emulator.cli import COMMANDS, main
from tuning_emulator.cli.completion import SHELLS

WORDS = [
    (["vali"], ["validate"]),
    (["tune", "--met"], ["--method"]),
    (["tune", "--method", "pref"], ["preference"]),
    (["models", "a"], ["add"]),
    (["models", "add", "--n"], ["--name"]),
    (["completion", ""], [*SHELLS]),
    (["validate", "train"], ["train.jsonl"]),
]


@pytest.fixture
def script(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The script of a shell, beside a dataset."""
    shell = request.param
    assert main(["completion", shell]) == 0
    path = tmp_path / f"completion.{shell}"
    path.write_text(capsys.readouterr().out)
    (tmp_path / "train.jsonl").touch()
    return path


def run(shell: str, code: str, folder: Path) -> list[str]:
    if not shutil.which(shell):
        pytest.skip(f"no {shell}")
    done = subprocess.run([shell, "-c", code], capture_output=True, text=True, timeout=60, check=False, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.process
@pytest.mark.parametrize("script", ["bash"], indirect=True)
@pytest.mark.parametrize(("typed", "offered"), WORDS, ids=" ".join)
def test_bash(script: Path, typed: list[str], offered: list[str]) -> None:
    words = " ".join(f"'{word}'" for word in ("tuning-emulator", *typed))
    code = f"""source {script}
COMP_WORDS=({words}); COMP_CWORD={len(typed)}
COMP_LINE="tuning-emulator {" ".join(typed)}"; COMP_POINT=${{#COMP_LINE}}
function=$(complete -p tuning-emulator | sed 's/.*-F \\([^ ]*\\).*/\\1/')
$function tuning-emulator "${{COMP_WORDS[-1]}}" "${{COMP_WORDS[-2]}}"
printf '%s\\n' "${{COMPREPLY[@]}}\""""
    assert run("bash", code, script.parent) == offered


@pytest.mark.process
@pytest.mark.parametrize("script", ["fish"], indirect=True)
@pytest.mark.parametrize(("typed", "offered"), WORDS, ids=" ".join)
def test_fish(script: Path, typed: list[str], offered: list[str]) -> None:
    code = f"source {script}; complete -C 'tuning-emulator {' '.join(typed)}' | string split -f1 \\t; true"
    assert run("fish", code, script.parent) == offered


@pytest.mark.process
@pytest.mark.parametrize("script", ["zsh"], indirect=True)
def test_zsh(script: Path) -> None:
    """It can be read, and is registered for the program."""
    code = f'autoload -U compinit; compinit -u -D; eval "$(cat {script})"; echo $_comps[tuning-emulator]'
    assert run("zsh", code, script.parent) == ["_shtab_tuning_emulator"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_is_there(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    said = capsys.readouterr().out
    assert all(command in said for command in COMMANDS)

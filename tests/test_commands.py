"""What the documents let people type: commands and options that there are, and what they print."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuning_emulator.cli import COMMANDS, main, make_parser
from tuning_emulator.cli.completion import SHELLS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TYPED = re.compile(r"\btuning-emulator ((?:[\w-]+ )?[a-z][\w-]*)\b([^`\n#|]*)")


def list_typed(text: str) -> Iterator[tuple[str, list[str]]]:
    """(command, options) of what stands in code, in a line or in a block."""
    code = re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", text, re.DOTALL)
    for command, rest in TYPED.findall("\n".join(block or line for block, line in code)):
        words = f"{command} {rest}".partition(" -- ")[0].split()
        yield words[0], [word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)]


def list_options(parser: argparse.ArgumentParser) -> set[str]:
    """Of a command and of the commands in it."""
    found = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found.update(*(list_options(inner) for inner in action.choices.values()))
    return found


def find_page() -> str:
    """The text of the document about the command line, wherever it is."""
    (page,) = (text for path in DOCUMENTS if "more like line" in (text := path.read_text("utf-8")))
    return page


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_and_option_exists(path: Path) -> None:
    """As the parser has them."""
    (commands,) = (action for action in make_parser()._actions if isinstance(action, argparse._SubParsersAction))
    for command, options in list_typed(path.read_text("utf-8")):
        if command in COMMANDS:
            assert set(options) <= list_options(commands.choices[command]), f"{command} {options}"


def test_every_command_is_documented_somewhere() -> None:
    """None has to be found by accident."""
    typed = {command for path in DOCUMENTS for command, _ in list_typed(path.read_text("utf-8"))}
    assert set(COMMANDS) <= typed


def test_the_verdict_is_printed_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page's example, on such a file."""
    shown = find_page()
    block = next(block for block in re.findall(r"```console\n(.*?)```", shown, re.DOTALL) if "more like line" in block)
    monkeypatch.chdir(tmp_path)
    pair = '{"contents": [{"role": "user", "parts": [{"text": "1"}]}, {"role": "model", "parts": [{"text": "2"}]}]}\n'
    Path("train.jsonl").write_text(pair * 2 + "{}\n" * 38 + pair * 60)
    asked, *answer = block.splitlines()
    assert main(asked.split()[2:]) == 1
    assert capsys.readouterr().out.splitlines() == answer


def test_completion_is_told_as_the_command_tells_it() -> None:
    """One line for each shell."""
    shown = find_page()
    assert all(f"$ {line}\n" in shown for line in SHELLS.values())

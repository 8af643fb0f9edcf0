"""``tuning-emulator completion``: a script with which a shell completes commands, options and their values."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from tuning_emulator.cli import make_parser

SHELLS = {
    "bash": "tuning-emulator completion bash > ~/.local/share/bash-completion/completions/tuning-emulator",
    "zsh": "tuning-emulator completion zsh > ~/.zfunc/_tuning-emulator",
    "fish": "tuning-emulator completion fish > ~/.config/fish/completions/tuning-emulator.fish",
}
"""Shells that are known, and how each is told."""

_FILES = frozenset(("FILE", "IN", "OUT", "WHEEL", "dataset"))
_FOLDERS = frozenset(("DIR",))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which shell, and what to do with what is printed."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    lines = "\n".join(f"  {line}" for line in SHELLS.values())
    parser.epilog = (
        f"once, into a folder that is there:\n{lines}\nzsh wants `fpath+=~/.zfunc` before `compinit`, in ~/.zshrc"
    )
    parser.add_argument("shell", choices=[*SHELLS], metavar="SHELL", help=", ".join(SHELLS))


def run(parsed: argparse.Namespace) -> int:
    """Prints the script. 0: always."""
    import shtab  # for this command alone

    parser = make_parser()
    for action in _list_actions(parser):
        name = action.metavar or action.dest
        if name in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]  # shtab's way to be told
        elif name in _FILES or action.type is Path:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(parser, parsed.shell))
    return 0


def _list_actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All arguments, of commands within commands too."""
    for action in parser._actions:  # noqa: SLF001 argparse has no other list
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 nor a name for it
            for inner in action.choices.values():
                yield from _list_actions(inner)

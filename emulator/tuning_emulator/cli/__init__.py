"""The command line, ``tuning-emulator COMMAND``."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Container, Sequence
from importlib import import_module

from tuning_emulator import __version__
from tuning_emulator.cli.arguments import Parser

COMMANDS = {
    "serve": ("serve", "start the emulator"),
    "exec": ("exec", "run a program, unchanged, with the emulator in place of Google"),
    "env": ("control", "print the variables that point each SDK at a running emulator"),
    "demo": ("demo", "watch a tuning job run on each API, and the tuned models answer"),
    "tune": ("tune", "run one tuning job and show what came of it"),
    "validate": ("validate", "check a dataset as the service would, and count steps, tokens and cost"),
    "rehearse": ("rehearse", "try a dataset on a small model here: score, curve, rows that look wrong, cost"),
    "convert": ("convert", "write examples of any common form as a dataset of either service"),
    "export-adapter": ("export_adapter", "write a tuned model's PEFT adapter, or the merged model, to a directory"),
    "models": ("models", "bring language models that play base models: list, add, remove, verify"),
    "pace": ("control", "show or set how fast a running emulator's jobs go through their states"),
    "clock": ("control", "read, set, advance or freeze a running emulator's clock"),
    "as-of": ("control", "show or set the day as of which a running emulator plays the services"),
    "scenario": ("control", "list the package's scenarios, or add one to what a running emulator has"),
    "faults": ("control", "list, add or remove trouble that a running emulator makes on purpose"),
    "journal": ("control", "show the requests that a running emulator had, with its answers"),
    "reset": ("control", "let a running emulator forget everything, or what one project has"),
    "export": ("control", "write everything that a running emulator remembers to an archive"),
    "import": ("control", "put an archive's state in the place of a running emulator's"),
    "doctor": ("doctor", "say what is installed, reachable and misconfigured here, with the fix"),
    "completion": ("completion", "print a script with which bash, zsh or fish completes commands and options"),
    "rules": ("rules", "list what the real services say and do, with source and grade"),
}
"""Name → its module here and what it does. A command has ``add_arguments(parser)`` and ``run(parsed) -> int``: so has
its module, or its row of that module's own ``COMMANDS``."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells give it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        0 on success, 1 when the command failed, 2 when its arguments are wrong, 130 when Ctrl-C has stopped it.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show a character is no reason to stop
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        let_go()
        return 0
    except KeyboardInterrupt:
        print("\ntuning-emulator: interrupted", file=sys.stderr)
        return INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    parser = make_parser(arguments)
    if not arguments:
        parser.print_help(sys.stderr)
        return 2
    parsed, unknown = parser.parse_known_args(arguments)
    if unknown:
        parsed.parser.refuse(unknown)
    code: int = parsed.run(parsed)
    return code


def make_parser(wanted: Container[str] = COMMANDS) -> Parser:
    """The whole command line, with the options of the wanted commands."""
    parser = Parser(prog="tuning-emulator", description="A local Gemini tunedModels and Vertex AI tuningJobs service.")
    parser.add_argument("--version", action="version", version=f"tuning-emulator {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, (module_name, purpose) in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        if name in wanted:  # the others are not loaded: the server's start stays light
            module = import_module(f"tuning_emulator.cli.{module_name}")
            found = getattr(module, "COMMANDS", {}).get(name, module)
            found.add_arguments(command)
            command.set_defaults(run=found.run)
    return parser


def let_go() -> None:
    """Points what nobody reads any more at nothing, so that the interpreter's last flush finds no broken pipe."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

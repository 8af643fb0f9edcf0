"""The command line, ``tuning-emulator COMMAND``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from tuning_emulator import __version__

COMMANDS = {
    "serve": ("serve", "start the emulator"),
    "exec": ("exec", "run a program, unchanged, with the emulator in place of Google"),
    "env": ("control", "print the variables that point each SDK at a running emulator"),
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
    "rules": ("rules", "list what the real services say and do, with source and grade"),
}
"""Name → its module here and what it does. A command has ``add_arguments(parser)`` and ``run(parsed) -> int``: so has
its module, or its row of that module's own ``COMMANDS``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        0 on success, 1 when the command failed, 2 when its arguments are wrong.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="tuning-emulator", description="A local Gemini tunedModels and Vertex AI tuningJobs service."
    )
    parser.add_argument("--version", action="version", version=f"tuning-emulator {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, (module_name, purpose) in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        if name in arguments:  # the others are not loaded: the server's start stays light
            module = import_module(f"tuning_emulator.cli.{module_name}")
            found = getattr(module, "COMMANDS", {}).get(name, module)
            found.add_arguments(command)
            command.set_defaults(run=found.run)
    parsed = parser.parse_args(arguments)
    try:
        code: int = parsed.run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code

"""``tuning-emulator reset``: a running emulator forgets everything, or what one project has."""

from __future__ import annotations

import argparse

from tuning_emulator.cli.control import add_target, ask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where it runs, and whose things go."""
    add_target(parser)


def run(parsed: argparse.Namespace) -> int:
    """Prints how many jobs are gone."""
    return ask(parsed, lambda control: control.reset())

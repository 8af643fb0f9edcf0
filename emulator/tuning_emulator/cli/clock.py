"""``tuning-emulator clock``: the time that a running emulator tells."""

from __future__ import annotations

import argparse

from tuning_emulator.cli.control import add_target, ask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One thing to do with it; none: show it."""
    add_target(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--set", metavar="TIME", help="an RFC 3339 time like 2025-01-31T12:00:00Z")
    what.add_argument("--advance", type=float, metavar="SECONDS", help="move it forward; what is due happens")
    what.add_argument("--freeze", action="store_true", help="let it stand still")
    what.add_argument("--resume", action="store_true", help="let it run on")


def run(parsed: argparse.Namespace) -> int:
    """Prints the clock as it stands afterwards."""
    if parsed.set is not None:
        return ask(parsed, lambda control: control.clock.set(parsed.set))
    if parsed.advance is not None:
        return ask(parsed, lambda control: control.clock.advance(parsed.advance))
    if parsed.freeze:
        return ask(parsed, lambda control: control.clock.freeze())
    if parsed.resume:
        return ask(parsed, lambda control: control.clock.resume())
    return ask(parsed, lambda control: control.call("GET", "clock"))

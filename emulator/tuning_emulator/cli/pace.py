"""``tuning-emulator pace``: how fast jobs of a running emulator go through their states."""

from __future__ import annotations

import argparse

from tuning_emulator.cli.control import add_target, ask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A new pace, or none: show it."""
    parser.add_argument("pace", nargs="?", help="training, time:SECONDS, polls:NUMBER, manual, or `default`")
    parser.add_argument("--job", metavar="NAME", help="of this job alone, by its resource name")
    add_target(parser)


def run(parsed: argparse.Namespace) -> int:
    """Prints the pace, or the job, as it stands afterwards."""
    if parsed.job is not None:
        if parsed.pace is None:
            return ask(parsed, lambda control: control.jobs.get(parsed.job)["pace"])
        return ask(parsed, lambda control: control.jobs.set_pace(parsed.job, parsed.pace))
    if parsed.pace is None:
        return ask(parsed, lambda control: control.pace.get())
    if parsed.pace == "default":
        return ask(parsed, lambda control: control.pace.clear())
    return ask(parsed, lambda control: control.pace.set(parsed.pace))

"""``python -m campaigns [NAME] [--seed N] [--for 10m]``: one campaign, or each in turn. ``make campaign`` runs all.

Each prints one line of figures. A fault prints what is wrong, the seed and how to repeat the run; the exit status is 1.
"""

from __future__ import annotations

import argparse
import importlib
import random
import re
import sys
import time
import traceback
from types import ModuleType

from campaigns import CampaignError, Deadline

SHARES = {"kills": 30, "load": 10, "faults": 6, "storage": 4, "fuzz": 6}
"""Every campaign, and the minutes that it takes of a whole run; ``--for`` shortens all in this proportion."""

UNITS_S = {"s": 1, "m": 60, "h": 3600}


def parse_duration_s(text: str) -> float:
    """``90s``, ``10m`` or ``1h`` in seconds.

    Raises:
        argparse.ArgumentTypeError: it is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: 90s, 10m and 1h are")
    return float(found[1]) * UNITS_S[found[2]]


def add_shared(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """What every campaign can be told, before its name or after it."""
    seed = "decides all that is chosen at random; else another each time"
    parser.add_argument("--seed", type=int, default=default, help=seed)
    limit = "begin nothing new after it"
    parser.add_argument("--for", type=parse_duration_s, dest="for_s", metavar="10m", default=default, help=limit)


def build_parser(modules: dict[str, ModuleType]) -> argparse.ArgumentParser:
    """One subcommand a campaign; none: each in turn."""
    parser = argparse.ArgumentParser(prog="python -m campaigns", description=__doc__)
    add_shared(parser)
    names = parser.add_subparsers(dest="name", metavar="NAME")
    for name, module in modules.items():
        about = (module.__doc__ or "").partition("\n")[0]
        one = names.add_parser(name, help=about, description=about)
        add_shared(one, argparse.SUPPRESS)
        module.add_arguments(one)
    return parser


def run_one(name: str, module: ModuleType, options: argparse.Namespace) -> bool:
    """Runs it and says how it went; False: a fault."""
    options.seed = random.randrange(1_000_000) if options.seed is None else options.seed
    options.deadline = Deadline.after(options.for_s)
    began = time.monotonic()
    try:
        print(f"{name}: {module.run(options)}; seed {options.seed}; {time.monotonic() - began:.0f} s", flush=True)
    except Exception as fault:
        if not isinstance(fault, CampaignError):
            traceback.print_exc()
        print(f"{name}: FAULT: {fault}\n  seed {options.seed}; again: {format_command(name, options)}", flush=True)
        return False
    return True


def format_command(name: str, options: argparse.Namespace) -> str:
    """The command that runs the same again."""
    own = {key: value for key, value in vars(options).items() if key not in ("name", "for_s", "deadline")}
    words = [f"--{key.replace('_', '-')} {value}" for key, value in own.items() if value not in (None, False)]
    limit = [f"--for {options.for_s:g}s"] if options.for_s is not None else []
    return " ".join(["python -m campaigns", name, *words, *limit])


def main(arguments: list[str]) -> int:
    """The exit status."""
    modules = {name: importlib.import_module(f"campaigns.{name}") for name in SHARES}
    parser = build_parser(modules)
    options = parser.parse_args(arguments)
    if options.name:
        return 0 if run_one(options.name, modules[options.name], options) else 1
    good = True
    for name, module in modules.items():
        words = [name, *([f"--seed={options.seed}"] if options.seed is not None else [])]
        one = parser.parse_args(words)
        one.for_s = options.for_s and options.for_s * SHARES[name] / sum(SHARES.values())
        good = run_one(name, module, one) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

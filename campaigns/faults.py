"""Full disks, little memory and clocks that jump while jobs run."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much."""


def run(options: argparse.Namespace) -> str:
    """See ``campaigns``."""
    raise NotImplementedError(options)
